"""Callbacks that were refused: how many, of whom, why, and the digest of the last one; never their bodies.

What strangers send costs one row for each sender, reason and day, and beyond a number of senders one row for all the
others together, so nobody can make us write for ever.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from hashlib import sha256

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

#: So many senders of one operator and day are told apart.
SENDERS_MAX = 200
OTHERS = "others"
#: Long enough to look into a complaint, not for ever.
KEPT_FOR = timedelta(days=90)

SENDERS = text("SELECT DISTINCT operator, day, sender FROM refused_callback WHERE day = ANY(CAST(:days AS date[]))")

ADD = text("""
    INSERT INTO refused_callback (operator, day, sender, reason, refused, last_sha256, last_bytes, last_at)
    SELECT * FROM unnest(CAST(:operators AS text[]), CAST(:days AS date[]), CAST(:senders AS text[]),
                         CAST(:reasons AS text[]), CAST(:counts AS bigint[]), CAST(:digests AS bytea[]),
                         CAST(:sizes AS bigint[]), CAST(:moments AS timestamptz[]))
        ON CONFLICT (operator, day, sender, reason) DO UPDATE
       SET refused = refused_callback.refused + excluded.refused, last_sha256 = excluded.last_sha256,
           last_bytes = excluded.last_bytes, last_at = excluded.last_at
""")

FORGET = text("DELETE FROM refused_callback WHERE day < :before")


@dataclass(frozen=True, slots=True)
class Refused:
    """Messages of one sender that were refused for one reason on one day.

    ``last_sha256`` is None when the last one was not read at all.
    Units:   last_bytes in bytes, as announced when it was not read.
    """

    operator: str
    day: date
    sender: str
    reason: str
    count: int
    last_sha256: bytes | None
    last_bytes: int
    last_at: datetime

    def and_then(self, later: "Refused") -> "Refused":
        """Return both as one."""
        return replace(later, count=self.count + later.count)

    @property
    def key(self) -> tuple[str, date, str, str]:
        """Return what makes two of them one row."""
        return self.operator, self.day, self.sender, self.reason


def refused_one(operator: str, sender: str, reason: str, body: bytes | int, at: datetime) -> Refused:
    """Return one refused message; ``body`` is what came, or how much was announced of what was not read."""
    digest, size_bytes = (sha256(body).digest(), len(body)) if isinstance(body, bytes) else (None, body)
    return Refused(operator, at.date(), sender, reason, 1, digest, size_bytes, at)


def together(refused: Iterable[Refused], known: Iterable[tuple[str, date, str]] = ()) -> list[Refused]:
    """Add up what has one key; senders beyond ``SENDERS_MAX`` of an operator's day become ``OTHERS``."""
    senders: dict[tuple[str, date], set[str]] = {}
    for operator, day, sender in known:
        senders.setdefault((operator, day), {OTHERS}).add(sender)
    rows: dict[tuple[str, date, str, str], Refused] = {}
    for one in refused:
        known_today = senders.setdefault((one.operator, one.day), {OTHERS})
        if one.sender not in known_today and len(known_today) > SENDERS_MAX:
            one = replace(one, sender=OTHERS)  # noqa: PLW2901 - the same message, of nobody in particular
        known_today.add(one.sender)
        before = rows.get(one.key)
        rows[one.key] = before.and_then(one) if before else one
    return list(rows.values())


async def record(connection: AsyncConnection, refused: Sequence[Refused], today: date) -> None:
    """Add to what is known of senders, and forget what is old."""
    days = sorted({one.day for one in refused})
    known = [(row.operator, row.day, row.sender) for row in await connection.execute(SENDERS, {"days": days})]
    # In one order everywhere, so that two processes that write at once do not wait for each other in a ring.
    rows = sorted(together(refused, known), key=lambda one: one.key)
    await connection.execute(
        ADD,
        {
            "operators": [one.operator for one in rows],
            "days": [one.day for one in rows],
            "senders": [one.sender for one in rows],
            "reasons": [one.reason for one in rows],
            "counts": [one.count for one in rows],
            "digests": [one.last_sha256 for one in rows],
            "sizes": [one.last_bytes for one in rows],
            "moments": [one.last_at for one in rows],
        },
    )
    await connection.execute(FORGET, {"before": today - KEPT_FOR})
