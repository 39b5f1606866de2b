"""Corrects what a household declared of itself: its name, its place, its people; what stood there before is kept.

A correction is known by its key: the same one again changes nothing, and neither does one that says what stands there.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.account import HouseholdAccount, read_accounts
from gateway.contributions.adjustments import charge_recount, move_to_commune
from gateway.contributions.advances import spend_advances
from gateway.contributions.charges import insert_charges
from gateway.contributions.coverage import follow
from gateway.contributions.households import lock_households
from gateway.contributions.scheme import HouseholdSize
from gateway.contributions.schemes import SchemeCatalog
from payments.ledger.post import begin_posting

READ = text("""
    SELECT name, cercle_code, coalesce(place_words, '') AS place_words, people_count, children_count
      FROM household JOIN member ON member.household_id = household.id AND member.is_head
     WHERE household.id = :household_id
""")

KEEP = text("""
    INSERT INTO past_declaration (household_id, name, cercle_code, place_words, people_count, children_count,
                                  replaced_at, replaced_by, key)
    SELECT household.id, name, cercle_code, place_words, people_count, children_count, :now, :by, :key
      FROM household JOIN member ON member.household_id = household.id AND member.is_head
     WHERE household.id = :household_id
        ON CONFLICT (key) DO NOTHING
    RETURNING id
""")

#: Only what changes is written: each table's guard looks at its own columns.
WRITE_NAME: Final = text("UPDATE member SET name = :name WHERE household_id = :household_id AND is_head")
WRITE_PLACE: Final = text("""
    UPDATE household SET cercle_code = :cercle_code, place_words = nullif(:place_words, '') WHERE id = :household_id
""")
WRITE_PEOPLE: Final = text("""
    UPDATE household SET people_count = :people_count, children_count = :children_count WHERE id = :household_id
""")

NEXT_PERIOD: Final = text("UPDATE household SET next_period_on = :day WHERE id = :household_id")


class HouseholdUnreadable(Exception):
    """The account of a household cannot be worked out, so that nothing is said or done about what it owes."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What a household says of itself; without a cercle it lives where its words say."""

    name: str
    cercle_code: str
    place_words: str
    people_count: int
    children_count: int


@dataclass(frozen=True, slots=True)
class CorrectionAct:
    """Of which household, by whom, in which act, and when something is corrected."""

    household_id: int
    by: str
    key: str
    now: datetime


async def correct_name(connection: AsyncConnection, act: CorrectionAct, name: str) -> bool:
    """Write the name of the head anew; return whether it was another."""
    await lock_households(connection, [act.household_id])
    return await _correct(connection, act, {"name": name})


async def correct_place(connection: AsyncConnection, act: CorrectionAct, cercle_code: str, words: str) -> bool:
    """Write anew where the household lives; return whether it was elsewhere.

    What waited for it to be placed goes to the commune of its cercle. A household that moves leaves the commune of its
    former cercle what that was charged.
    """
    await begin_posting(connection)
    await lock_households(connection, [act.household_id])
    is_changed = await _correct(connection, act, {"cercle_code": cercle_code, "place_words": words})
    if is_changed and cercle_code:
        await move_to_commune(connection, act.household_id, cercle_code, act.now)
    return is_changed


async def correct_people(
    connection: AsyncConnection, catalog: SchemeCatalog, act: CorrectionAct, size: HouseholdSize
) -> bool:
    """Count the people anew, with what that changes of what each payer owes; return whether there were others."""
    await begin_posting(connection)
    account = await _up_to_date(connection, catalog, act)
    people = {"people_count": size.people_count, "children_count": size.children_count}
    if not await _correct(connection, act, people):
        return False
    await charge_recount(connection, account, size, act.now)
    await follow(connection, [(await _read(connection, catalog, act))])
    return True


async def _up_to_date(connection: AsyncConnection, catalog: SchemeCatalog, act: CorrectionAct) -> HouseholdAccount:
    """Charge what has fallen due under what was declared until now, and let what is held in advance pay; then read."""
    account = await _read(connection, catalog, act)
    fallen = account.fallen_due(act.now.date())
    if fallen:
        table = account.timetable
        await insert_charges(connection, [(table, item) for item in fallen], act.now)
        day = {"day": table.next_due_on(fallen), "household_id": act.household_id}
        await connection.execute(NEXT_PERIOD, day)
    faults = await spend_advances(connection, catalog, [act.household_id], act.now, actor=act.by, ahead=True)
    if faults:
        raise HouseholdUnreadable(faults[act.household_id])
    return await _read(connection, catalog, act)


async def _read(connection: AsyncConnection, catalog: SchemeCatalog, act: CorrectionAct) -> HouseholdAccount:
    accounts = await read_accounts(connection, catalog, [act.household_id])
    if act.household_id in accounts.faults:
        raise HouseholdUnreadable(accounts.faults[act.household_id])
    return accounts.readable[act.household_id]


async def _correct(connection: AsyncConnection, act: CorrectionAct, said: Mapping[str, Any]) -> bool:
    household = {"household_id": act.household_id}
    before = Declared(**(await connection.execute(READ, household)).mappings().one())
    after = replace(before, **said)
    if after == before:
        return False
    kept = {**household, "now": act.now, "by": act.by, "key": act.key}
    if (await connection.execute(KEEP, kept)).one_or_none() is None:
        return False
    values = {**asdict(after), **household}
    if after.name != before.name:
        await connection.execute(WRITE_NAME, values)
    if (after.cercle_code, after.place_words) != (before.cercle_code, before.place_words):
        await connection.execute(WRITE_PLACE, values)
    if (after.people_count, after.children_count) != (before.people_count, before.children_count):
        await connection.execute(WRITE_PEOPLE, values)
    return True
