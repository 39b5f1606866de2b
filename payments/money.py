"""Amounts as operators write them, and nothing that merely looks like one."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from payments.errors import AmountAmbiguous, AmountFault, AmountInvalid
from payments.identity import without_marks, words

#: The largest single payment we believe; a larger figure is a mistake or an attack.
MAX_AMOUNT_XOF: Final = 999_999_999

#: The largest balance or total we believe, for sums over many payments.
MAX_BALANCE_XOF: Final = 999_999_999_999_999

_FRANCS = re.compile(r"0|[1-9][0-9]{0,17}")
_GSMA = re.compile(r"(0|[1-9][0-9]{0,17})(?:[.]([0-9]{1,4}))?")

# As people and spreadsheets write francs: groups of three, centimes that are zero, the name of the currency.
# Three zeros behind one point are left out: "15.000" is fifteen or fifteen thousand.
_CURRENCY = re.compile(r"(?:XOF|F ?CFA|CFA|F)[.]?", re.IGNORECASE)
_BY_BLANKS = re.compile(r"([0-9]{1,3}(?: [0-9]{3})+|[0-9]{1,18})(?:[.,](?:0{1,2})?)?")
_BY_POINTS = re.compile(r"([0-9]{1,3}(?:[.][0-9]{3})+)(?:,(?:0{1,2})?)?")
_BY_COMMAS = re.compile(r"([0-9]{1,3}(?:,[0-9]{3})+)(?:[.](?:0{1,2})?)?")
_AMBIGUOUS = re.compile(r"([1-9][0-9]{0,2})[.,]000")
_CENTIMES = re.compile(r"[0-9 .]*[0-9],[0-9]{1,2}|[0-9 ,]*[0-9][.][0-9]{1,2}")


class ThreeDigits(StrEnum):
    """What a file means by three digits behind one point or comma."""

    UNKNOWN = "unknown"
    THOUSANDS = "thousands"
    DECIMALS = "decimals"


@dataclass(frozen=True, slots=True)
class Fee:
    """A fee in whole francs, and whether it was rounded to be so."""

    whole_xof: int
    rounded: bool


def parse_gsma_amount(text: object) -> int:
    """Read an amount in the string form of the GSMA Mobile Money API.

    Units:   whole francs; XOF has no minor unit, so decimals must all be zero.
    Errors:  AmountInvalid for anything but a JSON string of that form, up to MAX_AMOUNT_XOF.
    Source:  GSMA Mobile Money API 1.2.0, schema "amount" (OpenAPI file, read 2026-11-22). Its pattern wants a last
             decimal of 1 to 9, yet its examples print "200.00"; both writings of a whole number are taken.
    """
    found = _GSMA.fullmatch(_as_text(text))
    if found is None:
        raise AmountInvalid(str(text), AmountFault.NOT_STANDARD)
    whole, decimals = found.groups()
    if decimals is not None and decimals.strip("0"):
        raise AmountInvalid(str(text), AmountFault.CENTIMES)
    return _bounded(whole, MAX_AMOUNT_XOF)


def parse_gsma_fee(text: object) -> Fee | None:
    """Read a fee, which is told to us and never moved by us, so that centimes are rounded to the franc.

    Returns: None when it is no number of that form, or above MAX_AMOUNT_XOF.
    Source:  see parse_gsma_amount; operators that take a percentage print its centimes.
    """
    found = _GSMA.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    whole, decimals = int(found[1]), found[2] or "0"
    # Half a franc and more is a franc, as an operator rounds what it takes.
    fee = Fee(whole + (decimals[0] >= "5"), rounded=bool(decimals.strip("0")))
    return fee if fee.whole_xof <= MAX_AMOUNT_XOF else None


def gsma_amount(amount_xof: int) -> str:
    """Write an amount in the string form of the GSMA Mobile Money API, without decimals.

    Errors:  AmountInvalid for a negative amount or one above MAX_AMOUNT_XOF.
    Source:  GSMA Mobile Money API 1.2.0, schema "amount" (OpenAPI file, read 2026-11-22).
    """
    if not 0 <= amount_xof <= MAX_AMOUNT_XOF:
        fault = AmountFault.NOT_FRANCS if amount_xof < 0 else AmountFault.TOO_LARGE
        raise AmountInvalid(str(amount_xof), fault, MAX_AMOUNT_XOF)
    return str(amount_xof)


def parse_francs(text: object, *, max_xof: int = MAX_AMOUNT_XOF) -> int:
    """Read a whole number of francs written with plain digits alone.

    Errors:  AmountInvalid for signs, separators, decimals, leading zeros, other scripts' digits, or above max_xof.
    """
    digits = _as_text(text)
    if _FRANCS.fullmatch(digits) is None:
        raise AmountInvalid(digits, AmountFault.NOT_DIGITS)
    return _bounded(digits, max_xof)


def parse_written_francs(text: str, *, max_xof: int = MAX_AMOUNT_XOF, three: ThreeDigits = ThreeDigits.UNKNOWN) -> int:
    """Read a whole number of francs as people, operators and spreadsheets write it in a file.

    Units:   whole francs; ``three`` says what is known of the three digits behind one point or comma.
    Errors:  AmountAmbiguous for two possible readings; AmountInvalid for a sign, centimes, powers of ten, other
             scripts' digits, or above max_xof.
    Source:  habits of spreadsheets in French and English: blanks of every width, points or commas between thousands.
    """
    if _FRANCS.fullmatch(text):
        return _bounded(text, max_xof)
    written = _without_currency(text)
    ambiguous = _AMBIGUOUS.fullmatch(written)
    if ambiguous is not None and three is not ThreeDigits.THOUSANDS:
        if three is ThreeDigits.UNKNOWN:
            raise AmountAmbiguous(text, int(ambiguous[1]))
        return int(ambiguous[1])
    found = _BY_BLANKS.fullmatch(written)
    if found is None and three is not ThreeDigits.DECIMALS:
        found = _BY_POINTS.fullmatch(written) or _BY_COMMAS.fullmatch(written)
    if found is None:
        raise AmountInvalid(text, _why_not_francs(written))
    digits = found[1].translate(_NO_GROUPS)
    return _bounded(digits.lstrip("0") or "0", max_xof)


def parse_balance(text: object) -> int:
    """Read a balance in whole francs, which may be below zero when an operator took its fees first.

    Errors:  AmountInvalid as for parse_francs, up to MAX_BALANCE_XOF either way; "-0" is refused.
    """
    written = _as_text(text)
    if written.startswith("-") and written != "-0":
        return -parse_francs(written[1:], max_xof=MAX_BALANCE_XOF)
    return parse_francs(written, max_xof=MAX_BALANCE_XOF)


def parse_written_balance(text: str, *, three: ThreeDigits = ThreeDigits.UNKNOWN) -> int:
    """Read a balance as parse_written_francs reads an amount, below zero with a minus of any length before it.

    Errors:  as there, up to MAX_BALANCE_XOF either way.
    Source:  see parse_written_francs.
    """
    written = without_marks(text)
    below_zero = written[:1] in {"-", "\u2212", "\u2013"}
    whole = text.replace(written[0], "", 1) if below_zero else text
    amount_xof = parse_written_francs(whole, max_xof=MAX_BALANCE_XOF, three=three)
    return -amount_xof if below_zero else amount_xof


_NO_GROUPS: Final = str.maketrans("", "", " .,")


def _without_currency(text: str) -> str:
    written = words(text) or ""
    for edge in (_CURRENCY.match(written), re.search(rf"(?:{_CURRENCY.pattern})$", written, re.IGNORECASE)):
        if edge is not None:
            return (written[: edge.start()] + written[edge.end() :]).strip()
    return written


def _why_not_francs(written: str) -> AmountFault:
    if _CENTIMES.fullmatch(written):
        return AmountFault.CENTIMES
    if re.fullmatch(r"[0-9.,]+E[+-]?[0-9]+", written, re.IGNORECASE):
        return AmountFault.POWER_OF_TEN
    return AmountFault.NOT_FRANCS if written else AmountFault.MISSING


def _as_text(value: object) -> str:
    if not isinstance(value, str):
        raise AmountInvalid(str(type(value).__name__), AmountFault.NOT_TEXT)
    return value


def _bounded(digits: str, max_xof: int) -> int:
    amount_xof = int(digits)
    if amount_xof > max_xof:
        raise AmountInvalid(digits, AmountFault.TOO_LARGE, max_xof)
    return amount_xof
