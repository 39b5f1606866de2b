"""Whoever says that a number is not hers is heard once, whatever the network repeats or the process loses."""

import asyncio
from dataclasses import replace

import httpx
import pytest

from gateway.ussd.deps import UssdDeps
from gateway.ussd.sessions import SessionsUnavailable
from gateway.ussd.system_screens import DONE
from gateway.ussd.turn import handle_turn
from tests.gateway.ussd.incremental import MAKES, PATH
from tests.gateway.ussd.lab import LATE_S, Lab
from tests.gateway.ussd.telephone import PAY, Caller, Count
from tests.gateway.ussd.test_turn import AT, PATIENCE_S, Crash, Faulty, a_turn, over

NOT_ME = ("4", "1")
STORY = ("Pas vous ?", "Oui, pas moi")


async def done(count: Count) -> tuple[int, int]:
    return await count("number_hold"), await count("outbox_sms")


async def test_a_crash_between_the_hold_and_the_session_ends_with_the_same_reply(
    registered: Caller, ussd: UssdDeps, count: Count
) -> None:
    before = await count("outbox_sms")
    await registered.dial("s", NOT_ME[0])
    crashing = replace(ussd, sessions=Faulty(ussd.sessions, "save", Crash()))
    turn = a_turn(registered.msisdn, "*".join(NOT_ME), ussd.deps.clock.now())
    with pytest.raises(Crash):
        await handle_turn(crashing, AT, turn, PATIENCE_S)
    assert await done(count) == (1, before + 1)
    down = replace(ussd, sessions=Faulty(ussd.sessions, "save", SessionsUnavailable()))
    lost = await handle_turn(down, AT, turn, PATIENCE_S)
    kept = await handle_turn(ussd, AT, turn, PATIENCE_S)
    assert kept is not None
    assert kept == lost
    assert kept.screen == "held"
    assert await handle_turn(ussd, AT, turn, PATIENCE_S) == kept
    assert await done(count) == (1, before + 1)


async def test_where_the_session_is_lost_too_what_was_said_is_found(
    registered: Caller, ussd: UssdDeps, count: Count
) -> None:
    await registered.dial("s", *NOT_ME)
    async with over(replace(ussd, sessions=Faulty(ussd.sessions, "load", SessionsUnavailable()))) as client:
        assert await replace(registered, client=client).repeat() == f"END {DONE}"
    assert await count("number_hold") == 1


async def test_copies_at_once_in_two_processes_are_one_hold_and_read_the_same(
    registered: Caller, ussd: UssdDeps, elsewhere: UssdDeps, count: Count
) -> None:
    before = await count("outbox_sms")
    await registered.dial("s", NOT_ME[0])
    async with over(ussd) as one, over(elsewhere) as other:
        copies = [replace(registered, client=client, typed=[*registered.typed]) for client in (one, other) * 2]
        screens = await asyncio.gather(*(copy.type(NOT_ME[1]) for copy in copies))
    assert len(set(screens)) == 1
    assert screens[0].startswith("CON C'est noté")
    assert await done(count) == (1, before + 1)


@pytest.mark.parametrize("make", [*MAKES, PATH])
async def test_turns_that_come_again_late_hold_no_number_that_nobody_gave_up(make: str, known: Lab) -> None:
    phone = known.phone(make)
    await known.play(phone, STORY[:1])
    for turn in [*phone.sent] * 2:
        known.clock.forward(seconds=LATE_S)
        await phone.send(turn)
    assert await known.count("number_hold") == 0


@pytest.mark.parametrize("make", [*MAKES, PATH])
async def test_the_same_turn_again_reads_the_same(make: str, known: Lab) -> None:
    phone = known.phone(make)
    await known.play(phone, STORY)
    assert phone.menu.startswith("C'est noté")
    first = await phone.send(phone.sent[-1])
    assert [await phone.send(phone.sent[-1]) for _ in range(3)] == [first] * 3
    assert await known.count("number_hold") == 1


async def test_a_payment_that_was_on_its_way_to_be_confirmed_is_not_asked_for_once_the_number_is_held(
    registered: Caller, client: httpx.AsyncClient, count: Count
) -> None:
    await registered.dial("pay", *PAY)
    other = Caller(client)
    await other.dial("not-me", *NOT_ME)
    assert "Numéro à vérifier" in await registered.type("1")
    assert await count("payment_request") == 0
