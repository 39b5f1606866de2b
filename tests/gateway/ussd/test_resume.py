"""A dialogue that broke off: the next dial within ten minutes may go on with it, and does nothing by that."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from gateway.members import number_holds
from gateway.members.number_holds import HoldDecided
from gateway.members.phone_links import link_phone
from gateway.ussd.deps import UssdDeps
from gateway.ussd.sessions import RESUMABLE_FOR
from gateway.ussd.sessions_redis import RedisSessions
from gateway.ussd.turn import handle_turn
from tests.gateway.ussd.incremental import MAKES, PATH
from tests.gateway.ussd.lab import LATE_S, Lab
from tests.gateway.ussd.telephone import MSISDN, PAY, REGISTER, Caller, Count
from tests.gateway.ussd.test_turn import AT, PATIENCE_S, Crash, Faulty, a_turn, over


async def leaves(phone: Caller, ussd: UssdDeps, name: str = "left", keys: tuple[str, ...] = PAY) -> None:
    """Dial, go as far as that, and be cut off."""
    ussd.deps.clock.forward(seconds=5)
    await phone.dial(name, *keys)
    ussd.deps.clock.forward(seconds=5)


ASKED = "Un paiement de 1 000 F n'est pas terminé.\n1. Continuer\n2. Recommencer"
EVERY_MAKE = pytest.mark.parametrize("make", [*MAKES, PATH])


@EVERY_MAKE
async def test_a_dropped_payment_is_gone_on_with_and_asked_for_once(make: str, known: Lab) -> None:
    phone = known.phone(make, session="first")
    await known.play(phone, ("Payer", "=1000"))
    left = phone.menu
    known.clock.forward(minutes=9)
    again = known.phone(make, session="second")
    assert await again.dial() == ASKED
    assert await known.actions() == (0, 1, 1)
    known.clock.forward(seconds=LATE_S)
    shown = await again.choose("Continuer")
    assert shown.split("\n")[:3] == left.split("\n")[:3]
    assert (await known.actions())[0] == 0
    assert (await again.choose("Confirmer")).startswith("Demande enregistrée")
    known.clock.forward(seconds=LATE_S)
    for turn in [*phone.sent, *again.sent]:
        await known.phone(make).send(turn)
    assert (await known.actions())[0] == 1


@EVERY_MAKE
@pytest.mark.parametrize("goes_on", [True, False])
async def test_turns_of_either_dialogue_that_come_again_ask_for_nothing(make: str, goes_on: bool, known: Lab) -> None:
    first = known.phone(make, session="one")
    await known.play(first, ("Payer", "=1000"))
    known.clock.forward(seconds=LATE_S)
    again = known.phone(make, session="one")
    assert await again.dial() == ASKED
    if goes_on:
        known.clock.forward(seconds=LATE_S)
        await again.choose("Continuer")
    for turns in ([*first.sent, *again.sent], [*reversed(again.sent), *reversed(first.sent)]):
        for turn in turns * 3:
            known.clock.forward(seconds=3)
            await again.send(turn)
    assert (await known.actions())[0] == 0


@EVERY_MAKE
async def test_a_dropped_registration_is_gone_on_with(make: str, lab: Lab) -> None:
    phone = lab.phone(make, session="first")
    await lab.play(phone, ("M'inscrire", "=Awa Traore", "Commerce"))
    again = lab.phone(make, session="second")
    assert (await again.dial()).startswith("Votre inscription n'est pas terminée.")
    lab.clock.forward(seconds=LATE_S)
    assert (await again.choose("Continuer")).startswith("Votre cercle")
    for said in ("Kati", "4 0"):
        lab.clock.forward(seconds=LATE_S)
        await again.type(said)
    assert "Awa Traore" in again.menu
    assert (await again.choose("Confirmer")).startswith("Inscription enregistrée")
    assert await lab.count("household") == 1


@EVERY_MAKE
@pytest.mark.parametrize("hangs_up", [True, False])
async def test_the_same_session_id_again_is_asked_too(make: str, hangs_up: bool, known: Lab) -> None:
    phone = known.phone(make, session="one")
    await known.play(phone, ("Payer", "=1000"))
    if hangs_up:
        await phone.hang_up()
    known.clock.forward(seconds=LATE_S)
    assert await known.phone(make, session="one").dial() == ASKED


@pytest.mark.parametrize("store", ["postgres", "valkey"])
async def test_after_ten_minutes_nothing_is_asked_whichever_store_remembers(
    store: str, registered: Caller, ussd: UssdDeps, valkey: Redis
) -> None:
    door = replace(ussd, sessions=RedisSessions(valkey)) if store == "valkey" else ussd
    async with over(door) as client:
        phone = replace(registered, client=client)
        for waited, is_asked in ((RESUMABLE_FOR, True), (RESUMABLE_FOR + timedelta(seconds=1), False)):
            ussd.deps.clock.forward(seconds=5)
            await phone.dial(f"left {waited}", *PAY)
            ussd.deps.clock.forward(seconds=int(waited.total_seconds()))
            asked = await phone.dial(f"again {waited}")
            assert asked.startswith(f"CON {ASKED}" if is_asked else "CON RAMU: Awa Traore")
            ussd.deps.clock.forward(hours=1)


async def test_beginning_anew_is_not_asked_again(registered: Caller, ussd: UssdDeps) -> None:
    await leaves(registered, ussd)
    assert (await registered.dial("again", "2")).startswith("CON RAMU: Awa Traore")
    ussd.deps.clock.forward(seconds=5)
    assert (await registered.dial("third")).startswith("CON RAMU: Awa Traore")


async def test_who_is_cut_off_at_the_question_is_asked_again(registered: Caller, ussd: UssdDeps) -> None:
    await leaves(registered, ussd)
    for name in ("again", "and again"):
        ussd.deps.clock.forward(seconds=5)
        assert await registered.dial(name) == f"CON {ASKED}"


async def test_a_dialled_path_goes_where_it_leads(registered: Caller, ussd: UssdDeps) -> None:
    await leaves(registered, ussd)
    registered.session_id, registered.typed = "deep", ["2"]
    assert "A payer maintenant" in await registered.repeat()


async def test_a_payment_that_was_confirmed_before_the_crash_is_not_offered_as_unfinished(
    registered: Caller, ussd: UssdDeps, count: Count
) -> None:
    await leaves(registered, ussd, "s")
    crashing = replace(ussd, sessions=Faulty(ussd.sessions, "save", Crash()))
    with pytest.raises(Crash):
        await handle_turn(crashing, AT, a_turn(MSISDN, "*".join((*PAY, "1")), ussd.deps.clock.now()), PATIENCE_S)
    async with ussd.deps.ingress_db.unit_of_work() as connection:
        # Paid within the minute: nothing is open any more, and nothing was left undone.
        await connection.execute(text("UPDATE payment_request SET state = 'succeeded', next_attempt_at = NULL"))
    assert (await registered.dial("again")).startswith("CON RAMU: Awa Traore")
    assert await count("payment_request") == 1


async def test_a_registration_that_was_done_before_the_crash_is_not_offered_as_unfinished(
    caller: Caller, ussd: UssdDeps
) -> None:
    await leaves(caller, ussd, "s", REGISTER[:-1])
    crashing = replace(ussd, sessions=Faulty(ussd.sessions, "save", Crash()))
    with pytest.raises(Crash):
        await handle_turn(crashing, AT, a_turn(MSISDN, "*".join(REGISTER), ussd.deps.clock.now()), PATIENCE_S)
    assert (await caller.dial("again")).startswith("CON RAMU: Awa Traore")


async def test_copies_of_the_dial_at_once_in_two_processes_read_the_same(
    registered: Caller, ussd: UssdDeps, elsewhere: UssdDeps
) -> None:
    await leaves(registered, ussd)
    async with over(ussd) as one, over(elsewhere) as other:
        copies = [replace(registered, client=client, session_id="again", typed=[]) for client in (one, other) * 2]
        assert set(await asyncio.gather(*(copy.repeat() for copy in copies))) == {f"CON {ASKED}"}


async def test_a_number_that_changed_hands_meanwhile_goes_on_with_nothing(
    registered: Caller, client: httpx.AsyncClient, ussd: UssdDeps
) -> None:
    brother = Caller(client, msisdn="+22370000009")
    await brother.dial("known", *REGISTER[:1], "Moussa Keita", *REGISTER[2:])
    await leaves(registered, ussd)
    async with ussd.deps.ingress_db.unit_of_work() as connection:
        found = text("SELECT party_id FROM phone_link WHERE msisdn = :msisdn")
        moussas = (await connection.execute(found, {"msisdn": brother.msisdn})).scalar_one()
        await link_phone(connection, MSISDN, moussas, ussd.deps.clock.now())
    assert (await registered.dial("again")).startswith("CON RAMU: Moussa Keita")


async def test_a_number_in_doubt_goes_on_with_nothing(registered: Caller, ussd: UssdDeps) -> None:
    await leaves(registered, ussd)
    now = ussd.deps.clock.now()
    async with ussd.deps.ingress_db.unit_of_work() as connection:
        assert await number_holds.hold(connection, MSISDN, "command/uid-0", now)
    assert (await registered.dial("again")).startswith("CON RAMU CANAM\nNuméro à vérifier")
    await leaves(registered, ussd, "registering", ("1", "Kadia Sow"))
    assert (await registered.dial("again too")).startswith("CON RAMU CANAM\nNuméro à vérifier")
    async with ussd.deps.ingress_db.unit_of_work() as connection:
        assert await number_holds.release(connection, MSISDN, HoldDecided("command/uid-0", "carte vue", now))
    assert (await registered.dial("back")).startswith("CON RAMU: Awa Traore")
