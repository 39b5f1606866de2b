"""When a request is next asked about or sent, by the rhythm of its operator; pure."""

from datetime import datetime, timedelta

from payments.operators.contract import Capabilities
from payments.requests.dispatch import LeasedRequest
from payments.requests.lifecycle import State


def next_inquiry_at(leased: LeasedRequest, capabilities: Capabilities, now: datetime) -> datetime | None:
    """Return the next moment of the operator's schedule, or None when asking has lasted long enough."""
    if not capabilities.query_request:
        # Nothing is asked: the request comes up once more, when it has waited long enough.
        expires_at = leased.created_at + timedelta(seconds=capabilities.expires_after_s)
        return expires_at if now < expires_at else None
    start = leased.submitted_at or leased.created_at
    if now >= start + timedelta(seconds=capabilities.poll_until_s):
        return None
    steps = capabilities.poll_after_s
    if leased.inquiries < len(steps):
        return now + timedelta(seconds=steps[leased.inquiries])
    last_s = steps[-1] if leased.state is not State.EXPIRED else capabilities.expires_after_s
    return now + timedelta(seconds=last_s)


def next_sending_at(leased: LeasedRequest, capabilities: Capabilities, now: datetime) -> datetime:
    """Return the moment to send again what an operator did not take for a fault of ours; waits grow with its age.

    Units:   the first wait is that of the operator's schedule, and no wait passes the end of the prompt's lifetime.
    """
    age = max(now - leased.created_at, timedelta(0))
    end = leased.created_at + timedelta(seconds=capabilities.prompt_lifetime_s)
    return max(now, min(end, now + max(age // 2, timedelta(seconds=capabilities.poll_after_s[0]))))
