"""The only place that makes identifiers; everything else receives them."""

import secrets
from typing import Protocol
from uuid import UUID, uuid4

#: Crockford's alphabet without I, L, O and U: a person can read it out over the telephone.
REFERENCE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
#: The last of them is the check character. Seven others make 34 thousand million: a collision is drawn again.
REFERENCE_CHARS = 8
GROUP_CHARS = 4
TOKEN_BYTES = 32
PASSWORD_CHARS = 16

#: One of them stands in every reference, so that no name and no word is ever read as one: SALIMATA is not 5A11MATA.
_CLEAR_DIGITS = frozenset("23456789")
#: What people put before a reference.
_LABELS = frozenset({"ramu", "ref", "réf", "reference", "référence", "no", "n°", "demande", "paiement"})
#: What people write for a letter that Crockford's alphabet leaves out, and what they put between the groups.
_AS_READ = str.maketrans("OIL", "011")
_BETWEEN = str.maketrans("", "", "-_.:#")
#: x^5 + x^2 + 1, which has no divisor: the 32 characters are a field, and 2 makes every element but zero.
_FIELD_POLYNOMIAL = 0b100101
_FIELD_SIZE = len(REFERENCE_ALPHABET)


class Ids(Protocol):
    """Something that makes identifiers nobody can guess."""

    def uuid(self) -> UUID:
        """Return a correlation id for one request to an operator."""

    def reference(self) -> str:
        """Return a short reference that a person can read out."""

    def token(self) -> str:
        """Return an unguessable word for an address or a cookie."""


class RandomIds:
    """Identifiers from the machine's cryptographic source."""

    def uuid(self) -> UUID:
        """Return a correlation id for one request to an operator."""
        return uuid4()

    def reference(self) -> str:
        """Return a short reference that a person can read out."""
        while True:
            drawn = checked("".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(REFERENCE_CHARS - 1)))
            if _looks_made(drawn):
                return drawn

    def password(self) -> str:
        """Return a password of 80 bits that one person can read out to another, for one use."""
        drawn = "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(PASSWORD_CHARS))
        return shown_reference(drawn)

    def token(self) -> str:
        """Return an unguessable word for an address or a cookie."""
        return secrets.token_urlsafe(TOKEN_BYTES)


def checked(body: str) -> str:
    """Put the check character behind the others.

    It notices every wrong character, every exchange of two neighbours or of two with one between, and every doubled
    character written as another double.
    Source: H. M. Damm, "Total anti-symmetrische Quasigruppen", dissertation, Marburg 2004: the quasigroup here is
    multiplication by 2 of the sum, in the field of 32 elements.
    """
    return body + REFERENCE_ALPHABET[_chain(body)]


def read_reference(words: str) -> str | None:
    """Read a reference as people write it: in small letters, with blanks or dashes, O for 0, I or L for 1.

    Returns: the reference as we write it, or None for words that are none, or one with a slip in it.
    """
    parts = words.split()
    while parts and parts[0].strip(".:#").casefold() in _LABELS:
        parts = parts[1:]
    written = "".join(parts).translate(_BETWEEN).upper().translate(_AS_READ)
    if len(written) != REFERENCE_CHARS or any(char not in REFERENCE_ALPHABET for char in written):
        return None
    return written if _looks_made(written) and _chain(written) == 0 else None


def _looks_made(reference: str) -> bool:
    return not _CLEAR_DIGITS.isdisjoint(reference)


def _chain(characters: str) -> int:
    # The check character is the one that brings the chain back to zero: x + x = 0 in this field.
    interim = 0
    for character in characters:
        interim = (interim ^ REFERENCE_ALPHABET.index(character)) << 1
        if interim >= _FIELD_SIZE:
            interim ^= _FIELD_POLYNOMIAL
    return interim


def shown_reference(reference: str) -> str:
    """Write a reference in groups, as people read it out."""
    return "-".join(reference[start : start + GROUP_CHARS] for start in range(0, len(reference), GROUP_CHARS))
