import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ussd_flows.state import FlowState, decode, encode

TEXTS = st.text(max_size=20)
STATES = st.builds(
    FlowState,
    menu=TEXTS,
    data=st.dictionaries(TEXTS, TEXTS, max_size=4),
    options=st.dictionaries(TEXTS, TEXTS, max_size=4),
    trail=st.lists(TEXTS, max_size=4).map(tuple),
)


@given(STATES)
def test_a_stored_state_comes_back_as_it_was(state: FlowState) -> None:
    assert decode(encode(state)) == state


def test_a_stored_state_is_plain_ascii() -> None:
    stored = encode(FlowState("home", {"name": "Traoré\x00"}, {"1": "a"}, ()))
    assert stored.isascii()
    assert "\x00" not in stored


GOOD = json.loads(encode(FlowState("home", {}, {}, ())))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{",
        "[" * 100_000,
        json.dumps({}),
        json.dumps(GOOD | {"v": 1}),
        json.dumps(GOOD | {"v": "2"}),
        json.dumps(GOOD | {"menu": 1}),
        json.dumps(GOOD | {"data": []}),
        json.dumps(GOOD | {"data": {"a": 1}}),
        json.dumps(GOOD | {"options": {"1": 1}}),
        json.dumps(GOOD | {"options": ["yes"]}),
        json.dumps(GOOD | {"trail": "home"}),
        json.dumps(GOOD | {"trail": [None]}),
    ],
)
def test_a_state_of_another_make_is_not_read(text: str) -> None:
    assert decode(text) is None


@given(st.text())
def test_garbage_is_not_a_state(text: str) -> None:
    assert decode(text) is None
