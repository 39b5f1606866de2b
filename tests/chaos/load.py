"""People and an operator that do not stop because something was killed: they try again until they are answered."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from urllib.parse import urlencode

import httpx

from tests.chaos.town import LOOK_S, WORD, Town

#: Name, commerce, Kati, four people, yes.
REGISTER = ("1", "Awa Traore", "1", "Kati", "4 0", "1")
#: Pay, another amount, the amount, the only wallet, confirm.
PAY = ("1", "1000", "1")
#: No aggregator and no operator waits longer.
TIMEOUT_S = 10
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Load:
    """What is asked of the service, and what it acknowledged."""

    town: Town
    web: httpx.AsyncClient
    acknowledged: list[bytes] = field(default_factory=list)
    refused: int = 0
    turns: int = 0
    approved: int = 0
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def caller(self, msisdn: str) -> None:
        """Register, then pay again and again."""
        await self._dialogue(msisdn, f"{msisdn}-register", REGISTER)
        for number in count():
            if self.stopping.is_set():
                return
            await self._dialogue(msisdn, f"{msisdn}-{number}", PAY)
            await asyncio.sleep(LOOK_S)

    async def approver(self) -> None:
        """Answer each prompt as its payer; some callbacks are lost and some come three times."""
        for number in count():
            if self.stopping.is_set():
                return
            books = (await self.web.get(f"{self.town.operator_url}/control/books")).json()
            for prompt in books["prompts"]:
                if prompt["state"] == "pending":
                    decision = {"do": "approve", "callbacks": (1, 3, 1, 2)[number % 4]}
                    url = f"{self.town.operator_url}/control/prompts/{prompt['server_id']}/decision"
                    self.approved += (await self.web.post(url, json=decision)).is_success
            await asyncio.sleep(LOOK_S)

    async def teller(self, payer: str) -> None:
        """Pay by the merchant's code and tell the service of it oneself, until it acknowledges."""
        key = {"X-API-Key": WORD}
        for number in count():
            if self.stopping.is_set():
                return
            unasked = {"payer_msisdn": payer, "amount_xof": 500 + number, "callbacks": 0}
            paid = (await self.web.post(f"{self.town.operator_url}/control/payments", json=unasked)).json()
            told = await self.web.get(f"{self.town.operator_url}/transactions/{paid['reference']}", headers=key)
            body = told.content + b"\n" * (number % 3)
            await self._until_answered(partial(self._tell, body))
            await asyncio.sleep(LOOK_S)

    async def _tell(self, body: bytes) -> bool:
        answer = await self.web.put(
            f"{self.town.url}/webhooks/sandbox", content=body, headers={"Content-Type": "application/json"}
        )
        if answer.status_code != httpx.codes.NO_CONTENT:
            return False
        self.acknowledged.append(body)
        return True

    async def _dialogue(self, msisdn: str, session_id: str, keys: tuple[str, ...]) -> None:
        for length in range(len(keys) + 1):
            transcript = "*".join(keys[:length])
            await self._until_answered(partial(self._turn, msisdn, session_id, transcript))

    async def _turn(self, msisdn: str, session_id: str, transcript: str) -> bool:
        turn = {
            "sessionId": session_id,
            "phoneNumber": msisdn,
            "networkCode": "61001",
            "serviceCode": "*123#",
            "text": transcript,
        }
        answer = await self.web.post(
            f"{self.town.url}/ussd/africastalking/{WORD}", content=urlencode(turn), headers=FORM
        )
        assert answer.status_code == httpx.codes.OK, answer.text
        self.turns += 1
        return True

    async def _until_answered(self, attempt: Callable[[], Awaitable[bool]]) -> None:
        while True:
            try:
                if await attempt():
                    return
            except httpx.TransportError:
                pass
            self.refused += 1
            await asyncio.sleep(LOOK_S)
