"""Applies money to what households owe: reads once under lock, decides purely, writes once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.account import HouseholdAccount, read_accounts
from gateway.contributions.allocation import Allocation, PeriodKey
from gateway.contributions.allocations import insert_allocations
from gateway.contributions.charges import insert_charges
from gateway.contributions.coverage import follow
from gateway.contributions.forecast import applied_to
from gateway.contributions.schemes import SchemeCatalog


@dataclass(frozen=True, slots=True)
class AllocationRequest:
    """Money that is to be applied to one household, by one ledger transaction."""

    household_id: int
    ledger_txn_id: int
    amount_xof: int
    paid_on: date


@dataclass(frozen=True, slots=True)
class Applied:
    """Where one amount went and how the household stands after it.

    Without an account nothing of the household could be worked out: all of the money is held for it in advance.
    ``began_on`` is the day on which its periods began before, where they are counted from the first payment.
    """

    money: AllocationRequest
    allocation: Allocation
    account: HouseholdAccount | None
    began_on: date | None = None

    @property
    def has_moved(self) -> bool:
        """Return whether the days of its periods were known before, and are others now."""
        return self.account is not None and self.began_on not in (None, self.account.begins_on)


@dataclass(frozen=True, slots=True)
class AllocationPlan:
    """Everything that applying a batch of money will write, and why some households could not be worked out."""

    applied: tuple[Applied, ...]
    faults: Mapping[int, str] = field(default_factory=dict)

    def accounts(self) -> dict[int, HouseholdAccount]:
        """Return each household's account as it stands after all of it."""
        return {one.account.id: one.account for one in self.applied if one.account is not None}

    def advances_xof(self) -> dict[int, int]:
        """Return what no due item could take, by ledger transaction."""
        return {one.money.ledger_txn_id: one.allocation.advance_xof for one in self.applied}


async def plan(
    connection: AsyncConnection,
    catalog: SchemeCatalog,
    monies: Sequence[AllocationRequest],
    now: datetime,
    *,
    ahead: bool = True,
) -> AllocationPlan:
    """Decide where each amount goes; ``ahead=False`` keeps to periods that are due already.

    A household that cannot be worked out refuses no money and stops no other: what comes for it is held in advance,
    with the day on which it was paid, until it can be.
    """
    accounts = await read_accounts(connection, catalog, sorted({money.household_id for money in monies}))
    readable, faults = accounts.readable, accounts.faults
    applied = []
    for money in monies:
        account = readable.pop(money.household_id, None)
        allocation, began_on = Allocation((), (), money.amount_xof), None
        if account is not None:
            began_on = account.begins_on
            try:
                allocation, account = applied_to(account, money.amount_xof, money.paid_on, now.date(), ahead=ahead)
                readable[money.household_id] = account
            except (ArithmeticError, LookupError, ValueError) as failure:
                faults[money.household_id] = f"{type(failure).__name__}: {failure}"
                allocation, account = Allocation((), (), money.amount_xof), None
        applied.append(Applied(money, allocation, account, began_on))
    return AllocationPlan(tuple(applied), faults)


async def write(connection: AsyncConnection, plan: AllocationPlan, now: datetime) -> None:
    """Charge the periods that were opened, write every allocation, and on which days the households are cared for.

    The ledger transactions are written before.
    """
    opened = {
        (one.money.household_id, item.key): (one.account.timetable, item)
        for one in plan.applied
        for item in one.allocation.opened
        if one.account is not None
    }
    ids: Mapping[tuple[int, PeriodKey], int] = await insert_charges(connection, list(opened.values()), now)
    rows = []
    for one in plan.applied:
        if one.account is None:
            continue
        known = {item.key: item.id for item in one.account.items if item.id is not None}
        for line in one.allocation.lines:
            charge_id = known.get(line.item.key) or ids[one.money.household_id, line.item.key]
            rows.append((one.money, charge_id, line.amount_xof))
    await insert_allocations(
        connection,
        [(m.household_id, charge_id, m.ledger_txn_id, amount_xof, m.paid_on) for m, charge_id, amount_xof in rows],
    )
    await follow(connection, list(plan.accounts().values()))
