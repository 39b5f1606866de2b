"""Money from a number whose holder is in doubt: only what its payer said in so many words is a household's."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

from payments.break_kind import BreakKind
from payments.evidence.decide import decide
from payments.evidence.facts import Evidence, KnownFacts, MatchedBy, NumberHolder
from payments.observation import HoldReason, ObservedStatus
from payments.requests.facts import RequestFact
from payments.requests.lifecycle import State
from tests.payments.evidence.test_judged_together import NOW, OP, said

PAYER, OTHER = "+22370000001", "+22376000002"
REQUEST = RequestFact(1, OP, "REF00001", 11, 3000, PAYER, State.PENDING, NOW - timedelta(minutes=5))
HOLDER = NumberHolder(11, is_held=True)
HELD = KnownFacts(
    requests={1: REQUEST},
    households={"1000000018": 11, "1000000029": 12},
    payers={PAYER: (HOLDER,), OTHER: (NumberHolder(12),)},
)


def whose(evidence: Evidence, known: KnownFacts = HELD) -> tuple[int | None, MatchedBy, HoldReason | None]:
    [confirmed] = decide([evidence], known, NOW).confirmed
    return confirmed.party_id, confirmed.matched_by, confirmed.hold_reason


IN_DOUBT = (None, MatchedBy.SUSPENSE, HoldReason.NUMBER_HELD)


def test_only_the_number_or_what_it_was_asked_for_says_whose_it_is_and_so_nothing_does() -> None:
    assert whose(said(payer_msisdn=PAYER)) == IN_DOUBT
    assert whose(replace(said(payer_msisdn=PAYER), request_id=1)) == IN_DOUBT
    assert whose(replace(said(payer_msisdn=None), request_id=1)) == IN_DOUBT


def test_words_and_another_number_say_it() -> None:
    assert whose(said(payer_msisdn=PAYER, our_reference="1000000018"))[:2] == (11, MatchedBy.REFERENCE)
    assert whose(said(payer_msisdn=PAYER, our_reference="1000000029"))[:2] == (12, MatchedBy.REFERENCE)
    assert whose(replace(said(payer_msisdn=OTHER), request_id=1)) == (11, MatchedBy.REFERENCE, None)


def test_a_number_held_by_one_holder_says_nothing_of_a_request_of_another() -> None:
    known = replace(HELD, payers={PAYER: (NumberHolder(12, since=NOW, is_held=True),)})
    assert whose(replace(said(payer_msisdn=PAYER), request_id=1), known) == (11, MatchedBy.REFERENCE, None)


def test_money_from_before_belongs_to_whoever_held_the_number_then() -> None:
    earlier = NumberHolder(12, until=NOW - timedelta(hours=1))
    known = replace(HELD, payers={PAYER: (earlier, replace(HOLDER, since=NOW - timedelta(hours=1)))})
    assert whose(said(payer_msisdn=PAYER, occurred_at=NOW - timedelta(hours=2)), known)[0] == 12
    assert whose(said(payer_msisdn=PAYER), known) == IN_DOUBT


def test_its_request_has_succeeded_and_a_second_payment_of_it_is_a_second_one() -> None:
    twice = [
        replace(said(payer_msisdn=PAYER, operator_transaction_id=name), request_id=1, detail=name)
        for name in ("T1", "T2")
    ]
    for batch in permutations(twice):
        decision = decide(list(batch), HELD, NOW)
        assert [step.after for step in decision.steps] == [State.SUCCEEDED]
        assert sorted(one.is_second for one in decision.confirmed) == [False, True]
        assert {one.hold_reason for one in decision.confirmed} == {HoldReason.NUMBER_HELD}
        assert BreakKind.REVERSAL not in {one.kind for one in decision.breaks}


def test_what_the_operator_took_back_is_held_for_that() -> None:
    paid, back = said(payer_msisdn=PAYER), said(payer_msisdn=PAYER, status=ObservedStatus.REVERSED)
    for batch in permutations((paid, back)):
        [confirmed] = decide(list(batch), HELD, NOW).confirmed
        assert confirmed.hold_reason is HoldReason.REVERSED
