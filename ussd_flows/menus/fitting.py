"""Of several ways to say one thing, the fullest that a screen has room for."""

from collections.abc import Iterable, Sequence

from ussd_flows.gsm7 import septets
from ussd_flows.menu import MenuEntry
from ussd_flows.menus.buying import entries_septets
from ussd_flows.screen import WISHED_SEPTETS


def fitted(texts: Iterable[str], entries: Sequence[MenuEntry], *, has_long_keys: bool) -> str:
    """Return the first of the texts that stands above the choices within what is wished; the last if none does."""
    room = WISHED_SEPTETS - entries_septets(entries, has_long_keys=has_long_keys)
    text = ""
    for text in texts:
        if (septets(text) or len(text)) <= room:
            break
    return text
