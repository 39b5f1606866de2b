"""What stands before every page: who, with which right, from which page, and under which headers."""

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Message

from gateway.console.auth.roles import Right
from gateway.console.auth.sessions import Officer, officer_of
from gateway.console.deps import ConsoleDeps, PageHandler, PageRefused, Visit
from gateway.console.form_tokens import masked, unmasked
from gateway.console.rendering import page
from gateway.infra.compression import compress

log = structlog.stdlib.get_logger()

Endpoint = Callable[[Request], Awaitable[Response]]

LOGIN_PATH = "/finance/connexion"
HOME_PATH = "/finance/"
ACCOUNT_PATH = "/finance/compte"

#: Enough for every form that carries no file.
FORM_BYTES_MAX = 16 * 1024
FIELD_BYTES_MAX = 4 * 1024
FIELDS_MAX = 8
LENGTH_DIGITS_MAX = 18

POLICY_HEADER = "Content-Security-Policy"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)
#: For the one page that looks again by itself; every other one runs no script at all.
POLICY_WITH_SCRIPT = f"{POLICY}; script-src 'self'; connect-src 'self'"

#: OWASP ASVS 5.0, 3.4: nothing from elsewhere, nothing inline, no frame. The referrer policy must let a browser send
#: the Origin header with our own forms, which "no-referrer" would empty.
SECURITY_HEADERS = {
    POLICY_HEADER: POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
UNAVAILABLE = PageRefused(
    503,
    "Service indisponible",
    "Réessayez dans un instant. Un relevé peut être renvoyé : le même fichier ne compte qu'une fois.",
)
RETRY_AFTER_S = "5"
HSTS = "max-age=63072000; includeSubDomains"


@dataclass(frozen=True, slots=True)
class Guarded:
    """One page that takes a login; ``body_bytes_max`` bounds what a form may send."""

    path: str
    method: str
    right: Right
    handler: PageHandler
    body_bytes_max: int = FORM_BYTES_MAX


async def who_asks(console: ConsoleDeps, request: Request) -> Officer | None:
    """Return the colleague whose browser asks; a stranger costs no connection to the database."""
    token = request.cookies.get(console.cookies.session)
    if not token:
        return None
    async with console.deps.console_db.single() as connection:
        officer = await officer_of(connection, token, console.rules, console.deps.machine_now())
    # Pages are compressed, and each writes the token of its forms in another way.
    return officer and replace(officer, csrf_token=masked(officer.csrf_token, console.deps.ids.token()))


def endpoint(console: ConsoleDeps, guarded: Guarded) -> Endpoint:
    """Return the function that answers a request for a guarded page."""

    async def answer(request: Request) -> Response:
        officer = await who_asks(console, request)
        if officer is None:
            return with_security_headers(console, RedirectResponse(LOGIN_PATH, 303))
        if _belongs_elsewhere(officer, guarded):
            return with_security_headers(console, RedirectResponse(ACCOUNT_PATH, 303))
        try:
            async with _checked_form(console, request, officer, guarded) as form:
                visit = Visit(request, console.deps.clock.now(), officer, form)
                response = await guarded.handler(console, visit)
        except PageRefused as refused:
            response = refusal(console, refused, officer)
        return with_security_headers(console, await compress(response, accepted_encodings(request)))

    return answer


def _belongs_elsewhere(officer: Officer, guarded: Guarded) -> bool:
    """Return whether a colleague is led to her account: to choose a password, or because her role has no first page."""
    lost = officer.must_choose or guarded.path == HOME_PATH
    return lost and not officer.may(guarded.right)


def accepted_encodings(request: Request) -> str:
    """Return what a browser says of the encodings that it takes."""
    return ",".join(request.headers.getlist("accept-encoding"))


def on_db_unavailable(console: ConsoleDeps, answer: Endpoint) -> Endpoint:
    """Answer with a page for people when the database, or the disk that files pass over, cannot."""

    async def guarded_answer(request: Request) -> Response:
        try:
            return await answer(request)
        except (PoolTimeout, OperationalError, InterfaceError, OSError) as failure:
            log.warning("finance.unavailable", kind=type(failure).__name__)
        response = refusal(console, UNAVAILABLE, None)
        response.headers["Retry-After"] = RETRY_AFTER_S
        return with_security_headers(console, response)

    return guarded_answer


def refusal(console: ConsoleDeps, refused: PageRefused, officer: Officer | None) -> Response:
    """Return the page that says why not."""
    return page(
        "refused.html", refused.status, officer=officer, local_mode=console.deps.local_mode, here="", refused=refused
    )


def with_security_headers(console: ConsoleDeps, response: Response) -> Response:
    """Put the headers on a response; nothing about money stays in any cache."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    if not console.deps.local_mode:
        response.headers["Strict-Transport-Security"] = HSTS
    return response


def check_origin(console: ConsoleDeps, request: Request) -> None:
    """Refuse a form that comes from another site."""
    origins = request.headers.getlist("origin")
    if not origins:
        allowed = request.headers.get("sec-fetch-site") == "same-origin"
    else:
        ours = urlsplit(console.deps.public_url)
        allowed = origins == [f"{ours.scheme}://{ours.netloc}"] or (
            # On one's own machine the same page has several names.
            console.deps.local_mode and origins == [f"http://{request.headers.get('host', '')}"]
        )
    if not allowed:
        raise PageRefused(403, "Formulaire refusé", "Ce formulaire ne vient pas de la console. Rien n'a été fait.")


async def read_form(request: Request, bytes_max: int) -> FormData:
    """Read a form, counting what really arrives; more than ``bytes_max`` is refused as soon as it is known."""
    too_large = PageRefused(413, "Envoi trop grand", f"La limite est de {_size(bytes_max)}. Rien n'a été enregistré.")
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:LENGTH_DIGITS_MAX]) > bytes_max:
        raise too_large
    received_bytes = 0

    async def counted() -> Message:
        nonlocal received_bytes
        message = await request.receive()
        received_bytes += len(message.get("body", b""))
        if received_bytes > bytes_max:
            raise too_large
        return message

    try:
        return await Request(request.scope, counted).form(
            max_files=1, max_fields=FIELDS_MAX, max_part_size=FIELD_BYTES_MAX
        )
    except HTTPException:
        raise PageRefused(400, "Formulaire illisible", "Le formulaire reçu est mal formé. Rien n'a été fait.") from None


def field_of(form: FormData, name: str) -> str:
    """Return a field that must stand in a form exactly once, as text."""
    values = form.getlist(name)
    if len(values) != 1 or not isinstance(values[0], str):
        raise PageRefused(
            400, "Formulaire incomplet", "Un champ du formulaire manque ou est répété. Rien n'a été fait."
        )
    return values[0]


def same(given: str, expected: str) -> bool:
    """Compare two secrets in a time that tells nothing."""
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


@asynccontextmanager
async def _checked_form(
    console: ConsoleDeps, request: Request, officer: Officer, guarded: Guarded
) -> AsyncIterator[FormData]:
    if not officer.may(guarded.right):
        raise PageRefused(403, "Accès refusé", "Votre rôle ne donne pas accès à cette page.")
    if guarded.method != "POST":
        yield FormData()
        return
    check_origin(console, request)
    form = await read_form(request, guarded.body_bytes_max)
    try:
        if not same(unmasked(field_of(form, "csrf")), unmasked(officer.csrf_token)):
            raise PageRefused(403, "Formulaire périmé", "Rechargez la page et recommencez. Rien n'a été fait.")
        yield form
    finally:
        await form.close()


def _size(size_bytes: int) -> str:
    kilobytes = size_bytes // 1024
    return f"{kilobytes // 1024} Mo" if kilobytes >= 1024 else f"{kilobytes} ko"  # noqa: PLR2004 - kilo in mega
