"""Every line in exactly one bucket, and every franc of every day explained, whatever was said of an operation."""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payments.money import MAX_AMOUNT_XOF
from payments.observation import LineKind, Observation, ObservedStatus, Provenance
from payments.operators.contract import StatementLine
from payments.reconciliation.difference import Difference
from payments.reconciliation.facts import NOT_DONE, Booked, OperatorRecord, Unit, due_xof, subject_of, utc_day
from payments.reconciliation.match import Bucket, judge, to_recover

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
AWA, MODIBO = "+22370000001", "+22376000002"
FAILED, PENDING = ObservedStatus.FAILED, ObservedStatus.PENDING


def line(number: int = 7, kind: LineKind = LineKind.COLLECTION, **more: object) -> OperatorRecord:
    """Write a line of file 1 about T1; what is no part of a line is part of what it says."""
    known: dict[str, object] = {"status": ObservedStatus.SUCCEEDED, "amount_xof": 1_000, "occurred_at": NOON}
    known |= {"operator_transaction_id": "T1", "raw_transaction_id": "T1", "payer_msisdn": AWA}
    placed = {"stands", "was_first", "file_id", "counts_at", "reference", "moved_xof"}
    known |= {name: value for name, value in more.items() if name not in placed}
    said = Observation("sandbox", Provenance.STATEMENT, **known)  # type: ignore[arg-type]
    moves = said.status in {ObservedStatus.SUCCEEDED, ObservedStatus.REVERSED}
    whole = (said.amount_xof or said.fee_xof or 0) if moves else 0
    moved = more.get("moved_xof", whole if kind is LineKind.COLLECTION else -whole)
    stated = StatementLine(number, kind, said, "", int(str(moved)), more.get("reference"))  # type: ignore[arg-type]
    placed_as = {"file_id": 1, "counts_at": said.occurred_at or NOON}
    placed_as |= {name: value for name, value in more.items() if name in placed - {"moved_xof", "reference"}}
    return OperatorRecord(
        line_number=number,
        account="RAMU",
        kind=kind,
        observation=said,
        subject=subject_of(stated),
        reference=stated.reference,
        moved_xof=stated.moved_xof,
        due_xof=due_xof(stated),
        **placed_as,  # type: ignore[arg-type]
    )


def booked(amount_xof: int = 1_000, **known: object) -> Booked:
    return replace(Booked(3, 5, amount_xof, NOON, AWA), **known)  # type: ignore[arg-type]


def unit(*lines: OperatorRecord, payment: Booked | None = None, expected: bool = True) -> Unit:
    return Unit("T1", "RAMU", lines, payment, expected)


def later(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


TAKEN = line(8, LineKind.REVERSAL, amount_xof=400, reference="R1")
CASES = [
    ("held", [line()], booked(), ["matched"], []),
    ("recovered", [line()], booked(recovered=True), ["recovered"], []),
    ("of nobody", [line()], booked(recovered=True, party_id=None), ["suspense"], [("UNIDENTIFIED", 0)]),
    ("of another amount", [line()], booked(900), ["amount_differs"], [("AMOUNT", 100)]),
    ("of another payer", [line()], booked(payer_msisdn=MODIBO), ["collision"], [("COLLISION", 0)]),
    (
        "on another day",
        [line()],
        booked(occurred_at=NOON - timedelta(days=1)),
        ["matched"],
        [("TIMING", 1_000), ("TIMING_BOOKED", -1_000)],
    ),
    ("failed after we credited", [line(status=FAILED)], booked(), ["status_differs"], [("STATUS", -1_000)]),
    (
        "failed beside a success",
        [line(), line(8, status=FAILED)],
        booked(),
        ["matched", "status_differs"],
        [("STATUS", 0)],
    ),
    ("failed with an amount", [line(status=FAILED)], None, ["not_money"], []),
    ("pending", [line(status=PENDING)], None, ["not_money"], []),
    (
        "pending, and yet it moved",
        [line(status=PENDING, moved_xof=1_000)],
        None,
        ["unreadable"],
        [("STATEMENT_ONLY", 1_000)],
    ),
    ("a fee", [line(kind=LineKind.FEE, amount_xof=None, fee_xof=5)], None, ["not_money"], []),
    ("a fee taken off a collection", [line(fee_xof=10, moved_xof=990)], booked(), ["matched"], []),
    (
        "a collection that moved less than it says",
        [line(moved_xof=700)],
        booked(),
        ["amount_differs"],
        [("AMOUNT", -300)],
    ),
    (
        "a fee that came back",
        [line(kind=LineKind.FEE, amount_xof=None, fee_xof=5, moved_xof=5)],
        None,
        ["unknown_service"],
        [("UNKNOWN_SERVICE", 5)],
    ),
    (
        "a fee that failed, and yet it was taken",
        [line(kind=LineKind.FEE, amount_xof=None, fee_xof=5, moved_xof=-5, status=FAILED)],
        None,
        ["unknown_service"],
        [("UNKNOWN_SERVICE", -5)],
    ),
    (
        "a transfer that waits, and yet it was taken",
        [line(kind=LineKind.TRANSFER, moved_xof=-1_000, status=PENDING)],
        None,
        ["unknown_service"],
        [("UNKNOWN_SERVICE", -1_000)],
    ),
    (
        "a state nobody knows that moved the balance",
        [line(status=ObservedStatus.UNKNOWN, moved_xof=700)],
        None,
        ["unreadable"],
        [("STATEMENT_ONLY", 700)],
    ),
    ("a failed one whose fee is its amount", [line(status=FAILED, fee_xof=1_000)], None, ["not_money"], []),
    ("a success of zero francs", [line(amount_xof=0)], None, ["not_money"], []),
    (
        "a success of zero francs beside the money",
        [line(), line(8, amount_xof=0)],
        booked(),
        ["matched", "not_money"],
        [],
    ),
    (
        "a success of zero francs where we hold money",
        [line(amount_xof=0)],
        booked(),
        ["amount_differs"],
        [("AMOUNT", -1_000)],
    ),
    ("a transfer to our bank", [line(kind=LineKind.TRANSFER)], None, ["not_money"], []),
    (
        "a transfer to us",
        [line(kind=LineKind.TRANSFER, moved_xof=1_000)],
        None,
        ["unknown_service"],
        [("UNKNOWN_SERVICE", 1_000)],
    ),
    ("an unknown debit", [line(kind=LineKind.OTHER)], None, ["unknown_service"], [("UNKNOWN_SERVICE", -1_000)]),
    (
        "an unknown credit",
        [line(kind=LineKind.OTHER, moved_xof=12_000)],
        None,
        ["unknown_service"],
        [("UNKNOWN_SERVICE", 12_000)],
    ),
    (
        "taken back whole",
        [line(), line(8, LineKind.REVERSAL)],
        booked(),
        ["matched", "reversal"],
        [("REVERSAL", -1_000)],
    ),
    ("taken back in part", [line(), TAKEN], booked(), ["matched", "reversal"], [("REVERSAL", -400)]),
    (
        "taken back in part twice",
        [line(), TAKEN, line(9, LineKind.REVERSAL, amount_xof=250, reference="R2")],
        booked(),
        ["matched", "reversal", "reversal"],
        [("REVERSAL", -400), ("REVERSAL", -250)],
    ),
    ("not taken back after all", [line(kind=LineKind.REVERSAL, status=FAILED)], None, ["not_money"], []),
    (
        "the same in a newer file",
        [line(stands=False), line(file_id=2, was_first=False)],
        booked(),
        ["superseded", "duplicate"],
        [],
    ),
    ("the same twice in one file", [line(), line(8)], booked(), ["matched", "doubled"], [("DUPLICATE", 1_000)]),
    (
        "another payer in one file",
        [line(), line(8, payer_msisdn=MODIBO)],
        booked(),
        ["matched", "collision"],
        [("COLLISION", 1_000)],
    ),
    (
        "more than a minute apart",
        [line(), line(8, occurred_at=later(2))],
        booked(),
        ["matched", "collision"],
        [("COLLISION", 1_000)],
    ),
    (
        "another amount in a newer file",
        [line(stands=False), line(file_id=2, amount_xof=1_200, was_first=False)],
        booked(),
        ["superseded", "amount_differs"],
        [("CORRECTED", 200)],
    ),
    ("dropped by a newer file", [line(stands=False)], booked(), ["superseded"], [("DROPPED", -1_000)]),
    ("dropped before anybody credited it", [line(stands=False)], None, ["superseded"], [("DROPPED", 0)]),
    ("added by a newer file", [line(was_first=False)], booked(recovered=True), ["recovered"], [("ADDED", 0)]),
    ("without a name", [line(operator_transaction_id=None)], None, ["unreadable"], [("STATEMENT_ONLY", 1_000)]),
    ("without an amount", [line(amount_xof=None, moved_xof=70)], None, ["unreadable"], [("STATEMENT_ONLY", 70)]),
    (
        "dated outside the period",
        [line(occurred_at=datetime(9999, 12, 31, tzinfo=UTC), counts_at=NOON)],
        booked(),
        ["matched"],
        [("DATE", 0)],
    ),
    ("named by nobody", [], booked(), [], [("LEDGER_ONLY", -1_000)]),
]


@pytest.mark.parametrize(("name", "lines", "payment", "buckets", "found"), CASES, ids=[case[0] for case in CASES])
def test_an_operation_is_judged_as_it_should(
    name: str, lines: list[OperatorRecord], payment: Booked | None, buckets: list[str], found: list[tuple[str, int]]
) -> None:
    del name
    judged = judge(unit(*lines, payment=payment))
    assert [judged.buckets[one.place] for one in lines] == buckets
    assert sorted((one.kind, one.difference_xof) for one in judged.differences) == sorted(found)


def test_every_bucket_has_a_case() -> None:
    assert {bucket for case in CASES for bucket in case[3]} == set(Bucket)


def test_a_payment_of_a_time_without_a_statement_is_missed_by_nobody() -> None:
    assert judge(unit(payment=booked(), expected=False)).differences == ()


def test_several_differences_of_one_kind_have_names_of_their_own() -> None:
    taken = [line(number, LineKind.REVERSAL, amount_xof=100, reference=f"R{number}") for number in (8, 9, 10)]
    judged = judge(unit(line(), *taken, payment=booked()))
    assert [one.subject for one in judged.differences] == ["T1", "T1:2", "T1:3"]


def test_two_forms_of_one_reference_with_other_money_are_credited_by_nobody() -> None:
    other = line(8, raw_transaction_id="'T1", payer_msisdn=MODIBO)
    assert to_recover(unit(line(), other)) is None
    assert [(one.kind, one.difference_xof) for one in judge(unit(line(), other)).differences] == [
        ("COLLISION", 1_000),
        ("COLLISION", 1_000),
    ]
    assert to_recover(unit(line(), line(8, raw_transaction_id="'T1"))) is not None


def test_one_reference_on_lines_of_three_people_is_credited_once_and_counted_three_times() -> None:
    lines = (line(6), line(7, payer_msisdn=MODIBO), line(8, payer_msisdn="+22379999999", amount_xof=2_500))
    assert to_recover(unit(*lines)) == lines[0]
    judged = judge(unit(*lines, payment=booked(recovered=True)))
    assert sum(one.difference_xof for one in judged.differences) == 3_500


@pytest.mark.parametrize("amount_xof", [None, 0, -5, MAX_AMOUNT_XOF + 1])
def test_what_cannot_be_an_amount_is_credited_by_nobody(amount_xof: int | None) -> None:
    assert to_recover(unit(line(amount_xof=amount_xof))) is None


def test_what_a_first_file_claimed_is_credited_in_whatever_order_the_files_are_matched() -> None:
    gone = line(stands=False)
    assert to_recover(unit(gone)) == gone
    judged = judge(unit(gone, payment=booked(recovered=True)))
    assert judged.buckets == {gone.place: Bucket.RECOVERED}
    assert [(one.kind, one.difference_xof) for one in judged.differences] == [("DROPPED", -1_000)]


def test_a_junk_reference_on_very_many_lines_is_judged_in_one_pass() -> None:
    lines = [line(number, payer_msisdn=f"+2237{number:07d}") for number in range(20_000)]
    judged = judge(unit(*lines, payment=booked()))
    assert sum(one.difference_xof for one in judged.differences) == 19_999 * 1_000


MOMENTS = st.sampled_from([NOON, later(1), later(2), NOON + timedelta(days=1)])
SAID = {
    "number": st.integers(1, 10_000),
    "kind": st.sampled_from([*[LineKind.COLLECTION] * 6, *LineKind]),
    "status": st.sampled_from([*[ObservedStatus.SUCCEEDED] * 6, *ObservedStatus]),
    "payer_msisdn": st.sampled_from([None, AWA, AWA, MODIBO]),
    "raw_transaction_id": st.sampled_from(["T1", "'T1"]),
    "occurred_at": MOMENTS,
    "file_id": st.integers(1, 3),
    "stands": st.sampled_from([True, True, False]),
    "was_first": st.booleans(),
    "reference": st.sampled_from([None, "R1"]),
}
#: Plain lines, and lines whose amount, movement and date do not go together.
LINES = st.builds(line, **SAID, amount_xof=st.sampled_from([100, 100, 200])) | st.builds(
    line,
    **SAID,
    amount_xof=st.sampled_from([None, 0, 100, 300]),
    fee_xof=st.sampled_from([None, 5]),
    moved_xof=st.sampled_from([-200, 0, 95, 100, 300]),
    counts_at=MOMENTS,
)
PAYMENTS = st.none() | st.builds(
    booked,
    amount_xof=st.sampled_from([100, 200]),
    party_id=st.sampled_from([None, 5]),
    payer_msisdn=st.sampled_from([None, AWA, MODIBO]),
    occurred_at=MOMENTS,
    recovered=st.booleans(),
)


def by_day(found: tuple[Difference, ...]) -> dict[date, int]:
    sums: dict[date, int] = defaultdict(int)
    for one in found:
        sums[one.day] += one.difference_xof
    return {day: sum_xof for day, sum_xof in sums.items() if sum_xof}


def test_what_stands_less_the_payment_is_the_sum_of_the_differences_of_every_day() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=1_500, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(lines=st.lists(LINES, max_size=6, unique_by=lambda one: one.place), payment=PAYMENTS)
    def check(lines: list[OperatorRecord], payment: Booked | None) -> None:
        judged = judge(unit(*lines, payment=payment))
        expected: dict[date, int] = defaultdict(int)
        for one in lines:
            if one.stands:
                expected[utc_day(one.counts_at)] += one.due_xof
        if payment is not None:
            expected[utc_day(payment.occurred_at)] -= payment.amount_xof
        assert by_day(judged.differences) == {day: sum_xof for day, sum_xof in expected.items() if sum_xof}
        assert set(judged.buckets) == {one.place for one in lines}
        names = [(one.kind, one.subject) for one in judged.differences]
        assert len(names) == len(set(names))
        again = judge(unit(*lines[::-1], payment=payment))
        assert {(one.kind, one.subject, one.difference_xof) for one in again.differences} == {
            (one.kind, one.subject, one.difference_xof) for one in judged.differences
        }
        seen.update(str(bucket) for bucket in judged.buckets.values())
        seen.update(str(one.kind) for one in judged.differences)

    check()
    kinds = ("AMOUNT", "COLLISION", "DUPLICATE", "STATEMENT_ONLY", "REVERSAL", "UNKNOWN_SERVICE", "TIMING", "STATUS")
    for name in (*Bucket, *kinds, "DROPPED", "ADDED", "CORRECTED", "DATE", "LEDGER_ONLY"):
        assert seen[str(name)] >= 5, (name, seen)


@pytest.mark.parametrize("kind", list(LineKind))
@pytest.mark.parametrize("status", list(ObservedStatus))
@pytest.mark.parametrize("moved_xof", [700, -700, 690])
def test_whatever_moved_the_balance_is_a_fee_a_transfer_or_told(
    kind: LineKind, status: ObservedStatus, moved_xof: int
) -> None:
    for amount_xof, fee_xof in [(700, None), (700, 10), (700, 0), (0, 700), (0, 0), (None, None), (None, 700)]:
        said = line(kind=kind, status=status, moved_xof=moved_xof, amount_xof=amount_xof, fee_xof=fee_xof)
        judged = judge(unit(said))
        taken = kind in {LineKind.FEE, LineKind.TRANSFER} and moved_xof < 0 and status not in NOT_DONE
        assert sum(one.difference_xof for one in judged.differences) == said.due_xof
        assert bool(judged.differences) is not taken
