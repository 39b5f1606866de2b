"""Passwords of staff: argon2id, a few at a time, and as slow for a stranger as for a colleague."""

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

Result = TypeVar("Result")

#: OWASP ASVS 5.0, appendix C: argon2id with t=2, m at least 19 MiB, p=1.
TIME_COST = 2
MEMORY_KIB = 19 * 1024
PARALLELISM = 1

#: One verification holds a thread and 19 MiB; more at once would starve the pages.
AT_ONCE = 2
#: Whoever comes when so many wait is asked to come back.
WAITING_MAX = 16
#: A longer one would only cost time; a passphrase fits easily.
PASSWORD_CHARS_MAX = 200

_HASHER = PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=PARALLELISM)


class PasswordsBusy(Exception):
    """Too many verifications wait already."""


class Passwords:
    """The few slots in which passwords are verified: every login takes one in the queue first."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._inside = 0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Take a slot in the queue; whoever finds it full is turned away before anything was counted."""
        if self._inside >= AT_ONCE + WAITING_MAX:
            raise PasswordsBusy
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Return whether the password fits; without a hash the answer is no, after the same work."""
        fits = await self._in_turn(lambda: _fits(password_hash or _dummy_hash(), password))
        return fits and password_hash is not None

    async def hashed(self, password: str) -> str:
        """Return the hash to keep of a password that its owner chose."""
        return await self._in_turn(lambda: hash_password(password))

    async def renewed(self, password_hash: str, password: str) -> str | None:
        """Return a new hash of a password when the old one was made with other costs than today's."""
        if not _HASHER.check_needs_rehash(password_hash):
            return None
        return await self._in_turn(lambda: hash_password(password))

    async def _in_turn(self, work: Callable[[], Result]) -> Result:
        async with self._slots:
            return await asyncio.to_thread(work)


def hash_password(password: str) -> str:
    """Return the hash to keep."""
    return _HASHER.hash(_normal(password))


def _fits(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, _normal(password))
    except (VerificationError, InvalidHashError):
        return False


def _normal(password: str) -> str:
    # The same accented letter is one code point on one keyboard and two on another.
    return unicodedata.normalize("NFKC", password[:PASSWORD_CHARS_MAX])


@cache
def _dummy_hash() -> str:
    return _HASHER.hash("the password of nobody")
