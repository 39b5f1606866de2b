"""Time and identifiers that a test holds in its hand."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from gateway.infra.ids import REFERENCE_ALPHABET, REFERENCE_CHARS, checked

#: A Monday morning in Bamako.
START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@dataclass
class TestClock:
    """A clock that only moves when a test moves it."""

    __test__ = False
    moment: datetime = START

    def now(self) -> datetime:
        return self.moment

    def forward(self, **span: int) -> datetime:
        self.moment += timedelta(**span)
        return self.moment


@dataclass
class CountedIds:
    """Identifiers that count, so that two runs of one story give the same ones."""

    counter: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def uuid(self) -> UUID:
        return UUID(int=(4 << 76) | (2 << 62) | next(self.counter))

    def reference(self) -> str:
        number, written = next(self.counter), ""
        for _ in range(REFERENCE_CHARS - 2):
            number, digit = divmod(number, len(REFERENCE_ALPHABET))
            written = REFERENCE_ALPHABET[digit] + written
        return checked(f"9{written}")

    def token(self) -> str:
        return f"token-{next(self.counter):026d}"
