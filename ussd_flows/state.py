"""Where a caller is in the menus, between two turns, and how that is stored."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# A new number makes every stored state unreadable: raise it when menus or data change their meaning.
_VERSION: Final = 2


@dataclass(frozen=True, slots=True)
class FlowState:
    """One caller's place in the menus.

    ``options`` holds the code behind each key of the screen that was shown, so that a key means what the caller saw.
    ``trail`` holds the menus to go back through, home first.
    """

    menu: str
    data: Mapping[str, str]
    options: Mapping[str, str]
    trail: tuple[str, ...]


def encode(state: FlowState) -> str:
    """Write a state as a short text that ``decode`` reads back."""
    stored = {
        "v": _VERSION,
        "menu": state.menu,
        "data": dict(state.data),
        "options": dict(state.options),
        "trail": state.trail,
    }
    return json.dumps(stored, separators=(",", ":"))


def decode(text: str) -> FlowState | None:
    """Read a stored state.

    Returns: None for a text of another version or of another make; the caller then starts anew.
    """
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError):
        return None
    match stored:
        case {"v": int(version), "menu": str(menu), "data": dict(data), "options": dict(options), "trail": list(trail)}:
            texts = [*data.values(), *options.values(), *trail]
            if version == _VERSION and all(isinstance(text, str) for text in texts):
                return FlowState(menu, data, options, tuple(trail))
    return None
