"""What the household owes, what it has paid, and until when it is covered."""

from ussd_flows.amounts import show, show_date
from ussd_flows.effects import SendDetail
from ussd_flows.facts import Registered
from ussd_flows.menu import Finish, Goto, Menu, MenuEntry, Page, View, for_registered
from ussd_flows.menus.rights import short_rights_line
from ussd_flows.texts import message

_DETAIL = "detail"


@for_registered
def _render(caller: Registered, _view: View) -> Page:
    lines = [
        message(
            "situation.text",
            paid=show(caller.paid_xof),
            due=show(caller.due_xof),
            remaining=show(caller.remaining_xof),
            rights=short_rights_line(caller),
        )
    ]
    # One more line fits: money of theirs matters more than a date, and what we cannot place more than what we keep.
    if caller.suspense_xof:
        lines.append(message("situation.suspense", suspense=show(caller.suspense_xof)))
    elif caller.advance_xof:
        lines.append(message("situation.advance", advance=show(caller.advance_xof)))
    elif caller.next_due_on:
        lines.append(message("situation.due_on", day=show_date(caller.next_due_on)))
    return Page(
        "\n".join(lines),
        (MenuEntry("pay_amount", message("situation.pay")), MenuEntry(_DETAIL, message("situation.detail"))),
    )


@for_registered
def _accept(caller: Registered, _view: View, answer: str) -> Goto | Finish:
    if answer == _DETAIL:
        return Finish(SendDetail(caller.household_id), message("situation.sent"))
    return Goto(answer)


MENU = Menu(name="situation", render=_render, accept=_accept, leads_to=frozenset({"pay_amount"}), acts=True)
