"""Telephone numbers in E.164, which never tell us whose wallet they carry; ``payments.numbering`` reads them.

Source:  ITU-T E.164: at most 15 digits, no country code starts with 0; shorter than 8 is a short code. Mali has +223
         and eight digits since 2009 (ITU notice of 6 March 2018), and no trunk prefix.
"""

import re
from typing import Final

MALI_PREFIX: Final = "+223"
#: Every number of Mali, as libphonenumber has it; a test holds this to it. The ranges of single operators are left out
#: on purpose: wallets are not bound to prefixes, and new ranges are opened.
MALI_NATIONAL: Final = re.compile(r"[24-9][0-9]{7}")
E164: Final = re.compile(r"\+[1-9][0-9]{7,14}")


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
    """Return whether a number in E.164 belongs to Mali's numbering plan."""
    prefix, national = msisdn[: len(MALI_PREFIX)], msisdn[len(MALI_PREFIX) :]
    return prefix == MALI_PREFIX and MALI_NATIONAL.fullmatch(national) is not None
