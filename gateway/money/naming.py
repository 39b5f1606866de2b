"""Whom the words of a payer name: one of our requests, a household, somebody unknown, or nobody."""

from collections.abc import Collection, Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.infra.ids import read_reference
from gateway.members.words import meaning, numbers_in

NUMBERS = text("SELECT ramu_number, id FROM household WHERE ramu_number = ANY(CAST(:numbers AS text[]))")


def written_references(words: Collection[str]) -> dict[str, str]:
    """Return the reference that each of these words writes, where it writes one without a slip."""
    read = {one: read_reference(one) for one in words}
    return {one: reference for one, reference in read.items() if reference is not None}


async def read_named(connection: AsyncConnection, words: Collection[str]) -> dict[str, int | None]:
    """Return the household that each of these words names, or None where they mean somebody whom we do not know.

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
