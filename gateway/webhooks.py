"""The operators' door: judge, store, acknowledge; nothing is believed here."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.deps import Deps
from gateway.errors import problem
from gateway.metrics import CALLBACKS
from payments.inbox import store
from payments.observation import VerdictKind
from payments.operators.contract import Secrets
from payments.wire import RawRequest, RawResponse

BODY_BYTES_MAX = 64 * 1024


def router(deps: Deps) -> APIRouter:
    """Give the addresses at which operators report money."""
    routes = APIRouter()

    async def receive(request: Request) -> Response:
        return await _receive(deps, request)

    for path in ("/webhooks/{operator}", "/webhooks/{operator}/{token}"):
        # A plain function of Starlette: nothing here needs a schema, and an operator waits.
        routes.add_route(path, receive, methods=["POST", "PUT"], include_in_schema=False)
    return routes


async def _receive(deps: Deps, request: Request) -> Response:
    name, token = request.path_params["operator"], request.path_params.get("token")
    operator = deps.operators.get(name)
    if operator is None:
        return problem(HTTPStatus.NOT_FOUND, "operator-unknown", "No operator has this address")
    body = await request.body()
    if len(body) > BODY_BYTES_MAX:
        return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large", "The body is too large")
    raw = RawRequest(
        method=request.method,
        path=request.scope["path"],
        query=request.url.query,
        headers=dict(request.headers),
        body=body,
        received_at=deps.clock.now(),
    )
    verdict = operator.verify(raw, deps.secrets.get(name, Secrets()), raw.received_at)
    async with deps.doors.single() as connection:
        kind = await store(connection, name, _storable(token), raw, verdict)
    CALLBACKS.labels(name, kind).inc()
    if kind is VerdictKind.REJECT:
        return problem(HTTPStatus.UNAUTHORIZED, "callback-refused", "The message is kept, and was not accepted")
    return _response(operator.capabilities.acknowledgement)


def _storable(token: str | None) -> str | None:
    # No text of a database holds NUL, and no token holds what stands for it here.
    return None if token is None else token.replace("\x00", "\ufffd")


def _response(raw: RawResponse) -> Response:
    return Response(raw.body, raw.status, dict(raw.headers))
