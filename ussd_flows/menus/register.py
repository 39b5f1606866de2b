"""Registering a household: a name, an activity, a place, the people, and what it will pay before it confirms."""

from dataclasses import replace
from typing import Final

from ussd_flows.amounts import show
from ussd_flows.effects import RegisterHousehold
from ussd_flows.gsm7 import shorten, to_gsm7
from ussd_flows.menu import HOME, Finish, Goto, Menu, MenuEntry, Need, Page, Reask, View, for_unknown, told
from ussd_flows.menus.counting import CHILDREN, PEOPLE, PeopleQuestion, people_in
from ussd_flows.menus.fitting import fitted
from ussd_flows.menus.place import PLACE, PLACE_WORDS, PlaceQuestion, place_said
from ussd_flows.names import read_name
from ussd_flows.people import show_people
from ussd_flows.queries import HouseholdPrice, WhatItCosts
from ussd_flows.screen import InputKind
from ussd_flows.texts import DECLARED, message

_NAME = "name"
_ACTIVITY = "activity"
_YES = "yes"
_NO = "no"

#: How much of the name and of the place is shown, less and less, until the screen has room.
_SHOWN_SEPTETS: Final = ((28, 20), (20, 20), (12, 20), (12, 12), (8, 10))
_LABEL_SEPTETS: Final = 18
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
    return Page(message("register.activity"), tuple(MenuEntry(code, show_activity(code)) for code in [*known, *others]))


def show_activity(code: str) -> str:
    """Return what an activity is called."""
    # A scheme may name an activity before the texts do; its code is then better than nothing.
    key = f"activity.{code}"
    return message(key) if key in DECLARED else shorten(to_gsm7(code).capitalize(), _LABEL_SEPTETS)


@for_unknown
def _accept_activity(_view: View, answer: str) -> Goto:
    return Goto("register_place", {_ACTIVITY: answer})


@for_unknown
def _render_confirm(view: View) -> Page | Goto | Need:
    place = _agreed(view)
    if isinstance(place, Goto):
        return place
    people = people_in(view)
    price = told(view, WhatItCosts(view.data[_ACTIVITY], people.total, people.children), HouseholdPrice)
    if isinstance(price, Need):
        return price
    entries = (MenuEntry(_YES, message("register.yes")), MenuEntry(_NO, message("register.no")))
    said = {
        "activity": show_activity(view.data[_ACTIVITY]),
        "price": _show_price(price),
        "people": show_people(people),
    }
    texts = (
        message("register.confirm", name=shorten(view.data[_NAME], of_name), place=shorten(place, of_place), **said)
        for of_name, of_place in _SHOWN_SEPTETS
    )
    return Page(fitted(texts, entries, has_long_keys=bool(view.facts.used_keys)), entries)


def _show_price(price: HouseholdPrice) -> str:
    """Write what a period costs, and before it the first one where that costs something else."""
    said = {"amount": show(price.amount_xof), "every": message(f"every.{price.months}")}
    if price.first_xof == price.amount_xof:
        return message("register.price", **said)
    return message("register.price_first", first=show(price.first_xof), **said)


@for_unknown
def _accept_confirm(view: View, answer: str) -> Goto | Finish:
    if answer == _NO:
        return Goto("register_name", notice=message("register.again"))
    place = _agreed(view)
    if isinstance(place, Goto):
        return place
    people = people_in(view)
    household = RegisterHousehold(
        view.data[_NAME],
        view.data[_ACTIVITY],
        view.data[PLACE],
        people.total,
        people.children,
        view.data[PLACE_WORDS],
    )
    return Finish(household, message("register.end"))


def _agreed(view: View) -> str | Goto:
    """Return the chosen place if everything that was said still holds, else the menu where it stopped holding."""
    if view.data[_ACTIVITY] not in view.facts.activities:
        return Goto("register_activity", notice=message("register.activity_closed"))
    return place_said(view) or Goto("register_place", notice=message("place.unknown"))


_SAID_BEFORE_PEOPLE: Final = frozenset({_NAME, _ACTIVITY, PLACE, PLACE_WORDS})
_WHERE: Final = PlaceQuestion("register", then="register_people", needs=frozenset({_NAME, _ACTIVITY}))
_HOW_MANY: Final = PeopleQuestion(
    "register", then="register_confirm", needs=_SAID_BEFORE_PEOPLE, activity=lambda view: view.data[_ACTIVITY]
)

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
        can_be_resumed=True,
    ),
    *(replace(menu, can_be_resumed=True) for menu in (*_WHERE.menus(for_unknown), *_HOW_MANY.menus(for_unknown))),
    Menu(
        name="register_confirm",
        render=_render_confirm,
        accept=_accept_confirm,
        leads_to=frozenset({"register_name", "register_activity", "register_place"}),
        needs=_SAID_BEFORE_PEOPLE | {PEOPLE, CHILDREN},
        can_be_resumed=True,
        acts=True,
    ),
)
