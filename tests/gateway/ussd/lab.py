"""A door that speaks with the invented aggregators too, and people who answer its screens by their labels."""

from dataclasses import dataclass

import httpx

from gateway.ussd.deps import UssdDeps
from tests.fixed import TestClock
from tests.gateway.ussd.incremental import PATH, Handset, PathHandset
from tests.gateway.ussd.telephone import Count

#: Longer than anybody needs, so that nothing hides behind the moment in which the same text is the same turn.
LATE_S = 30


@dataclass
class Lab:
    """A door, and what is needed to look behind it."""

    client: httpx.AsyncClient
    ussd: UssdDeps
    clock: TestClock
    count: Count

    def phone(self, make: str, **who: str) -> Handset:
        return (PathHandset if make == PATH else Handset)(self.client, make, **who)

    async def play(self, phone: Handset, story: tuple[str, ...]) -> list[str]:
        """Dial and go through a story, as slowly as people read."""
        shown = [await phone.dial()]
        for said in story:
            self.clock.forward(seconds=LATE_S)
            shown.append(await answer(phone, said))
        return shown

    async def actions(self) -> tuple[int, int, int]:
        return await self.count("payment_request"), await self.count("household"), await self.count("outbox_sms")


async def answer(phone: Handset, said: str) -> str:
    return await phone.type(said[1:]) if said.startswith("=") else await phone.choose(said)
