"""Evidence of the same money is judged as one: reversals, second payments, shared and colliding ids, dates."""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.reports.break_sentences import sentence
from payments.break_kind import BreakKind
from payments.credit import NewPayment, amount_mismatches
from payments.dating import Window
from payments.evidence.decide import decide
from payments.evidence.facts import (
    ConfirmedPayment,
    Decision,
    Evidence,
    ExistingPayment,
    KnownFacts,
    MatchedBy,
    NumberHolder,
    Reversal,
)
from payments.evidence.reversals import reversed_xof
from payments.observation import HoldReason, Observation, ObservedStatus, Provenance
from payments.requests.facts import RequestFact
from payments.requests.lifecycle import State

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
OP = "sandbox"
AMINATA, MOUSSA = "+22370000001", "+22376000002"
ASKED_AT = NOW - timedelta(hours=1)
BOTH = {
    number: RequestFact(number, OP, f"REF{number}", household, 3000, AMINATA, State.PENDING, ASKED_AT)
    for number, household in ((1, 11), (2, 11), (3, 12))
}
KNOWN = KnownFacts(requests=BOTH, payers={AMINATA: (NumberHolder(11),), MOUSSA: (NumberHolder(12),)})


def said(status: ObservedStatus = ObservedStatus.SUCCEEDED, request: int | None = None, **fields: object) -> Evidence:
    values: dict[str, object] = {
        "provenance": Provenance.QUERY,
        "amount_xof": 3000,
        "operator_transaction_id": "T1",
        "payer_msisdn": AMINATA,
        "occurred_at": NOW,
        **fields,
    }
    return Evidence(Observation(operator=OP, status=status, **values), request)  # type: ignore[arg-type]


def taken_back(amount_xof: int | None = 3000, **fields: object) -> Reversal:
    values: dict[str, object] = {
        "operator_transaction_id": "T1",
        "request_id": None,
        "provenance": Provenance.STATEMENT,
        "occurred_at": NOW,
        **fields,
    }
    return Reversal(operator=OP, amount_xof=amount_xof, **values)  # type: ignore[arg-type]


def kinds(decision: Decision) -> dict[BreakKind, str]:
    return {found.kind: found.subject for found in decision.breaks}


def held(decision: Decision) -> ConfirmedPayment:
    [confirmed] = decision.confirmed
    assert (confirmed.party_id, confirmed.matched_by) == (None, MatchedBy.SUSPENSE)
    assert confirmed.hold_reason is HoldReason.REVERSED
    return confirmed


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("request_id", [None, 1])
def test_money_reversed_in_the_same_batch_is_booked_and_held(turned: bool, request_id: int | None) -> None:
    batch = [said(request=request_id), said(ObservedStatus.REVERSED, request=request_id)]
    decision = decide(batch[::-1] if turned else batch, KNOWN, NOW)
    assert held(decision).amount_xof == 3000
    assert State.SUCCEEDED not in {step.after for step in decision.steps}
    assert BreakKind.REVERSAL in kinds(decision)


@pytest.mark.parametrize(
    "reversals",
    [
        [taken_back()],
        [taken_back(None)],
        [taken_back(0)],
        [taken_back(9_999_999_999)],
        [taken_back(1500, name="R1"), taken_back(1500, name="R2")],
        [taken_back(1000, occurred_at=NOW - timedelta(hours=hours)) for hours in range(3)],
        [taken_back(operator_transaction_id=None, request_id=1, provenance=Provenance.QUERY)],
    ],
    ids=["whole", "no amount", "zero", "more than there was", "two halves", "three thirds", "of the request"],
)
def test_money_known_to_be_reversed_opens_no_rights_and_moves_no_request_to_success(reversals: list[Reversal]) -> None:
    decision = decide([said(request=1)], replace(KNOWN, reversals=reversals), NOW)
    held(decision)
    assert [step.after for step in decision.steps] == [State.REVERSED]
    assert kinds(decision)[BreakKind.REVERSAL] == "T1:taken_back"


@pytest.mark.parametrize(
    "reversals",
    [
        [taken_back(500)],
        [taken_back(500), taken_back(500)],
        [taken_back(500), taken_back(500, provenance=Provenance.QUERY, occurred_at=None)],
    ],
    ids=["once", "said twice", "said by two sources"],
)
def test_money_reversed_in_part_is_credited_whole_with_a_break_of_that_part(reversals: list[Reversal]) -> None:
    decision = decide([said(request=1)], replace(KNOWN, reversals=reversals), NOW)
    [confirmed] = decision.confirmed
    assert (confirmed.amount_xof, confirmed.party_id, confirmed.hold_reason) == (3000, 11, None)
    [found] = [one for one in decision.breaks if one.kind is BreakKind.REVERSAL]
    assert "500 F sur 3000 F" in sentence(found.detail)
    assert [step.after for step in decision.steps] == [State.SUCCEEDED]


def test_a_reversal_of_another_operation_or_operator_touches_nothing() -> None:
    strange = [taken_back(operator_transaction_id="T2"), replace(taken_back(), operator="other")]
    [confirmed] = decide([said()], replace(KNOWN, reversals=strange), NOW).confirmed
    assert confirmed.hold_reason is None
    assert reversed_xof(confirmed, strange) == 0


def test_an_unverified_callback_that_calls_money_reversed_holds_nothing() -> None:
    batch = [said(), said(ObservedStatus.REVERSED, provenance=Provenance.UNVERIFIED_CALLBACK)]
    assert decide(batch, KNOWN, NOW).confirmed[0].hold_reason is None


def test_two_transactions_for_one_request_are_both_money_and_the_second_is_told() -> None:
    later = NOW + timedelta(minutes=1)
    decision = decide([said(request=1, operator_transaction_id="T2", occurred_at=later), said(request=1)], KNOWN, NOW)
    assert {one.operator_transaction_id: one.is_second for one in decision.confirmed} == {"T1": False, "T2": True}
    assert kinds(decision) == {BreakKind.DOUBLE_PAYMENT: "T2"}


@pytest.mark.parametrize("before", ["its payment", "its state"])
def test_a_second_transaction_is_told_whatever_we_know_of_the_first(before: str) -> None:
    first = ExistingPayment(1, OP, "T0", 11, 3000, request_id=1)
    known = replace(KNOWN, payments={(OP, "T0"): first})
    if before == "its state":
        known = replace(KNOWN, requests={1: replace(BOTH[1], state=State.SUCCEEDED)})
    assert kinds(decide([said(request=1)], known, NOW)) == {BreakKind.DOUBLE_PAYMENT: "T1"}


def test_the_payment_after_one_that_was_taken_back_is_no_second_one() -> None:
    first = ExistingPayment(1, OP, "T0", None, 3000, request_id=1, hold_reason=HoldReason.REVERSED)
    decision = decide([said(request=1)], replace(KNOWN, payments={(OP, "T0"): first}), NOW)
    assert [confirmed.is_second for confirmed in decision.confirmed] == [False]
    assert [step.after for step in decision.steps] == [State.SUCCEEDED]


@pytest.mark.parametrize("other", [2, 3], ids=["of the same household", "of another household"])
@pytest.mark.parametrize("turned", [False, True])
def test_one_transaction_for_two_requests_pays_one_of_them(other: int, turned: bool) -> None:
    batch = [said(request=1), said(request=other)]
    decision = decide(batch[::-1] if turned else batch, KNOWN, NOW)
    [confirmed] = decision.confirmed
    assert confirmed.request_id == 1
    assert [(step.request_id, step.after) for step in decision.steps] == [(1, State.SUCCEEDED)]
    assert kinds(decision)[BreakKind.OTHER_REQUEST] == f"REF{other}:T1"
    told = {
        found.kind for found in amount_mismatches(decision.conflicting, [NewPayment(7, 8, "Q", confirmed).booked()])
    }
    assert (BreakKind.OTHER_HOUSEHOLD in told) is (other == 3)


@pytest.mark.parametrize(
    ("existing", "moved", "told"),
    [
        (ExistingPayment(1, OP, "T1", 11, 3000, request_id=1), True, set()),
        (ExistingPayment(1, OP, "T1", 11, 3000, request_id=2), False, {BreakKind.OTHER_REQUEST}),
        (ExistingPayment(1, OP, "T1", 11, 3000), True, set()),
        (ExistingPayment(1, OP, "T1", 11, 3000, bound_request_id=1), True, set()),
        (ExistingPayment(1, OP, "T1", 11, 3000, bound_request_id=2), False, {BreakKind.OTHER_REQUEST}),
        (ExistingPayment(1, OP, "T1", 12, 3000), False, {BreakKind.OTHER_HOUSEHOLD}),
        (ExistingPayment(1, OP, "T1", None, 3000), False, {BreakKind.OTHER_HOUSEHOLD}),
        (ExistingPayment(1, OP, "T1", None, 3000, hold_reason=HoldReason.REVERSED), False, set()),
    ],
    ids=["its own", "another's", "nobody's yet", "claimed by it", "claimed by another", "elsewhere", "waiting", "held"],
)
def test_a_request_moves_to_success_by_money_of_its_own_alone(
    existing: ExistingPayment, moved: bool, told: set[BreakKind]
) -> None:
    decision = decide([said(request=1)], replace(KNOWN, payments={(OP, "T1"): existing}), NOW)
    assert decision.confirmed == ()
    assert [step.after for step in decision.steps] == ([State.SUCCEEDED] if moved else [])
    found = [*decision.breaks, *amount_mismatches(decision.conflicting, [existing])]
    assert {one.kind for one in found} == told


COLLISIONS = [
    ({"raw_transaction_id": "t1", "amount_xof": 4500}, "another amount"),
    ({"raw_transaction_id": "t1", "payer_msisdn": MOUSSA}, "another payer"),
]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("other", "_name"), COLLISIONS, ids=[name for _, name in COLLISIONS])
def test_two_ways_of_writing_one_id_for_different_money_are_credited_by_nobody(
    other: dict[str, object], _name: str, turned: bool
) -> None:
    batch = [said(request=1, raw_transaction_id="T1"), said(**other)]
    decision = decide(batch[::-1] if turned else batch, KNOWN, NOW)
    assert (decision.confirmed, decision.steps) == ((), ())
    [found] = decision.breaks
    assert (found.kind, found.subject) == (BreakKind.COLLISION, "T1")
    assert "« T1 » : 3000 F" in sentence(found.detail)
    assert "« t1 »" in sentence(found.detail)
    assert AMINATA not in sentence(found.detail)
    again = decide([said()], replace(KNOWN, collided={(OP, "T1")}), NOW)
    assert (again.confirmed, kinds(again)) == ((), {BreakKind.COLLISION: "T1"})


@pytest.mark.parametrize(
    "other",
    [{}, {"payer_msisdn": None}, {"provenance": Provenance.SIGNED_CALLBACK}],
    ids=["the same money", "a payer who is not named", "another source"],
)
def test_two_ways_of_writing_one_id_for_the_same_money_are_one_payment(other: dict[str, object]) -> None:
    decision = decide([said(raw_transaction_id="T1"), said(raw_transaction_id="'T1", **other)], KNOWN, NOW)
    assert len(decision.confirmed) == 1
    assert decision.breaks == ()
    assert amount_mismatches(decision.conflicting, [NewPayment(7, 8, "Q", decision.confirmed[0]).booked()]) == []


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"raw_transaction_id": "t1", "amount_xof": 4500}, BreakKind.COLLISION),
        ({"raw_transaction_id": "t1", "payer_msisdn": MOUSSA}, BreakKind.COLLISION),
        ({"payer_msisdn": MOUSSA}, BreakKind.OTHER_PAYER),
        ({"amount_xof": 4500}, BreakKind.AMOUNT),
        ({"raw_transaction_id": "t1"}, None),
        ({"payer_msisdn": None}, None),
    ],
)
def test_what_was_credited_stays_and_what_differs_from_it_is_told(
    other: dict[str, object], told: BreakKind | None
) -> None:
    before = ExistingPayment(1, OP, "T1", 11, 3000, payer_msisdn=AMINATA, raw_transaction_id="T1")
    decision = decide([said(**other)], replace(KNOWN, payments={(OP, "T1"): before}), NOW)
    assert decision.confirmed == ()
    assert [found.kind for found in amount_mismatches(decision.conflicting, [before])] == ([told] if told else [])


@pytest.mark.parametrize(
    ("occurred_at", "request_id"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), None),
        (datetime(2062, 11, 25, 10, tzinfo=UTC), None),
        (datetime(1970, 1, 1, tzinfo=UTC), 1),
        (ASKED_AT - timedelta(days=1), 1),
        (datetime.max.replace(tzinfo=UTC), None),
        (datetime.min.replace(tzinfo=UTC), 3),
    ],
)
def test_a_date_that_cannot_be_true_is_a_difference_and_the_money_is_dated_by_its_arrival(
    occurred_at: datetime, request_id: int | None
) -> None:
    decision = decide([said(request=request_id, occurred_at=occurred_at)], KNOWN, NOW)
    assert [confirmed.occurred_at for confirmed in decision.confirmed] == [NOW]
    [found] = decision.breaks
    assert (found.kind, found.subject, found.occurred_at) == (BreakKind.DATE, "T1", NOW)
    assert f"{occurred_at.day:02d}/{occurred_at.month:02d}/{occurred_at.year:04d}" in sentence(found.detail)


@pytest.mark.parametrize(
    ("occurred_at", "said_at", "ours"),
    [
        (NOW + timedelta(hours=1), "23/11/2026 à 09:00:00 (UTC)", "23/11/2026 à 08:00:00 (UTC)"),
        (NOW + timedelta(minutes=10, seconds=1), "23/11/2026 à 08:10:01 (UTC)", "23/11/2026 à 08:00:00 (UTC)"),
        (NOW.replace(tzinfo=None) + timedelta(hours=3), "23/11/2026 à 11:00:00 (UTC)", "23/11/2026 à 08:00:00 (UTC)"),
        (datetime(2026, 11, 23, 23, tzinfo=timezone(-timedelta(hours=8))), "24/11/2026", "23/11/2026"),
        (datetime(2026, 11, 24, 1, tzinfo=timezone(timedelta(hours=14))), "23/11/2026 à 11:00", "23/11/2026 à 08:00"),
        (datetime(1970, 1, 1, tzinfo=UTC), "01/01/1970", "23/11/2026"),
    ],
)
def test_a_date_that_differs_by_its_hour_or_zone_alone_is_told_with_the_hour(
    occurred_at: datetime, said_at: str, ours: str
) -> None:
    [found] = decide([said(occurred_at=occurred_at)], KNOWN, NOW).breaks
    theirs, _, booked = sentence(found.detail).partition(", ce qui ne se peut pas ; ")
    assert theirs.startswith(f"l'opérateur la date du {said_at}")
    assert booked.startswith(f"nos livres la datent du {ours}")
    assert theirs.removeprefix("l'opérateur la date du ") != booked.removeprefix("nos livres la datent du ")


def test_a_statement_line_is_dated_inside_the_period_of_its_statement() -> None:
    period = Window(NOW - timedelta(days=2), NOW - timedelta(days=1))
    for occurred_at, booked_at in ((NOW, period.last), (datetime(1970, 1, 1, tzinfo=UTC), period.first)):
        decision = decide([replace(said(occurred_at=occurred_at), window=period)], KNOWN, NOW)
        assert [confirmed.occurred_at for confirmed in decision.confirmed] == [booked_at]
        assert kinds(decision) == {BreakKind.DATE: "T1"}


def test_breaks_are_dated_inside_the_window_too() -> None:
    never = datetime.max.replace(tzinfo=UTC)
    news = [said(status, request=1, occurred_at=never) for status in ObservedStatus]
    state = replace(KNOWN, requests={1: replace(BOTH[1], state=State.FAILED)})
    decision = decide(news, state, NOW)
    assert len(decision.breaks) >= 3
    assert {found.occurred_at for found in decision.breaks} == {NOW}


OBSERVED = st.builds(
    Observation,
    operator=st.just(OP),
    provenance=st.sampled_from([Provenance.QUERY, Provenance.SIGNED_CALLBACK]),
    status=st.sampled_from([*[ObservedStatus.SUCCEEDED] * 5, ObservedStatus.REVERSED, ObservedStatus.FAILED]),
    amount_xof=st.sampled_from([3000, 3000, 3000, 1500]),
    payer_msisdn=st.sampled_from([None, AMINATA, AMINATA, MOUSSA]),
    operator_transaction_id=st.sampled_from(["T1", "T1", "T2", "T3"]),
    occurred_at=st.sampled_from([None, NOW, NOW - timedelta(minutes=5), datetime(1970, 1, 1, tzinfo=UTC)]),
    raw_transaction_id=st.sampled_from([None, None, "T1", "t1"]),
)
BATCHES = st.lists(st.builds(Evidence, OBSERVED, st.sampled_from([None, 1, 2, 3])), max_size=8)


def subjects(decision: Decision) -> set[tuple[BreakKind, str]]:
    # Which of two contradicting words came first is part of what STATUS tells.
    return {(one.kind, one.subject) for one in decision.breaks if one.kind is not BreakKind.STATUS}


def test_in_whatever_order_and_however_often_a_batch_comes_the_money_is_the_same() -> None:
    reached: Counter[str] = Counter()

    @given(BATCHES, st.randoms(use_true_random=False))
    @settings(max_examples=600)
    def shuffled(batch: list[Evidence], dice: random.Random) -> None:
        first = decide(batch, KNOWN, NOW)
        again = [*batch, *dice.choices(batch, k=len(batch))] if batch else []
        dice.shuffle(again)
        second = decide(again, KNOWN, NOW)
        assert set(second.confirmed) == set(first.confirmed)
        assert set(second.steps) == set(first.steps)
        assert subjects(second) == subjects(first)
        named = [confirmed.key for confirmed in first.confirmed]
        assert len(named) == len(set(named))
        paid = {confirmed.request_id for confirmed in first.confirmed if confirmed.hold_reason is None}
        assert {step.request_id for step in first.steps if step.after is State.SUCCEEDED} <= paid
        found = {one.kind for one in first.breaks}
        reached["held"] += any(confirmed.hold_reason for confirmed in first.confirmed)
        for kind in (BreakKind.COLLISION, BreakKind.DOUBLE_PAYMENT, BreakKind.OTHER_REQUEST, BreakKind.DATE):
            reached[kind] += kind in found

    shuffled()
    assert min(reached[name] for name in ("held", "COLLISION", "DOUBLE_PAYMENT", "OTHER_REQUEST", "DATE")) >= 15, (
        reached
    )
