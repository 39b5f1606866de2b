"""The first screen: who we think is calling, until when rights are open, and what can be done."""

from ussd_flows.facts import Registered
from ussd_flows.gsm7 import shorten, to_gsm7
from ussd_flows.menu import HOME, Entry, Goto, Menu, Page, View
from ussd_flows.menus.rights import rights_line
from ussd_flows.texts import say

_NAME_SEPTETS = 18


def _render(view: View) -> Page:
    caller = view.facts.caller
    return _for_unknown(view) if caller is None else _for_registered(caller, view)


def _for_unknown(view: View) -> Page:
    register = (Entry("register_name", say("home.register")),) if view.facts.activities else ()
    return Page(say("home.unknown"), (*register, Entry("help", say("home.help"))))


def _for_registered(caller: Registered, view: View) -> Page:
    pay = Entry("waiting", say("home.waiting")) if view.facts.open_request else Entry("pay_amount", say("home.pay"))
    return Page(
        say("home.registered", name=shorten(to_gsm7(caller.name), _NAME_SEPTETS), rights=rights_line(caller)),
        (
            pay,
            Entry("situation", say("home.situation")),
            Entry("receipts", say("home.receipts")),
            Entry("help", say("home.help")),
        ),
    )


def _accept(_view: View, answer: str) -> Goto:
    return Goto(answer)


MENU = Menu(
    name=HOME,
    render=_render,
    accept=_accept,
    leads_to=frozenset({"register_name", "pay_amount", "waiting", "situation", "receipts", "help"}),
)
