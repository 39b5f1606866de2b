"""Registering a household: a name, an activity, a cercle found by its first letters, the number of people."""

import re
from typing import Final

from ussd_flows.effects import RegisterHousehold
from ussd_flows.gsm7 import shorten, to_gsm7
from ussd_flows.menu import HOME, Finish, Goto, Menu, MenuEntry, Page, Reask, View, for_unknown
from ussd_flows.names import read_name
from ussd_flows.places import Place, place_of, search
from ussd_flows.screen import InputKind
from ussd_flows.texts import DECLARED, message

_NAME = "name"
_ACTIVITY = "activity"
_SOUGHT = "sought"
_PLACE = "cercle_code"
_PEOPLE = "people_count"
_YES = "yes"
_NO = "no"

_NAME_SHOWN_SEPTETS: Final = 28
_LABEL_SEPTETS: Final = 18
_SOUGHT_MAX: Final = 30
_PEOPLE_COUNT: Final = re.compile(r"0?[1-9]|[1-9][0-9]")
_ORDER_OF_ACTIVITIES: Final = ("commerce", "artisan", "coton", "culture", "elevage", "peche", "autre")


@for_unknown
def _render_name(_view: View) -> Page:
    return Page(message("register.name"))


@for_unknown
def _accept_name(_view: View, answer: str) -> Goto | Reask:
    name = read_name(answer)
    return Reask(message("register.name_unreadable")) if name is None else Goto("register_activity", {_NAME: name})


@for_unknown
def _render_activity(view: View) -> Page | Goto:
    if not view.facts.activities:
        return Goto(HOME)
    known = [code for code in _ORDER_OF_ACTIVITIES if code in view.facts.activities]
    others = [code for code in view.facts.activities if code not in _ORDER_OF_ACTIVITIES]
    return Page(message("register.activity"), tuple(MenuEntry(code, _activity(code)) for code in [*known, *others]))


def _activity(code: str) -> str:
    # A scheme may name an activity before the texts do; its code is then better than nothing.
    key = f"activity.{code}"
    return message(key) if key in DECLARED else shorten(to_gsm7(code).capitalize(), _LABEL_SEPTETS)


@for_unknown
def _accept_activity(_view: View, answer: str) -> Goto:
    return Goto("register_place", {_ACTIVITY: answer})


@for_unknown
def _render_place(_view: View) -> Page:
    return Page(message("register.place"))


@for_unknown
def _accept_place(view: View, answer: str) -> Goto | Reask:
    sought = to_gsm7(answer[:_SOUGHT_MAX])
    match search(view.facts.places, sought):
        case ():
            return Reask(message("register.place_unknown"))
        case (place,):
            return Goto("register_people", {_PLACE: place.code})
        case _:
            return Goto("register_pick", {_SOUGHT: sought})


@for_unknown
def _render_pick(view: View) -> Page:
    found = search(view.facts.places, view.data[_SOUGHT])
    return Page(message("register.place_pick"), tuple(MenuEntry(place.code, place.name) for place in found))


@for_unknown
def _accept_pick(_view: View, answer: str) -> Goto:
    return Goto("register_people", {_PLACE: answer})


@for_unknown
def _render_people(_view: View) -> Page:
    return Page(message("register.people"))


@for_unknown
def _accept_people(_view: View, answer: str) -> Goto | Reask:
    if not _PEOPLE_COUNT.fullmatch(answer):
        return Reask(message("register.people_unreadable"))
    return Goto("register_confirm", {_PEOPLE: str(int(answer))})


@for_unknown
def _render_confirm(view: View) -> Page | Goto:
    place = _agreed(view)
    if isinstance(place, Goto):
        return place
    text = message(
        "register.confirm",
        name=shorten(view.data[_NAME], _NAME_SHOWN_SEPTETS),
        activity=_activity(view.data[_ACTIVITY]),
        place=place.name,
        people=view.data[_PEOPLE],
    )
    return Page(text, (MenuEntry(_YES, message("register.yes")), MenuEntry(_NO, message("register.no"))))


@for_unknown
def _accept_confirm(view: View, answer: str) -> Goto | Finish:
    if answer == _NO:
        return Goto("register_name", notice=message("register.again"))
    place = _agreed(view)
    if isinstance(place, Goto):
        return place
    household = RegisterHousehold(view.data[_NAME], view.data[_ACTIVITY], place.code, int(view.data[_PEOPLE]))
    return Finish(household, message("register.end"))


def _agreed(view: View) -> Place | Goto:
    """Return the chosen place if everything that was said still holds, else the menu where it stopped holding."""
    if view.data[_ACTIVITY] not in view.facts.activities:
        return Goto("register_activity", notice=message("register.activity_closed"))
    place = place_of(view.facts.places, view.data[_PLACE])
    return place or Goto("register_place", notice=message("register.place_unknown"))


MENUS = (
    Menu(
        name="register_name",
        render=_render_name,
        accept=_accept_name,
        leads_to=frozenset({"register_activity"}),
        input=InputKind.TEXT,
    ),
    Menu(
        name="register_activity",
        render=_render_activity,
        accept=_accept_activity,
        leads_to=frozenset({"register_place"}),
        needs=frozenset({_NAME}),
    ),
    Menu(
        name="register_place",
        render=_render_place,
        accept=_accept_place,
        leads_to=frozenset({"register_pick", "register_people"}),
        needs=frozenset({_NAME, _ACTIVITY}),
        input=InputKind.TEXT,
    ),
    Menu(
        name="register_pick",
        render=_render_pick,
        accept=_accept_pick,
        leads_to=frozenset({"register_people"}),
        needs=frozenset({_NAME, _ACTIVITY, _SOUGHT}),
    ),
    Menu(
        name="register_people",
        render=_render_people,
        accept=_accept_people,
        leads_to=frozenset({"register_confirm"}),
        needs=frozenset({_NAME, _ACTIVITY, _PLACE}),
        input=InputKind.NUMBER,
    ),
    Menu(
        name="register_confirm",
        render=_render_confirm,
        accept=_accept_confirm,
        leads_to=frozenset({"register_name", "register_activity", "register_place"}),
        needs=frozenset({_NAME, _ACTIVITY, _PLACE, _PEOPLE}),
        acts=True,
    ),
)
