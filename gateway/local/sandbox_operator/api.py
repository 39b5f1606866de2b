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

from gateway.local.sandbox_operator import gsma, statement
from gateway.local.sandbox_operator.deeds import Operator, open_prompt
from gateway.local.sandbox_operator.model import AnswerFault, Outage

#: Longer than any merchant waits for an answer.
SLOW_ANSWER_S = 60


@dataclass(frozen=True, slots=True)
class Desk:
    """What every door of the operator needs; the faults of coming answers are forgotten at a restart."""

    operator: Operator
    clock: Callable[[], datetime]
    api_key: str
    answer_faults: deque[AnswerFault] = field(default_factory=deque)


class DroppedAnswer(Response):
    """An answer that promises a body and hangs up before it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head alone."""
        del scope, receive
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"100")]})


Handler = Callable[[Request, Desk], Awaitable[Response]]


def routes(desk: Desk) -> list[Route]:
    """Give the paths that merchants call."""

    async def statement_of_day(request: Request) -> Response:
        # No key: a person takes it from the page, as from an operator's portal.
        return _statement(request, desk)

    return [
        Route("/transactions/type/{kind}", _guarded(_order, desk, Outage.ALL), methods=["POST"]),
        Route("/transactions/{reference}", _guarded(_transaction, desk, Outage.STATUS)),
        Route("/requeststates/{server_id}", _guarded(_request_state, desk, Outage.STATUS)),
        Route("/responses/{client_id}", _guarded(_response, desk, Outage.STATUS)),
        Route("/heartbeat", _guarded(_heartbeat, desk, None)),
        Route("/statements/{day}.csv", statement_of_day),
    ]


def _guarded(handler: Handler, desk: Desk, out_from: Outage | None) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        given = request.headers.get("x-api-key", "")
        if not hmac.compare_digest(given.encode(), desk.api_key.encode()):
            return _json(desk, gsma.error("clientAuthorisationError", desk.clock()))
        outage = desk.operator.books.switches.outage
        if out_from is not None and outage in {Outage.ALL, out_from}:
            return _json(desk, gsma.error("genericError", desk.clock(), "outage", category="serviceUnavailable"))
        try:
            return await handler(request, desk)
        except gsma.OrderRefused as refusal:
            return _json(desk, gsma.error(refusal.code, desk.clock(), refusal.why))

    return guarded


async def _order(request: Request, desk: Desk) -> Response:
    if request.path_params["kind"] != "merchantpay":
        raise gsma.OrderRefused("transactionTypeError", "only merchantpay is served")
    order = gsma.read_order(
        await request.body(),
        request.headers.get("x-correlationid"),
        request.headers.get("x-callback-url"),
        desk.operator.merchant,
    )
    fault = desk.answer_faults.popleft() if desk.answer_faults else None
    if fault is AnswerFault.DROP_BEFORE:
        return DroppedAnswer()
    prompt = open_prompt(desk.operator, order, desk.clock())
    if fault is AnswerFault.DROP:
        return DroppedAnswer()
    if fault is AnswerFault.ERROR:
        return _json(desk, gsma.error("genericError", desk.clock(), category="internal"))
    if fault is AnswerFault.SLOW:
        await asyncio.sleep(SLOW_ANSWER_S)
    return _json(desk, gsma.accepted(prompt), 202)


async def _transaction(request: Request, desk: Desk) -> Response:
    found = desk.operator.books.transactions.get(request.path_params["reference"])
    if found is None:
        raise gsma.OrderRefused("identifierError", "transactionReference")
    return _json(desk, gsma.transaction(found, desk.operator.merchant), 200)


async def _request_state(request: Request, desk: Desk) -> Response:
    server_id = gsma.read_uuid(request.path_params["server_id"], "serverCorrelationId")
    prompt = desk.operator.books.prompts.get(server_id)
    if prompt is None:
        raise gsma.OrderRefused("identifierError", "serverCorrelationId")
    return _json(desk, gsma.request_state(prompt, desk.clock()), 200)


async def _response(request: Request, desk: Desk) -> Response:
    books = desk.operator.books
    server_id = books.prompt_of_client.get(gsma.read_uuid(request.path_params["client_id"], "clientCorrelationId"))
    if server_id is None:
        raise gsma.OrderRefused("identifierError", "clientCorrelationId")
    prompt = books.prompts[server_id]
    # A failed order created no transaction: its request state holds the error.
    created = prompt.transaction is not None and prompt.error_code is None
    link = f"/transactions/{prompt.transaction}" if created else f"/requeststates/{server_id}"
    return _json(desk, {"link": link}, 200)


async def _heartbeat(request: Request, desk: Desk) -> Response:
    del request
    status = {Outage.NONE: "available", Outage.STATUS: "degraded", Outage.ALL: "unavailable"}
    return _json(desk, {"serviceStatus": status[desk.operator.books.switches.outage]}, 200)


def _statement(request: Request, desk: Desk) -> Response:
    try:
        day = date.fromisoformat(request.path_params["day"])
    except ValueError:
        return _json(desk, gsma.error("formatError", desk.clock(), "day"))
    content = statement.render(desk.operator.books, desk.operator.merchant, day)
    disposition = f'attachment; filename="releve-{desk.operator.merchant}-{day}.csv"'
    return Response(content, media_type="text/csv; charset=utf-8", headers={"Content-Disposition": disposition})


def _json(desk: Desk, body: gsma.Json, status: int | None = None) -> JSONResponse:
    code = gsma.status_of(body) if status is None else status
    return JSONResponse(body, code, headers={"X-Date": desk.clock().isoformat()})
