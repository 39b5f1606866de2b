"""Row 1: a USSD turn, all included, beside bare handlers that make the same round trips."""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from tests.benchmarks import machine
from tests.benchmarks.bench import Bench
from tests.benchmarks.callers import Telephones
from tests.benchmarks.ground import SEEDED
from tests.benchmarks.half_load import at_half_load
from tests.benchmarks.load import Measured, paced, saturate
from tests.benchmarks.report import Figure
from tests.benchmarks.servers import Broken, Door, Server, floor_door, gateway_door

CLIENTS = 32
#: Dialogues that may be open while requests come at fixed moments.
PACED_CLIENTS = 128
OURS, FLOOR, DRIVER = "ussd_ours", "ussd_floor", "ussd_driver"
ROW = "1 USSD turn"
GOAL_RATIO, GOAL_P99 = "ratio >= 0.5", "< 50 ms"


@dataclass
class Side:
    """One door with the people who dial it."""

    door: Door
    phones: Telephones
    runs: Iterator[int]

    def saturate(self, seconds: float) -> tuple[Measured, float]:
        """Ask for some seconds; give what came and the processor time of one turn in milliseconds."""
        self.phones.run = f"{next(self.runs)}"
        before_s = machine.cpu_s(self.door.pid)
        measured = asyncio.run(saturate(self.door.port, self.phones.clients(CLIENTS), seconds))
        return measured, (machine.cpu_s(self.door.pid) - before_s) / len(measured.taken_s) * 1000

    def paced(self, per_s: float, seconds: float) -> Measured:
        self.phones.run = f"{next(self.runs)}"
        return asyncio.run(paced(self.door.port, self.phones.clients(PACED_CLIENTS), per_s, seconds))


def run(bench: Bench) -> list[Figure]:
    server = bench.server
    for name in (OURS, FLOOR, DRIVER):
        server.create(name, SEEDED)
    core = machine.web_core()
    with ExitStack() as stack:
        ours = _side(stack.enter_context(gateway_door(server, OURS, core)), bench)
        ours.saturate(bench.warm_up_s)
        sizes = _sizes(server)
        floor = _side(stack.enter_context(floor_door(server, FLOOR, "ussd", core, **sizes)), bench)
        driver = _side(stack.enter_context(floor_door(server, DRIVER, "ussd-driver", core, **sizes)), bench)
        floor.saturate(bench.warm_up_s)
        driver.saturate(bench.warm_up_s)
        figures = _throughput(bench, ours, floor, driver)
        figures += at_half_load(bench, ROW, figures[0].value / 2, ours=ours, floor=floor, goal=GOAL_P99)
        for side in (ours, floor, driver):
            _check(server, side)
    for name in (OURS, FLOOR, DRIVER):
        server.drop(name)
    return figures


#: What a kept dialogue says was answered, in bytes on the average.
SCREEN_BYTES = """
    SELECT avg(length(decode(translate(
        content::json -> 'session' -> 'reply' -> 'response' ->> 'body', '-_', '+/'), 'base64')))
      FROM ussd_session
"""


def _side(door: Door, bench: Bench) -> Side:
    return Side(door, Telephones(range(bench.lookers), iter(bench.confirmers)), itertools.count())


def _sizes(server: Server) -> dict[str, str]:
    """What the gateway keeps and says on the average, so that the floors move as many bytes."""
    content = server.one(OURS, "SELECT avg(length(content)) FROM ussd_session")
    screen = server.one(OURS, SCREEN_BYTES)
    return {"FLOOR_SESSION_CHARS": str(content), "FLOOR_SCREEN_CHARS": str(screen)}


def _throughput(bench: Bench, ours: Side, floor: Side, driver: Side) -> list[Figure]:
    per_s: dict[str, list[float]] = {side.door.name: [] for side in (ours, floor, driver)}
    cpu_ms: dict[str, list[float]] = {side.door.name: [] for side in (ours, floor, driver)}
    for _ in range(bench.repeats):
        for side in (ours, floor, driver):
            measured, turn_cpu_ms = side.saturate(bench.seconds)
            per_s[side.door.name].append(measured.per_s)
            cpu_ms[side.door.name].append(turn_cpu_ms)
            bench.say(f"{side.door.name}: {measured.per_s:.0f} turns/s, {turn_cpu_ms:.2f} ms of processor each")
    extra = {"clients": CLIENTS, "core_of_web": machine.web_core(), "core_of_load": machine.load_core()}
    same = "same statements, same engine"
    return [
        Figure(ROW, "throughput", "turns/s", *_pair(per_s, FLOOR), same, GOAL_RATIO, extra),
        Figure(ROW, "throughput", "turns/s", *_pair(per_s, DRIVER), "same statements, bare driver"),
        Figure(ROW, "processor time of the web process", "ms", *_pair(cpu_ms, FLOOR), same),
        Figure(ROW, "processor time of the web process", "ms", *_pair(cpu_ms, DRIVER), "bare driver"),
    ]


def _pair(runs: dict[str, list[float]], floor: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(runs[OURS]), tuple(runs[floor])


def _check(server: Server, side: Side) -> None:
    """Every dialogue is kept, and every confirmed one is one request."""
    name = side.door.name
    kept = server.count(name, "ussd_session")
    asked = server.count(name, "payment_request")
    if (kept, asked) != (side.phones.begun, side.phones.confirmed) or not asked:
        raise Broken(
            f"{name}: {side.phones.begun} dialogues and {side.phones.confirmed} confirmed, "
            f"but {kept} sessions and {asked} requests are kept"
        )
