"""Everything a step may know about the caller, read once before the step."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from ussd_flows.places import Places
from ussd_flows.queries import Answer, Query
from ussd_flows.state import FlowState


class RightsState(StrEnum):
    """Where a household's right to care stands today."""

    OPEN = "open"
    WAITING = "waiting"
    GRACE = "grace"
    CLOSED = "closed"


class PaymentState(StrEnum):
    """What has become of a payment, as far as we know."""

    PENDING = "pending"
    RECEIVED = "received"
    SUSPENSE = "suspense"
    REVERSED = "reversed"
    FAILED = "failed"


class RequestState(StrEnum):
    """What an open payment request waits for."""

    WAITING = "waiting"  # for the payer, who has the prompt on the phone or will have it in a moment
    CHECKING = "checking"  # for the operator, who did not say what became of it


@dataclass(frozen=True, slots=True)
class RightsFact:
    """The household's rights, with the days that bound them."""

    state: RightsState
    open_from: date | None = None
    open_until: date | None = None


@dataclass(frozen=True, slots=True)
class PaymentFact:
    """One of the household's latest payments."""

    amount_xof: int
    on: date
    receipt: str
    state: PaymentState


@dataclass(frozen=True, slots=True)
class Registered:
    """The household of a caller whom we know.

    Units: amounts in whole francs CFA; due, paid and remaining cover the current period and arrears, ``advance_xof`` is
           held for periods to come, whether they are known already or not; ``opens_with_xof`` is the least payment that
           opens rights where they are closed. What can bring fewer days than ``warn_below_days`` is warned of.
           ``activity`` is a code, ``place`` is written as people read it.
    """

    household_id: int
    name: str
    ramu_number: str
    scheme_label: str
    due_xof: int
    paid_xof: int
    remaining_xof: int
    next_due_on: date | None
    arrears: str
    minimum_xof: int
    suggested_xof: tuple[int, ...]
    maximum_xof: int
    rights: RightsFact
    last_wallet: str | None = None
    last_payments: tuple[PaymentFact, ...] = ()
    suspense_xof: int = 0
    advance_xof: int = 0
    advance_for: str = ""
    opens_with_xof: int | None = None
    warn_below_days: int = 0
    activity: str = ""
    place: str = ""
    people_count: int = 1
    children_count: int = 0


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A payment request that still waits for an answer, and how long it does so.

    Units: amount in whole francs CFA; ``waits_min`` in minutes, begun ones counted.
    """

    reference: str
    amount_xof: int
    wallet_label: str
    state: RequestState
    waits_min: int = 1


@dataclass(frozen=True, slots=True)
class Wallet:
    """A wallet that can be asked to pay."""

    code: str
    label: str


@dataclass(frozen=True, slots=True)
class Facts:
    """The caller and what is open to them today.

    ``used_keys`` holds every key that this dialogue has shown or heard, where a repeat of an earlier turn looks like a
    new answer; it is empty where turns have names of their own. ``answers`` holds what menus have asked in this turn.
    ``is_number_held`` says that the caller's number may have changed hands, and that nobody has decided it yet;
    ``unfinished`` is where this number left its last dialogue in the middle, a moment ago; ``help_number`` is where
    somebody answers the telephone, as people dial it; empty where nobody does.
    """

    today: date
    caller: Registered | None
    open_request: OpenRequest | None
    wallets: tuple[Wallet, ...]
    activities: tuple[str, ...]
    places: Places
    used_keys: frozenset[str] = frozenset()
    is_number_held: bool = False
    unfinished: FlowState | None = None
    help_number: str = ""
    answers: Mapping[Query, Answer] = field(default_factory=dict)

    def knowing(self, query: Query, answer: Answer) -> "Facts":
        """Return the facts with what was asked about."""
        return replace(self, answers={**self.answers, query: answer})
