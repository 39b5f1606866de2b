"""The reconciliation of one day: the operator says = posted + suspense + breaks + unexplained, to the franc.

What the operator says comes from its own balances, never from what we made of its lines.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.reports.day_rows import ACCOUNTS, BREAK_ROWS, HELD_ROWS
from gateway.reports.statement_day import StatementDay, statement_days
from payments.break_kind import INFORMING
from payments.reconciliation.coverage import day_bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorDay:
    """One account's day at one operator; what the operator says is None while no statement touches the day.

    What it says is what its balances moved, with the fees and transfers that it took out put back: all that must be
    explained by money of ours. While a part of the day has no statement, nothing can be called unexplained: what came
    from ``stated_until`` on, where the last statement ends, is named by itself.
    """

    day: date
    operator: str
    account: str = ""
    statement_received: bool = False
    is_verifiable: bool = False
    opening_xof: int | None = None
    collections_xof: int | None = None
    reversals_xof: int | None = None
    fees_xof: int = 0
    transfers_xof: int | None = None
    others_xof: int | None = None
    contradictions_xof: int | None = None
    closing_xof: int | None = None
    movement_xof: int | None = None
    operator_amount_xof: int | None = None
    operator_payment_count: int | None = None
    posted_xof: int
    posted_count: int
    suspense_xof: int
    suspense_count: int
    breaks_xof: int
    breaks_open_count: int
    unexplained_xof: int | None = None
    lines_waiting_count: int = 0
    stated_until: datetime | None = None
    after_xof: int = 0
    after_count: int = 0
    proved_by_callback_count: int
    proved_by_query_count: int
    proved_by_statement_count: int
    proved_by_hand_count: int

    @property
    def unexplained_until_xof(self) -> int | None:
        """Return what nothing explains of the part of the day that has a statement, while the rest has none."""
        if self.stated_until is None or self.operator_amount_xof is None:
            return None
        return self.operator_amount_xof - (self.posted_xof + self.suspense_xof + self.breaks_xof - self.after_xof)


@dataclass(frozen=True, slots=True)
class PushesInState:
    """How many payment requests of the day stand in one state."""

    state: str
    push_count: int
    asked_xof: int


@dataclass(frozen=True, slots=True)
class DaySummary:
    """Everything that is said about one day, on the page, in the file and in the sealed report."""

    day: date
    rows: tuple[OperatorDay, ...]
    pushes: tuple[PushesInState, ...]
    oldest_unknown_at: datetime | None

    @property
    def total(self) -> OperatorDay:
        """Add the operators up; what is not known of one is not known of all."""
        sums: dict[str, Any] = {
            field.name: _added([getattr(row, field.name) for row in self.rows])
            for field in fields(OperatorDay)
            if field.name.endswith(("_xof", "_count"))
        }
        received = bool(self.rows) and all(row.statement_received for row in self.rows)
        verifiable = bool(self.rows) and all(row.is_verifiable for row in self.rows)
        return OperatorDay(day=self.day, operator="", statement_received=received, is_verifiable=verifiable, **sums)


#: An account of which no statement came for so long is no longer awaited beside the operator's others.
ACCOUNT_LIVES: Final = timedelta(days=31)

_BOOKS = text(f"""
WITH RECURSIVE {ACCOUNTS}, held AS (
    SELECT operator, account,
           coalesce(sum(amount_xof) FILTER (WHERE is_after), 0) AS after_xof,
           count(*) FILTER (WHERE is_after) AS after_count,
           coalesce(sum(amount_xof) FILTER (WHERE NOT waits), 0) AS posted_xof,
           count(*) FILTER (WHERE NOT waits) AS posted_count,
           coalesce(sum(amount_xof) FILTER (WHERE waits), 0) AS suspense_xof,
           count(*) FILTER (WHERE waits) AS suspense_count,
           count(*) FILTER (WHERE provenance = 'signed_callback') AS proved_by_callback_count,
           count(*) FILTER (WHERE provenance = 'query') AS proved_by_query_count,
           count(*) FILTER (WHERE provenance = 'statement') AS proved_by_statement_count,
           count(*) FILTER (WHERE provenance = 'manual') AS proved_by_hand_count
      FROM ({HELD_ROWS}) AS held_row GROUP BY 1, 2
), breaks AS (
    SELECT operator, account, coalesce(sum(amount_xof), 0) AS breaks_xof,
           count(*) FILTER (WHERE closed_at IS NULL AND kind <> ALL (CAST(:informing AS text[]))) AS breaks_open_count
      FROM ({BREAK_ROWS}) AS break_row GROUP BY 1, 2
), known AS (
    SELECT asked.operator, coalesce(home.account, '') AS account
      FROM unnest(CAST(:operators AS text[])) AS asked(operator) LEFT JOIN home USING (operator)
    UNION SELECT operator, account FROM told
    UNION SELECT operator, account FROM statement_file WHERE period_start < :day_end AND covered_until > :alive_since
    UNION SELECT operator, account FROM held
    UNION SELECT operator, account FROM breaks
)
SELECT known.operator, known.account,
       coalesce(posted_xof, 0) AS posted_xof, coalesce(posted_count, 0) AS posted_count,
       coalesce(suspense_xof, 0) AS suspense_xof, coalesce(suspense_count, 0) AS suspense_count,
       coalesce(breaks_xof, 0) AS breaks_xof, coalesce(breaks_open_count, 0) AS breaks_open_count,
       coalesce(after_xof, 0) AS after_xof, coalesce(after_count, 0) AS after_count,
       coalesce(proved_by_callback_count, 0) AS proved_by_callback_count,
       coalesce(proved_by_query_count, 0) AS proved_by_query_count,
       coalesce(proved_by_statement_count, 0) AS proved_by_statement_count,
       coalesce(proved_by_hand_count, 0) AS proved_by_hand_count
  FROM known LEFT JOIN held USING (operator, account) LEFT JOIN breaks USING (operator, account)
 ORDER BY known.operator, known.account
""")  # noqa: S608 - our own text

_PUSHES = text("""
SELECT state, count(*) AS push_count, sum(amount_xof) AS asked_xof
  FROM payment_request WHERE created_at >= :day_start AND created_at < :day_end
 GROUP BY state ORDER BY state
""")

_OLDEST_UNKNOWN = text("""
    SELECT min(created_at)
      FROM payment_request_queue queue JOIN payment_request request ON request.id = queue.request_id
     WHERE queue.state = 'unknown'
""")


async def day_report(connection: AsyncConnection, day: date, operators: Collection[str]) -> DaySummary:
    """Return the reconciliation of ``day`` for these operators and every other one that the day knows."""
    day_start, day_end = bounds(day)
    period = {"day_start": day_start, "day_end": day_end}
    told = await statement_days(connection, day_start, day_end)
    asked = {
        **asked_of(day, told),
        "alive_since": day_start - ACCOUNT_LIVES,
        "operators": sorted(operators),
        "informing": sorted(INFORMING),
    }
    books = (await connection.execute(_BOOKS, asked)).mappings().all()
    pushes = await connection.execute(_PUSHES, period)
    return DaySummary(
        day=day,
        rows=tuple(_operator_day(day, found, told.get((found["operator"], found["account"]))) for found in books),
        pushes=tuple(PushesInState(found.state, found.push_count, int(found.asked_xof)) for found in pushes),
        oldest_unknown_at=await connection.scalar(_OLDEST_UNKNOWN),
    )


def asked_of(day: date, told: Mapping[tuple[str, str], StatementDay]) -> dict[str, object]:
    """Return what the rows of a day's figures must be told: the day, and up to which moment each account is stated."""
    day_start, day_end = bounds(day)
    return {
        "day": day,
        "day_start": day_start,
        "day_end": day_end,
        "told_operators": [operator for operator, _ in told],
        "told_accounts": [account for _, account in told],
        # Of a day that is stated to its end nothing came after.
        "told_untils": [None if one.is_whole else one.stated_until for one in told.values()],
    }


def bounds(day: date) -> tuple[datetime, datetime]:
    """Return the first instant of a day and that of the next; Mali lives on UTC all year."""
    return day_bounds(day)


def _operator_day(day: date, found: RowMapping, told: StatementDay | None) -> OperatorDay:
    # PostgreSQL adds bigint up to numeric, which arrives as Decimal.
    known: dict[str, Any] = {name: int(value) if isinstance(value, Decimal) else value for name, value in found.items()}
    if told is None:
        return OperatorDay(day=day, **known)
    says_xof = told.movement_xof + told.fees_xof + told.transfers_xof
    explained_xof = known["posted_xof"] + known["suspense_xof"] + known["breaks_xof"]
    return OperatorDay(
        day=day,
        **known,
        statement_received=told.is_whole,
        is_verifiable=told.is_verifiable,
        opening_xof=told.opening_xof,
        collections_xof=told.collections_xof,
        reversals_xof=told.reversals_xof,
        fees_xof=told.fees_xof,
        transfers_xof=told.transfers_xof,
        others_xof=told.others_xof,
        contradictions_xof=told.contradictions_xof,
        closing_xof=told.closing_xof,
        movement_xof=told.movement_xof,
        operator_amount_xof=says_xof,
        operator_payment_count=told.collections_count,
        unexplained_xof=says_xof - explained_xof if told.is_whole else None,
        lines_waiting_count=told.lines_waiting_count,
        stated_until=None if told.is_whole else told.stated_until,
    )


def _added(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
