"""The operator's face towards merchants: the paths of the GSMA Mobile Money API 1.2.

Source: GSMA Mobile Money API 1.2.0, merchant payments (OpenAPI file, read 2026-11-22).
"""

import asyncio
import hmac
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sandbox_operator import gsma, statement
from sandbox_operator.actions import WalletOperator, open_prompt
from sandbox_operator.model import AnswerFault, Outage

#: Longer than any merchant waits for an answer.
SLOW_ANSWER_S = 60


@dataclass(frozen=True, slots=True)
class ApiDeps:
    """What every route of the operator needs; the faults of coming answers are forgotten at a restart."""

    operator: WalletOperator
    clock: Callable[[], datetime]
    api_key: str
    answer_faults: deque[AnswerFault] = field(default_factory=deque)


class DroppedAnswer(Response):
    """An answer that promises a body and hangs up before it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head alone."""
        del scope, receive
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"100")]})


ApiHandler = Callable[[Request, ApiDeps], Awaitable[Response]]


def routes(deps: ApiDeps) -> list[Route]:
    """Return the paths that merchants call."""

    async def statement_of_day(request: Request) -> Response:
        # No key: a person takes it from the page, as from an operator's portal.
        return _statement(request, deps)

    return [
        Route("/transactions/type/{kind}", _guarded(_order, deps, Outage.ALL), methods=["POST"]),
        Route("/transactions/{reference}", _guarded(_transaction, deps, Outage.STATUS)),
        Route("/requeststates/{server_id}", _guarded(_request_state, deps, Outage.STATUS)),
        Route("/responses/{client_id}", _guarded(_response, deps, Outage.STATUS)),
        Route("/heartbeat", _guarded(_heartbeat, deps, None)),
        Route("/statements/{day}.csv", statement_of_day),
    ]


def _guarded(handler: ApiHandler, deps: ApiDeps, out_from: Outage | None) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        given = request.headers.get("x-api-key", "")
        if not hmac.compare_digest(given.encode(), deps.api_key.encode()):
            return _json(deps, gsma.error("clientAuthorisationError", deps.clock()))
        outage = deps.operator.books.switches.outage
        if out_from is not None and outage in {Outage.ALL, out_from}:
            return _json(deps, gsma.error("genericError", deps.clock(), "outage", category="serviceUnavailable"))
        try:
            return await handler(request, deps)
        except gsma.OrderRefused as refusal:
            return _json(deps, gsma.error(refusal.code, deps.clock(), refusal.why))

    return guarded


async def _order(request: Request, deps: ApiDeps) -> Response:
    if request.path_params["kind"] != "merchantpay":
        raise gsma.OrderRefused("transactionTypeError", "only merchantpay is served")
    order = gsma.read_order(
        await request.body(),
        request.headers.get("x-correlationid"),
        request.headers.get("x-callback-url"),
        deps.operator.merchant,
    )
    fault = deps.answer_faults.popleft() if deps.answer_faults else None
    if fault is AnswerFault.DROP_BEFORE:
        return DroppedAnswer()
    prompt = open_prompt(deps.operator, order, deps.clock())
    if fault is AnswerFault.DROP:
        return DroppedAnswer()
    if fault is AnswerFault.ERROR:
        return _json(deps, gsma.error("genericError", deps.clock(), category="internal"))
    if fault is AnswerFault.SLOW:
        await asyncio.sleep(SLOW_ANSWER_S)
    return _json(deps, gsma.accepted(prompt), 202)


async def _transaction(request: Request, deps: ApiDeps) -> Response:
    found = deps.operator.books.transactions.get(request.path_params["reference"])
    if found is None:
        raise gsma.OrderRefused("identifierError", "transactionReference")
    return _json(deps, gsma.transaction(found, deps.operator.merchant), 200)


async def _request_state(request: Request, deps: ApiDeps) -> Response:
    server_id = gsma.read_uuid(request.path_params["server_id"], "serverCorrelationId")
    prompt = deps.operator.books.prompts.get(server_id)
    if prompt is None:
        raise gsma.OrderRefused("identifierError", "serverCorrelationId")
    return _json(deps, gsma.request_state(prompt, deps.clock()), 200)


async def _response(request: Request, deps: ApiDeps) -> Response:
    books = deps.operator.books
    server_id = books.prompt_of_client.get(gsma.read_uuid(request.path_params["client_id"], "clientCorrelationId"))
    if server_id is None:
        raise gsma.OrderRefused("identifierError", "clientCorrelationId")
    prompt = books.prompts[server_id]
    # A failed order created no transaction: its request state holds the error.
    created = prompt.transaction is not None and prompt.error_code is None
    link = f"/transactions/{prompt.transaction}" if created else f"/requeststates/{server_id}"
    return _json(deps, {"link": link}, 200)


async def _heartbeat(request: Request, deps: ApiDeps) -> Response:
    del request
    status = {Outage.NONE: "available", Outage.STATUS: "degraded", Outage.ALL: "unavailable"}
    return _json(deps, {"serviceStatus": status[deps.operator.books.switches.outage]}, 200)


def _statement(request: Request, deps: ApiDeps) -> Response:
    try:
        day = date.fromisoformat(request.path_params["day"])
    except ValueError:
        return _json(deps, gsma.error("formatError", deps.clock(), "day"))
    content = statement.render(deps.operator.books, deps.operator.merchant, day)
    disposition = f'attachment; filename="releve-{deps.operator.merchant}-{day}.csv"'
    return Response(content, media_type="text/csv; charset=utf-8", headers={"Content-Disposition": disposition})


def _json(deps: ApiDeps, body: gsma.Json, status: int | None = None) -> JSONResponse:
    code = gsma.status_of(body) if status is None else status
    return JSONResponse(body, code, headers={"X-Date": deps.clock().isoformat()})
