"""The browser phone of local mode: a page that dials through the same address as an aggregator."""

from collections.abc import Mapping
from http import HTTPStatus
from importlib.resources import files

from fastapi import APIRouter
from jinja2 import Environment, StrictUndefined
from sqlalchemy import select
from sqlmodel import col
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.infra.compression import compress
from gateway.infra.problems import problem
from gateway.tables import SandboxSms
from gateway.ussd.aggregators.africastalking import wire
from gateway.ussd.deps import UssdDeps
from payments.errors import MsisdnInvalid
from payments.numbering import parse_msisdn

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
#: What each key types, what else is printed on it, and how it is read out.
KEYS = (
    ("1", "", "1"), ("2", "abc", "2, a b c"), ("3", "def", "3, d e f"),
    ("4", "ghi", "4, g h i"), ("5", "jkl", "5, j k l"), ("6", "mno", "6, m n o"),
    ("7", "pqrs", "7, p q r s"), ("8", "tuv", "8, t u v"), ("9", "wxyz", "9, w x y z"),
    ("*", "", "* étoile"), ("0", "+", "0, plus"), ("#", "", "# dièse"),
)  # fmt: skip
#: The first two are registered by the illustrative data.
NUMBERS = (
    ("+22370000001", "Aminata, commerce"),
    ("+22376000002", "Moussa, coton"),
    ("+22366000003", "numéro inconnu"),
)
STATIC = {"phone.css": "text/css", "phone.js": "text/javascript"}
MESSAGES_SHOWN = 20


class NotLocal(Exception):
    """The browser phone was asked for outside local mode."""


def phone_router(ussd: UssdDeps, operator_url: str | None = None) -> APIRouter:
    """Return the phone's page, its files and the SMS of a number; only ever in local mode."""
    if not ussd.deps.local_mode:
        raise NotLocal("the browser phone lets anybody call as anybody: it exists in local mode only")
    page = _Page(ussd, operator_url)
    router = APIRouter()
    router.add_route("/phone/", page.show, methods=["GET"], include_in_schema=False)
    router.add_route("/phone/inbox", page.inbox, methods=["GET"], include_in_schema=False)
    router.add_route("/phone/{name}", page.file, methods=["GET"], include_in_schema=False)
    return router


class _Page:
    def __init__(self, ussd: UssdDeps, operator_url: str | None) -> None:
        self._console_db, self._clock = ussd.deps.console_db, ussd.deps.clock
        (key, *_) = ussd.keys[wire.NAME]
        folder = files("gateway.local").joinpath("phone")
        template = Environment(autoescape=True, undefined=StrictUndefined).from_string(
            folder.joinpath("phone.html").read_text(encoding="utf-8")
        )
        self._html = template.render(
            address=f"/ussd/{wire.NAME}/{key}",
            service_code=ussd.deps.service_code,
            operator_url=operator_url,
            numbers=NUMBERS,
            keys=KEYS,
        )
        self._files = {name: folder.joinpath(name).read_bytes() for name in STATIC}

    async def show(self, request: Request) -> Response:
        """Return the page."""
        return await _sent(request, Response(self._html, media_type="text/html", headers=HEADERS))

    async def file(self, request: Request) -> Response:
        """Return one of the page's files."""
        name = request.path_params["name"]
        if name not in self._files:
            return problem(HTTPStatus.NOT_FOUND, "not-found", "There is nothing at this address")
        return await _sent(request, Response(self._files[name], media_type=STATIC[name], headers=HEADERS))

    async def inbox(self, request: Request) -> Response:
        """Return the latest SMS of a number, newest first."""
        try:
            msisdn = parse_msisdn(request.query_params.get("msisdn", ""))
        except MsisdnInvalid:
            return JSONResponse({"messages": []}, headers=HEADERS)
        latest = (
            select(col(SandboxSms.body), col(SandboxSms.sent_at))
            .where(col(SandboxSms.msisdn) == msisdn)
            .order_by(col(SandboxSms.sent_at).desc(), col(SandboxSms.id).desc())
            .limit(MESSAGES_SHOWN)
        )
        async with self._console_db.single() as connection:
            rows = (await connection.execute(latest)).all()
        messages = [{"body": row.body, "sent_at": row.sent_at.isoformat()} for row in rows]
        return JSONResponse({"messages": messages, "now": self._clock.now().isoformat()}, headers=HEADERS)


async def _sent(request: Request, response: Response) -> Response:
    return await compress(response, request.headers.get("accept-encoding", ""))
