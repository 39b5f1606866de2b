"""A payment that was asked for and not answered yet: no second prompt while it waits."""

from typing import assert_never

from ussd_flows.amounts import show
from ussd_flows.facts import OpenRequest, Registered, RequestState
from ussd_flows.gsm7 import shorten, to_gsm7
from ussd_flows.menu import HOME, Goto, Menu, MenuEntry, Page, Reask, View, for_registered
from ussd_flows.texts import message

_WALLET_SEPTETS = 20


@for_registered
def _render(_caller: Registered, view: View) -> Page | Goto:
    request = view.facts.open_request
    if request is None:
        return Goto(HOME, notice=message("waiting.answered"))
    return Page(_text(request), (MenuEntry("check", message("waiting.check")),))


def _text(request: OpenRequest) -> str:
    reference = request.reference
    amount = show(request.amount_xof)
    wallet = shorten(to_gsm7(request.wallet_label), _WALLET_SEPTETS)
    match request.state:
        case RequestState.WAITING:
            return message("waiting.prompt", reference=reference, amount=amount, wallet=wallet)
        case RequestState.CHECKING:
            return message("waiting.checking", reference=reference, amount=amount, wallet=wallet)
        case _:
            assert_never(request.state)


def _accept(view: View, _answer: str) -> Reask | Goto:
    # The facts of this turn are the check: they were read a moment ago.
    return (
        Reask(message("waiting.still")) if view.facts.open_request else Goto(HOME, notice=message("waiting.answered"))
    )


MENU = Menu(name="waiting", render=_render, accept=_accept, leads_to=frozenset())
