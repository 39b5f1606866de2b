"""Evidence and books: what is judged together, in whatever order and in however many batches it reaches us."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from gateway.members.number import ramu_number
from gateway.members.register import FIRST_SERIAL
from gateway.money.credit_evidence import CreditingContext, credit_evidence
from gateway.reports.break_sentences import sentence_of
from payments.evidence.facts import Evidence
from payments.observation import Observation, ObservedStatus, Provenance
from tests.fixed import START
from tests.stories import answer, paid, pushed
from tests.world import AMINATA, MOUSSA, World

STRANGER = "+22377777777"
#: The numbers of the two illustrative households.
AMINATA_S, MOUSSA_S = ramu_number(FIRST_SERIAL + 1), ramu_number(FIRST_SERIAL + 2)


def said(status: ObservedStatus = ObservedStatus.SUCCEEDED, request: int | None = None, **fields: object) -> Evidence:
    values: dict[str, object] = {
        "provenance": Provenance.QUERY,
        "amount_xof": 3000,
        "operator_transaction_id": "T1",
        "payer_msisdn": AMINATA,
        "occurred_at": START,
        **fields,
    }
    return Evidence(Observation(operator="sandbox", status=status, **values), request)  # type: ignore[arg-type]


REVERSED = said(ObservedStatus.REVERSED)


async def learn(world: World, *evidence: Evidence) -> None:
    context = CreditingContext(world.jobs.catalog, world.clock.now(), "*123#")
    await world.database.transact(lambda connection: credit_evidence(connection, list(evidence), context))


async def booked(world: World) -> list[tuple[object, ...]]:
    return await world.rows("SELECT operator_transaction_id, party_id, amount_xof, hold_reason FROM payment ORDER BY 1")


async def breaks(world: World) -> list[tuple[object, ...]]:
    return await world.rows("SELECT kind, subject FROM reconciliation_break ORDER BY 1, 2")


async def test_money_reversed_in_the_same_batch_is_held_and_nobody_is_invited_to_claim_it(world: World) -> None:
    await learn(world, said(payer_msisdn=STRANGER), REVERSED)
    await world.work()
    assert await booked(world) == [("T1", None, 3000, "reversed")]
    [told] = await world.texts_to(STRANGER)
    assert "annulé" in told
    assert "assuré non trouvé" not in told


async def test_a_caller_is_not_told_of_held_money_as_if_it_waited_for_her(world: World) -> None:
    await learn(world, said(), REVERSED)
    assert await world.rows("SELECT count(*) FROM payment WHERE party_id IS NULL") == [(1,)]
    from_her_phone = await world.dial(AMINATA, "S1")
    assert "3 000 F en attente" not in from_her_phone


async def test_a_reversal_known_from_before_holds_the_money_that_comes_later(world: World) -> None:
    await learn(world, REVERSED)
    assert await booked(world) == []
    await learn(world, said())
    assert await booked(world) == [("T1", None, 3000, "reversed")]
    assert await world.rows("SELECT count(*) FROM allocation") == [(0,)]


async def test_what_was_credited_before_its_reversal_was_known_waits_for_two_people(world: World) -> None:
    await learn(world, said())
    await learn(world, REVERSED)
    await learn(world, said(), REVERSED)
    assert await booked(world) == [("T1", 1, 3000, None)]
    assert await breaks(world) == [("REVERSAL", "T1:reversed")]


async def test_held_money_can_be_given_to_no_household_even_by_sql(world: World) -> None:
    with pytest.raises(IntegrityError, match="on_hold_has_no_party"):
        async with world.database.unit_of_work() as connection:
            await connection.execute(
                text(
                    "INSERT INTO payment (operator, operator_transaction_id, party_id, amount_xof, matched_by,"
                    " provenance, occurred_at, posted_at, ledger_txn_id, receipt_number, hold_reason)"
                    " VALUES ('sandbox', 'T9', 1, 100, 'payer', 'query', :now, :now, 1, 'Q9', 'reversed')"
                ),
                {"now": START},
            )


async def test_a_request_whose_money_was_taken_back_is_waited_for_no_longer(world: World) -> None:
    await pushed(world, AMINATA, "S1")
    await learn(world, said(request=1), said(ObservedStatus.REVERSED, request=1))
    assert await world.rows("SELECT state FROM payment_request") == [("reversed",)]
    assert await booked(world) == [("T1", None, 3000, "reversed")]


@pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "one after the other"])
async def test_a_request_paid_twice_gives_both_to_the_household_and_says_so(world: World, at_once: bool) -> None:
    await pushed(world, AMINATA, "S1")
    later = START + timedelta(minutes=1)
    first, second = said(request=1), said(request=1, operator_transaction_id="T2", occurred_at=later)
    for batch in [(first, second)] if at_once else [(first,), (second,)]:
        await learn(world, *batch)
    await world.work()
    assert await booked(world) == [("T1", 1, 3000, None), ("T2", 1, 3000, None)]
    assert await breaks(world) == [("DOUBLE_PAYMENT", "T2")]
    one, two = await world.texts_to(AMINATA)
    assert one.startswith("RAMU: 3 000 F payés le 23/11/2026 pour Aminata TRAORE")
    assert two.startswith("RAMU: 2e paiement d'une demande: 3 000 F le 23/11/2026 pour Aminata TRAORE")
    assert "Gardé d'avance." in two


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
@pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "one after the other"])
async def test_one_transaction_for_two_requests_pays_one(world: World, order: tuple[int, int], at_once: bool) -> None:
    await pushed(world, AMINATA, "S1")
    await pushed(world, MOUSSA, "S2")
    batch = [said(request=number) for number in order]
    for part in [batch] if at_once else [[one] for one in batch]:
        await learn(world, *part)
    states = await world.rows("SELECT id, state FROM payment_request ORDER BY id")
    [(_, party_id, _, _)] = await booked(world)
    assert [state for _, state in states if state == "succeeded"] == ["succeeded"]
    assert party_id == next(number for number, state in states if state == "succeeded")
    other = next(number for number, state in states if state != "succeeded")
    [(reference,)] = await world.rows("SELECT reference FROM payment_request WHERE id = :id", id=other)
    told = {("OTHER_HOUSEHOLD", "T1"), ("OTHER_REQUEST", f"{reference}:T1")}
    assert told == {(kind, subject) for kind, subject in await breaks(world) if kind != "ASKED_OTHER_AMOUNT"}


async def test_money_that_came_without_its_request_becomes_the_money_of_one_request_only(world: World) -> None:
    await pushed(world, AMINATA, "S1")
    world.clock.forward(hours=1)
    await pushed(world, AMINATA, "S2")
    await learn(world, said())
    for number in (2, 1, 2):
        await learn(world, said(request=number))
    assert await world.rows("SELECT id FROM payment_request WHERE state = 'succeeded'") == [(2,)]
    assert [kind for kind, _ in await breaks(world)] == ["OTHER_REQUEST"]


async def test_colliding_ids_are_credited_by_nobody_and_both_are_shown(world: World) -> None:
    await learn(world, said(raw_transaction_id="T1"), said(raw_transaction_id="t1", amount_xof=4500))
    await learn(world, said(raw_transaction_id="T1"))
    assert await booked(world) == []
    assert await breaks(world) == [("COLLISION", "T1")]


async def test_a_collision_with_credited_money_leaves_it_and_shows_both(world: World) -> None:
    await learn(world, said(raw_transaction_id="T1"))
    await learn(world, said(raw_transaction_id="t1", amount_xof=4500))
    assert await booked(world) == [("T1", 1, 3000, None)]
    [(detail,)] = await world.rows("SELECT detail FROM reconciliation_break WHERE kind = 'COLLISION'")
    assert isinstance(detail, dict)
    assert "« T1 »" in sentence_of(detail)
    assert "« t1 » : 4500 F" in sentence_of(detail)
    assert await world.rows("SELECT raw_transaction_id FROM payment") == [("T1",)]


STORY = (
    said(),
    said(ObservedStatus.REVERSED),
    said(operator_transaction_id="T2", payer_msisdn=MOUSSA, amount_xof=500),
    said(operator_transaction_id="T3", our_reference=f"RAMU {MOUSSA_S}", amount_xof=700),
)


async def test_every_order_of_one_batch_gives_the_same_books(world: World) -> None:
    seen = set()
    for number, order in enumerate(itertools.permutations(STORY)):
        # Names of their own for each order: the books are never emptied.
        named = [
            replace(
                one,
                observation=replace(
                    one.observation, operator_transaction_id=f"{one.observation.operator_transaction_id}-{number}"
                ),
            )
            for one in order
        ]
        await learn(world, *named, *named[::-1])
        rows = await world.rows(
            "SELECT split_part(operator_transaction_id, '-', 1), party_id, amount_xof, hold_reason"
            " FROM payment WHERE operator_transaction_id LIKE :suffix ORDER BY 1",
            suffix=f"%-{number}",
        )
        seen.add(tuple(rows))
    assert number == 23
    assert seen == {(("T1", None, 3000, "reversed"), ("T2", 2, 500, None), ("T3", 2, 700, None))}


@pytest.mark.parametrize(
    ("said_at", "booked_on"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), START),
        (datetime(2062, 11, 25, 10, tzinfo=UTC), START),
        (datetime.max.replace(tzinfo=UTC), START),
        (START - timedelta(days=3), START - timedelta(days=3)),
    ],
)
async def test_a_date_that_cannot_be_true_reaches_neither_books_nor_rights_nor_receipt(
    world: World, said_at: datetime, booked_on: datetime
) -> None:
    await learn(world, said(occurred_at=said_at))
    await world.work()
    assert await world.rows("SELECT occurred_at FROM payment") == [(booked_on,)]
    assert await world.rows("SELECT effective_at FROM ledger_txn WHERE kind = 'payment'") == [(booked_on,)]
    assert await world.rows("SELECT allocated_on FROM allocation") == [(booked_on.date(),)]
    assert await world.rows("SELECT occurred_at FROM observation") == [(said_at,)]
    assert [kind for kind, _ in await breaks(world)] == ([] if said_at == booked_on else ["DATE"])
    [receipt] = await world.texts_to(AMINATA)
    assert f"payés le {booked_on:%d/%m/%Y}" in receipt


async def test_what_no_column_can_hold_is_kept_as_a_word_and_stops_nothing(world: World) -> None:
    odd = said(
        occurred_at=datetime.fromisoformat("9999-12-31T23:00:00-12:00"),
        our_reference="a\0b\ud800",
        fee_xof=10**30,
        operator_transaction_id="T9",
    )
    await learn(world, odd, said())
    assert await booked(world) == [("T1", 1, 3000, None), ("T9", 1, 3000, None)]
    assert await world.rows("SELECT occurred_at, remarks, our_reference FROM observation WHERE remarks <> ''") == [
        (None, "date=9999-12-31T23:00:00-12:00", "ab")
    ]


@pytest.mark.parametrize(
    ("words", "party_id", "matched_by"),
    [
        (MOUSSA_S, 2, "reference"),
        (f"RAMU {MOUSSA_S}", 2, "reference"),
        (f"No {MOUSSA_S} novembre", 2, "reference"),
        (f"ramu{MOUSSA_S}.", 2, "reference"),
        (f"{MOUSSA_S} {MOUSSA_S}", 2, "reference"),
        (MOUSSA_S.replace("0", "O"), None, "suspense"),
        (MOUSSA_S[:-1], None, "suspense"),
        (f"0{MOUSSA_S}", None, "suspense"),
        (f"{MOUSSA_S} {AMINATA_S}", None, "suspense"),
        (ramu_number(500_000_000), None, "suspense"),
        ("cotisation novembre", 1, "payer"),
    ],
)
async def test_the_words_of_a_payer_name_the_household_that_she_means(
    world: World, words: str, party_id: int | None, matched_by: str
) -> None:
    await learn(world, said(our_reference=words))
    assert await world.rows("SELECT party_id, matched_by FROM payment") == [(party_id, matched_by)]


@pytest.mark.parametrize("write", ["{}", "{a}-{b}", "{a} {b}", "{lower}", "Réf {a}-{b}"])
async def test_a_payer_may_write_our_reference_her_way(world: World, write: str) -> None:
    await pushed(world, AMINATA, "S1")
    [(reference,)] = await world.rows("SELECT reference FROM payment_request")
    name = str(reference)
    words = write.format(name, a=name[:4], b=name[4:], lower=name.lower())
    await learn(world, said(our_reference=words, payer_msisdn=STRANGER))
    assert await world.rows("SELECT party_id, request_id FROM payment") == [(1, 1)]
    assert await world.rows("SELECT state FROM payment_request") == [("succeeded",)]


async def test_a_reference_with_a_slip_is_looked_up_as_no_request(world: World) -> None:
    await pushed(world, AMINATA, "S1")
    [(reference,)] = await world.rows("SELECT reference FROM payment_request")
    wrong = f"{'8' if str(reference)[0] == '9' else '9'}{str(reference)[1:]}"
    await learn(world, said(our_reference=wrong, payer_msisdn=MOUSSA))
    assert await world.rows("SELECT party_id, request_id FROM payment") == [(2, None)]


async def test_a_reference_that_exists_already_is_drawn_again_and_told_to_nobody(world: World) -> None:
    drawn = iter([world.ids.reference() for _ in range(3)])
    taken = next(drawn)
    sequence = iter([taken, taken, next(drawn)])
    world.ids.reference = lambda: next(sequence)  # type: ignore[method-assign]
    await paid(world, AMINATA, "S1")
    world.clock.forward(hours=1)
    prompt = await pushed(world, MOUSSA, "S2")
    answer(world, prompt)
    assert await world.rows("SELECT count(DISTINCT reference) FROM payment_request") == [(2,)]
