"""One line that says until when a household is covered."""

from typing import assert_never

from ussd_flows.amounts import show, show_date
from ussd_flows.facts import Registered, RightsState
from ussd_flows.texts import message


def rights_line(caller: Registered) -> str:
    """Return where the household's rights stand, with the day that matters to it."""
    rights = caller.rights
    match rights.state:
        case RightsState.OPEN:
            until = rights.open_until
            return message("rights.open_until", day=show_date(until)) if until else message("rights.open")
        case RightsState.WAITING:
            since = rights.open_from
            return message("rights.waiting_from", day=show_date(since)) if since else message("rights.waiting")
        case RightsState.GRACE:
            until = rights.open_until
            return message("rights.grace_until", day=show_date(until)) if until else message("rights.grace")
        case RightsState.CLOSED if caller.remaining_xof > 0:
            return message("rights.closed_remaining", remaining=show(caller.remaining_xof))
        case RightsState.CLOSED:
            return message("rights.closed")
        case _:
            assert_never(rights.state)


def short_rights_line(caller: Registered) -> str:
    """Return the same in less room, where the amounts that remain are said beside it and room is scarce."""
    rights = caller.rights
    match rights.state:
        case RightsState.OPEN | RightsState.GRACE if rights.open_until:
            return message("rights.short_until", day=show_date(rights.open_until))
        case RightsState.WAITING if rights.open_from:
            return message("rights.short_from", day=show_date(rights.open_from))
        case _:
            return message(f"rights.{rights.state}")
