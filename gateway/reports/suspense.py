"""Money received whose household is not known yet, with its age and its payer's masked number."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from gateway.reports.slices import SLICE_ROWS
from payments.ledger import chart
from payments.msisdn import mask
from payments.tables import LedgerEntry, LedgerTxnRow, Payment

#: Jumps from one account to the next along the index: a handful of looks, however many entries there are.
SUSPENSE_ACCOUNTS = text("""
    WITH RECURSIVE used AS (
        SELECT min(account) AS account FROM ledger_entry
         UNION ALL
        SELECT (SELECT min(account) FROM ledger_entry WHERE account > used.account) FROM used
         WHERE used.account IS NOT NULL
    )
    SELECT account FROM used WHERE starts_with(account, :prefix)
""")


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
    held_because: str | None = None

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
    statement = select(func.count(), func.coalesce(func.sum(col(Payment.amount_xof)), 0)).where(_waits())
    count, sum_xof = (await connection.execute(statement)).one()
    return SuspenseTotal(count, int(sum_xof))


async def open_suspense(connection: AsyncConnection, today: date, limit: int | None = None) -> tuple[SuspenseRow, ...]:
    """Give the payments whose money still stands on a suspense account, the oldest first: all, or ``limit``."""
    return _rows((await connection.execute(_waiting().limit(limit))).all(), today)


async def each_open_suspense(connection: AsyncConnection, today: date) -> AsyncGenerator[tuple[SuspenseRow, ...]]:
    """Give all that ``open_suspense`` would, in slices: however many there are, few are held at once."""
    statement = _waiting().execution_options(yield_per=SLICE_ROWS)
    result = await connection.stream(statement)
    try:
        async for rows in result.partitions():
            yield _rows(rows, today)
    finally:
        # The library's own "async with" leaves the cursor open when whoever reads stops by an exception.
        await result.close()


def _waiting() -> Select[*tuple[Any, ...]]:
    statement: Select[*tuple[Any, ...]] = select(
        col(Payment.id),
        col(Payment.receipt_number),
        col(Payment.operator),
        col(Payment.operator_transaction_id),
        col(Payment.amount_xof),
        col(Payment.payer_msisdn),
        col(Payment.our_reference),
        col(Payment.occurred_at),
        col(Payment.held_because),
    )
    return statement.where(_waits()).order_by(col(Payment.occurred_at), col(Payment.id))


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
            held_because=row.held_because,
        )
        for row in found
    )


def _waits() -> ColumnElement[bool]:
    # Money leaves suspense by a ledger transaction that reverses the one which put it there.
    moved_on = select(col(LedgerTxnRow.id)).where(col(LedgerTxnRow.reverses_id) == col(Payment.ledger_txn_id))
    return and_(col(Payment.household_id).is_(None), ~moved_on.exists())


async def suspense_balance_xof(connection: AsyncConnection) -> int:
    """Give what the ledger itself holds in suspense, to be compared with the list."""
    accounts = (await connection.execute(SUSPENSE_ACCOUNTS, {"prefix": f"{chart.SUSPENSE}/"})).scalars().all()
    statement = select(func.coalesce(-func.sum(col(LedgerEntry.amount_xof)), 0)).where(
        col(LedgerEntry.account).in_(accounts)
    )
    return int(await connection.scalar(statement) or 0)
