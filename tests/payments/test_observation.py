"""Which evidence may become money."""

import dataclasses

import pytest

from payments.observation import CREDITING, Observation, ObservedStatus, Provenance
from payments.requests.lifecycle import EVENT_OF_STATUS


def test_everything_credits_but_a_callback_that_proves_nothing() -> None:
    assert set(Provenance) - CREDITING == {Provenance.UNVERIFIED_CALLBACK}


def test_an_observation_is_never_changed_after_it_was_made() -> None:
    seen = Observation("sandbox", Provenance.QUERY, ObservedStatus.PENDING)
    with pytest.raises(dataclasses.FrozenInstanceError):
        seen.amount_xof = 1  # type: ignore[misc]


def test_every_status_is_known_to_the_table_of_states() -> None:
    assert set(EVENT_OF_STATUS) == set(ObservedStatus)
