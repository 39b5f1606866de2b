"""Under which user the private PostgreSQL runs, and in which directories it may live."""

import hashlib
import os
import pwd
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.local.postgres import refusals

#: Where root puts what the unprivileged user must reach when the checkout is closed to it. The first is not
#: world-writable and, unlike the second, never swept by age: a swept data directory is a lost one.
REFUGES = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108 - guarded by own_directory
MARKER = "ramu-local.json"
_SHORT_LIVED = Path("/tmp")  # noqa: S108 - guarded by own_directory
_UNPRIVILEGED = ("postgres", "nobody")
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class OsAccount:
    """The user under which PostgreSQL's programs run."""

    name: str
    uid: int
    gid: int
    dropped: bool

    def run(self, argv: Sequence[str], *, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program to its end as this user and keep all that it said."""
        return subprocess.run(  # noqa: S603 - our own argument list, no shell
            argv,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            cwd="/",
            env=_environment(),
            user=self.uid if self.dropped else None,
            group=self.gid if self.dropped else None,
            extra_groups=[] if self.dropped else None,
        )

    def spawn(self, argv: Sequence[str], *, log: int) -> subprocess.Popen[bytes]:
        """Start a program as this user in a session of its own, so that no terminal and no parent takes it along."""
        return subprocess.Popen(  # noqa: S603 - our own argument list, no shell
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            env=_environment(),
            user=self.uid if self.dropped else None,
            group=self.gid if self.dropped else None,
            extra_groups=[] if self.dropped else None,
        )

    def can_enter(self, path: Path) -> bool:
        """Return whether this user can walk down to a directory."""
        return not self.dropped or self.run(["/bin/sh", "-c", 'cd "$0"', str(path)]).returncode == 0

    def own(self, path: Path) -> None:
        """Make this user the owner of a file that we just created."""
        if self.dropped:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def choose_account(existing_data: Path | None) -> OsAccount:
    """Choose ourselves, or, when we are root, the owner of the data or an unprivileged user that exists already."""
    if os.geteuid() != 0:
        return OsAccount(str(os.geteuid()), os.geteuid(), os.getegid(), dropped=False)
    if existing_data is not None and (owner := existing_data.stat()).st_uid != 0:
        return OsAccount(str(owner.st_uid), owner.st_uid, owner.st_gid, dropped=True)
    for name in _UNPRIVILEGED:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        if found.pw_uid != 0:
            return OsAccount(name, found.pw_uid, found.pw_gid, dropped=True)
    raise refusals.nobody_to_be()


def is_marked(data_dir: Path) -> bool:
    """Return whether a directory holds data that we made."""
    return (data_dir / MARKER).is_file()


def choose_data_dir(data_dir: Path, *, throwaway: bool) -> tuple[Path, OsAccount]:
    """Decide whose the data is and where it lives: where it was asked for, or where its owner can reach it."""
    refuge = _refuge_root(throwaway=throwaway) / f"ramu-{digest(str(data_dir))}"
    refuge_data = refuge / data_dir.name
    existing = next((place for place in (data_dir, refuge_data) if is_marked(place)), None)
    account = choose_account(existing)
    if existing is not None:
        if existing == refuge_data:
            own_directory(refuge)
        if not account.can_enter(existing):
            raise refusals.unreachable(existing, account.name)
        return existing, account
    if data_dir.exists() and any(data_dir.iterdir()):
        raise refusals.foreign(data_dir)
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    if account.can_enter(data_dir.parent):
        return data_dir, account
    own_directory(refuge)
    if not account.can_enter(refuge):
        raise refusals.unreachable(refuge, account.name)
    return refuge_data, account


def own_directory(path: Path, mode: int = 0o711) -> None:
    """Make a directory that is ours, and refuse one that somebody else may have put there."""
    try:
        path.mkdir()
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & _OTHERS_MAY_WRITE:
            raise refusals.hijacked(path) from None
    else:
        path.chmod(mode)


def private_directory(path: Path, account: OsAccount) -> None:
    """Make a directory for the server's user alone, and refuse one that is anybody else's."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid or stat.S_IMODE(found.st_mode) & 0o077:
            raise refusals.hijacked(path) from None
    else:
        account.own(path)


def refuge_root() -> Path:
    """Return the directory in which root keeps what an unprivileged user must reach."""
    return _refuge_root(throwaway=False)


def digest(text: str) -> str:
    """Shorten a text to a name that stays the same."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _refuge_root(*, throwaway: bool) -> Path:
    if throwaway:
        return _SHORT_LIVED
    return next((place for place in REFUGES if os.access(place, os.W_OK)), REFUGES[-1])


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}
