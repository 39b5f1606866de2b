"""Calls to the sandbox operator over the GSMA Mobile Money API: silence is UNKNOWN, never a refusal.

Source: GSMA Mobile Money API 1.2.0, merchant payments (OpenAPI file, read 2026-11-22).
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, unquote, urlsplit

import httpx

from payments import identity
from payments.errors import CallbackMalformed
from payments.money import gsma_amount
from payments.observation import Observation, ObservedStatus, Provenance
from payments.operators.contract import Answer, PushOrder, PushResult, QueryResult, Submitted
from payments.operators.sandbox import gsma
from payments.operators.sandbox.json_text import JsonObject, read_json, text_of
from payments.operators.sandbox.refusals import WhoseNo, whose_no
from payments.remarks import Remark

#: Longer than an operator takes on a bad day, shorter than a job's lease.
TIMEOUT_S: Final = 20

MAX_BODY_BYTES: Final = 64 * 1024

# Source: "link" of the standard's response object is a path to the resource; operators write it below their own base
# path, with or without slashes. We take its last two parts and ask at the address that we were configured with.
_LINK = re.compile(r"(?:.*/)?(transactions|requeststates)/([A-Za-z0-9_~-][A-Za-z0-9._~-]{0,255})/?")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


class _Silence(Exception):
    """No answer, or none that can be read; never leaves this module."""

    result = QueryResult.UNREACHABLE


class _RefusedUs(_Silence):
    """The operator does not talk to us as we are."""

    result = QueryResult.OUR_FAULT


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    text: str
    body: JsonObject


@dataclass(frozen=True, slots=True)
class SandboxClient:
    """The calls that we make to the sandbox operator; none of them raises for what the operator does.

    Units:   timeout_s in seconds for a whole call, whatever the pace at which bytes arrive.
    Source:  GSMA Mobile Money API 1.2.0, headers and paths (OpenAPI file, read 2026-11-22).
    """

    http: httpx.AsyncClient
    base_url: str
    api_key: str = field(repr=False)
    merchant_account: str
    now: Callable[[], datetime]
    client_id: str = "ramu"
    timeout_s: int = TIMEOUT_S

    async def request_to_pay(self, order: PushOrder) -> Submitted:
        """Ask a wallet for money; sending the same order again can only find the first one.

        Returns: REFUSED for the payer's definite no alone, with the operator's code; OUR_FAULT when it is we who were
                 refused and nothing was taken; UNKNOWN when in any doubt.
        Source:  POST /transactions/type/merchantpay; X-CorrelationID makes a resend recognisable.
        """
        headers = {"X-CorrelationID": str(order.correlation_id), "X-Callback-URL": order.callback_url}
        try:
            reply = await self._exchange("POST", "/transactions/type/merchantpay", headers, self._order_body(order))
            return _submitted(reply, order, self.merchant_account)
        except _Silence as silence:
            return Submitted(PushResult.UNKNOWN, detail=str(silence))

    async def query(self, order: PushOrder) -> Answer:
        """Ask what became of an order by the correlation id that we made for it.

        Returns: UNREACHABLE also when the answer speaks of something else than this order; OUR_FAULT when the
                 operator refused us.
        Source:  GET /responses/{clientCorrelationId} gives a link to a transaction or a request state.
        """
        try:
            reply = await self._exchange("GET", f"/responses/{order.correlation_id}")
            if _is_not_found(reply):
                return Answer(QueryResult.NOT_FOUND, detail=gsma.error_code(reply.body) or "", raw=reply.text)
            return await self._follow(_linked(_expected(reply), self.base_url), order)
        except _Silence as silence:
            return Answer(silence.result, detail=str(silence))

    async def query_transaction(self, operator_transaction_id: str) -> Answer:
        """Ask what the operator knows of one of its own transactions, paid to our account.

        Source:  GET /transactions/{transactionReference}.
        """
        try:
            reply = await self._exchange("GET", f"/transactions/{quote(operator_transaction_id, safe='')}")
            if _is_not_found(reply):
                return Answer(QueryResult.NOT_FOUND, detail=gsma.error_code(reply.body) or "", raw=reply.text)
            observation = self._transaction(_expected(reply), operator_transaction_id)
            return Answer(QueryResult.FOUND, observation, raw=reply.text)
        except _Silence as silence:
            return Answer(silence.result, detail=str(silence))

    async def _follow(self, link: tuple[str, str], order: PushOrder) -> Answer:
        kind, reference = link
        reply = _expected(await self._exchange("GET", f"/{kind}/{reference}"))
        if kind == "requeststates":
            state = _read(gsma.read_request_state, reply)
            if state.status is not ObservedStatus.SUCCEEDED:
                # Bound to our order because it was found under our own correlation id.
                return Answer(
                    QueryResult.FOUND,
                    replace(state, our_reference=order.reference),
                    detail=gsma.error_code(reply.body.get("error")) or "",
                    raw=reply.text,
                )
            if state.operator_transaction_id is None:
                raise _Silence("completed, but no transaction is named")
            # As the operator wrote it: what it prints in small letters it may look up in small letters.
            reference = state.raw_transaction_id or state.operator_transaction_id
            reply = _expected(await self._exchange("GET", f"/transactions/{quote(reference, safe='')}"))
        # Found under our own correlation id: what is left out there is not another's.
        observation = gsma.ours_by(self._transaction(reply, reference, found_by_order=True), order.reference)
        if observation is None:
            raise _Silence("the transaction carries another reference than ours")
        return Answer(QueryResult.FOUND, observation, raw=reply.text)

    def _transaction(self, reply: _Reply, operator_transaction_id: str, *, found_by_order: bool = False) -> Observation:
        observation = _read(gsma.read_transaction, reply)
        asked = identity.transaction_id(operator_transaction_id, gsma.IDENTITY)
        # A transaction that took no money may leave its id out; it was asked for by it.
        if observation.operator_transaction_id not in {asked, None if observation.status not in gsma.MONEY else asked}:
            raise _Silence("the answer is about another transaction")
        merchant = gsma.party(reply.body, "creditParty", "accountid")
        if found_by_order and reply.body.get("creditParty") is None:
            return replace(observation, remarks=(*observation.remarks, Remark.RECEIVER_MISSING))
        if identity.without_marks(merchant or "") != self.merchant_account:
            raise _Silence("the transaction does not credit our account")
        return observation

    def _order_body(self, order: PushOrder) -> JsonObject:
        return {
            "amount": gsma_amount(order.amount_xof),
            "currency": gsma.CURRENCY,
            "debitParty": [{"key": "msisdn", "value": order.payer_msisdn}],
            "creditParty": [{"key": "accountid", "value": self.merchant_account}],
            "requestingOrganisationTransactionReference": order.reference,
        }

    async def _exchange(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: JsonObject | None = None
    ) -> _Reply:
        sent_headers = {
            "X-Date": self.now().isoformat(),
            "X-API-Key": self.api_key,
            "X-Client-Id": self.client_id,
            "Accept": "application/json",
            # Nothing here is large, and a packed answer could unpack without end.
            "Accept-Encoding": "identity",
            **(headers or {}),
        }
        url = self.base_url.rstrip("/") + path
        request = self.http.build_request(method, url, headers=sent_headers, json=body, timeout=self.timeout_s)
        try:
            async with asyncio.timeout(self.timeout_s):
                response = await self.http.send(request, stream=True, follow_redirects=False)
                try:
                    content = await _limited(response)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.HTTPError) as error:
            raise _Silence(f"no usable answer ({type(error).__name__})") from error
        return _reply(response.status_code, content)


async def _limited(response: httpx.Response) -> bytes:
    content = b""
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise _Silence("the answer is above 64 kB")
    return content


def _reply(status: int, content: bytes) -> _Reply:
    try:
        body = read_json(content)
    except CallbackMalformed:
        body = None
    if isinstance(body, dict):
        return _Reply(status, text_of(content), body)
    if status < HTTPStatus.BAD_REQUEST:
        raise _Silence(f"HTTP {status} without a JSON object")
    # A proxy on the way answers in words of its own; the status says enough.
    return _Reply(status, text_of(content), {})


def _submitted(reply: _Reply, order: PushOrder, our_account: str) -> Submitted:
    if reply.status == HTTPStatus.ACCEPTED:
        return _submitted_by_state(reply)
    if reply.status == HTTPStatus.CREATED:
        return _submitted_at_once(reply, order)
    match whose_no(reply.status, reply.body, our_account):
        case WhoseNo.PAYERS:
            return Submitted(PushResult.REFUSED, detail=gsma.error_code(reply.body) or "")
        case WhoseNo.OURS:
            return Submitted(PushResult.OUR_FAULT, detail=_said(reply))
        case WhoseNo.UNDECIDED:
            return Submitted(PushResult.UNKNOWN, detail=_said(reply))


def _submitted_by_state(reply: _Reply) -> Submitted:
    state = _read(gsma.read_request_state, reply)
    request_id = reply.body.get("serverCorrelationId")
    if not isinstance(request_id, str) or _UUID.fullmatch(request_id) is None:
        raise _Silence("the request state has no id")
    if state.status is ObservedStatus.FAILED:
        return Submitted(PushResult.REFUSED, request_id, gsma.error_code(reply.body.get("error")) or "failed")
    return Submitted(_RESULTS.get(state.status, PushResult.UNKNOWN), request_id)


def _submitted_at_once(reply: _Reply, order: PushOrder) -> Submitted:
    transaction = _read(gsma.read_transaction, reply)
    if gsma.ours_by(transaction, order.reference) is None:
        raise _Silence("the transaction carries another reference than ours")
    if transaction.status is ObservedStatus.FAILED:
        return Submitted(PushResult.REFUSED, detail="failed")
    return Submitted(_RESULTS.get(transaction.status, PushResult.UNKNOWN))


_RESULTS: Final[Mapping[ObservedStatus, PushResult]] = {
    ObservedStatus.PENDING: PushResult.PENDING,
    ObservedStatus.SUCCEEDED: PushResult.SUCCEEDED,
}


def _expected(reply: _Reply) -> _Reply:
    if reply.status == HTTPStatus.OK:
        return reply
    # Whoever pays has no part in a question: what is not undecided is a no to us.
    refused_us = whose_no(reply.status, reply.body, "") is WhoseNo.OURS
    raise (_RefusedUs if refused_us else _Silence)(_said(reply))


def _said(reply: _Reply) -> str:
    return f"HTTP {reply.status} {gsma.error_code(reply.body) or ''}".strip()


def _is_not_found(reply: _Reply) -> bool:
    # A 404 of some proxy on the way has no error object, and says nothing about our order.
    return reply.status == HTTPStatus.NOT_FOUND and gsma.error_code(reply.body) is not None


def _linked(reply: _Reply, base_url: str) -> tuple[str, str]:
    link = reply.body.get("link")
    found = _LINK.fullmatch(_path(link, base_url)) if isinstance(link, str) else None
    if found is None:
        raise _Silence("the response links to nothing we follow")
    return found[1], found[2]


def _path(link: str, base_url: str) -> str:
    """Return the path of a link that stays with the operator; its scheme and port are those of whoever wrote it."""
    try:
        there, ours = urlsplit(link.strip()), urlsplit(base_url)
        if there.query or there.fragment or (there.netloc and there.hostname != ours.hostname):
            return ""
    except ValueError:
        return ""
    return unquote(there.path) if there.scheme in {"", "http", "https"} else ""


def _read(reader: Callable[[JsonObject, Provenance], Observation], reply: _Reply) -> Observation:
    try:
        return reader(reply.body, Provenance.QUERY)
    except CallbackMalformed as error:
        raise _Silence(f"HTTP {reply.status}, {error.why}") from error
