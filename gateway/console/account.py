"""A colleague's own account: who she is to the console, and the password that she alone knows."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import RedirectResponse, Response

from gateway.console.auth.access import LoginForm, MustWait
from gateway.console.auth.passwords import PasswordsBusy
from gateway.console.auth.staff import OwnPassword, StaffRefused, checked_password, choose
from gateway.console.deps import ConsoleDeps, Visit
from gateway.console.guard import ACCOUNT_PATH, HOME_PATH, field_of
from gateway.console.pages import labelled_page

NOT_HERS: Final = "Ce n'est pas votre mot de passe actuel. Rien n'a été changé."
DIFFERENT: Final = "Les deux saisies du nouveau mot de passe diffèrent. Rien n'a été changé."
THE_SAME: Final = "Le nouveau mot de passe est l'ancien : choisissez-en un autre."
TOO_SOON: Final = "Trop d'essais de suite. Réessayez dans {wait_s} s."
BUSY: Final = "Trop de connexions en même temps. Réessayez dans quelques secondes."


@dataclass(frozen=True, slots=True)
class FormFault:
    """What is wrong with a form that was sent: the field it stands at, empty for none, and the answer's status."""

    field: str
    sentence: str
    status: int = 422


async def account_page(console: ConsoleDeps, visit: Visit) -> Response:
    """Show a colleague her account and the form by which she chooses a password."""
    changed = visit.request.query_params.get("change") == "1"
    return labelled_page(console, visit, "account.html", "compte", changed=changed, fault=None)


async def change_password(console: ConsoleDeps, visit: Visit) -> Response:
    """Keep the password that a colleague chose, once she has shown that she knows the one she has."""
    current, new, again = (field_of(visit.form, name) for name in ("current", "new", "again"))
    fault = _fault_of_new(console, visit, current, new, again) or await _fault_of_current(console, visit, current)
    if fault is not None:
        return labelled_page(console, visit, "account.html", "compte", status=fault.status, changed=False, fault=fault)
    async with console.passwords.slot():
        hashed = await console.passwords.hashed(new)
    cookies = visit.request.cookies
    own = OwnPassword(
        visit.officer.staff_id, visit.officer.login, hashed,
        cookies.get(console.cookies.session, ""), cookies.get(console.cookies.device, ""),
    )  # fmt: skip
    now = console.deps.machine_now()
    await console.deps.console_db.transact(lambda connection: choose(connection, own, now))
    return RedirectResponse(HOME_PATH if visit.officer.must_choose else f"{ACCOUNT_PATH}?change=1", 303)


def _fault_of_new(console: ConsoleDeps, visit: Visit, current: str, new: str, again: str) -> FormFault | None:
    if new != again:
        return FormFault("again", DIFFERENT)
    if new == current:
        return FormFault("new", THE_SAME)
    try:
        checked_password(new, visit.officer.login, local_mode=console.deps.local_mode)
    except StaffRefused as refused:
        return FormFault("new", str(refused))
    return None


async def _fault_of_current(console: ConsoleDeps, visit: Visit, current: str) -> FormFault | None:
    try:
        knows = await console.logins.confirms(login_form(console, visit, current), console.deps.machine_now())
    except MustWait as told:
        return FormFault("", TOO_SOON.format(wait_s=told.wait_s), 429)
    except PasswordsBusy:
        return FormFault("", BUSY, 503)
    return None if knows else FormFault("current", NOT_HERS)


def login_form(console: ConsoleDeps, visit: Visit, password: str) -> LoginForm:
    """Return what a colleague who is in gives once more: her password, from the browser in front of her."""
    request = visit.request
    return LoginForm(
        login=visit.officer.login,
        password=password,
        address=request.client.host if request.client else "",
        device_token=request.cookies.get(console.cookies.device, ""),
    )
