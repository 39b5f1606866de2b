"""Telephone numbers in E.164, which never tell us whose wallet they carry."""

import re
from typing import Final

from payments.errors import MsisdnInvalid

#: Source: ITU country code +223, eight digits since 2009 (ITU notice of 6 March 2018).
MALI_PREFIX: Final = "+223"

# Source: libphonenumber 9.0.43 metadata of Mali: every number is [24-9] and seven digits, no trunk prefix.
# The ranges of single operators are left out on purpose: wallets are not bound to prefixes.
_MALI_NATIONAL = re.compile(r"[24-9][0-9]{7}")
# Source: ITU-T E.164: at most 15 digits, no country code starts with 0; shorter than 7 is a short code.
# What operators write nearly always, told at one look.
_MALI_WRITTEN = re.compile(re.escape(MALI_PREFIX) + _MALI_NATIONAL.pattern)
_INTERNATIONAL = re.compile(r"[1-9][0-9]{6,14}")
_SEPARATORS = str.maketrans("", "", " .-()\u00a0\u2009\u202f\u2010\u2011\u2012\u2013")
# Marks that telephones and chats put round a number and nobody sees: direction, joiners, byte order.
_UNSEEN = str.maketrans("", "", "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202c\u2060\u2066\u2069\ufeff")
_MAX_CHARS = 40


def parse_msisdn(text: str) -> str:
    """Read a number as people and operators write it and give it in E.164.

    Returns: "+" and digits; eight digits alone, or eleven that begin with 223, are Malian.
    Errors:  MsisdnInvalid; a foreign number needs its + or 00, because without it the country is a guess.
    Source:  ITU-T E.164; libphonenumber 9.0.43 for Mali (read 2026-11).
    """
    if _MALI_WRITTEN.fullmatch(text):
        return text
    if len(text) > _MAX_CHARS:
        raise MsisdnInvalid("too long")
    digits = text.translate(_SEPARATORS).translate(_UNSEEN)
    if digits.startswith("+"):
        return _international(digits[1:])
    if digits.startswith("00"):
        return _international(digits[2:])
    if _MALI_NATIONAL.fullmatch(digits):
        return MALI_PREFIX + digits
    if digits.startswith("223"):
        return _international(digits)
    raise MsisdnInvalid("neither a Malian number of eight digits nor an international one with + or 00")


def mask(msisdn: str) -> str:
    """Hide all of a number in E.164 but its country and last three digits, for logs and pages.

    Returns: "+223 ** ** *4 56" for Mali; foreign numbers keep their last three digits alone.
    """
    if is_malian(msisdn):
        return f"{MALI_PREFIX} ** ** *{msisdn[-3]} {msisdn[-2:]}"
    return "+" + "*" * max(len(msisdn) - 4, 0) + msisdn[-3:]


def local_pairs(msisdn: str) -> str:
    """Write a number in E.164 as people in Mali read it aloud: four pairs; foreign numbers stay as they are."""
    if not is_malian(msisdn):
        return msisdn
    national = msisdn.removeprefix(MALI_PREFIX)
    return " ".join(national[at : at + 2] for at in range(0, len(national), 2))


def is_malian(msisdn: str) -> bool:
    """Say whether a number in E.164 belongs to Mali's numbering plan.

    Source:  libphonenumber 9.0.43 for Mali (read 2026-11).
    """
    prefix, national = msisdn[: len(MALI_PREFIX)], msisdn[len(MALI_PREFIX) :]
    return prefix == MALI_PREFIX and _MALI_NATIONAL.fullmatch(national) is not None


def _international(digits: str) -> str:
    if _INTERNATIONAL.fullmatch(digits) is None:
        raise MsisdnInvalid("not the digits of an international number")
    msisdn = "+" + digits
    if msisdn.startswith(MALI_PREFIX) and not is_malian(msisdn):
        raise MsisdnInvalid("Malian numbers have eight digits and begin with 2 or 4 to 9")
    return msisdn
