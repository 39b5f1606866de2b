"""Payments as a list: every one, the newest first, or those that a search and its filters leave.

A search that can name payments by itself, by a number, a reference or a name, is answered from indexes first, and what
it found is then listed. Everything else walks back through the days, operator by operator or through one amount, in
the order of an index. What a filter leaves of that may be rare: so no page looks at more than ``LOOKED_AT_MAX``
payments, and it says how far it came.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.reports.payment_search import found_payments
from gateway.reports.payment_words import NOTHING, Channel, Matching, Sought, Standing
from gateway.reports.slices import SLICE_ROWS
from payments.msisdn import mask

PAGE_ROWS: Final = 50
LOOKED_AT_MAX: Final = 20_000

COLUMNS: Final = (
    "id, receipt_number, operator, operator_transaction_id, amount_xof, fee_xof, payer_msisdn, matched_by, request_id,"
    " party_id, ledger_txn_id, occurred_at, hold_reason"
)
NEWEST_FIRST: Final = "ORDER BY occurred_at DESC, id DESC"

#: Filtered and cut first, then looked up: a page joins as many rows as it shows.
LISTED: Final = """
    SELECT payment.*, household.ramu_number,
           EXISTS (SELECT FROM ledger_txn WHERE reverses_id = payment.ledger_txn_id) AS is_reversed
      FROM (SELECT * FROM (SELECT * FROM ({source}) AS taken{looked_at}) AS looked WHERE true{kept} {order}{most})
           AS payment
      LEFT JOIN LATERAL (SELECT party_id, turn FROM suspense_assignment WHERE payment_id = payment.id
                          ORDER BY turn DESC LIMIT 1) AS given ON payment.party_id IS NULL
      LEFT JOIN household ON household.id = coalesce(payment.party_id, CASE WHEN given.turn % 2 = 1
                                                                            THEN given.party_id END)
     {order}
"""
# Counted for each row and not joined: so the list stays in the order of its index, and ends when it is full.
REVERSED: Final = "(SELECT count(*) FROM ledger_txn WHERE reverses_id = looked.ledger_txn_id) > 0"
WAITS: Final = (
    "looked.party_id IS NULL"
    " AND (SELECT coalesce(max(turn), 0) % 2 = 0 FROM suspense_assignment WHERE payment_id = looked.id)"
)

#: What each filter leaves of what was looked at.
KEPT: Final = {
    Standing.CREDITED: f"NOT ({WAITS}) AND NOT {REVERSED}",
    Standing.WAITING: f"{WAITS} AND NOT {REVERSED}",
    Standing.REVERSED: REVERSED,
    Channel.ASKED: "request_id IS NOT NULL",
    Channel.UNASKED: "request_id IS NULL",
    Matching.REFERENCE: "matched_by = 'reference'",
    Matching.PAYER: "matched_by = 'payer'",
    Matching.SUSPENSE: "matched_by = 'suspense'",
}
#: Those that an index can answer, too: what came without a household, and what was taken back.
INDEXED: Final = {
    Standing.WAITING: " AND party_id IS NULL",
    Matching.SUSPENSE: " AND party_id IS NULL",
    Standing.REVERSED: " AND ledger_txn_id IN (SELECT reverses_id FROM ledger_txn WHERE reverses_id IS NOT NULL)",
}

OPERATORS = text("SELECT DISTINCT operator FROM account WHERE kind = 'clearing' AND operator IS NOT NULL ORDER BY 1")
PLACE = text("SELECT occurred_at, id FROM payment WHERE receipt_number = :receipt_number")


@dataclass(frozen=True, slots=True)
class PaymentQuery:
    """Which payments are asked for; ``before`` is the receipt after whose payment the list goes on."""

    sought: Sought = NOTHING
    day: date | None = None
    operator: str | None = None
    standing: Standing | None = None
    channel: Channel | None = None
    matching: Matching | None = None
    before: str | None = None

    @property
    def filters(self) -> tuple[Standing | Channel | Matching, ...]:
        """Return the filters that only looking at a payment can answer."""
        return tuple(one for one in (self.standing, self.channel, self.matching) if one is not None)


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """One payment of a list; its payer's number is masked."""

    receipt_number: str
    occurred_at: datetime
    operator: str
    operator_transaction_id: str
    amount_xof: int
    fee_xof: int | None
    payer_masked: str
    ramu_number: str
    matched_by: Matching
    channel: Channel
    standing: Standing
    hold_reason: str | None

    @property
    def payer_in_file(self) -> str:
        """Write the payer as a spreadsheet takes it for a text: without the plus sign of a formula."""
        return self.payer_masked.removeprefix("+")


@dataclass(frozen=True, slots=True)
class PaymentPage:
    """A page of the list; ``next_before`` is where the next one goes on, ``looked_until`` how far an unfilled one came.

    ``too_many_households`` says that a name is borne by so many that nothing was listed.
    """

    rows: tuple[PaymentRow, ...]
    next_before: str | None = None
    looked_until: datetime | None = None
    too_many_households: bool = False


@dataclass(frozen=True, slots=True)
class _Source:
    """From where payments are taken, in their order, and what its text must be told."""

    sql: str
    values: dict[str, object]
    is_walked: bool


async def payment_page(connection: AsyncConnection, query: PaymentQuery) -> PaymentPage:
    """Return one page of the payments that are asked for."""
    source = await _source(connection, query)
    if source is None:
        return PaymentPage((), too_many_households=True)
    looked_at = LOOKED_AT_MAX if source.is_walked and query.filters else None
    statement = _listed(source, query, looked_at=looked_at, most=PAGE_ROWS + 1)
    found = (await connection.execute(statement, source.values)).all()
    rows = tuple(map(_row, found[:PAGE_ROWS]))
    if len(found) > PAGE_ROWS:
        return PaymentPage(rows, rows[-1].receipt_number)
    if looked_at is None:
        return PaymentPage(rows)
    last = (await connection.execute(_last_looked_at(source, looked_at), source.values)).one_or_none()
    return PaymentPage(rows, *last) if last is not None else PaymentPage(rows)


async def each_payment(connection: AsyncConnection, query: PaymentQuery) -> AsyncGenerator[tuple[PaymentRow, ...]]:
    """Return all that the pages of a query would, in slices: however many there are, few are held at once."""
    source = await _source(connection, query)
    if source is None:
        return
    result = await connection.stream(_listed(source, query).execution_options(yield_per=SLICE_ROWS), source.values)
    try:
        async for rows in result.partitions():
            yield tuple(map(_row, rows))
    finally:
        # The library's own "async with" leaves the cursor open when whoever reads stops by an exception.
        await result.close()


async def _source(connection: AsyncConnection, query: PaymentQuery) -> _Source | None:
    """Return where to take the payments from; None where a name is borne by too many households."""
    bounds, values = await _bounds(connection, query)
    sought = query.sought
    if sought.names_one:
        ids = await found_payments(connection, sought)
        if ids is None:
            return None
        if ids or sought.amount_xof is None:
            return _one_walk(f"{bounds} AND id = ANY(CAST(:ids AS bigint[]))", {**values, "ids": ids}, is_walked=False)
    if sought.amount_xof is not None:
        bounds, values = f"{bounds} AND amount_xof = :amount_xof", {**values, "amount_xof": sought.amount_xof}
    elif query.standing not in INDEXED and query.matching not in INDEXED:
        known = [str(one) for one in (await connection.execute(OPERATORS)).scalars()]
        return _walk_of_each([one for one in known if query.operator in (None, one)], bounds, values)
    return _one_walk(bounds, values, is_walked=True)


def _one_walk(bounds: str, values: dict[str, object], *, is_walked: bool) -> _Source:
    sql = f"SELECT {COLUMNS} FROM payment WHERE true{bounds} {NEWEST_FIRST}"  # noqa: S608 - our own text
    return _Source(sql, values, is_walked)


def _walk_of_each(operators: Sequence[str], bounds: str, values: dict[str, object]) -> _Source:
    """Return every payment of some operators, each in the order of its index, merged."""
    each = [
        f"(SELECT {COLUMNS} FROM payment WHERE operator = :operator_{number} {bounds} {NEWEST_FIRST})"  # noqa: S608 - our own text
        for number in range(len(operators))
    ]
    named = {f"operator_{number}": name for number, name in enumerate(operators)}
    merged = " UNION ALL ".join(each) or f"SELECT {COLUMNS} FROM payment WHERE false"  # noqa: S608 - our own text
    return _Source(f"SELECT * FROM ({merged}) AS merged {NEWEST_FIRST}", {**values, **named}, is_walked=True)  # noqa: S608 - our own text


async def _bounds(connection: AsyncConnection, query: PaymentQuery) -> tuple[str, dict[str, object]]:
    """Return the day and the place behind which the list goes on, as conditions of an index."""
    bounds, values = "", dict[str, object]()
    if query.day is not None:
        start = datetime.combine(query.day, time(), UTC)
        bounds += " AND occurred_at >= :day_start AND occurred_at < :day_end"
        values |= {"day_start": start, "day_end": start + timedelta(days=1)}
    if query.before is not None:
        place = (await connection.execute(PLACE, {"receipt_number": query.before})).one_or_none()
        # One that does not exist is behind nothing.
        at, number = (place.occurred_at, place.id) if place else (datetime(1, 1, 1, tzinfo=UTC), 0)
        bounds += " AND occurred_at <= :before_at AND (occurred_at, id) < (:before_at, :before_id)"
        values |= {"before_at": at, "before_id": number}
    if query.operator is not None:
        bounds, values = f"{bounds} AND operator = :operator", {**values, "operator": query.operator}
    return bounds + "".join(dict.fromkeys(INDEXED[one] for one in query.filters if one in INDEXED)), values


def _listed(
    source: _Source, query: PaymentQuery, *, looked_at: int | None = None, most: int | None = None
) -> TextClause:
    return text(
        LISTED.format(
            source=source.sql,
            looked_at="" if looked_at is None else f" LIMIT {looked_at:d}",
            kept="".join(f" AND {KEPT[one]}" for one in query.filters),
            order=NEWEST_FIRST,
            most="" if most is None else f" LIMIT {most:d}",
        )
    )


def _last_looked_at(source: _Source, looked_at: int) -> TextClause:
    taken = f"SELECT receipt_number, occurred_at FROM ({source.sql}) AS taken"  # noqa: S608 - our own text
    return text(f"{taken} OFFSET {looked_at - 1:d} LIMIT 1")


def _row(row: Row[Any]) -> PaymentRow:
    standing = Standing.CREDITED if row.ramu_number else Standing.WAITING
    return PaymentRow(
        receipt_number=row.receipt_number,
        occurred_at=row.occurred_at,
        operator=row.operator,
        operator_transaction_id=row.operator_transaction_id,
        amount_xof=row.amount_xof,
        fee_xof=row.fee_xof,
        payer_masked=mask(row.payer_msisdn) if row.payer_msisdn else "",
        ramu_number=row.ramu_number or "",
        matched_by=Matching(row.matched_by),
        channel=Channel.UNASKED if row.request_id is None else Channel.ASKED,
        standing=Standing.REVERSED if row.is_reversed else standing,
        hold_reason=row.hold_reason,
    )
