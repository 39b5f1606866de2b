"""A number that may have changed hands: while nobody knows, it is told nothing of the household and pays nothing."""

import asyncio
from collections import Counter
from datetime import timedelta

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, RestrictViolation, UniqueViolation

from gateway.members import number_holds
from gateway.members.number_holds import HoldDecided
from gateway.money.credit_evidence import CreditingContext, credit_evidence
from payments.evidence.facts import Evidence
from payments.observation import Observation, ObservedStatus, Provenance
from tests.conftest import Urls
from tests.payments.books import hand
from tests.stories import answer, ask_to_pay, pushed
from tests.world import AMINATA, MOUSSA, World

AMINATAS = 1
NOT_ME = ("4", "1")
LINK = "SELECT party_id, valid_to FROM phone_link WHERE msisdn = :msisdn ORDER BY valid_from"
BOOKED = "SELECT operator_transaction_id, party_id, matched_by, hold_reason FROM payment ORDER BY id"
HOLDS = "SELECT held_at, decision, decided_by, reason FROM number_hold ORDER BY held_at"


async def says_not_me(world: World, session_id: str = "N") -> str:
    """Say from her telephone that it is not hers."""
    return await ask_to_pay(world, AMINATA, session_id, NOT_ME)


async def decided(world: World, decide: object) -> None:
    why = HoldDecided("command/uid-0", "carte vue au guichet", world.clock.now())
    assert await world.database.transact(lambda connection: decide(connection, AMINATA, why))  # type: ignore[operator]


async def told(world: World, name: str, ago: timedelta = timedelta(), words: str | None = None, **said: object) -> None:
    """Let evidence of a payment from her number reach us now that was made some time ago."""
    now = world.clock.now()
    observed = Observation(
        operator="sandbox",
        provenance=Provenance.QUERY,
        status=ObservedStatus.SUCCEEDED,
        amount_xof=700,
        payer_msisdn=str(said.get("msisdn", AMINATA)),
        our_reference=words,
        operator_transaction_id=name,
        occurred_at=now - ago,
    )
    context = CreditingContext(world.jobs.catalog, now, "*123#", help_number="36 777")
    await world.database.transact(lambda connection: credit_evidence(connection, [Evidence(observed)], context))
    await world.work()


async def booked(world: World) -> list[tuple[object, ...]]:
    return await world.rows(
        "SELECT operator_transaction_id, party_id, matched_by, hold_reason FROM payment ORDER BY id"
    )


async def read_by(world: World, msisdn: str) -> str:
    return "\n".join(await world.texts_to(msisdn))


async def test_whoever_has_the_number_now_is_told_nothing_more_of_the_household(world: World) -> None:
    said = await says_not_me(world)
    assert said.startswith("CON C'est noté")
    world.clock.forward(minutes=1)
    screens = [await world.dial(AMINATA, "S", path) for path in ("", "1", "1*00", "1*00*2", "1*00*2*00*3")]
    assert screens[0] == "CON RAMU CANAM\nNuméro à vérifier\nAide: 36 777\n1. M'inscrire\n2. Aide"
    await world.work()
    [(number,)] = await world.rows("SELECT ramu_number FROM household WHERE id = 1")
    for shown in (*screens, await read_by(world, AMINATA)):
        assert "Aminata" not in shown
        assert str(number) not in shown
    [sms] = await world.texts_to(AMINATA)
    assert sms.endswith("Appelez le 36 777.")


async def test_money_from_a_held_number_waits_for_a_reason_of_its_own_whenever_it_was_paid(world: World) -> None:
    world.clock.forward(hours=1)
    await says_not_me(world)
    world.clock.forward(minutes=1)
    await told(world, "since")
    await told(world, "before", timedelta(minutes=30))
    assert await booked(world) == [
        ("since", None, "suspense", "number_held"),
        ("before", None, "suspense", "number_held"),
    ]
    assert await world.rows("SELECT count(*) FROM payment_in_suspense WHERE hold_reason = 'number_held'") == [(2,)]
    texts = await read_by(world, AMINATA)
    assert texts.count("gardés: assuré non trouvé. Appelez le 36 777: réf ") == 2
    assert "Aminata" not in texts
    assert "Droits" not in texts


async def test_what_was_asked_before_the_hold_and_confirmed_after_it_waits_and_its_request_has_succeeded(
    world: World,
) -> None:
    prompt = await pushed(world, AMINATA, "S1")
    await says_not_me(world)
    answer(world, prompt, callbacks=3)
    for _ in range(2):
        await world.deliver()
        await world.work()
        world.clock.forward(minutes=1)
    assert [row[1:] for row in await booked(world)] == [(None, "suspense", "number_held")]
    assert await world.rows("SELECT state FROM payment_request") == [("succeeded",)]
    assert await world.rows("SELECT count(*) FROM reconciliation_break") == [(0,)]
    assert await world.rows("SELECT sum(amount_xof) FROM ledger_entry") == [(0,)]
    assert "Aminata" not in await read_by(world, AMINATA)


async def test_what_was_asked_and_not_sent_yet_goes_out_to_nobody(world: World) -> None:
    await ask_to_pay(world, AMINATA, "S1")
    await says_not_me(world)
    world.clock.forward(seconds=10)
    await world.work()
    assert world.prompts() == []
    assert await world.rows("SELECT state, submissions FROM payment_request") == [("expired", 0)]
    assert "non transmis" not in await read_by(world, AMINATA)


async def test_a_refusal_of_what_was_asked_before_the_hold_is_told_to_nobody(world: World) -> None:
    prompt = await pushed(world, AMINATA, "S1")
    await says_not_me(world)
    answer(world, prompt, do="refuse")
    await world.deliver()
    await world.work()
    assert await world.rows("SELECT state FROM payment_request") == [("failed",)]
    assert "non abouti" not in await read_by(world, AMINATA)
    assert ("failure", "dropped") in await world.rows("SELECT kind, state FROM outbox_sms")


async def test_whoever_writes_the_number_of_a_household_pays_for_it_and_the_held_number_reads_nothing_of_it(
    world: World,
) -> None:
    numbers = dict(await world.rows("SELECT id, ramu_number FROM household"))  # type: ignore[arg-type]
    await says_not_me(world)
    await told(world, "hers", words=str(numbers[AMINATAS]))
    await told(world, "another's", words=str(numbers[2]))
    assert [row[:3] for row in await booked(world)] == [("hers", 1, "reference"), ("another's", 2, "reference")]
    texts = await read_by(world, AMINATA)
    assert "Aminata" not in texts
    assert str(numbers[AMINATAS]) not in texts
    assert f"pour l'assuré No {numbers[2]}" in texts


async def test_a_number_given_back_is_as_before_and_its_receipts_come_after_all(world: World) -> None:
    [(number,)] = await world.rows("SELECT ramu_number FROM household WHERE id = 1")
    held_at = world.clock.now()
    await says_not_me(world)
    world.clock.forward(minutes=1)
    await told(world, "brother", words=str(number), msisdn=MOUSSA)
    await told(world, "held")
    assert "Aminata" not in await read_by(world, AMINATA)
    await decided(world, number_holds.release)
    await world.work()
    assert "700 F payés" in await read_by(world, AMINATA)
    assert "Aminata TRAORE" in await read_by(world, AMINATA)
    await told(world, "late", timedelta(minutes=1))
    assert [row[:2] for row in await booked(world)] == [("brother", 1), ("held", None), ("late", 1)]
    assert "RAMU: Aminata TRAORE" in await world.dial(AMINATA, "S9")
    assert await world.rows(HOLDS) == [(held_at, "released", "command/uid-0", "carte vue au guichet")]


async def test_a_number_taken_away_was_hers_until_the_hold_and_nothing_that_waited_is_sent_to_it(world: World) -> None:
    world.clock.forward(hours=1)
    [(number,)] = await world.rows("SELECT ramu_number FROM household WHERE id = 1")
    held_at = world.clock.now()
    await says_not_me(world)
    world.clock.forward(minutes=5)
    await told(world, "brother", words=str(number), msisdn=MOUSSA)
    await decided(world, number_holds.end)
    assert await world.rows(LINK, msisdn=AMINATA) == [(AMINATAS, held_at)]
    world.clock.forward(minutes=5)
    await told(world, "before", timedelta(minutes=30))
    await told(world, "since", timedelta(minutes=7))
    await told(world, "after")
    assert [row[:2] for row in await booked(world)] == [("brother", 1), ("before", 1), ("since", None), ("after", None)]
    texts = await read_by(world, AMINATA)
    assert "Aminata" not in texts
    assert "RAMU CANAM\nAssurance maladie" in await world.dial(AMINATA, "S9")


async def test_the_next_holder_registers_while_nobody_has_decided_and_has_nothing_of_the_old_ones(world: World) -> None:
    world.clock.forward(hours=1)
    held_at = world.clock.now()
    said = await says_not_me(world)
    assert "1. M'inscrire" in said
    world.clock.forward(minutes=1)
    ended = await ask_to_pay(world, AMINATA, "R", ("1", "Kadia Sow", "1", "Kati", "4 0", "1"))
    [(old,)] = await world.rows("SELECT ramu_number FROM household WHERE id = 1")
    assert ended.startswith("END Inscription enregistrée.")
    assert str(old) not in ended
    links = await world.rows(LINK, msisdn=AMINATA)
    assert [link[1] for link in links] == [held_at, None]
    assert links[1][0] != AMINATAS
    assert await world.rows("SELECT decision, decided_by FROM number_hold") == [("ended", "link")]
    await told(world, "meanwhile", timedelta(seconds=30))
    await told(world, "hers")
    assert [row[1] for row in await booked(world)] == [None, links[1][0]]
    assert "Kadia Sow" in await world.dial(AMINATA, "S9")
    assert "Aminata" not in await read_by(world, AMINATA)


async def test_the_same_dialogue_goes_on_to_register(world: World) -> None:
    world.clock.forward(minutes=1)
    typed = ("4", "1", "1", "Kadia Sow", "1", "Kati", "4 0", "1")
    assert (await ask_to_pay(world, AMINATA, "S1", typed)).startswith("END Inscription enregistrée.")
    assert await world.count("household") == 3


async def test_a_request_and_a_hold_at_once_leave_no_prompt_of_the_household_on_the_phone(world: World) -> None:
    reached: Counter[str] = Counter()
    for number in range(6):
        await ask_to_pay(world, AMINATA, f"H{number}", ("4",))
        screen = await ask_to_pay(world, AMINATA, f"P{number}", ("1", "1"))
        assert "Confirmer" in screen
        paths = ((f"P{number}", "1*1*1"), (f"H{number}", "4*1"))
        asked, said = await asyncio.gather(
            *(world.dial(AMINATA, *path) for path in (paths if number % 2 else paths[::-1]))
        )
        asked, said = (asked, said) if number % 2 else (said, asked)
        assert said.startswith("CON C'est noté")
        reached[asked.split("\n")[0].partition(".")[0]] += 1
        world.clock.forward(seconds=10)
        await world.work()
        assert world.prompts() == []
        await decided(world, number_holds.release)
        world.clock.forward(hours=1)
        await world.work()
    assert await world.rows("SELECT DISTINCT state FROM payment_request") in ([], [("expired",)])
    told_truly = {"END Demande enregistrée", "END Ce numéro n'est plus lié à ce ménage", "CON RAMU CANAM"}
    assert reached.keys() <= told_truly, reached


async def test_of_two_holds_at_once_one_stands(world: World) -> None:
    now = world.clock.now()
    held = [
        world.database.transact(lambda connection, by=by: number_holds.hold(connection, AMINATA, by, now))
        for by in "abcd"
    ]
    assert sorted(await asyncio.gather(*held)) == [False, False, False, True]
    assert await world.count("number_hold") == 1


async def test_a_number_that_is_not_held_can_be_neither_given_back_nor_taken_away(world: World) -> None:
    why = HoldDecided("command/uid-0", "essai", world.clock.now())
    for decide in (number_holds.release, number_holds.end):
        assert not await world.database.transact(lambda connection, decide=decide: decide(connection, AMINATA, why))
    assert await world.rows(LINK, msisdn=AMINATA) == [(AMINATAS, None)]


async def test_what_was_said_of_a_number_stays(world: World, urls: Urls) -> None:
    await says_not_me(world)
    with hand(urls.superuser, replica=True) as superuser:
        for change in (
            "UPDATE number_hold SET held_by = 'nobody'",
            "DELETE FROM number_hold",
            "TRUNCATE number_hold",
        ):
            with pytest.raises(RestrictViolation):
                superuser.execute(psycopg.sql.SQL(change))
        with pytest.raises(UniqueViolation, match="uq_number_hold_open"):
            superuser.execute(
                "INSERT INTO number_hold (msisdn, link_from, held_at, held_by)"
                " SELECT msisdn, link_from, held_at + interval '1 s', 'again' FROM number_hold"
            )
    with hand(urls.app) as application, pytest.raises(InsufficientPrivilege):
        application.execute("UPDATE number_hold SET held_at = held_at")
