"""Coming in and going out."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.console.auth import audit
from gateway.console.auth.access import LoginForm, MustWait, OneTimeExpired
from gateway.console.auth.devices import LIFETIME_S
from gateway.console.auth.passwords import PasswordsBusy
from gateway.console.auth.sessions import close_session
from gateway.console.auth.staff import LOGIN_SHAPE
from gateway.console.deps import ConsoleDeps, PageRefused, Visit
from gateway.console.guard import (
    FORM_BYTES_MAX,
    HOME_PATH,
    LOGIN_PATH,
    RETRY_AFTER_S,
    check_origin,
    field_of,
    read_form,
    refusal,
    same,
    who_asks,
    with_security_headers,
)
from gateway.console.rendering import page

WRONG = "Identifiant ou mot de passe incorrect."
EXPIRED = "Ce mot de passe à usage unique est périmé. Demandez-en un autre à l'administrateur."
TOO_SOON = "Trop d'essais de suite. Réessayez dans {wait_s} s."
BUSY = "Trop de connexions en même temps. Réessayez dans quelques secondes."
#: What the form takes.
LOGIN_CHARS_MAX = 40


async def show(console: ConsoleDeps, request: Request) -> Response:
    """Show the login form, tied to this browser by a cookie of its own."""
    if await who_asks(console, request) is not None:
        return with_security_headers(console, RedirectResponse(HOME_PATH, 303))
    return with_security_headers(console, _form(console, 200))


async def submit(console: ConsoleDeps, request: Request) -> Response:
    """Let a colleague in, under a new token, or refuse without saying why."""
    try:
        form, typed = await _typed(console, request)
    except PageRefused as refused:
        return with_security_headers(console, refusal(console, refused, None))
    try:
        entry = await console.logins.log_in(form, console.deps.machine_now())
    except PasswordsBusy:
        response = _form(console, 503, BUSY, typed)
        response.headers["Retry-After"] = RETRY_AFTER_S
        return with_security_headers(console, response)
    except MustWait as told:
        response = _form(console, 429, TOO_SOON.format(wait_s=told.wait_s), typed)
        response.headers["Retry-After"] = str(told.wait_s)
        return with_security_headers(console, response)
    except OneTimeExpired:
        return with_security_headers(console, _form(console, 401, EXPIRED, typed))
    if entry is None:
        return with_security_headers(console, _form(console, 401, WRONG, typed))
    response = RedirectResponse(HOME_PATH, 303)
    console.cookies.put(response, console.cookies.session, entry.session_token)
    console.cookies.put_lasting(response, console.cookies.device, entry.device_token, LIFETIME_S)
    console.cookies.drop(response, console.cookies.form)
    return with_security_headers(console, response)


async def leave(console: ConsoleDeps, visit: Visit) -> Response:
    """End the login, here and in the browser."""
    token = visit.request.cookies.get(console.cookies.session, "")
    actor = audit.actor_of(visit.officer.login)
    async with console.deps.console_db.unit_of_work() as connection:
        await close_session(connection, token)
        await audit.record(connection, console.deps.machine_now(), actor, "logout", actor)
    response = RedirectResponse(LOGIN_PATH, 303)
    console.cookies.drop(response, console.cookies.session)
    return response


async def _typed(console: ConsoleDeps, request: Request) -> tuple[LoginForm, str]:
    """Return what is tried, and the login as it was typed, which the form keeps."""
    check_origin(console, request)
    form = await read_form(request, FORM_BYTES_MAX)
    try:
        tie = request.cookies.get(console.cookies.form, "")
        if not tie or not same(field_of(form, "csrf"), tie):
            raise PageRefused(403, "Formulaire périmé", "Rechargez la page de connexion et recommencez.")
        typed = field_of(form, "login")
        login = typed.strip().lower()
        tried = LoginForm(
            # What cannot be a login is nobody's; it gets the same answer after the same work.
            login=login if LOGIN_SHAPE.fullmatch(login) else "",
            password=field_of(form, "password"),
            address=request.client.host if request.client else "",
            previous_token=request.cookies.get(console.cookies.session, ""),
            device_token=request.cookies.get(console.cookies.device, ""),
        )
        return tried, typed[:LOGIN_CHARS_MAX]
    finally:
        await form.close()


def _form(console: ConsoleDeps, status: int, fault: str = "", typed: str = "") -> Response:
    tie = console.deps.ids.token()
    response = page(
        "login.html", status, officer=None, local_mode=console.deps.local_mode, here="", fault=fault, csrf=tie,
        is_wrong=fault in {WRONG, EXPIRED}, typed=typed,
    )  # fmt: skip
    console.cookies.put(response, console.cookies.form, tie)
    return response
