"""Amounts and dates as people type and read them on a basic phone."""

import re
from datetime import date
from typing import Final

# A point or a comma might mean thousands or centimes, so neither is read: asking again is cheaper than a wrong payment.
_TYPED: Final = re.compile(
    r"(?P<digits>[0-9]{1,9}|[0-9]{1,3}(?: [0-9]{3}){1,2}) ?(?:F|F ?CFA|XOF)?", re.ASCII | re.IGNORECASE
)
_LONGEST_TYPED: Final = 40


def read_amount(text: str) -> int | None:
    """Read an amount that a person typed: "5000", "5 000", "5000 F", "5 000 FCFA".

    Units:   whole francs CFA.
    Returns: None for anything else: signs, points, exponents, other scripts, more than nine digits.
    """
    if len(text) > _LONGEST_TYPED:
        return None
    match = _TYPED.fullmatch(text.strip(" "))
    return int(match["digits"].replace(" ", "")) if match else None


def show(amount_xof: int) -> str:
    """Write an amount as French readers expect it, with plain spaces: "5 000 F"."""
    return f"{amount_xof:,} F".replace(",", " ")


def show_date(day: date) -> str:
    """Write a day as French readers expect it: "31/12/2026"."""
    # Not by strftime, which is ten times as slow: a payment's receipt and periods write dozens of days.
    return f"{day.day:02d}/{day.month:02d}/{day.year:04d}"


def show_span(first: date, last: date) -> str:
    """Write the days from one to another in little room: "25/12/26-24/01/27", "05/02-03/03/26"."""
    until = f"{last.day:02d}/{last.month:02d}/{last.year % 100:02d}"
    year = "" if first.year == last.year else f"/{first.year % 100:02d}"
    return f"{first.day:02d}/{first.month:02d}{year}-{until}"
