"""What is known of a payment request while evidence is judged, and how it moves."""

from dataclasses import dataclass
from datetime import datetime

from payments.requests.lifecycle import State


@dataclass(frozen=True, slots=True)
class RequestFact:
    """What the matcher must know of one payment request."""

    id: int
    operator: str
    reference: str
    party_id: int
    amount_xof: int
    payer_msisdn: str
    state: State
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StateChange:
    """A payment request that moves from one state to another."""

    request_id: int
    before: State
    after: State
