"""Every address of the console, with the right that it takes."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.finance import login, pages, uploads
from gateway.finance.guard import HOME_PATH, LOGIN_PATH, Guarded, endpoint, refusal, sealed, steady
from gateway.finance.parts import FinanceDeps, Refused
from gateway.finance.rendering import ASSETS
from gateway.finance.roles import Right

#: How long a browser may keep a file whose name says its content.
KEPT = "public, max-age=31536000, immutable"

GUARDED = (
    Guarded(HOME_PATH, "GET", Right.READ, pages.day_page),
    Guarded("/finance/jour.csv", "GET", Right.EXPORT, pages.day_csv),
    Guarded("/finance/ecarts", "GET", Right.READ, pages.breaks_page),
    Guarded("/finance/ecarts.csv", "GET", Right.EXPORT, pages.breaks_csv),
    Guarded("/finance/attente", "GET", Right.READ, pages.suspense_page),
    Guarded("/finance/attente.csv", "GET", Right.EXPORT, pages.suspense_csv),
    Guarded("/finance/balance", "GET", Right.READ, pages.balance_page),
    Guarded("/finance/releves", "GET", Right.READ, uploads.statements_page),
    Guarded("/finance/releves", "POST", Right.IMPORT, uploads.receive_statement, uploads.UPLOAD_BYTES_MAX),
    Guarded("/finance/releves/{upload_id}", "GET", Right.READ, uploads.statement_page),
    Guarded("/finance/deconnexion", "POST", Right.ENTER, login.leave),
)


def router(finance: FinanceDeps) -> APIRouter:
    """Give the console's routes."""
    console = APIRouter(include_in_schema=False)
    for guarded in GUARDED:
        console.add_api_route(
            guarded.path, steady(finance, endpoint(finance, guarded)), methods=[guarded.method], response_model=None
        )

    async def show_login(request: Request) -> Response:
        return await login.show(finance, request)

    async def submit_login(request: Request) -> Response:
        return await login.submit(finance, request)

    async def static(name: str) -> Response:
        asset = ASSETS.get(name)
        if asset is None:
            return sealed(finance, refusal(finance, Refused(404, "Introuvable", "Ce fichier n'existe pas."), None))
        return sealed(finance, Response(asset.content, media_type=asset.media_type, headers={"Cache-Control": KEPT}))

    async def without_stroke() -> Response:
        return sealed(finance, RedirectResponse(HOME_PATH, 308))

    console.add_api_route("/finance", without_stroke, methods=["GET"], response_model=None)
    console.add_api_route(LOGIN_PATH, steady(finance, show_login), methods=["GET"], response_model=None)
    console.add_api_route(LOGIN_PATH, steady(finance, submit_login), methods=["POST"], response_model=None)
    console.add_api_route("/finance/static/{name}", static, methods=["GET"], response_model=None)
    return console
