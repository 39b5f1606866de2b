"""Every pair of a state and an event, and what the table as a whole promises."""

import pytest

from payments.errors import IllegalTransition
from payments.observation import ObservedStatus
from payments.requests.lifecycle import (
    CONTRADICTIONS,
    EVENT_OF_STATUS,
    OPEN,
    TRANSITIONS,
    Event,
    State,
    after,
    contradicts,
)

#: The order in which news outranks news; a later rank never gives way to an earlier one.
RANK = {
    State.CREATED: 0,
    State.SUBMITTED: 0,
    State.UNKNOWN: 0,
    State.PENDING: 1,
    State.EXPIRED: 2,
    State.FAILED: 3,
    State.SUCCEEDED: 4,
    State.REVERSED: 5,
}
PAIRS = [(state, event) for state in State for event in Event]
#: A request leaves the house from CREATED alone; anything else would send it twice.
ILLEGAL = {(state, Event.SUBMISSION_STARTED) for state in State if state is not State.CREATED}


@pytest.mark.parametrize(("state", "event"), [pair for pair in PAIRS if pair in ILLEGAL])
def test_a_pair_without_a_row_raises_and_names_itself(state: State, event: Event) -> None:
    with pytest.raises(IllegalTransition, match=f"no transition from {state} on {event}"):
        after(state, event)


@pytest.mark.parametrize(("state", "event"), [pair for pair in PAIRS if pair not in ILLEGAL])
def test_a_pair_with_a_row_never_loses_better_news(state: State, event: Event) -> None:
    assert RANK[after(state, event)] >= RANK[state]


@pytest.mark.parametrize(("state", "event"), [pair for pair in PAIRS if pair not in ILLEGAL])
def test_hearing_something_twice_is_hearing_it_once(state: State, event: Event) -> None:
    once = after(state, event)
    if event is Event.SUBMISSION_STARTED:
        with pytest.raises(IllegalTransition):
            after(once, event)
    elif (state, event) == (State.SUBMITTED, Event.NEVER_ARRIVED):
        assert (once, after(once, event)) == (State.UNKNOWN, State.CREATED)
    else:
        assert after(once, event) is once


@pytest.mark.parametrize("state", [state for state in State if RANK[state] < RANK[State.SUCCEEDED]])
def test_success_leads_to_succeeded_from_every_state_before_it(state: State) -> None:
    assert after(state, Event.OPERATOR_SUCCEEDED) is State.SUCCEEDED


def test_succeeded_leaves_only_by_a_reversal_and_reversed_never() -> None:
    assert {event for event, then in TRANSITIONS[State.SUCCEEDED].items() if then is not State.SUCCEEDED} == {
        Event.OPERATOR_REVERSED
    }
    assert set(TRANSITIONS[State.REVERSED].values()) == {State.REVERSED}


def test_silence_is_never_failure() -> None:
    for state in State:
        for event in (Event.ANSWER_LOST, Event.NEVER_ARRIVED, Event.NOT_TAKEN, Event.WAITED_LONG_ENOUGH):
            assert after(state, event) is not State.FAILED or state is State.FAILED


def test_a_request_is_sent_again_only_when_it_was_never_seen_or_certainly_not_taken() -> None:
    back = {
        (state, event)
        for state, row in TRANSITIONS.items()
        for event, then in row.items()
        if then is State.CREATED and state is not State.CREATED
    }
    assert back == {(State.UNKNOWN, Event.NEVER_ARRIVED), (State.SUBMITTED, Event.NOT_TAKEN)}


def test_what_it_is_too_late_to_send_again_is_asked_about_and_never_called_failed_or_expired() -> None:
    assert {state: after(state, Event.TOO_LATE_TO_SEND) for state in State} == {
        state: State.UNKNOWN if state is State.CREATED else state for state in State
    }


def test_every_state_can_be_reached_from_created() -> None:
    reached, front = {State.CREATED}, {State.CREATED}
    while front:
        front = {then for state in front for then in TRANSITIONS[state].values()} - reached
        reached |= front
    assert reached == set(State)


@pytest.mark.parametrize(("state", "event"), PAIRS)
def test_finance_hears_exactly_of_the_listed_contradictions(state: State, event: Event) -> None:
    assert contradicts(state, event) == ((state, event) in CONTRADICTIONS)
    if contradicts(state, event):
        assert state in {State.SUCCEEDED, State.FAILED, State.REVERSED}


def test_every_observed_status_means_an_event_or_nothing() -> None:
    assert set(EVENT_OF_STATUS) == set(ObservedStatus)
    assert [status for status, event in EVENT_OF_STATUS.items() if event is None] == [ObservedStatus.UNKNOWN]
    # An operator that calls a prompt expired took no money: that is its news, not our opinion.
    assert EVENT_OF_STATUS[ObservedStatus.EXPIRED] is Event.OPERATOR_FAILED


def test_open_states_are_those_that_left_the_house_and_are_not_settled() -> None:
    assert {State.SUBMITTED, State.UNKNOWN, State.PENDING} == OPEN
