"""How long answers take when requests come at half the rate that saturates us."""

from typing import Protocol

from tests.benchmarks.bench import Bench
from tests.benchmarks.load import Measured
from tests.benchmarks.report import Figure
from tests.benchmarks.servers import Door

PERCENTS = (50, 99)


class Paced(Protocol):
    """A door with somebody who asks at fixed moments."""

    door: Door

    def paced(self, per_s: float, seconds: float) -> Measured: ...


def at_half_load(bench: Bench, row: str, per_s: float, *, ours: Paced, floor: Paced, goal: str) -> list[Figure]:
    """Ask both doors at one rate, by turns."""
    found: dict[tuple[str, int], list[float]] = {}
    for _ in range(bench.repeats):
        for side in (ours, floor):
            # What the row before left to be written must not be paid by whoever comes first.
            bench.server.checkpoint()
            measured = side.paced(per_s, bench.seconds)
            for percent in PERCENTS:
                found.setdefault((side.door.name, percent), []).append(measured.ms(percent))
            times = (measured.ms(percent) for percent in PERCENTS)
            bench.say("{} at {:.0f}/s: p50 {:.1f} ms, p99 {:.1f} ms".format(side.door.name, per_s, *times))
    return [
        Figure(
            row,
            f"p{percent} at half load ({per_s:.0f}/s)",
            "ms",
            tuple(found[ours.door.name, percent]),
            tuple(found[floor.door.name, percent]),
            "bare handler at the same rate",
            goal if percent == PERCENTS[-1] else "",
        )
        for percent in PERCENTS
    ]
