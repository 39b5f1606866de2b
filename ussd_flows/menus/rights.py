"""One line that says on which days a household is covered, or what opens its rights."""

from typing import assert_never

from ussd_flows.amounts import show, show_date
from ussd_flows.facts import Registered, RightsState
from ussd_flows.texts import message


def rights_line(caller: Registered, help_number: str = "") -> str:
    """Return where the household's rights stand: both ends of its cover, or why it has none and what to do."""
    state, first, last = caller.rights.state, caller.rights.open_from, caller.rights.open_until
    match state:
        case RightsState.OPEN | RightsState.WAITING | RightsState.GRACE if first and last:
            return message(f"rights.{state}_days", start=show_date(first), until=show_date(last))
        case RightsState.CLOSED if caller.opens_with_xof:
            why = "rights.closed_owed" if caller.remaining_xof else "rights.closed_ahead"
            return message(why, amount=show(caller.opens_with_xof))
        case RightsState.CLOSED if help_number:
            return message("rights.closed_call", number=help_number)
        case RightsState.OPEN | RightsState.WAITING | RightsState.GRACE | RightsState.CLOSED:
            return message(f"rights.{state}")
        case _:
            assert_never(state)
