"""The JSON shapes of the GSMA Mobile Money API 1.2 and what they mean as evidence.

Source: GSMA Mobile Money API 1.2.0, merchant payments, OpenAPI file (read 2026-11-22).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from payments import identity
from payments.errors import AmountInvalid, CallbackMalformed, MsisdnInvalid
from payments.identity import MAX_TEXT_CHARS, IdentityRule
from payments.moments import read_moment
from payments.money import parse_gsma_amount, parse_gsma_fee
from payments.numbering import parse_msisdn
from payments.observation import Observation, ObservedStatus, Provenance
from payments.operators.sandbox.json_text import JsonNumber, JsonObject
from payments.remarks import Remark

OPERATOR_NAME: Final = "sandbox"
CURRENCY: Final = "XOF"

#: Every id of this operator is in capitals: a small letter was made so on the way.
IDENTITY: Final = IdentityRule(case_counts=False)

#: Mali lives on UTC all year.
ZONE: Final = UTC

#: Source: "transactionStatus" is free text whose case varies in the standard's own examples; these are the words it
#: uses. Any other word is UNKNOWN, which makes us ask and never credit.
STATUSES: Final[Mapping[str, ObservedStatus]] = {
    "pending": ObservedStatus.PENDING,
    "completed": ObservedStatus.SUCCEEDED,
    "failed": ObservedStatus.FAILED,
    "expired": ObservedStatus.EXPIRED,
    "reversed": ObservedStatus.REVERSED,
}


#: The states that say that money was taken, so that the id and the amount must be known.
MONEY: Final = frozenset({ObservedStatus.SUCCEEDED, ObservedStatus.REVERSED})


def read_transaction(body: JsonObject, provenance: Provenance) -> Observation:
    """Read a transaction object; a completed reversal speaks of the transaction that it undoes.

    Returns: what is sure, with a remark for each thing that is odd; money that is not sure is never guessed.
    Errors:  CallbackMalformed where the transaction, its state, its currency or the amount taken cannot be known.
    Source:  GSMA Mobile Money API 1.2.0, schemas "responseTransaction" and "responseReversal" (read 2026-11-22).
    """
    remarks: list[Remark] = []
    _require_francs(body, remarks)
    status = _status(body, "transactionStatus")
    raw_id = (
        _raw_id(body, "transactionReference") if status in MONEY else _loose_text(body, "transactionReference") or ""
    )
    if (_loose_text(body, "type") or "").casefold() in {"reversal", "adjustment"}:
        raw_id = _loose_text(body, "originalTransactionReference") or ""
        status = ObservedStatus.REVERSED if status is ObservedStatus.SUCCEEDED else ObservedStatus.UNKNOWN
    return Observation(
        operator=OPERATOR_NAME,
        provenance=provenance,
        status=status,
        amount_xof=_amount(body, status, remarks),
        fee_xof=_fees(body, remarks),
        payer_msisdn=_payer(body, remarks),
        our_reference=_our_reference(body, remarks),
        operator_transaction_id=_transaction_id(raw_id, remarks),
        occurred_at=_moment(body, remarks),
        raw_transaction_id=identity.storable(raw_id) or None,
        remarks=tuple(remarks),
    )


def read_request_state(body: JsonObject, provenance: Provenance) -> Observation:
    """Read a request state, which tells a status and perhaps a transaction, never an amount.

    Errors:  CallbackMalformed.
    Source:  GSMA Mobile Money API 1.2.0, schema "requestStateObject" (read 2026-11-22).
    """
    status = _status(body, "status")
    raw_id = _loose_text(body, "objectReference") or ""
    remarks: list[Remark] = []
    return Observation(
        operator=OPERATOR_NAME,
        provenance=provenance,
        status=status,
        operator_transaction_id=_transaction_id(raw_id, remarks) if raw_id else None,
        raw_transaction_id=identity.storable(raw_id) or None,
        remarks=tuple(remarks),
    )


def error_code(body: object) -> str | None:
    """Return the code of an error object, or None when the body is not one.

    Source:  GSMA Mobile Money API 1.2.0, schema "errorObject" (read 2026-11-22).
    """
    if not isinstance(body, dict) or not isinstance(body.get("errorCategory"), str):
        return None
    code = body.get("errorCode")
    if not isinstance(code, str) or isinstance(code, JsonNumber):
        return None
    return code if 0 < len(code) <= MAX_TEXT_CHARS and code.isprintable() else None


def party(body: JsonObject, side: str, key: str) -> str | None:
    """Return the first identifier of that key of a "debitParty" or "creditParty", passing over what is none.

    Source:  GSMA Mobile Money API 1.2.0, schema "party" (read 2026-11-22).
    """
    entries = body.get(side)
    for entry in entries if isinstance(entries, list) else [entries]:
        if isinstance(entry, dict) and (_loose_text(entry, "key") or "").strip().casefold() == key:
            return _loose_text(entry, "value")
    return None


def required_text(body: JsonObject, key: str) -> str:
    """Return a text field that must be there.

    Errors:  CallbackMalformed when it is absent, empty, of another type or longer than MAX_TEXT_CHARS.
    Source:  GSMA Mobile Money API 1.2.0, lengths of its text fields (read 2026-11-22).
    """
    value = body.get(key)
    if value is None or value == "":
        raise CallbackMalformed(f"{key} is missing")
    if not isinstance(value, str) or isinstance(value, JsonNumber) or len(value) > MAX_TEXT_CHARS:
        raise CallbackMalformed(f"{key} is not a short text")
    return value


def ours_by(observation: Observation, reference: str) -> Observation | None:
    """Return the observation as one of our order, where it was found under our own correlation id.

    Returns: None when it names another order; a reference that is not echoed is not another.
    Source:  GSMA Mobile Money API 1.2.0: "requestingOrganisationTransactionReference" is optional in answers.
    """
    if observation.our_reference is None:
        remarks = (*observation.remarks, Remark.REFERENCE_NOT_ECHOED)
        return replace(observation, our_reference=reference, remarks=remarks)
    if observation.our_reference.casefold() != (identity.reference(reference) or "").casefold():
        return None
    return replace(observation, our_reference=reference)


def _loose_text(body: JsonObject, key: str) -> str | None:
    value = body.get(key)
    return value if isinstance(value, str) and value else None


def _status(body: JsonObject, key: str) -> ObservedStatus:
    word = identity.without_marks(required_text(body, key)).casefold()
    return STATUSES.get(word, ObservedStatus.UNKNOWN)


def _raw_id(body: JsonObject, key: str) -> str:
    value = body.get(key)
    # An id of digits alone may come as a number, whose every digit was kept.
    if isinstance(value, JsonNumber) and value.isdigit() and len(value) <= MAX_TEXT_CHARS:
        return str(value)
    return required_text(body, key)


def _require_francs(body: JsonObject, remarks: list[Remark]) -> None:
    written = body.get("currency")
    if written is None or written == "":
        # This operator keeps wallets in one currency alone.
        remarks.append(Remark.CURRENCY_MISSING)
    elif not isinstance(written, str) or identity.without_marks(written).upper() != CURRENCY:
        raise CallbackMalformed("currency is not XOF")


def _transaction_id(raw_id: str, remarks: list[Remark]) -> str | None:
    found = identity.transaction_id(raw_id, IDENTITY)
    if found is None:
        if raw_id:
            raise CallbackMalformed("the transaction's reference holds no sign that can be read")
        remarks.append(Remark.ID_MISSING)
        return None
    if identity.is_cut(found):
        raise CallbackMalformed("the transaction's reference is a power of ten, so its digits are lost")
    if found != raw_id:
        remarks.append(Remark.ID_CLEANED)
    return found


def _amount(body: JsonObject, status: ObservedStatus, remarks: list[Remark]) -> int | None:
    try:
        amount_xof = parse_gsma_amount(body.get("amount"))
    except AmountInvalid as error:
        if status in MONEY:
            raise CallbackMalformed(f"amount: {error}") from error
        # Nothing was taken yet, or nothing will be: the news is the state.
        remarks.append(Remark.AMOUNT_UNREADABLE)
        return None
    if amount_xof == 0:
        remarks.append(Remark.AMOUNT_ZERO)
    return amount_xof


def _fees(body: JsonObject, remarks: list[Remark]) -> int | None:
    fees = body.get("fees")
    if fees is None or fees == []:
        return None if fees is None else 0
    entries = fees if isinstance(fees, list) else [fees]
    total_xof = 0
    for entry in entries:
        currency = (entry.get("feeCurrency") or CURRENCY) if isinstance(entry, dict) else None
        fee = parse_gsma_fee(entry.get("feeAmount")) if isinstance(entry, dict) and currency == CURRENCY else None
        if fee is None:
            remarks.append(Remark.FEE_UNREADABLE)
            return None
        total_xof += fee.whole_xof
        if fee.rounded:
            remarks.append(Remark.FEE_ROUNDED)
    return total_xof


def _payer(body: JsonObject, remarks: list[Remark]) -> str | None:
    written = party(body, "debitParty", "msisdn")
    try:
        return parse_msisdn(written) if written is not None else None
    except MsisdnInvalid:
        # Operators mask or mangle payers; the money is no less real for it.
        remarks.append(Remark.PAYER_UNREADABLE)
        return None


def _our_reference(body: JsonObject, remarks: list[Remark]) -> str | None:
    written = body.get("requestingOrganisationTransactionReference")
    if written is None or written == "":
        return None
    if not isinstance(written, str):
        remarks.append(Remark.REFERENCE_UNREADABLE)
        return None
    found = identity.reference(written)
    if found != written:
        remarks.append(Remark.REFERENCE_CLEANED)
    return found


def _moment(body: JsonObject, remarks: list[Remark]) -> datetime | None:
    written = body.get("creationDate")
    if written is None or written == "":
        return None
    found, odd = read_moment(written, ZONE) if isinstance(written, str) else (None, (Remark.DATE_UNREADABLE,))
    remarks.extend(odd)
    return found
