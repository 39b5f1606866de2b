"""Row 3: from a stored callback to a posted, allocated payment whose receipt is queued."""

import json
import subprocess
import time
from contextlib import ExitStack
from datetime import UTC, datetime

from tests.benchmarks.bench import Bench
from tests.benchmarks.callbacks import Bare
from tests.benchmarks.ground import SEEDED, Paid, keep_callbacks, keep_requests
from tests.benchmarks.report import Figure
from tests.benchmarks.servers import HOST, Broken, Server, free_port, program, settings, wait_for

#: As many payments for each second that a repetition should last, at the speed that is wished for.
PER_S = 1000
WAITING, OURS, FLOOR = "money_waiting", "money_ours", "money_floor"
ROW, UNIT = "3 payment posted", "payments/s"
GOAL = "1,000/s"

#: Everything that must hold when the last callback is handled; each query counts what is wrong.
FAULTS = {
    "callbacks not handled": "SELECT count(*) FROM callback WHERE handled_at IS NULL",
    "callbacks that failed": "SELECT count(*) FROM callback WHERE last_error IS NOT NULL OR parked_at IS NOT NULL",
    "requests not settled": "SELECT count(*) FROM payment_request WHERE state <> 'succeeded'",
    "francs out of balance": "SELECT coalesce(abs(sum(amount_xof)), 0) FROM ledger_entry",
    "transactions out of balance": "SELECT count(*) FROM (SELECT txn_id FROM ledger_entry GROUP BY txn_id"
    " HAVING sum(amount_xof) <> 0) AS unbalanced",
    "francs not on the clearing account": "SELECT (SELECT sum(amount_xof) FROM payment) - sum(amount_xof)"
    " FROM ledger_entry WHERE account = 'clearing/sandbox'",
    "francs neither allocated nor in advance": "SELECT (SELECT sum(amount_xof) FROM payment)"
    " - (SELECT coalesce(sum(amount_xof), 0) FROM allocation)"
    " + (SELECT coalesce(sum(amount_xof), 0) FROM ledger_entry WHERE account LIKE '%advance%')",
    "payments without receipt": "SELECT count(*) FROM payment WHERE NOT EXISTS"
    " (SELECT FROM outbox_sms WHERE key = 'payment/' || payment.id AND kind = 'receipt')",
    "payments without household": "SELECT count(*) FROM payment WHERE party_id IS NULL",
}
COUNTED = ("payment", "ledger_txn", "ledger_entry", "allocation", "charge", "observation", "outbox_sms")


def run(bench: Bench) -> list[Figure]:
    server, at = bench.server, datetime.now(UTC)
    payments = [Paid(number, bench.households) for number in range(round(PER_S * bench.seconds))]
    server.create(WAITING, SEEDED)
    keep_requests(server, WAITING, payments, at)
    server.settle_down(WAITING)
    bare = Bare(server, len(payments[0].body(at)))
    commits = [bare.per_s(min(4, bench.seconds)) for _ in range(bench.repeats)]
    figures = _proven(bench, payments, commits)
    figures += _asked(bench, payments[: len(payments) // 4])
    for name in (WAITING, OURS, FLOOR):
        server.drop(name)
    return figures


def _proven(bench: Bench, payments: list[Paid], commits: list[float]) -> list[Figure]:
    """Callbacks that prove themselves: matching, posting, allocation and receipts, and nobody is asked."""
    one, two, floor, cpu_ms = [], [], [], []
    for _ in range(bench.repeats):
        _prepare(bench.server, payments, bound=True, name=OURS)
        per_s, cpu_s = work(bench.server, OURS, "ours", 1, len(payments))
        one.append(per_s)
        cpu_ms.append(cpu_s / len(payments) * 1000)
        _prepare(bench.server, payments, bound=True, name=FLOOR)
        rows_of = {"FLOOR_ROWS_OF": bench.server.url(OURS)}
        floor.append(work(bench.server, FLOOR, "floor", 1, len(payments), **rows_of)[0])
        _check(bench.server, len(payments), (OURS, FLOOR))
        _prepare(bench.server, payments, bound=True, name=OURS)
        two.append(work(bench.server, OURS, "ours", 2, len(payments))[0])
        _check(bench.server, len(payments), (OURS,))
        bench.say(f"proven, payments/s: one worker {one[-1]:.0f}, its rows bare {floor[-1]:.0f}, two {two[-1]:.0f}")
    rows, extra = "the same rows, bare INSERTs", {"payments": len(payments)}
    commit = "pgbench, one-row commits"
    return [
        Figure(ROW, "proven callbacks, one worker", UNIT, tuple(one), tuple(floor), rows, GOAL, extra),
        Figure(ROW, "proven callbacks, one worker", UNIT, tuple(one), tuple(commits), commit),
        Figure(ROW, "proven callbacks, two workers", UNIT, tuple(two), tuple(floor), rows, GOAL, extra),
        Figure(ROW, "proven callbacks, processor time of the worker", "ms", tuple(cpu_ms)),
    ]


def _asked(bench: Bench, payments: list[Paid]) -> list[Figure]:
    """Callbacks that prove nothing: each makes us ask the operator over HTTP, who runs on the same cores."""
    server, port, log = bench.server, free_port(), bench.server.folder / "operator.log"
    filled = {"FILLED_PAYMENTS": str(len(payments)), "FILLED_HOUSEHOLDS": str(bench.households)}
    operator = {"RAMU_SANDBOX_OPERATOR_URL": f"http://{HOST}:{port}"}
    runs: dict[int, list[float]] = {1: [], 2: []}
    cpu_ms = []
    environ = settings("", **filled)
    with program("tests.benchmarks.filled_operator", "--port", str(port), environ=environ, log=log) as process:
        wait_for(process, port, log)
        for _ in range(bench.repeats):
            for workers, found in runs.items():
                _prepare(server, payments, bound=False, name=OURS)
                per_s, cpu_s = work(server, OURS, "ours", workers, len(payments), **operator)
                found.append(per_s)
                cpu_ms.append(cpu_s / len(payments) * 1000)
                _check(server, len(payments), (OURS,))
            bench.say(f"asked, payments/s: one worker {runs[1][-1]:.0f}, two {runs[2][-1]:.0f}")
    extra = {"payments": len(payments)}
    return [
        Figure(ROW, "asked over HTTP, one worker", UNIT, tuple(runs[1]), goal=GOAL, extra=extra),
        Figure(ROW, "asked over HTTP, two workers", UNIT, tuple(runs[2]), goal=GOAL, extra=extra),
        Figure(ROW, "asked over HTTP, processor time of the workers", "ms", tuple(cpu_ms)),
    ]


def _prepare(server: Server, payments: list[Paid], *, bound: bool, name: str) -> None:
    server.create(name, WAITING)
    keep_callbacks(server, name, payments, datetime.now(UTC), bound=bound)
    if len(payments) < server.count(name, "payment_request"):
        _settle_the_rest(server, name)
    server.settle_down(name)


def _settle_the_rest(server: Server, name: str) -> None:
    """Leave no request waiting that this run has no callback for."""
    query = (
        "WITH moved AS (UPDATE payment_request SET state = 'succeeded', next_attempt_at = NULL"
        " WHERE id NOT IN (SELECT request_id FROM callback WHERE request_id IS NOT NULL) RETURNING id)"
        " SELECT count(*) FROM moved"
    )
    server.one(name, query)


def work(server: Server, name: str, kind: str, workers: int, payments: int, **environ: str) -> tuple[float, float]:
    """Let workers go at one word; give payments a second from the word to the last one's end, and their processor."""
    with ExitStack() as stack:
        lanes = [
            stack.enter_context(
                program(
                    "tests.benchmarks.lane",
                    kind,
                    environ=settings(server.url(name), **environ),
                    log=server.folder / f"lane-{kind}-{number}.log",
                )
            )
            for number in range(workers)
        ]
        for lane in lanes:
            _heard(server, lane, kind)
        began = time.perf_counter()
        for lane in lanes:
            if lane.stdin is not None:
                lane.stdin.write("go\n")
                lane.stdin.flush()
        told = [json.loads(_heard(server, lane, kind)) for lane in lanes]
        elapsed_s = time.perf_counter() - began
    handled = sum(one["handled"] for one in told)
    # Of two that open periods the second may look at a household that the first has just done, and does nothing.
    if handled < payments or (handled > payments and kind != "opening"):
        raise Broken(f"{kind}: of {payments} the workers handled {told}")
    return payments / elapsed_s, sum(one["cpu_s"] for one in told)


def _heard(server: Server, lane: subprocess.Popen[str], kind: str) -> str:
    line = lane.stdout.readline() if lane.stdout else ""
    if not line:
        said = "".join(log.read_text() for log in server.folder.glob(f"lane-{kind}-*.log"))
        raise Broken(f"a worker died; it said:\n{said[-3000:]}")
    return line


def _check(server: Server, payments: int, names: tuple[str, ...]) -> None:
    for name in names:
        wrong = {fault: server.one(name, query) for fault, query in FAULTS.items()}
        if any(wrong.values()):
            raise Broken(f"{name}: { {fault: count for fault, count in wrong.items() if count} }")
    counts = [[server.count(name, table) for table in COUNTED] for name in names]
    if counts[0][0] != payments or any(other != counts[0] for other in counts):
        raise Broken(f"{payments} payments were wanted, and of {COUNTED} there are {counts}")
