"""A registration or a payment that broke off: what the next dial of the same number may go on with.

Only the dialogue that the number left last counts, for ten minutes, and only for whoever could have left it: not for a
number in doubt, nor for one that came to its household since, nor once the number has asked for money since. What of it
can still be shown the menus say by themselves, from facts that are read anew.
"""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.members.account import CallerAccount, HeldNumber
from gateway.ussd.aggregators.contract import Turn
from gateway.ussd.reading import Continue, Start
from gateway.ussd.sessions import RESUMABLE_FOR, SessionStore, StoredSession
from ussd_flows.state import FlowState

#: A request that was made and whose session was lost looks like one that was not made.
ASKED_SINCE = text("""
    SELECT EXISTS (SELECT FROM payment_request WHERE payer_msisdn = :msisdn AND created_at >= :since)
""")


async def left_before(
    sessions: SessionStore, turn: Turn, reading: Start | Continue, now: datetime
) -> StoredSession | None:
    """Return the dialogue that a number left in the middle, where it now dials the code and no more."""
    if not turn.begins or not isinstance(reading, Start) or reading.tail:
        return None
    left = await sessions.latest_of(turn.msisdn, now)
    is_open = left is not None and left.state is not None and now - left.answered_at <= RESUMABLE_FOR
    return left if is_open else None


async def to_go_on_with(
    connection: AsyncConnection, left: StoredSession | None, caller: CallerAccount | HeldNumber | None
) -> FlowState | None:
    """Return where a caller may go on, as far as that is known here."""
    if left is None or isinstance(caller, HeldNumber):
        return None
    if caller is not None and caller.linked_at > left.answered_at:
        return None
    asked = await connection.execute(ASKED_SINCE, {"msisdn": left.msisdn, "since": left.answered_at})
    return None if asked.scalar_one() else left.state
