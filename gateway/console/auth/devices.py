"""Browsers that came in before: each carries a token, and its owner's mistakes are counted under it alone."""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.infra.ids import Ids

#: A browser that did not come in for so long is a stranger again.
LIFETIME_S: Final = 180 * 86_400

#: Of one colleague; the ones that came in least lately are forgotten first.
DEVICES_MAX: Final = 20

TOKEN_CHARS_MAX: Final = 200

KNOWN = text("""
    SELECT TRUE FROM staff_device JOIN staff ON staff.id = staff_device.staff_id
     WHERE token_sha256 = :digest AND seen_at > :since AND staff.login = :login AND staff.disabled_at IS NULL
""")

SEEN = text("UPDATE staff_device SET seen_at = :now WHERE token_sha256 = :digest AND staff_id = :staff_id")

ISSUE = text("""
    INSERT INTO staff_device (token_sha256, staff_id, issued_at, seen_at) VALUES (:digest, :staff_id, :now, :now)
""")

TRIM = text("""
    DELETE FROM staff_device
     WHERE staff_id = :staff_id AND token_sha256 IN (SELECT token_sha256 FROM staff_device WHERE staff_id = :staff_id
                                                      ORDER BY seen_at DESC, issued_at DESC OFFSET :most)
""")

FORGET = text("DELETE FROM staff_device WHERE staff_id = :staff_id")

FORGET_OTHERS = text("DELETE FROM staff_device WHERE staff_id = :staff_id AND token_sha256 <> :digest")

SWEEP = text("""
    DELETE FROM staff_device
     WHERE token_sha256 IN (SELECT token_sha256 FROM staff_device WHERE seen_at <= :since
                             LIMIT :most FOR UPDATE SKIP LOCKED)
""")


def digest_of(token: str) -> bytes:
    """Return what is kept of a token."""
    return sha256(token.encode(errors="replace")).digest()


async def is_known(connection: AsyncConnection, token: str, login: str, now: datetime) -> bool:
    """Return whether this browser came in before under this login; the token is good for no other."""
    if not token or len(token) > TOKEN_CHARS_MAX:
        return False
    asked = {"digest": digest_of(token), "login": login, "since": _since(now)}
    return (await connection.execute(KNOWN, asked)).scalar_one_or_none() is not None


async def remember(connection: AsyncConnection, ids: Ids, staff_id: int, token: str, now: datetime) -> str:
    """Remember the browser of a colleague who came in, and return the token that it shall carry."""
    seen = await connection.execute(SEEN, {"digest": digest_of(token), "staff_id": staff_id, "now": now})
    if seen.rowcount:
        return token
    fresh = ids.token()
    await connection.execute(ISSUE, {"digest": digest_of(fresh), "staff_id": staff_id, "now": now})
    await connection.execute(TRIM, {"staff_id": staff_id, "most": DEVICES_MAX})
    return fresh


async def forget_devices_of(connection: AsyncConnection, staff_id: int) -> None:
    """Make every browser of one colleague a stranger again."""
    await connection.execute(FORGET, {"staff_id": staff_id})


async def forget_other_devices_of(connection: AsyncConnection, staff_id: int, token: str) -> None:
    """Make every browser of one colleague but the one that carries this token a stranger again."""
    await connection.execute(FORGET_OTHERS, {"staff_id": staff_id, "digest": digest_of(token)})


async def sweep(connection: AsyncConnection, now: datetime, most: int) -> int:
    """Forget browsers that nobody used for long, so many at most, and return how many."""
    return (await connection.execute(SWEEP, {"since": _since(now), "most": most})).rowcount


def _since(now: datetime) -> datetime:
    return now - timedelta(seconds=LIFETIME_S)
