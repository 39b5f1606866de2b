"""Writes what a batch came to; what cannot be written is put off alone, and the rest of its batch goes on."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.infra.database import Database

log = structlog.stdlib.get_logger()

Item = TypeVar("Item")
Written = TypeVar("Written")


async def write_apart(
    database: Database,
    items: Sequence[Item],
    write: Callable[[AsyncConnection, Sequence[Item]], Awaitable[Written]],
    put_off: Callable[[Item, str], Awaitable[object]],
) -> list[Written]:
    """Write all items in one transaction or, when that fails, each in one of its own.

    ``put_off`` counts the failure of one item; when not even that can be written, the database is at fault and not
    the item: it raises, and leases give everything back.
    """
    if not items:
        return []
    try:
        return [await database.transact(lambda connection: write(connection, items))]
    except Exception:
        log.exception("batch.failed", count=len(items))
    written = []
    for item in items:
        try:
            written.append(await database.transact(_alone(write, item)))
        except Exception as failure:
            log.exception("batch.one_failed")
            await put_off(item, f"not written: {type(failure).__name__}")
    return written


def _alone(
    write: Callable[[AsyncConnection, Sequence[Item]], Awaitable[Written]], item: Item
) -> Callable[[AsyncConnection], Awaitable[Written]]:
    return lambda connection: write(connection, [item])
