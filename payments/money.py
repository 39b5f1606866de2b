"""Amounts as operators write them, and nothing that merely looks like one."""

import re
from typing import Final

from payments.errors import AmountInvalid

#: The largest single payment we believe; a larger figure is a mistake or an attack.
MAX_AMOUNT_XOF: Final = 999_999_999

#: The largest balance or total we believe, for sums over many payments.
MAX_BALANCE_XOF: Final = 999_999_999_999_999

_FRANCS = re.compile(r"0|[1-9][0-9]{0,17}")
_GSMA = re.compile(r"(0|[1-9][0-9]{0,17})(?:[.]([0-9]{1,4}))?")


def parse_gsma_amount(text: object) -> int:
    """Read an amount in the string form of the GSMA Mobile Money API.

    Units:   whole francs; XOF has no minor unit, so decimals must all be zero.
    Errors:  AmountInvalid for anything but a JSON string of that form, up to MAX_AMOUNT_XOF.
    Source:  GSMA Mobile Money API 1.2.0, schema "amount" (OpenAPI file, read 2026-11-22). Its pattern wants a last
             decimal of 1 to 9, yet its examples print "200.00"; both writings of a whole number are taken.
    """
    found = _GSMA.fullmatch(_as_text(text))
    if found is None:
        raise AmountInvalid(str(text), "il n'est pas écrit comme le veut la norme")
    whole, decimals = found.groups()
    if decimals is not None and decimals.strip("0"):
        raise AmountInvalid(str(text), "le franc CFA n'a pas de centimes")
    return _bounded(whole, MAX_AMOUNT_XOF)


def gsma_amount(amount_xof: int) -> str:
    """Write an amount in the string form of the GSMA Mobile Money API, without decimals.

    Errors:  AmountInvalid for a negative amount or one above MAX_AMOUNT_XOF.
    Source:  GSMA Mobile Money API 1.2.0, schema "amount" (OpenAPI file, read 2026-11-22).
    """
    if not 0 <= amount_xof <= MAX_AMOUNT_XOF:
        raise AmountInvalid(str(amount_xof), f"il doit être entre 0 et {MAX_AMOUNT_XOF}")
    return str(amount_xof)


def parse_francs(text: object, *, max_xof: int = MAX_AMOUNT_XOF) -> int:
    """Read a whole number of francs written with plain digits alone.

    Errors:  AmountInvalid for signs, separators, decimals, leading zeros, other scripts' digits, or above max_xof.
    """
    digits = _as_text(text)
    if _FRANCS.fullmatch(digits) is None:
        raise AmountInvalid(digits, "ce n'est pas un nombre entier de francs, en chiffres seuls")
    return _bounded(digits, max_xof)


def parse_balance(text: object) -> int:
    """Read a balance in whole francs, which may be below zero when an operator took its fees first.

    Errors:  AmountInvalid as for parse_francs, up to MAX_BALANCE_XOF either way; "-0" is refused.
    """
    written = _as_text(text)
    if written.startswith("-") and written != "-0":
        return -parse_francs(written[1:], max_xof=MAX_BALANCE_XOF)
    return parse_francs(written, max_xof=MAX_BALANCE_XOF)


def _as_text(value: object) -> str:
    if not isinstance(value, str):
        raise AmountInvalid(str(type(value).__name__), "ce n'est pas un texte")
    return value


def _bounded(digits: str, max_xof: int) -> int:
    amount_xof = int(digits)
    if amount_xof > max_xof:
        raise AmountInvalid(digits, f"il dépasse {max_xof}")
    return amount_xof
