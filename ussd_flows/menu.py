"""What a menu is made of: it renders a page, and answers what the caller typed with an outcome."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Concatenate, Final, ParamSpec, TypeVar

from ussd_flows.effects import Effect
from ussd_flows.facts import Facts, Registered
from ussd_flows.queries import Answer, Query
from ussd_flows.screen import InputKind

HOME: Final = "home"

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A", bound=Answer)


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """One thing the caller can choose: its label, and the code it means."""

    code: str
    label: str


@dataclass(frozen=True, slots=True)
class Page:
    """What a menu has to say, before it is cut into screens."""

    text: str
    entries: tuple[MenuEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """What a menu may look at: the facts, and what the caller said on the way here."""

    facts: Facts
    data: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Goto:
    """Go on to another menu, with what has been learnt; going home forgets everything."""

    menu: str
    data: Mapping[str, str] = field(default_factory=dict)
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Reask:
    """Show the same screen again, and say why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Do this, say this, and end the session."""

    effect: Effect
    text: str


@dataclass(frozen=True, slots=True)
class Do:
    """Do this and go on to a menu, whose screen says so: the session does not end."""

    effect: Effect
    then: Goto


@dataclass(frozen=True, slots=True)
class Need:
    """Ask the gateway this first: the same turn is then taken again, with the answer among the facts."""

    query: Query


MenuOutcome = Goto | Reask | Finish | Do | Need


@dataclass(frozen=True, slots=True)
class Menu:
    """One menu: what it shows, what it makes of an answer, where it leads, what it needs to know, what it asks for.

    ``accept`` gets the code of the chosen entry where the menu asks for a choice, else the typed text; it is None where
    there is nothing to answer. Every menu may lead home; ``leads_to`` names the others. A menu that ``acts`` may end in
    an effect, so its keys must not be typed by accident. One that ``takes_typed`` takes what is no key of it as well.
    One that ``can_be_resumed`` is offered again to a caller whose dialogue broke off there; one that
    ``leaves_no_trail`` is not come back to.
    """

    name: str
    render: Callable[[View], Page | Goto | Need]
    accept: Callable[[View, str], MenuOutcome] | None
    leads_to: frozenset[str]
    needs: frozenset[str] = frozenset()
    input: InputKind = InputKind.CHOICE
    acts: bool = False
    takes_typed: bool = False
    can_be_resumed: bool = False
    leaves_no_trail: bool = False


def for_registered(
    decide: Callable[Concatenate[Registered, View, P], T],
) -> Callable[Concatenate[View, P], T | Goto]:
    """Open a menu to registered callers; anyone else is sent home."""

    @wraps(decide)
    def guarded(view: View, /, *args: P.args, **kwargs: P.kwargs) -> T | Goto:
        caller = view.facts.caller
        return Goto(HOME) if caller is None else decide(caller, view, *args, **kwargs)

    return guarded


def for_household(decide: Callable[Concatenate[View, P], T]) -> Callable[Concatenate[View, P], T | Goto]:
    """Open a menu to registered callers, of whom it needs to know nothing more; anyone else is sent home."""

    @wraps(decide)
    def guarded(view: View, /, *args: P.args, **kwargs: P.kwargs) -> T | Goto:
        return Goto(HOME) if view.facts.caller is None else decide(view, *args, **kwargs)

    return guarded


def for_unknown(decide: Callable[Concatenate[View, P], T]) -> Callable[Concatenate[View, P], T | Goto]:
    """Open a menu to callers who are not registered; anyone else is sent home."""

    @wraps(decide)
    def guarded(view: View, /, *args: P.args, **kwargs: P.kwargs) -> T | Goto:
        return decide(view, *args, **kwargs) if view.facts.caller is None else Goto(HOME)

    return guarded


def told(view: View, query: Query, kind: type[A]) -> A | Need:
    """Return what the gateway answered, or the need to ask it."""
    answer = view.facts.answers.get(query)
    return answer if isinstance(answer, kind) else Need(query)
