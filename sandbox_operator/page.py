"""The page with which a person plays the payer; it works without scripts and loads nothing from elsewhere."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox_operator import actions, deliver
from sandbox_operator.api import ApiDeps
from sandbox_operator.model import (
    MAX_AMOUNT_XOF,
    MAX_REFERENCE_CHARS,
    Delivery,
    Outage,
    PromptAnswer,
    Switches,
    UnaskedPayment,
    WalletAccount,
)

TEMPLATES = Path(__file__).parent / "templates"
RECENT_COUNT = 20
CALLBACKS_SHOWN = 500
DELAY_S = 30
REPEATS = 3
AUTO_APPROVE_S = 5

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
_LOCAL_NUMBER = re.compile(r"[24-9][0-9]{7}")
_FOREIGN_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_AMOUNT = re.compile(r"[1-9][0-9]{0,8}")

_DECISIONS: Mapping[str, PromptAnswer] = {
    "approuver": PromptAnswer(do="approve"),
    "refuser": PromptAnswer(do="refuse"),
    "repeter": PromptAnswer(do="approve", callbacks=REPEATS),
    "retarder": PromptAnswer(do="approve", after_s=DELAY_S),
    "sans-avis": PromptAnswer(do="approve", callbacks=0),
}

FormFields = Mapping[str, str]
FormHandler = Callable[[FormFields, Request, ApiDeps], None]


class FormRefused(Exception):
    """Something typed that cannot be used; the text is for the person who typed it."""


def routes(deps: ApiDeps) -> list[Route]:
    """Return the pages and the forms they post."""
    whole, lists = _template("page.html"), _template("live.html")

    async def home(request: Request) -> Response:
        del request
        return _rendered(whole, deps)

    async def live(request: Request) -> Response:
        del request
        return _rendered(lists, deps)

    async def callbacks(request: Request) -> Response:
        del request
        return _callbacks(deps)

    async def callback(request: Request) -> Response:
        return _callback(deps, request.path_params["delivery_id"])

    def posted(handler: FormHandler) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            if request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
                return PlainTextResponse("Envoyé depuis une autre page: refusé.", 403)
            form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
            try:
                handler(form, request, deps)
            except (FormRefused, actions.ActionRefused) as refusal:
                return _rendered(whole, deps, str(refusal), form)
            return RedirectResponse("/", 303)

        return guarded

    return [
        Route("/", home),
        Route("/live", live),
        Route("/avis", callbacks),
        Route("/avis/{delivery_id:uuid}", callback),
        Route("/page.css", _asset("page.css", "text/css")),
        Route("/page.js", _asset("page.js", "text/javascript")),
        Route("/do/prompt/{server_id:uuid}", posted(_decide), methods=["POST"]),
        Route("/do/transaction/{reference}", posted(_transaction), methods=["POST"]),
        Route("/do/payment", posted(_pay), methods=["POST"]),
        Route("/do/wallet", posted(_wallet), methods=["POST"]),
        Route("/do/switches", posted(_switches), methods=["POST"]),
    ]


def francs(amount_xof: int) -> str:
    """Write an amount with plain spaces between thousands."""
    return f"{amount_xof:,} F".replace(",", " ")


def indented(body: str) -> str:
    """Write JSON so that people can read it, and anything else as it is."""
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return body


@cache
def _template(name: str) -> Template:
    """Return a page or a part of one; it is compiled once in a process, which takes a while."""
    templates = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    templates.filters.update(francs=francs, indented=indented)
    return templates.get_template(name)


def _rendered(template: Template, deps: ApiDeps, refusal: str = "", typed: FormFields | None = None) -> Response:
    books, today = deps.operator.books, deps.clock().date()
    recent = sorted(books.transactions.values(), key=lambda row: row.at, reverse=True)[:RECENT_COUNT]
    content = template.render(
        prompts=books.open_prompts(),
        recent=recent,
        undelivered=_undelivered(deps, today),
        sent=_newest_first(deps)[:RECENT_COUNT],
        switches=books.switches,
        today=today,
        yesterday=today - timedelta(days=1),
        delay_s=DELAY_S,
        repeats=REPEATS,
        merchant=deps.operator.merchant,
        refusal=refusal,
        typed=typed or {},
    )
    return HTMLResponse(content, 400 if refusal else 200, headers=_HEADERS)


def _callbacks(deps: ApiDeps) -> Response:
    """Show every callback, the newest first."""
    every = _newest_first(deps)
    shown = every[:CALLBACKS_SHOWN]
    return HTMLResponse(_template("callbacks.html").render(sent=shown, count=len(every)), headers=_HEADERS)


def _callback(deps: ApiDeps, delivery_id: UUID) -> Response:
    """Show what one callback sent and what came back, each time it was tried."""
    delivery = deps.operator.books.deliveries.get(delivery_id)
    if delivery is None:
        return PlainTextResponse("Aucun avis de ce numéro.", 404)
    content = _template("callback.html").render(delivery=delivery, method=deliver.METHOD, headers_of=deliver.headers_of)
    return HTMLResponse(content, headers=_HEADERS)


def _newest_first(deps: ApiDeps) -> list[Delivery]:
    # Books keep the order in which callbacks were made.
    return list(reversed(deps.operator.books.deliveries.values()))


def _undelivered(deps: ApiDeps, today: date) -> int:
    deliveries = deps.operator.books.deliveries.values()
    return sum(row.next_at is not None and row.next_at.date() <= today for row in deliveries)


def _asset(name: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    content = (TEMPLATES / name).read_bytes()

    async def asset(request: Request) -> Response:
        del request
        return Response(content, media_type=media_type, headers={"X-Content-Type-Options": "nosniff"})

    return asset


def _decide(form: FormFields, request: Request, deps: ApiDeps) -> None:
    server_id: UUID = request.path_params["server_id"]
    chosen = form.get("faire", "")
    if chosen == "ignorer":
        actions.ignore(deps.operator, server_id)
    elif chosen == "autre-montant":
        decision = PromptAnswer(do="approve", amount_xof=_amount(form.get("montant", "")))
        actions.decide(deps.operator, server_id, decision, deps.clock())
    elif chosen in _DECISIONS:
        actions.decide(deps.operator, server_id, _DECISIONS[chosen], deps.clock())
    else:
        raise FormRefused("Choix inconnu.")


def _transaction(form: FormFields, request: Request, deps: ApiDeps) -> None:
    reference: str = request.path_params["reference"]
    match form.get("faire"):
        case "renvoyer":
            actions.repeat_callback(deps.operator, reference, 1, deps.clock())
        case "annuler":
            actions.reverse(deps.operator, reference, 1, deps.clock())
        case _:
            raise FormRefused("Choix inconnu.")


def _pay(form: FormFields, request: Request, deps: ApiDeps) -> None:
    del request
    reference = form.get("reference", "").strip()
    if len(reference) > MAX_REFERENCE_CHARS or not (reference.isascii() and reference.isprintable()):
        raise FormRefused(f"La référence: {MAX_REFERENCE_CHARS} lettres, chiffres ou signes simples au plus.")
    payment = UnaskedPayment(
        payer_msisdn=_number(form.get("numero", "")),
        amount_xof=_amount(form.get("montant", "")),
        reference=reference or None,
        callbacks=0 if form.get("avis") == "non" else 1,
    )
    actions.pay_unasked(deps.operator, payment, deps.clock())


def _wallet(form: FormFields, request: Request, deps: ApiDeps) -> None:
    del request
    written = form.get("solde", "").replace(" ", "")
    balance_xof = 0 if written == "0" else _amount(written)
    try:
        deps.operator.books.write(WalletAccount(msisdn=_number(form.get("numero", "")), balance_xof=balance_xof))
    except ValidationError as error:
        raise FormRefused("Ce solde ne peut pas être tenu.") from error


def _switches(form: FormFields, request: Request, deps: ApiDeps) -> None:
    del request
    try:
        outage = Outage(form.get("panne", "none"))
    except ValueError as error:
        raise FormRefused("Panne inconnue.") from error
    auto = AUTO_APPROVE_S if form.get("auto") == "oui" else None
    deps.operator.books.write(Switches(auto_approve_s=auto, outage=outage))


def _number(written: str) -> str:
    digits = written.translate(str.maketrans("", "", " .-\u00a0"))
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    if _LOCAL_NUMBER.fullmatch(digits):
        return "+223" + digits
    if _FOREIGN_NUMBER.fullmatch(digits):
        return digits
    raise FormRefused("Le numéro: huit chiffres, ou un numéro international avec +.")


def _amount(written: str) -> int:
    digits = written.replace(" ", "").replace("\u00a0", "")
    if _AMOUNT.fullmatch(digits) is None:
        raise FormRefused(f"Le montant: un nombre entier de francs, de 1 à {francs(MAX_AMOUNT_XOF)}.")
    return int(digits)
