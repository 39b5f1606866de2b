"""The addresses of the aggregators: bytes in, bytes out, and a sentence for the caller whatever came in."""

import asyncio
import hmac
from http import HTTPStatus

import structlog
from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gateway.infra.metrics import USSD_TURN_S, USSD_TURNS
from gateway.infra.problems import problem
from gateway.ussd.aggregators.contract import Aggregator, TurnRejected
from gateway.ussd.deps import UssdDeps
from gateway.ussd.system_screens import UNCERTAIN, with_help
from gateway.ussd.turn import handle_turn
from payments.http_messages import RawRequest, RawResponse

#: A turn is a few hundred bytes; no aggregator has a reason to send more.
BODY_BYTES_MAX = 64 * 1024
METHODS = ("GET", "POST", "PUT")
NOT_HEARD = "Appel mal transmis par le réseau. Recomposez le code."
TOO_LARGE = "Appel trop long. Recomposez le code."

log = structlog.stdlib.get_logger()


def router(ussd: UssdDeps) -> APIRouter:
    """Return the routes of every aggregator; plain functions of Starlette, because nothing here needs a schema."""
    endpoint = _TurnEndpoint(ussd)
    routes = APIRouter()
    for path in ("/ussd/{aggregator}/{key}", "/ussd/{aggregator}/{key}/{rest:path}"):
        routes.add_route(path, endpoint.answer, methods=METHODS, include_in_schema=False)
    return routes


class _TurnEndpoint:
    def __init__(self, ussd: UssdDeps) -> None:
        self._ussd = ussd

    async def answer(self, request: Request) -> Response:
        """Answer one request of an aggregator."""
        named = request.path_params
        aggregator = self._ussd.aggregators.get(named["aggregator"])
        # An unknown name and a wrong key look the same from outside.
        if aggregator is None or not self._is_key(aggregator.name, named["key"]):
            return problem(HTTPStatus.NOT_FOUND, "not-found", "There is nothing at this address")
        if request.method == "HEAD":
            # A gateway looks whether anybody is at home; nobody calls.
            return Response()
        with USSD_TURN_S.labels(aggregator.name).time():
            answer = await self._answer(aggregator, request)
        return Response(answer.body, answer.status, answer.headers)

    def _is_key(self, aggregator: str, offered: str) -> bool:
        # Every key is compared, whole, so that the time taken says nothing about any of them.
        keys = self._ussd.keys.get(aggregator, ())
        return any([hmac.compare_digest(key.encode(), offered.encode()) for key in keys])  # noqa: C419 - a generator would stop at the first match

    async def _answer(self, aggregator: Aggregator, request: Request) -> RawResponse:
        """Answer in time and in the aggregator's own words, whatever happens."""
        try:
            return await self._turn(aggregator, request)
        except TurnRejected as rejected:
            USSD_TURNS.labels(aggregator.name, "none", "rejected").inc()
            return self._refusal(aggregator, rejected)
        except ClientDisconnect:
            raise
        except Exception:
            USSD_TURNS.labels(aggregator.name, "none", "broken").inc()
            log.exception("ussd.door_broken", code=self._ussd.deps.ids.reference(), aggregator=aggregator.name)
            return aggregator.refuse(with_help(UNCERTAIN, self._ussd.deps.help_number))

    def _refusal(self, aggregator: Aggregator, rejected: TurnRejected) -> RawResponse:
        if rejected.status is HTTPStatus.OK:
            return aggregator.refuse(with_help(rejected.message_for_caller, self._ussd.deps.help_number))
        answer = problem(rejected.status, "turn-rejected", "Not a turn", rejected.message_for_caller)
        return RawResponse(answer.status_code, dict(answer.headers), bytes(answer.body))

    async def _turn(self, aggregator: Aggregator, request: Request) -> RawResponse:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._ussd.limits.turn_s
        turn = aggregator.parse(await self._raw(request, until_s))
        reply = await handle_turn(self._ussd, aggregator, turn, max(until_s - loop.time(), 0))
        if reply is None:
            USSD_TURNS.labels(aggregator.name, "none", "hung_up").inc()
            return aggregator.render(None, turn)
        USSD_TURNS.labels(aggregator.name, reply.screen, "end" if reply.ends else "continue").inc()
        return reply.response

    async def _raw(self, request: Request, until_s: float) -> RawRequest:
        return RawRequest(
            method=request.method,
            path=f"/{request.path_params.get('rest', '')}",
            query=request.url.query,
            headers=request.headers,
            body=await _read(request, until_s),
            received_at=self._ussd.deps.clock.now(),
        )


async def _read(request: Request, until_s: float) -> bytes:
    """Read a body as it comes in, and no more of it nor any longer than a turn needs, whatever was announced."""
    chunks: list[bytes] = []
    left_bytes = BODY_BYTES_MAX
    try:
        async with asyncio.timeout_at(until_s):
            async for chunk in request.stream():
                left_bytes -= len(chunk)
                if left_bytes < 0:
                    raise TurnRejected(HTTPStatus.OK, TOO_LARGE)
                chunks.append(chunk)
    except TimeoutError:
        # At the address itself a caller waits for a sentence; what stands behind it is said among machines.
        is_turn = not request.path_params.get("rest")
        raise TurnRejected(HTTPStatus.OK if is_turn else HTTPStatus.REQUEST_TIMEOUT, NOT_HEARD) from None
    return b"".join(chunks)
