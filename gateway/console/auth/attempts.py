"""Counts tries to log in: per browser that is known, or else per source and per account; nothing is ever locked.

A try counts as a mistake before it is looked at, so that many at once cannot slip in. A source that comes to an account
on which others guess is given a time of its own: whoever is told to come back then is let in then, however many come.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.console.auth.waits import (
    FORGET_AFTER_S,
    FREE_OF_ONE,
    FREE_OF_SOURCE,
    Count,
    key_of,
    source_of,
    wait_s,
)

#: More rows than a day of honest mistakes makes; beyond, the oldest are forgotten first.
ROWS_MAX: Final = 100_000

LOOK = text("""
    SELECT key, failures, next_allowed_at FROM login_attempt WHERE key = ANY(:keys) AND seen_at > :forgotten
""")

HOLD = text("""
    INSERT INTO login_attempt (key, failures, next_allowed_at, seen_at)
    SELECT key, 0, :now, :now FROM unnest(CAST(:keys AS bytea[])) AS key ORDER BY key
        ON CONFLICT (key) DO NOTHING
""")

LOCK = text("""
    SELECT key, CASE WHEN seen_at > :forgotten THEN failures ELSE 0 END AS failures, next_allowed_at
      FROM login_attempt WHERE key = ANY(:keys) ORDER BY key FOR UPDATE
""")

WRITE = text("""
    INSERT INTO login_attempt (key, failures, next_allowed_at, seen_at)
    VALUES (:key, :failures, :next_allowed_at, :now)
        ON CONFLICT (key) DO UPDATE
       SET failures = excluded.failures, next_allowed_at = excluded.next_allowed_at, seen_at = excluded.seen_at
""")

TAKE_BACK = text("""
    UPDATE login_attempt SET failures = greatest(failures - 1, 0), next_allowed_at = :now WHERE key = ANY(:keys)
""")

FORGET = text("DELETE FROM login_attempt WHERE key = ANY(:keys)")

#: A count that a try holds at this moment is passed over, and so is no longer old.
SWEEP = text("""
    DELETE FROM login_attempt
     WHERE key IN (SELECT key FROM login_attempt WHERE seen_at <= :forgotten
                    ORDER BY seen_at LIMIT :most FOR UPDATE SKIP LOCKED)
""")

# Chosen before they are locked: a lock under OFFSET would take every row that stays.
SWEEP_TOO_MANY = text("""
    DELETE FROM login_attempt
     WHERE key IN (SELECT key FROM login_attempt
                    WHERE key IN (SELECT key FROM login_attempt ORDER BY seen_at DESC OFFSET :rows_max LIMIT :most)
                      FOR UPDATE SKIP LOCKED)
""")


@dataclass(frozen=True, slots=True)
class Tried:
    """The keys that one try was counted under: its own, which a success wipes out, and its source's, which stays."""

    own: tuple[bytes, ...]
    source: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class TooSoon:
    """A try that comes before its time; ``wait_s`` is in whole seconds, from one to a minute."""

    wait_s: int


async def count_known(connection: AsyncConnection, key: bytes, now: datetime) -> Tried | TooSoon:
    """Count a try of somebody who is known by more than an address."""
    (count,) = await _lock(connection, (key,), now)
    if wait := count.wait_s(now):
        return TooSoon(wait)
    await _write(connection, key, count.after(now, FREE_OF_ONE), now)
    return Tried((key,))


async def count_stranger(connection: AsyncConnection, address: str, login: str, now: datetime) -> Tried | TooSoon:
    """Count a try of a browser that we never let in."""
    source_name = source_of(address)
    source, account = key_of("source", source_name), key_of("account", login)
    visitor = key_of("visitor", source_name, login)
    # Most tries of a guesser end here, and write nothing.
    if wait := max(count.wait_s(now) for count in await _look(connection, (source, visitor), now)):
        return TooSoon(wait)
    guesses, of_source = await _lock(connection, (account, source), now)
    (turn,) = await _look(connection, (visitor,), now)
    if wait := max(turn.wait_s(now), of_source.wait_s(now)):
        return TooSoon(wait)
    if turn.next_allowed_at is None and (wait := wait_s(guesses.failures, FREE_OF_ONE)):
        # Others guess on this account: the visitor's own time is written down, and is kept.
        await _write(connection, visitor, Count(0, now + timedelta(seconds=wait)), now)
        return TooSoon(wait)
    after = guesses.after(now, FREE_OF_ONE)
    await _write(connection, account, Count(after.failures, now), now)
    await _write(connection, source, of_source.after(now, FREE_OF_SOURCE), now)
    if after.wait_s(now):
        await _write(connection, visitor, after, now)
    return Tried((account, visitor), (source,))


async def take_back(connection: AsyncConnection, tried: Tried, now: datetime) -> None:
    """Undo the count of a try that was never looked at."""
    await connection.execute(TAKE_BACK, {"keys": [*tried.own, *tried.source], "now": now})


async def pardon(connection: AsyncConnection, tried: Tried, now: datetime) -> None:
    """Forget the mistakes of somebody who came in; the source's stay, less this try: others may sit behind it."""
    await connection.execute(FORGET, {"keys": list(tried.own)})
    await connection.execute(TAKE_BACK, {"keys": list(tried.source), "now": now})


async def forget_account(connection: AsyncConnection, login: str) -> None:
    """Forget the mistakes on one account."""
    await connection.execute(FORGET, {"keys": [key_of("account", login), key_of("command", login)]})


async def sweep(connection: AsyncConnection, now: datetime, most: int, rows_max: int = ROWS_MAX) -> int:
    """Forget what is old, and the oldest of too many, so much of each at most; return how much of the one or other."""
    old = await connection.execute(SWEEP, {"forgotten": _forgotten(now), "most": most})
    too_many = await connection.execute(SWEEP_TOO_MANY, {"rows_max": rows_max, "most": most})
    return max(old.rowcount, too_many.rowcount)


async def _look(connection: AsyncConnection, keys: Sequence[bytes], now: datetime) -> list[Count]:
    rows = await connection.execute(LOOK, {"keys": list(keys), "forgotten": _forgotten(now)})
    found = {bytes(row.key): Count(row.failures, row.next_allowed_at) for row in rows}
    return [found.get(key, Count()) for key in keys]


async def _lock(connection: AsyncConnection, keys: Sequence[bytes], now: datetime) -> list[Count]:
    # Every login locks in the order of the keys, so that two never wait for each other.
    asked = {"keys": list(keys), "forgotten": _forgotten(now)}
    await connection.execute(HOLD, {"keys": list(keys), "now": now})
    rows = await connection.execute(LOCK, asked)
    found = {bytes(row.key): Count(row.failures, row.next_allowed_at) for row in rows}
    return [found[key] for key in keys]


async def _write(connection: AsyncConnection, key: bytes, count: Count, now: datetime) -> None:
    written = {"key": key, "failures": count.failures, "next_allowed_at": count.next_allowed_at, "now": now}
    await connection.execute(WRITE, written)


def _forgotten(now: datetime) -> datetime:
    return now - timedelta(seconds=FORGET_AFTER_S)
