"""An append-only file of JSON lines: what was written survives kill -9, a torn last line is no damage."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import TypeAdapter, ValidationError

from sandbox_operator.model import Row

FILE_NAME = "journal.jsonl"

_ROWS: TypeAdapter[list[Row]] = TypeAdapter(list[Row])


class JournalRefused(Exception):
    """The journal is held by another process, or damaged before its last line."""


class Journal:
    """One file, one writer; rows of one line are kept together or not at all."""

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self.path = data_dir / FILE_NAME
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise JournalRefused(f"{self.path} est déjà tenu par un autre opérateur d'essai.") from error
        _sync_folder(data_dir)

    def replay(self) -> Iterator[list[Row]]:
        """Return what was written, line by line, and cut off a last line that a crash left unfinished."""
        content = self.path.read_bytes()
        whole, newline, torn = content.rpartition(b"\n")
        if torn:
            os.ftruncate(self._file, len(whole) + len(newline))
        for number, line in enumerate(whole.split(b"\n") if whole else [], start=1):
            try:
                yield _ROWS.validate_json(line)
            except ValidationError as error:
                raise JournalRefused(
                    f"{self.path}, ligne {number}: illisible; gardez le fichier, repartez d'un dossier neuf."
                ) from error

    def append(self, rows: Sequence[Row]) -> None:
        """Write rows as one line and return once the disk has them."""
        line = _ROWS.dump_json(list(rows)) + b"\n"
        whole_bytes = os.fstat(self._file).st_size
        try:
            while line:
                line = line[os.write(self._file, line) :]
            os.fsync(self._file)
        except OSError:
            # Half a line must not stay before the next one.
            os.ftruncate(self._file, whole_bytes)
            raise

    def close(self) -> None:
        """Let another process write."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
