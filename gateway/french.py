"""French as its readers expect it: dates, amounts and counts by Unicode's CLDR.

The tables are asked once, when this module is loaded, and not for every figure: Babel takes 14 us to write an amount, a
page has hundreds of them, and a property holds both to the same answer.
"""

import re
from datetime import date, datetime
from typing import Final

from babel import Locale
from babel.dates import get_day_names, get_month_names
from babel.numbers import get_group_symbol

from ussd_flows.gsm7 import to_gsm7

FRENCH: Final = Locale("fr")
#: By number, from 1 and from Monday, which is 0.
MONTHS: Final = dict(get_month_names("wide", locale=FRENCH))
WEEKDAYS: Final = dict(get_day_names("wide", locale=FRENCH))
#: As a phone can show them: August loses its accent.
MONTHS_ON_PHONES: Final = {number: to_gsm7(name) for number, name in MONTHS.items()}

NARROW_SPACE: Final = "\u202f"
HARD_SPACE: Final = "\u00a0"
MINUS: Final = "\u2212"
APOSTROPHE: Final = "\u2019"
_FRENCH_DAY: Final = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_ISO_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_GROUP: Final = get_group_symbol(FRENCH)


def typeset(text: str) -> str:
    """Set a French sentence: curled apostrophes, and spaces that keep tall punctuation on its line."""
    text = text.replace("'", APOSTROPHE)
    for mark, space in (("« ", HARD_SPACE), (" »", HARD_SPACE), (" :", HARD_SPACE)):
        text = text.replace(mark, mark.replace(" ", space))
    for mark in (" ;", " !", " ?"):
        text = text.replace(mark, mark.replace(" ", NARROW_SPACE))
    return text


def francs(amount_xof: int | None) -> str:
    """Write an amount as French pages do; nothing known is a dash, never a zero."""
    if amount_xof is None:
        return "—"
    grouped = f"{abs(amount_xof):,}".replace(",", _GROUP)
    return f"{MINUS}{grouped}" if amount_xof < 0 else grouped


def plural(count: int, one: str, many: str) -> str:
    """Choose the noun of a count; French keeps the singular for none."""
    # CLDR's third form is for millions in words ("un million de lignes"); our counts are in figures.
    return one if FRENCH.plural_form(count) == "one" else many


def counted(count: int, one: str, many: str) -> str:
    """Write a count with its noun."""
    return f"{francs(count)} {plural(count, one, many)}"


def short_date(day: date) -> str:
    """Write a day in figures: 22/11/2026."""
    return f"{day.day:02d}/{day.month:02d}/{day.year:04d}"


def read_day(written: str) -> date | None:
    """Read a day as people write it, 22/11/2026, or as machines do, 2026-11-22; None for what is no day."""
    named = _FRENCH_DAY.fullmatch(written)
    if named is not None:
        written = f"{named[3]}-{named[2]:0>2}-{named[1]:0>2}"
    elif _ISO_DAY.fullmatch(written) is None:
        return None
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None


def long_date(day: date) -> str:
    """Write a day in full: samedi 22 novembre 2026."""
    # CLDR has no ordinal for the first of a month, and French has one for it alone.
    first = "1er" if day.day == 1 else str(day.day)
    return f"{WEEKDAYS[day.weekday()]} {first} {MONTHS[day.month]} {day.year}"


def month_name(day: date) -> str:
    """Write the month of a day: novembre 2026."""
    return f"{MONTHS[day.month]} {day.year}"


def moment(instant: datetime) -> str:
    """Write an instant: 22/11/2026 à 14 h 05, in Bamako's time, which is UTC."""
    return f"{short_date(instant)} à {instant.hour}{HARD_SPACE}h{HARD_SPACE}{instant:%M}"


def hour(instant: datetime) -> str:
    """Write a time of day as it is said: 22 h 49."""
    return f"{instant.hour} h {instant.minute:02d}"


def stamp(instant: datetime) -> str:
    """Write an instant in figures alone, for lists: 22/11/2026 14:05."""
    return f"{short_date(instant)} {instant:%H:%M}"


def age(days: int) -> str:
    """Write an age in days."""
    return f"{days}{HARD_SPACE}{plural(days, 'jour', 'jours')}" if days else f"aujourd{APOSTROPHE}hui"
