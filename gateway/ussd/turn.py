"""One turn of a dialogue: read once, decide in a pure step, write once, answer.

Theory of operation
-------------------
A session belongs to one aggregator and one number. A turn that was answered before is answered the same again: by its
path where the aggregator repeats the whole path (a shorter path is an older turn, and gets the present screen), or
because the dialogue has ended. A path without a session was dialled in one go, or outlived its session: it is walked
from home, and never as far as an effect.

Two copies of a turn at once both step; their effects have the same keys, so they happen once; the session is kept by
compare-and-set, and the slower copy repeats the reply of the faster. After a crash between the effects and the session,
the copy that comes next steps again from facts without the work of its own turn, and finds the kept request.

When a store fails, the caller is told what is true: nothing was launched, the request is kept, or we do not know.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.members.account import Account, load_account
from gateway.ussd.aggregators.contract import HUNG_UP, Turn, TurnEvent
from gateway.ussd.cause import Cause, turn_number
from gateway.ussd.effects import Performing, perform
from gateway.ussd.facts import facts_from
from gateway.ussd.parts import UssdDeps
from gateway.ussd.sentences import DONE, NOT_YOURS, NOTHING_DONE, UNCERTAIN, ending
from gateway.ussd.sessions import SessionKey, SessionsUnavailable, StoredSession
from payments.collect import release
from ussd_flows.screen import Screen
from ussd_flows.state import FlowState
from ussd_flows.step import Step, start, step

log = structlog.stdlib.get_logger()

#: What a dialogue has launched: found by the phone, because the keys alone have no index for their beginnings.
LAUNCHED = text("""
    SELECT EXISTS (SELECT FROM payment_request
                    WHERE payer_msisdn = :msisdn AND created_at > :since
                      AND starts_with(idempotency_key, :dialogue))
        OR EXISTS (SELECT FROM outbox_sms JOIN phone ON phone.household_id = outbox_sms.household_id
                    WHERE phone.msisdn = :msisdn
                      AND (starts_with(key, :dialogue) OR starts_with(key, 'registered/' || :dialogue)))
""")
LAUNCHED_WITHIN = timedelta(hours=1)


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

    screen: Screen


@dataclass(frozen=True, slots=True)
class NotYours:
    """The session belongs to another number."""


Reading = Start | Continue | Replay | NotYours


async def handle_turn(ussd: UssdDeps, turn: Turn) -> Screen | None:
    """Answer a turn; None when nobody is on the line any more."""
    now = ussd.deps.clock.now()
    key = SessionKey(turn.aggregator, turn.session_id)
    if turn.event in HUNG_UP:
        await _hang_up(ussd, turn, key, now)
        return None
    attempt = _Attempt(ussd, turn, key, now)
    try:
        return await attempt.answer()
    except (SessionsUnavailable, SQLAlchemyError) as failed:
        log.warning("ussd.turn_failed", aggregator=turn.aggregator, kind=_kind(failed))
        return await attempt.truth()


def read_turn(stored: StoredSession | None, turn: Turn) -> Reading:
    """Say what a turn means beside what we remember of its dialogue."""
    typed = turn.transcript if turn.transcript is not None else turn.text or ""
    if stored is None:
        return Start(typed)
    if stored.msisdn != turn.msisdn:
        return NotYours()
    if turn.transcript is None:
        return _read_text(stored, turn.event, typed)
    if stored.state is None or stored.transcript is None:
        return Replay(stored.screen)
    return _read_path(stored.state, stored.screen, stored.transcript, turn.transcript)


def _read_text(stored: StoredSession, event: TurnEvent, typed: str) -> Reading:
    if event is TurnEvent.BEGIN:
        return Replay(stored.screen) if stored.turn_number == 0 else Start(typed)
    return Replay(stored.screen) if stored.state is None else Continue(stored.state, typed)


def _read_path(state: FlowState, screen: Screen, before: str, path: str) -> Reading:
    # People type stars too, so what is new is the difference of two paths, never the part behind the last star.
    if path == before or not path or before.startswith(f"{path}*"):
        return Replay(screen)
    if not before:
        return Continue(state, path)
    if path.startswith(f"{before}*"):
        return Continue(state, path[len(before) + 1 :])
    return Start("")


async def _hang_up(ussd: UssdDeps, turn: Turn, key: SessionKey, now: datetime) -> None:
    """Close the dialogue and let its push go out; the phone has room for a prompt now."""

    async def let_go(connection: AsyncConnection) -> None:
        await release(connection, turn.msisdn, now)

    try:
        stored = await ussd.sessions.load(key, now)
        if stored is not None and stored.msisdn != turn.msisdn:
            return
        await ussd.deps.doors.transact(let_go)
        await ussd.sessions.forget(key)
    except (SessionsUnavailable, SQLAlchemyError) as failed:
        # The push goes out by itself a moment later, and the session expires.
        log.warning("ussd.hang_up_failed", aggregator=turn.aggregator, kind=_kind(failed))


def _kind(failed: Exception) -> str:
    # A store that is down fails every turn: one short line each, without a trace.
    return type(failed.__cause__ or failed).__name__


class _Attempt:
    """One try at answering one turn, which remembers how far it came."""

    def __init__(self, ussd: UssdDeps, turn: Turn, key: SessionKey, now: datetime) -> None:
        self._ussd = ussd
        self._turn = turn
        self._key = key
        self._now = now
        self._may_have_committed = False
        self._done: Screen | None = None

    async def answer(self) -> Screen:
        """Answer the turn; an exception means that a store failed."""
        stored = await self._ussd.sessions.load(self._key, self._now)
        match read_turn(stored, self._turn):
            case NotYours():
                return ending(NOT_YOURS, "not_yours")
            case Replay(screen):
                return screen
            case Start() | Continue() as reading:
                return await self._step(stored, reading)
            case never:
                assert_never(never)

    async def _step(self, stored: StoredSession | None, reading: Start | Continue) -> Screen:
        ussd, turn = self._ussd, self._turn
        cause = Cause(self._key, turn_number(stored, turn.transcript))
        async with ussd.deps.doors.single() as connection:
            account = await load_account(connection, ussd.book, turn.msisdn, self._now, cause.name)
        facts = facts_from(account, ussd.book, ussd.deps.operators, ussd.places, now=self._now, cause=cause)
        taken = start(facts, reading.tail) if isinstance(reading, Start) else step(reading.state, reading.text, facts)
        screen = await self._perform(account, cause, taken) if taken.effects else taken.screen
        return await self._keep(stored, cause, taken.state, screen)

    async def _perform(self, account: Account | None, cause: Cause, taken: Step) -> Screen:
        performing = Performing(self._ussd, cause, self._turn.msisdn, account, self._now)

        async def work(connection: AsyncConnection) -> Screen:
            self._may_have_committed = False
            screen = await perform(connection, performing, taken)
            self._may_have_committed = True
            return screen

        self._done = await self._ussd.deps.doors.transact(work)
        return self._done

    async def _keep(
        self, stored: StoredSession | None, cause: Cause, state: FlowState | None, screen: Screen
    ) -> Screen:
        """Keep the session; give the reply of the copy of this turn that was faster, if there was one."""
        ussd, turn = self._ussd, self._turn
        kept = StoredSession(
            msisdn=turn.msisdn,
            version=stored.version + 1 if stored else 1,
            turn_number=cause.turn_number,
            transcript=turn.transcript,
            state=state,
            screen=screen,
        )
        was_kept = await ussd.sessions.save(
            self._key,
            kept,
            expected_version=stored.version if stored else None,
            now=self._now,
            expires_at=self._now + timedelta(seconds=ussd.session_lifetime_s),
        )
        if was_kept:
            return screen
        faster = await ussd.sessions.load(self._key, self._now)
        is_copy = faster is not None and faster.msisdn == turn.msisdn and faster.transcript == turn.transcript
        return faster.screen if faster is not None and is_copy else screen

    async def truth(self) -> Screen:
        """Say what is true after a store has failed."""
        if self._done is not None:
            return self._done
        if self._turn.event is TurnEvent.BEGIN and not self._turn.transcript:
            return ending(NOTHING_DONE, "nothing_done")
        cause = Cause(self._key, 0)
        wanted = {"msisdn": self._turn.msisdn, "since": self._now - LAUNCHED_WITHIN, "dialogue": cause.dialogue}
        try:
            async with self._ussd.deps.doors.single() as connection:
                launched = (await connection.execute(LAUNCHED, wanted)).scalar_one()
        except SQLAlchemyError:
            return ending(UNCERTAIN, "uncertain")
        if launched:
            return ending(DONE, "done")
        return ending(UNCERTAIN, "uncertain") if self._may_have_committed else ending(NOTHING_DONE, "nothing_done")
