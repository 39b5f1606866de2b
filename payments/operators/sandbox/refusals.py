"""Whose no an operator's refusal is: the payer's own, ours, or nobody's yet.

Source: GSMA Mobile Money API 1.2.0, errorObject with its categories and codes (OpenAPI file, read 2026-11-22).
"""

from collections.abc import Iterator
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from payments.operators.sandbox import gsma
from payments.operators.sandbox.json_text import JsonObject


class WhoseNo(StrEnum):
    """Who was refused; UNDECIDED when the order may still have been taken, or may be taken later.

    Source:  the difference is ours: a payer is told of her own no, and never of a key of ours that ran out.
    """

    PAYERS = "payers"
    OURS = "ours"
    UNDECIDED = "undecided"


# Source: RFC 9110: who we are and what we may do, unless the body says that it is the payer who may not.
_OUR_STATUSES: Final = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
    }
)
# Source: RFC 9110 and RFC 8470: statuses below 500 after which the order may still have been taken.
_UNDECIDED_STATUSES: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY})
# Source: error codes of the standard, here in lower case: the payer said no on the phone.
_DECLINED: Final = "requestdeclined"
# Source: error codes of the standard, here in lower case, that speak of our side whatever their category.
_OUR_CODES: Final = frozenset({"ratelimiterror", "transactiontypeerror", "currencynotsupported"})
_OUR_CATEGORIES: Final = frozenset({"authorisation", "validation"})


def whose_no(status: int, body: JsonObject, our_account: str) -> WhoseNo:
    """Return whose no an answer of 400 or above is; an unknown wallet is the payer's, an unknown account is ours.

    Source:  errorCategory and errorCode of the standard; the status alone where there is no error object.
    """
    if not HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR or status in _UNDECIDED_STATUSES:
        return WhoseNo.UNDECIDED
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return WhoseNo.OURS
    code, category = (gsma.error_code(body) or "").casefold(), str(body.get("errorCategory")).casefold()
    if code == _DECLINED or (category == "businessrule" and code not in {"", "duplicaterequest"} | _OUR_CODES):
        return WhoseNo.PAYERS
    if status in _OUR_STATUSES or code in _OUR_CODES or (code and category in _OUR_CATEGORIES):
        return WhoseNo.OURS
    if code and category == "identification":
        return WhoseNo.OURS if _names_us(body, our_account) else WhoseNo.PAYERS
    return WhoseNo.UNDECIDED


def _names_us(body: JsonObject, our_account: str) -> bool:
    said = " ".join(_texts([body.get("errorParameters"), body.get("errorDescription"), body.get("errordescription")]))
    words = said.casefold()
    return "debitparty" not in words and ("creditparty" in words or our_account.casefold() in words.split())


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        yield from _texts(list(value.values()))
