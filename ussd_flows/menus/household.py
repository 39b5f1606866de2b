"""The caller's own household: what was declared of it, and how name, place and people are corrected.

What a correction changes of what is owed is said before it is confirmed.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from ussd_flows.amounts import show
from ussd_flows.effects import CorrectName, CorrectPeople, CorrectPlace
from ussd_flows.facts import Registered
from ussd_flows.gsm7 import shorten, to_gsm7
from ussd_flows.menu import Finish, Goto, Menu, MenuEntry, Need, Page, Reask, View, for_household, for_registered, told
from ussd_flows.menus.counting import CHILDREN, PEOPLE, PeopleQuestion, people_in
from ussd_flows.menus.fitting import fitted
from ussd_flows.menus.place import PLACE, PLACE_WORDS, PlaceQuestion, place_said
from ussd_flows.menus.register import show_activity
from ussd_flows.names import read_name
from ussd_flows.people import People, show_people
from ussd_flows.queries import CorrectionForecast, WhatCorrectionChanges
from ussd_flows.screen import InputKind
from ussd_flows.texts import message

_NAME: Final = "name"
_YES: Final = "yes"
_NO: Final = "no"
_NAME_SEPTETS: Final = 20
_PLACE_SEPTETS: Final = 18
_SAID_SEPTETS: Final = 28


@for_registered
def _render(caller: Registered, _view: View) -> Page:
    text = message(
        "household.declared",
        name=shorten(to_gsm7(caller.name), _NAME_SEPTETS),
        activity=show_activity(caller.activity),
        place=shorten(to_gsm7(caller.place), _PLACE_SEPTETS),
        people=show_people(_people_of(caller)),
    )
    menus = ("household_name", "household_place", "household_people")
    return Page(text, tuple(MenuEntry(menu, message(f"household.{menu.partition('_')[2]}")) for menu in menus))


def _people_of(caller: Registered) -> People:
    return People(caller.people_count, caller.children_count)


def _accept(_view: View, answer: str) -> Goto:
    return Goto(answer)


@for_household
def _render_name(_view: View) -> Page:
    return Page(message("register.name"))


@for_household
def _accept_name(_view: View, answer: str) -> Goto | Reask:
    name = read_name(answer)
    return Reask(message("register.name_unreadable")) if name is None else Goto("household_as", {_NAME: name})


@for_registered
def _render_new_name(caller: Registered, view: View) -> Page:
    said = {"new": view.data[_NAME], "old": caller.name}
    return _asked("household.as", said)


@for_registered
def _accept_new_name(caller: Registered, view: View, answer: str) -> Goto | Finish:
    return _answered(answer, CorrectName(caller.household_id, view.data[_NAME]))


@for_registered
def _render_new_place(caller: Registered, view: View) -> Page | Goto:
    place = place_said(view)
    if place is None:
        return Goto("household_place", notice=message("place.unknown"))
    return _asked("household.at", {"new": place, "old": caller.place})


@for_registered
def _accept_new_place(caller: Registered, view: View, answer: str) -> Goto | Finish:
    if place_said(view) is None:
        return Goto("household_place", notice=message("place.unknown"))
    return _answered(answer, CorrectPlace(caller.household_id, view.data[PLACE], view.data[PLACE_WORDS]))


@for_household
def _render_new_people(view: View) -> Page | Need:
    people = people_in(view)
    changes = told(view, WhatCorrectionChanges(people.total, people.children), CorrectionForecast)
    if isinstance(changes, Need):
        return changes
    entries = _choices()
    texts = _said_of(people, changes)
    return Page(fitted(texts, entries, has_long_keys=bool(view.facts.used_keys)), entries)


def _said_of(people: People, changes: CorrectionForecast) -> Iterator[str]:
    """Yield what a correction changes, as fully as can be said and then in fewer words."""
    owed = (
        message("household.owed_same", amount=show(changes.after_xof))
        if changes.after_xof == changes.before_xof
        else message("household.owed", amount=show(changes.after_xof), before=show(changes.before_xof))
    )
    price = message(
        "household.price", amount=show(changes.price.amount_xof), every=message(f"every.{changes.price.months}")
    )
    if changes.keeps_price:
        keeps = message("household.keeps_price")
        yield f"{show_people(people)}\n{owed}\n{price}\n{keeps}"
        yield f"{owed}\n{price}\n{keeps}"
    yield f"{show_people(people)}\n{owed}\n{price}"


@for_registered
def _accept_new_people(caller: Registered, view: View, answer: str) -> Goto | Finish:
    people = people_in(view)
    return _answered(answer, CorrectPeople(caller.household_id, people.total, people.children))


def _asked(key: str, said: Mapping[str, str]) -> Page:
    return Page(
        message(key, **{name: shorten(to_gsm7(text), _SAID_SEPTETS) for name, text in said.items()}), _choices()
    )


def _choices() -> tuple[MenuEntry, ...]:
    return (MenuEntry(_YES, message("household.yes")), MenuEntry(_NO, message("household.no")))


def _answered(answer: str, correction: CorrectName | CorrectPlace | CorrectPeople) -> Goto | Finish:
    if answer == _NO:
        return Goto("household", notice=message("household.kept"))
    return Finish(correction, message("household.end"))


_WHERE: Final = PlaceQuestion("household", then="household_at", needs=frozenset())
_HOW_MANY: Final = PeopleQuestion("household", then="household_of", needs=frozenset(), activity=lambda _view: "")

MENUS = (
    Menu(
        name="household",
        render=_render,
        accept=_accept,
        leads_to=frozenset({"household_name", "household_place", "household_people"}),
    ),
    Menu(
        name="household_name",
        render=_render_name,
        accept=_accept_name,
        leads_to=frozenset({"household_as"}),
        input=InputKind.TEXT,
    ),
    Menu(
        name="household_as",
        render=_render_new_name,
        accept=_accept_new_name,
        leads_to=frozenset({"household"}),
        needs=frozenset({_NAME}),
        acts=True,
    ),
    *_WHERE.menus(for_household),
    Menu(
        name="household_at",
        render=_render_new_place,
        accept=_accept_new_place,
        leads_to=frozenset({"household", "household_place"}),
        needs=frozenset({PLACE, PLACE_WORDS}),
        acts=True,
    ),
    *_HOW_MANY.menus(for_household),
    Menu(
        name="household_of",
        render=_render_new_people,
        accept=_accept_new_people,
        leads_to=frozenset({"household"}),
        needs=frozenset({PEOPLE, CHILDREN}),
        acts=True,
    ),
)
