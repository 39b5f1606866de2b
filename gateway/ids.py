"""The only place that makes identifiers; everything else receives them."""

import secrets
from typing import Protocol
from uuid import UUID, uuid4

#: Crockford's alphabet without I, L, O and U: a person can read it out over the telephone.
REFERENCE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
REFERENCE_CHARS = 8
GROUP_CHARS = 4
TOKEN_BYTES = 32


class Ids(Protocol):
    """Something that makes identifiers nobody can guess."""

    def uuid(self) -> UUID:
        """Give a correlation id for one request to an operator."""

    def reference(self) -> str:
        """Give a short reference that a person can read out."""

    def token(self) -> str:
        """Give an unguessable word for an address or a cookie."""


class RandomIds:
    """Identifiers from the machine's cryptographic source."""

    def uuid(self) -> UUID:
        """Give a correlation id for one request to an operator."""
        return uuid4()

    def reference(self) -> str:
        """Give a short reference that a person can read out."""
        return "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(REFERENCE_CHARS))

    def token(self) -> str:
        """Give an unguessable word for an address or a cookie."""
        return secrets.token_urlsafe(TOKEN_BYTES)


def shown_reference(reference: str) -> str:
    """Write a reference in groups, as people read it out."""
    return "-".join(reference[start : start + GROUP_CHARS] for start in range(0, len(reference), GROUP_CHARS))
