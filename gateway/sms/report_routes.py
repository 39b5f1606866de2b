"""The address at which a provider of messages reports deliveries; its last part is the secret it was given."""

import hmac
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.infra.deps import Deps
from gateway.infra.metrics import SMS_REPORTS
from gateway.infra.problems import problem
from gateway.sms.reports import DeliveryReport, apply, store_early
from gateway.sms.senders.registry import report_readers

#: A report is a few hundred bytes.
BODY_BYTES_MAX = 16 * 1024

Keys = Mapping[str, tuple[str, ...]]


def router(deps: Deps, keys: Keys) -> APIRouter:
    """Return the address of every provider that has a key; a wrong key and an unknown name look the same."""
    routes, readers = APIRouter(), report_readers()

    async def receive(request: Request) -> Response:
        sender, key = request.path_params["sender"], request.path_params["key"]
        # Every key is compared, whole, so that the time taken says nothing about any of them.
        known = any([hmac.compare_digest(one.encode(), key.encode()) for one in keys.get(sender, ())])  # noqa: C419 - a generator would stop at the first match
        if not known or sender not in readers:
            return problem(HTTPStatus.NOT_FOUND, "not-found", "There is nothing at this address")
        body = await _read(request)
        report = readers[sender](body) if body is not None else None
        result = "unreadable" if report is None else await _store(deps, report)
        SMS_REPORTS.labels(sender, result).inc()
        # A provider can do nothing about a report that we do not understand; sent again, it would be the same.
        return Response(status_code=HTTPStatus.OK)

    routes.add_route("/sms/{sender}/{key}/reports", receive, methods=["POST"], include_in_schema=False)
    return routes


async def _store(deps: Deps, report: DeliveryReport) -> str:
    """Write a report beside its message; where there is none yet, keep it, and look once more after that commit."""
    now = deps.clock.now()
    if await deps.ingress_db.transact(lambda connection: apply(connection, [report], now)):
        return report.state
    await deps.ingress_db.transact(lambda connection: store_early(connection, report, now))
    found = await deps.ingress_db.transact(lambda connection: apply(connection, [report], now))
    return report.state if found else "unknown"


async def _read(request: Request) -> bytes | None:
    """Read a body as it comes in, and no more of it than a report needs; how long it may take is every route's rule."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return None
    return bytes(body)
