"""One turn of a caller through the menus.

Theory of operation. A menu is a pair of pure functions: ``render`` shows a page, ``accept`` makes an outcome of an
answer. Keys are read against the codes that were stored with the screen, never against a menu rendered anew, so that a
key means what the caller saw. ``0`` goes back along the trail, or to the screen before in a list; ``00`` goes home;
``98`` shows the next screen of a list. An answer that cannot be read shows the same screen again with a reason. Facts
are read anew at every turn, so a menu may find itself closed (a request is open, the household is now registered): it
then sends the caller on, and nothing happens. A menu that must know something about what was just typed asks for it:
the turn comes to a need, and is taken again with the answer. Effects leave only by an outcome that says so, with the
screen that ends the session or the one that goes on: once for each turn.

Whoever dials again soon after a registration or a payment broke off is asked first whether to go on; the screen that
was left is then shown anew, and nothing is done by that.

Where a repeat looks like a new answer, the keys of a screen that acts are keys which this dialogue has neither shown
nor heard before, and none that the screen before would take for a number: whoever types one has read that screen,
however late or often the earlier turns come again, and whether or not it arrived.
"""

import re
from dataclasses import dataclass, replace
from typing import Final, assert_never

from ussd_flows.effects import Effect
from ussd_flows.facts import Facts
from ussd_flows.graph import MENUS
from ussd_flows.gsm7 import septets
from ussd_flows.layout import BACK, HOME_KEY, MORE, Frame, ending, lay_out
from ussd_flows.menu import HOME, Do, Finish, Goto, Need, Reask, View
from ussd_flows.menus.resume import LEFT, RESUME
from ussd_flows.screen import HARD_SEPTETS, WISHED_SEPTETS, InputKind, Screen
from ussd_flows.state import FlowState
from ussd_flows.texts import message

_AT_HOME: Final = FlowState(HOME, {}, {}, ())
_SCREEN: Final = "screen"
_LONGEST_TAIL: Final = 80
#: Whoever is asked for a number types two digits at most.
_BEYOND_NUMBERS: Final = 101
_FRAME_OF_A_TAIL: Final = re.compile(r"^[*\s]+|[#\s]+$")


@dataclass(frozen=True, slots=True)
class Step:
    """What one turn comes to: where the caller is now, None at the end; what is shown; what is to be done."""

    state: FlowState | None
    screen: Screen
    effects: tuple[Effect, ...] = ()


def start(facts: Facts, tail: str = "") -> Step | Need:
    """Show the first screen, the one that was left unfinished, or the one that a dialled path such as "1*3" leads to.

    Returns: the last screen before the path cannot be read, would end the session or would have an effect.
    """
    reached = _show((None if tail else _to_resume(facts)) or _AT_HOME, facts)
    for token in _dialled(tail):
        if isinstance(reached, Need) or reached.state is None:
            break
        following = _turn(reached.state, token, facts)
        if isinstance(following, Reask) or (isinstance(following, Step) and following.effects):
            break
        reached = following
    return reached


def _to_resume(facts: Facts) -> FlowState | None:
    """Return the question whether to go on, where what was left can be resumed and still be shown as it was."""
    left = facts.unfinished
    if left is None:
        return None
    # Whoever broke off at the question itself is asked the same again.
    left = replace(_at_screen(left, 0), menu=left.data.get(LEFT, left.menu) if left.menu == RESUME else left.menu)
    if not _is_readable(left) or not MENUS[left.menu].can_be_resumed:
        return None
    if isinstance(MENUS[left.menu].render(View(facts, left.data)), Goto):
        return None
    return replace(left, menu=RESUME, data={**left.data, LEFT: left.menu}, options={})


def _dialled(tail: str) -> list[str]:
    kept = tail[:_LONGEST_TAIL]
    # Half an answer may mean something else than the whole one.
    whole = kept if kept == tail else kept.rpartition("*")[0]
    return _FRAME_OF_A_TAIL.sub("", whole).split("*")


def step(state: FlowState, text: str, facts: Facts) -> Step | Need:
    """Answer what the caller typed; every text has an answer, once what the menus need is known."""
    answered = _turn(state, text, facts)
    if not isinstance(answered, Reask):
        return answered
    # The same screen keeps the keys that the caller has just read; another one, where a menu has closed, has new ones.
    again = _show(state, replace(facts, used_keys=facts.used_keys - state.options.keys()), answered.reason)
    is_same = isinstance(again, Need) or (again.state is not None and again.state.menu == state.menu)
    return again if is_same else _show(state, facts, answered.reason)


def _turn(state: FlowState, text: str, facts: Facts) -> Step | Need | Reask:
    if not _is_readable(state):
        return _show(_AT_HOME, facts, message("reason.start_anew"))
    typed = text.strip()
    if typed == HOME_KEY:
        return _show(_AT_HOME, facts)
    code = state.options.get(typed)
    if code == BACK:
        return _back(state, facts)
    if code == MORE:
        return _show(_at_screen(state, _screen_number(state) + 1), facts)
    menu = MENUS[state.menu]
    is_typed = menu.input is not InputKind.CHOICE or (code is None and menu.takes_typed)
    return _answer(state, typed if is_typed else code, facts)


def _is_readable(state: FlowState) -> bool:
    """Return whether these menus can go on from a state that others, of another release, may have written."""
    menus = (state.menu, *state.trail)
    return MENUS.keys() >= set(menus) and MENUS[state.menu].needs <= state.data.keys()


def _answer(state: FlowState, answer: str | None, facts: Facts) -> Step | Need | Reask:
    menu = MENUS[state.menu]
    if answer is None or menu.accept is None:
        return Reask(message("reason.choice"))
    outcome = menu.accept(View(facts, state.data), answer)
    match outcome:
        case Goto():
            return _follow(state, outcome, facts)
        case Do():
            followed = _follow(state, outcome.then, facts)
            return replace(followed, effects=(outcome.effect,)) if isinstance(followed, Step) else followed
        case Reask() | Need():
            return outcome
        case Finish():
            return Step(None, ending(menu, outcome.text), (outcome.effect,))
        case _:
            assert_never(outcome)


def _follow(state: FlowState, goto: Goto, facts: Facts) -> Step | Need:
    trail = state.trail if MENUS[state.menu].leaves_no_trail else (*state.trail, state.menu)
    if goto.menu in trail:
        trail = trail[: trail.index(goto.menu)]
    return _enter(replace(_at_screen(state, 0), trail=trail), goto, facts)


def _enter(state: FlowState, goto: Goto, facts: Facts) -> Step | Need:
    if goto.menu == HOME:
        return _show(_AT_HOME, facts, goto.notice)
    return _show(replace(state, menu=goto.menu, data={**state.data, **goto.data}), facts, goto.notice)


def _back(state: FlowState, facts: Facts) -> Step | Need:
    number = _screen_number(state)
    if number > 0:
        return _show(_at_screen(state, number - 1), facts)
    return _show(replace(state, menu=state.trail[-1], trail=state.trail[:-1]), facts)


def _show(state: FlowState, facts: Facts, notice: str = "") -> Step | Need:
    menu = MENUS[state.menu]
    page = menu.render(View(facts, state.data))
    if isinstance(page, Need):
        return page
    if isinstance(page, Goto):
        return _enter(_at_screen(state, 0), replace(page, notice=page.notice or notice), facts)
    can_go_back = bool(state.trail) and not menu.leaves_no_trail
    frame = Frame(can_go_back, facts.used_keys, _first_key(state, facts), _room_below(notice))
    screen, codes, number = lay_out(menu, page, _screen_number(state), frame)
    if notice:
        screen = replace(screen, text=f"{notice}\n{screen.text}")
    return Step(replace(_at_screen(state, number), options=codes), screen)


def _room_below(notice: str) -> int:
    return min(WISHED_SEPTETS, HARD_SEPTETS - (septets(notice) or 0) - len("\n"))


def _first_key(state: FlowState, facts: Facts) -> int:
    """Return the least key of a screen that acts.

    Whoever never got it may answer the screen before it once more, with another number: where that looks like an answer
    to this one, no key is a number that she might type there.
    """
    is_after_number = bool(state.trail) and MENUS[state.trail[-1]].input is InputKind.NUMBER
    return _BEYOND_NUMBERS if facts.used_keys and is_after_number else 1


def _screen_number(state: FlowState) -> int:
    return int(state.data.get(_SCREEN, "0"))


def _at_screen(state: FlowState, number: int) -> FlowState:
    data = {key: value for key, value in state.data.items() if key != _SCREEN}
    return replace(state, data=data | {_SCREEN: str(number)} if number else data)
