"""A process dies before and after every statement, commit, call, answer and message; the ledger ends the same."""

import contextlib
from dataclasses import replace

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.jobs import callbacks
from gateway.local.postgres.private import PrivatePostgres
from gateway.sms.senders.contract import ClaimedSms, SendResult
from gateway.sms.senders.sandbox.sender import SandboxSender
from payments.evidence import callbacks as inbox
from payments.requests.dispatch import Lease
from tests.conftest import TEMPLATE
from tests.simulation.boundaries import Kind, WatchedSender
from tests.simulation.compare import differences
from tests.simulation.crash import NAMES, Alter, Flow, Scenario, Stage, as_it_is, moments, play, prepared
from tests.simulation.flows import (
    CALLBACK,
    CLOSING,
    CONFIRM,
    FLOWS,
    POLL,
    PUSH,
    REGISTERING,
    SIGNED,
    STATEMENT,
    TWO,
    UNASKED,
)
from tests.world import World

#: A guard against what hangs; each of these takes seconds on a quiet machine and minutes on one that is busy.
pytestmark = pytest.mark.timeout(1800)

#: Fewer crossings than these mean that the harness has lost sight of a wire.
FLOOR = {
    CONFIRM: 9,
    REGISTERING: 12,
    PUSH: 8,
    CALLBACK: 30,
    POLL: 25,
    UNASKED: 30,
    STATEMENT: 50,
    CLOSING: 15,
    TWO: 20,
    SIGNED: 20,
}
#: One enumeration is cut into so many tests, because a limit of time must have room on a machine at half speed.
PARTS = {
    CONFIRM: 1,
    REGISTERING: 1,
    PUSH: 1,
    CALLBACK: 2,
    POLL: 2,
    UNASKED: 2,
    STATEMENT: 5,
    CLOSING: 2,
    TWO: 2,
    SIGNED: 2,
}
NEEDED = {
    CONFIRM: {Kind.SQL, Kind.COMMIT, Kind.ANSWER},
    REGISTERING: {Kind.SQL, Kind.COMMIT, Kind.ANSWER},
    PUSH: {Kind.SQL, Kind.COMMIT, Kind.CALL},
    CALLBACK: set(Kind),
    POLL: {Kind.SQL, Kind.COMMIT, Kind.CALL, Kind.SMS},
    UNASKED: set(Kind),
    STATEMENT: {Kind.SQL, Kind.COMMIT, Kind.SMS},
    CLOSING: {Kind.SQL, Kind.COMMIT},
    TWO: {Kind.SQL, Kind.COMMIT, Kind.CALL, Kind.SMS},
    SIGNED: {Kind.SQL, Kind.COMMIT, Kind.ANSWER, Kind.SMS},
}


async def enumerated(stage: Stage, flow: Flow, part: int) -> tuple[Scenario, int, list[str]]:
    straight = await play(stage, flow)
    assert not straight.crashed
    assert straight.faults == ()
    told, mine = [], moments(straight.boundaries)[part :: PARTS[flow]]
    for moment in mine:
        scenario = await play(stage, flow, moment)
        boundary = straight.boundaries[moment.number - 1]
        where = f"{moment.when} {boundary.number} {boundary.kind} {boundary.label}"
        assert scenario.crashed, where
        told += [f"{where}: {fault}" for fault in (*differences(straight.truth, scenario.truth), *scenario.faults)]
    return straight, len(mine), told


async def a_fault(server: PrivatePostgres, flow: Flow, alter: Alter, *, shows_late: bool = False) -> str | None:
    """Look for a crash that a planted fault does not survive, from the end at which it shows."""
    async with prepared(server, TEMPLATE, flow.prepare, flow.others) as stage:
        straight = await play(stage, flow, alter=alter)
        assert straight.faults == ()
        every = moments(straight.boundaries)
        for moment in reversed(every) if shows_late else every:
            scenario = await play(stage, flow, moment, alter)
            if told := [*differences(straight.truth, scenario.truth), *scenario.faults]:
                return told[0]
    return None


class AcknowledgesFirst(httpx.AsyncBaseTransport):
    """A door that answers 204 and only then looks at what came."""

    def __init__(self, door: httpx.AsyncBaseTransport) -> None:
        self._door = door

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with contextlib.suppress(httpx.TransportError):
            await self._door.handle_async_request(request)
        return httpx.Response(204, request=request)


def acknowledging_first(world: World) -> World:
    world.wire._transport = AcknowledgesFirst(world.wire._transport)
    return world


class ForgetsKeys(SandboxSender):
    """A sender that sees a new message in every hand-over."""

    async def send(self, messages: list[ClaimedSms]) -> list[SendResult]:
        return await super().send([replace(one, key=f"{one.key}/{next(NAMES)}") for one in messages])


def forgetting_keys(world: World) -> World:
    sender = ForgetsKeys(world.database, world.clock)
    watched = world.jobs.sender
    assert isinstance(watched, WatchedSender)
    return replace(world, jobs=replace(world.jobs, sender=watched.around(sender)))


async def handled_before_it_was(connection: AsyncConnection, lease: Lease) -> list[inbox.StoredCallback]:
    leased = await inbox.lease_due(connection, lease)
    await inbox.mark_handled(connection, [(one.id, None) for one in leased], lease.now)
    return leased


async def test_a_door_that_acknowledges_before_it_stores_is_caught(server: PrivatePostgres) -> None:
    told = await a_fault(server, UNASKED, acknowledging_first)
    assert told is not None


async def test_a_message_without_a_key_is_caught(server: PrivatePostgres) -> None:
    told = await a_fault(server, CALLBACK, forgetting_keys, shows_late=True)
    assert told is not None
    assert "messages on phones: too much" in told


async def test_a_callback_marked_as_handled_when_claimed_is_caught(
    server: PrivatePostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "lease_due", handled_before_it_was)
    assert await a_fault(server, UNASKED, as_it_is) is not None


@pytest.mark.parametrize(
    ("flow", "part"),
    [
        pytest.param(flow, part, id=f"{flow.name}, part {part + 1} of {PARTS[flow]}")
        for flow in FLOWS
        for part in range(PARTS[flow])
    ],
)
async def test_a_crash_anywhere_ends_with_the_same_ledger(
    server: PrivatePostgres, flow: Flow, part: int, capsys: pytest.CaptureFixture[str]
) -> None:
    async with prepared(server, TEMPLATE, flow.prepare, flow.others) as stage:
        straight, crashes, told = await enumerated(stage, flow, part)
    with capsys.disabled():
        print(  # noqa: T201 - the figures are the result
            f"\n{flow.name:26} {len(straight.boundaries):4} boundaries {crashes:5} crashes", end=" "
        )
    assert not told, "\n".join(told)
    assert len(straight.boundaries) >= FLOOR[flow]
    assert {boundary.kind for boundary in straight.boundaries} >= NEEDED[flow]
