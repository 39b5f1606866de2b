"""The only place where settings become parts."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import httpx
from pydantic import SecretStr
from redis.asyncio import Redis

from gateway.config.settings import Settings
from gateway.console.deps import ConsoleDeps
from gateway.contributions.schemes import SchemeCatalog
from gateway.infra.clock import ShiftedClock, SystemClock
from gateway.infra.clock_shift import following, look
from gateway.infra.database import Database, Pool, Timeouts, open_database
from gateway.infra.deps import Deps
from gateway.infra.http_pool import Connections
from gateway.infra.ids import RandomIds
from gateway.jobs.deps import JobDeps, JobLimits
from gateway.members.places import all_places
from gateway.money.match_statement import ReconcilingDeps
from gateway.operator_api.callbacks import WebhookDeps
from gateway.operator_api.callers import Callers
from gateway.sms.senders import registry as senders
from gateway.sms.senders.contract import SmsSender
from gateway.ussd.aggregators import registry as aggregators
from gateway.ussd.deps import UssdDeps
from gateway.ussd.sessions import SessionStore
from gateway.ussd.sessions_postgres import PostgresSessions
from gateway.ussd.sessions_redis import RedisSessions, open_redis
from payments.operators import registry as operators
from payments.operators.contract import Operator, Secrets

#: Longer than the longest statement of a report (the trial balance allows itself two minutes).
REPORT_SILENCE_S = 150
#: Where time can be moved, a job that rests looks at it so often: what a month brings is there a moment later.
CLOCK_LOOK_S = 1


@dataclass(frozen=True, slots=True)
class ProcessDeps:
    """Everything that was built, grouped by who uses it."""

    deps: Deps
    ussd: UssdDeps
    jobs: JobDeps
    console: ConsoleDeps
    reconciling: ReconcilingDeps
    catalog: SchemeCatalog
    webhooks: WebhookDeps
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
        self._moved = ShiftedClock(SystemClock()) if settings.is_local else None
        self.process = self._build()

    async def set_clock(self) -> None:
        """Take the time that the database keeps; in production there is only the machine's."""
        if self._moved is not None:
            await look(self.process.deps.console_db, self._moved)

    @asynccontextmanager
    async def following_clock(self) -> AsyncIterator[None]:
        """Go with the time that the database keeps, for as long as this process lives."""
        if self._moved is None:
            yield
        else:
            async with following(self.process.deps.console_db, self._moved):
                yield

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()
        if self._redis is not None:
            await self._redis.aclose()
        for database in self._databases:
            await database.close()

    def _build(self) -> ProcessDeps:
        settings, catalog = self._settings, SchemeCatalog()
        clock = self._moved or SystemClock()
        known = {
            name: operators.build(name, config, self._http, clock)
            for name, config in settings.adapters.operators.items()
        }
        deps = Deps(
            ingress_db=self._database(at_ingress=True),
            console_db=self._database(),
            worker_db=self._database(),
            clock=clock,
            ids=RandomIds(),
            operators=known,
            clients={name: one.client for name, one in known.items() if one.client is not None},
            secrets={name: self._secrets(one) for name, one in known.items()},
            public_url=settings.public_url,
            service_code=settings.service_code,
            local_mode=settings.is_local,
            reach=timedelta(days=settings.reach_days),
            machine_clock=SystemClock(),
            help_number=settings.help_number,
        )
        accounts = {name: one.account for name, one in known.items() if one.account is not None}
        reconciling = ReconcilingDeps(deps, catalog, accounts)
        return ProcessDeps(
            deps=deps,
            ussd=self._ussd(deps, catalog),
            jobs=JobDeps(deps, catalog, self._sender(deps), self._limits(), accounts),
            console=ConsoleDeps(deps, reconciling),
            reconciling=reconciling,
            catalog=catalog,
            webhooks=WebhookDeps({name: self._callers(name) for name in known}),
            sms_keys=_plain(settings.sms_keys),
        )

    def _limits(self) -> JobLimits:
        limits = JobLimits(call_timeout_s=self._settings.operator_timeout_s)
        return replace(limits, clock_look_s=CLOCK_LOOK_S) if self._settings.is_local else limits

    def _callers(self, operator: str) -> Callers:
        keys = self._settings.webhook_keys.get(operator, ())
        networks = self._settings.webhook_networks.get(operator, ())
        return Callers(tuple(key.get_secret_value() for key in keys), networks)

    def _secrets(self, operator: Operator) -> Secrets:
        """Return what we share with an operator: what its settings say, and what all operators' secrets are kept in."""
        config = self._settings.adapters.operators[operator.name]
        own = {name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in config}
        return operator.secrets_from({**own, "secrets": self._settings.secrets_of(operator.name).values})

    def _database(self, *, at_ingress: bool = False, durable: bool = True) -> Database:
        settings = self._settings
        database = open_database(
            settings.database_url.get_secret_value(),
            Pool(settings.pool_size, settings.pool_wait_s),
            Timeouts(
                settings.statement_timeout_s * 1000,
                settings.lock_timeout_s * 1000,
                settings.idle_transaction_timeout_s * 1000,
                # A caller waits no longer than a statement may take; a report sets its own limit.
                (settings.statement_timeout_s + 1 if at_ingress else REPORT_SILENCE_S) * 1000,
            ),
            durable=durable,
        )
        self._databases.append(database)
        return database

    def _ussd(self, deps: Deps, catalog: SchemeCatalog) -> UssdDeps:
        return UssdDeps(
            deps=deps,
            sessions=self._sessions(),
            aggregators=aggregators.built(self._settings.adapters.aggregators),
            keys=_plain(self._settings.ussd_keys),
            catalog=catalog,
            places=all_places(),
            push_delay_s=self._settings.push_delay_s,
        )

    def _sessions(self) -> SessionStore:
        if self._settings.redis_url is None:
            return PostgresSessions(self._database(at_ingress=True, durable=False))
        self._redis = open_redis(self._settings.redis_url.get_secret_value())
        return RedisSessions(self._redis)

    def _sender(self, deps: Deps) -> SmsSender:
        (name, config), *_ = self._settings.adapters.senders.items()
        return senders.build(name, config, self._http, deps.clock, deps.worker_db)


@asynccontextmanager
async def wired(settings: Settings) -> AsyncIterator[ProcessDeps]:
    """Build the parts for one command, at the time that the database keeps, and close them behind it."""
    wiring = Wiring(settings)
    try:
        await wiring.set_clock()
        yield wiring.process
    finally:
        await wiring.close()


def _plain(named: Mapping[str, Sequence[SecretStr]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(key.get_secret_value() for key in keys) for name, keys in named.items()}
