"""Households on the console: search, those that nobody has placed, and one with all that it owes, paid and was told."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from starlette.responses import Response

from gateway.console.auth.roles import Right
from gateway.console.deps import ConsoleDeps, PageRefused, Visit, snapshot
from gateway.console.pages import LIST_ROWS_MAX, labelled_page
from gateway.console.search_box import SEARCH_CHARS_MAX, SearchUnreadable, read_search
from gateway.console.showing import REASONS, WORDS_CHARS_MAX, note_shown
from gateway.members.number import parse as parse_ramu_number
from gateway.members.places import cercle_name
from gateway.reports.household_card import SHOWN_ON_PAGE_MAX, CoverOfHousehold, HouseholdCard, household_card, initials
from gateway.reports.household_list import LISTED_MAX, HouseholdsFound, found_households
from gateway.reports.unplaced import unplaced_households

HOUSEHOLDS_PATH: Final = "/finance/menages"
#: The days of cover that a bar shows: half a year back and half a year ahead.
BAR_DAYS_BEFORE: Final = 183
BAR_DAYS: Final = 366


@dataclass(frozen=True, slots=True)
class BarPart:
    """A stretch of a bar of days: where it begins, how many days it is long, and why they are covered."""

    x: int
    width: int
    reason: str


async def households_page(console: ConsoleDeps, visit: Visit) -> Response:
    """Show the households that a search can mean, or without one those that nobody has placed."""
    asked = visit.request.query_params.getlist("q")
    if len(asked) > 1:
        raise PageRefused(400, "Recherche impossible", "Posez une seule question à la fois.")
    try:
        sought = read_search(asked[0] if asked else "")
    except SearchUnreadable:
        sentence = "Cherchez par numéro RAMU, téléphone, nom, quittance ou référence de l'opérateur."
        raise PageRefused(400, "Recherche impossible", sentence) from None
    async with snapshot(console.deps.console_db) as connection:
        is_asked = sought.is_something
        found = await found_households(connection, sought, visit.now.date()) if is_asked else HouseholdsFound()
        unplaced = () if is_asked else await unplaced_households(connection, LIST_ROWS_MAX)
    return labelled_page(
        console, visit, "households.html", "menages",
        found=found,
        sought=sought,
        unplaced=unplaced,
        rows_max=LIST_ROWS_MAX,
        households_max=LISTED_MAX,
        search_chars_max=SEARCH_CHARS_MAX,
        cercle_name=cercle_name,
    )  # fmt: skip


async def household_page(console: ConsoleDeps, visit: Visit) -> Response:
    """Show one household, people masked."""
    return _page(console, visit, await _card(console, visit), is_whole=False)


async def show_household(console: ConsoleDeps, visit: Visit) -> Response:
    """Show the same with whole names and numbers, once, to whoever says why."""
    card = await _card(console, visit)
    await note_shown(console, visit, f"household/{card.ramu_number}")
    return _page(console, visit, card, is_whole=True)


def bar_parts(cover: tuple[CoverOfHousehold, ...], first: date) -> tuple[BarPart, ...]:
    """Return what of some covered days falls into a bar that begins on a day."""
    last = first + timedelta(days=BAR_DAYS - 1)
    inside = ((max(one.valid_from, first), min(one.valid_to, last), one.reason) for one in reversed(cover))
    return tuple(
        BarPart((start - first).days, (end - start).days + 1, reason) for start, end, reason in inside if start <= end
    )


async def _card(console: ConsoleDeps, visit: Visit) -> HouseholdCard:
    number = parse_ramu_number(str(visit.request.path_params["ramu_number"]))
    card = None
    if number is not None:
        async with snapshot(console.deps.console_db) as connection:
            card = await household_card(connection, number, None, SHOWN_ON_PAGE_MAX)
    if card is None:
        raise PageRefused(404, "Ménage inconnu", "Aucun ménage n'a ce numéro RAMU. Cherchez-le par autre chose.")
    return card


def _page(console: ConsoleDeps, visit: Visit, card: HouseholdCard, *, is_whole: bool) -> Response:
    today = visit.now.date()
    first = today - timedelta(days=BAR_DAYS_BEFORE)
    return labelled_page(
        console, visit, "household.html", "menages",
        card=card,
        name=card.name if is_whole else initials(card.name),
        is_whole=is_whole,
        may_show=visit.officer.may(Right.SHOW),
        reasons=REASONS,
        words_max=WORDS_CHARS_MAX,
        place=cercle_name(card.cercle_code) or "à placer",
        running=next((one for one in card.cover if one.valid_from <= today <= one.valid_to), None),
        bar=bar_parts(card.cover, first),
        bar_days=BAR_DAYS,
        bar_today=BAR_DAYS_BEFORE,
        bar_first=first,
        bar_last=first + timedelta(days=BAR_DAYS - 1),
        shown_max=SHOWN_ON_PAGE_MAX,
    )  # fmt: skip
