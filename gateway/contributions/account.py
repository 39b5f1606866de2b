"""What a household owes and has paid, read whole and under lock."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.allocation import NewDueItem, OwedItem, items_due
from gateway.contributions.lots import Advance
from gateway.contributions.rights import CoveredItem, Rights, rights, threshold_xof
from gateway.contributions.scheme import HouseholdSize, Scheme, amount_due
from gateway.contributions.schemes import SchemeCatalog, SchemeMissing

#: Locked in the order of their ids, before anything of theirs is read.
LOCK = text("""
    SELECT id FROM household WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR NO KEY UPDATE
""")

HOUSEHOLDS = text("""
    SELECT household.id, ramu_number, scheme_code, scheme_version, registered_on, people_count, children_count,
           member.name,
           ARRAY(SELECT msisdn FROM phone_link WHERE phone_link.party_id = household.id AND valid_to IS NULL
                  ORDER BY valid_from, msisdn) AS phones
      FROM household JOIN member ON member.household_id = household.id AND member.is_head
     WHERE household.id = ANY(CAST(:ids AS bigint[]))
""")

ITEMS = text("""
    SELECT due_item.id, due_item.household_id, period_start, period_end, due_on, label, due_item.amount_xof,
           array_remove(array_agg(allocated_on ORDER BY allocation.id), NULL) AS paid_on,
           array_remove(array_agg(allocation.amount_xof ORDER BY allocation.id), NULL) AS paid_xof
      FROM due_item LEFT JOIN allocation ON allocation.due_item_id = due_item.id
     WHERE due_item.household_id = ANY(CAST(:ids AS bigint[]))
     GROUP BY due_item.id ORDER BY due_item.household_id, period_start
""")


@dataclass(frozen=True, slots=True)
class ItemOnAccount:
    """A due item with each amount that was allocated to it and the day on which it was paid."""

    id: int | None
    period_start: date
    period_end: date
    due_on: date
    label: str
    amount_xof: int
    paid: tuple[tuple[date, int], ...]

    @classmethod
    def opened(cls, new: NewDueItem) -> "ItemOnAccount":
        """Return a due item that is about to be written."""
        return cls(None, new.period_start, new.period_end, new.due_on, new.label, new.amount_xof, ())

    @property
    def paid_xof(self) -> int:
        """Return everything that was allocated to it."""
        return sum(amount_xof for _, amount_xof in self.paid)

    def reached_on(self, threshold: int) -> date | None:
        """Return the day on which the payments, in the order of their days, reached a threshold."""
        total_xof = 0
        for paid_on, amount_xof in sorted(self.paid):
            total_xof += amount_xof
            if total_xof >= threshold:
                return paid_on
        return None


@dataclass(frozen=True, slots=True)
class HouseholdAccount:
    """A household with its scheme, its due items, what it holds in advance and the people to tell."""

    id: int
    ramu_number: str
    name: str
    phones: tuple[str, ...]
    scheme: Scheme
    registered_on: date
    size: HouseholdSize
    items: tuple[ItemOnAccount, ...]
    advances: tuple[Advance, ...] = ()

    def as_of(self, today: date) -> "HouseholdAccount":
        """Add what has fallen due since, paid from what is held in advance: at midnight nobody waits for a job."""
        known_until = max((item.period_end for item in self.items), default=None)
        owed_xof = amount_due(self.scheme, self.size).member_xof
        fallen = items_due(self.scheme, self.registered_on, known_until, owed_xof, today)
        items = (*self.items, *map(ItemOnAccount.opened, fallen))
        return replace(self, items=_paid_from(self.advances, items, today) if self.advances else items)

    def due_items(self) -> tuple[OwedItem, ...]:
        """Return the due items as allocation sees them."""
        return tuple(
            OwedItem(item.id, item.period_start, item.period_end, item.due_on, item.amount_xof, item.paid_xof)
            for item in self.items
        )

    def covered_items(self) -> tuple[CoveredItem, ...]:
        """Return the due items as rights see them."""
        rule = self.scheme.rights
        return tuple(
            CoveredItem(
                item.period_start,
                item.period_end,
                item.amount_xof,
                item.paid_xof,
                item.reached_on(threshold_xof(item.amount_xof, rule.open_threshold_bp)),
            )
            for item in self.items
        )

    def rights_on(self, today: date) -> Rights:
        """Return where the household stands on a day."""
        return rights(self.scheme, self.covered_items(), today)


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts that could be read, and why the others could not."""

    readable: dict[int, HouseholdAccount]
    faults: dict[int, str]


async def lock_households(connection: AsyncConnection, household_ids: Sequence[int]) -> None:
    """Lock households in the order of their ids, before anything of theirs is read."""
    await connection.execute(LOCK, {"ids": list(household_ids)})


async def read_accounts(connection: AsyncConnection, catalog: SchemeCatalog, household_ids: Sequence[int]) -> Accounts:
    """Lock households, then read what they owe and have paid; one that cannot be read stops no other."""
    if not household_ids:
        return Accounts({}, {})
    wanted = {"ids": list(household_ids)}
    await lock_households(connection, household_ids)
    households = (await connection.execute(HOUSEHOLDS, wanted)).all()
    if any((row.scheme_code, row.scheme_version) not in catalog.schemes for row in households):
        await catalog.refresh(connection)
    items = defaultdict(list)
    for row in (await connection.execute(ITEMS, wanted)).all():
        items[row.household_id].append(_item(row))
    accounts = Accounts({}, dict.fromkeys(household_ids, "the household has no head"))
    for row in households:
        try:
            accounts.readable[row.id] = _account(row, catalog, tuple(items[row.id]))
        except (SchemeMissing, ValueError) as failure:
            accounts.faults[row.id] = f"{type(failure).__name__}: {failure}"
        else:
            del accounts.faults[row.id]
    return accounts


def _paid_from(advances: Sequence[Advance], items: Sequence[ItemOnAccount], today: date) -> tuple[ItemOnAccount, ...]:
    """Return the items as they stand once what is held has paid what is due, oldest first."""
    lots = [(lot.paid_on, lot.amount_xof) for lot in advances]
    paid: list[ItemOnAccount] = []
    for item in sorted(items, key=lambda item: item.period_start):
        current = item
        while lots and current.due_on <= today and current.paid_xof < current.amount_xof:
            (paid_on, left_xof), *rest = lots
            part_xof = min(left_xof, current.amount_xof - current.paid_xof)
            current = replace(current, paid=(*current.paid, (paid_on, part_xof)))
            lots = [(paid_on, left_xof - part_xof), *rest] if part_xof < left_xof else rest
        paid.append(current)
    return tuple(paid)


def _item(row: Row[Any]) -> ItemOnAccount:
    paid = tuple(zip(row.paid_on, row.paid_xof, strict=True))
    return ItemOnAccount(row.id, row.period_start, row.period_end, row.due_on, row.label, row.amount_xof, paid)


def _account(row: Row[Any], catalog: SchemeCatalog, items: tuple[ItemOnAccount, ...]) -> HouseholdAccount:
    return HouseholdAccount(
        id=row.id,
        ramu_number=row.ramu_number,
        name=row.name,
        phones=tuple(row.phones),
        scheme=catalog.get(row.scheme_code, row.scheme_version),
        registered_on=row.registered_on,
        size=HouseholdSize(row.people_count, row.children_count),
        items=items,
    )
