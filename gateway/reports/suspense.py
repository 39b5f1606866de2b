"""Money received whose household is not known yet, with its age and its payer's masked number."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, Select, column, func, select, table
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.reports.slices import SLICE_ROWS
from payments.ledger import chart
from payments.ledger.totals import account_totals
from payments.msisdn import mask

#: What waits is said by one view, for whoever asks.
WAITING = table(
    "payment_in_suspense",
    *map(
        column,
        (
            "id", "receipt_number", "operator", "operator_transaction_id", "amount_xof", "payer_msisdn",
            "our_reference", "occurred_at", "hold_reason",
        ),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SuspenseRow:
    """One payment that waits for its household, or, where it is held, for two people to decide."""

    payment_id: int
    receipt_number: str
    operator: str
    operator_transaction_id: str
    amount_xof: int
    payer_masked: str
    our_reference: str
    occurred_at: datetime
    age_days: int
    hold_reason: str | None = None

    @property
    def payer_in_file(self) -> str:
        """Write the payer as a spreadsheet takes it for a text: without the plus sign of a formula."""
        return self.payer_masked.removeprefix("+")


@dataclass(frozen=True, slots=True)
class SuspenseTotal:
    """How many payments wait for their household, and their sum."""

    count: int
    sum_xof: int


async def open_suspense_total(connection: AsyncConnection) -> SuspenseTotal:
    """Count and add up every payment that ``open_suspense`` would list without a limit."""
    statement = select(func.count(), func.coalesce(func.sum(WAITING.c.amount_xof), 0)).select_from(WAITING)
    count, sum_xof = (await connection.execute(statement)).one()
    return SuspenseTotal(count, int(sum_xof))


async def open_suspense(connection: AsyncConnection, today: date, limit: int | None = None) -> tuple[SuspenseRow, ...]:
    """Return the payments whose money still stands on a suspense account, the oldest first: all, or ``limit``."""
    return _rows((await connection.execute(_waiting().limit(limit))).all(), today)


async def each_open_suspense(connection: AsyncConnection, today: date) -> AsyncGenerator[tuple[SuspenseRow, ...]]:
    """Return all that ``open_suspense`` would, in slices: however many there are, few are held at once."""
    statement = _waiting().execution_options(yield_per=SLICE_ROWS)
    result = await connection.stream(statement)
    try:
        async for rows in result.partitions():
            yield _rows(rows, today)
    finally:
        # The library's own "async with" leaves the cursor open when whoever reads stops by an exception.
        await result.close()


def _waiting() -> Select[*tuple[Any, ...]]:
    statement: Select[*tuple[Any, ...]] = select(*WAITING.columns)
    return statement.order_by(WAITING.c.occurred_at, WAITING.c.id)


def _rows(found: Sequence[Row[Any]], today: date) -> tuple[SuspenseRow, ...]:
    return tuple(
        SuspenseRow(
            payment_id=row.id,
            receipt_number=row.receipt_number,
            operator=row.operator,
            operator_transaction_id=row.operator_transaction_id,
            amount_xof=row.amount_xof,
            payer_masked=mask(row.payer_msisdn) if row.payer_msisdn else "",
            our_reference=row.our_reference or "",
            occurred_at=row.occurred_at,
            age_days=max((today - row.occurred_at.date()).days, 0),
            hold_reason=row.hold_reason,
        )
        for row in found
    )


async def suspense_balance_xof(connection: AsyncConnection) -> int:
    """Return what the ledger itself holds in suspense, to be compared with the list."""
    prefix = f"{chart.SUSPENSE}/"
    return -sum(one.balance_xof for one in await account_totals(connection) if one.account.startswith(prefix))
