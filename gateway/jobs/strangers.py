"""Sees to what no job here will ever do: messages, requests, questions and files of operators that have gone."""

from datetime import datetime, timedelta
from typing import Final

from gateway.importing import match_due, read_due
from gateway.jobs.deps import JobDeps
from payments import dispatch, inquiries
from payments.collect import expire_parked
from payments.dispatch import Unreached
from payments.inbox import park_strangers
from payments.reconciliation.uploads import Whose
from payments.trouble import forget_others

#: While a release is under way, an older worker meets the first work of an operator that only the newer ones know.
LEFT_TO_OTHERS: Final = timedelta(hours=1)
#: So long a telephone shows a request as waiting that people have to look at.
SHOWN_AS_WAITING: Final = timedelta(days=1)


async def set_strangers_aside(jobs: JobDeps, now: datetime) -> int:
    """Put aside, for people to see, what nobody has done for an hour and nobody here can do; give how much.

    Files that were read before are still matched, which needs no operator: what they state remains evidence.
    """
    work, batch, due_before = jobs.deps.work, jobs.pace.batch, now - LEFT_TO_OTHERS
    unread = Unreached(sorted(jobs.deps.operators), due_before, batch, now)
    unasked = Unreached(jobs.called(), due_before, batch, now)
    strangers = Whose(tuple(jobs.deps.operators))
    await work.transact(lambda connection: forget_others(connection, jobs.called(), due_before))
    return (
        await work.transact(lambda connection: park_strangers(connection, unread))
        + await work.transact(lambda connection: dispatch.park_unasked(connection, unasked))
        + await work.transact(lambda connection: inquiries.park_unasked(connection, unasked))
        + await work.transact(lambda connection: expire_parked(connection, now - SHOWN_AS_WAITING, batch))
        + await read_due(jobs.reconciling, strangers, waited=LEFT_TO_OTHERS)
        + len(await match_due(jobs.reconciling, strangers))
    )
