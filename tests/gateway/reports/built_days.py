"""Days made by hand: what the operator says, what we hold and what differs, written as the application's role."""

import itertools
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from hypothesis import strategies as st
from sqlalchemy import insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from payments.ledger import chart
from payments.ledger.entry import Entry, LedgerTxn
from payments.ledger.post import post, reserve_ids
from payments.observation import LineKind, Observation, ObservedStatus, Provenance
from payments.operators.contract import StatementLine, StatementTotals
from payments.reconciliation import uploads
from payments.tables import Break, Payment, PaymentRequest, StatementLineRow
from tests.parties import parties_up_to
from tests.statements import Statement, keep_whole

HOUSEHOLD = 7
NUMBERS = itertools.count(1)


class Fate(StrEnum):
    """What became of one operator transaction."""

    MATCHED = "matched"
    SUSPENSE = "suspense"
    AMOUNT_OPEN = "amount_open"
    AMOUNT_CLOSED = "amount_closed"
    LEDGER_ONLY = "ledger_only"
    LEDGER_ONLY_MADE_GOOD = "ledger_only_made_good"
    FAILED = "failed"
    REVERSED = "reversed"
    REPEATED = "repeated"
    MIDNIGHT = "midnight"
    WITHOUT_ID = "without_id"
    FEE = "fee"
    TRANSFER = "transfer"


@dataclass(frozen=True)
class Deal:
    """One operator transaction of a made day; ``other_xof`` is the second figure where a fate has two."""

    fate: Fate
    amount_xof: int
    other_xof: int
    second: int


@dataclass
class Expected:
    """The figures of the day, added up beside the database."""

    operator_amount_xof: int = 0
    posted_xof: int = 0
    suspense_xof: int = 0
    breaks_xof: int = 0
    breaks_open_count: int = 0
    fees_xof: int = 0
    fates: Counter[Fate] = field(default_factory=Counter)


DEALS = st.lists(
    st.builds(
        Deal,
        fate=st.sampled_from(Fate),
        amount_xof=st.integers(1, 2_000_000),
        other_xof=st.integers(1, 2_000_000),
        second=st.integers(0, 86_399),
    ).filter(lambda deal: deal.amount_xof != deal.other_xof),
    min_size=4,
    max_size=14,
)


@dataclass
class MadeDay:
    """A day being written; ``keep`` takes its statements in, in the order in which they were begun."""

    connection: AsyncConnection
    day: date
    operator: str
    now: datetime
    account: str = "RAMU"
    opening_xof: int | None = 0
    lasts: timedelta = timedelta(days=1)
    expected: Expected = field(default_factory=Expected)
    files: list[list[tuple[StatementLine, str | None]]] = field(default_factory=list)

    async def write(self, deals: list[Deal]) -> Expected:
        """Write a whole day, whose second statement gives all and the first a part, and give what must be said."""
        first, second = self.file(), self.file()
        for deal in deals:
            await self.deal(deal, first, second)
            self.expected.fates[deal.fate] += 1
        await self.keep()
        return self.expected

    async def deal(self, deal: Deal, first: int, second: int) -> None:
        said, name = self.expected, f"T{next(NUMBERS):08d}"
        at = datetime.combine(self.day, time(), UTC) + timedelta(seconds=deal.second)
        amount_xof, other_xof = deal.amount_xof, deal.other_xof
        match deal.fate:
            case Fate.MATCHED | Fate.REPEATED:
                await self.pay(name, amount_xof, at)
                if deal.fate is Fate.REPEATED:
                    self.line(first, name, amount_xof, at, "matched")
                self.line(second, name, amount_xof, at, "duplicate" if deal.fate is Fate.REPEATED else "matched")
                said.operator_amount_xof += amount_xof
                said.posted_xof += amount_xof
            case Fate.SUSPENSE:
                await self.pay(name, amount_xof, at, party_id=None)
                self.line(second, name, amount_xof, at, "suspense")
                await self.difference("UNIDENTIFIED", name, 0)
                said.operator_amount_xof += amount_xof
                said.suspense_xof += amount_xof
                said.breaks_open_count += 1
            case Fate.AMOUNT_OPEN | Fate.AMOUNT_CLOSED:
                await self.pay(name, other_xof, at)
                self.line(second, name, amount_xof, at, "amount_differs")
                closed = deal.fate is Fate.AMOUNT_CLOSED
                await self.difference("AMOUNT", name, amount_xof - other_xof, closed=closed)
                said.operator_amount_xof += amount_xof
                said.posted_xof += other_xof
                said.breaks_xof += amount_xof - other_xof
                said.breaks_open_count += not closed
            case Fate.LEDGER_ONLY:
                await self.pay(name, amount_xof, at)
                await self.difference("LEDGER_ONLY", name, -amount_xof)
                said.posted_xof += amount_xof
                said.breaks_xof -= amount_xof
                said.breaks_open_count += 1
            case Fate.LEDGER_ONLY_MADE_GOOD:
                await self.pay(name, amount_xof, at)
                await self.difference("LEDGER_ONLY", name, -amount_xof, superseded=True)
                self.line(second, name, amount_xof, at, "matched")
                said.operator_amount_xof += amount_xof
                said.posted_xof += amount_xof
            case _:
                await self.rarer(deal, name, at, second)

    async def rarer(self, deal: Deal, name: str, at: datetime, file: int) -> None:
        said, amount_xof = self.expected, deal.amount_xof
        match deal.fate:
            case Fate.FAILED:
                self.line(file, name, amount_xof, at, "not_money", status=ObservedStatus.FAILED)
            case Fate.REVERSED:
                await self.pay(name, amount_xof, at)
                self.line(file, name, amount_xof, at, "matched")
                self.line(file, name, amount_xof, at, "reversal", kind=LineKind.REVERSAL)
                await self.difference("REVERSAL", name, -amount_xof)
                said.posted_xof += amount_xof
                said.breaks_xof -= amount_xof
                said.breaks_open_count += 1
            case Fate.MIDNIGHT:
                await self.pay(name, amount_xof, at - timedelta(days=1))
                self.line(file, name, amount_xof, at, "matched")
                # It needs nobody, so it is not counted among what waits.
                await self.difference("TIMING", name, amount_xof)
                said.operator_amount_xof += amount_xof
                said.breaks_xof += amount_xof
            case Fate.WITHOUT_ID:
                self.line(file, None, amount_xof, at, "unreadable")
                await self.difference("STATEMENT_ONLY", f"sans {name}", amount_xof)
                said.operator_amount_xof += amount_xof
                said.breaks_xof += amount_xof
                said.breaks_open_count += 1
            case Fate.FEE:
                self.line(file, name, amount_xof, at, "not_money", kind=LineKind.FEE)
                said.fees_xof += amount_xof
            case Fate.TRANSFER:
                self.line(file, name, amount_xof, at, "not_money", kind=LineKind.TRANSFER)
            case other:
                raise AssertionError(other)

    def file(self) -> int:
        """Begin a statement of the day."""
        self.files.append([])
        return len(self.files) - 1

    def line(
        self,
        file: int,
        name: str | None,
        amount_xof: int,
        at: datetime,
        bucket: str | None,
        *,
        kind: LineKind = LineKind.COLLECTION,
        status: ObservedStatus = ObservedStatus.SUCCEEDED,
        fee_xof: int | None = None,
    ) -> None:
        """Write a line; a collection's fee was taken off it, and without a bucket the line waits."""
        is_fee = kind is LineKind.FEE
        observation = Observation(
            self.operator,
            Provenance.STATEMENT,
            status,
            amount_xof=None if is_fee else amount_xof,
            fee_xof=amount_xof if is_fee else fee_xof,
            operator_transaction_id=name,
            occurred_at=at,
        )
        moved_xof = (amount_xof - (fee_xof or 0)) if kind is LineKind.COLLECTION else -amount_xof
        if status is not ObservedStatus.SUCCEEDED:
            moved_xof = 0
        line = StatementLine(next(NUMBERS), kind, observation, "", moved_xof, None)
        self.files[file].append((line, bucket))

    async def keep(self, filename: str = "releve.csv") -> None:
        """Take in what was written, as the importer does, with the buckets that it would find."""
        start = datetime.combine(self.day, time(), UTC)
        opening_xof = self.opening_xof
        for file in self.files:
            lines = [line for line, _ in file]
            closing_xof = None if opening_xof is None else opening_xof + sum(line.moved_xof for line in lines)
            statement = Statement(
                self.operator, self.account, start, start + self.lasts, opening_xof, closing_xof, lines,
                StatementTotals(None, None, None),
            )  # fmt: skip
            content = f"{self.operator} {next(NUMBERS)}"
            kept = await keep_whole(self.connection, statement, filename, self.now, content)
            await uploads.mark_matched(self.connection, kept.file_id, 0)
            for line, bucket in file:
                marked = update(StatementLineRow).where(
                    col(StatementLineRow.file_id) == kept.file_id,
                    col(StatementLineRow.line_number) == line.line_number,
                )
                await self.connection.execute(marked.values(bucket=bucket, matched_at=self.now if bucket else None))
        self.files = []

    async def pay(self, name: str, amount_xof: int, at: datetime, *, party_id: int | None = HOUSEHOLD) -> None:
        txn_id = await self.post(name, amount_xof, at, party_id)
        await self.connection.execute(
            insert(Payment).values(
                operator=self.operator, operator_transaction_id=name, party_id=party_id,
                amount_xof=amount_xof, payer_msisdn="+22370123456", our_reference=None,
                matched_by="suspense" if party_id is None else "payer", provenance="query",
                occurred_at=at, posted_at=at, ledger_txn_id=txn_id, receipt_number=f"Q{name}",
            )
        )  # fmt: skip

    async def post(self, name: str, amount_xof: int, at: datetime, party_id: int | None) -> int:
        await parties_up_to(self.connection, HOUSEHOLD)
        account = chart.suspense(self.operator) if party_id is None else chart.CONTRIBUTIONS
        txn = LedgerTxn(
            ref=f"payment/{self.operator}/{name}",
            kind="payment",
            effective_at=at,
            actor=f"operator/{self.operator}",
            reason="query: payer",
            entries=(Entry(chart.clearing(self.operator), amount_xof), Entry(account, -amount_xof, party_id)),
        )
        [txn_id] = await reserve_ids(self.connection, 1)
        await post(self.connection, [(txn_id, txn)], at)
        return txn_id

    async def difference(
        self, kind: str, subject: str, difference_xof: int, *, closed: bool = False, superseded: bool = False
    ) -> None:
        await self.connection.execute(
            insert(Break).values(
                kind=kind, operator=self.operator, account=self.account, subject=subject, about=subject, day=self.day,
                difference_xof=difference_xof, detail={"code": "in_no_statement"}, opened_at=self.now,
                closed_at=self.now if closed or superseded else None,
                close_reason="explained" if closed else None, superseded_at=self.now if superseded else None,
            )
        )  # fmt: skip

    async def ask(self, state: str, amount_xof: int, at: datetime) -> None:
        number = next(NUMBERS)
        await parties_up_to(self.connection, HOUSEHOLD)
        await self.connection.execute(
            insert(PaymentRequest).values(
                operator=self.operator, reference=f"R{number:07d}", correlation_id=f"{number:032x}",
                callback_token=f"c{number}", idempotency_key=f"k{number}", party_id=HOUSEHOLD,
                payer_msisdn="+22370123456", amount_xof=amount_xof, state=state, submissions=0, inquiries=0,
                created_at=at,
            )
        )  # fmt: skip


async def park_a_callback(connection: AsyncConnection, now: datetime) -> None:
    """Set one callback aside, as the job does after its last try."""
    await connection.execute(
        text(
            "INSERT INTO callback (operator, method, path, query, headers, body, verdict, reason, received_at, "
            "attempts, parked_at) "
            "VALUES ('sandbox', 'PUT', '/webhooks/sandbox', '', '{}', '', 'accept_unverified', 'ok', :now, 9, :now)"
        ),
        {"now": now},
    )
