import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gateway.local import ports
from gateway.local.postgres.postmaster import read_postmaster

PROJECT = Path(__file__).parents[3]

#: No part of any proof: only the end of waiting for what will never come.
PATIENCE_S = 60

# Stand-ins for the real programs: they are processes, listen where those listen and end as those end.
STAND_INS = """
import http.server, os, signal, sys, time
from pathlib import Path

role, folder = sys.argv[1], Path(sys.argv[2])
with (folder / role).open("a") as seen:
    seen.write(f"{os.getpid()}\\n")
print("role", role, "sees", os.environ.get("DATABASE_URL", "nothing"), os.environ["RAMU_MODE"], flush=True)

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

signal.signal(signal.SIGTERM, signal.SIG_IGN if role == "stubborn" else lambda *_: sys.exit(0))
if role in ("web", "operator"):
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[3])), Page).serve_forever()
if role == "weak":
    sys.exit(7)
if role == "failing":
    print("the reason", flush=True)
    sys.exit(3)
if role != "step":
    while True:
        time.sleep(60)
"""

RUN = """
import signal, sys
from pathlib import Path
import typer
from gateway.cli.run import run_stack
from gateway.local.stack import LocalStack
from gateway.local.supervisor import Child, Patience

folder, port, operator_port, steps, services = Path(sys.argv[1]), *sys.argv[2:6]
signal.signal(signal.SIGHUP, signal.SIG_IGN if sys.argv[6:] == ["nohup"] else signal.SIG_DFL)
def child(role):
    port_of_role = {"web": port, "operator": operator_port}.get(role, "")
    return Child(role, (sys.executable, str(folder / "stand_ins.py"), role, str(folder), port_of_role))
stack = LocalStack(
    folder / ".ramu", int(port), int(operator_port),
    tuple(child(role) for role in steps.split()), tuple(child(role) for role in services.split()),
    Patience(first_restart_s=0.05, longest_restart_s=0.2, stop_s=1),
)
app = typer.Typer(pretty_exceptions_enable=False)
app.command()(lambda: run_stack(stack, quiet=True))
app(args=[])
"""


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


class Running:
    """One run of the house with stand-ins."""

    def __init__(self, folder: Path, services: str = "web worker operator", steps: str = "step", **extra: str) -> None:
        self.folder, self.port, self.operator_port = folder, free_port(), free_port()
        (folder / "stand_ins.py").write_text(STAND_INS)
        self.services, self.steps = services, steps
        self.nohup = False
        names = ("PATH", "HOME")
        self.environment = {name: os.environ[name] for name in names if name in os.environ} | extra
        self.process: subprocess.Popen[str] | None = None
        self.lines: list[str] = []

    def start(self) -> subprocess.Popen[str]:
        self.lines = []
        where = [str(self.folder), str(self.port), str(self.operator_port), self.steps, self.services]
        where += ["nohup"] if self.nohup else []
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, *where],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=PROJECT, env=self.environment,
        )  # fmt: skip
        return self.process

    def read_until_ready(self) -> None:
        """Read on until the house and all its services have spoken, in whatever order they do."""
        for text in ("Ctrl-C", *(f"role {role} sees" for role in self.services.split())):
            if not any(text in line for line in self.lines):
                self.read_until(text)

    def read_until(self, text: str) -> str:
        assert self.process is not None
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if text in line:
                return line
        raise AssertionError("\n".join([f"never said: {text}", *self.lines]))

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(how)
        told, _ = self.process.communicate(timeout=60)
        self.lines += told.splitlines()
        return self.process.returncode

    def pids(self, role: str) -> list[int]:
        return [int(pid) for pid in (self.folder / role).read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until_dead(*pids: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while any(map(alive, pids)):
        assert time.monotonic() < deadline, f"still alive: {[pid for pid in pids if alive(pid)]}"
        time.sleep(0.02)


@pytest.fixture
def folder() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="place-"))
    place.chmod(0o755)
    yield place
    for _ in range(2):
        running = read_postmaster(place / ".ramu" / "postgres")
        if running is not None:
            os.kill(running.pid, signal.SIGINT)
            wait_until_dead(running.pid)
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def running(folder: Path) -> Iterator[Running]:
    """Return a run without a private server, for what has nothing to do with it."""
    run = Running(folder, DATABASE_URL="postgresql://somewhere/else")
    yield run
    if run.process is not None:
        run.end(signal.SIGKILL)


@pytest.fixture
def whole(folder: Path) -> Iterator[Running]:
    """Return a run with its private server."""
    run = Running(folder)
    yield run
    if run.process is not None:
        run.end(signal.SIGTERM)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_everything_starts_is_announced_and_stops_together(whole: Running, how: signal.Signals) -> None:
    whole.start()
    whole.read_until_ready()
    told = "\n".join(whole.lines)
    assert f"http://127.0.0.1:{whole.port}/phone/" in told
    assert f"http://127.0.0.1:{whole.port}/finance/" in told
    assert f"http://127.0.0.1:{whole.operator_port}/" in told
    assert re.search(
        r"^worker   \| role worker sees postgresql\+psycopg://ramu_app:local@/ramu\?host=.* local$", told, re.MULTILINE
    )
    assert told.index("role step sees") < told.index("role web sees")
    server = read_postmaster(whole.folder / ".ramu" / "postgres")
    assert server is not None
    assert whole.end(how) == 0
    wait_until_dead(server.pid, *whole.pids("web"), *whole.pids("worker"), *whole.pids("operator"))
    assert whole.lines[-1].endswith("Tout est arrêté.")


def test_data_of_another_version_are_named_with_what_to_do_and_left_as_they_are(whole: Running) -> None:
    whole.start()
    whole.read_until_ready()
    line = next(line for line in whole.lines if "role worker sees" in line)
    owner_url = line.split()[5].replace("postgresql+psycopg://ramu_app", "postgresql://ramu_owner")
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num text PRIMARY KEY)")
        connection.execute("INSERT INTO alembic_version VALUES ('0002')")
    assert whole.end() == 0
    whole.start()
    folder = whole.folder / ".ramu"
    whole.read_until(f"Le dossier {folder} vient d'une version de RAMU que celle-ci ne connaît pas (schéma « 0002 »)")
    assert "déplacez-le ou supprimez-le, puis relancez" in whole.lines[-1]
    assert whole.process is not None
    assert whole.process.wait(timeout=60) == 1
    assert (folder / "postgres" / "PG_VERSION").is_file()
    assert len(whole.pids("step")) == 1


def test_under_nohup_the_end_of_the_terminal_stops_nothing(running: Running) -> None:
    running.nohup = True
    running.start()
    running.read_until_ready()
    assert running.process is not None
    running.process.send_signal(signal.SIGHUP)
    os.kill(running.pids("worker")[0], signal.SIGKILL)
    running.read_until("ATTENTION : worker est tombé")
    running.read_until("role worker sees")
    assert running.end() == 0


def test_after_kill_9_nothing_of_ours_stays_but_the_database_which_the_next_run_adopts(whole: Running) -> None:
    whole.start()
    whole.read_until_ready()
    server = read_postmaster(whole.folder / ".ramu" / "postgres")
    assert server is not None
    whole.end(signal.SIGKILL)
    wait_until_dead(*whole.pids("web"), *whole.pids("worker"), *whole.pids("operator"))
    assert alive(server.pid)
    whole.start()
    whole.read_until("il tournait encore")
    whole.read_until_ready()
    assert whole.end() == 0
    wait_until_dead(server.pid)


def test_a_database_killed_under_the_run_is_brought_back_at_the_same_address(whole: Running) -> None:
    whole.start()
    whole.read_until_ready()
    seen = next(line for line in whole.lines if "role worker sees" in line)
    url = seen.split()[-2].replace("+psycopg", "")
    server = read_postmaster(whole.folder / ".ramu" / "postgres")
    assert server is not None
    os.kill(server.pid, signal.SIGKILL)
    whole.read_until("PostgreSQL privé est tombé")
    deadline = time.monotonic() + PATIENCE_S
    while (again := read_postmaster(whole.folder / ".ramu" / "postgres")) is None or again.status != "ready":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with psycopg.connect(url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert whole.end() == 0
    wait_until_dead(again.pid)


def test_a_second_run_is_told_that_one_runs_already(running: Running) -> None:
    first = running.start()
    running.read_until_ready()
    second = Running(running.folder, DATABASE_URL="postgresql://somewhere/else")
    second.start()
    assert second.end(signal.SIGCONT) == 1
    assert len(second.lines) == 1
    assert f"RAMU tourne déjà dans {running.folder / '.ramu'} (processus {first.pid})" in second.lines[0]
    assert running.end() == 0


@pytest.mark.parametrize("option", ["--port", "--operator-port"])
def test_a_busy_port_is_named_with_its_option_before_anything_starts(folder: Path, option: str) -> None:
    run = Running(folder)
    port = run.port if option == "--port" else run.operator_port
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()
        run.start()
        assert run.end(signal.SIGCONT) == 1
    assert re.fullmatch(rf"Le port {port} est déjà pris .* {option} \d+\.", "\n".join(run.lines))
    assert not (folder / ".ramu" / "postgres").exists()


def test_one_port_cannot_serve_two(folder: Path) -> None:
    run = Running(folder)
    run.operator_port = run.port
    run.start()
    assert run.end(signal.SIGCONT) == 1
    assert "deux ports différents" in run.lines[0]


def test_a_port_that_is_fading_away_is_free() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as server, socket.create_connection(("127.0.0.1", port)) as caller:
        taken, _ = server.accept()
        taken.close()
        caller.recv(1)
    ports.require_free({"--port": port})


def test_a_child_that_dies_is_restarted_with_growing_pauses_and_said_loudly(running: Running) -> None:
    running.services = "web operator weak"
    running.start()
    pauses = [running.read_until("ATTENTION : weak est tombé (code 7)").split()[-2] for _ in range(4)]
    assert pauses == ["0.05", "0.1", "0.2", "0.2"]
    running.read_until("role weak")
    assert running.end() == 0
    assert len(running.pids("web")) == 1


def test_a_killed_child_is_named_with_its_signal_and_comes_back(running: Running) -> None:
    running.start()
    running.read_until_ready()
    os.kill(running.pids("worker")[0], signal.SIGKILL)
    running.read_until("ATTENTION : worker est tombé (signal SIGKILL)")
    running.read_until("role worker sees")
    assert running.end() == 0
    assert len(running.pids("worker")) == 2


def test_a_child_that_does_not_obey_is_killed_after_a_bounded_wait(running: Running) -> None:
    running.services = "web operator stubborn"
    running.start()
    running.read_until_ready()
    assert running.end() == 0
    wait_until_dead(*running.pids("stubborn"))


def test_a_failed_preparation_stops_the_run_and_its_database(whole: Running) -> None:
    whole.steps = "failing"
    whole.start()
    whole.read_until("failing  | the reason")
    assert whole.end(signal.SIGCONT) == 1
    assert "L'étape « failing » a échoué (code 3)" in whole.lines[-1]
    assert read_postmaster(whole.folder / ".ramu" / "postgres") is None
    assert not (whole.folder / "web").exists()


def test_a_given_database_is_used_and_no_private_one_is_made(running: Running) -> None:
    running.start()
    running.read_until("role worker sees postgresql://somewhere/else local")
    running.read_until_ready()
    assert running.end() == 0
    assert not (running.folder / ".ramu" / "postgres").exists()


def test_a_foreign_data_directory_is_one_sentence(folder: Path) -> None:
    (folder / ".ramu" / "postgres").mkdir(parents=True)
    (folder / ".ramu" / "postgres" / "precious").touch()
    run = Running(folder)
    run.start()
    assert run.end(signal.SIGCONT) == 1
    assert len(run.lines) == 1
    assert "RAMU n'a pas créés" in run.lines[0]


def ramu(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli.main", *arguments],
        cwd=PROJECT, env={"PATH": os.environ["PATH"], **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_production_is_refused_in_one_sentence() -> None:
    told = ramu("run", RAMU_MODE="production")
    assert told.returncode == 1
    assert "ramu serve" in told.stderr
    assert "Traceback" not in told.stderr


def test_bad_settings_are_a_list_and_not_a_traceback() -> None:
    told = ramu("migrate", RAMU_MODE="local")
    assert told.returncode == 1
    assert "DATABASE_URL" in told.stderr
    assert "Traceback" not in told.stderr


def test_ramu_alone_shows_its_commands() -> None:
    told = ramu()
    assert "run" in textwrap.dedent(told.stdout + told.stderr)
    assert "Traceback" not in told.stderr
