"""How much one sender may ask of us: a bucket that fills slowly and empties at once; the moment is an argument."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime

#: Of so many senders the last use is remembered; one that was forgotten starts with a full bucket.
KEYS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So much in one go, and so much a second afterwards."""

    burst: float
    per_s: float


class Buckets:
    """One bucket for each key, remembered while it matters."""

    def __init__(self, rate: Rate, keys_max: int = KEYS_MAX) -> None:
        self._rate = rate
        self._keys_max = keys_max
        self._left: dict[Hashable, tuple[float, datetime]] = {}

    def take(self, key: Hashable, amount: float, now: datetime) -> float:
        """Take from a bucket; return 0, or when there is too little, take nothing and return the seconds to wait."""
        left, since = self._left.pop(key, (self._rate.burst, now))
        passed_s = max((now - since).total_seconds(), 0)
        left = min(self._rate.burst, left + passed_s * self._rate.per_s)
        # More than a bucket holds can never be there at once; a full bucket is then enough.
        missing = min(amount, self._rate.burst) - left
        self._left[key] = (left if missing > 0 else left - amount, max(now, since))
        if len(self._left) > self._keys_max:
            # The bucket that was used longest ago has filled most, so forgetting it loses least.
            del self._left[next(iter(self._left))]
        return max(missing / self._rate.per_s, 0)
