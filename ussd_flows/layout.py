"""Cutting a page into screens that fit, with keys that a caller can predict."""

from collections.abc import Sequence
from typing import Final

from ussd_flows.gsm7 import septets
from ussd_flows.menu import Entry, Menu, Page
from ussd_flows.screen import WISHED_SEPTETS, InputKind, Option, Screen, flat
from ussd_flows.texts import say

MORE: Final = "@more"
BACK: Final = "@back"
HOME_KEY: Final = "00"
_FIXED_KEYS: Final = {MORE: "98", BACK: "0"}


def code_of(codes: Sequence[str], key: str) -> str | None:
    """Give the code that stood behind a key when the codes were shown."""
    return dict(zip(_keys(codes), codes, strict=True)).get(key)


def lay_out(menu: Menu, page: Page, number: int, *, can_go_back: bool) -> tuple[Screen, tuple[str, ...], int]:
    """Give one screen of a page, the codes behind its keys, and the number of the screen.

    Units:   number from 0.
    Returns: the last screen for a number beyond it, because a list may have become shorter.
    """
    start, shown = 0, 0
    while True:
        screen, codes, end = _longest_screen(menu, page, start, can_go_back=can_go_back)
        if shown == number or end >= len(page.entries):
            return screen, codes, shown
        start, shown = end, shown + 1


def ending(menu: Menu, text: str) -> Screen:
    """Give the last screen of a session."""
    return Screen(text, (), InputKind.NONE, ends=True, name=f"{menu.name}.end")


def _longest_screen(menu: Menu, page: Page, start: int, *, can_go_back: bool) -> tuple[Screen, tuple[str, ...], int]:
    """Show as many whole entries as fit; at least one, or a list would never end."""
    end = len(page.entries)
    screen, codes = _screen(menu, page, start, end, can_go_back=can_go_back)
    if _fits(screen):
        return screen, codes, end
    end = start + 1
    screen, codes = _screen(menu, page, start, end, can_go_back=can_go_back)
    while True:
        longer, longer_codes = _screen(menu, page, start, end + 1, can_go_back=can_go_back)
        if not _fits(longer):
            return screen, codes, end
        screen, codes, end = longer, longer_codes, end + 1


def _screen(menu: Menu, page: Page, start: int, end: int, *, can_go_back: bool) -> tuple[Screen, tuple[str, ...]]:
    entries = [*page.entries[start:end]]
    if end < len(page.entries):
        entries.append(Entry(MORE, say("key.more")))
    if can_go_back:
        entries.append(Entry(BACK, say("key.back")))
    codes = tuple(entry.code for entry in entries)
    options = tuple(Option(key, entry.label) for key, entry in zip(_keys(codes), entries, strict=True))
    return Screen(page.text, options, menu.input, ends=False, name=menu.name), codes


def _fits(screen: Screen) -> bool:
    cost = septets(flat(screen))
    return cost is not None and cost <= WISHED_SEPTETS


def _keys(codes: Sequence[str]) -> list[str]:
    """Number the codes of a screen from 1; the keys for moving about, always last, are the same on every screen."""
    return [_FIXED_KEYS.get(code) or str(number) for number, code in enumerate(codes, start=1)]
