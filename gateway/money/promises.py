"""What a confirmation promised: the days of care that a payment was said to buy, kept until it is credited."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.account import HouseholdAccount
from gateway.contributions.rights import covers

KEEP: Final = text("""
    INSERT INTO payment_promise (request_id, first_day, last_day)
    SELECT id, :first_day, :last_day FROM payment_request WHERE idempotency_key = :idempotency_key
        ON CONFLICT (request_id) DO NOTHING
""")

READ: Final = text("""
    SELECT request_id, first_day, last_day FROM payment_promise WHERE request_id = ANY(CAST(:ids AS bigint[]))
""")


@dataclass(frozen=True, slots=True)
class Promise:
    """Days of care, both ends included, that were read out before somebody paid."""

    first_day: date
    last_day: date

    def is_kept(self, account: HouseholdAccount) -> bool:
        """Return whether the account opens rights on all of these days."""
        opened = covers(account.scheme.rights, account.covered_items())
        return any(cover.start <= self.first_day and self.last_day <= cover.end for cover in opened)


async def keep_promise(connection: AsyncConnection, idempotency_key: str, promise: Promise) -> None:
    """Keep what was read out with the request that it was said of, once."""
    days = {"first_day": promise.first_day, "last_day": promise.last_day}
    await connection.execute(KEEP, {"idempotency_key": idempotency_key, **days})


async def read_promises(connection: AsyncConnection, request_ids: Sequence[int]) -> dict[int, Promise]:
    """Return what was promised, by request."""
    if not request_ids:
        return {}
    rows = (await connection.execute(READ, {"ids": list(request_ids)})).all()
    return {row.request_id: Promise(row.first_day, row.last_day) for row in rows}
