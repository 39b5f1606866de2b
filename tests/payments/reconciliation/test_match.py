"""Every line and every payment in exactly one bucket, and every franc of every day explained."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payments.money import MAX_AMOUNT_XOF
from payments.observation import LineKind, Observation, ObservedStatus, Provenance
from payments.reconciliation.difference import Difference, DifferenceKind
from payments.reconciliation.facts import Booked, Claim, Known, Line
from payments.reconciliation.match import Bucket, PaymentBucket, match, payment_bucket, to_recover, unclaimed

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = NOON.date()


def line(number: int = 7, kind: LineKind = LineKind.COLLECTION, **said: object) -> Line:
    known: dict[str, object] = {"status": ObservedStatus.SUCCEEDED, "amount_xof": 1_000, "occurred_at": NOON}
    known |= {"operator_transaction_id": "T1", **said}
    return Line(1, number, kind, Observation("sandbox", Provenance.STATEMENT, **known))  # type: ignore[arg-type]


def booked(amount_xof: int = 1_000, **known: object) -> Booked:
    return replace(Booked(3, 5, amount_xof, NOON), **known)  # type: ignore[arg-type]


def known(**parts: object) -> Known:
    return replace(Known(otherwise_on=DAY), **parts)  # type: ignore[arg-type]


CASES = [
    ("held", line(), {"payments": {"T1": booked()}}, Bucket.MATCHED, []),
    ("recovered", line(), {"payments": {"T1": booked(recovered=True)}}, Bucket.RECOVERED, []),
    (
        "recovered without a household",
        line(),
        {"payments": {"T1": booked(recovered=True, household_id=None)}},
        Bucket.SUSPENSE,
        [("UNIDENTIFIED", 0)],
    ),
    ("of another amount", line(), {"payments": {"T1": booked(900)}}, Bucket.AMOUNT_DIFFERS, [("AMOUNT", 100)]),
    (
        "on another day",
        line(),
        {"payments": {"T1": booked(occurred_at=NOON - timedelta(days=1))}},
        Bucket.MATCHED,
        [("TIMING", 1_000), ("TIMING_BOOKED", -1_000)],
    ),
    (
        "failed after we credited",
        line(status=ObservedStatus.FAILED),
        {"payments": {"T1": booked()}},
        Bucket.STATUS_DIFFERS,
        [("STATUS", -1_000)],
    ),
    (
        "failed beside a success",
        line(status=ObservedStatus.FAILED),
        {"payments": {"T1": booked()}, "claimed_ids": {"T1"}},
        Bucket.STATUS_DIFFERS,
        [("STATUS", 0)],
    ),
    ("failed with an amount", line(status=ObservedStatus.FAILED), {}, Bucket.NOT_MONEY, []),
    ("pending", line(status=ObservedStatus.PENDING), {}, Bucket.NOT_MONEY, []),
    ("a fee", line(kind=LineKind.FEE, amount_xof=None, fee_xof=5), {}, Bucket.NOT_MONEY, []),
    ("a transfer", line(kind=LineKind.TRANSFER), {}, Bucket.NOT_MONEY, []),
    ("something else", line(kind=LineKind.OTHER), {}, Bucket.NOT_MONEY, []),
    (
        "taken back",
        line(kind=LineKind.REVERSAL, status=ObservedStatus.REVERSED),
        {"payments": {"T1": booked()}},
        Bucket.REVERSAL,
        [("REVERSAL", -1_000)],
    ),
    ("not taken back after all", line(kind=LineKind.REVERSAL, status=ObservedStatus.FAILED), {}, Bucket.NOT_MONEY, []),
    ("taken back again", line(kind=LineKind.REVERSAL), {"reversed_ids": {"T1"}}, Bucket.DUPLICATE, []),
    (
        "the same in another file",
        line(),
        {"payments": {"T1": booked()}, "claims": {"T1": Claim(1_000, same_file=False)}},
        Bucket.DUPLICATE,
        [],
    ),
    (
        "the same twice in one file",
        line(),
        {"payments": {"T1": booked()}, "claims": {"T1": Claim(1_000, same_file=True)}},
        Bucket.DUPLICATE,
        [("DUPLICATE", 0)],
    ),
    (
        "another amount in another file",
        line(amount_xof=1_200),
        {"payments": {"T1": booked()}, "claims": {"T1": Claim(1_000, same_file=False)}},
        Bucket.DUPLICATE,
        [("DUPLICATE", 0)],
    ),
    ("without a name", line(operator_transaction_id=None), {}, Bucket.UNREADABLE, [("STATEMENT_ONLY", 1_000)]),
    ("without a date", line(occurred_at=None), {}, Bucket.UNREADABLE, [("STATEMENT_ONLY", 0)]),
    ("without an amount", line(amount_xof=None), {}, Bucket.UNREADABLE, [("STATEMENT_ONLY", 0)]),
    ("below zero", line(amount_xof=-5), {}, Bucket.UNREADABLE, [("STATEMENT_ONLY", -5)]),
]


@pytest.mark.parametrize(("name", "given_line", "facts", "bucket", "expected"), CASES, ids=[case[0] for case in CASES])
def test_a_line_falls_into_its_bucket(
    name: str, given_line: Line, facts: dict[str, object], bucket: Bucket, expected: list[tuple[str, int]]
) -> None:
    del name
    matched = match([given_line], known(**facts))
    assert [outcome.bucket for outcome in matched.outcomes] == [bucket]
    assert [(found.kind, found.difference_xof) for found in matched.differences] == expected


def test_every_bucket_has_a_case() -> None:
    assert {case[3] for case in CASES} == set(Bucket)


def test_a_line_without_a_name_is_its_own_subject() -> None:
    (found,) = match([line(number=12, operator_transaction_id=None)], known()).differences
    assert found.subject == "1:12"


def test_a_contradiction_has_a_name_of_its_own_that_no_claim_closes() -> None:
    lines = [line(7), line(8, status=ObservedStatus.FAILED)]
    matched = match(lines, known(payments={"T1": booked()}, claimed_ids={"T1"}))
    (found,) = matched.differences
    assert (found.kind, found.subject, found.transaction_id) == (DifferenceKind.STATUS, "T1:failed", "T1")
    assert found.subject not in matched.claimed_ids
    assert found.detail == "ligne 8 du relevé : opération échouée"


def test_only_the_first_claim_that_nobody_credited_is_recovered() -> None:
    lines = [
        line(1),
        line(2),
        line(3, operator_transaction_id="T2", amount_xof=0),
        line(4, operator_transaction_id="T2"),
        line(5, operator_transaction_id="T3", amount_xof=MAX_AMOUNT_XOF + 1),
        line(6, operator_transaction_id="T4"),
        line(7, operator_transaction_id="T5"),
    ]
    facts = known(payments={"T4": booked()}, claims={"T5": Claim(1_000, same_file=False)})
    assert [found.line_number for found in to_recover(lines, facts)] == [1]


# ---- a whole world: files in runs, money that arrives by other doors, and an oracle that only reads the lines ----

NAMES = ["T0", "T1", "T2", "T3", "T4"]
DAYS = [NOON, NOON + timedelta(days=1), NOON + timedelta(hours=11, minutes=59)]
lines_st = st.builds(
    lambda kind, status, name, amount_xof, at: (
        kind,
        Observation("sandbox", Provenance.STATEMENT, status, amount_xof, None, None, None, name, at),
    ),
    st.sampled_from([*[LineKind.COLLECTION] * 14, *LineKind]),
    st.sampled_from([*[ObservedStatus.SUCCEEDED] * 12, *ObservedStatus]),
    st.sampled_from([*NAMES * 4, None]),
    st.sampled_from([*[1, 2, 3] * 6, None, -2, 0, MAX_AMOUNT_XOF + 1]),
    st.sampled_from([*DAYS * 5, None]),
)
payments_st = st.dictionaries(
    st.sampled_from(NAMES),
    st.builds(
        lambda household, amount_xof, at: Booked(1, household, amount_xof, at),
        st.sampled_from([None, 8]),
        st.integers(1, 3),
        st.sampled_from(DAYS),
    ),
    max_size=3,
)
files_st = st.lists(st.tuples(st.lists(lines_st, max_size=8), payments_st, st.integers(1, 4)), min_size=1, max_size=4)


@dataclass
class World:
    """What a database would hold, with the same rules of uniqueness."""

    lines: list[Line] = field(default_factory=list)
    payments: dict[str, Booked] = field(default_factory=dict)
    breaks: dict[tuple[DifferenceKind, str], Difference] = field(default_factory=dict)
    made_good: set[tuple[DifferenceKind, str]] = field(default_factory=set)
    buckets: dict[tuple[int, int], Bucket] = field(default_factory=dict)

    def first_claims(self) -> dict[str, Line]:
        claims: dict[str, Line] = {}
        for one in self.lines:
            if one.is_claim:
                claims.setdefault(one.subject, one)
        return claims

    def first_reversals(self) -> dict[str, Line]:
        done = {ObservedStatus.SUCCEEDED, ObservedStatus.REVERSED}
        reversals: dict[str, Line] = {}
        for one in self.lines:
            if one.kind is LineKind.REVERSAL and one.observation.status in done:
                reversals.setdefault(one.subject, one)
        return reversals

    def known_before(self, run: list[Line]) -> Known:
        place = (run[0].file_id, run[0].line_number)
        claims = {name: one for name, one in self.first_claims().items() if ":" not in name}
        earlier = {name: one for name, one in claims.items() if (one.file_id, one.line_number) < place}
        reversals = self.first_reversals().items()
        return Known(
            otherwise_on=DAY,
            payments=dict(self.payments),
            claims={
                name: Claim(one.observation.amount_xof, one.file_id == run[0].file_id) for name, one in earlier.items()
            },
            claimed_ids=set(claims),
            reversed_ids={name for name, one in reversals if (one.file_id, one.line_number) < place},
        )

    def record(self, found: tuple[Difference, ...]) -> None:
        for one in found:
            self.breaks.setdefault((one.kind, one.subject), one)

    def match_run(self, run: list[Line]) -> None:
        facts = self.known_before(run)
        for one in to_recover(run, facts):
            said = one.observation
            assert said.amount_xof is not None
            assert said.occurred_at is not None
            household_id = None if one.subject == "T0" else 8
            self.payments[one.subject] = Booked(1, household_id, said.amount_xof, said.occurred_at, recovered=True)
        matched = match(run, replace(facts, payments=dict(self.payments)))
        assert [outcome.line_number for outcome in matched.outcomes] == [one.line_number for one in run]
        self.record(matched.differences)
        good = {(DifferenceKind.LEDGER_ONLY, name) for name in matched.named_ids}
        good |= {(DifferenceKind.STATUS, name) for name in matched.claimed_ids}
        self.made_good |= good & set(self.breaks)
        for outcome in matched.outcomes:
            assert (run[0].file_id, outcome.line_number) not in self.buckets
            self.buckets[run[0].file_id, outcome.line_number] = outcome.bucket
        self.payments = {name: replace(one, recovered=False) for name, one in self.payments.items()}

    def sweep(self) -> None:
        claims = self.first_claims()
        alone = {name: one for name, one in self.payments.items() if name not in claims}
        named = {one.subject for one in self.lines if one.kind is LineKind.COLLECTION}
        self.record(unclaimed(alone, named))


def days_of(world: World) -> dict[date, tuple[int, int, int]]:
    """What the operator says, what we hold, and what the breaks explain, by day."""
    said: dict[date, int] = defaultdict(int)
    held: dict[date, int] = defaultdict(int)
    explained: dict[date, int] = defaultdict(int)
    for one in world.first_claims().values():
        if one.observation.occurred_at:
            said[one.observation.occurred_at.date()] += one.observation.amount_xof or 0
    for one in world.first_reversals().values():
        if one.observation.occurred_at:
            said[one.observation.occurred_at.date()] -= one.observation.amount_xof or 0
    for payment in world.payments.values():
        held[payment.occurred_at.date()] += payment.amount_xof
    for key, found in world.breaks.items():
        if key not in world.made_good:
            explained[found.day] += found.difference_xof
    # A break that only informs gives its day no figure.
    sums = {day: (said[day], held[day], explained[day]) for day in {*said, *held, *explained}}
    return {day: figures for day, figures in sums.items() if any(figures)}


def live(files: list[tuple[list[tuple[LineKind, Observation]], dict[str, Booked], int]]) -> World:
    world = World()
    for file_id, (rows, arrived, run_length) in enumerate(files, start=1):
        claimed = world.first_claims()
        world.payments |= {
            name: one for name, one in arrived.items() if name not in claimed and name not in world.payments
        }
        kept = [Line(file_id, number, kind, said) for number, (kind, said) in enumerate(rows, start=1)]
        world.lines += kept
        for start in range(0, len(kept), run_length):
            world.match_run(kept[start : start + run_length])
        world.sweep()
    return world


def test_every_franc_of_every_day_is_explained_whatever_the_files_say() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=600, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(files_st)
    def check(files: list[tuple[list[tuple[LineKind, Observation]], dict[str, Booked], int]]) -> None:
        world = live(files)
        assert len(world.buckets) == len(world.lines)
        for day, (said_xof, held_xof, explained_xof) in days_of(world).items():
            assert said_xof == held_xof + explained_xof, day
        claims = world.first_claims()
        for name, payment in world.payments.items():
            claim = claims.get(name)
            word = Claim(claim.observation.amount_xof, same_file=False) if claim else None
            seen[f"payment {payment_bucket(payment, word, named=name in claims)}"] += 1
        seen.update(str(bucket) for bucket in world.buckets.values())
        seen.update(kind for kind, _ in world.breaks)
        seen["made good"] += len(world.made_good)

    check()
    for bucket in Bucket:
        assert seen[bucket] >= 20, (bucket, seen)
    for kind in DifferenceKind:
        assert seen[kind] >= 20, (kind, seen)
    assert seen["made good"] >= 20
    assert seen[f"payment {PaymentBucket.MATCHED}"] >= 20
    assert seen[f"payment {PaymentBucket.AMOUNT_DIFFERS}"] >= 20
    assert seen[f"payment {PaymentBucket.LEDGER_ONLY}"] >= 20


def test_the_length_of_the_runs_changes_no_payment_and_no_sum() -> None:
    reached: Counter[str] = Counter()

    @settings(max_examples=200, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(files_st)
    def check(files: list[tuple[list[tuple[LineKind, Observation]], dict[str, Booked], int]]) -> None:
        whole = live([(rows, arrived, 100) for rows, arrived, _ in files])
        by_one = live([(rows, arrived, 1) for rows, arrived, _ in files])
        assert days_of(whole) == days_of(by_one)
        assert whole.payments == by_one.payments
        reached["several lines"] += any(len(rows) > 1 for rows, _, _ in files)

    check()
    assert reached["several lines"] >= 100
