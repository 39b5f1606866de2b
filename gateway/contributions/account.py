"""What a household owes and has paid, read whole and under lock."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import islice
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.allocation import NewDueItem, OwedItem
from gateway.contributions.first_payment import begins_on, in_order_of_days
from gateway.contributions.households import OWN_CHARGES, read_households
from gateway.contributions.item_on_account import ItemOnAccount
from gateway.contributions.lots import Advance, total_xof
from gateway.contributions.period_rules import FirstPaymentPeriod
from gateway.contributions.rights import Rights, Stretch, rights, stretches
from gateway.contributions.schedule import KnownPeriod, later_periods, periods_ahead
from gateway.contributions.scheme import HouseholdSize, Scheme, amount_due
from gateway.contributions.schemes import SchemeCatalog, SchemeMissing
from gateway.contributions.timetable import Timetable

#: Money in advance of more periods than these is foreseen so far, and further when they have begun.
PERIODS_FORESEEN: Final = 120
#: In the place of days that are not kept with a charge, until they are worked out.
NO_DAYS: Final = (date.max, date.max, date.max)
NO_HEAD: Final = "the household has no head"

#: Under whichever version of the household's scheme a period was charged.
ITEMS = text(f"""
    WITH paid AS (
        SELECT charge_id, array_agg(allocated_on ORDER BY id) AS paid_on, array_agg(amount_xof ORDER BY id) AS paid_xof
          FROM allocation WHERE party_id = ANY(CAST(:ids AS bigint[])) GROUP BY charge_id),
    owed AS (
        SELECT household.id AS household_id, enrolment.scheme_code, enrolment.scheme_version,
               min(charge.id) FILTER (WHERE sequence = 1) AS id, period_start, period_end, due_on, number,
               CAST(sum(charge.amount_xof) AS bigint) AS amount_xof
          FROM household
          JOIN enrolment current ON current.id = household.enrolment_id
          JOIN enrolment ON enrolment.party_id = household.id AND enrolment.scheme_code = current.scheme_code
                        AND enrolment.member_id IS NULL
          JOIN {OWN_CHARGES} ON true
         WHERE household.id = ANY(CAST(:ids AS bigint[]))
         GROUP BY household.id, enrolment.id, period_start, period_end, due_on, number)
    SELECT owed.*, paid_on, paid_xof FROM owed LEFT JOIN paid ON paid.charge_id = owed.id
     ORDER BY household_id, period_start, number
""")  # noqa: S608 - our own text


@dataclass(frozen=True, slots=True)
class HouseholdAccount:
    """A household with its scheme, its due items, what it holds in advance and the people to tell.

    ``later`` are the versions of its scheme that came after its own: the next period may begin under one of them.
    Where periods are counted from the first payment, ``begins_on`` is the day of the first one once that is known, and
    ``expected_on`` the same or the day that a payment of today would make; ``with_days`` finds them.
    """

    id: int
    enrolment_id: int
    ramu_number: str
    name: str
    phones: tuple[str, ...]
    scheme: Scheme
    cercle_code: str
    registered_on: date
    size: HouseholdSize
    items: tuple[ItemOnAccount, ...]
    advances: tuple[Advance, ...] = ()
    later: tuple[Scheme, ...] = ()
    begins_on: date | None = None
    expected_on: date | None = None

    def as_of(self, today: date) -> "HouseholdAccount":
        """Add what has fallen due since, paid from what is held in advance: at midnight nobody waits for a job."""
        known = self.with_days(today)
        fallen = known.fallen_due(today)
        grown = known.with_opened(fallen)
        scheme = fallen[-1].scheme if fallen else known.scheme
        items, left = _paid_from(known.advances, grown.items, today)
        return replace(grown, scheme=scheme, items=items, advances=left)

    @property
    def is_numbered(self) -> bool:
        """Return whether its periods are counted from its first payment."""
        return isinstance(self.calendar.period, FirstPaymentPeriod)

    @property
    def has_begun(self) -> bool:
        """Return whether it is known when its periods begin."""
        return self.begins_on is not None or not self.is_numbered

    def with_days(self, today: date | None = None) -> "HouseholdAccount":
        """Return it with the days of its periods, where they are counted from the first payment.

        Before that they are those that a payment of today would make.
        """
        if not self.is_numbered:
            return self
        items, advances = in_order_of_days(self.items, self.advances)
        begun = begins_on(items, advances, self.calendar, self.registered_on)
        wait = timedelta(days=self.calendar.rights.waiting_days_new)
        expected_on = begun or max(today or self.registered_on, self.registered_on) + wait
        days = later_periods(self.calendar, self.registered_on, date.min, begins_on=expected_on)
        dated = tuple(
            replace(item, period_start=period.start, period_end=period.end, due_on=period.due_on)
            for item, period in zip(items, days, strict=False)
        )
        return replace(self, items=dated, advances=advances, begins_on=begun, expected_on=expected_on)

    @property
    def timetable(self) -> Timetable:
        """Return its place in its scheme, whatever it has paid."""
        return Timetable(
            id=self.id,
            enrolment_id=self.enrolment_id,
            cercle_code=self.cercle_code,
            registered_on=self.registered_on,
            size=self.size,
            scheme=self.scheme,
            later=self.later,
            calendar=self.calendar,
            known_until=max((item.period_end for item in self.items), default=None),
            begins_on=self.expected_on,
            has_begun=self.has_begun,
        )

    @property
    def calendar(self) -> Scheme:
        """Return the version that says when its periods begin: the one of its first, or that it enrolled under.

        Later ones move no period: all versions have one length and one season, and first periods are over by then.
        """
        return self.items[0].scheme if self.items else self.scheme

    def fallen_due(self, today: date) -> tuple[NewDueItem, ...]:
        """Return the periods that are due by a day and are not recorded yet."""
        return self.timetable.fallen_due(today)

    def openable(self, today: date) -> Iterator[NewDueItem]:
        """Yield the periods that are due by a day, and those that may be paid ahead, in their order."""
        timetable = self.timetable
        due = timetable.fallen_due(today)
        yield from due
        known: tuple[KnownPeriod, ...] = (*self.items, *due)
        running = due[-1].scheme if due else self.scheme
        most = running.advance.max_periods
        ahead = periods_ahead(self.calendar, self.registered_on, known, today, most=most, begins_on=self.expected_on)
        yield from timetable.priced(ahead, running)

    def with_opened(self, opened: Sequence[NewDueItem]) -> "HouseholdAccount":
        """Add periods as they stand once they are charged."""
        return replace(self, items=(*self.items, *map(ItemOnAccount.opened, opened)))

    def due_items(self) -> tuple[OwedItem, ...]:
        """Return the due items as allocation sees them."""
        return tuple(
            OwedItem(
                item.id,
                item.period_start,
                item.period_end,
                item.due_on,
                item.amount_xof,
                item.paid_xof,
                item.opens_at_xof,
                item.number,
            )
            for item in self.items
        )

    def covered_items(self) -> tuple[ItemOnAccount, ...]:
        """Return the due items as rights see them, each under the version that it was charged by: as they are."""
        return self.items

    def coverage(self) -> tuple[Stretch, ...]:
        """Return every day on which the household is cared for, by what was paid until now."""
        known = self.with_days()
        on = known.spent_on()
        spent = known if on is None else known.as_of(on)
        return stretches(spent.scheme.rights, spent.covered_items())

    def spent_on(self) -> date | None:
        """Return the day on which what is held in advance has paid all that it can; None if nothing is to come."""
        if not self.advances and all(amount_due(one, self.size).member_xof for one in (self.scheme, *self.later)):
            return None
        left_xof = total_xof(self.advances) - sum(item.remaining_xof for item in self.due_items())
        last = max((item.period_end for item in self.items), default=date.min)
        day = max((item.due_on for item in self.items), default=date.min) if self.advances else None
        scheme, timetable = self.scheme, self.timetable
        later = later_periods(self.calendar, self.registered_on, last, begins_on=self.expected_on)
        for period in islice(later, PERIODS_FORESEEN):
            scheme = timetable.following(scheme, period.start)
            owed_xof = amount_due(scheme, self.size, period.months_spared).member_xof
            if left_xof <= 0 < owed_xof:
                break
            left_xof, day = left_xof - owed_xof, period.due_on
            if owed_xof == 0:
                # One that asks for nothing is paid when it begins, and the one after it is foreseen by then.
                break
        return day

    def rights_on(self, today: date) -> Rights:
        """Return where the household stands on a day."""
        return rights(self.scheme, self.covered_items(), today)


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts that could be read, and why the others could not."""

    readable: dict[int, HouseholdAccount]
    faults: dict[int, str]


async def read_accounts(connection: AsyncConnection, catalog: SchemeCatalog, household_ids: Sequence[int]) -> Accounts:
    """Lock households, then read what they owe and have paid; one that cannot be read stops no other."""
    if not household_ids:
        return Accounts({}, {})
    households = await read_households(connection, catalog, household_ids)
    items = defaultdict(list)
    for row in (await connection.execute(ITEMS, {"ids": list(household_ids)})).all():
        items[row.household_id].append(row)
    accounts = Accounts({}, dict.fromkeys(household_ids, NO_HEAD))
    for row in households:
        try:
            accounts.readable[row.id] = _account(row, catalog, tuple(_item(item, catalog) for item in items[row.id]))
        except (SchemeMissing, ValueError) as failure:
            accounts.faults[row.id] = f"{type(failure).__name__}: {failure}"
        else:
            del accounts.faults[row.id]
    return accounts


def _paid_from(
    advances: Sequence[Advance], items: Sequence[ItemOnAccount], today: date
) -> tuple[tuple[ItemOnAccount, ...], tuple[Advance, ...]]:
    """Return the items as they stand once what is held has paid what is due, oldest first, and what is left of it."""
    if not advances:
        return tuple(items), ()
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
    return tuple(paid), tuple(Advance(*lot) for lot in lots)


def _item(row: Row[Any], catalog: SchemeCatalog) -> ItemOnAccount:
    paid = tuple(zip(row.paid_on or (), row.paid_xof or (), strict=True))
    scheme = catalog.get(row.scheme_code, row.scheme_version)
    start, end, due_on = NO_DAYS if row.number else (row.period_start, row.period_end, row.due_on)
    return ItemOnAccount(row.id, start, end, due_on, row.amount_xof, paid, scheme, row.number)


def _account(row: Row[Any], catalog: SchemeCatalog, items: tuple[ItemOnAccount, ...]) -> HouseholdAccount:
    scheme, *later = catalog.since(catalog.get(row.scheme_code, row.scheme_version))
    return HouseholdAccount(
        id=row.id,
        enrolment_id=row.enrolment_id,
        ramu_number=row.ramu_number,
        name=row.name,
        phones=tuple(row.phones),
        scheme=scheme,
        later=tuple(later),
        cercle_code=row.cercle_code,
        registered_on=row.registered_on,
        size=HouseholdSize(row.people_count, row.children_count),
        items=items,
    ).with_days()
