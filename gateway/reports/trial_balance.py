"""Every account with its debits and its credits; the whole is zero or the books are wrong."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from payments.ledger import chart
from payments.ledger.totals import account_totals


@dataclass(frozen=True, slots=True)
class TrialBalanceRow:
    """One account; ``balance_xof`` is above zero when it is in debit."""

    account: str
    debit_xof: int
    credit_xof: int
    balance_xof: int


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """Every account that was ever used."""

    rows: tuple[TrialBalanceRow, ...]

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
        """Return whether the books add up to zero."""
        return self.debit_xof == self.credit_xof


async def trial_balance(connection: AsyncConnection) -> TrialBalance:
    """Return the balance of every account, by kind in the order of the chart."""
    rows = [
        TrialBalanceRow(one.account, one.debit_xof, one.credit_xof, one.balance_xof)
        for one in await account_totals(connection)
    ]
    return TrialBalance(tuple(sorted(rows, key=lambda row: (_place(row.account), row.account))))


def _place(account: str) -> int:
    kind = account.partition("/")[0]
    return chart.KINDS.index(kind) if kind in chart.KINDS else len(chart.KINDS)
