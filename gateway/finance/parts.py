"""What the console is built from, and what a page is given."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from gateway.database import Database
from gateway.deps import Deps
from gateway.finance.access import Door
from gateway.finance.passwords import Passwords
from gateway.finance.sessions import Cookies, Officer, SessionRules


@dataclass(frozen=True, slots=True)
class FinanceDeps:
    """The parts of the console; ``outcome_wait_s`` is how long an upload waits to be answered with its outcome."""

    deps: Deps
    outcome_wait_s: float = 2
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
