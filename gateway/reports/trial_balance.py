"""Every account with its debits and its credits; the whole is zero or the books are wrong."""

from dataclasses import dataclass

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from payments.ledger import chart
from payments.tables import LedgerEntry


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """One account; ``balance_xof`` is above zero when it is in debit."""

    account: str
    debit_xof: int
    credit_xof: int
    balance_xof: int


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """Every account that was ever used."""

    rows: tuple[AccountBalance, ...]

    @property
    def debit_xof(self) -> int:
        """Add up the debits."""
        return sum(row.debit_xof for row in self.rows)

    @property
    def credit_xof(self) -> int:
        """Add up the credits, which must be as much as the debits."""
        return sum(row.credit_xof for row in self.rows)

    @property
    def is_balanced(self) -> bool:
        """Say whether the books add up to zero."""
        return self.debit_xof == self.credit_xof


async def trial_balance(connection: AsyncConnection) -> TrialBalance:
    """Give the balance of every account, by kind in the order of the chart."""
    amount_xof = col(LedgerEntry.amount_xof)
    statement = select(
        col(LedgerEntry.account),
        func.sum(case((amount_xof > 0, amount_xof), else_=0)).label("debit_xof"),
        func.sum(case((amount_xof < 0, -amount_xof), else_=0)).label("credit_xof"),
    ).group_by(col(LedgerEntry.account))
    rows = [
        AccountBalance(
            account=row.account,
            debit_xof=int(row.debit_xof),
            credit_xof=int(row.credit_xof),
            balance_xof=int(row.debit_xof) - int(row.credit_xof),
        )
        for row in await connection.execute(statement)
    ]
    return TrialBalance(tuple(sorted(rows, key=lambda row: (_place(row.account), row.account))))


def _place(account: str) -> int:
    kind = account.partition("/")[0]
    return chart.KINDS.index(kind) if kind in chart.KINDS else len(chart.KINDS)
