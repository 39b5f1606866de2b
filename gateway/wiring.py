"""The only place where settings become parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import httpx
from pydantic import SecretStr
from redis.asyncio import Redis

from gateway.callers import Callers
from gateway.clock import SystemClock
from gateway.contributions.schemes import SchemeBook
from gateway.database import Database, Pool, Timeouts, open_database
from gateway.deps import Deps
from gateway.finance.parts import FinanceDeps
from gateway.ids import RandomIds
from gateway.jobs.deps import JobDeps, Pace
from gateway.members.places import rows
from gateway.outgoing import Connections
from gateway.reconciling import ReconcilingDeps
from gateway.setting_types import SmsSender
from gateway.settings import Settings
from gateway.sms.senders import africastalking
from gateway.sms.senders.contract import SmsSender as Sender
from gateway.sms.senders.sandbox import SandboxSender
from gateway.ussd.aggregators.registry import built_in as aggregators
from gateway.ussd.parts import UssdDeps
from gateway.ussd.sessions import SessionStore
from gateway.ussd.sessions_postgres import PostgresSessions
from gateway.ussd.sessions_redis import RedisSessions, open_redis
from gateway.webhooks import WebhookParts
from payments.operators.contract import Operator, OperatorClient
from payments.operators.registry import built_in as operators
from payments.operators.sandbox.client import SandboxClient
from ussd_flows.places import places_from

#: Longer than the longest statement of a report (the trial balance allows itself two minutes).
REPORT_SILENCE_S = 150


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that was built, grouped by who uses it."""

    deps: Deps
    ussd: UssdDeps
    jobs: JobDeps
    finance: FinanceDeps
    reconciling: ReconcilingDeps
    book: SchemeBook
    webhooks: WebhookParts
    sms_keys: dict[str, tuple[str, ...]]


class Wiring:
    """The parts of one process; they connect when they are first used, and close together."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._databases: list[Database] = []
        self._http = httpx.AsyncClient(
            transport=Connections(), timeout=settings.operator_timeout_s, follow_redirects=False
        )
        self._redis: Redis | None = None
        self.parts = self._parts()

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()
        if self._redis is not None:
            await self._redis.aclose()
        for database in self._databases:
            await database.close()

    def _parts(self) -> Parts:
        settings, book, clock = self._settings, SchemeBook(), SystemClock()
        clients = self._clients(clock)
        known = {name: one for name, one in operators().items() if name in clients or _is_by_file(one)}
        deps = Deps(
            doors=self._database(at_doors=True),
            desk=self._database(),
            work=self._database(),
            clock=clock,
            ids=RandomIds(),
            operators=known,
            clients=clients,
            secrets={name: settings.secrets_of(name) for name in known},
            public_url=settings.public_url,
            service_code=settings.service_code,
            local_mode=settings.is_local,
            reach=timedelta(days=settings.reach_days),
        )
        accounts = {"sandbox": settings.sandbox_merchant}
        return Parts(
            deps=deps,
            ussd=self._ussd(deps, book),
            jobs=JobDeps(deps, book, self._sender(deps), Pace(call_timeout_s=settings.operator_timeout_s), accounts),
            finance=FinanceDeps(deps),
            reconciling=ReconcilingDeps(deps, book, accounts),
            book=book,
            webhooks=WebhookParts({name: self._callers(name) for name in known}),
            sms_keys=_plain(settings.sms_keys),
        )

    def _callers(self, operator: str) -> Callers:
        keys = self._settings.webhook_keys.get(operator, ())
        networks = self._settings.webhook_networks.get(operator, ())
        return Callers(tuple(key.get_secret_value() for key in keys), networks)

    def _database(self, *, at_doors: bool = False, durable: bool = True) -> Database:
        settings = self._settings
        database = open_database(
            settings.database_url.get_secret_value(),
            Pool(settings.pool_size, settings.pool_wait_s),
            Timeouts(
                settings.statement_timeout_s * 1000,
                settings.lock_timeout_s * 1000,
                settings.idle_transaction_timeout_s * 1000,
                # Who stands at a door waits no longer than a statement may take; a report sets its own limit.
                (settings.statement_timeout_s + 1 if at_doors else REPORT_SILENCE_S) * 1000,
            ),
            durable=durable,
        )
        self._databases.append(database)
        return database

    def _clients(self, clock: SystemClock) -> dict[str, OperatorClient]:
        settings = self._settings
        if settings.sandbox_operator_url is None or settings.sandbox_api_key is None:
            return {}
        sandbox = SandboxClient(
            http=self._http,
            base_url=settings.sandbox_operator_url,
            api_key=settings.sandbox_api_key.get_secret_value(),
            merchant_account=settings.sandbox_merchant,
            now=clock.now,
            timeout_s=settings.operator_timeout_s,
        )
        return {"sandbox": sandbox}

    def _ussd(self, deps: Deps, book: SchemeBook) -> UssdDeps:
        return UssdDeps(
            deps=deps,
            sessions=self._sessions(),
            aggregators=aggregators(),
            keys=_plain(self._settings.ussd_keys),
            book=book,
            places=places_from(rows()),
            push_delay_s=self._settings.push_delay_s,
        )

    def _sessions(self) -> SessionStore:
        if self._settings.redis_url is None:
            return PostgresSessions(self._database(at_doors=True, durable=False))
        self._redis = open_redis(self._settings.redis_url.get_secret_value())
        return RedisSessions(self._redis)

    def _sender(self, deps: Deps) -> Sender:
        settings = self._settings
        if settings.sms_sender is SmsSender.SANDBOX:
            return SandboxSender(deps.work, deps.clock)
        if settings.africastalking_username is None or settings.africastalking_api_key is None:
            raise AssertionError("the settings refuse this sender without its account")
        return africastalking.open_sender(
            settings.africastalking_username,
            settings.africastalking_api_key.get_secret_value(),
            settings.africastalking_sender_id,
            settings.operator_timeout_s,
        )


def _plain(named: Mapping[str, Sequence[SecretStr]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(key.get_secret_value() for key in keys) for name, keys in named.items()}


def _is_by_file(operator: Operator) -> bool:
    """Say whether an operator has no calls that we could make: its statements and callbacks are all there is."""
    can = operator.capabilities
    return not (can.request_to_pay or can.query_request or can.query_transaction)
