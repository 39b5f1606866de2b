"""How long whoever mistypes a password waits before the next try: longer each time, a minute at most, never locked out.

Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies": a browser that came in before has a count of its
own, so that nobody else's guesses keep its owner out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Final

#: So many mistakes cost no wait: of one person, and of one address, behind which a whole office may sit.
FREE_OF_ONE: Final = 3
FREE_OF_SOURCE: Final = 10

FIRST_WAIT_S: Final = 2
LONGEST_WAIT_S: Final = 60
DOUBLINGS_MAX: Final = 5

#: After so long without a try, mistakes are forgotten.
FORGET_AFTER_S: Final = 3600

#: A customer of an IPv6 network has at least so many addresses: they are one source.
IPV6_PREFIX_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class Count:
    """The mistakes of one key so far, and when its next try may come."""

    failures: int = 0
    next_allowed_at: datetime | None = None

    def wait_s(self, now: datetime) -> int:
        """Return how long to wait still, in whole seconds; none is 0."""
        if self.next_allowed_at is None or self.next_allowed_at <= now:
            return 0
        return min(-((now - self.next_allowed_at) // timedelta(seconds=1)), LONGEST_WAIT_S)

    def after(self, now: datetime, free: int) -> "Count":
        """Count one more mistake, before it is known to be one."""
        failures = self.failures + 1
        return Count(failures, now + timedelta(seconds=wait_s(failures, free)))


def wait_s(failures: int, free: int) -> int:
    """Return the wait after so many mistakes, of which the first ``free`` less one cost nothing."""
    if failures < free:
        return 0
    return min(FIRST_WAIT_S << min(failures - free, DOUBLINGS_MAX), LONGEST_WAIT_S)


def source_of(address: str) -> str:
    """Return the source that an address belongs to: itself, or its whole network where one customer has many."""
    try:
        found = ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(found, IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    host_bits = 128 - IPV6_PREFIX_BITS
    return str(IPv6Network((int(found) >> host_bits << host_bits, IPV6_PREFIX_BITS)))


def key_of(*parts: str) -> bytes:
    """Return the key under which something is counted; it tells nobody what was typed."""
    return sha256("\0".join(parts).encode(errors="replace")).digest()
