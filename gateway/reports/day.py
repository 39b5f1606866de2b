"""The reconciliation of one day: the operator says = posted + suspense + breaks + unexplained, to the franc."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.reconciliation.breaks import OTHER_HALF_ARRIVED


@dataclass(frozen=True, slots=True)
class OperatorDay:
    """One operator's day; what the operator says is None while no statement touches the day."""

    day: date
    operator: str
    statement_received: bool
    operator_says_xof: int | None
    operator_says_count: int | None
    posted_xof: int
    posted_count: int
    suspense_xof: int
    suspense_count: int
    breaks_xof: int
    breaks_open_count: int
    fees_xof: int
    unexplained_xof: int | None
    lines_waiting_count: int
    proved_by_callback_count: int
    proved_by_query_count: int
    proved_by_statement_count: int
    proved_by_hand_count: int


@dataclass(frozen=True, slots=True)
class PushesInState:
    """How many payment requests of the day stand in one state."""

    state: str
    push_count: int
    asked_xof: int


@dataclass(frozen=True, slots=True)
class DayReport:
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
        return OperatorDay(day=self.day, operator="", statement_received=received, **sums)


# One statement, so that every figure is of the same instant. A transaction counts once however many files name it: the
# matcher marked the repetitions of older files, and what it has not yet seen is sifted here. A file says nothing of
# what came after its import, whatever period it prints. A transaction may be charged several times, even twice the
# same: within a file every fee line counts, and the same line of another file is the same fee. A break whose
# transaction has come to agree on both sides stays on record without being counted.
_OPERATOR_DAYS = text("""
WITH said AS (
    SELECT DISTINCT ON (operator, kind, coalesce(operator_transaction_id, file_id || ':' || line_number))
           operator, operator_transaction_id, kind, fee_xof,
           CASE kind WHEN 'collection' THEN coalesce(amount_xof, 0) ELSE -coalesce(amount_xof, 0) END AS amount_xof
      FROM statement_line
     WHERE occurred_at >= :day_start AND occurred_at < :day_end
       AND (kind = 'collection' AND status = 'succeeded'
            OR kind = 'reversal' AND status IN ('succeeded', 'reversed'))
       AND bucket IS DISTINCT FROM 'duplicate'
     ORDER BY operator, kind, coalesce(operator_transaction_id, file_id || ':' || line_number), file_id, line_number
), charged AS (
    SELECT DISTINCT ON (operator, name, occurred_at, fee_xof, place) operator, fee_xof
      FROM (SELECT operator, name, occurred_at, fee_xof,
                   row_number() OVER (PARTITION BY file_id, name, occurred_at, fee_xof) AS place
              FROM (SELECT operator, file_id, occurred_at, coalesce(fee_xof, amount_xof) AS fee_xof,
                           coalesce(operator_transaction_id, file_id || ':' || line_number) AS name
                      FROM statement_line
                     WHERE occurred_at >= :day_start AND occurred_at < :day_end
                       AND kind = 'fee' AND status = 'succeeded' AND bucket IS DISTINCT FROM 'duplicate') AS fee
           ) AS placed
), says AS (
    SELECT operator, sum(amount_xof) AS amount_xof, coalesce(sum(fee_xof), 0) AS fee_xof,
           count(*) FILTER (WHERE kind = 'collection') AS collections
      FROM (SELECT operator, kind, amount_xof, fee_xof FROM said
             UNION ALL SELECT operator, 'fee', 0, fee_xof FROM charged) AS spoken
     GROUP BY operator
), waiting AS (
    SELECT operator, count(*) AS lines
      FROM statement_line
     WHERE occurred_at >= :day_start AND occurred_at < :day_end AND matched_at IS NULL
     GROUP BY operator
), covered AS (
    SELECT operator,
           range_agg(tstzrange(period_start, least(period_end, imported_at)))
             @> tstzrange(:day_start, :day_end) AS whole_day
      FROM statement_file
     WHERE period_start < :day_end AND period_end > :day_start AND period_start < least(period_end, imported_at)
     GROUP BY operator
), held AS (
    SELECT operator,
           coalesce(sum(amount_xof) FILTER (WHERE household_id IS NOT NULL), 0) AS posted_xof,
           count(*) FILTER (WHERE household_id IS NOT NULL) AS posted_count,
           coalesce(sum(amount_xof) FILTER (WHERE household_id IS NULL), 0) AS suspense_xof,
           count(*) FILTER (WHERE household_id IS NULL) AS suspense_count,
           count(*) FILTER (WHERE provenance = 'signed_callback') AS by_callback,
           count(*) FILTER (WHERE provenance = 'query') AS by_query,
           count(*) FILTER (WHERE provenance = 'statement') AS by_statement,
           count(*) FILTER (WHERE provenance = 'manual') AS by_hand
      FROM payment
     WHERE occurred_at >= :day_start AND occurred_at < :day_end
     GROUP BY operator
), differing AS (
    SELECT b.operator, b.closed_at,
           CASE WHEN s.amount_xof = p.amount_xof OR b.closed_because = :made_good THEN 0
                ELSE b.difference_xof END AS difference_xof
      FROM reconciliation_break b
      LEFT JOIN (SELECT operator, operator_transaction_id, sum(amount_xof) AS amount_xof
                   FROM said GROUP BY operator, operator_transaction_id) s
        ON (s.operator, s.operator_transaction_id) = (b.operator, b.subject)
      LEFT JOIN payment p
        ON (p.operator, p.operator_transaction_id) = (b.operator, b.subject)
       AND p.occurred_at >= :day_start AND p.occurred_at < :day_end
     WHERE b.day = :day
), breaks AS (
    SELECT operator, sum(difference_xof) AS difference_xof, count(*) FILTER (WHERE closed_at IS NULL) AS open
      FROM differing GROUP BY operator
), known AS (
    SELECT unnest(CAST(:operators AS text[])) AS operator
    UNION SELECT operator FROM says UNION SELECT operator FROM covered
    UNION SELECT operator FROM held UNION SELECT operator FROM breaks UNION SELECT operator FROM waiting
)
SELECT known.operator, coalesce(covered.whole_day, false) AS statement_received,
       CASE WHEN covered.operator IS NOT NULL OR says.operator IS NOT NULL
            THEN coalesce(says.amount_xof, 0) END AS operator_says_xof,
       CASE WHEN covered.operator IS NOT NULL OR says.operator IS NOT NULL
            THEN coalesce(says.collections, 0) END AS operator_says_count,
       coalesce(held.posted_xof, 0) AS posted_xof, coalesce(held.posted_count, 0) AS posted_count,
       coalesce(held.suspense_xof, 0) AS suspense_xof, coalesce(held.suspense_count, 0) AS suspense_count,
       coalesce(breaks.difference_xof, 0) AS breaks_xof, coalesce(breaks.open, 0) AS breaks_open_count,
       coalesce(says.fee_xof, 0) AS fees_xof, coalesce(waiting.lines, 0) AS lines_waiting_count,
       coalesce(held.by_callback, 0) AS proved_by_callback_count, coalesce(held.by_query, 0) AS proved_by_query_count,
       coalesce(held.by_statement, 0) AS proved_by_statement_count, coalesce(held.by_hand, 0) AS proved_by_hand_count
  FROM known
  LEFT JOIN says USING (operator) LEFT JOIN covered USING (operator) LEFT JOIN held USING (operator)
  LEFT JOIN breaks USING (operator) LEFT JOIN waiting USING (operator)
 ORDER BY known.operator
""")

_PUSHES = text("""
SELECT state, count(*) AS push_count, sum(amount_xof) AS asked_xof
  FROM payment_request WHERE created_at >= :day_start AND created_at < :day_end
 GROUP BY state ORDER BY state
""")

_OLDEST_UNKNOWN = text("SELECT min(created_at) FROM payment_request WHERE state = 'unknown'")


async def day_report(connection: AsyncConnection, day: date, operators: Collection[str]) -> DayReport:
    """Give the reconciliation of ``day`` for these operators and every other one that the day knows."""
    day_start, day_end = bounds(day)
    period = {"day_start": day_start, "day_end": day_end}
    asked = {**period, "day": day, "operators": sorted(operators), "made_good": OTHER_HALF_ARRIVED}
    days = await connection.execute(_OPERATOR_DAYS, asked)
    rows = tuple(_operator_day(day, found) for found in days.mappings().all())
    pushes = await connection.execute(_PUSHES, period)
    return DayReport(
        day=day,
        rows=rows,
        pushes=tuple(PushesInState(found.state, found.push_count, int(found.asked_xof)) for found in pushes),
        oldest_unknown_at=await connection.scalar(_OLDEST_UNKNOWN),
    )


def bounds(day: date) -> tuple[datetime, datetime]:
    """Give the first instant of a day and that of the next; Mali lives on UTC all year."""
    start = datetime.combine(day, time(), UTC)
    return start, start + timedelta(days=1)


def _operator_day(day: date, found: RowMapping) -> OperatorDay:
    # PostgreSQL adds bigint up to numeric, which arrives as Decimal.
    known: dict[str, Any] = {name: int(value) if isinstance(value, Decimal) else value for name, value in found.items()}
    says_xof = known["operator_says_xof"]
    explained_xof = known["posted_xof"] + known["suspense_xof"] + known["breaks_xof"]
    return OperatorDay(day=day, **known, unexplained_xof=None if says_xof is None else says_xof - explained_xof)


def _added(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
