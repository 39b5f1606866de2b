"""The machine that a measurement was taken on, and who runs on which of its cores."""

import os
import platform
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import psycopg

ROOT = Path(__file__).resolve().parents[2]
FSYNC_TRIES = 200
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cores() -> list[int]:
    return sorted(os.sched_getaffinity(0))


def web_core() -> int:
    """The one core of the process that is measured."""
    return cores_at_start[0]


def load_core() -> int:
    """The core of who asks; the same one only where there is no other."""
    return cores_at_start[-1]


#: Kept before anybody is pinned.
cores_at_start = cores()


def cpu_s(pid: int) -> float:
    """The processor time that a process has used."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / TICKS_PER_S


def describe(superuser_url: str, folder: Path) -> Mapping[str, object]:
    with psycopg.connect(superuser_url) as connection:
        postgres = connection.execute(
            "SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit'),"
            " current_setting('shared_buffers'), current_setting('data_checksums')"
        ).fetchone()
    names = ("version", "fsync", "synchronous_commit", "shared_buffers", "data_checksums")
    return {
        "cpu": _cpu_model(),
        "cores": len(cores_at_start),
        "memory_gib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30,
        "kernel": platform.release(),
        "python": sys.version.split()[0],
        "python_is_optimised": is_optimised(),
        "commit": _git("rev-parse", "--short=12", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain", "--", "gateway", "payments", "ussd_flows")),
        "postgres": dict(zip(names, postgres or (), strict=True)),
        "fsync_us": fsync_us(folder),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def is_optimised() -> bool:
    """Whether this interpreter was built with its own profile; one that was not is up to 1.4 times slower."""
    return "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")


def fsync_us(folder: Path) -> int:
    """The time that the disk takes to promise one small write."""
    path = folder / "fsync"
    taken = []
    with path.open("wb", buffering=0) as file:
        for _ in range(FSYNC_TRIES):
            began = time.perf_counter()
            file.write(b"x" * 512)
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - began)
    path.unlink()
    return round(median(taken) * 1_000_000)


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _git(*arguments: str) -> str:
    told = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return told.stdout.strip()
