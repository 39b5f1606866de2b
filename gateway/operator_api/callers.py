"""Who may report money unasked, as far as an address can tell: decided before a byte of the message is read."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


class Entrance(StrEnum):
    """The way by which a message reached an operator's address."""

    #: The operator's own long address, given to it at going live.
    KEY = "key"
    #: Its address list.
    LISTED = "listed"
    #: The address of one request, which has yet to be found.
    REQUEST = "request"
    #: None of them.
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Callers:
    """What we know of one operator's way to us."""

    keys: Sequence[str] = ()
    networks: Sequence[Network] = ()

    def entrance(self, last: str | None, host: str) -> Entrance:
        """Return how a message came: ``last`` is what follows the operator's name, ``host`` the sender's address."""
        if last is None:
            return Entrance.LISTED if self._lists(host) else Entrance.OPEN
        return Entrance.KEY if self._is_key(last) else Entrance.REQUEST

    def _is_key(self, offered: str) -> bool:
        # Every key is compared, whole, so that the time taken says nothing about any of them.
        offered_bytes = offered.encode(errors="replace")
        return any([hmac.compare_digest(key.encode(), offered_bytes) for key in self.keys])  # noqa: C419 - a generator would stop at the first match

    def _lists(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self.networks)


def sender_of(host: str) -> str:
    """Return the name under which a sender is counted: whoever holds one IPv6 address holds a whole network of them."""
    try:
        address = ip_address(host)
    except ValueError:
        return "unknown"
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Network((address, 64), strict=False))
