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

from gateway import health
from gateway.contributions.schemes import SchemeCatalog
from gateway.infra.database import Database
from gateway.infra.deps import Deps
from gateway.infra.ingress import Ingress
from gateway.infra.problems import install_error_handlers
from gateway.jobs.deps import JobDeps, JobLimits
from gateway.jobs.tick import until_quiet
from gateway.local.illustrative import SCHEMES, load_people, load_schemes
from gateway.members.places import all_places
from gateway.operator_api import callbacks as webhooks
from gateway.operator_api.callbacks import WebhookDeps
from gateway.operator_api.callers import Callers
from gateway.sms import report_routes as sms_reports
from gateway.sms.senders.sandbox.sender import SandboxSender
from gateway.ussd import routes as ussd
from gateway.ussd.aggregators.registry import built_in as aggregators
from gateway.ussd.deps import UssdDeps
from gateway.ussd.sessions_postgres import PostgresSessions
from payments.operators.contract import Operator as OperatorRules
from payments.operators.contract import OperatorClient, Secrets
from payments.operators.registry import ADAPTERS
from sandbox_operator import actions, deliver
from sandbox_operator.actions import WalletOperator
from sandbox_operator.app import create_operator
from sandbox_operator.model import Prompt, PromptState
from tests.fixed import CountedIds, TestClock

GATEWAY_URL = "http://gateway.test"
OPERATOR_URL = "http://operator.test"
WORD = "local"
MERCHANT = "RAMU"
#: The operator beside: the only one that has no place in production, whatever it is called.
[OPERATOR] = [name for name in ADAPTERS.names() if ADAPTERS.config(name).local_only]
#: Read once: a run builds thousands of worlds, and these never change.
OPERATOR_CONFIG, BUILD = ADAPTERS.config(OPERATOR), ADAPTERS.part(OPERATOR).build
AGGREGATORS, PLACES = aggregators(), all_places()
HELP_NUMBER = "36 777"
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
    operator: WalletOperator
    wire: httpx.AsyncClient
    webhooks: WebhookDeps

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
        """Return the prompts that wait on phones."""
        return [prompt for prompt in self.operator.books.prompts.values() if prompt.state is PromptState.PENDING]

    async def count(self, table: str) -> int:
        """Count the rows of a table."""
        async with self.database.single() as connection:
            return int((await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())  # noqa: S608

    async def rows(self, query: str, **values: object) -> list[tuple[object, ...]]:
        """Return the rows of a query."""
        async with self.database.single() as connection:
            return [tuple(row) for row in (await connection.execute(text(query), values)).all()]

    async def texts_to(self, msisdn: str) -> list[str]:
        """Return what a phone has received."""
        found = await self.rows("SELECT body FROM sandbox_sms WHERE msisdn = :msisdn ORDER BY id", msisdn=msisdn)
        return [str(body) for (body,) in found]


@asynccontextmanager
async def open_world(
    database: Database, clock: TestClock, ids: CountedIds, *, people: bool = True, others: Others = NO_OTHERS
) -> AsyncIterator[World]:
    """Build the world on a database; with ``people`` the illustrative households are loaded first.

    They stand under the first versions of their schemes; what tells of a later one puts it in force itself.
    """
    catalog = SchemeCatalog()
    if people:
        await database.transact(lambda connection: load_schemes(connection, clock.now(), SCHEMES))
    async with database.single() as connection:
        await catalog.refresh(connection)
    if people:
        await database.transact(lambda connection: load_people(connection, catalog, clock.now()))
    operator_app = create_operator(
        None, clock.now, api_key=WORD, merchant=MERCHANT, notify_url=f"{GATEWAY_URL}/webhooks/{OPERATOR}"
    )
    async with AsyncExitStack() as stack:
        to_operator = await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.ASGITransport(app=operator_app), base_url=OPERATOR_URL)
        )
        deps = _deps(database, clock, ids, to_operator, others)
        dialogue = UssdDeps(deps, PostgresSessions(database), AGGREGATORS, {"africastalking": (WORD,)}, catalog, PLACES)
        # As in local mode: every operator has a long address, and calls from this machine.
        known = {name: Callers((WORD,), (ip_network("127.0.0.1"),)) for name in deps.operators}
        webhook_deps = WebhookDeps(known)
        app = _app(deps, dialogue, webhook_deps)
        to_gateway = await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=GATEWAY_URL)
        )
        yield World(
            clock=clock,
            ids=ids,
            database=database,
            deps=deps,
            jobs=JobDeps(deps, catalog, SandboxSender(database, clock), JobLimits()),
            ussd=dialogue,
            app=app,
            phone=to_gateway,
            operator=_operator_of(operator_app),
            wire=to_gateway,
            webhooks=webhook_deps,
        )


def _deps(database: Database, clock: TestClock, ids: CountedIds, http: httpx.AsyncClient, others: Others) -> Deps:
    config = OPERATOR_CONFIG(operator_url=OPERATOR_URL, api_key=WORD, merchant=MERCHANT)
    operator = BUILD(config, http, clock)
    return Deps(
        ingress_db=database,
        console_db=database,
        worker_db=database,
        clock=clock,
        ids=ids,
        operators={OPERATOR: operator, **others.operators},
        clients={OPERATOR: operator.client, **others.clients},
        secrets={OPERATOR: operator.secrets_from({"secrets": [WORD]}), **others.secrets},
        public_url=GATEWAY_URL,
        service_code="*123#",
        help_number=HELP_NUMBER,
        local_mode=True,
    )


def _app(deps: Deps, dialogue: UssdDeps, webhook_deps: WebhookDeps) -> FastAPI:
    app = FastAPI(openapi_url=None)
    install_error_handlers(app, deps.ids.reference, {"": 4 * 1024 * 1024})
    app.add_middleware(Ingress, concurrency_max=500)
    app.include_router(health.router(deps, dialogue.sessions.answers))
    app.include_router(webhooks.router(deps, webhook_deps))
    app.include_router(sms_reports.router(deps, {"africastalking": (WORD,)}))
    app.include_router(ussd.router(dialogue))
    return app


def _operator_of(app: Starlette) -> WalletOperator:
    found: WalletOperator = app.state.operator
    return found


__all__ = ["AMINATA", "MOUSSA", "World", "actions", "open_world"]
