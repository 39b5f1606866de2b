"""Callbacks of the sandbox operator: who may be believed, and what they say.

Source: GSMA Mobile Money API 1.2.0, callbacks of merchant payments (OpenAPI file, read 2026-11-22).
"""

from datetime import datetime
from typing import Final

from payments.errors import CallbackMalformed
from payments.observation import Observation, ObservedStatus, Provenance
from payments.operators.contract import Secrets, Verdict, VerdictKind
from payments.operators.sandbox import gsma
from payments.wire import RawRequest

#: A transaction object with every list full stays well below this.
MAX_BODY_BYTES: Final = 64 * 1024

_METHODS: Final = frozenset({"PUT", "POST"})


def verify(request: RawRequest, secrets: Secrets, now: datetime) -> Verdict:
    """Judge a callback: unbound at best, because the standard signs nothing of the body.

    Source:  GSMA Mobile Money API 1.2.0: callbacks are PUT, carry no signature, and X-Content-Hash has no key.
    """
    refusal = _refusal(request, secrets, now)
    if refusal is not None:
        return Verdict(VerdictKind.REJECT, refusal)
    return Verdict(VerdictKind.ACCEPT_UNBOUND, "the standard signs nothing: to be confirmed by query")


def parse(request: RawRequest) -> list[Observation]:
    """Read a callback: a transaction, an error alone, a request state, or a list of those.

    Returns: one observation each; none for the bare success of an update.
    Errors:  CallbackMalformed.
    Source:  GSMA Mobile Money API 1.2.0: success sends the transaction, failure sends the error object alone.
    """
    if len(request.body) > MAX_BODY_BYTES:
        raise CallbackMalformed("body above 64 kB")
    body = gsma.read_json(request.body)
    bodies = body if isinstance(body, list) else [body]
    found = (_observation(one) for one in bodies)
    return [observation for observation in found if observation is not None]


def _refusal(request: RawRequest, secrets: Secrets, now: datetime) -> str | None:
    if not any(secrets.live(now)):
        return "no live secret is configured for this operator"
    if request.method not in _METHODS:
        return "method is neither PUT nor POST"
    if not request.body:
        return "body is empty"
    if len(request.body) > MAX_BODY_BYTES:
        return "body above 64 kB"
    if request.headers.get("content-type", "").partition(";")[0].strip().casefold() != "application/json":
        return "content type is not application/json"
    return None


def _observation(body: object) -> Observation | None:
    if not isinstance(body, dict):
        raise CallbackMalformed("not a JSON object")
    if "transactionStatus" in body or "transactionReference" in body:
        return gsma.read_transaction(body, Provenance.UNBOUND_CALLBACK)
    if "serverCorrelationId" in body:
        return gsma.read_request_state(body, Provenance.UNBOUND_CALLBACK)
    if gsma.error_code(body) is not None:
        return Observation(gsma.OPERATOR_NAME, Provenance.UNBOUND_CALLBACK, ObservedStatus.FAILED)
    if body == {"result": "success"}:
        return None
    raise CallbackMalformed("neither a transaction, a request state nor an error")
