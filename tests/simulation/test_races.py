"""Two processes at once: one is held before each of its boundaries in turn while the other runs; the books stay one."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import pytest
from sqlalchemy import text

from gateway.jobs.callbacks import read_callbacks
from gateway.jobs.inquire import inquire
from gateway.jobs.poll import poll
from gateway.local.postgres.private import PrivatePostgres
from gateway.money.import_statement import import_statement
from sandbox_operator.model import Switches
from tests.conftest import TEMPLATE
from tests.simulation.boundaries import Boundary, Life, WatchedPool, When
from tests.simulation.compare import Truth, differences, faults_of, read_truth
from tests.simulation.crash import Act, Ground, Stage, prepared, settle_down
from tests.simulation.flows import (
    confirm,
    hear_and_credit,
    last_turn,
    push,
    reconciling,
    register,
    stand_before_asking,
    stand_before_callback,
    stand_before_paying,
    stand_before_pushing,
    stand_before_registering,
    statement_of,
)
from tests.stories import PAY_EVERYTHING, ask_to_pay
from tests.world import AMINATA, World

#: A guard against what hangs; each of these takes seconds on a quiet machine and minutes on one that is busy.
pytestmark = pytest.mark.timeout(1800)

BROTHER: Final = "+22370000009"
SECOND_PHONE: Final = text("""
    INSERT INTO phone_link (msisdn, party_id, valid_from)
    SELECT :msisdn, party_id, :now FROM phone_link WHERE msisdn = :beside
""")

MESSAGES: Final = ("messages", "messages on phones")

#: Looked at again after this long whether the other process waits for a lock.
LOOK_S: Final = 0.01
#: Longer than any lock is waited for.
PATIENCE_S: Final = 150


@dataclass(frozen=True, slots=True, eq=False)
class Race:
    """Two things that may happen at once, after a prepared instant; ``least`` is how often one can be overtaken."""

    name: str
    prepare: Act
    one: Act
    other: Act
    least: int = 5
    #: Parts of the truth that chance may order: the operator names two payments of one household by lot.
    by_lot: frozenset[str] = frozenset()

    def turned(self) -> "Race":
        """Return the race in which the other is held."""
        return Race(f"{self.name}, turned", self.prepare, self.other, self.one, 2, self.by_lot)


async def hear(world: World) -> None:
    """Let what is due at the operator arrive, and read it."""
    await world.deliver()
    await read_callbacks(world.jobs, world.clock.now())
    await inquire(world.jobs, world.clock.now())


async def question(world: World) -> None:
    """Ask about what is due."""
    await poll(world.jobs, world.clock.now())


async def read_inbox(world: World) -> None:
    """Read what is in the inbox."""
    await read_callbacks(world.jobs, world.clock.now())
    await inquire(world.jobs, world.clock.now())


async def take_statement(world: World) -> None:
    """Import the statement of the day."""
    await import_statement(
        reconciling(world),
        operator="sandbox",
        filename="releve.csv",
        content=BytesIO(statement_of(world)),
        actor="finance",
    )


#: Whoever dials again in the middle of a payment is asked whether to go on, and begins anew here.
PAY_ANEW: Final = ("2", *PAY_EVERYTHING)


async def confirm_elsewhere(world: World) -> None:
    """Confirm the payment of another dialogue of the same phone."""
    await last_turn(world, AMINATA, "S2", PAY_ANEW)


async def payer_is_quick(world: World) -> None:
    """Let every prompt be approved at once."""
    await stand_before_pushing(world)
    world.operator.books.write(Switches(auto_approve_s=0))


async def callback_waits(world: World) -> None:
    """Let a callback lie in the inbox."""
    await stand_before_callback(world)
    await world.deliver()


async def all_is_due(world: World) -> None:
    """Let a callback arrive at the moment when the question is due too."""
    await callback_waits(world)
    world.clock.forward(seconds=60)


async def two_dialogues(world: World) -> None:
    """Lead two dialogues of one phone to the confirmation."""
    await stand_before_paying(world)
    await ask_to_pay(world, AMINATA, "S2", PAY_ANEW[:-1])


async def two_phones(world: World) -> None:
    """Return a household a second phone, and lead both to the confirmation."""
    async with world.database.single() as connection:
        await connection.execute(SECOND_PHONE, {"msisdn": BROTHER, "beside": AMINATA, "now": world.clock.now()})
    await stand_before_paying(world)
    await ask_to_pay(world, BROTHER, "S2", PAY_EVERYTHING[:-1])


async def brother_confirms(world: World) -> None:
    """Confirm the payment on the second phone."""
    await last_turn(world, BROTHER, "S2", PAY_EVERYTHING)


NAMED_BY_LOT: Final = frozenset({"requests", "payments", "callbacks", "ledger", "allocations", *MESSAGES})

PAIRS = (
    Race("callback against the answer to the push", payer_is_quick, push, hear),
    Race("callback against poll", all_is_due, read_inbox, question),
    Race("poll against statement", stand_before_asking, question, take_statement),
    Race("callback against statement", callback_waits, read_inbox, take_statement),
    Race("two workers on one callback", callback_waits, hear_and_credit, hear_and_credit),
    Race("the same turn twice", stand_before_paying, confirm, confirm),
    Race("the same registration twice", stand_before_registering, register, register),
    Race("two dialogues of one phone", two_dialogues, confirm, confirm_elsewhere),
    Race("two phones of one household", two_phones, confirm, brother_confirms, by_lot=NAMED_BY_LOT),
    Race("two importers of one statement", stand_before_asking, take_statement, take_statement),
)


def both_ways() -> Iterator[Race]:
    for race in PAIRS:
        yield race
        if race.one is not race.other:
            yield race.turned()


@dataclass(slots=True)
class Outcome:
    """What a race came to; ``held`` is the boundary before which one was held, ``waited`` whether the other did."""

    held: Boundary | None
    waited: bool
    truth: Truth
    faults: tuple[str, ...]
    boundaries: int


class Gate:
    """Holds a life before one of its boundaries."""

    def __init__(self, life: Life, number: int) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        self.held: Boundary | None = None
        self._number = number
        life.hook = self._hold

    async def _hold(self, boundary: Boundary, when: When) -> None:
        if boundary.number == self._number and when is When.BEFORE:
            self.held = boundary
            self.reached.set()
            await self.opened.wait()


async def race_at(stage: Stage, race: Race, pools: tuple[WatchedPool, WatchedPool], number: int) -> Outcome:
    """Hold one before a boundary until the other is done or waits for it; then let both end."""
    ground, first, second = await stage.ground(), Life(), Life()
    gate = Gate(first, number)
    async with ground.process_on(pools[0], first) as one, ground.process_on(pools[1], second) as other:
        running = asyncio.create_task(_watched(race.one, one, first))
        reached = asyncio.create_task(gate.reached.wait())
        await asyncio.wait({running, reached}, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        reached.cancel()
        overtaking = asyncio.create_task(_watched(race.other, other, second))
        waited = await _done_or_blocked(ground, overtaking, second)
        gate.opened.set()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(running, overtaking)
    async with ground.undisturbed() as world:
        await settle_down(world)
        truth, faults = await read_truth(world), await faults_of(world)
    return Outcome(gate.held, waited, truth, faults, len(first.crossed))


async def _watched(act: Act, world: World, life: Life) -> None:
    with life.watching():
        await act(world)


async def _done_or_blocked(ground: Ground, task: asyncio.Task[None], life: Life) -> bool:
    async with asyncio.timeout(PATIENCE_S):
        while not task.done():
            if await ground.blocked(life):
                return True
            await asyncio.wait({task}, timeout=LOOK_S)
    return False


@pytest.mark.parametrize("race", [*both_ways()], ids=lambda race: race.name)
async def test_whoever_comes_first_the_books_are_the_same(
    server: PrivatePostgres, race: Race, capsys: pytest.CaptureFixture[str]
) -> None:
    async with prepared(server, TEMPLATE, race.prepare) as stage, stage.pool() as one, stage.pool() as other:
        first = await race_at(stage, race, (one, other), 0)
        held = [await race_at(stage, race, (one, other), number) for number in range(1, first.boundaries + 1)]
    # Whoever is held before the first boundary comes second: with these two every order in time is told.
    orders = (first.truth, held[0].truth)
    told = [f"one after the other: {fault}" for fault in first.faults]
    for outcome in held:
        assert outcome.held is not None
        where = f"held before {outcome.held.number} {outcome.held.kind} {outcome.held.label}"
        wrong = min((differences(order, outcome.truth, race.by_lot) for order in orders), key=len)
        told += [f"{where}: {fault}" for fault in (*wrong, *outcome.faults)]
    with capsys.disabled():
        waits = sum(outcome.waited for outcome in held)
        print(f"\n{race.name:50} {len(held):4} places to be overtaken, {waits:3} waits", end=" ")  # noqa: T201
    assert not told, "\n".join(told)
    assert len(held) >= race.least
