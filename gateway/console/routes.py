"""Every address of the console, with the right that it takes."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.console import callbacks, day_page, figure_page, households_page, login, pages, payments_page, uploads
from gateway.console.account import account_page, change_password
from gateway.console.auth.roles import Right
from gateway.console.closing import close_day
from gateway.console.deps import ConsoleDeps, PageRefused
from gateway.console.guard import (
    ACCOUNT_PATH,
    HOME_PATH,
    LOGIN_PATH,
    Guarded,
    accepted_encodings,
    endpoint,
    on_db_unavailable,
    refusal,
    with_security_headers,
)
from gateway.console.month_page import MONTH_PATH, month_page
from gateway.console.rendering import ASSETS, Asset
from gateway.infra.compression import accepts_gzip

#: How long a browser may keep a file whose name says its content.
STORED = "public, max-age=31536000, immutable"

GUARDED = (
    Guarded(HOME_PATH, "GET", Right.READ, day_page.day_page),
    Guarded("/finance/jour.csv", "GET", Right.EXPORT, day_page.day_csv),
    Guarded(figure_page.LINES_PATH, "GET", Right.READ, figure_page.figure_page),
    Guarded(f"{figure_page.LINES_PATH}.csv", "GET", Right.EXPORT, figure_page.figure_csv),
    Guarded("/finance/cloture", "POST", Right.CLOSE, close_day),
    Guarded(MONTH_PATH, "GET", Right.READ, month_page),
    Guarded("/finance/ecarts", "GET", Right.READ, pages.breaks_page),
    Guarded("/finance/ecarts.csv", "GET", Right.EXPORT, pages.breaks_csv),
    Guarded("/finance/attente", "GET", Right.READ, pages.suspense_page),
    Guarded("/finance/attente.csv", "GET", Right.EXPORT, pages.suspense_csv),
    Guarded(payments_page.PAYMENTS_PATH, "GET", Right.READ, payments_page.payments_page),
    Guarded(f"{payments_page.PAYMENTS_PATH}.csv", "GET", Right.EXPORT, payments_page.payments_csv),
    Guarded(f"{payments_page.PAYMENTS_PATH}/{{receipt}}", "GET", Right.READ, payments_page.payment_trace),
    Guarded(f"{payments_page.PAYMENTS_PATH}/{{receipt}}", "POST", Right.SHOW, payments_page.show_payer),
    Guarded(households_page.HOUSEHOLDS_PATH, "GET", Right.READ, households_page.households_page),
    Guarded(f"{households_page.HOUSEHOLDS_PATH}/{{ramu_number}}", "GET", Right.READ, households_page.household_page),
    Guarded(f"{households_page.HOUSEHOLDS_PATH}/{{ramu_number}}", "POST", Right.SHOW, households_page.show_household),
    Guarded("/finance/balance", "GET", Right.READ, pages.balance_page),
    Guarded("/finance/releves", "GET", Right.READ, uploads.statements_page),
    Guarded("/finance/releves", "POST", Right.IMPORT, uploads.receive_statement, uploads.UPLOAD_BYTES_MAX),
    Guarded("/finance/releves/{upload_id}", "GET", Right.READ, uploads.statement_page),
    Guarded("/finance/avis", "GET", Right.READ, callbacks.callbacks_page),
    Guarded("/finance/avis", "POST", Right.DISMISS, callbacks.dismiss_callbacks),
    Guarded("/finance/avis/{callback_id}", "GET", Right.READ, callbacks.callback_page),
    Guarded("/finance/avis/{callback_id}", "POST", Right.DISMISS, callbacks.dismiss_callback),
    Guarded(ACCOUNT_PATH, "GET", Right.ENTER, account_page),
    Guarded(ACCOUNT_PATH, "POST", Right.ENTER, change_password),
    Guarded("/finance/deconnexion", "POST", Right.ENTER, login.leave),
)


def router(console: ConsoleDeps) -> APIRouter:
    """Return the console's routes."""
    routes = APIRouter(include_in_schema=False)
    for guarded in GUARDED:
        routes.add_api_route(
            guarded.path,
            on_db_unavailable(console, endpoint(console, guarded)),
            methods=[guarded.method],
            response_model=None,
        )

    async def show_login(request: Request) -> Response:
        return await login.show(console, request)

    async def submit_login(request: Request) -> Response:
        return await login.submit(console, request)

    async def static(request: Request) -> Response:
        asset = ASSETS.get(request.path_params["name"])
        if asset is None:
            return with_security_headers(
                console, refusal(console, PageRefused(404, "Introuvable", "Ce fichier n'existe pas."), None)
            )
        return with_security_headers(console, _file(asset, accepted_encodings(request)))

    async def without_slash() -> Response:
        return with_security_headers(console, RedirectResponse(HOME_PATH, 308))

    routes.add_api_route("/finance", without_slash, methods=["GET"], response_model=None)
    routes.add_api_route(LOGIN_PATH, on_db_unavailable(console, show_login), methods=["GET"], response_model=None)
    routes.add_api_route(LOGIN_PATH, on_db_unavailable(console, submit_login), methods=["POST"], response_model=None)
    routes.add_api_route("/finance/static/{name}", static, methods=["GET"], response_model=None)
    return routes


def _file(asset: Asset, accept_encoding: str) -> Response:
    headers = {"Cache-Control": STORED, "Vary": "Accept-Encoding"}
    if not accepts_gzip(accept_encoding):
        return Response(asset.content, media_type=asset.media_type, headers=headers)
    return Response(asset.packed, media_type=asset.media_type, headers={**headers, "Content-Encoding": "gzip"})
