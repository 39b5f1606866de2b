"""What evidence leads to, whatever the order and however often it comes."""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.reports.break_sentences import sentence
from payments.break_kind import BreakKind
from payments.credit import NewPayment, amount_mismatches, receipt_number
from payments.evidence.decide import decide
from payments.evidence.facts import (
    ConfirmedPayment,
    Decision,
    Evidence,
    ExistingPayment,
    KnownFacts,
    MatchedBy,
    NumberHolder,
)
from payments.observation import Observation, ObservedStatus, Provenance
from payments.requests.facts import RequestFact
from payments.requests.lifecycle import State

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
OP = "sandbox"
AMINATA, MOUSSA, SHARED, STRANGER = "+22370000001", "+22376000002", "+22370000003", "+22377777777"


def request(number: int, state: State = State.PENDING, amount_xof: int = 3000) -> RequestFact:
    return RequestFact(number, OP, f"REF{number}", number + 10, amount_xof, AMINATA, state)


KNOWN = KnownFacts(
    requests={1: request(1), 2: request(2, State.EXPIRED), 3: request(3, State.FAILED), 4: request(4, State.SUCCEEDED)},
    households={"1000000017": 21},
    payers={AMINATA: (NumberHolder(11),), MOUSSA: (NumberHolder(12),), SHARED: (NumberHolder(13), NumberHolder(14))},
)


def seen(
    status: ObservedStatus = ObservedStatus.SUCCEEDED, provenance: Provenance = Provenance.QUERY, **fields: object
) -> Observation:
    values: dict[str, object] = {"amount_xof": 3000, "operator_transaction_id": "T1", "occurred_at": NOW, **fields}
    return Observation(OP, provenance, status, **values)  # type: ignore[arg-type]


def only(decision: Decision) -> ConfirmedPayment:
    [confirmed] = decision.confirmed
    return confirmed


OBSERVATIONS = st.builds(
    Observation,
    operator=st.just(OP),
    provenance=st.sampled_from(Provenance),
    status=st.sampled_from([*[ObservedStatus.SUCCEEDED] * 6, *ObservedStatus]),
    amount_xof=st.sampled_from([3000, 3000, 3000, 100, 200, 999_999_999, None, 0, -5]),
    fee_xof=st.sampled_from([None, 0, 30]),
    payer_msisdn=st.sampled_from([None, AMINATA, MOUSSA, SHARED, STRANGER]),
    our_reference=st.sampled_from([None, "REF1", "REF2", "1000000017", "nonsense"]),
    operator_transaction_id=st.sampled_from(["T1", "T1", "T1", "T2", "T3", None, ""]),
    occurred_at=st.sampled_from([None, NOW, NOW - timedelta(days=1)]),
)
BATCHES = st.lists(st.builds(Evidence, OBSERVATIONS, st.sampled_from([None, None, 1, 2, 3, 4])), max_size=12)


def money(decision: Decision) -> tuple[object, ...]:
    return (
        Counter(decision.confirmed),
        Counter(decision.steps),
        {(confirmed.operator_transaction_id, confirmed.amount_xof) for confirmed in decision.conflicting},
    )


def test_neither_order_nor_repetition_changes_the_money_or_the_states() -> None:
    reached: Counter[str] = Counter()

    @given(BATCHES, st.randoms(use_true_random=False))
    @settings(max_examples=400)
    def shuffled(batch: list[Evidence], dice: random.Random) -> None:
        first = decide(batch, KNOWN, NOW)
        again = [*batch, *dice.choices(batch, k=len(batch))] if batch else []
        dice.shuffle(again)
        second = decide(again, KNOWN, NOW)
        assert money(second) == money(first)
        reached["credited"] += bool(first.confirmed)
        reached["doubted"] += bool(first.conflicting)
        reached["moved"] += bool(first.steps)

    shuffled()
    assert reached["credited"] >= 100, reached
    assert reached["doubted"] >= 10, reached
    assert reached["moved"] >= 50, reached


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        ({"fee_xof": None}, {"fee_xof": 0}),
        ({"fee_xof": None}, {"fee_xof": 30}),
        ({"our_reference": None}, {"our_reference": ""}),
        ({"payer_msisdn": None}, {"payer_msisdn": STRANGER}),
        ({"raw_transaction_id": None}, {"raw_transaction_id": ""}),
    ],
    ids=str,
)
def test_of_two_that_say_the_same_the_fuller_one_is_booked_in_any_order(
    left_out: dict[str, object], said: dict[str, object]
) -> None:
    booked = set()
    for repetition in range(8):
        batch = [Evidence(seen(**left_out), None), Evidence(seen(**said), None)]  # type: ignore[arg-type]
        if repetition % 2:
            batch.reverse()
        # Other money beside it moves where a set keeps its members.
        beside = [Evidence(seen(operator_transaction_id=f"B{number}"), None) for number in range(repetition)]
        booked |= {
            one for one in decide([*beside, *batch], KNOWN, NOW).confirmed if one.operator_transaction_id == "T1"
        }
    [one] = booked
    assert all(getattr(one, name) == value for name, value in said.items())


def test_one_operator_transaction_is_one_credit_and_only_of_evidence_that_proves_itself() -> None:
    reached: Counter[str] = Counter()

    @given(BATCHES)
    @settings(max_examples=400)
    def credited(batch: list[Evidence]) -> None:
        decision = decide(batch, KNOWN, NOW)
        names = [confirmed.operator_transaction_id for confirmed in decision.confirmed]
        proven = [
            piece.observation
            for piece in batch
            if piece.observation.provenance is not Provenance.UNVERIFIED_CALLBACK
            and piece.observation.status is ObservedStatus.SUCCEEDED
            and (piece.observation.amount_xof or 0) > 0
            and piece.observation.operator_transaction_id
        ]
        assert len(names) == len(set(names))
        assert set(names) == {one.operator_transaction_id for one in proven}
        for confirmed in decision.confirmed:
            assert confirmed.amount_xof > 0
            assert confirmed.provenance is not Provenance.UNVERIFIED_CALLBACK
            assert (confirmed.party_id is None) == (confirmed.matched_by is MatchedBy.SUSPENSE)
        reached["twice the same"] += len(proven) > len(names)
        reached["unverified beside"] += len(proven) < len(batch) and bool(names)

    credited()
    assert reached["twice the same"] >= 30, reached
    assert reached["unverified beside"] >= 30, reached


@given(st.lists(st.builds(Evidence, OBSERVATIONS, st.sampled_from([None, 1, 2, 3, 4])), max_size=8))
def test_a_callback_that_proves_nothing_moves_nothing(batch: list[Evidence]) -> None:
    unverified = [
        Evidence(
            Observation(
                OP,
                Provenance.UNVERIFIED_CALLBACK,
                piece.observation.status,
                piece.observation.amount_xof,
                operator_transaction_id=piece.observation.operator_transaction_id,
            ),
            piece.request_id,
        )
        for piece in batch
    ]
    assert decide(unverified, KNOWN, NOW) == Decision((), (), ())


@pytest.mark.parametrize(
    ("observed", "request_id", "party_id", "matched_by"),
    [
        (seen(payer_msisdn=MOUSSA, our_reference="1000000017"), 1, 11, MatchedBy.REFERENCE),
        (seen(payer_msisdn=MOUSSA, our_reference="REF2"), None, 12, MatchedBy.REFERENCE),
        (seen(payer_msisdn=MOUSSA, our_reference="1000000017"), None, 21, MatchedBy.REFERENCE),
        (seen(payer_msisdn=MOUSSA, our_reference="nonsense"), None, 12, MatchedBy.PAYER),
        (seen(payer_msisdn=MOUSSA), None, 12, MatchedBy.PAYER),
        (seen(payer_msisdn=SHARED), None, None, MatchedBy.SUSPENSE),
        (seen(payer_msisdn=STRANGER), None, None, MatchedBy.SUSPENSE),
        (seen(), None, None, MatchedBy.SUSPENSE),
    ],
    ids=[
        "our request",
        "our reference",
        "a RAMU number",
        "the payer behind a bad reference",
        "the payer",
        "a payer of two households",
        "a stranger",
        "nobody",
    ],
)
def test_the_ladder_is_climbed_in_its_order(
    observed: Observation, request_id: int | None, party_id: int | None, matched_by: MatchedBy
) -> None:
    confirmed = only(decide([Evidence(observed, request_id)], KNOWN, NOW))
    assert (confirmed.party_id, confirmed.matched_by) == (party_id, matched_by)


def test_a_request_that_was_sent_to_another_operator_is_not_paid_by_this_one() -> None:
    elsewhere = Observation("other", Provenance.QUERY, ObservedStatus.SUCCEEDED, 3000, our_reference="REF1")
    decision = decide([Evidence(elsewhere)], KNOWN, NOW)
    assert decision == Decision((), (), ())


@pytest.mark.parametrize("payer", [MOUSSA, STRANGER, None])
def test_who_was_asked_at_one_operator_and_pays_at_another_with_that_reference_pays_for_its_household(
    payer: str | None,
) -> None:
    elsewhere = Observation(
        "other", Provenance.STATEMENT, ObservedStatus.SUCCEEDED, 3000, None, payer, "Ref. 1", "T9", NOW
    )
    decision = decide([Evidence(elsewhere)], replace(KNOWN, written={"Ref. 1": "REF1"}), NOW)
    confirmed = only(decision)
    assert (confirmed.party_id, confirmed.matched_by, confirmed.request_id) == (11, MatchedBy.REFERENCE, None)
    assert (confirmed.payer_msisdn, decision.steps, decision.breaks) == (payer, (), ())


@pytest.mark.parametrize("provenance", [one for one in Provenance if one is not Provenance.UNVERIFIED_CALLBACK])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_proven_success_is_credited_and_moves_the_request_from_any_state(number: int, provenance: Provenance) -> None:
    decision = decide([Evidence(seen(provenance=provenance), number)], KNOWN, NOW)
    assert only(decision).provenance is provenance
    assert [(step.request_id, step.after) for step in decision.steps] == [(number, State.SUCCEEDED)]


@pytest.mark.parametrize(
    "broken",
    [{"amount_xof": None}, {"amount_xof": 0}, {"amount_xof": -1}, {"operator_transaction_id": None}],
    ids=["no amount", "nothing", "less than nothing", "no transaction"],
)
def test_a_success_that_names_no_money_moves_nothing(broken: dict[str, object]) -> None:
    assert decide([Evidence(seen(**broken), 1)], KNOWN, NOW) == Decision((), (), ())


@pytest.mark.parametrize(
    ("number", "status", "state", "subject"),
    [
        (3, ObservedStatus.SUCCEEDED, State.SUCCEEDED, "REF3:failed:succeeded"),
        (3, ObservedStatus.PENDING, None, "REF3:failed:pending"),
        (4, ObservedStatus.FAILED, None, "REF4:succeeded:failed"),
    ],
)
def test_a_contradiction_opens_a_break_and_only_money_moves_the_state(
    number: int, status: ObservedStatus, state: State | None, subject: str
) -> None:
    decision = decide([Evidence(seen(status), number)], KNOWN, NOW)
    assert [(found.kind, found.subject) for found in decision.breaks] == [(BreakKind.STATUS, subject)]
    assert [step.after for step in decision.steps] == ([state] if state else [])


def test_money_of_another_amount_than_asked_is_credited_as_it_came_and_told() -> None:
    decision = decide([Evidence(seen(amount_xof=2900), 1)], KNOWN, NOW)
    assert only(decision).amount_xof == 2900
    [found] = decision.breaks
    assert (found.kind, found.subject, found.difference_xof) == (BreakKind.ASKED_OTHER_AMOUNT, "T1", 0)
    assert "était de 3000 F" in sentence(found.detail)


@pytest.mark.parametrize("turned", [False, True])
def test_two_amounts_for_one_transaction_are_one_credit_and_a_break_whichever_came_first(turned: bool) -> None:
    asked = Evidence(seen(amount_xof=3000), 1)
    told = Evidence(seen(provenance=Provenance.SIGNED_CALLBACK, amount_xof=9000), 1)
    decision = decide([told, asked] if turned else [asked, told], KNOWN, NOW)
    confirmed = only(decision)
    assert (confirmed.amount_xof, confirmed.provenance) == (3000, Provenance.QUERY)
    booked = NewPayment(7, 8, receipt_number(7), confirmed).booked()
    [found] = amount_mismatches((confirmed, *decision.conflicting), [booked])
    assert (found.kind, found.subject, found.difference_xof) == (BreakKind.AMOUNT, "T1", 6000)


def test_evidence_of_another_amount_than_credited_before_is_a_break_and_the_same_amount_is_none() -> None:
    before = ExistingPayment(1, OP, "T1", 11, 3000)
    confirmed = only(decide([Evidence(seen(amount_xof=2000), 1)], KNOWN, NOW))
    assert [found.difference_xof for found in amount_mismatches([confirmed], [before])] == [-1000]
    assert amount_mismatches([only(decide([Evidence(seen(), 1)], KNOWN, NOW))], [before]) == []
    assert amount_mismatches([confirmed], [ExistingPayment(1, OP, "T2", None, 3000)]) == []


@pytest.mark.parametrize(
    ("party_id", "place"), [(None, "en attente d'affectation"), (12, "au ménage 12")], ids=["nobody", "another"]
)
def test_evidence_for_another_household_than_credited_before_is_told_in_french(
    party_id: int | None, place: str
) -> None:
    confirmed = only(decide([Evidence(seen(), 1)], KNOWN, NOW))
    [found] = amount_mismatches([confirmed], [ExistingPayment(1, OP, "T1", party_id, 3000)])
    assert (found.kind, found.subject, found.difference_xof) == (BreakKind.OTHER_HOUSEHOLD, "T1", 0)
    assert sentence(found.detail) == f"l'interrogation de l'opérateur nomme le ménage 11, l'argent est {place}"


@pytest.mark.parametrize("request_id", [1, None], ids=["of our request", "of money nobody asked for"])
def test_a_reversal_moves_no_money_and_is_told_to_finance(request_id: int | None) -> None:
    decision = decide([Evidence(seen(ObservedStatus.REVERSED), request_id)], KNOWN, NOW)
    assert (decision.confirmed, decision.steps) == ((), ())
    [found] = decision.breaks
    assert (found.kind, found.subject, found.difference_xof) == (BreakKind.REVERSAL, "T1:reversed", 0)


def test_a_second_transaction_for_one_request_is_money_too() -> None:
    twice = [Evidence(seen(), 1), Evidence(seen(operator_transaction_id="T2"), 1)]
    assert sorted(confirmed.operator_transaction_id for confirmed in decide(twice, KNOWN, NOW).confirmed) == [
        "T1",
        "T2",
    ]


def test_money_without_a_date_is_dated_by_its_arrival() -> None:
    assert only(decide([Evidence(seen(occurred_at=None), 1)], KNOWN, NOW)).occurred_at == NOW
