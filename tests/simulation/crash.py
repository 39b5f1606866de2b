"""Runs a flow to its end, ends its process at a moment of its own choosing, and lets the world go on afterwards.

A :class:`Stage` is a prepared instant: a database, the operator's books and the time. Every scenario goes back to it
and is played on a :class:`Ground`, which outlives the processes that stand on it. After a crash the old process's
objects are thrown away, its backends are gone from the server, and a new one is built on the same ground; then the
peers repeat what they got no answer to, the clock runs past every lease and every schedule, and the jobs run until
they are quiet.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import httpx
import psycopg
from starlette.applications import Starlette

from gateway.infra.database import Database, Pool, Timeouts, open_database
from gateway.local.postgres.private import PrivatePostgres
from payments.ledger.seal import FILLING_MAX
from sandbox_operator import actions
from sandbox_operator.app import create_operator
from sandbox_operator.books import Books
from sandbox_operator.model import PromptAnswer
from tests.databases import copying
from tests.fixed import CountedIds, TestClock
from tests.simulation.boundaries import (
    Boundary,
    Inward,
    Kind,
    Life,
    Moment,
    Outward,
    WatchedClient,
    WatchedPool,
    WatchedSender,
    When,
    crash_at,
)
from tests.simulation.compare import Truth, faults_of, read_truth
from tests.simulation.snapshot import Snapshot, keep
from tests.world import GATEWAY_URL, MERCHANT, NO_OTHERS, WORD, Others, World, open_world

#: Ids of a played scenario begin here, far from those of its preparation.
FIRST_ID = 1_000
POOL_SIZE = 4
#: The end of a backend that lost its client takes a millisecond on a quiet machine; one that is busy has time.
BACKEND_END_MS = 60_000
#: A process that another holds up waits for it, however slow the machine: no limit of ours decides a race.
PATIENT = Timeouts(statement_ms=120_000, lock_ms=120_000, idle_in_transaction_ms=120_000)
POOL_PATIENCE_S = 120
#: At once; twice past the lease of what asks and sends, while a prompt may still be sent; past every other lease and
#: the longest that a block waits to be filled. What needs more steps keeps people waiting, and is a fault that shows.
RECOVERY_S = (0, 121, 121, FILLING_MAX.seconds + 1)

Act = Callable[[World], Awaitable[None]]
#: Changes a world before it is used: a test plants a fault with it.
Alter = Callable[[World], World]
NAMES = itertools.count(1)


def nobody_else(clock: TestClock) -> Others:
    """Put nobody beside the sandbox operator."""
    del clock
    return NO_OTHERS


def as_it_is(world: World) -> World:
    """Change nothing."""
    return world


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """Something that a process does, and what its peers do when it died meanwhile.

    ``prepare`` leads to the instant before; ``run`` is interrupted everywhere; ``again`` is what peers repeat by
    themselves, which is ``run`` itself unless it says otherwise.
    """

    name: str
    prepare: Act
    run: Act
    again: Act
    #: The operators beside the sandbox; they outlive every process.
    others: Callable[[TestClock], Others] = nobody_else


@dataclass(frozen=True, slots=True)
class Stage:
    """A prepared instant, from which any number of scenarios start, one after the other."""

    server: PrivatePostgres
    database_name: str
    snapshot: Snapshot
    operator_app: Starlette
    books: Books
    clock: TestClock
    moment: datetime
    others: Others
    superuser: psycopg.AsyncConnection[Any] = field(repr=False)
    lasting: Database = field(repr=False)

    @asynccontextmanager
    async def pool(self) -> AsyncIterator[WatchedPool]:
        """Open connections for processes that end well, one after the other."""
        async with _pool(self.server, self.database_name) as database:
            yield WatchedPool(database)

    async def ground(self) -> "Ground":
        """Go back to the prepared instant."""
        await self.snapshot.restore(self.superuser)
        self.clock.moment = self.moment
        _restore(self.operator_app.state.operator.books, self.books)
        return Ground(
            self.server,
            self.database_name,
            self.operator_app,
            self.clock,
            CountedIds(itertools.count(FIRST_ID)),
            self.others,
            self.superuser,
            self.lasting,
        )


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way to play a flow, with what it came to."""

    boundaries: tuple[Boundary, ...]
    crashed: bool
    truth: Truth
    faults: tuple[str, ...]


@dataclass(slots=True)
class Ground:
    """What outlives a process: a database of its own, the operator with its books, and time."""

    server: PrivatePostgres
    database_name: str
    operator_app: Starlette
    clock: TestClock
    ids: CountedIds
    others: Others
    superuser: psycopg.AsyncConnection[Any] = field(repr=False)
    #: The connections of every process to which nothing happens: opening them anew would tell nothing, and take time.
    lasting: Database = field(repr=False)

    @asynccontextmanager
    async def process(self, life: Life) -> AsyncIterator[World]:
        """Start a process on this ground; what it did not send out before its end is lost with it."""
        async with (
            _pool(self.server, self.database_name) as database,
            self.process_on(WatchedPool(database), life) as world,
        ):
            yield world

    @asynccontextmanager
    async def process_on(self, pool: WatchedPool, life: Life) -> AsyncIterator[World]:
        """Start a process with the connections of one that has ended well."""
        pool.give_to(life)
        async with open_world(pool.database, self.clock, self.ids, people=False, others=self.others) as world:
            yield _replugged(world, life, self.operator_app)

    @asynccontextmanager
    async def undisturbed(self, *, people: bool = False) -> AsyncIterator[World]:
        """Start a process to which nothing happens."""
        async with open_world(self.lasting, self.clock, self.ids, people=people, others=self.others) as world:
            yield _replugged(world, Life(), self.operator_app)

    async def bury(self, life: Life) -> None:
        """Wait until the server has noticed that a process is gone and has rolled back what it left."""
        for pid in life.backend_pids():
            await self.superuser.execute("SELECT pg_terminate_backend(%s, %s)", [pid, BACKEND_END_MS])

    async def blocked(self, life: Life) -> bool:
        """Say whether a process waits for a lock that somebody else holds."""
        found = await self.superuser.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s) AND wait_event_type = 'Lock'",
            [life.backend_pids()],
        )
        row = await found.fetchone()
        return bool(row and row[0])


def _replugged(world: World, life: Life, operator_app: Starlette) -> World:
    """Put the boundaries of a life on every wire of a world, and the lasting operator at the other end."""
    client: Any = world.deps.clients["sandbox"]
    client.http._transport = Outward(life, httpx.ASGITransport(app=operator_app))
    for peer in (world.phone, world.wire):
        if not isinstance(peer._transport, Inward):
            peer._transport = Inward(life, peer._transport)
    clients = {name: one if name == "sandbox" else WatchedClient(life, one) for name, one in world.deps.clients.items()}
    deps = replace(world.deps, clients=clients)
    jobs = replace(world.jobs, deps=deps, sender=WatchedSender(life, world.jobs.sender))
    return replace(world, deps=deps, operator=operator_app.state.operator, jobs=jobs)


@asynccontextmanager
async def prepared(
    server: PrivatePostgres, template: str, act: Act, others: Callable[[TestClock], Others] = nobody_else
) -> AsyncIterator[Stage]:
    """Play what comes before on a database of its own, once, and keep the instant for as long as it is needed."""
    name, clock = f"stage_{next(NAMES)}", TestClock()
    async with await _superuser(server.superuser_url) as outside:
        for statement in copying(template, name, strategy="WAL_LOG"):
            await outside.execute(statement)
        try:
            async with (
                await _superuser(server.database_url(name, "postgres")) as superuser,
                _pool(server, name) as lasting,
            ):
                beside = others(clock)
                ground = Ground(server, name, _operator(clock), clock, CountedIds(), beside, superuser, lasting)
                async with ground.undisturbed(people=True) as world:
                    await act(world)
                app, kept = ground.operator_app, Books(None)
                _restore(kept, app.state.operator.books)
                snapshot = await keep(superuser)
                yield Stage(server, name, snapshot, app, kept, clock, clock.moment, beside, superuser, lasting)
        finally:
            await outside.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


async def play(stage: Stage, flow: Flow, moment: Moment | None = None, alter: Alter = as_it_is) -> Scenario:
    """Play a flow, end its process at a moment if one is given, let the world go on, and read what it came to."""
    ground, life = await stage.ground(), Life()
    if moment is not None:
        life.hook = crash_at(life, moment)
    async with ground.process(life) as world:
        crashed = await _run(alter(world), life, flow)
    await ground.bury(life)
    async with ground.undisturbed() as started:
        world = alter(started)
        if crashed:
            await flow.again(world)
        await settle_down(world)
        return Scenario(tuple(life.crossed), crashed, await read_truth(world), await faults_of(world))


async def settle_down(world: World) -> None:
    """Let time pass and everybody do what time brings: payers approve, the operator sends again, jobs come round."""
    for span_s in RECOVERY_S:
        world.clock.forward(seconds=span_s)
        await world.work()
        prompts = world.prompts()
        for prompt in prompts:
            actions.decide(world.operator, prompt.server_id, PromptAnswer(do="approve"), world.clock.now())
        delivered = await world.deliver()
        # The jobs were quiet at this very instant: only news from outside can wake them.
        if prompts or delivered:
            await world.work()


def moments(boundaries: tuple[Boundary, ...]) -> list[Moment]:
    """Return every instant at which the world can differ.

    Behind a commit, an answer, a call or a message something is for good. Behind a statement nothing is, and nothing
    crosses until the next boundary, before which the process is ended anyway.
    """
    last = boundaries[-1].number
    return [
        Moment(boundary.number, when)
        for boundary in boundaries
        for when in When
        if when is When.BEFORE or boundary.kind is not Kind.SQL or boundary.number == last
    ]


async def _run(world: World, life: Life, flow: Flow) -> bool:
    try:
        with life.watching():
            await flow.run(world)
    except (KeyboardInterrupt, SystemExit, asyncio.CancelledError):
        raise
    except BaseException:
        # Whatever the code of a dead process says is heard by nobody.
        if not life.dead:
            raise
    return life.dead


@asynccontextmanager
async def _pool(server: PrivatePostgres, name: str) -> AsyncIterator[Database]:
    url = server.database_url(name, "ramu_app")
    database = open_database(url, Pool(POOL_SIZE, POOL_PATIENCE_S), PATIENT)
    try:
        yield database
    finally:
        await database.close()


def _operator(clock: TestClock) -> Starlette:
    return create_operator(
        None, clock.now, api_key=WORD, merchant=MERCHANT, notify_url=f"{GATEWAY_URL}/webhooks/sandbox"
    )


def _restore(books: Books, kept: Books) -> None:
    # Rows are immutable; the tables that hold them are not.
    for name, value in vars(kept).items():
        setattr(books, name, copy(value))


async def _superuser(url: str) -> psycopg.AsyncConnection[Any]:
    return await psycopg.AsyncConnection.connect(url.replace("+psycopg", ""), autocommit=True)
