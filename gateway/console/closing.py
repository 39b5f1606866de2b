"""Closing a day in the console: by somebody who may, under her password, with what is missing said first."""

from typing import Final

from starlette.responses import RedirectResponse, Response

from gateway.console.account import BUSY, TOO_SOON, FormFault, login_form
from gateway.console.auth.access import MustWait, OwnPasswordNeeded
from gateway.console.auth.audit import actor_of
from gateway.console.auth.passwords import PasswordsBusy
from gateway.console.auth.roles import RIGHTS, Right
from gateway.console.day_page import show_day
from gateway.console.deps import ConsoleDeps, Visit
from gateway.console.guard import HOME_PATH, field_of
from gateway.console.pages import read_known_day
from gateway.money.close_day import DayToClose, DayUnexplained, close
from gateway.reports.closing_sentences import refusal_sentence
from payments.reconciliation.close import DayNotClosable

WRONG: Final = "Ce n'est pas votre mot de passe. Rien n'a été clos."
NOT_HER_OWN: Final = "Choisissez d'abord votre propre mot de passe, sous « mon compte ». Rien n'a été clos."
UNEXPLAINED: Final = "Il manque encore quelque chose à cette journée : dites-le dans la remarque, ou attendez."


async def close_day(console: ConsoleDeps, visit: Visit) -> Response:
    """Seal a day under the name of the colleague who gives her password, or show the day with what keeps it open."""
    day = read_known_day(field_of(visit.form, "jour"), visit.now.date())
    remarks = field_of(visit.form, "remarks").strip()
    wanted = DayToClose(day, actor_of(visit.officer.login), remarks or None)
    fault = await _fault_of_signer(console, visit) or await _fault_of_day(console, wanted)
    if fault is not None:
        return await show_day(console, visit, day, fault=fault, remarks=remarks)
    return RedirectResponse(f"{HOME_PATH}?jour={day}&close=1", 303)


async def _fault_of_signer(console: ConsoleDeps, visit: Visit) -> FormFault | None:
    form = login_form(console, visit, field_of(visit.form, "password"))
    try:
        role = await console.logins.role_of(form, console.deps.machine_now(), from_network=True)
    except MustWait as told:
        return FormFault("", TOO_SOON.format(wait_s=told.wait_s), 429)
    except PasswordsBusy:
        return FormFault("", BUSY, 503)
    except OwnPasswordNeeded:
        return FormFault("", NOT_HER_OWN, 403)
    return None if role is not None and Right.CLOSE in RIGHTS[role] else FormFault("password", WRONG)


async def _fault_of_day(console: ConsoleDeps, wanted: DayToClose) -> FormFault | None:
    try:
        await close(console.reconciling, wanted)
    except DayNotClosable as refused:
        return FormFault("", refusal_sentence(refused), 409)
    except DayUnexplained:
        return FormFault("remarks", UNEXPLAINED, 409)
    return None
