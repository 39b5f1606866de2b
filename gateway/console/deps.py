"""What the console is built from, and what a page is given."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from gateway.console.auth.access import LoginService
from gateway.console.auth.passwords import Passwords
from gateway.console.auth.sessions import Cookies, Officer, SessionRules
from gateway.infra.database import Database
from gateway.infra.deps import Deps
from gateway.money.match_statement import ReconcilingDeps


@dataclass(frozen=True, slots=True)
class ConsoleDeps:
    """The parts of the console; ``outcome_wait_s`` is how long an upload waits to be answered with its outcome."""

    deps: Deps
    reconciling: ReconcilingDeps
    outcome_wait_s: float = 2
    rules: SessionRules = field(default_factory=SessionRules)
    passwords: Passwords = field(default_factory=Passwords)

    @property
    def cookies(self) -> Cookies:
        """Return the cookies: the strict ones everywhere but on one's own machine, which has no TLS."""
        return Cookies(secure=not self.deps.local_mode)

    @property
    def logins(self) -> LoginService:
        """Return the place where people come in."""
        return LoginService(self.deps.console_db, self.deps.ids, self.passwords, self.rules)


@dataclass(frozen=True, slots=True)
class Visit:
    """A request whose author, right and origin have been checked."""

    request: Request
    now: datetime
    officer: Officer
    form: FormData


PageHandler = Callable[[ConsoleDeps, Visit], Awaitable[Response]]


class PageRefused(Exception):
    """A request that gets a page with a sentence instead of what it asked for."""

    def __init__(self, status: int, title: str, sentence: str) -> None:
        self.status = status
        self.title = title
        self.sentence = sentence
        super().__init__(sentence)


@asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[AsyncConnection]:
    """Read several reports as of one instant, so that they cannot disagree on a page."""
    async with database.unit_of_work() as connection:
        yield await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
