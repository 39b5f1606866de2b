"""How many people a household has: one number, two where children cost something else, and again where it is many."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ussd_flows.menu import Goto, Menu, MenuEntry, Need, Page, Reask, View, told
from ussd_flows.menus.place import Opening
from ussd_flows.people import SURE_MAX, People, read_people, show_people
from ussd_flows.queries import HowPeopleCount, PeopleRule
from ussd_flows.screen import InputKind
from ussd_flows.texts import message

PEOPLE: Final = "people_count"
CHILDREN: Final = "children_count"

_YES: Final = "yes"
_NO: Final = "no"


@dataclass(frozen=True, slots=True)
class PeopleQuestion:
    """The menus that ask how many people, under names of their own, and the menu that goes on once it is known.

    ``activity`` says whose rule holds: that of an activity, or the household's own where it is empty.
    """

    prefix: str
    then: str
    needs: frozenset[str]
    activity: Callable[[View], str]

    def menus(self, opened: Opening) -> tuple[Menu, ...]:
        """Return the menus, open to some callers."""
        people, many = f"{self.prefix}_people", f"{self.prefix}_many"
        return (
            Menu(
                name=people,
                render=opened(self._render_people),
                accept=opened(self._accept_people),
                leads_to=frozenset({many, self.then}),
                needs=self.needs,
                input=InputKind.NUMBER,
            ),
            Menu(
                name=many,
                render=opened(_render_many),
                accept=opened(self._accept_many),
                leads_to=frozenset({people, self.then}),
                needs=self.needs | {PEOPLE, CHILDREN},
            ),
        )

    def _render_people(self, view: View) -> Page | Need:
        rule = self._rule(view)
        if isinstance(rule, Need):
            return rule
        return Page(message("people.ask_apart" if rule.children_apart else "people.ask"))

    def _accept_people(self, view: View, answer: str) -> Goto | Reask | Need:
        rule = self._rule(view)
        if isinstance(rule, Need):
            return rule
        people = read_people(answer, children_apart=rule.children_apart)
        if people is None:
            return Reask(message("people.unreadable_apart" if rule.children_apart else "people.unreadable"))
        said = {PEOPLE: str(people.total), CHILDREN: str(people.children)}
        return Goto(f"{self.prefix}_many" if people.total > SURE_MAX else self.then, said)

    def _accept_many(self, _view: View, answer: str) -> Goto:
        return Goto(self.then if answer == _YES else f"{self.prefix}_people")

    def _rule(self, view: View) -> PeopleRule | Need:
        return told(view, HowPeopleCount(self.activity(view)), PeopleRule)


def people_in(view: View) -> People:
    """Return how many people were typed on the way here."""
    return People(int(view.data[PEOPLE]), int(view.data[CHILDREN]))


def _render_many(view: View) -> Page:
    entries = (MenuEntry(_YES, message("people.many_yes")), MenuEntry(_NO, message("people.many_no")))
    return Page(message("people.many", people=show_people(people_in(view))), entries)
