"""Coming in and going out."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.finance import audit
from gateway.finance.access import LoginForm, MustWait
from gateway.finance.devices import LIFETIME_S
from gateway.finance.guard import (
    FORM_BYTES_MAX,
    HOME_PATH,
    LOGIN_PATH,
    RETRY_AFTER_S,
    check_origin,
    field_of,
    read_form,
    refusal,
    same,
    sealed,
    who_asks,
)
from gateway.finance.parts import FinanceDeps, Refused, Visit
from gateway.finance.passwords import PasswordsBusy
from gateway.finance.rendering import page
from gateway.finance.sessions import close_session
from gateway.finance.staff import LOGIN_SHAPE

WRONG = "Identifiant ou mot de passe incorrect."
TOO_SOON = "Trop d'essais de suite. Réessayez dans {wait_s} s."
BUSY = "Trop de connexions en même temps. Réessayez dans quelques secondes."


async def show(finance: FinanceDeps, request: Request) -> Response:
    """Show the login form, tied to this browser by a cookie of its own."""
    if await who_asks(finance, request, finance.deps.clock.now()) is not None:
        return sealed(finance, RedirectResponse(HOME_PATH, 303))
    return sealed(finance, _form(finance, 200, ""))


async def submit(finance: FinanceDeps, request: Request) -> Response:
    """Let a colleague in, under a new token, or say no without saying why."""
    try:
        typed = await _typed(finance, request)
        entry = await finance.door.log_in(typed, finance.deps.clock.now())
    except Refused as refused:
        return sealed(finance, refusal(finance, refused, None))
    except PasswordsBusy:
        response = _form(finance, 503, BUSY)
        response.headers["Retry-After"] = RETRY_AFTER_S
        return sealed(finance, response)
    except MustWait as told:
        response = _form(finance, 429, TOO_SOON.format(wait_s=told.wait_s))
        response.headers["Retry-After"] = str(told.wait_s)
        return sealed(finance, response)
    if entry is None:
        return sealed(finance, _form(finance, 401, WRONG))
    response = RedirectResponse(HOME_PATH, 303)
    finance.cookies.put(response, finance.cookies.session, entry.session_token)
    finance.cookies.keep(response, finance.cookies.device, entry.device_token, LIFETIME_S)
    finance.cookies.drop(response, finance.cookies.form)
    return sealed(finance, response)


async def leave(finance: FinanceDeps, visit: Visit) -> Response:
    """End the login, here and in the browser."""
    token = visit.request.cookies.get(finance.cookies.session, "")
    actor = audit.actor_of(visit.officer.login)
    async with finance.deps.desk.unit_of_work() as connection:
        await close_session(connection, token)
        await audit.record(connection, visit.now, actor, "logout", actor)
    response = RedirectResponse(LOGIN_PATH, 303)
    finance.cookies.drop(response, finance.cookies.session)
    return response


async def _typed(finance: FinanceDeps, request: Request) -> LoginForm:
    check_origin(finance, request)
    form = await read_form(request, FORM_BYTES_MAX)
    try:
        tie = request.cookies.get(finance.cookies.form, "")
        if not tie or not same(field_of(form, "csrf"), tie):
            raise Refused(403, "Formulaire périmé", "Rechargez la page de connexion et recommencez.")
        login = field_of(form, "login").strip().lower()
        return LoginForm(
            # What cannot be a login is nobody's; it gets the same answer after the same work.
            login=login if LOGIN_SHAPE.fullmatch(login) else "",
            password=field_of(form, "password"),
            address=request.client.host if request.client else "",
            previous_token=request.cookies.get(finance.cookies.session, ""),
            device_token=request.cookies.get(finance.cookies.device, ""),
        )
    finally:
        await form.close()


def _form(finance: FinanceDeps, status: int, fault: str) -> Response:
    tie = finance.deps.ids.token()
    response = page(
        "login.html", status, officer=None, local_mode=finance.deps.local_mode, here="", fault=fault, csrf=tie
    )
    finance.cookies.put(response, finance.cookies.form, tie)
    return response
