"""Aggregators that send the last answer and nothing else: whatever comes again, only a person confirms."""

import asyncio
import json
from dataclasses import replace

import pytest
from sqlalchemy import text

from gateway.ussd.sessions import SessionKey
from gateway.ussd.system_screens import NOT_YOURS
from tests.gateway.ussd.incremental import MAKES
from tests.gateway.ussd.lab import LATE_S, Lab, answer
from tests.gateway.ussd.telephone import REGISTER, Caller

SOON_S = 1
#: By its label, what leads to a payment, and what leads to a registration; a "=" is typed as it stands.
PAYING = ("Payer", "=1000", "Confirmer")
REGISTERING = ("M'inscrire", "=Awa Traore", "Commerce", "=Kati", "=1 0", "Confirmer")
STORIES = {"paying": PAYING, "registering": REGISTERING, "by SMS": ("Situation", "Par SMS")}
EVERY_STORY = pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())


@pytest.mark.parametrize("make", MAKES)
async def test_a_story_is_done_once_and_its_last_turn_reads_the_same_for_as_long_as_the_session(
    make: str, known: Lab
) -> None:
    phone = known.phone(make)
    await known.play(phone, PAYING)
    assert phone.ends
    before = await known.actions()
    first = await phone.send(phone.sent[-1])
    for _ in range(3):
        known.clock.forward(seconds=LATE_S)
        assert await phone.send(phone.sent[-1]) == first
    assert await known.actions() == before
    assert before[0] == 1


@pytest.mark.parametrize("make", MAKES)
@EVERY_STORY
async def test_a_turn_that_comes_again_at_once_reads_the_same_at_every_position(
    story: tuple[str, ...], make: str, lab: Lab, caller: Caller
) -> None:
    if story != REGISTERING:
        await caller.dial("known", *REGISTER)
    before = await lab.actions()
    phone = lab.phone(make)
    for number, said in enumerate(("", *story)):
        assert await lab.actions() == before
        lab.clock.forward(seconds=LATE_S)
        await (answer(phone, said) if number else phone.dial())
        lab.clock.forward(seconds=SOON_S)
        repeats = [await phone.send(phone.sent[-1]) for _ in range(3)]
        assert len(set(repeats)) == 1
        assert json.loads(repeats[0])["menu"] == phone.menu
    assert phone.ends
    assert sum(await lab.actions()) > sum(before)


@pytest.mark.parametrize("make", MAKES)
@EVERY_STORY
async def test_a_turn_that_comes_again_late_never_does_what_nobody_confirmed(
    story: tuple[str, ...], make: str, lab: Lab, caller: Caller
) -> None:
    if story != REGISTERING:
        await caller.dial("known", *REGISTER)
    before, seen = await lab.actions(), 0
    for stop in range(1, len(story)):
        # So late that nothing is left to go on with.
        lab.clock.forward(hours=1)
        phone = lab.phone(make, session=f"s{stop}")
        await lab.play(phone, story[:stop])
        # Every earlier turn again, the oldest last, each of them so often that it could reach the end by itself.
        for late in [*reversed(phone.sent)]:
            for _ in range(len(story)):
                lab.clock.forward(seconds=3)
                await phone.send(late)
                seen += 1
        assert await lab.actions() == before
    assert seen >= len(story) - 1


@pytest.mark.parametrize("make", ["plain", "unmarked"])
async def test_where_a_repeat_looks_like_an_answer_the_confirming_key_is_a_new_one(make: str, known: Lab) -> None:
    phone = known.phone(make)
    await known.play(phone, PAYING[:-1])
    used = {str(turn["text"]) for turn in phone.sent}
    confirming = phone.key("Confirmer")
    assert confirming not in used | set("123")
    known.clock.forward(seconds=LATE_S)
    again = json.loads(await phone.send(phone.sent[-1]))
    assert again["menu"] == f"Choix non valable.\n{phone.menu}"
    known.clock.forward(seconds=LATE_S)
    assert (await phone.type(confirming)).startswith("Demande enregistrée")


@pytest.mark.parametrize("make", ["plain", "unmarked"])
async def test_a_number_of_people_typed_again_otherwise_registers_nobody(make: str, lab: Lab) -> None:
    tried = 0
    for people in (*range(1, 100), "01", "09", "100"):
        lab.clock.forward(hours=1)
        phone = lab.phone(make, session=f"s{people}")
        await lab.play(phone, REGISTERING[:-1])
        # Her answer arrived and our screen did not: she still reads the question before, and answers it anew.
        lab.clock.forward(seconds=LATE_S)
        await phone.type(str(people))
        assert not phone.ends
        tried += 1
    assert await lab.count("household") == 0
    assert tried > 100
    await phone.choose("Confirmer")
    assert await lab.count("household") == 1


async def test_where_turns_have_numbers_the_keys_are_the_usual_ones(known: Lab) -> None:
    phone = known.phone("numbered")
    await known.play(phone, PAYING[:-1])
    assert phone.key("Confirmer") == "1"


@pytest.mark.parametrize("make", MAKES)
async def test_copies_of_each_turn_at_once_are_one_turn(make: str, known: Lab) -> None:
    phone = known.phone(make)
    for said in ("", *PAYING):
        known.clock.forward(seconds=LATE_S)
        copy = replace(phone, sent=[*phone.sent])
        one, other = await asyncio.gather(*(answer(which, said) if said else which.dial() for which in (phone, copy)))
        assert one == other
        assert await phone.send(phone.sent[-1]) == await phone.send(copy.sent[-1])
    assert phone.ends
    assert await known.count("payment_request") == 1


async def test_copies_of_the_first_turn_give_the_dialogue_one_name(known: Lab) -> None:
    for number in range(5):
        phone = known.phone("plain", session=f"s{number}")
        await asyncio.gather(*(replace(phone, sent=[]).dial() for _ in range(4)))
        await phone.dial()
        known.clock.forward(seconds=LATE_S)
        for said in PAYING:
            await answer(phone, said)
            known.clock.forward(seconds=LATE_S)
        async with known.ussd.deps.ingress_db.single() as connection:
            keys = (await connection.execute(text("SELECT idempotency_key FROM payment_request"))).scalars().all()
        assert len(keys) == number + 1
        known.clock.forward(hours=1)


@pytest.mark.parametrize("make", MAKES)
async def test_a_session_id_used_again_is_a_new_dialogue_and_a_new_request(make: str, known: Lab) -> None:
    phone = known.phone(make)
    ends = set()
    for number in range(1, 4):
        shown = await known.play(phone, PAYING)
        assert shown[0].startswith("RAMU: Awa Traore")
        ends.add(shown[-1])
        async with known.ussd.deps.ingress_db.unit_of_work() as connection:
            asked = (
                await connection.execute(text("SELECT count(DISTINCT idempotency_key) FROM payment_request"))
            ).scalar()
            await connection.execute(text("UPDATE payment_request SET state = 'failed', next_attempt_at = NULL"))
        assert asked == number
    assert len(ends) == 3


@pytest.mark.parametrize("make", MAKES)
async def test_another_number_moves_nothing_and_sees_nothing_but_may_dial(make: str, known: Lab) -> None:
    phone = known.phone(make)
    await known.play(phone, PAYING[:-1])
    stored = await known.ussd.sessions.load(SessionKey(make, "i"), known.clock.now())
    stranger = replace(phone, msisdn="+22370000009", sent=[])
    for other in (stranger, replace(phone, code="*999#", sent=[])):
        assert await other.type(phone.key("Confirmer")) == NOT_YOURS
    assert await known.ussd.sessions.load(SessionKey(make, "i"), known.clock.now()) == stored
    assert await known.count("payment_request") == 0
    known.clock.forward(seconds=LATE_S)
    assert (await phone.choose("Confirmer")).startswith("Demande enregistrée")
    known.clock.forward(seconds=LATE_S)
    assert (await stranger.dial()).startswith("RAMU CANAM")
    assert await phone.type("1") == NOT_YOURS


@pytest.mark.parametrize("make", MAKES)
async def test_an_answer_without_its_session_leads_home(make: str, known: Lab) -> None:
    phone = known.phone(make)
    await known.play(phone, PAYING[:-1])
    confirming = phone.key("Confirmer")
    await known.ussd.sessions.forget(SessionKey(make, "i"))
    assert (await phone.type(confirming)).startswith("RAMU: Awa Traore")
    assert await known.count("payment_request") == 0
