"""The first page of local mode: the three doors of the house, for whoever typed its address and nothing behind it."""

from collections.abc import Mapping
from importlib.resources import files

from fastapi import APIRouter
from jinja2 import Environment, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from gateway.infra.deps import Deps
from gateway.local.phone_page import NotLocal

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def doors_router(deps: Deps, operator_url: str | None) -> APIRouter:
    """Return the page that leads to the browser phone, the sandbox operator and the console; in local mode only."""
    if not deps.local_mode:
        raise NotLocal("the page of the three doors says what the passwords are: it exists in local mode only")
    folder = files("gateway.local").joinpath("doors")
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(
        folder.joinpath("doors.html").read_text(encoding="utf-8")
    )
    html = template.render(service_code=deps.service_code, operator_url=operator_url)
    style = folder.joinpath("doors.css").read_bytes()

    async def show(_request: Request) -> Response:
        return Response(html, media_type="text/html", headers=HEADERS)

    async def file(_request: Request) -> Response:
        return Response(style, media_type="text/css", headers=HEADERS)

    router = APIRouter()
    router.add_route("/", show, methods=["GET"], include_in_schema=False)
    router.add_route("/doors.css", file, methods=["GET"], include_in_schema=False)
    return router
