"""Cutting a page into screens that fit, with keys that a caller can predict."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Final

from ussd_flows.gsm7 import septets
from ussd_flows.menu import Menu, MenuEntry, Page
from ussd_flows.screen import WISHED_SEPTETS, InputKind, Option, Screen, render_text
from ussd_flows.texts import message

MORE: Final = "@more"
BACK: Final = "@back"
HOME_KEY: Final = "00"
_FIXED_KEYS: Final = {MORE: "98", BACK: "0"}


@dataclass(frozen=True, slots=True)
class Frame:
    """What a screen carries beside its page: whether one can go back from it, and which keys it must not give out.

    ``used_keys`` and ``first_key`` bind the screens that act. ``room_septets`` is what a notice above it leaves.
    """

    can_go_back: bool
    used_keys: frozenset[str] = frozenset()
    first_key: int = 1
    room_septets: int = WISHED_SEPTETS


def lay_out(menu: Menu, page: Page, number: int, frame: Frame) -> tuple[Screen, Mapping[str, str], int]:
    """Return one screen of a page, the code behind each of its keys, and the number of the screen.

    Units:   number from 0.
    Returns: the last screen for a number beyond it, because a list may have become shorter.
    """
    start, shown = 0, 0
    while True:
        screen, codes, end = _longest_screen(menu, page, start, frame)
        if shown == number or end >= len(page.entries):
            return screen, codes, shown
        start, shown = end, shown + 1


def ending(menu: Menu, text: str) -> Screen:
    """Return the last screen of a session."""
    return Screen(text, (), InputKind.NONE, ends=True, name=f"{menu.name}.end")


def _longest_screen(menu: Menu, page: Page, start: int, frame: Frame) -> tuple[Screen, Mapping[str, str], int]:
    """Show as many whole entries as fit; at least one, or a list would never end."""
    end = len(page.entries)
    screen, codes = _screen(menu, page, start, end, frame)
    if _fits(screen, frame):
        return screen, codes, end
    end = start + 1
    screen, codes = _screen(menu, page, start, end, frame)
    while True:
        longer, longer_codes = _screen(menu, page, start, end + 1, frame)
        if not _fits(longer, frame):
            return screen, codes, end
        screen, codes, end = longer, longer_codes, end + 1


def _screen(menu: Menu, page: Page, start: int, end: int, frame: Frame) -> tuple[Screen, Mapping[str, str]]:
    entries = [*page.entries[start:end]]
    if end < len(page.entries):
        entries.append(MenuEntry(MORE, message("key.more")))
    if frame.can_go_back:
        entries.append(MenuEntry(BACK, message("key.back")))
    numbers = _numbers(frame) if menu.acts else _numbers(Frame(frame.can_go_back))
    keyed = [(_FIXED_KEYS.get(entry.code) or next(numbers), entry) for entry in entries]
    options = tuple(Option(key, entry.label) for key, entry in keyed)
    screen = Screen(page.text, options, menu.input, ends=False, name=menu.name)
    return screen, {key: entry.code for key, entry in keyed}


def _fits(screen: Screen, frame: Frame) -> bool:
    cost = septets(render_text(screen))
    return cost is not None and cost <= frame.room_septets


def _numbers(frame: Frame) -> Iterator[str]:
    """Count, without the keys that move about on every screen and without those that mean something already."""
    keys = map(str, count(frame.first_key))
    return (key for key in keys if key not in frame.used_keys and key not in _FIXED_KEYS.values())
