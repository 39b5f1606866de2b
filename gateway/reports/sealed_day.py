"""The report of a closed day: how it is written, read back as it was signed, and what the books say otherwise since."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, date, datetime, time
from typing import Any, Final

from gateway.reports.break_sentences import subject_of
from gateway.reports.breaks import BreakFigure, BreakRow
from gateway.reports.day import DaySummary, OperatorDay, PushesInState

#: The form of a sealed report, and the figures of a row that each form had; an old form keeps its list for ever.
VERSION: Final = 1
FIGURES: Final[Mapping[int, tuple[str, ...]]] = {
    1: (
        "operator", "account", "statement_received", "is_verifiable", "opening_xof", "collections_xof",
        "reversals_xof", "fees_xof", "transfers_xof", "others_xof", "contradictions_xof", "closing_xof",
        "movement_xof", "operator_amount_xof", "operator_payment_count", "posted_xof", "posted_count", "suspense_xof",
        "suspense_count", "breaks_xof", "unexplained_xof",
    ),
}  # fmt: skip

_KNOWN = frozenset(field.name for field in fields(OperatorDay))
_WHO: Final = ("operator", "account")
_MOMENTS: Final = ("day", "stated_until")

#: One figure of a row: an amount, a count, a yes or no, or nothing known.
Figure = int | bool | None


@dataclass(frozen=True, slots=True)
class SealedReport:
    """What was signed of a day; ``remarks`` is why it was closed although something was missing."""

    summary: DaySummary
    breaks: tuple[BreakFigure, ...]
    remarks: str | None


@dataclass(frozen=True, slots=True)
class MovedFigure:
    """One figure of one account that is no longer the one that was signed."""

    operator: str
    account: str
    name: str
    sealed: Figure
    present: Figure

    @property
    def difference(self) -> int | None:
        """Return by how much it moved; a figure that came or went has no difference."""
        if isinstance(self.sealed, bool) or self.sealed is None or self.present is None:
            return None
        return self.present - self.sealed


def canonical(report: DaySummary, **more: object) -> str:
    """Write a report in the one form that is hashed: sorted JSON, days and moments in ISO 8601."""
    content = {"version": VERSION, **asdict(report), **more}
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_iso)


def read_sealed(content: str) -> SealedReport | None:
    """Read a report back as it was signed; None when it was touched, or is of a form that this release does not know.

    A figure that a later form added is not known of an earlier one; one that it left out is not shown.
    """
    try:
        written = json.loads(content)
        if written["version"] not in FIGURES:
            return None
        return SealedReport(
            DaySummary(
                date.fromisoformat(written["day"]),
                tuple(_operator_day(row) for row in written["rows"]),
                tuple(PushesInState(**push) for push in written["pushes"]),
                _moment(written["oldest_unknown_at"]),
            ),
            tuple(BreakFigure(**one) for one in written.get("breaks", ())),
            written.get("remarks"),
        )
    except (ValueError, KeyError, TypeError):
        return None


def has_moved(sealed_content: str, report: DaySummary) -> bool:
    """Return whether the operators' figures of a day are no longer those that were sealed.

    Compared are the figures that the sealed form had: a figure that a later release adds has not moved.
    """
    try:
        sealed = json.loads(sealed_content)
        names = FIGURES[sealed["version"]]
        before = [{name: row[name] for name in names} for row in sealed["rows"]]
    except (ValueError, KeyError, TypeError):
        # Touched, or of a form that this release does not know: its own hash says which.
        return True
    return before != [{name: getattr(row, name) for name in names} for row in report.rows]


def moved_figures(sealed: DaySummary, present: DaySummary) -> tuple[MovedFigure, ...]:
    """Return each figure that the books give otherwise than the signed report, account by account."""
    before, after = _by_account(sealed), _by_account(present)
    names = [name for name in FIGURES[VERSION] if name not in _WHO]
    return tuple(
        MovedFigure(*account, name, old, new)
        for account in sorted(before.keys() | after.keys())
        for name in names
        for old, new in [(_figure(before.get(account), name), _figure(after.get(account), name))]
        if old != new
    )


def breaks_as_signed(sealed: SealedReport, rows: Sequence[BreakRow]) -> tuple[BreakRow, ...]:
    """Return the breaks of a signed report, with what is known of each; one that was closed later was open then."""
    known = defaultdict(list)
    for row in rows:
        known[row.kind, row.operator, row.subject].append(row)
    signed: list[BreakRow] = []
    for one in sealed.breaks:
        of_name = known[one.kind, one.operator, subject_of(one.subject)]
        row = of_name.pop(0) if of_name else _only_signed(sealed.summary.day, one)
        closed_at = row.closed_at if one.close_reason else None
        signed.append(
            replace(row, difference_xof=one.difference_xof, close_reason=one.close_reason, closed_at=closed_at)
        )
    return tuple(signed)


def breaks_not_signed(sealed: SealedReport, rows: Sequence[BreakRow]) -> tuple[BreakRow, ...]:
    """Return those of a day's breaks that its signed report does not hold."""
    signed = {(one.kind, one.operator, subject_of(one.subject)) for one in sealed.breaks}
    return tuple(row for row in rows if (row.kind, row.operator, row.subject) not in signed)


def _only_signed(day: date, one: BreakFigure) -> BreakRow:
    """Return a break of which the page holds no more than its report says."""
    closed_at = datetime.combine(day, time(), UTC) if one.close_reason else None
    return BreakRow(
        break_id=0, day=day, operator=one.operator, kind=one.kind, subject=subject_of(one.subject),
        operator_amount_xof=None, ledger_amount_xof=None, difference_xof=one.difference_xof, detail="", age_days=0,
        opened_at=datetime.combine(day, time(), UTC), closed_at=closed_at, close_reason=one.close_reason,
    )  # fmt: skip


def _by_account(summary: DaySummary) -> dict[tuple[str, str], OperatorDay]:
    return {(row.operator, row.account): row for row in summary.rows}


def _figure(row: OperatorDay | None, name: str) -> Figure:
    found: Figure = None if row is None else getattr(row, name)
    return found


def _operator_day(row: Mapping[str, Any]) -> OperatorDay:
    return OperatorDay(
        **{name: value for name, value in row.items() if name in _KNOWN and name not in _MOMENTS},
        day=date.fromisoformat(row["day"]),
        stated_until=_moment(row.get("stated_until")),
    )


def _moment(written: str | None) -> datetime | None:
    return None if written is None else datetime.fromisoformat(written)


def _iso(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a report")
