"""The GSMA Mobile Money API 1.2 as an operator speaks it; written apart from the gateway's own reading of it.

Source: GSMA Mobile Money API 1.2.0, merchant payments (OpenAPI file, read 2026-11-22).
"""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sandbox_operator.model import MAX_AMOUNT_XOF, Prompt, PromptState, Transaction

CURRENCY = "XOF"
MAX_TEXT_CHARS = 256

Json = dict[str, object]

_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,17})([.][0-9]{1,4})?")
_MSISDN = re.compile(r"\+[1-9][0-9]{6,14}")

# Source: which category each code belongs to, from the standard's error object and its API guide.
_CATEGORIES = {
    "insufficientFunds": "businessRule",
    "duplicateRequest": "businessRule",
    "genericError": "businessRule",
    "transactionTypeError": "businessRule",
    "currencyNotSupported": "businessRule",
    "greaterThanTransactionMaxValue": "businessRule",
    "lessThanTransactionMinValue": "businessRule",
    "incorrectState": "businessRule",
    "formatError": "validation",
    "lengthError": "validation",
    "mandatoryValueNotSupplied": "validation",
    "clientAuthorisationError": "authorisation",
    "requestDeclined": "authorisation",
    "identifierError": "identification",
}
_STATUS_OF_CATEGORY = {"authorisation": 401, "identification": 404, "serviceUnavailable": 503, "internal": 500}


class OrderRefused(Exception):
    """An order that the operator does not take, with the standard's code for it."""

    def __init__(self, code: str, why: str) -> None:
        self.code = code
        self.why = why
        super().__init__(f"{code}: {why}")


@dataclass(frozen=True, slots=True)
class Order:
    """A merchant's order to ask one wallet for money."""

    client_id: UUID
    digest: str
    payer: str
    amount_xof: int
    reference: str | None
    callback_url: str | None


def read_order(body: bytes, client_id: str | None, callback_url: str | None, merchant: str) -> Order:
    """Read an order, or refuse it as the standard says."""
    document = _document(body)
    reference = document.get("requestingOrganisationTransactionReference")
    if reference is not None and not _is_text(reference):
        raise OrderRefused("lengthError", "requestingOrganisationTransactionReference")
    if document.get("currency") != CURRENCY:
        raise OrderRefused("currencyNotSupported", "currency")
    if _party(document, "creditParty") != merchant:
        raise OrderRefused("identifierError", "creditParty")
    payer = _party(document, "debitParty", "msisdn")
    if payer is None or _MSISDN.fullmatch(payer) is None:
        raise OrderRefused("identifierError", "debitParty")
    if callback_url is not None and not callback_url.startswith(("http://", "https://")):
        raise OrderRefused("formatError", "X-Callback-URL")
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    return Order(
        client_id=read_uuid(client_id, "X-CorrelationID"),
        digest=hashlib.sha256(canonical).hexdigest(),
        payer=payer,
        amount_xof=_amount(document.get("amount")),
        reference=str(reference) if reference else None,
        callback_url=callback_url,
    )


def read_uuid(text: str | None, name: str) -> UUID:
    """Read an identifier that the standard wants as a UUID."""
    if text is None:
        raise OrderRefused("mandatoryValueNotSupplied", name)
    try:
        return UUID(text)
    except ValueError as error:
        raise OrderRefused("formatError", name) from error


def error(code: str, now: datetime, why: str = "", category: str | None = None) -> Json:
    """Write an error object."""
    body: Json = {
        "errorCategory": category or _CATEGORIES[code],
        "errorCode": code,
        "errorDateTime": now.isoformat(),
    }
    return {**body, "errordescription": why} if why else body


def status_of(body: Json) -> int:
    """Return the HTTP status of an error object."""
    return _STATUS_OF_CATEGORY.get(str(body["errorCategory"]), 400)


def accepted(prompt: Prompt) -> Json:
    """Write the answer to an order that was taken; it stays the same however often it is asked."""
    return {
        "serverCorrelationId": str(prompt.server_id),
        "status": "pending",
        "notificationMethod": "callback" if prompt.callback_url else "polling",
        "objectReference": "",
        "pollLimit": 100,
        "expiryTime": prompt.expires_at.isoformat(),
    }


def request_state(prompt: Prompt, now: datetime) -> Json:
    """Write the present state of an order."""
    body = {**accepted(prompt), "status": str(prompt.state)}
    if prompt.state is PromptState.COMPLETED and prompt.transaction is not None:
        body["objectReference"] = prompt.transaction
    if prompt.error_code is not None:
        body["error"] = error(prompt.error_code, now)
    return body


def transaction(row: Transaction, merchant: str) -> Json:
    """Write a transaction."""
    payer, account = {"key": "msisdn", "value": row.payer}, {"key": "accountid", "value": merchant}
    debit, credit = (account, payer) if row.type == "reversal" else (payer, account)
    body: Json = {
        "transactionReference": row.reference,
        "transactionStatus": row.status,
        "type": row.type,
        "amount": str(row.amount_xof),
        "currency": CURRENCY,
        "debitParty": [debit],
        "creditParty": [credit],
        "creationDate": row.at.isoformat(),
        "transactionReceipt": row.reference,
    }
    if row.fee_xof:
        body["fees"] = [{"feeType": "merchant", "feeAmount": str(row.fee_xof), "feeCurrency": CURRENCY}]
    if row.merchant_reference is not None:
        body["requestingOrganisationTransactionReference"] = row.merchant_reference
    if row.original is not None:
        body["originalTransactionReference"] = row.original
    return body


def _document(body: bytes) -> Json:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error_:
        raise OrderRefused("formatError", "body") from error_
    if not isinstance(document, dict):
        raise OrderRefused("formatError", "body")
    return document


def _amount(written: object) -> int:
    found = _AMOUNT.fullmatch(written) if isinstance(written, str) else None
    if found is None or (found[2] or "").strip(".0"):
        raise OrderRefused("formatError", "amount")
    amount_xof = int(found[1])
    if amount_xof == 0:
        raise OrderRefused("lessThanTransactionMinValue", "amount")
    if amount_xof > MAX_AMOUNT_XOF:
        raise OrderRefused("greaterThanTransactionMaxValue", "amount")
    return amount_xof


def _party(document: Json, side: str, wanted_key: str | None = None) -> str | None:
    entries = document.get(side)
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and wanted_key in {None, entry.get("key")} and isinstance(entry.get("value"), str):
            return str(entry["value"])
    return None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT_CHARS and value.isprintable()
