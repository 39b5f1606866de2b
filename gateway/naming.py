"""Whom the words and the telephone of a payer name: one of our requests, a household, somebody unknown, or nobody."""

from collections.abc import Collection, Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ids import read_reference
from gateway.members.words import meaning, numbers_in

#: A registered number stands for its household, a RAMU number too.
PAYERS = text("SELECT msisdn, household_id FROM phone WHERE msisdn = ANY(CAST(:msisdns AS text[]))")
NUMBERS = text("SELECT ramu_number, id FROM household WHERE ramu_number = ANY(CAST(:numbers AS text[]))")


def written_references(words: Collection[str]) -> dict[str, str]:
    """Give the reference that each of these words writes, where it writes one without a slip."""
    read = {one: read_reference(one) for one in words}
    return {one: reference for one, reference in read.items() if reference is not None}


async def read_named(connection: AsyncConnection, words: Collection[str]) -> dict[str, int | None]:
    """Give the household that each of these words names, or None where they mean somebody whom we do not know.

    Words that mean nobody are left out.
    """
    candidates = {one: numbers_in(one) for one in words}
    numbers = sorted(frozenset().union(*candidates.values()))
    households: Mapping[str, int] = {}
    if numbers:
        rows = await connection.execute(NUMBERS, {"numbers": numbers})
        households = {row.ramu_number: row.id for row in rows.all()}
    meant = {one: meaning(one, households.keys()) for one in words}
    return {
        one: households[found.number] if found.number else None
        for one, found in meant.items()
        if found.number or found.somebody
    }


async def read_payers(connection: AsyncConnection, msisdns: Collection[str]) -> dict[str, tuple[int, ...]]:
    """Give the households of these telephone numbers."""
    if not msisdns:
        return {}
    rows = await connection.execute(PAYERS, {"msisdns": sorted(set(msisdns))})
    return {row.msisdn: (row.household_id,) for row in rows.all()}
