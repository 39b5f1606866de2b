"""What the household owes now, on which days it is covered, what it has paid, and what comes next."""

from typing import Final

from ussd_flows.amounts import show, show_date
from ussd_flows.effects import SendDetail
from ussd_flows.facts import Registered
from ussd_flows.gsm7 import septets
from ussd_flows.menu import Finish, Goto, Menu, MenuEntry, Page, View, for_registered
from ussd_flows.menus.rights import rights_line
from ussd_flows.screen import WISHED_SEPTETS
from ussd_flows.texts import message

_DETAIL: Final = "detail"
_MORE: Final = "situation_more"
_PART: Final = "part"
#: What four keys of up to three digits and their words take: Payer, Par SMS, Suite, Retour.
_KEYS_SEPTETS: Final = 52


@for_registered
def _render(caller: Registered, view: View) -> Page:
    first, *others = _parts(caller, view.facts.help_number)
    pay = MenuEntry("pay_amount", message("situation.pay"))
    return Page("\n".join(first), (pay, MenuEntry(_DETAIL, message("situation.detail")), *_more(others)))


@for_registered
def _render_more(caller: Registered, view: View) -> Page | Goto:
    _, *others = _parts(caller, view.facts.help_number)
    number = int(view.data.get(_PART, "0"))
    if number >= len(others):
        return Goto("situation")
    return Page("\n".join(others[number]), _more(others[number + 1 :]))


@for_registered
def _accept_more(_caller: Registered, view: View, _answer: str) -> Goto:
    return Goto(_MORE, {_PART: str(int(view.data.get(_PART, "0")) + 1)})


def _more(others: list[list[str]]) -> tuple[MenuEntry, ...]:
    return (MenuEntry(_MORE, message("situation.more")),) if others else ()


def _parts(caller: Registered, help_number: str) -> list[list[str]]:
    """Return the lines as screens have room for them, at least one on each."""
    parts: list[list[str]] = [[]]
    for line in _lines(caller, help_number):
        if parts[-1] and _cost([*parts[-1], line]) > WISHED_SEPTETS - _KEYS_SEPTETS:
            parts.append([])
        parts[-1].append(line)
    return parts


def _lines(caller: Registered, help_number: str) -> list[str]:
    """Return what there is to say, first what she is asked for and what that gives her."""
    to_pay = {"amount": show(caller.remaining_xof)}
    owes = (
        message("situation.to_pay_for", arrears=caller.arrears, **to_pay)
        if caller.arrears
        else message("situation.to_pay", **to_pay)
    )
    lines = [owes, rights_line(caller, help_number)]
    if caller.suspense_xof:
        lines.append(message("situation.suspense", suspense=show(caller.suspense_xof)))
    if caller.advance_xof:
        lines.append(message("situation.advance", advance=show(caller.advance_xof), period=caller.advance_for))
    if caller.due_xof:
        lines.append(message("situation.paid", paid=show(caller.paid_xof), due=show(caller.due_xof)))
    if caller.next_due_on:
        lines.append(message("situation.next", day=show_date(caller.next_due_on)))
    return lines


def _cost(lines: list[str]) -> int:
    return septets("\n".join(lines)) or WISHED_SEPTETS


@for_registered
def _accept(caller: Registered, _view: View, answer: str) -> Goto | Finish:
    if answer == _DETAIL:
        return Finish(SendDetail(caller.household_id), message("situation.sent"))
    return Goto(answer, {_PART: "0"} if answer == _MORE else {})


MENUS = (
    Menu(
        name="situation",
        render=_render,
        accept=_accept,
        leads_to=frozenset({"pay_amount", _MORE}),
        acts=True,
    ),
    Menu(name=_MORE, render=_render_more, accept=_accept_more, leads_to=frozenset({_MORE, "situation"})),
)
