"""The start: from `ramu run` on a machine where it is installed to the first screen on a telephone."""

import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.bench import Bench
from tests.benchmarks.callers import FORM, KEY
from tests.benchmarks.machine import ROOT, cores_at_start
from tests.benchmarks.report import Figure
from tests.benchmarks.servers import HOST, READY_S, STOP_S, Broken, free_port

GOAL = "< 10 s"
AMINATA = "22370000001"


def run(bench: Bench) -> list[Figure]:
    new, again = [], []
    for _ in range(bench.repeats):
        folder = Path(tempfile.mkdtemp(prefix="ramu-bench-cold-"))
        folder.chmod(0o711)
        try:
            new.append(_first_screen_s(folder))
            again.append(_first_screen_s(folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        bench.say(f"first screen after {new[-1]:.1f} s with new data, {again[-1]:.1f} s with kept data")
    return [
        Figure("cold start", "`ramu run` to the first screen, new data", "s", tuple(new), goal=GOAL),
        Figure("cold start", "`ramu run` to the first screen, kept data", "s", tuple(again), goal=GOAL),
    ]


def _first_screen_s(folder: Path) -> float:
    port, log = free_port(), folder / "run.log"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("RAMU_")}
    environ |= {"RAMU_LOCAL_DIR": str(folder / "local")}
    command = [sys.executable, "-m", "gateway.cli.main", "run"]
    ports = ["--port", str(port), "--operator-port", str(free_port())]
    began = time.perf_counter()
    with log.open("w") as said:
        house = subprocess.Popen([*command, *ports], cwd=ROOT, env=environ, stdout=said, stderr=said)
    os.sched_setaffinity(house.pid, cores_at_start)
    try:
        while not _dials(port):
            if house.poll() is not None or time.perf_counter() > began + 2 * READY_S:
                raise Broken(f"`ramu run` showed no screen; it said:\n{log.read_text()[-2000:]}")
            time.sleep(0.02)
        return time.perf_counter() - began
    finally:
        house.send_signal(signal.SIGINT)
        try:
            house.wait(2 * STOP_S)
        except subprocess.TimeoutExpired:
            house.kill()
            house.wait()


def _dials(port: int) -> bool:
    """Say whether a registered caller is shown the home screen."""
    body = FORM.format(session=f"ATUid_cold_{port}_{time.monotonic_ns()}", number=AMINATA, path="")
    with contextlib.suppress(OSError, http.client.HTTPException):
        door = http.client.HTTPConnection(HOST, port, timeout=2)
        door.request("POST", f"/ussd/africastalking/{KEY}", body, {"Content-Type": "application/x-www-form-urlencoded"})
        return door.getresponse().read().startswith(b"CON ")
    return False
