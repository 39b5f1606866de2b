"""What the console is built from, and what a page is given."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from gateway.database import Database
from gateway.deps import Deps
from gateway.finance.access import Door
from gateway.finance.passwords import Passwords
from gateway.finance.sessions import Cookies, Officer, SessionRules


class BucketTotal(Protocol):
    """How many lines of a statement fell into one bucket, and their sum."""

    @property
    def count(self) -> int:
        """Give the number of lines."""

    @property
    def sum_xof(self) -> int:
        """Give the sum of their amounts."""


class ImportOutcome(Protocol):
    """What became of a statement."""

    @property
    def filename(self) -> str:
        """Give the name that the file came under."""

    @property
    def already_imported(self) -> bool:
        """Say whether the same bytes had been imported before."""

    @property
    def line_count(self) -> int:
        """Give the number of lines."""

    @property
    def buckets(self) -> Mapping[str, BucketTotal]:
        """Give the total of every bucket."""

    @property
    def breaks_opened(self) -> int:
        """Give the number of breaks that the file opened."""

    @property
    def collected_xof(self) -> int:
        """Give what the operator says to have collected."""


class ImportStatement(Protocol):
    """The import of a statement, end to end."""

    def __call__(self, *, operator: str, filename: str, content: bytes, actor: str) -> Awaitable[ImportOutcome]:
        """Import a statement, or raise ``StatementRejected`` having used nothing of it."""


@dataclass(frozen=True, slots=True)
class FinanceDeps:
    """The parts of the console."""

    deps: Deps
    import_statement: ImportStatement
    rules: SessionRules = field(default_factory=SessionRules)
    passwords: Passwords = field(default_factory=Passwords)

    @property
    def cookies(self) -> Cookies:
        """Give the cookies: the strict ones everywhere but on one's own machine, which has no TLS."""
        return Cookies(secure=not self.deps.local_mode)

    @property
    def door(self) -> Door:
        """Give the place where people come in."""
        return Door(self.deps.desk, self.deps.ids, self.passwords, self.rules)


@dataclass(frozen=True, slots=True)
class Visit:
    """A request whose author, right and origin have been checked."""

    request: Request
    now: datetime
    officer: Officer
    form: FormData


Handler = Callable[[FinanceDeps, Visit], Awaitable[Response]]


class Refused(Exception):
    """A request that gets a page with a sentence instead of what it asked for."""

    def __init__(self, status: int, title: str, sentence: str) -> None:
        self.status = status
        self.title = title
        self.sentence = sentence
        super().__init__(sentence)


@asynccontextmanager
async def snapshot(desk: Database) -> AsyncIterator[AsyncConnection]:
    """Read several reports as of one instant, so that they cannot disagree on a page."""
    async with desk.unit_of_work() as connection:
        yield await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
