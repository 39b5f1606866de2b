"""Sees to what no job here will ever do: messages, requests, questions and files of operators that have gone."""

from datetime import datetime, timedelta
from typing import Final

from gateway.jobs.deps import JobDeps
from gateway.money.import_statement import match_due, read_due
from payments.evidence import inquiries
from payments.evidence.callbacks import park_strangers
from payments.reconciliation.uploads import Whose
from payments.requests import dispatch
from payments.requests.dispatch import Unreached
from payments.requests.store import expire_parked
from payments.requests.trouble import forget_others

#: While a release is under way, an older worker meets the first work of an operator that only the newer ones know.
LEFT_TO_OTHERS: Final = timedelta(hours=1)
#: So long a telephone shows a request as waiting that people have to look at.
SHOWN_AS_WAITING: Final = timedelta(days=1)


async def set_strangers_aside(jobs: JobDeps, now: datetime) -> int:
    """Put aside, for people to see, what nobody has done for an hour and nobody here can do; return how much.

    Files that were read before are still matched, which needs no operator: what they state remains evidence.
    """
    worker_db, batch, due_before = jobs.deps.worker_db, jobs.limits.batch, now - LEFT_TO_OTHERS
    unread = Unreached(sorted(jobs.deps.operators), due_before, batch, now)
    unreached = Unreached(jobs.called(), due_before, batch, now)
    unanswering = Unreached(jobs.queried(), due_before, batch, now)
    strangers = Whose(tuple(jobs.deps.operators))
    await worker_db.transact(lambda connection: forget_others(connection, jobs.called(), due_before))
    return (
        await worker_db.transact(lambda connection: park_strangers(connection, unread))
        + await worker_db.transact(lambda connection: dispatch.park_unreachable(connection, unreached))
        + await worker_db.transact(lambda connection: inquiries.park_unreachable(connection, unanswering))
        + await worker_db.transact(lambda connection: expire_parked(connection, now - SHOWN_AS_WAITING, batch))
        + await read_due(jobs.reconciling, strangers, waited=LEFT_TO_OTHERS)
        + len(await match_due(jobs.reconciling, strangers))
    )
