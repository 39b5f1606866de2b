"""Dialogues as networks spoil them, at random: only a person's confirmation asks for money, and once."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.fixed import START
from tests.gateway.ussd.incremental import MAKES, PATH, Handset
from tests.gateway.ussd.lab import Lab

SCRIPTS = 40
AMOUNT = "1000"
CONFIRM = "Confirmer"
#: A prompt that nobody answered is no reason to wait; what is asked next is asked anew.
ANSWERED = text("UPDATE payment_request SET state = 'failed', next_attempt_at = NULL WHERE state = 'created'")


class What(StrEnum):
    """What happens next on the line."""

    ANSWER = "the person answers"
    TWICE = "the person's answer comes twice at once"
    SOON = "an earlier turn comes again at once"
    LATE = "an earlier turn comes again late"
    REDIAL = "the person dials again under the same id"
    OTHER = "another number uses the same id"


#: Mostly people go on; without that no dialogue would come to its confirmation.
EVENT = st.sampled_from(
    [*[What.ANSWER] * 9, *[What.TWICE] * 2, *[What.SOON] * 2, *[What.LATE] * 4, What.REDIAL, What.OTHER]
)
SCRIPT = st.lists(st.tuples(EVENT, st.integers(0, 9)), min_size=12, max_size=30)


def scripts() -> list[list[tuple[What, int]]]:
    drawn: list[list[tuple[What, int]]] = []

    @settings(max_examples=SCRIPTS, database=None)
    @given(script=SCRIPT)
    def collect(script: list[tuple[What, int]]) -> None:
        drawn.append(script)

    collect()
    return drawn


@dataclass
class Line:
    """One session id, the person who uses it, and what that person has confirmed."""

    lab: Lab
    phone: Handset
    reached: Counter[str] = field(default_factory=Counter)
    confirmed: int = 0
    undisturbed: bool = True
    answered_at: datetime = START

    async def happen(self, what: What, choice: int) -> None:
        """Let one thing happen, and see that money was asked for if and only if a person confirmed it just now."""
        asked_before = await self.lab.count("payment_request")
        confirms, end = await self._happen(what, choice)
        asked = await self.lab.count("payment_request") - asked_before
        assert asked <= confirms, (what, self.phone.sent[-5:], end)
        if confirms and self.undisturbed:
            assert (asked, end.startswith("Demande enregistrée")) == (1, True), (what, end)
        self.reached[f"{what}{': confirmed' if confirms else ''}"] += 1
        self.confirmed += confirms
        async with self.lab.ussd.deps.ingress_db.unit_of_work() as connection:
            await connection.execute(ANSWERED)

    async def _happen(self, what: What, choice: int) -> tuple[bool, str]:
        phone, clock = self.phone, self.lab.clock
        clock.forward(seconds=0 if what is What.SOON else 3 + choice)
        if phone.ends or what is What.REDIAL:
            self.undisturbed = True
            # The path of a copy that outlives its whole dialogue is that of an answer in the next one of the same id.
            phone.sent = [] if phone.make == PATH else phone.sent
            self.answered_at = clock.now()
            return False, await phone.dial()
        self.answered_at = self.answered_at if what in {What.SOON, What.OTHER} else clock.now()
        match what:
            case What.ANSWER | What.TWICE:
                key = self._answer(choice)
                confirms = f"{key}. {CONFIRM}" in phone.menu.split("\n")
                return confirms, await (phone.type(key) if what is What.ANSWER else self._twice(key))
            case What.SOON:
                again = json.loads(await phone.send(phone.sent[-1]))
                assert again["menu"] == phone.menu or not self.undisturbed or clock.now() != self.answered_at
                return False, again["menu"]
            case What.LATE:
                back = choice % len(phone.sent)
                late = phone.sent[-1 - back]
                # The first turn again, so late that it may be a new dial, is one; and names hold for one dialogue.
                is_told_apart = self._is_named and late["event"] != "begin" and back < phone.sequence
                self.undisturbed = self.undisturbed and is_told_apart
                return False, (await phone.send(late)).decode()
            case _:
                stranger = replace(phone, msisdn=f"+2237000010{choice}", sent=[])
                confirming = [line.split(".")[0] for line in phone.menu.split("\n") if CONFIRM in line]
                return False, await stranger.type(confirming[0] if confirming else "1")

    @property
    def _is_named(self) -> bool:
        return self.phone.make in {PATH, "numbered", "numbered_unmarked"}

    def _answer(self, choice: int) -> str:
        """Choose what leads on, mostly."""
        lines = self.phone.menu.split("\n")
        if "Tapez le montant" in self.phone.menu:
            return AMOUNT
        keys = [line.split(". ")[0] for line in lines if ". " in line and line.split(". ")[0].isdigit()]
        forward = [line.split(". ")[0] for line in lines if line.endswith((CONFIRM, "Payer"))]
        return forward[0] if forward and choice < 8 else keys[choice % len(keys)]

    async def _twice(self, key: str) -> str:
        copy = replace(self.phone, sent=[*self.phone.sent])
        one, other = await asyncio.gather(*(which.type(key) for which in (self.phone, copy)))
        assert one == other
        return one


@pytest.mark.parametrize("make", [*MAKES, PATH])
async def test_money_is_asked_for_when_a_person_confirms_and_once(make: str, known: Lab) -> None:
    reached: Counter[str] = Counter()
    confirmed = 0
    for number, script in enumerate(scripts()):
        line = Line(known, known.phone(make, session=f"line-{number}"))
        for what, choice in script:
            await line.happen(what, choice)
        reached += line.reached
        confirmed += line.confirmed
    assert all(reached[what] >= 3 for what in What), reached
    assert confirmed >= 5, reached
