"""What a turn means beside what we remember of its dialogue: a new answer, a repeat, a new dialogue, another's.

Theory of operation
-------------------
A session belongs to one number and one service code. A turn that begins is a new dialogue whoever had the id before,
unless it comes so soon after our answer that nobody can have dialled again: then it is a late copy of the first turn. A
turn that goes on must come from the number and the code that the dialogue has.

A turn that was answered is answered the same again. It is known by its own name, or by its path (a shorter path is an
older turn, and gets the present screen), or, where the aggregator sends the last answer and nothing else, by the same
text within a moment; once the dialogue has ended, at any time. What is none of these is a new dial if the dialogue has
ended. A path without a session was dialled in one go, or outlived its session: it is walked from home, and never as far
as an effect; an answer without a session answers a screen that we do not know, and leads home.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from gateway.ussd.aggregators.contract import Turn
from gateway.ussd.sessions import Reply, StoredSession
from ussd_flows.state import FlowState

#: A dialogue of three minutes has fewer turns.
TURN_IDS_KEPT: Final = 100
#: What a screen may use as a key.
_KEY: Final = re.compile(r"[0-9]{1,3}", re.ASCII)
#: Gateways write one code with and without its frame.
_FRAME_OF_A_CODE: Final = "*# "


@dataclass(frozen=True, slots=True)
class Start:
    """The caller has just dialled, perhaps further than the code."""

    tail: str


@dataclass(frozen=True, slots=True)
class Continue:
    """The caller answered the screen that we remember."""

    state: FlowState
    text: str


@dataclass(frozen=True, slots=True)
class Replay:
    """The turn was answered before, or is older than the last one answered."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class NotYours:
    """The dialogue goes on with another number, or with another service."""


TurnReading = Start | Continue | Replay | NotYours


def read_turn(stored: StoredSession | None, turn: Turn, repeat_within: timedelta) -> TurnReading:
    """Return what a turn means."""
    if stored is None:
        return Start(_dialled(turn))
    if not _is_same_caller(stored, turn):
        return Start(_dialled(turn)) if turn.begins else NotYours()
    is_recent = turn.received_at - stored.answered_at < repeat_within
    if turn.begins:
        is_copy = stored.state is not None and (is_recent or _is_latest(stored, turn))
        return Replay(stored.reply) if is_copy else Start(_dialled(turn))
    if _was_answered(stored, turn, is_recent=is_recent):
        return Replay(stored.reply)
    if stored.state is None:
        return Start(_dialled(turn))
    return _answered_now(stored.state, stored.transcript, turn)


def _dialled(turn: Turn) -> str:
    if turn.is_garbled:
        return ""
    if turn.transcript is not None:
        return turn.transcript
    return turn.text or "" if turn.begins else ""


def _is_same_caller(stored: StoredSession, turn: Turn) -> bool:
    # A code that was not said binds nothing.
    ours, theirs = (code.strip(_FRAME_OF_A_CODE) for code in (stored.service_code, turn.service_code))
    return stored.msisdn == turn.msisdn and (not ours or not theirs or ours == theirs)


def _is_latest(stored: StoredSession, turn: Turn) -> bool:
    return turn.turn_id is not None and stored.turn_ids[-1:] == (turn.turn_id,)


def _was_answered(stored: StoredSession, turn: Turn, *, is_recent: bool) -> bool:
    has_ended = stored.state is None
    if turn.turn_id is not None:
        return turn.turn_id in stored.turn_ids
    if turn.transcript is None:
        return turn.text == stored.text and (is_recent or has_ended)
    before, path = stored.transcript, turn.transcript
    if before is None:
        return False
    return path == before or before.startswith(f"{path}*") or (has_ended and path.startswith(f"{before}*"))


def _answered_now(state: FlowState, before: str | None, turn: Turn) -> TurnReading:
    if turn.is_garbled:
        # No screen takes an empty answer: it is shown again with the reason.
        return Continue(state, "")
    if turn.transcript is None:
        return Continue(state, turn.text or "")
    # People type stars too, so what is new is the difference of two paths, never the part behind the last star.
    if not before:
        return Continue(state, turn.transcript)
    if turn.transcript.startswith(f"{before}*"):
        return Continue(state, turn.transcript[len(before) + 1 :])
    return Start("")


def is_id_used_again(stored: StoredSession | None, reading: TurnReading) -> bool:
    """Return whether this dialogue has its session id from another one, whose turns may still be on their way.

    A first turn that comes again late looks like a new dial, and then the names of the turns before it are forgotten.
    """
    return stored is not None and (isinstance(reading, Start) or stored.is_id_used_again)


def turn_ids(before: StoredSession | None, turn: Turn) -> tuple[str, ...]:
    """Return the names of the turns of a dialogue that were answered, this one included."""
    earlier = before.turn_ids if before else ()
    return (*earlier, turn.turn_id)[-TURN_IDS_KEPT:] if turn.turn_id is not None else earlier


def used_keys(stored: StoredSession | None, turn: Turn) -> frozenset[str]:
    """Return the keys that have been shown or typed under this session id; a path needs none.

    A new dialogue under the same id inherits them: what comes late from the last one must not act in it either.
    """
    if turn.transcript is not None:
        return frozenset()
    typed = {token for token in map(str.strip, (turn.text or "").split("*")) if _KEY.fullmatch(token)}
    return (stored.used_keys if stored else frozenset()) | typed
