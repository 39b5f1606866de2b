from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.ussd.aggregators.contract import REPEAT_WITHIN, Turn, TurnEvent
from gateway.ussd.reading import Continue, NotYours, Replay, Start, is_id_used_again, read_turn, turn_ids, used_keys
from gateway.ussd.sessions import Reply, StoredSession
from payments.http_messages import RawResponse
from tests.fixed import START
from ussd_flows.state import FlowState

NUMBER, CODE = "+22370000001", "*123#"
STATE = FlowState("home", {}, {}, ())
PRESENT = Reply("home", False, RawResponse(200, {}, b"CON present"))
SOON, LATER = REPEAT_WITHIN - timedelta(milliseconds=1), REPEAT_WITHIN
REPLAY = Replay(PRESENT)


def stored(transcript: str | None = None, text: str | None = None, *, ended: bool = False) -> StoredSession:
    return StoredSession(
        msisdn=NUMBER,
        service_code=CODE,
        started="start",
        version=4,
        turn_number=3,
        turn_ids=(),
        transcript=transcript,
        text=text,
        used_keys=frozenset("12"),
        is_id_used_again=False,
        answered_at=START,
        state=None if ended else STATE,
        reply=PRESENT,
    )


def turn(path: str | None = None, text: str | None = None, *, after: timedelta = SOON, begins: bool = False) -> Turn:
    event = TurnEvent.BEGIN if begins or path == "" else TurnEvent.CONTINUE
    return Turn("x", "s", None, NUMBER, CODE, event, text, path, None, START + after)


@pytest.mark.parametrize(
    ("before", "now", "meaning"),
    [
        (None, turn(""), Start("")),
        (None, turn("1*2"), Start("1*2")),
        (stored(""), turn(""), REPLAY),
        (stored(""), turn("1"), Continue(STATE, "1")),
        (stored(""), turn("1*2"), Continue(STATE, "1*2")),
        (stored("1"), turn("1*1"), Continue(STATE, "1")),
        (stored("1"), turn("1*"), Continue(STATE, "")),
        (stored("1"), turn("1**"), Continue(STATE, "*")),
        (stored("1"), turn("1*a*b"), Continue(STATE, "a*b")),
        (stored("1"), turn("1", after=LATER), REPLAY),
        (stored("1"), turn("12"), Start("")),
        (stored("1*2"), turn("1", after=LATER), REPLAY),
        (stored("1*2"), turn(""), REPLAY),
        (stored("1*2"), turn("", after=LATER), Start("")),
        (stored("1*2"), turn("1*3"), Start("")),
        (stored("1*2", ended=True), turn("1*2", after=LATER), REPLAY),
        (stored("1*2", ended=True), turn("1", after=LATER), REPLAY),
        (stored("1*2", ended=True), turn("1*2*3"), REPLAY),
        (stored("1*2", ended=True), turn("9*1"), Start("9*1")),
        (stored("1*2", ended=True), turn(""), Start("")),
    ],
)
def test_a_path_means_what_it_says_beside_the_session(before: StoredSession | None, now: Turn, meaning: object) -> None:
    assert read_turn(before, now, REPEAT_WITHIN) == meaning


@pytest.mark.parametrize(
    ("before", "now", "meaning"),
    [
        (None, turn(text="1*2", begins=True), Start("1*2")),
        (None, turn(text="1"), Start("")),
        (stored(text="1"), turn(text="1"), REPLAY),
        (stored(text="1"), turn(text="1", after=LATER), Continue(STATE, "1")),
        (stored(text="1"), turn(text="2"), Continue(STATE, "2")),
        (stored(text=""), turn(text="", begins=True), REPLAY),
        (stored(text="2"), turn(text="", begins=True), REPLAY),
        (stored(text="2"), turn(text="", begins=True, after=LATER), Start("")),
        (stored(text="5", ended=True), turn(text="5", after=LATER), REPLAY),
        (stored(text="5", ended=True), turn(text="", begins=True), Start("")),
        (stored(text="5", ended=True), turn(text="5", begins=True), Start("5")),
        (stored(text="5", ended=True), turn(text="1"), Start("")),
        (stored(text="5"), turn(text="5*5"), Continue(STATE, "5*5")),
    ],
)
def test_a_last_answer_means_what_it_says_beside_the_session(
    before: StoredSession | None, now: Turn, meaning: object
) -> None:
    assert read_turn(before, now, REPEAT_WITHIN) == meaning


@pytest.mark.parametrize(
    ("turn_id", "now", "meaning"),
    [
        ("3", turn(text="1", after=LATER), REPLAY),
        ("1", turn(text="2", after=LATER), REPLAY),
        ("4", turn(text="1"), Continue(STATE, "1")),
        ("3", turn(text="", begins=True, after=LATER), REPLAY),
        ("1", turn(text="", begins=True, after=LATER), Start("")),
    ],
)
def test_a_turn_with_a_name_is_a_repeat_by_its_name_alone(turn_id: str, now: Turn, meaning: object) -> None:
    before = replace(stored(text="1"), turn_ids=("1", "2", "3"))
    assert read_turn(before, replace(now, turn_id=turn_id), REPEAT_WITHIN) == meaning


@pytest.mark.parametrize("other", [{"msisdn": "+22370000002"}, {"service_code": "*456#"}])
@pytest.mark.parametrize("before", [stored("1"), stored("1", ended=True), stored(text="1")])
def test_another_number_or_service_neither_reads_nor_moves_a_dialogue(
    other: dict[str, str], before: StoredSession
) -> None:
    path = before.transcript
    goes_on = turn(path and f"{path}*1", None if path else "1")
    for after in (SOON, LATER):
        late = replace(goes_on, received_at=START + after, **other)
        assert read_turn(before, late, REPEAT_WITHIN) == NotYours()
    begins = turn("" if path else None, None if path else "", begins=True)
    assert read_turn(before, replace(begins, **other), REPEAT_WITHIN) == Start("")


@pytest.mark.parametrize("code", ["", "123", "*123", "*123# "])
def test_a_code_that_was_not_said_or_is_written_otherwise_binds_nothing(code: str) -> None:
    now = replace(turn("1*1"), service_code=code)
    assert read_turn(stored("1"), now, REPEAT_WITHIN) == Continue(STATE, "1")
    silent = replace(stored("1"), service_code="")
    assert read_turn(silent, turn("1*1"), REPEAT_WITHIN) == Continue(STATE, "1")


def test_the_window_is_the_aggregator_s_own() -> None:
    late = turn(text="1", after=timedelta(seconds=4))
    assert read_turn(stored(text="1"), late, timedelta(seconds=5)) == REPLAY
    assert read_turn(stored(text="1"), late, timedelta(0)) == Continue(STATE, "1")
    copy = replace(late, received_at=START - timedelta(seconds=1))
    assert read_turn(stored(text="1"), copy, REPEAT_WITHIN) == REPLAY


def test_names_of_turns_are_kept_for_one_dialogue_only() -> None:
    before = replace(stored(text="1"), turn_ids=tuple(map(str, range(100))))
    now = replace(turn(text="1"), turn_id="100")
    assert turn_ids(before, now)[0] == "1"
    assert turn_ids(before, now)[-1] == "100"
    assert turn_ids(None, now) == ("100",)


def test_keys_are_remembered_where_turns_have_no_names() -> None:
    assert used_keys(stored(text="1"), turn(text="7")) == frozenset("127")
    assert used_keys(None, turn(text="1*22*5000*Awa*3", begins=True)) == frozenset({"1", "22", "3"})
    assert used_keys(stored("1"), turn("1*2")) == frozenset()
    assert used_keys(stored(text="1"), replace(turn(text="7"), turn_id="4")) == frozenset("127")


def test_a_dialogue_knows_that_its_id_was_another_s() -> None:
    again = replace(stored(), is_id_used_again=True)
    assert not is_id_used_again(None, Start(""))
    assert not is_id_used_again(stored(), Continue(STATE, "1"))
    assert is_id_used_again(stored(), Start(""))
    assert is_id_used_again(again, Continue(STATE, "1"))
