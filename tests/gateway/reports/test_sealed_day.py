"""A sealed report is read back as it was written, whatever comes of it later."""

import json
from dataclasses import asdict, replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.reports.breaks import BreakFigure, BreakRow
from gateway.reports.day import DaySummary, OperatorDay, PushesInState
from gateway.reports.sealed_day import (
    FIGURES,
    VERSION,
    breaks_as_signed,
    breaks_not_signed,
    canonical,
    has_moved,
    moved_figures,
    read_sealed,
)

DAY = date(2026, 11, 20)
AT = datetime(2026, 11, 21, 8, 30, 15, 250, tzinfo=UTC)
ROW = OperatorDay(
    day=DAY, operator="sandbox", account="RAMU", statement_received=True, is_verifiable=True, opening_xof=0,
    closing_xof=5_000, movement_xof=5_000, operator_amount_xof=5_000, operator_payment_count=1, posted_xof=5_000,
    posted_count=1, suspense_xof=0, suspense_count=0, breaks_xof=0, breaks_open_count=0, unexplained_xof=0,
    proved_by_callback_count=1, proved_by_query_count=0, proved_by_statement_count=0, proved_by_hand_count=0,
)  # fmt: skip
SUMMARY = DaySummary(DAY, (ROW,), (PushesInState("failed", 2, 600),), AT)
FIGURE = BreakFigure("AMOUNT", "sandbox", "T1", 2_000, None)
BREAK = BreakRow(
    7, DAY, "sandbox", "AMOUNT", "T1", 12_000, 10_000, 2_000, "dit autrement", 3, AT, AT, "explained"
)  # fmt: skip

XOF = st.integers(-(10**12), 10**12)
ROWS = st.builds(
    OperatorDay, day=st.just(DAY), operator=st.sampled_from(["orange", "sandbox"]), account=st.sampled_from("AB"),
    statement_received=st.booleans(), opening_xof=st.none() | XOF, posted_xof=XOF, posted_count=st.integers(0, 99),
    suspense_xof=XOF, suspense_count=st.integers(0, 9), breaks_xof=XOF, breaks_open_count=st.integers(0, 9),
    unexplained_xof=st.none() | XOF, proved_by_callback_count=st.integers(0, 9),
    proved_by_query_count=st.integers(0, 9), proved_by_statement_count=st.integers(0, 9),
    proved_by_hand_count=st.integers(0, 9),
)  # fmt: skip
SUMMARIES = st.builds(
    DaySummary, st.just(DAY), st.lists(ROWS, max_size=4, unique_by=lambda row: (row.operator, row.account)).map(tuple),
    st.just(SUMMARY.pushes), st.none() | st.just(AT),
)  # fmt: skip


@given(SUMMARIES)
def test_what_was_written_is_read_back_to_the_franc(summary: DaySummary) -> None:
    read = read_sealed(canonical(summary, breaks=[asdict(FIGURE)], late=[], evidence={}, remarks="il manque tout"))
    assert read is not None
    assert read.summary == summary
    assert read.breaks == (FIGURE,)
    assert read.remarks == "il manque tout"


@given(SUMMARIES, SUMMARIES)
def test_figures_that_moved_are_named_exactly_when_the_day_moved(sealed: DaySummary, present: DaySummary) -> None:
    moved = moved_figures(sealed, present)
    in_order = [sorted(one.rows, key=lambda row: (row.operator, row.account)) for one in (sealed, present)]
    before, after = (replace(one, rows=tuple(rows)) for one, rows in zip((sealed, present), in_order, strict=True))
    same_accounts = {(row.operator, row.account) for row in before.rows} == {
        (row.operator, row.account) for row in after.rows
    }
    assert bool(moved) == has_moved(canonical(before), after) or not same_accounts
    assert all(one.sealed != one.present for one in moved)
    assert {one.name for one in moved} <= set(FIGURES[VERSION])


def test_a_figure_that_came_or_went_has_no_difference_and_one_that_moved_has_its_own() -> None:
    present = replace(SUMMARY, rows=(replace(ROW, posted_xof=5_700, unexplained_xof=None, statement_received=False),))
    assert [(one.name, one.sealed, one.present, one.difference) for one in moved_figures(SUMMARY, present)] == [
        ("statement_received", True, False, None),
        ("posted_xof", 5_000, 5_700, 700),
        ("unexplained_xof", 0, None, None),
    ]
    assert moved_figures(SUMMARY, SUMMARY) == ()
    assert {one.operator for one in moved_figures(SUMMARY, replace(SUMMARY, rows=()))} == {"sandbox"}


@pytest.mark.parametrize("change", [{"version": 99}, {"version": None}, {"rows": [{}]}, {"rows": 5}, {"day": "hier"}])
def test_a_report_that_was_touched_or_is_of_another_form_is_not_read(change: dict[str, object]) -> None:
    assert read_sealed(json.dumps({**json.loads(canonical(SUMMARY)), **change})) is None
    for content in ("", "{}", "[]", "not json"):
        assert read_sealed(content) is None


def test_a_figure_of_a_later_form_does_not_keep_an_earlier_one_from_being_read() -> None:
    written = json.loads(canonical(SUMMARY))
    written["rows"][0]["invented_xof"] = 1
    read = read_sealed(json.dumps(written))
    assert read is not None
    assert read.summary == SUMMARY


def test_a_signed_break_is_shown_as_it_stood_with_what_is_known_of_it() -> None:
    read = read_sealed(canonical(SUMMARY, breaks=[asdict(FIGURE), asdict(replace(FIGURE, subject="T2"))]))
    assert read is not None
    first, second = breaks_as_signed(read, [BREAK])
    assert (first.detail, first.closed_at, first.close_reason) == ("dit autrement", None, None)
    assert (second.subject, second.detail, second.difference_xof) == ("T2", "", 2_000)
    late = replace(BREAK, kind="LATE_FOR_SEALED_DAY")
    assert breaks_not_signed(read, [BREAK, late]) == (late,)
