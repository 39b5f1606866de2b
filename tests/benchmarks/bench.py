"""What every row is given: the server, how long to measure, and where to say what happens."""

import sys
from dataclasses import dataclass, field

from tests.benchmarks.growth.books import Size
from tests.benchmarks.servers import Server

#: What the growth row can measure, in this order: the last ones write.
GROWTH_PARTS = ("pages", "turns", "posting", "periods")


@dataclass(frozen=True)
class Growth:
    """How large the large books are, and what is measured on them."""

    size: Size = field(default_factory=lambda: Size(100_000, 1_000_000))
    parts: tuple[str, ...] = GROWTH_PARTS


@dataclass(frozen=True)
class Bench:
    """One run of the benchmarks."""

    server: Server
    seconds: float
    repeats: int
    growth: Growth = field(default_factory=Growth)
    lines: int = 100_000

    @property
    def warm_up_s(self) -> float:
        return min(2, self.seconds)

    @property
    def lookers(self) -> int:
        """Households that only look around."""
        return 2000

    @property
    def confirmers(self) -> range:
        """Households that confirm one payment each against each door."""
        return range(self.lookers, self.lookers + int(100 * self.seconds * self.repeats))

    @property
    def households(self) -> int:
        return self.confirmers.stop

    def say(self, line: str) -> None:
        sys.stderr.write(f"  {line}\n")
        sys.stderr.flush()
