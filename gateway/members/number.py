"""The RAMU number: nine digits of a serial and one that catches typing errors."""

from functools import reduce

DIGITS = 10
SERIAL_MAX = 999_999_999

# A totally anti-symmetric quasigroup: unlike ISO/IEC 7064 MOD 11,10, which lets one swap of neighbours in 45 pass, it
# notices every wrong digit and every swap of two neighbours.
# Source: H. M. Damm, "Total anti-symmetrische Quasigruppen", dissertation, Marburg 2004.
_QUASIGROUP = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)


def ramu_number(serial: int) -> str:
    """Return the number of the household with this serial, ten digits long."""
    if not 1 <= serial <= SERIAL_MAX:
        raise ValueError(f"no RAMU number for serial {serial}")
    body = f"{serial:09d}"
    return f"{body}{_check_digit(body)}"


def valid(text: str) -> bool:
    """Return whether ten digits, and nothing else, are a RAMU number."""
    # The check digit is the one that brings the chain back to zero.
    return (
        len(text) == DIGITS
        and text.isascii()
        and text.isdigit()
        and text[:-1] != "000000000"
        and _check_digit(text) == 0
    )


def parse(text: str) -> str | None:
    """Read a number as people type it, with or without spaces; None when it is not one."""
    digits = text.replace(" ", "")
    return digits if valid(digits) else None


def _check_digit(digits: str) -> int:
    return reduce(lambda interim, digit: _QUASIGROUP[interim][int(digit)], digits, 0)
