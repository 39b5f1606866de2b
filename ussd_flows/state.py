"""Where a caller is in the menus, between two turns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: Who keeps a state keeps this beside it, and reads none of another number: raise it when menus or data change meaning.
MENUS_VERSION: Final = 4


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
