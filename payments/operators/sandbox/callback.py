"""Callbacks of the sandbox operator: who may be believed, and what they say.

Source: GSMA Mobile Money API 1.2.0, callbacks of merchant payments (OpenAPI file, read 2026-11-22).
"""

from datetime import datetime
from typing import Final

from payments.errors import CallbackMalformed
from payments.http_messages import RawRequest
from payments.observation import Observation, ObservedStatus, Provenance
from payments.operators.contract import FailedCheck, Secrets, Verdict, VerdictKind, refused
from payments.operators.sandbox import gsma
from payments.operators.sandbox.json_text import JsonObject, read_json
from payments.remarks import Remark

#: A transaction object with every list full stays well below this.
MAX_BODY_BYTES: Final = 64 * 1024

#: Source: the standard's whole answer to an update, which says nothing of money.
_UPDATED: Final[JsonObject] = {"result": "success"}

_METHODS: Final = frozenset({"PUT", "POST"})


def verify(request: RawRequest, secrets: Secrets, now: datetime) -> Verdict:
    """Judge a callback: unverified at best, because the standard signs nothing of the body.

    Source:  GSMA Mobile Money API 1.2.0: callbacks are PUT, carry no signature, and X-Content-Hash has no key.
    """
    refusal = _refusal(request, secrets, now)
    return refusal or Verdict(VerdictKind.ACCEPT_UNVERIFIED, "the standard signs nothing: to be confirmed by query")


def parse(request: RawRequest) -> list[Observation]:
    """Read a callback: a transaction, an error alone, a request state, or a list of those.

    Returns: one observation each; none for the bare success of an update.
    Errors:  CallbackMalformed.
    Source:  GSMA Mobile Money API 1.2.0: success sends the transaction, failure sends the error object alone.
    """
    if len(request.body) > MAX_BODY_BYTES:
        raise CallbackMalformed("body above 64 kB")
    body = read_json(request.body)
    items = body if isinstance(body, list) else [body]
    found: list[Observation] = []
    faults: list[CallbackMalformed] = []
    for one in items:
        try:
            found += _observations(one)
        except CallbackMalformed as fault:
            faults.append(fault)
    if faults and not found:
        raise faults[0]
    # What cannot be read holds none of its neighbours, and is still seen, however many such items there are.
    return [*found, _unreadable()] if faults else found


def _refusal(request: RawRequest, secrets: Secrets, now: datetime) -> Verdict | None:
    if not any(secrets.live(now)):
        return refused(FailedCheck.KEY, "no live secret is configured for this operator")
    if request.method not in _METHODS:
        return refused(FailedCheck.FORMAT, "method is neither PUT nor POST")
    if not request.body:
        return refused(FailedCheck.MISSING, "body is empty")
    if len(request.body) > MAX_BODY_BYTES:
        return refused(FailedCheck.FORMAT, "body above 64 kB")
    return None


def _observations(body: object) -> list[Observation]:
    if not isinstance(body, dict):
        raise CallbackMalformed("not a JSON object")
    if _is_news(body):
        return _read(body)
    inside = [value if isinstance(value, list) else [value] for value in body.values()]
    wrapped = [items for items in inside if items and all(isinstance(one, dict) and _is_news(one) for one in items)]
    if len(wrapped) != 1:
        raise CallbackMalformed("neither a transaction, a request state nor an error")
    return [observation for one in wrapped[0] for observation in _read(one)]


def _is_news(body: JsonObject) -> bool:
    named = any(key in body for key in ("transactionStatus", "transactionReference", "serverCorrelationId"))
    return named or gsma.error_code(body) is not None or body == _UPDATED


def _read(body: JsonObject) -> list[Observation]:
    if "transactionStatus" in body or "transactionReference" in body:
        return [gsma.read_transaction(body, Provenance.UNVERIFIED_CALLBACK)]
    if "serverCorrelationId" in body:
        return [gsma.read_request_state(body, Provenance.UNVERIFIED_CALLBACK)]
    if body == _UPDATED:
        return []
    return [Observation(gsma.OPERATOR_NAME, Provenance.UNVERIFIED_CALLBACK, ObservedStatus.FAILED)]


def _unreadable() -> Observation:
    remarks = (Remark.ITEM_UNREADABLE,)
    return Observation(gsma.OPERATOR_NAME, Provenance.UNVERIFIED_CALLBACK, ObservedStatus.UNKNOWN, remarks=remarks)
