"""The JSON shapes of the GSMA Mobile Money API 1.2 and what they mean as evidence.

Source: GSMA Mobile Money API 1.2.0, merchant payments, OpenAPI file (read 2026-11-22).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NoReturn

from payments.errors import AmountInvalid, CallbackMalformed, MsisdnInvalid
from payments.money import parse_gsma_amount
from payments.msisdn import parse_msisdn
from payments.observation import Observation, ObservedStatus, Provenance

OPERATOR_NAME: Final = "sandbox"
CURRENCY: Final = "XOF"

#: Source: schemas of the standard: references are texts of at most 256 characters.
MAX_TEXT_CHARS: Final = 256

#: Source: "transactionStatus" is free text whose case varies in the standard's own examples; these are the words it
#: uses. Any other word is UNKNOWN, which makes us ask and never credit.
STATUSES: Final[Mapping[str, ObservedStatus]] = {
    "pending": ObservedStatus.PENDING,
    "completed": ObservedStatus.SUCCEEDED,
    "failed": ObservedStatus.FAILED,
    "expired": ObservedStatus.EXPIRED,
    "reversed": ObservedStatus.REVERSED,
}

JsonObject = dict[str, object]


def read_json(body: bytes) -> object:
    """Read JSON without its traps: no doubled key, no NaN, no Infinity, UTF-8 alone.

    Errors:  CallbackMalformed.
    Source:  RFC 8259 sections 4, 6 and 8.1.
    """
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_unique_keys, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise CallbackMalformed(f"not strict JSON ({type(error).__name__})") from error


def read_transaction(body: JsonObject, provenance: Provenance) -> Observation:
    """Read a transaction object; a completed reversal speaks of the transaction that it undoes.

    Errors:  CallbackMalformed.
    Source:  GSMA Mobile Money API 1.2.0, schemas "responseTransaction" and "responseReversal" (read 2026-11-22).
    """
    if required_text(body, "currency") != CURRENCY:
        raise CallbackMalformed("currency is not XOF")
    amount_xof = _amount(body, "amount")
    if amount_xof == 0:
        raise CallbackMalformed("amount is zero")
    status = STATUSES.get(required_text(body, "transactionStatus").strip().casefold(), ObservedStatus.UNKNOWN)
    operator_transaction_id = required_text(body, "transactionReference")
    if optional_text(body, "type") in {"reversal", "adjustment"}:
        operator_transaction_id = required_text(body, "originalTransactionReference")
        status = ObservedStatus.REVERSED if status is ObservedStatus.SUCCEEDED else ObservedStatus.UNKNOWN
    return Observation(
        operator=OPERATOR_NAME,
        provenance=provenance,
        status=status,
        amount_xof=amount_xof,
        fee_xof=_fees(body),
        payer_msisdn=_payer(body),
        our_reference=optional_text(body, "requestingOrganisationTransactionReference"),
        operator_transaction_id=operator_transaction_id,
        occurred_at=_instant(body, "creationDate"),
        raw_transaction_id=operator_transaction_id,
    )


def read_request_state(body: JsonObject, provenance: Provenance) -> Observation:
    """Read a request state, which tells a status and perhaps a transaction, never an amount.

    Errors:  CallbackMalformed.
    Source:  GSMA Mobile Money API 1.2.0, schema "requestStateObject" (read 2026-11-22).
    """
    status = STATUSES.get(required_text(body, "status").strip().casefold(), ObservedStatus.UNKNOWN)
    return Observation(
        operator=OPERATOR_NAME,
        provenance=provenance,
        status=status,
        operator_transaction_id=optional_text(body, "objectReference"),
    )


def error_code(body: object) -> str | None:
    """Give the code of an error object, or None when the body is not one.

    Source:  GSMA Mobile Money API 1.2.0, schema "errorObject" (read 2026-11-22).
    """
    if not isinstance(body, dict) or not isinstance(body.get("errorCategory"), str):
        return None
    code = body.get("errorCode")
    return code if isinstance(code, str) and 0 < len(code) <= MAX_TEXT_CHARS and code.isprintable() else None


def party(body: JsonObject, side: str, key: str) -> str | None:
    """Give the first identifier of that key of a "debitParty" or "creditParty".

    Errors:  CallbackMalformed when the party is not a list of key and value texts.
    Source:  GSMA Mobile Money API 1.2.0, schema "party" (read 2026-11-22).
    """
    entries = body.get(side, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise CallbackMalformed(f"{side} is not a list of keys and values")
    for entry in entries:
        if required_text(entry, "key").casefold() == key:
            return required_text(entry, "value")
    return None


def required_text(body: JsonObject, key: str) -> str:
    """Give a text field that must be there.

    Errors:  CallbackMalformed.
    Source:  GSMA Mobile Money API 1.2.0, lengths of its text fields (read 2026-11-22).
    """
    value = optional_text(body, key)
    if value is None:
        raise CallbackMalformed(f"{key} is missing")
    return value


def optional_text(body: JsonObject, key: str) -> str | None:
    """Give a text field, or None when it is absent, null or empty.

    Errors:  CallbackMalformed for another type, control characters or more than MAX_TEXT_CHARS.
    Source:  GSMA Mobile Money API 1.2.0, lengths of its text fields (read 2026-11-22).
    """
    value = body.get(key)
    if value is None or value == "":
        return None
    # Unprintable covers NUL and lone surrogates, which no database text can hold.
    if not isinstance(value, str) or len(value) > MAX_TEXT_CHARS or not value.isprintable():
        raise CallbackMalformed(f"{key} is not a short text")
    return value


def _unique_keys(pairs: list[tuple[str, object]]) -> JsonObject:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _amount(body: JsonObject, key: str) -> int:
    try:
        return parse_gsma_amount(body.get(key))
    except AmountInvalid as error:
        raise CallbackMalformed(f"{key}: {error}") from error


def _fees(body: JsonObject) -> int | None:
    fees = body.get("fees")
    if fees is None:
        return None
    if not isinstance(fees, list) or not all(isinstance(fee, dict) for fee in fees):
        raise CallbackMalformed("fees is not a list of fees")
    if any(required_text(fee, "feeCurrency") != CURRENCY for fee in fees):
        raise CallbackMalformed("a fee is not in XOF")
    return sum(_amount(fee, "feeAmount") for fee in fees)


def _payer(body: JsonObject) -> str | None:
    written = party(body, "debitParty", "msisdn")
    try:
        return parse_msisdn(written) if written is not None else None
    except MsisdnInvalid:
        # Operators mask or mangle payers; the money is no less real for it.
        return None


def _instant(body: JsonObject, key: str) -> datetime | None:
    written = optional_text(body, key)
    if written is None:
        return None
    try:
        instant = datetime.fromisoformat(written)
        if instant.tzinfo is None:
            raise CallbackMalformed(f"{key} has no time zone")
        return instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise CallbackMalformed(f"{key} is not a date and time") from error
