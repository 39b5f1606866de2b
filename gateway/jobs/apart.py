"""Writes what a batch came to; what cannot be written is put off alone, and the rest of its batch goes on."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.database import Database

log = structlog.stdlib.get_logger()

Item = TypeVar("Item")
Written = TypeVar("Written")


async def write_apart(
    database: Database,
    items: Sequence[Item],
    write: Callable[[AsyncConnection, Sequence[Item]], Awaitable[Written]],
    put_off: Callable[[AsyncConnection, Item, str], Awaitable[None]],
) -> list[Written]:
    """Write all items in one transaction or, when that fails, each in one of its own.

    ``put_off`` counts the failure of one item; when not even that can be written, the database is at fault and not
    the item: it raises, and leases give everything back.
    """
    if not items:
        return []
    try:
        return [await database.transact(_with(write, items))]
    except Exception:
        log.exception("batch.failed", count=len(items))
    written = []
    for item in items:
        try:
            written.append(await database.transact(_with(write, [item])))
        except Exception as failure:
            log.exception("batch.one_failed")
            why = f"not written: {type(failure).__name__}"
            await database.transact(_because(put_off, item, why))
    return written


def _with(
    write: Callable[[AsyncConnection, Sequence[Item]], Awaitable[Written]], items: Sequence[Item]
) -> Callable[[AsyncConnection], Awaitable[Written]]:
    return lambda connection: write(connection, items)


def _because(
    put_off: Callable[[AsyncConnection, Item, str], Awaitable[None]], item: Item, why: str
) -> Callable[[AsyncConnection], Awaitable[None]]:
    return lambda connection: put_off(connection, item, why)
