"""An invented aggregator that sends the last answer and nothing else, in the four makes that are met in the world."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

import httpx

from gateway.ussd.aggregators.contract import REPEAT_WITHIN, Turn, TurnEvent, TurnRejected
from payments.http_messages import RawRequest, RawResponse
from tests.gateway.ussd.telephone import ADDRESS, MSISDN
from ussd_flows.screen import Screen, render_text

JSON: Final = {"content-type": "application/json"}
FORM: Final = {"content-type": "application/x-www-form-urlencoded"}
#: The aggregator that we have, which repeats the whole path.
PATH: Final = "africastalking"


@dataclass(frozen=True, slots=True)
class Incremental:
    """With or without a number for each turn, with or without a word for the first one."""

    name: str
    numbers_turns: bool = False
    marks_begin: bool = True
    repeat_within: timedelta = REPEAT_WITHIN

    def parse(self, request: RawRequest) -> Turn:
        """Read a turn."""
        try:
            said = json.loads(request.body)
            session_id, msisdn, typed = said["session"], said["msisdn"], said["text"]
        except (ValueError, KeyError):
            raise TurnRejected(HTTPStatus.UNPROCESSABLE_ENTITY, "not a turn") from None
        return Turn(
            aggregator=self.name,
            session_id=session_id,
            turn_id=str(said["sequence"]) if self.numbers_turns else None,
            msisdn=msisdn,
            service_code=said.get("code", ""),
            event=self._event(said),
            text=typed,
            transcript=None,
            operator=None,
            received_at=request.received_at,
        )

    def _event(self, said: dict[str, str]) -> TurnEvent:
        if said.get("event") == "end":
            return TurnEvent.END
        begins = said["event"] == "begin" if self.marks_begin else not said["text"]
        return TurnEvent.BEGIN if begins else TurnEvent.CONTINUE

    def render(self, screen: Screen | None, turn: Turn) -> RawResponse:
        """Write a screen, with the session it belongs to."""
        shown = {} if screen is None else {"menu": render_text(screen), "ends": screen.ends, "session": turn.session_id}
        return RawResponse(HTTPStatus.OK, JSON, json.dumps(shown).encode())

    def refuse(self, sentence: str) -> RawResponse:
        """Write a last sentence."""
        return RawResponse(HTTPStatus.OK, JSON, json.dumps({"menu": sentence, "ends": True}).encode())


MAKES: Final = {
    make.name: make
    for make in (
        Incremental("plain"),
        Incremental("unmarked", marks_begin=False),
        Incremental("numbered", numbers_turns=True),
        Incremental("numbered_unmarked", numbers_turns=True, marks_begin=False),
    )
}


@dataclass
class Handset:
    """A phone behind such an aggregator: it keeps every turn it sent, so that the network can send it again."""

    client: httpx.AsyncClient
    make: str
    msisdn: str = MSISDN
    session: str = "i"
    code: str = "*123#"
    sent: list[dict[str, object]] = field(default_factory=list)
    sequence: int = 0
    typed: str = ""
    menu: str = ""
    ends: bool = True

    async def dial(self, tail: str = "") -> str:
        self.sequence = 0
        return await self.type(tail, event="begin")

    async def type(self, text: str, event: str = "continue") -> str:
        self.sequence += 1
        self.sent.append(
            {
                "session": self.session,
                "msisdn": self.msisdn,
                "code": self.code,
                "text": text,
                "event": event,
                "sequence": self.sequence,
            }
        )
        answered = await self.send(self.sent[-1])
        shown = json.loads(answered)
        self.menu, self.ends = shown["menu"], shown["ends"]
        return self.menu

    async def choose(self, label: str) -> str:
        """Type the key that stands before a label."""
        return await self.type(self.key(label))

    def key(self, label: str) -> str:
        found = [line.split(". ")[0] for line in self.menu.split("\n") if line.split(". ")[-1].startswith(label)]
        assert found, (label, self.menu)
        return found[0]

    async def send(self, turn: dict[str, object]) -> bytes:
        """Send a turn as the network sends it, for the first time or again."""
        answer = await self.client.post(f"/ussd/{self.make}/local", content=json.dumps(turn))
        assert answer.status_code == 200, answer.text
        return answer.content

    async def hang_up(self) -> None:
        await self.send(self.sent[-1] | {"event": "end"})


class PathHandset(Handset):
    """The same phone behind an aggregator that repeats the whole path with every turn."""

    async def type(self, text: str, event: str = "continue") -> str:
        path = text if event == "begin" or not self.typed else f"{self.typed}*{text}"
        self.typed = path
        return await super().type(path, event)

    async def send(self, turn: dict[str, object]) -> bytes:
        fields = {
            "sessionId": turn["session"],
            "phoneNumber": turn["msisdn"],
            "serviceCode": turn["code"],
            "text": turn["text"],
        }
        answer = await self.client.post(ADDRESS, content=urlencode(fields), headers=FORM)
        assert answer.status_code == 200, answer.text
        verb, _, menu = answer.text.partition(" ")
        return json.dumps({"menu": menu, "ends": verb == "END"}).encode()
