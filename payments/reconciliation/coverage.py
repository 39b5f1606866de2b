"""Which statement speaks for which moment of an account: the newest that covers it."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from payments.dating import Window

#: PostgreSQL keeps moments to the microsecond: the last one that an end which is excluded still includes.
INSTANT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class StatedFile:
    """A statement file without its lines; a larger id is a later word.

    ``covered_until`` is the end of what it can know, excluded: a file says nothing of what came after its import.
    ``gap_xof`` is what the file's own figures moved beyond its lines.
    Units:   every amount in whole francs; moments in UTC.
    """

    id: int
    account: str
    period_start: datetime
    covered_until: datetime
    opening_xof: int | None = None
    closing_xof: int | None = None
    gap_xof: int = 0
    collected_xof: int = 0
    fees_xof: int = 0
    printed_collected_xof: int | None = None
    printed_fees_xof: int | None = None

    @property
    def has_balances(self) -> bool:
        """Return whether the operator printed what it held before and after."""
        return self.opening_xof is not None and self.closing_xof is not None

    @property
    def is_verifiable(self) -> bool:
        """Return whether the operator printed a figure that its lines can be held against."""
        return self.has_balances or self.printed_collected_xof is not None

    def covers(self, moment: datetime) -> bool:
        """Return whether this file speaks of a moment."""
        return self.period_start <= moment < self.covered_until


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of moments for which one file speaks; the end is excluded."""

    file: StatedFile
    start: datetime
    end: datetime

    @property
    def gap_xof(self) -> int:
        """Return what the file moved beyond its lines, which counts at its last moment."""
        return self.file.gap_xof if self.end == self.file.covered_until else 0


@dataclass(frozen=True, slots=True)
class Boundary:
    """A moment at which the word passes from one file to another without a hole between them."""

    before: StatedFile
    after: StatedFile
    at: datetime


def utc_day(moment: datetime) -> date:
    """Return the day of a moment; Mali lives on UTC all year."""
    return moment.astimezone(UTC).date()


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """Return the first instant of a day and that of the next."""
    start = datetime.combine(day, time(), UTC)
    return start, start + timedelta(days=1)


def period_of(start: datetime, covered_until: datetime) -> Window:
    """Return the moments at which the lines of a statement can count."""
    return Window(start, covered_until - INSTANT)


def newest(files: Iterable[StatedFile], moment: datetime) -> StatedFile | None:
    """Return the file whose word stands for a moment."""
    return max((file for file in files if file.covers(moment)), key=lambda file: file.id, default=None)


def first(files: Iterable[StatedFile], moment: datetime) -> StatedFile | None:
    """Return the file that spoke first of a moment."""
    return min((file for file in files if file.covers(moment)), key=lambda file: file.id, default=None)


def segments(files: Sequence[StatedFile], start: datetime, end: datetime) -> tuple[Segment, ...]:
    """Cut a time into the runs for which one file of the account speaks; what no file covers is left out.

    Returns: in order of time, never two touching runs of one file.
    """
    edges = {start, end, *(file.period_start for file in files), *(file.covered_until for file in files)}
    cuts = sorted(edge for edge in edges if start <= edge <= end)
    found: list[Segment] = []
    for left, right in itertools.pairwise(cuts):
        file = newest(files, left)
        if file is None:
            continue
        if found and found[-1].file.id == file.id and found[-1].end == left:
            found[-1] = Segment(file, found[-1].start, right)
        else:
            found.append(Segment(file, left, right))
    return tuple(found)


def boundaries(files: Sequence[StatedFile], start: datetime, end: datetime) -> tuple[Boundary, ...]:
    """Return where one file takes over from another, from ``start`` to before ``end``."""
    runs = segments(files, start - INSTANT, end)
    return tuple(
        Boundary(left.file, right.file, right.start)
        for left, right in itertools.pairwise(runs)
        if left.end == right.start and left.file.id != right.file.id
    )


def covers_all(runs: Sequence[Segment], start: datetime, end: datetime) -> bool:
    """Return whether runs in order of time leave no hole between two moments."""
    ends = [start, *(run.end for run in runs)]
    return ends[-1] == end and all(run.start == before for run, before in zip(runs, ends, strict=False))
