"""What somebody typed into a search box: everything that it can mean, and nothing else.

One text may mean several things: 76 12 34 56 is a telephone number and may be an operator's reference. All that it can
mean is looked for. Nothing is looked up here.
"""

import re
from typing import Final

from gateway.infra.ids import read_reference
from gateway.members.number import parse as parse_ramu_number
from gateway.reports.payment_words import Sought
from payments.errors import AmountAmbiguous, AmountInvalid, MsisdnInvalid
from payments.money import parse_written_francs
from payments.numbering import parse_msisdn

#: Longer than any reference of an operator, and than any name.
SEARCH_CHARS_MAX: Final = 120
#: One letter names nobody.
NAME_LETTERS_MIN: Final = 2

_RECEIPT: Final = re.compile(r"[qQ] ?0*(?P<digits>[0-9]{1,15})", re.ASCII)
_RECEIPT_DIGITS: Final = 9
_OPERATOR_ID: Final = re.compile(r"\S{4,}")
_NAME: Final = re.compile(r"[^\W\d_]+(?:[ '\u2019.-]+[^\W\d_]+)*[.]?")


class SearchUnreadable(ValueError):
    """A text that can mean nothing that is kept here."""


def read_search(typed: str) -> Sought:
    """Return all that a text can mean; nothing typed means nothing looked for.

    Errors: SearchUnreadable for what is too long, cannot be printed, or can be none of these.
    """
    text = " ".join(typed.split())
    if len(text) > SEARCH_CHARS_MAX or not text.isprintable():
        raise SearchUnreadable("longer than anything that is kept, or not printable")
    if not text:
        return Sought()
    sought = Sought(
        text=text,
        receipt_number=_receipt(text),
        reference=read_reference(text),
        operator_ids=_operator_ids(text),
        msisdn=_msisdn(text),
        ramu_number=parse_ramu_number(text),
        name=_name(text),
        amount_xof=_amount_xof(text),
    )
    if not sought.names_one and sought.amount_xof is None:
        raise SearchUnreadable("neither a number, a reference, a name nor an amount")
    return sought


def is_searchable(text: str) -> bool:
    """Return whether a text can name something that is kept, so that a link may lead to it."""
    try:
        return read_search(text).names_one
    except SearchUnreadable:
        return False


def _receipt(text: str) -> str | None:
    found = _RECEIPT.fullmatch(text)
    return f"Q{found['digits']:0>{_RECEIPT_DIGITS}}" if found else None


def _operator_ids(text: str) -> tuple[str, ...]:
    # Operators write letters large or small, and people copy them as they like.
    return tuple(dict.fromkeys((text, text.upper(), text.lower()))) if _OPERATOR_ID.fullmatch(text) else ()


def _msisdn(text: str) -> str | None:
    try:
        return parse_msisdn(text)
    except MsisdnInvalid:
        return None


def _name(text: str) -> str | None:
    letters = sum(char.isalpha() for char in text)
    return text if letters >= NAME_LETTERS_MIN and _NAME.fullmatch(text) else None


def _amount_xof(text: str) -> int | None:
    try:
        return parse_written_francs(text) or None
    except (AmountInvalid, AmountAmbiguous):
        return None
