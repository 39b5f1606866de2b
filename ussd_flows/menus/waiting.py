"""A payment that was asked for and not answered yet: no second prompt while it waits."""

from typing import Final, assert_never

from ussd_flows.amounts import show
from ussd_flows.effects import AskAboutPayment
from ussd_flows.facts import OpenRequest, Registered, RequestState
from ussd_flows.gsm7 import shorten, to_gsm7
from ussd_flows.menu import HOME, Do, Goto, Menu, MenuEntry, Page, View, for_registered
from ussd_flows.texts import message

_WALLET_SEPTETS: Final = 16
_CHECK: Final = "check"
_NOTHING_CAME: Final = "nothing_came"


@for_registered
def _render(_caller: Registered, view: View) -> Page | Goto:
    request = view.facts.open_request
    if request is None:
        return Goto(HOME, notice=message("waiting.answered"))
    entries = (MenuEntry(_CHECK, message("waiting.check")), MenuEntry(_NOTHING_CAME, message("waiting.nothing_came")))
    return Page(_text(request), entries)


def _text(request: OpenRequest) -> str:
    said = {
        "reference": request.reference,
        "amount": show(request.amount_xof),
        "wallet": shorten(to_gsm7(request.wallet_label), _WALLET_SEPTETS),
        "minutes": str(request.waits_min),
    }
    match request.state:
        case RequestState.WAITING:
            return message("waiting.prompt", **said)
        case RequestState.CHECKING:
            return message("waiting.checking", **said)
        case _:
            assert_never(request.state)


@for_registered
def _accept(caller: Registered, view: View, answer: str) -> Goto | Do:
    if view.facts.open_request is None:
        return Goto(HOME, notice=message("waiting.answered"))
    if answer == _NOTHING_CAME:
        return Do(AskAboutPayment(caller.household_id), Goto("waiting", notice=message("waiting.asked")))
    # The facts of this turn are the check: they were read a moment ago.
    return Goto("waiting", notice=message("waiting.still"))


MENU = Menu(name="waiting", render=_render, accept=_accept, leads_to=frozenset({"waiting"}), acts=True)
