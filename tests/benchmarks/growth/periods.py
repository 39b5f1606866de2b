"""The first of January: every household's next period opens, and what was paid in advance pays for it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from tests.benchmarks.growth.books import Size
from tests.benchmarks.money import work
from tests.benchmarks.servers import Broken, Server

OPENED = "grown_opened"
DUE = "SELECT count(*) FROM household WHERE next_period_on <= '{day}'"
PARKED = "SELECT count(*) FROM parked_household"


@dataclass(frozen=True)
class Opened:
    """How many households were looked at, how long that took, and the processor time of the workers."""

    households: int
    seconds: float
    cpu_s: float

    @property
    def each_ms(self) -> float:
        return self.seconds / self.households * 1000


def first_of_january(today: date) -> date:
    return date(today.year + 1, 1, 1)


def measure(server: Server, size: Size, today: date, workers: int) -> Opened:
    """Open everything on a copy of the books, with so many workers at once."""
    server.create(OPENED, size.name)
    day = first_of_january(today)
    at = datetime(day.year, day.month, day.day, 1, tzinfo=UTC)
    due = server.one(OPENED, DUE.format(day=day))
    try:
        server.settle_down(OPENED)
        per_s, cpu_s = work(server, OPENED, "opening", workers, due, OPENED_AT=at.isoformat())
        left, parked = server.one(OPENED, DUE.format(day=day)), server.one(OPENED, PARKED)
        if left or parked:
            raise Broken(f"{left} households still wait and {parked} are parked")
    finally:
        server.drop(OPENED)
    return Opened(due, due / per_s, cpu_s)
