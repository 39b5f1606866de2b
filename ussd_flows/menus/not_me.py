"""A number that changed hands: whoever has it now says so once, and reads nothing more of the household."""

from typing import Final

from ussd_flows.effects import HoldNumber
from ussd_flows.facts import Registered
from ussd_flows.gsm7 import shorten, to_gsm7
from ussd_flows.menu import Do, Goto, Menu, MenuEntry, Page, View, for_registered
from ussd_flows.menus.help import with_help
from ussd_flows.texts import message

_YES: Final = "yes"
_NAME_SEPTETS: Final = 18


@for_registered
def _render(caller: Registered, _view: View) -> Page:
    text = message("not_me.text", name=shorten(to_gsm7(caller.name), _NAME_SEPTETS))
    return Page(text, (MenuEntry(_YES, message("not_me.yes")),))


@for_registered
def _accept(caller: Registered, _view: View, _answer: str) -> Do:
    return Do(HoldNumber(caller.household_id), Goto("held"))


def _render_held(view: View) -> Page:
    register = (MenuEntry("register_name", message("home.register")),) if view.facts.activities else ()
    return Page(with_help("not_me.held", view.facts), register)


def _accept_held(_view: View, answer: str) -> Goto:
    return Goto(answer)


MENUS = (
    Menu(name="not_me", render=_render, accept=_accept, leads_to=frozenset({"held"}), acts=True),
    Menu(name="held", render=_render_held, accept=_accept_held, leads_to=frozenset({"register_name"})),
)
