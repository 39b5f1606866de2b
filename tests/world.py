"""A small Mali: the gateway's own doors and jobs, the sandbox operator beside them, one clock for both.

Everything is real but the wire between the two applications, which is ASGI in this process, and the clock, which only
moves when a test moves it.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from urllib.parse import urlencode

import httpx
from fastapi import FastAPI
from sqlalchemy import text
from starlette.applications import Starlette

from gateway import health, sms_reports, webhooks
from gateway.callers import Callers
from gateway.contributions.schemes import SchemeBook
from gateway.database import Database
from gateway.deps import Deps
from gateway.doors import Doors
from gateway.errors import install_error_handlers
from gateway.jobs.deps import JobDeps, Pace
from gateway.jobs.tick import until_quiet
from gateway.local.illustrative import load_people, load_schemes
from gateway.local.sandbox_operator import deeds, deliver
from gateway.local.sandbox_operator.app import create_operator
from gateway.local.sandbox_operator.deeds import Operator
from gateway.local.sandbox_operator.model import Prompt, PromptState
from gateway.members.places import rows
from gateway.sms.senders.sandbox import SandboxSender
from gateway.ussd import routes as ussd
from gateway.ussd.aggregators.registry import built_in as aggregators
from gateway.ussd.parts import UssdDeps
from gateway.ussd.sessions_postgres import PostgresSessions
from gateway.webhooks import WebhookParts
from payments.operators.contract import Operator as OperatorRules
from payments.operators.contract import OperatorClient, Secret, Secrets
from payments.operators.registry import built_in as operators
from payments.operators.sandbox.client import SandboxClient
from tests.fixed import CountedIds, TestClock
from ussd_flows.places import places_from

GATEWAY_URL = "http://gateway.test"
OPERATOR_URL = "http://operator.test"
WORD = "local"
MERCHANT = "RAMU"
AMINATA = "+22370000001"
MOUSSA = "+22376000002"


@dataclass(frozen=True)
class Others:
    """Operators that a test puts beside the sandbox."""

    operators: Mapping[str, OperatorRules] = field(default_factory=dict)
    clients: Mapping[str, OperatorClient] = field(default_factory=dict)
    secrets: Mapping[str, Secrets] = field(default_factory=dict)


NO_OTHERS = Others()


@dataclass
class World:
    """The gateway and the operator, with the levers that a story pulls."""

    clock: TestClock
    ids: CountedIds
    database: Database
    deps: Deps
    jobs: JobDeps
    ussd: UssdDeps
    app: FastAPI
    phone: httpx.AsyncClient
    operator: Operator
    wire: httpx.AsyncClient
    webhooks: WebhookParts

    async def dial(self, msisdn: str, session_id: str, transcript: str = "") -> str:
        """Send one turn as Africa's Talking sends it and give the answer's text."""
        answer = await self.phone.post(
            f"/ussd/africastalking/{WORD}",
            content=urlencode(
                {
                    "sessionId": session_id,
                    "phoneNumber": msisdn,
                    "networkCode": "61001",
                    "serviceCode": "*123#",
                    "text": transcript,
                }
            ),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert answer.status_code == 200, answer.text
        return answer.text

    async def work(self) -> int:
        """Let the jobs do all there is to do at this instant."""
        return await until_quiet(self.jobs)

    async def deliver(self) -> int:
        """Let the operator do what is due and send its callbacks to the gateway's door."""
        return await deliver.run_once(self.operator, self.clock.now, self.wire)

    def prompts(self) -> list[Prompt]:
        """Give the prompts that wait on phones."""
        return [prompt for prompt in self.operator.books.prompts.values() if prompt.state is PromptState.PENDING]

    async def count(self, table: str) -> int:
        """Count the rows of a table."""
        async with self.database.single() as connection:
            return int((await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())  # noqa: S608

    async def rows(self, query: str, **values: object) -> list[tuple[object, ...]]:
        """Give the rows of a query."""
        async with self.database.single() as connection:
            return [tuple(row) for row in (await connection.execute(text(query), values)).all()]

    async def texts_to(self, msisdn: str) -> list[str]:
        """Give what a phone has received."""
        found = await self.rows("SELECT body FROM sandbox_sms WHERE msisdn = :msisdn ORDER BY id", msisdn=msisdn)
        return [str(body) for (body,) in found]


@asynccontextmanager
async def open_world(
    database: Database, clock: TestClock, ids: CountedIds, *, people: bool = True, others: Others = NO_OTHERS
) -> AsyncIterator[World]:
    """Build the world on a database; with ``people`` the two illustrative households are registered."""
    book = SchemeBook()
    await database.transact(lambda connection: load_schemes(connection, clock.now()))
    async with database.single() as connection:
        await book.refresh(connection)
    if people:
        await database.transact(lambda connection: load_people(connection, book, clock.now()))
    operator_app = create_operator(
        None, clock.now, api_key=WORD, merchant=MERCHANT, notify_url=f"{GATEWAY_URL}/webhooks/sandbox"
    )
    async with AsyncExitStack() as stack:
        to_operator = await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.ASGITransport(app=operator_app), base_url=OPERATOR_URL)
        )
        deps = _deps(database, clock, ids, to_operator, others)
        dialogue = UssdDeps(
            deps, PostgresSessions(database), aggregators(), {"africastalking": (WORD,)}, book, places_from(rows())
        )
        # As in local mode: every operator has a long address, and calls from this machine.
        known = {name: Callers((WORD,), (ip_network("127.0.0.1"),)) for name in deps.operators}
        parts = WebhookParts(known)
        app = _app(deps, dialogue, parts)
        to_gateway = await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=GATEWAY_URL)
        )
        yield World(
            clock=clock,
            ids=ids,
            database=database,
            deps=deps,
            jobs=JobDeps(deps, book, SandboxSender(database, clock), Pace()),
            ussd=dialogue,
            app=app,
            phone=to_gateway,
            operator=_operator_of(operator_app),
            wire=to_gateway,
            webhooks=parts,
        )


def _deps(database: Database, clock: TestClock, ids: CountedIds, http: httpx.AsyncClient, others: Others) -> Deps:
    client = SandboxClient(http=http, base_url=OPERATOR_URL, api_key=WORD, merchant_account=MERCHANT, now=clock.now)
    return Deps(
        doors=database,
        desk=database,
        work=database,
        clock=clock,
        ids=ids,
        operators={**operators(), **others.operators},
        clients={"sandbox": client, **others.clients},
        secrets={"sandbox": Secrets((Secret(WORD),)), **others.secrets},
        public_url=GATEWAY_URL,
        service_code="*123#",
        local_mode=True,
    )


def _app(deps: Deps, dialogue: UssdDeps, parts: WebhookParts) -> FastAPI:
    app = FastAPI(openapi_url=None)
    install_error_handlers(app, deps.ids.reference, {"": 4 * 1024 * 1024})
    app.add_middleware(Doors, concurrency_max=500)
    app.include_router(health.router(deps, dialogue.sessions.answers))
    app.include_router(webhooks.router(deps, parts))
    app.include_router(sms_reports.router(deps, {"africastalking": (WORD,)}))
    app.include_router(ussd.router(dialogue))
    return app


def _operator_of(app: Starlette) -> Operator:
    found: Operator = app.state.operator
    return found


__all__ = ["AMINATA", "MOUSSA", "World", "deeds", "open_world"]
