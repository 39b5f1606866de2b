"""Telephone numbers as people type and operators write them: the edge where they become E.164."""

import re
from typing import Final

from phonenumbers import (
    NumberParseException,
    PhoneNumberFormat,
    ValidationResult,
    format_number,
    is_possible_number_with_reason,
    parse,
)

from payments.errors import MsisdnInvalid
from payments.msisdn import E164, MALI_NATIONAL, MALI_PREFIX, is_malian

# Nearly every number is Malian, and libphonenumber takes some hundred times as long to say the same.
_MALIAN: Final = re.compile(rf"(?:(?:\+|00)?223)?(?P<national>{MALI_NATIONAL.pattern})")
# A foreign number says so: without its + or 00 the country would be a guess.
_INTERNATIONAL: Final = re.compile(r"(?:\+|00)(?P<digits>[1-9][0-9]{7,17})")
# What people put between digits, and marks that telephones and chats put round a number and nobody sees: direction,
# joiners, byte order.
_BETWEEN: Final = str.maketrans(
    "",
    "",
    " .-()\u00a0\u2009\u202f\u2010\u2011\u2012\u2013"
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202c\u2060\u2066\u2069\ufeff",
)
_MAX_CHARS: Final = 40


def parse_msisdn(text: str) -> str:
    """Read a number as people and operators write it and give it in E.164.

    Returns: "+" and digits; eight digits alone, or eleven that begin with 223, are Malian.
    Errors:  MsisdnInvalid; a foreign number needs its + or 00, because without it the country is a guess.
    Source:  ITU-T E.164; libphonenumber, whose letters, other scripts and extensions are refused here.
    """
    written = _MALIAN.fullmatch(text)
    if written is None and len(text) <= _MAX_CHARS:
        text = text.translate(_BETWEEN)
        written = _MALIAN.fullmatch(text)
    if written is not None:
        return MALI_PREFIX + written["national"]
    abroad = _INTERNATIONAL.fullmatch(text)
    if abroad is None:
        raise MsisdnInvalid("neither a Malian number of eight digits nor an international one with + or 00")
    written_out = "+" + abroad["digits"]
    msisdn = _by_library(written_out)
    # Other digits are those without a trunk zero; what has another one behind it is no number, and reads as many.
    if msisdn != written_out and _by_library(msisdn) != msisdn:
        raise MsisdnInvalid("more than one zero before the number itself")
    return msisdn


def _by_library(written: str) -> str:
    try:
        number = parse(written)
    except NumberParseException:
        raise MsisdnInvalid("no country has this code") from None
    # Length alone, not whether a range is in use: ranges are opened faster than a library is renewed.
    if is_possible_number_with_reason(number) is not ValidationResult.IS_POSSIBLE:
        raise MsisdnInvalid("not as many digits as numbers of this country have")
    msisdn = format_number(number, PhoneNumberFormat.E164)
    if E164.fullmatch(msisdn) is None:
        raise MsisdnInvalid("shorter than a number that a wallet can have")
    if msisdn.startswith(MALI_PREFIX) and not is_malian(msisdn):
        raise MsisdnInvalid("Malian numbers have eight digits and begin with 2 or 4 to 9")
    return msisdn
