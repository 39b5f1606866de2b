"""The first screen: who we think is calling, until when rights are open, and what can be done.

Whoever is not that person says so here, where there is room for it, and behind Suite in any case.
"""

from ussd_flows.amounts import show
from ussd_flows.facts import Registered
from ussd_flows.gsm7 import septets, shorten, to_gsm7
from ussd_flows.menu import HOME, Goto, Menu, MenuEntry, Page, View
from ussd_flows.menus.help import with_help
from ussd_flows.menus.rights import rights_line
from ussd_flows.screen import HARD_SEPTETS, WISHED_SEPTETS
from ussd_flows.texts import message

_NAME_SEPTETS = 18


def _render(view: View) -> Page:
    caller = view.facts.caller
    return _for_unknown(view) if caller is None else _for_registered(caller, view)


def _for_unknown(view: View) -> Page:
    register = (MenuEntry("register_name", message("home.register")),) if view.facts.activities else ()
    text = with_help("home.held", view.facts) if view.facts.is_number_held else message("home.unknown")
    return Page(text, (*register, MenuEntry("help", message("home.help"))))


def _for_registered(caller: Registered, view: View) -> Page:
    pay = (
        MenuEntry("waiting", message("home.waiting"))
        if view.facts.open_request
        else MenuEntry("pay_amount", message("home.pay"))
    )
    lines = [message("home.registered", name=shorten(to_gsm7(caller.name), _NAME_SEPTETS))]
    lines.append(rights_line(caller, view.facts.help_number))
    if caller.remaining_xof:
        lines.append(message("home.to_pay", amount=show(caller.remaining_xof)))
    elif caller.advance_xof:
        lines.append(message("home.advance", amount=show(caller.advance_xof)))
    entries = (pay, MenuEntry("situation", message("home.situation")), MenuEntry("more", message("home.more")))
    with_not_me = (*entries, MenuEntry("not_me", message("home.not_me")))
    return Page("\n".join(lines), with_not_me if _fits(lines, with_not_me) else entries)


def _fits(lines: list[str], entries: tuple[MenuEntry, ...]) -> bool:
    shown = [*lines, *(f"{key}. {entry.label}" for key, entry in enumerate(entries, start=1))]
    return (septets("\n".join(shown)) or HARD_SEPTETS) <= WISHED_SEPTETS


def _render_more(view: View) -> Page | Goto:
    if view.facts.caller is None:
        return Goto(HOME)
    return Page(
        message("more.title"),
        (
            MenuEntry("receipts", message("more.receipts")),
            MenuEntry("household", message("more.household")),
            MenuEntry("not_me", message("home.not_me")),
            MenuEntry("help", message("more.help")),
        ),
    )


def _accept(_view: View, answer: str) -> Goto:
    return Goto(answer)


MENUS = (
    Menu(
        name=HOME,
        render=_render,
        accept=_accept,
        leads_to=frozenset({"register_name", "pay_amount", "waiting", "situation", "more", "help", "not_me"}),
    ),
    Menu(
        name="more",
        render=_render_more,
        accept=_accept,
        leads_to=frozenset({"receipts", "household", "help", "not_me"}),
    ),
)
