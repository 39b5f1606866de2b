"""The token of a login's forms, written otherwise on every page: the length of a compressed page tells nothing of it.

Source: Y. Gluck, N. Harris, A. Prado, "BREACH: reviving the CRIME attack", 2013, section 3.4.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import shake_256


def masked(token: str, drawn: str) -> str:
    """Write a token behind a mask that is made of ``drawn``, a word that nobody can guess and that is used once."""
    plain = token.encode()
    mask = shake_256(drawn.encode()).digest(len(plain))
    return urlsafe_b64encode(mask + _mixed(mask, plain)).decode()


def unmasked(written: str) -> str:
    """Return the token behind its mask; what was never masked gives a word that is nobody's token."""
    try:
        content = urlsafe_b64decode(written.encode("ascii"))
    except ValueError:
        return ""
    half = len(content) // 2
    return _mixed(content[:half], content[half:]).decode(errors="replace")


def _mixed(mask: bytes, content: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(mask, content, strict=False))
