"""Where a household lives: by first letters, else by near spellings, else by its region, else in its own words."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, Final, ParamSpec, Protocol, TypeVar

from ussd_flows.gsm7 import shorten, to_gsm7
from ussd_flows.menu import Goto, Menu, MenuEntry, Need, Page, Reask, View, told
from ussd_flows.places import Place, place_of, places_in, regions, search
from ussd_flows.queries import NearPlaces, PlacesNear
from ussd_flows.screen import InputKind
from ussd_flows.texts import message

#: The code of the chosen place, empty for one that stands in words alone.
PLACE: Final = "cercle_code"
PLACE_WORDS: Final = "place_words"

_SOUGHT: Final = "sought"
_REGION: Final = "region"
_ELSEWHERE: Final = "@elsewhere"
_SOUGHT_MAX: Final = 30
_WORDS_SEPTETS: Final = 60
_WORDS_TYPED_MAX: Final = 120
_WORDS_LETTERS_MIN: Final = 3

P = ParamSpec("P")
T = TypeVar("T")


class Opening(Protocol):
    """Opens a menu to some callers and sends the others home."""

    def __call__(self, decide: Callable[Concatenate[View, P], T], /) -> Callable[Concatenate[View, P], T | Goto]:
        """Return the menu's function as those callers see it."""


@dataclass(frozen=True, slots=True)
class PlaceQuestion:
    """The menus that ask for a place, under names of their own, and the menu that goes on once it is known."""

    prefix: str
    then: str
    needs: frozenset[str]

    def menus(self, opened: Opening) -> tuple[Menu, ...]:
        """Return the menus, open to some callers."""
        pick, region, cercle, other = (f"{self.prefix}_{name}" for name in ("pick", "region", "cercle", "other"))
        return (
            Menu(
                name=f"{self.prefix}_place",
                render=opened(_render_place),
                accept=opened(self._accept_place),
                leads_to=frozenset({pick, region, self.then}),
                needs=self.needs,
                input=InputKind.TEXT,
            ),
            Menu(
                name=pick,
                render=opened(self._render_pick),
                accept=opened(self._accept_pick),
                leads_to=frozenset({pick, region, self.then}),
                needs=self.needs | {_SOUGHT},
                takes_typed=True,
            ),
            Menu(
                name=region,
                render=opened(_render_region),
                accept=opened(self._accept_region),
                leads_to=frozenset({cercle, other, pick, region, self.then}),
                needs=self.needs,
                takes_typed=True,
            ),
            Menu(
                name=cercle,
                render=opened(_render_cercle),
                accept=opened(self._accept_cercle),
                leads_to=frozenset({other, pick, region, self.then}),
                needs=self.needs | {_REGION},
                takes_typed=True,
            ),
            Menu(
                name=other,
                render=opened(_render_other),
                accept=opened(self._accept_other),
                leads_to=frozenset({self.then}),
                needs=self.needs,
                input=InputKind.TEXT,
            ),
        )

    def _accept_place(self, view: View, answer: str) -> Goto | Need:
        sought = to_gsm7(answer[:_SOUGHT_MAX])
        found = _found(view, sought)
        if isinstance(found, Need):
            return found
        if not found:
            return Goto(f"{self.prefix}_region", notice=message("place.unknown"))
        is_sure = len(found) == 1 and search(view.facts.places, sought)
        return self._chosen(found[0].code) if is_sure else Goto(f"{self.prefix}_pick", {_SOUGHT: sought})

    def _render_pick(self, view: View) -> Page | Goto | Need:
        sought = view.data[_SOUGHT]
        found = _found(view, sought)
        if isinstance(found, Need):
            return found
        if not found:
            return Goto(f"{self.prefix}_region")
        title = "place.pick" if search(view.facts.places, sought) else "place.near"
        return Page(message(title), _entries(found))

    def _accept_pick(self, view: View, answer: str) -> Goto | Reask | Need:
        return Goto(f"{self.prefix}_region") if answer == _ELSEWHERE else self._listed(view, answer)

    def _accept_region(self, view: View, answer: str) -> Goto | Reask | Need:
        if answer == _ELSEWHERE:
            return Goto(f"{self.prefix}_other")
        match places_in(view.facts.places, answer):
            case ():
                return self._listed(view, answer)
            case (place,):
                return self._chosen(place.code)
            case _:
                return Goto(f"{self.prefix}_cercle", {_REGION: answer})

    def _accept_cercle(self, view: View, answer: str) -> Goto | Reask | Need:
        return Goto(f"{self.prefix}_other") if answer == _ELSEWHERE else self._listed(view, answer)

    def _listed(self, view: View, answer: str) -> Goto | Reask | Need:
        """Take a place of a list, or look for what was typed instead of a key of it; a number is no name."""
        if place_of(view.facts.places, answer):
            return self._chosen(answer)
        return Reask(message("reason.choice")) if not answer or answer.isdigit() else self._accept_place(view, answer)

    def _accept_other(self, _view: View, answer: str) -> Goto | Reask:
        words = _read_words(answer)
        if words is None:
            return Reask(message("place.other_unreadable"))
        return Goto(self.then, {PLACE: "", PLACE_WORDS: words})

    def _chosen(self, code: str) -> Goto:
        return Goto(self.then, {PLACE: code, PLACE_WORDS: ""})


def place_said(view: View) -> str | None:
    """Return how the chosen place is written, or None where it is a place no more."""
    code = view.data[PLACE]
    if not code:
        return view.data[PLACE_WORDS]
    place = place_of(view.facts.places, code)
    return place.name if place else None


def _found(view: View, sought: str) -> tuple[Place, ...] | Need:
    """Return what begins so, or, after that miss, what is written nearly so."""
    places = view.facts.places
    if begun := search(places, sought):
        return begun
    near = told(view, PlacesNear(sought), NearPlaces)
    if isinstance(near, Need):
        return near
    return tuple(place for code in near.codes if (place := place_of(places, code)))


def _entries(places: tuple[Place, ...]) -> tuple[MenuEntry, ...]:
    named = (MenuEntry(place.code, place.name) for place in places)
    return (*named, MenuEntry(_ELSEWHERE, message("place.elsewhere")))


def _render_place(_view: View) -> Page:
    return Page(message("place.ask"))


def _render_region(view: View) -> Page:
    named = (MenuEntry(region, region) for region in regions(view.facts.places))
    return Page(message("place.region"), (*named, MenuEntry(_ELSEWHERE, message("place.elsewhere"))))


def _render_cercle(view: View) -> Page:
    return Page(message("place.pick"), _entries(places_in(view.facts.places, view.data[_REGION])))


def _render_other(_view: View) -> Page:
    return Page(message("place.other"))


def _read_words(typed: str) -> str | None:
    """Read a place that nobody has a code for: a few words with letters in them."""
    words = " ".join(to_gsm7(typed[:_WORDS_TYPED_MAX]).split())
    letters_count = sum(character.isalpha() for character in words)
    return shorten(words, _WORDS_SEPTETS) if letters_count >= _WORDS_LETTERS_MIN and "?" not in words else None
