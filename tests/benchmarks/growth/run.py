"""Growth: the same work on small books and on large ones of 24 months; each figure, its ratio, and what grew."""

from datetime import UTC, date, datetime
from statistics import median

from tests.benchmarks.bench import Bench
from tests.benchmarks.growth import pages, periods, posting, turns
from tests.benchmarks.growth.asked import Plan, grown
from tests.benchmarks.growth.books import Size, build
from tests.benchmarks.report import Figure

ROW = "growth"
SMALL = Size(10_000, 100_000)
#: A statement that looks at so much more, and at so many pages of 8 KiB, is told with its plan.
GROWN_FACTOR, GROWN_PAGES = 3.0, 64
#: A page that everybody waits on, at any size.
PAGE_GOAL = "< 100 ms at any size"
#: The country of which the first of January must be opened in ten minutes.
COUNTRY_HOUSEHOLDS = 1_000_000


def run(bench: Bench) -> list[Figure]:
    """Measure what is asked for: pages, turns, posting, periods."""
    today, parts = datetime.now(UTC).date(), bench.growth.parts
    sizes = (SMALL, bench.growth.size)
    for size in sizes:
        bench.say(f"books of {size.households:,} households and {size.payments:,} payments")
        build(bench.server, size, today, bench.say)
    measured = {"pages": _pages, "turns": _turns, "posting": _posting, "periods": _periods}
    return [figure for part in parts for figure in measured[part](bench, sizes, today)]


def _pages(bench: Bench, sizes: tuple[Size, Size], today: date) -> list[Figure]:
    (small, small_plans), (large, large_plans) = (pages.measure(bench.server, size, today) for size in sizes)
    figures = []
    for name, took in large.items():
        looked = tuple(float(sum(plan.pages for plan in plans[name])) for plans in (large_plans, small_plans))
        figures += [
            Figure(ROW, f"{name}, p95", "ms", (pages.p95(took),), (pages.p95(small[name]),), _of(sizes), PAGE_GOAL),
            Figure(ROW, f"{name}, blocks of 8 KiB looked at", "", (looked[0],), (looked[1],), _of(sizes)),
        ]
        _tell(bench, name, small_plans[name], large_plans[name])
    return figures


def _turns(bench: Bench, sizes: tuple[Size, Size], _today: date) -> list[Figure]:
    figures = []
    for size in sizes:
        took, plans = turns.measure(bench.server, size)
        for what in ("cpu", "wall"):
            old, young = tuple(took[f"24 months, {what}"]), tuple(took[f"1 month, {what}"])
            name = f"turn of 24 months against 1, {what}, {size.payments:,} payments"
            # The least of many: whatever else this machine does only ever adds.
            figures.append(Figure(ROW, name, "ms", (min(old),), (min(young),), "1 month", "ratio <= 1.1"))
        _tell(bench, f"turn, {size.payments:,} payments", plans["1 month"], plans["24 months"])
    return figures


def _posting(bench: Bench, sizes: tuple[Size, Size], _today: date) -> list[Figure]:
    count = round(300 * bench.seconds)
    runs = [[posting.post(bench.server, size, count) for size in sizes] for _ in range(bench.repeats)]
    units = {
        "per_s": "payments/s", "cpu_ms": "ms", "wal_bytes": "bytes", "page_images": "", "pages": "",
        "pages_from_disk": "",
    }  # fmt: skip
    figures = []
    for name, unit in units.items():
        small, large = (tuple(float(getattr(run[place], name)) for run in runs) for place in (0, 1))
        goal = "ratio >= 0.9" if name == "per_s" else ""
        figures.append(Figure(ROW, f"posting, {name} (one worker)", unit, large, small, _of(sizes), goal))
    bench.say(
        f"posting: {median(run[1].per_s for run in runs):.0f} large, {median(run[0].per_s for run in runs):.0f} small"
    )
    return figures


def _periods(bench: Bench, sizes: tuple[Size, Size], today: date) -> list[Figure]:
    figures = []
    for workers in (1, 2):
        small, large = (periods.measure(bench.server, size, today, workers) for size in sizes)
        # Through both points, as if the growth between them went on: what is quadratic shows here.
        slope = (large.each_ms - small.each_ms) / max(1, large.households - small.households)
        country_s = COUNTRY_HOUSEHOLDS * (large.each_ms + slope * (COUNTRY_HOUSEHOLDS - large.households)) / 1000
        with_workers = f"with {workers} worker{'s' * (workers > 1)}"
        extra = {"households": large.households, "workers_cpu_s": round(large.cpu_s, 1)}
        each = (large.each_ms,), (small.each_ms,), _of(sizes), "linear", extra
        name = f"open_periods, {COUNTRY_HOUSEHOLDS:,} households by extrapolation, {with_workers}"
        figures += [
            Figure(ROW, f"open_periods, a household, {with_workers}", "ms", *each),
            Figure(ROW, name, "s", (country_s,), goal="< 600 s"),
        ]
    return figures


def _of(sizes: tuple[Size, Size]) -> str:
    return f"{sizes[0].payments:,} payments; ours: {sizes[1].payments:,}"


def _tell(bench: Bench, name: str, small: list[Plan], large: list[Plan]) -> None:
    for before, after in grown(small, large, GROWN_FACTOR, GROWN_PAGES):
        bench.say(f"{name}: {before.pages} -> {after.pages} blocks, {before.ms:.1f} -> {after.ms:.1f} ms")
        bench.say(f"  {after.statement[:300]}")
        for line in after.told.splitlines():
            bench.say(f"    {line}")
