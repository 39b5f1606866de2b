"""What a caller is shown, before any aggregator gives it a wire format."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

WISHED_SEPTETS: Final = 140
HARD_SEPTETS: Final = 160

# What only the gateway knows, after the effects are done, with the longest value that can stand there.
PLACEHOLDERS: Final[Mapping[str, str]] = {"reference": "7K3M-9QPA", "ramu_number": "0000000000"}


class InputKind(StrEnum):
    """What the caller is asked for."""

    NONE = "none"
    CHOICE = "choice"
    TEXT = "text"
    NUMBER = "number"
    AMOUNT = "amount"


@dataclass(frozen=True, slots=True)
class Option:
    """One line that the caller can choose by its key."""

    key: str
    label: str


@dataclass(frozen=True, slots=True)
class Screen:
    """One screen of a basic phone; its texts hold GSM-7 characters only."""

    text: str
    options: tuple[Option, ...]
    input: InputKind
    ends: bool
    name: str


def render_text(screen: Screen) -> str:
    """Return the screen as one text, the way phones show it."""
    return "\n".join([screen.text, *(f"{option.key}. {option.label}" for option in screen.options)])


def fill(screen: Screen, values: Mapping[str, str]) -> Screen:
    """Put what the effects made known where the screen left a place for it."""
    text = screen.text
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return replace(screen, text=text)
