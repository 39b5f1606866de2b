"""A browser in front of the real console, and the people who use it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html.parser import HTMLParser

import httpx
from fastapi import FastAPI
from sqlalchemy import text

from gateway.console.auth.passwords import hash_password
from gateway.console.auth.roles import Role
from gateway.console.auth.staff import NewStaff, add
from gateway.console.deps import ConsoleDeps
from gateway.console.routes import router
from gateway.contributions.schemes import SchemeCatalog
from gateway.infra.database import Database
from gateway.infra.deps import Deps
from gateway.members.number import ramu_number
from gateway.members.register import FIRST_SERIAL
from gateway.money.import_statement import match_due, read_due
from gateway.money.match_statement import ReconcilingDeps
from payments.operators.registry import built_in as operators
from tests.fixed import CountedIds, TestClock

ORIGIN = "https://ramu.test"
PASSWORD = "une longue phrase de passe"
_HASH = hash_password(PASSWORD)
#: What stands in the addresses of one upload, callback, payment and household each.
ONE_OF_EACH = {
    "upload_id": "1",
    "callback_id": "1",
    "receipt": "Q000000001",
    "ramu_number": ramu_number(FIRST_SERIAL + 1),
}
#: Pages that show nothing unless they are asked for something.
QUESTIONS = {"/finance/lignes": "?chiffre=posted_xof&operateur=sandbox"}


def address_of(path: str) -> str:
    """Return an address of a route at which there is something to show."""
    return path.format(**ONE_OF_EACH) + QUESTIONS.get(path.removesuffix(".csv"), "")


@dataclass
class Desk:
    """The console, the database behind it and one browser."""

    database: Database
    clock: TestClock
    app: FastAPI
    finance: ConsoleDeps
    recon: ReconcilingDeps
    browser: httpx.AsyncClient

    async def staff(self, login: str, role: Role = Role.FINANCE, name: str = "Awa Keïta") -> None:
        async with self.database.unit_of_work() as connection:
            await add(connection, NewStaff(login, name, role, _HASH), "test", self.clock.now())

    async def log_in(self, login: str, password: str = PASSWORD) -> httpx.Response:
        form = await self.browser.get("/finance/connexion")
        return await self.post("/finance/connexion", {"csrf": csrf_of(form), "login": login, "password": password})

    async def enter(self, role: Role = Role.FINANCE) -> None:
        await self.staff(f"awa.{role}", role)
        answer = await self.log_in(f"awa.{role}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/finance/")

    async def csrf(self) -> str:
        """Return the token of the login in progress, from a page that every role gets."""
        return csrf_of(await self.browser.get("/finance/compte"))

    async def post(self, path: str, form: dict[str, str], **more: object) -> httpx.Response:
        return await self.browser.post(path, data=form, **{"headers": {"Origin": ORIGIN}, **more})

    async def send(self, content: bytes, filename: str = "releve.csv", operator: str = "sandbox") -> httpx.Response:
        """Send a statement and give the answer itself."""
        return await self.post(
            "/finance/releves",
            {"csrf": await self.csrf(), "operator": operator},
            files={"statement": (filename, content, "text/csv")},
        )

    async def upload(self, content: bytes, filename: str = "releve.csv", operator: str = "sandbox") -> httpx.Response:
        """Send a statement, let the jobs work, and give the page that the answer leads to."""
        answer = await self.send(content, filename, operator)
        await self.work()
        return await self.browser.get(answer.headers["location"]) if answer.status_code == 303 else answer

    async def work(self) -> None:
        """Let the jobs do what is due of statements."""
        while await read_due(self.recon):
            pass
        await match_due(self.recon)

    async def audited(self) -> list[tuple[str, str, str]]:
        async with self.database.single() as connection:
            found = await connection.execute(text("SELECT actor, action, subject FROM audit_event ORDER BY id"))
            return [tuple(row) for row in found.all()]


@asynccontextmanager
async def open_desk(
    database: Database,
    clock: TestClock,
    ids: CountedIds,
    *,
    local_mode: bool = False,
    machine_clock: TestClock | None = None,
) -> AsyncIterator[Desk]:
    """Open the console as production runs it, or as one's own machine does; no upload waits for its outcome."""
    origin = "http://127.0.0.1:8000" if local_mode else ORIGIN
    deps = Deps(
        ingress_db=database, console_db=database, worker_db=database,
        clock=clock, ids=ids, operators=operators(), clients={},
        secrets={}, public_url=origin, service_code="*123#", local_mode=local_mode,
        machine_clock=machine_clock,
    )  # fmt: skip
    recon = ReconcilingDeps(deps, SchemeCatalog(), {"sandbox": "RAMU"})
    finance = ConsoleDeps(deps, recon, outcome_wait_s=0)
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    app.include_router(router(finance))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=origin) as browser:
        yield Desk(database, clock, app, finance, recon, browser)


def csrf_of(answer: httpx.Response) -> str:
    """Return the token of a page's first form."""
    found = re.search(r'name="csrf" value="([^"]+)"', answer.text)
    assert found is not None, answer.text
    return found[1]


class _Figures(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.figures: dict[str, dict[str, int | None]] = {}
        self._operator = ""
        self._field: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "tr" and "data-operator" in given:
            self._operator = given["data-operator"] or ""
        if tag == "td" and "data-field" in given:
            self._field = str(given["data-field"])
            self.figures.setdefault(self._operator, {})[self._field] = None
        if tag == "data" and self._field:
            self.figures[self._operator][self._field] = int(given["value"] or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            self._field = None


def figures_of(page: str) -> dict[str, dict[str, int | None]]:
    """Read a day's page as a person does: the figures of each operator; a dash is None."""
    reader = _Figures()
    reader.feed(page)
    return reader.figures
