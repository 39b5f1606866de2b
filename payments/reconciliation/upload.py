"""What may become of a statement file that somebody handed in, and when it is tried again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from payments.detail import Detail


class UploadState(StrEnum):
    """Where a file stands: its bytes alone, then its lines, then every line in its bucket; or put aside."""

    RECEIVED = "received"
    READING = "reading"
    QUARANTINED = "quarantined"
    STORED = "stored"
    PARKED = "parked"
    MATCHED = "matched"


#: Which state may follow which; PostgreSQL holds the same table.
STEPS: Final[Mapping[UploadState, frozenset[UploadState]]] = {
    UploadState.RECEIVED: frozenset({UploadState.READING}),
    UploadState.READING: frozenset({UploadState.RECEIVED, UploadState.STORED, UploadState.QUARANTINED}),
    UploadState.QUARANTINED: frozenset({UploadState.RECEIVED}),
    UploadState.STORED: frozenset({UploadState.MATCHED, UploadState.PARKED}),
    UploadState.PARKED: frozenset({UploadState.STORED}),
    UploadState.MATCHED: frozenset(),
}

#: From here on nothing moves by itself: the file is done, or waits for people.
AT_REST: Final = frozenset({UploadState.QUARANTINED, UploadState.PARKED, UploadState.MATCHED})

#: The waits before a file that failed is tried again; after the last one it is put aside for people.
RETRY_AFTER_S: Final = (5, 60, 300)
TRIES: Final = len(RETRY_AFTER_S) + 1


@dataclass(frozen=True, slots=True)
class Motive:
    """Why a file was put aside or off, and the lines it is about."""

    detail: Detail
    line_numbers: tuple[int, ...] = ()


def next_attempt_at(attempts: int, now: datetime) -> datetime | None:
    """Return when a file that has failed so many times is tried again; None once people must look."""
    if attempts >= TRIES:
        return None
    return now + timedelta(seconds=RETRY_AFTER_S[max(attempts, 1) - 1])
