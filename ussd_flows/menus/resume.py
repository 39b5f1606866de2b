"""A dialogue that was dropped in the middle: whether to go on with it, or to begin anew."""

from typing import Final

from ussd_flows.amounts import show
from ussd_flows.menu import HOME, Goto, Menu, MenuEntry, Page, View
from ussd_flows.texts import message

RESUME: Final = "resume"
#: The menu that was left stands among what is known beside what its caller had said by then.
LEFT: Final = "left"
_GO_ON: Final = "go_on"
_ANEW: Final = "anew"


def _render(view: View) -> Page:
    amount_xof = view.data.get("amount_xof")
    text = message("resume.paying", amount=show(int(amount_xof))) if amount_xof else message("resume.registering")
    return Page(text, (MenuEntry(_GO_ON, message("resume.go_on")), MenuEntry(_ANEW, message("resume.anew"))))


def _accept(view: View, answer: str) -> Goto:
    # What was left is shown, never answered: facts are read anew, and what it asks is asked again.
    return Goto(view.data[LEFT]) if answer == _GO_ON else Goto(HOME)


MENU = Menu(
    name=RESUME,
    render=_render,
    accept=_accept,
    leads_to=frozenset(
        {
            "pay_warning",
            "pay_wallet",
            "pay_confirm",
            "register_activity",
            "register_place",
            "register_pick",
            "register_region",
            "register_cercle",
            "register_other",
            "register_people",
            "register_many",
            "register_confirm",
        }
    ),
    needs=frozenset({LEFT}),
    leaves_no_trail=True,
)
