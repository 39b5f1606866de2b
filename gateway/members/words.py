"""Which household the words of a payer mean, as people write a RAMU number on an operator's menu.

"RAMU 1000000018", "No 1000 000 018 novembre", "ramu1000000018" and "#1000000018." all name one household. A payer who
writes nine to eleven digits that are no number of ours, or two numbers, meant somebody: a slip must never pay for the
household of the payer's own telephone instead. A letter O among them is such a slip: it counts as a digit, so that the
payer meant somebody, and names nobody by itself. Words without such digits say nothing.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.members.number import valid

#: Fewer digits are a date, an amount or half a telephone number; more are a card, a wallet or an operation.
RUN_DIGITS: Final = range(9, 12)

#: Longer words are nobody's typing; what stands behind is not read.
WORDS_MAX: Final = 200

_TOKEN = re.compile(r"[0-9O]+(?:[-._/][0-9O]+)*")
_MARKS = re.compile(r"[-._/]")


@dataclass(frozen=True, slots=True)
class Meaning:
    """The number that words name, or that they mean somebody whom we do not know, or neither."""

    number: str | None = None
    somebody: bool = False


@dataclass(frozen=True, slots=True)
class _Group:
    """Digits in parts: parted by blanks alone, or by the marks inside one word."""

    parts: Sequence[str]
    by_blanks: bool = True

    def means_somebody(self) -> bool:
        """Return whether enough digits for a number stand here; those of dates and operations are parted by marks."""
        return any(self.by_blanks or first == last for first, last, _ in _runs(self.parts))


def numbers_in(words: str) -> frozenset[str]:
    """Return every number with a right check digit that may be read in the words, to be looked up."""
    return frozenset(digits for group in _groups(words) for _, _, digits in _runs(group.parts) if valid(digits))


def meaning(words: str, existing: Collection[str]) -> Meaning:
    """Return whom the words mean, knowing which of their numbers exist."""
    groups = _groups(words)
    named = {digits for group in groups for _, _, digits in _runs(group.parts) if digits in existing and valid(digits)}
    if len(named) != 1:
        return Meaning(somebody=any(group.means_somebody() for group in groups) or bool(named))
    [number] = named
    rest = [left for group in groups for left in _without(group, number)]
    return Meaning(somebody=True) if any(group.means_somebody() for group in rest) else Meaning(number)


def _groups(words: str) -> list[_Group]:
    """Return the digits of the words: those that only blanks part as one group, "1000-000-018" as its own group."""
    text, groups = _plain(words), list[_Group]()
    after: int | None = None
    for found in _TOKEN.finditer(text):
        digits = _own(text, found)
        joins = after is not None and not text[after : found.start()].strip()
        if not digits or (digits.strip("O") == "" and not joins):
            after = None
            continue
        parts = [part for part in _MARKS.split(digits) if part]
        if joins and len(parts) == 1:
            groups[-1] = _Group([*groups[-1].parts, *parts])
        else:
            groups.append(_Group(parts, by_blanks=len(parts) == 1))
        after = found.end() if len(parts) == 1 else None
    return groups


def _own(text: str, found: re.Match[str]) -> str:
    """Return the digits of a place without an O that is a letter of a word: "No1000000018", "1000000018ok".

    No number begins with a zero, but one may end so: of several in "47831995OOok" only the last is the word's.
    """
    digits = found.group()
    if text[: found.start()][-1:].isalpha():
        digits = digits.lstrip("O")
    if text[found.end() : found.end() + 1].isalpha():
        digits = digits.removesuffix("O")
    return digits


def _plain(words: str) -> str:
    """Write the words in capitals, with every script's digits as ours and without the marks that nobody sees."""
    composed = unicodedata.normalize("NFKC", words[:WORDS_MAX])
    shown = (char for char in composed if unicodedata.category(char) != "Cf")
    return "".join(str(unicodedata.decimal(char, char)) for char in shown).upper()


def _runs(parts: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Return every series of neighbours that makes as many digits as a number that somebody meant."""
    for first in range(len(parts)):
        digits = ""
        for last in range(first, len(parts)):
            digits += parts[last]
            if len(digits) >= RUN_DIGITS.stop:
                break
            if len(digits) in RUN_DIGITS:
                yield first, last, digits


def _without(group: _Group, number: str) -> Iterator[_Group]:
    """Return what is left of a group on both sides of each place where the number stands."""
    begin = 0
    for first, last, digits in _runs(group.parts):
        if digits == number and first >= begin:
            yield _Group(group.parts[begin:first], group.by_blanks)
            begin = last + 1
    yield _Group(group.parts[begin:], group.by_blanks)
