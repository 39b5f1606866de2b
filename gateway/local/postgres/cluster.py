"""Making the private server's data directory: whole or not at all, and marked as ours."""

import json
import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gateway.local.postgres import refusals
from gateway.local.postgres.binaries import Binaries
from gateway.local.postgres.places import MARKER, OsAccount

#: In local mode every secret is this word, and every page says so.
PASSWORD = "local"  # noqa: S105 - said aloud on purpose
SUPERUSER = "postgres"
OWNER = "ramu_owner"
APP = "ramu_app"
DATABASE = "ramu"
_MARKER_FORMAT = 1


def closed(database: str) -> tuple[str, str]:
    """Return what closes a database to others: the application may only connect until the migrations let it do more."""
    return f"REVOKE ALL ON DATABASE {database} FROM PUBLIC", f"GRANT CONNECT ON DATABASE {database} TO {APP}"


#: One statement a line, as a server in single mode reads them.
_ROLES = "\n".join(
    (
        f"CREATE ROLE {OWNER} LOGIN PASSWORD '{PASSWORD}'",
        f"CREATE ROLE {APP} LOGIN PASSWORD '{PASSWORD}'",
        f"CREATE DATABASE {DATABASE} OWNER {OWNER} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'",
        *closed(DATABASE),
        "",
    )
)


@dataclass(frozen=True, slots=True)
class Marker:
    """What we wrote into a data directory to know it again."""

    name: str
    throwaway: bool


def make(binaries: Binaries, account: OsAccount, data_dir: Path, *, throwaway: bool) -> None:
    """Make the data directory aside and move it into place when it is complete."""
    for leftover in data_dir.parent.glob(f".{data_dir.name}-new-*"):
        shutil.rmtree(leftover)
    staging = Path(tempfile.mkdtemp(prefix=f".{data_dir.name}-new-", dir=data_dir.parent))
    try:
        account.own(staging)
        fresh = staging / "data"
        _initialise(binaries, account, fresh, staging / "password", throwaway=throwaway)
        marker = fresh / MARKER
        content = {"made_by": "ramu", "format": _MARKER_FORMAT, "postgres": binaries.major}
        marker.write_text(json.dumps({**content, "id": secrets.token_hex(6), "throwaway": throwaway}))
        account.own(marker)
        _persist(marker, fresh)
        fresh.rename(data_dir)
        _persist(data_dir.parent)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def read_marker(binaries: Binaries, data_dir: Path, *, throwaway: bool) -> Marker:
    """Read our mark, and refuse data that is not ours, not of this version, or not made for this use."""
    try:
        content = json.loads((data_dir / MARKER).read_text())
        marker = Marker(content["id"], content["throwaway"])
        ours = content["made_by"] == "ramu" and content["format"] == _MARKER_FORMAT and marker.name.isalnum()
    except (ValueError, KeyError, TypeError, AttributeError):
        ours = False
        marker = Marker("", throwaway)
    version = data_dir / "PG_VERSION"
    if not ours or not version.is_file():
        raise refusals.foreign(data_dir)
    made_by = version.read_text().strip()
    if made_by != str(binaries.major):
        raise refusals.other_version(data_dir, made_by, binaries.major)
    if marker.throwaway and not throwaway:
        raise refusals.foreign(data_dir)
    if throwaway and not marker.throwaway:
        raise refusals.not_throwaway(data_dir)
    return marker


def _initialise(binaries: Binaries, account: OsAccount, fresh: Path, password: Path, *, throwaway: bool) -> None:
    password.touch(mode=0o600)
    password.write_text(PASSWORD)
    account.own(password)
    initdb = [binaries.program("initdb"), f"--pgdata={fresh}", f"--username={SUPERUSER}", f"--pwfile={password}"]
    initdb += ["--auth=scram-sha-256", "--data-checksums", "--encoding=UTF8", "--locale=C", "--no-instructions"]
    made = account.run([*initdb, "--no-sync"] if throwaway else initdb)
    password.unlink()
    if made.returncode != 0:
        raise refusals.from_server_output(made.stdout, fresh, "initdb")
    # The roles are made by a server of one user without any socket: nobody can come in before the passwords exist.
    single = [binaries.program("postgres"), "--single", "-D", str(fresh), "-c", "exit_on_error=on", "postgres"]
    roles = account.run(single, stdin=_ROLES)
    if roles.returncode != 0 or "ERROR:" in roles.stdout:
        raise refusals.from_server_output(roles.stdout, fresh, "postgres")


def _persist(*paths: Path) -> None:
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
