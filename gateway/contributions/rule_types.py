"""What a field of a scheme may hold: every bound stands here, before anything is computed with it."""

import re
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final, Literal, TypeVar, get_args

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from ussd_flows.gsm7 import septets

#: Nothing is converted, nothing is passed over: "1000" and 1000.0 are no numbers, and a misspelt rule is a fault.
STRICT: Final = ConfigDict(strict=True, extra="forbid")

Activity = Literal["commerce", "artisan", "coton", "culture", "elevage", "peche", "autre"]
ACTIVITIES: Final[tuple[Activity, ...]] = get_args(Activity)
ALL_BP: Final = 10_000
PEOPLE_MAX: Final = 99
AMOUNT_MAX_XOF: Final = 999_999_999
DAYS_MAX: Final = 3_660
#: Periods divide the year, so that a fixed anchor falls on the same days every year.
PERIOD_MONTHS: Final = (1, 3, 6, 12)

#: The years that a rule may name; a typing error in a year falls outside.
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2100, 12, 31)
# 29 February is refused, so that a day of the year exists in every year.
_COMMON_YEAR = 2001
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTH_AND_DAY = re.compile(r"[0-9]{2}-[0-9]{2}")

Different = TypeVar("Different", bound=Hashable)


@dataclass(frozen=True, slots=True)
class MonthDay:
    """A day that comes back every year, never 29 February."""

    month: int
    day: int

    def in_year(self, year: int) -> date:
        """Return the date of this day in a year."""
        return date(year, self.month, self.day)


def _day(written: object) -> object:
    if isinstance(written, date):
        return written
    if not isinstance(written, str) or _ISO_DAY.fullmatch(written) is None:
        raise PydanticCustomError("day_form", "must be a date YYYY-MM-DD")
    try:
        found = date.fromisoformat(written)
    except ValueError:
        raise PydanticCustomError("day_missing", "is not a day of the calendar") from None
    if not FIRST_DAY <= found <= LAST_DAY:
        limits = {"first": FIRST_DAY.year, "last": LAST_DAY.year}
        raise PydanticCustomError("day_far", "must lie between the years {first} and {last}", limits)
    return found


def _month_day(written: object) -> object:
    if isinstance(written, MonthDay):
        return written
    if not isinstance(written, str) or _MONTH_AND_DAY.fullmatch(written) is None:
        raise PydanticCustomError("year_day_form", "must be a day MM-DD")
    try:
        found = date.fromisoformat(f"{_COMMON_YEAR}-{written}")
    except ValueError:
        raise PydanticCustomError("year_day_missing", "is not a day of every year") from None
    return MonthDay(found.month, found.day)


def _for_phones(written: str) -> str:
    if septets(written) is None:
        raise PydanticCustomError("not_gsm7", "must be written in GSM-7, it is shown on phones")
    return written


def _no_repetition(values: tuple[Different, ...]) -> tuple[Different, ...]:
    if len(set(values)) != len(values):
        raise PydanticCustomError("repeated", "must not repeat a word")
    return values


def _divides_the_year(months: int) -> int:
    if months not in PERIOD_MONTHS:
        raise PydanticCustomError("months", "must be one of {months}", {"months": ", ".join(map(str, PERIOD_MONTHS))})
    return months


Day = Annotated[date, BeforeValidator(_day)]
YearDay = Annotated[MonthDay, BeforeValidator(_month_day)]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$", max_length=8)]
SeasonCode = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$", max_length=12)]
Label = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=24), AfterValidator(_for_phones)
]
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=400)]
Version = Annotated[int, Field(ge=1, le=9_999)]
Activities = Annotated[tuple[Activity, ...], Field(min_length=1), AfterValidator(_no_repetition)]
AmountXof = Annotated[int, Field(ge=1, le=AMOUNT_MAX_XOF)]
#: So many times the people of a household that their sum is still an amount.
AdultXof = Annotated[int, Field(ge=1, le=AMOUNT_MAX_XOF // PEOPLE_MAX)]
ChildXof = Annotated[int, Field(ge=0, le=AMOUNT_MAX_XOF // PEOPLE_MAX)]
People = Annotated[int, Field(ge=1, le=PEOPLE_MAX)]
Months = Annotated[int, AfterValidator(_divides_the_year)]
Days = Annotated[int, Field(ge=0, le=DAYS_MAX)]
LapseDays = Annotated[int, Field(ge=1, le=DAYS_MAX)]
ShareBp = Annotated[int, Field(ge=1, le=ALL_BP)]
SeasonBp = Annotated[int, Field(ge=0, le=ALL_BP)]
Parts = Annotated[int, Field(ge=1, le=52)]
PeriodsAhead = Annotated[int, Field(ge=0, le=60)]
