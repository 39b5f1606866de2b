"""A process dies before and after every statement, commit, call, answer and message; the ledger ends the same."""


import pytest
from tests.conftest import TEMPLATE

from gateway.local.postgres import PrivatePostgres
from tests.simulation.boundaries import Kind
from tests.simulation.compare import differences
from tests.simulation.crash import Flow, Scenario, Stage, moments, play, prepared
from tests.simulation.flows import (
    CALLBACK,
    CLOSING,
    CONFIRM,
    FLOWS,
    POLL,
    PUSH,
    REGISTERING,
    STATEMENT,
    UNASKED,
)

#: Fewer crossings than these mean that the harness has lost sight of a wire.
FLOOR = {CONFIRM: 9, REGISTERING: 12, PUSH: 8, CALLBACK: 30, POLL: 25, UNASKED: 30, STATEMENT: 50, CLOSING: 15}
NEEDED = {
    CONFIRM: {Kind.SQL, Kind.COMMIT, Kind.ANSWER},
    REGISTERING: {Kind.SQL, Kind.COMMIT, Kind.ANSWER},
    PUSH: {Kind.SQL, Kind.COMMIT, Kind.CALL},
    CALLBACK: set(Kind),
    POLL: {Kind.SQL, Kind.COMMIT, Kind.CALL, Kind.SMS},
    UNASKED: set(Kind),
    STATEMENT: {Kind.SQL, Kind.COMMIT, Kind.SMS},
    CLOSING: {Kind.SQL, Kind.COMMIT},
}


async def enumerated(stage: Stage, flow: Flow) -> tuple[Scenario, list[str]]:
    straight = await play(stage, flow)
    assert not straight.crashed
    assert straight.faults == ()
    told = []
    for moment in moments(straight.boundaries):
        scenario = await play(stage, flow, moment)
        boundary = straight.boundaries[moment.number - 1]
        where = f"{moment.when} {boundary.number} {boundary.kind} {boundary.label}"
        assert scenario.crashed, where
        told += [f"{where}: {fault}" for fault in (*differences(straight.truth, scenario.truth), *scenario.faults)]
    return straight, told


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
async def test_a_crash_anywhere_ends_with_the_same_ledger(
    server: PrivatePostgres, flow: Flow, capsys: pytest.CaptureFixture[str]
) -> None:
    async with prepared(server, TEMPLATE, flow.prepare) as stage:
        straight, told = await enumerated(stage, flow)
    with capsys.disabled():
        print(f"\n{flow.name:26} {len(straight.boundaries):4} boundaries {2 * len(straight.boundaries):5} crashes", end=" ")
    assert not told, "\n".join(told)
    assert len(straight.boundaries) >= FLOOR[flow]
    assert {boundary.kind for boundary in straight.boundaries} >= NEEDED[flow]
