"""Where operators call: who it is, judge, store, acknowledge; nothing is believed here.

A message is read when it comes to the address of one request, or when the operator vouches for it: by its signature,
by its own long address, or by its network. Anything else finds nothing here; its money comes by question and statement.
"""

import math
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TypeVar

import structlog
from fastapi import APIRouter
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gateway.infra.database import DatabaseSilent
from gateway.infra.deps import Deps
from gateway.infra.metrics import CALLBACKS
from gateway.infra.problems import problem
from gateway.infra.rates import Buckets, Rate
from gateway.operator_api.callers import Callers, Entrance, sender_of
from gateway.operator_api.refusals import Refusals
from payments.evidence.callbacks import REMOVED, store, unproven_waiting
from payments.evidence.refusals import refused_one
from payments.http_messages import RawRequest, RawResponse
from payments.observation import FailedCheck, VerdictKind
from payments.operators.contract import Operator, Secrets, Verdict
from payments.requests.operator_state import tokens_at

Result = TypeVar("Result")

log = structlog.stdlib.get_logger()

#: Longer than any operator writes into an address; the query is kept beside the body.
QUERY_CHARS_MAX = 8 * 1024
#: More digits than any length has that we would read.
LENGTH_DIGITS_MAX = 15
#: An operator waits between two seconds (MTN) and ten; what is late is sent again, and money is credited once.
STORE_DEADLINE_S = 8
#: What a request's own address ends with (`gateway.infra.ids.token`); anything else is not looked for.
TOKEN = re.compile(r"[A-Za-z0-9_-]{22,64}")
#: Unsolicited messages that nobody vouches for are not taken while so many of them wait; counted every so often.
UNPROVEN_MAX = 20_000
COUNTED_FOR = timedelta(seconds=5)

#: For what is neither signed, nor listed, nor at a request's own address. The whole country pays 1.5 times a second.
MESSAGES_OF_SENDER = Rate(burst=200, per_s=20)
MESSAGES_OF_OPERATOR = Rate(burst=500, per_s=50)
BYTES_OF_OPERATOR = Rate(burst=32 * 1024 * 1024, per_s=16 * 1024)

NO_ADDRESS = "no request has this address"
NOT_VOUCHED_FOR = "neither signed, nor listed, nor at the operator's own address"
TOO_LARGE = "the body is too large"
QUERY_TOO_LARGE = "the query is too large"
TOO_MANY = "too many messages that nobody vouches for"

#: What the sender of a refused message is told of each check; why it failed is written with us and in no answer.
CHECKS: Mapping[FailedCheck, str] = {
    FailedCheck.MISSING: "Something that every message must carry is not there",
    FailedCheck.FORMAT: "What proves the message is not written as agreed",
    FailedCheck.SIGNATURE: "The proof does not belong to this message",
    FailedCheck.CLOCK: "The message was signed too far from our time, which the Date of this answer says",
    FailedCheck.KEY: "No secret shared with you counts at this moment: call us",
}


@dataclass(slots=True)
class Unproven:
    """How many messages wait that nobody vouches for, as last counted."""

    count: int
    counted_at: datetime


@dataclass
class WebhookDeps:
    """What is known of callers, and what is remembered of them."""

    callers: Mapping[str, Callers]
    refusals: Refusals = field(default_factory=Refusals)
    senders: Buckets = field(default_factory=lambda: Buckets(MESSAGES_OF_SENDER))
    operators: Buckets = field(default_factory=lambda: Buckets(MESSAGES_OF_OPERATOR))
    volumes: Buckets = field(default_factory=lambda: Buckets(BYTES_OF_OPERATOR))
    unproven: dict[str, Unproven] = field(default_factory=dict)


class _TurnedAway(Exception):
    """The message is not kept; what is told says no more than it must."""

    def __init__(
        self,
        status: HTTPStatus,
        reason: str,
        body: bytes | int,
        retry_after_s: float = 0,
        check: FailedCheck | None = None,
    ) -> None:
        self.status = status
        self.reason = reason
        self.body = body
        self.retry_after_s = retry_after_s
        self.check = check
        super().__init__(reason)

    @classmethod
    def unproven(cls, verdict: Verdict, body: bytes) -> "_TurnedAway":
        """Return the refusal of a message that its operator's rules refused; unsaid, the word that says least."""
        check = verdict.check or FailedCheck.SIGNATURE
        return cls(HTTPStatus.UNAUTHORIZED, verdict.reason, body, check=check)


def router(deps: Deps, webhooks: WebhookDeps) -> APIRouter:
    """Return the addresses at which operators report money."""
    routes = APIRouter()

    async def receive(request: Request) -> Response:
        name = request.path_params["operator"]
        operator = deps.operators.get(name)
        if operator is None:
            return problem(HTTPStatus.NOT_FOUND, "operator-unknown", "No operator has this address")
        if request.method == "GET":
            # Operators ask so whether we are there before they send anything; it tells nothing of any address.
            return PlainTextResponse("ok")
        host = request.client.host if request.client else ""
        message = _Message(deps, webhooks, operator, request, host)
        try:
            return await message.taken()
        except _TurnedAway as away:
            webhooks.refusals.note(refused_one(name, sender_of(host), away.reason, away.body, deps.clock.now()))
            return _answer_to(away)

    for path in ("/webhooks/{operator}", "/webhooks/{operator}/{last}"):
        # A plain function of Starlette: nothing here needs a schema, and an operator waits.
        routes.add_route(path, receive, methods=["GET", "POST", "PUT"], include_in_schema=False)
    return routes


class _Message:
    """One message, from the first look at its address to its acknowledgement."""

    def __init__(self, deps: Deps, webhooks: WebhookDeps, operator: Operator, request: Request, host: str) -> None:
        self._deps = deps
        self._webhooks = webhooks
        self._operator = operator
        self._request = request
        self._host = host
        self._last: str | None = request.path_params.get("last")
        self._entrance = webhooks.callers.get(operator.name, Callers()).entrance(self._last, host)

    async def taken(self) -> Response:
        """Store the message and return what the operator wants to hear, or say why not."""
        can = self._operator.capabilities
        if self._entrance is Entrance.OPEN and not can.signs_callbacks:
            raise _TurnedAway(HTTPStatus.NOT_FOUND, NOT_VOUCHED_FOR, _announced(self._request))
        if self._entrance is Entrance.REQUEST and not TOKEN.fullmatch(self._last or ""):
            raise _TurnedAway(HTTPStatus.NOT_FOUND, NO_ADDRESS, _announced(self._request))
        in_batches = can.signs_callbacks or self._entrance is Entrance.LISTED
        raw = await self._read(can.batch_bytes_max if in_batches else can.callback_bytes_max)
        verdict = self._operator.verify(raw, await self._secrets(), raw.received_at)
        if verdict.kind is VerdictKind.REJECT:
            raise _TurnedAway.unproven(verdict, raw.body)
        if verdict.kind is not VerdictKind.ACCEPT:
            await self._check_unproven(raw)
        token = self._last if self._entrance is Entrance.REQUEST else None
        shown = self._without_key(raw)
        name, sender = self._operator.name, sender_of(self._host)
        kept = await self._ask(lambda connection: store(connection, name, token, shown, verdict, sender=sender))
        if not kept:
            raise _TurnedAway(HTTPStatus.NOT_FOUND, NO_ADDRESS, raw.body)
        CALLBACKS.labels(name, verdict.kind).inc()
        return _response(can.acknowledgement)

    async def _secrets(self) -> Secrets:
        """Return what we share with the operator, and what it gave us for the request at whose address it calls."""
        name, token = self._operator.name, self._last or ""
        shared = self._deps.secrets.get(name, Secrets())
        if self._entrance is not Entrance.REQUEST or not self._operator.capabilities.gives_tokens:
            return shared
        stored = await self._ask(lambda connection: tokens_at(connection, name, token))
        if stored is None:
            raise _TurnedAway(HTTPStatus.NOT_FOUND, NO_ADDRESS, _announced(self._request))
        return replace(shared, stored=stored)

    def _without_key(self, raw: RawRequest) -> RawRequest:
        """Return the message as it may be kept: the operator's own long address is a secret of ours."""
        if self._entrance is not Entrance.KEY:
            return raw
        return replace(raw, path=f"{raw.path.removesuffix(self._last or '')}{REMOVED}")

    async def _read(self, bytes_max: int) -> RawRequest:
        query = self._request.url.query
        if len(query) > QUERY_CHARS_MAX:
            raise _TurnedAway(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, QUERY_TOO_LARGE, len(query))
        if _announced(self._request) > bytes_max:
            raise _TurnedAway(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE, _announced(self._request))
        body = bytearray()
        async for chunk in self._request.stream():
            body += chunk
            if len(body) > bytes_max:
                raise _TurnedAway(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE, len(body))
        return RawRequest(
            method=self._request.method,
            path=self._request.scope["path"],
            query=query,
            headers=dict(self._request.headers),
            body=bytes(body),
            received_at=self._deps.clock.now(),
        )

    async def _check_unproven(self, raw: RawRequest) -> None:
        """Refuse what nobody vouches for; bound what comes by the long address, which somebody may have read."""
        if self._entrance is Entrance.OPEN:
            raise _TurnedAway(HTTPStatus.NOT_FOUND, NOT_VOUCHED_FOR, raw.body)
        if self._entrance is not Entrance.KEY:
            return
        if len(raw.body) > self._operator.capabilities.callback_bytes_max:
            raise _TurnedAway(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE, raw.body)
        name, now, webhooks = self._operator.name, raw.received_at, self._webhooks
        wait_s = max(
            webhooks.senders.take((name, sender_of(self._host)), 1, now),
            webhooks.operators.take(name, 1, now),
            webhooks.volumes.take(name, len(raw.body), now),
        )
        if wait_s == 0 and await self._unproven_waiting(now) >= UNPROVEN_MAX:
            wait_s = COUNTED_FOR.total_seconds()
        if wait_s > 0:
            raise _TurnedAway(HTTPStatus.TOO_MANY_REQUESTS, TOO_MANY, raw.body, wait_s)

    async def _unproven_waiting(self, now: datetime) -> int:
        name, counted = self._operator.name, self._webhooks.unproven
        last = counted.get(name)
        if last is None or not last.counted_at <= now < last.counted_at + COUNTED_FOR:
            count = await self._ask(lambda connection: unproven_waiting(connection, name, UNPROVEN_MAX))
            counted[name] = last = Unproven(count, now)
        return last.count

    async def _ask(self, work: Callable[[AsyncConnection], Awaitable[Result]]) -> Result:
        """Ask the database in the time that an operator waits; whatever fails there, the operator sends again."""
        try:
            return await self._deps.ingress_db.alone(work, STORE_DEADLINE_S)
        except DBAPIError as failed:
            if not isinstance(failed, OperationalError | InterfaceError):
                log.exception("callbacks.not_stored", operator=self._operator.name)
            raise DatabaseSilent("the callback could not be stored") from failed


def _answer_to(away: _TurnedAway) -> Response:
    if away.check is not None:
        return problem(away.status, "callback-refused", away.status.phrase, CHECKS[away.check], check=away.check)
    # What is not found is not explained: it may be somebody who looks for an address.
    detail = "" if away.status is HTTPStatus.NOT_FOUND else away.reason
    answer = problem(away.status, _slug(away.status), away.status.phrase, detail)
    if away.retry_after_s:
        answer.headers["Retry-After"] = str(math.ceil(away.retry_after_s))
    return answer


def _slug(status: HTTPStatus) -> str:
    return status.phrase.lower().replace(" ", "-")


def _announced(request: Request) -> int:
    length = request.headers.get("content-length", "")
    return int(length[:LENGTH_DIGITS_MAX]) if length.isascii() and length.isdigit() else 0


def _response(raw: RawResponse) -> Response:
    return Response(raw.body, raw.status, dict(raw.headers))
