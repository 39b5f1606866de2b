"""The life of a payment request, as one table of states.

Theory of operation
-------------------
A request is ``created`` inside the caller's turn and commits there, before anything leaves the house. A worker leases
it (``submission_started``): from that moment the operator may know of it, whatever happens to us, so a crash leaves it
``submitted`` and the next worker *asks* instead of sending again.

The operator's answer to the push moves it to ``pending``; a lost answer moves it to ``unknown``, which is not failure:
it is asked by the ids that we made. Only when the operator, some time after the sending, says that it never saw them
does ``never_arrived`` bring it back to ``created``, to be sent again under the *same* ids, at which it can only find
the first order, had that arrived after all. ``not_taken`` does so at once: the operator refused us and not the payer,
or the call was never made. A request that may have arrived and that it is too late to send again is asked about
instead (``too_late_to_send``).

``expired`` is our opinion alone. Money evidence outranks silence and outranks our opinions, so ``operator_succeeded``
leads to ``succeeded`` from every state before it, ``failed`` and ``expired`` included. ``succeeded`` leaves only by
``operator_reversed``. News that contradicts a state without outranking it changes nothing here and is listed in
:data:`CONTRADICTIONS`; whoever meets it opens a break for finance.

"Twice" is a row: a repeated event stays where it is. "Late" is a row: an answer to the push that arrives after the
callback finds ``succeeded`` and leaves it there. A pair without a row is a fault in our code, and raises.
"""

from enum import StrEnum

from payments.errors import IllegalTransition
from payments.observation import ObservedStatus


class State(StrEnum):
    """Where a payment request stands."""

    CREATED = "created"
    SUBMITTED = "submitted"
    UNKNOWN = "unknown"
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"
    REVERSED = "reversed"


class Event(StrEnum):
    """What can happen to a payment request."""

    SUBMISSION_STARTED = "submission_started"
    ANSWER_LOST = "answer_lost"
    NEVER_ARRIVED = "never_arrived"
    NOT_TAKEN = "not_taken"
    TOO_LATE_TO_SEND = "too_late_to_send"
    OPERATOR_PENDING = "operator_pending"
    OPERATOR_SUCCEEDED = "operator_succeeded"
    OPERATOR_FAILED = "operator_failed"
    OPERATOR_REVERSED = "operator_reversed"
    WAITED_LONG_ENOUGH = "waited_long_enough"


S = State
E = Event

TRANSITIONS: dict[State, dict[Event, State]] = {
    S.CREATED: {
        E.SUBMISSION_STARTED: S.SUBMITTED,
        E.ANSWER_LOST: S.CREATED,
        E.NEVER_ARRIVED: S.CREATED,
        E.NOT_TAKEN: S.CREATED,
        E.TOO_LATE_TO_SEND: S.UNKNOWN,
        E.OPERATOR_PENDING: S.PENDING,
        E.OPERATOR_SUCCEEDED: S.SUCCEEDED,
        E.OPERATOR_FAILED: S.FAILED,
        E.OPERATOR_REVERSED: S.REVERSED,
        E.WAITED_LONG_ENOUGH: S.EXPIRED,
    },
    S.SUBMITTED: {
        E.ANSWER_LOST: S.UNKNOWN,
        E.NEVER_ARRIVED: S.UNKNOWN,
        E.NOT_TAKEN: S.CREATED,
        E.TOO_LATE_TO_SEND: S.SUBMITTED,
        E.OPERATOR_PENDING: S.PENDING,
        E.OPERATOR_SUCCEEDED: S.SUCCEEDED,
        E.OPERATOR_FAILED: S.FAILED,
        E.OPERATOR_REVERSED: S.REVERSED,
        E.WAITED_LONG_ENOUGH: S.EXPIRED,
    },
    S.UNKNOWN: {
        E.ANSWER_LOST: S.UNKNOWN,
        E.NEVER_ARRIVED: S.CREATED,
        E.NOT_TAKEN: S.UNKNOWN,
        E.TOO_LATE_TO_SEND: S.UNKNOWN,
        E.OPERATOR_PENDING: S.PENDING,
        E.OPERATOR_SUCCEEDED: S.SUCCEEDED,
        E.OPERATOR_FAILED: S.FAILED,
        E.OPERATOR_REVERSED: S.REVERSED,
        E.WAITED_LONG_ENOUGH: S.EXPIRED,
    },
    S.PENDING: {
        E.ANSWER_LOST: S.PENDING,
        E.NEVER_ARRIVED: S.PENDING,
        E.NOT_TAKEN: S.PENDING,
        E.TOO_LATE_TO_SEND: S.PENDING,
        E.OPERATOR_PENDING: S.PENDING,
        E.OPERATOR_SUCCEEDED: S.SUCCEEDED,
        E.OPERATOR_FAILED: S.FAILED,
        E.OPERATOR_REVERSED: S.REVERSED,
        E.WAITED_LONG_ENOUGH: S.EXPIRED,
    },
    S.SUCCEEDED: {
        E.ANSWER_LOST: S.SUCCEEDED,
        E.NEVER_ARRIVED: S.SUCCEEDED,
        E.NOT_TAKEN: S.SUCCEEDED,
        E.TOO_LATE_TO_SEND: S.SUCCEEDED,
        E.OPERATOR_PENDING: S.SUCCEEDED,
        E.OPERATOR_SUCCEEDED: S.SUCCEEDED,
        E.OPERATOR_FAILED: S.SUCCEEDED,
        E.OPERATOR_REVERSED: S.REVERSED,
        E.WAITED_LONG_ENOUGH: S.SUCCEEDED,
    },
    S.FAILED: {
        E.ANSWER_LOST: S.FAILED,
        E.NEVER_ARRIVED: S.FAILED,
        E.NOT_TAKEN: S.FAILED,
        E.TOO_LATE_TO_SEND: S.FAILED,
        E.OPERATOR_PENDING: S.FAILED,
        E.OPERATOR_SUCCEEDED: S.SUCCEEDED,
        E.OPERATOR_FAILED: S.FAILED,
        E.OPERATOR_REVERSED: S.REVERSED,
        E.WAITED_LONG_ENOUGH: S.FAILED,
    },
    S.EXPIRED: {
        E.ANSWER_LOST: S.EXPIRED,
        E.NEVER_ARRIVED: S.EXPIRED,
        E.NOT_TAKEN: S.EXPIRED,
        E.TOO_LATE_TO_SEND: S.EXPIRED,
        E.OPERATOR_PENDING: S.EXPIRED,
        E.OPERATOR_SUCCEEDED: S.SUCCEEDED,
        E.OPERATOR_FAILED: S.FAILED,
        E.OPERATOR_REVERSED: S.REVERSED,
        E.WAITED_LONG_ENOUGH: S.EXPIRED,
    },
    S.REVERSED: {
        E.ANSWER_LOST: S.REVERSED,
        E.NEVER_ARRIVED: S.REVERSED,
        E.NOT_TAKEN: S.REVERSED,
        E.TOO_LATE_TO_SEND: S.REVERSED,
        E.OPERATOR_PENDING: S.REVERSED,
        E.OPERATOR_SUCCEEDED: S.REVERSED,
        E.OPERATOR_FAILED: S.REVERSED,
        E.OPERATOR_REVERSED: S.REVERSED,
        E.WAITED_LONG_ENOUGH: S.REVERSED,
    },
}

#: News that a state outranks but that finance must see.
CONTRADICTIONS: frozenset[tuple[State, Event]] = frozenset(
    {
        (S.SUCCEEDED, E.OPERATOR_FAILED),
        (S.FAILED, E.OPERATOR_SUCCEEDED),
        (S.FAILED, E.OPERATOR_PENDING),
        (S.REVERSED, E.OPERATOR_SUCCEEDED),
    }
)

#: States in which the operator may still have news that we have not heard.
OPEN: frozenset[State] = frozenset({S.SUBMITTED, S.UNKNOWN, S.PENDING})

#: The event that an observed status stands for; UNKNOWN says nothing.
EVENT_OF_STATUS: dict[ObservedStatus, Event | None] = {
    ObservedStatus.PENDING: E.OPERATOR_PENDING,
    ObservedStatus.SUCCEEDED: E.OPERATOR_SUCCEEDED,
    ObservedStatus.FAILED: E.OPERATOR_FAILED,
    ObservedStatus.EXPIRED: E.OPERATOR_FAILED,
    ObservedStatus.REVERSED: E.OPERATOR_REVERSED,
    ObservedStatus.UNKNOWN: None,
}


def after(state: State, event: Event) -> State:
    """Return the state that follows ``event``.

    Errors:  IllegalTransition when the table has no row for the pair.
    """
    following = TRANSITIONS[state].get(event)
    if following is None:
        raise IllegalTransition(state, event)
    return following


def contradicts(state: State, event: Event) -> bool:
    """Return whether finance must be told that ``event`` came in ``state``."""
    return (state, event) in CONTRADICTIONS
