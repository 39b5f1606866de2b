"""`python -m tests.benchmarks [NAME...]`: the hot paths, each beside its floor in the same run."""

import argparse
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks import callbacks, cold, ground, machine, money, proofs, statements, ussd
from tests.benchmarks.bench import GROWTH_PARTS, Bench, Growth
from tests.benchmarks.growth import run as growth
from tests.benchmarks.growth.books import Size
from tests.benchmarks.report import Figure, table, write
from tests.benchmarks.servers import Broken, private_server

ROWS: dict[str, Callable[[Bench], list[Figure]]] = {
    "ussd": ussd.run,
    "callbacks": callbacks.run,
    "money": money.run,
    "statements": statements.run,
    "proofs": proofs.run,
    "cold": cold.run,
    "growth": growth.run,
}
#: Books of years take long to make; they are measured when they are named.
NAMED_ONLY = ("growth", "statements", "proofs")


def main() -> None:
    told = _arguments()
    figures: list[Figure] = []
    began_at = datetime.now(UTC)
    with private_server(told.keep) as server:
        # PostgreSQL, started before, may use every core: only who asks and who answers have one each.
        os.sched_setaffinity(0, {machine.load_core()})
        facts = machine.describe(server.superuser_url, server.folder)
        grown = Growth(Size(told.households, told.payments), tuple(told.parts))
        bench = Bench(server, told.seconds, told.repeats, grown, told.lines)
        if {"ussd", "callbacks", "money"} & set(told.names):
            bench.say(f"registering {bench.households} households")
            ground.seed(server, bench.households)
        broken = _measure(bench, told.names, figures)
    path = told.out or machine.ROOT / "bench-results" / f"{began_at:%Y%m%dT%H%M%SZ}.jsonl"
    facts = {"at": began_at.isoformat(timespec="seconds"), "seconds": told.seconds, "repeats": told.repeats, **facts}
    write(path, facts, figures)
    sys.stdout.write("".join(f"{name}: {value}\n" for name, value in facts.items()))
    sys.stdout.write(f"\n{table(figures)}\n\n{path}\n")
    if broken:
        sys.exit("\n".join(broken))


def _measure(bench: Bench, names: list[str], figures: list[Figure]) -> list[str]:
    """Measure every row; one that did not do what it counts is told and takes no other one with it."""
    broken = []
    for name in names:
        bench.say(f"{name}:")
        try:
            figures += ROWS[name](bench)
        except* Broken as faults:
            broken.append(f"{name} is broken: {faults.exceptions[0]}")
    return broken


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(ROWS)}; all of them by default")
    parser.add_argument("--seconds", type=float, default=8, help="how long each repetition measures")
    parser.add_argument("--repeats", type=int, default=3, help="how often ours and the floor take turns")
    parser.add_argument("--out", type=Path, help="the file of JSON lines")
    parser.add_argument("--households", type=int, default=100_000, help="growth: households of the large books")
    parser.add_argument("--payments", type=int, default=1_000_000, help="growth: payments of the large books")
    parser.add_argument("--lines", type=int, default=100_000, help="lines of the statement, payments of the proof")
    parser.add_argument("--parts", nargs="+", choices=GROWTH_PARTS, default=GROWTH_PARTS, help="growth: what of it")
    parser.add_argument("--keep", type=Path, help="a folder in which the server and its books stay for the next run")
    told = parser.parse_args()
    unknown = set(told.names) - set(ROWS)
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    told.names = told.names or [name for name in ROWS if name not in NAMED_ONLY]
    return told


if __name__ == "__main__":
    main()
