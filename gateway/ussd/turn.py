"""One turn of a dialogue: read once, decide in a pure step, write once, answer.

Theory of operation
-------------------
What a turn means beside the session is said in ``reading``. A turn that means something new is stepped, its effects are
done under keys made of the number, the dialogue and the turn, and the session is kept with the answer, to the octet.

Two copies of a turn at once both step; their effects have the same keys, so they happen once; the session is kept by
compare-and-set, and the slower copy repeats the reply of the faster. That holds for the first turn too, where each copy
would give the dialogue a name of its own: the name that is kept counts. After a crash between the effects and the
session, the copy that comes next steps again from facts without the work of its own turn, and finds the kept request;
where the session was lost too, the path says which turn it is, and what that turn launched is looked for.

Whatever fails or hangs, the caller is told in time what is true: the request is kept, nothing was launched, or we do
not know.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import assert_never

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.infra.deadline import within
from gateway.members.account import CallerAccount, load_caller
from gateway.ussd.aggregators.contract import HUNG_UP, Aggregator, Turn, TurnEvent
from gateway.ussd.deps import UssdDeps
from gateway.ussd.effects import EffectContext, perform
from gateway.ussd.facts import facts_from
from gateway.ussd.launched import TurnSlot, is_under_way, was_launched_at, was_launched_by
from gateway.ussd.needs import NEEDS_MAX, Asked, MenuAsksTooMuch
from gateway.ussd.reading import Continue, NotYours, Replay, Start, is_id_used_again, read_turn, turn_ids, used_keys
from gateway.ussd.sessions import Reply, SessionKey, SessionsUnavailable, StoredSession
from gateway.ussd.system_screens import DONE, NOT_YOURS, NOTHING_DONE, UNCERTAIN, ending, with_help
from gateway.ussd.turn_key import TurnKey, turn_number
from gateway.ussd.unfinished import left_before, to_go_on_with
from payments.requests.store import release
from ussd_flows.facts import Facts
from ussd_flows.screen import Screen
from ussd_flows.step import Step, start, step

log = structlog.stdlib.get_logger()


async def handle_turn(ussd: UssdDeps, aggregator: Aggregator, turn: Turn, limit_s: float) -> Reply | None:
    """Answer a turn, soon after the limit whatever hangs; None when nobody is on the line any more."""
    if turn.event in HUNG_UP:
        await _hang_up(ussd, turn, limit_s)
        return None
    attempt = _Attempt(ussd, aggregator, turn)
    try:
        return await within(limit_s, attempt.answer())
    except (SessionsUnavailable, SQLAlchemyError, TimeoutError) as failed:
        # A store that is down fails every turn: one short line each, without a trace.
        log.warning("ussd.turn_failed", aggregator=turn.aggregator, kind=_kind(failed))
    except Exception as failed:
        log.exception(
            "ussd.turn_broken", code=ussd.deps.ids.reference(), aggregator=turn.aggregator, kind=_kind(failed)
        )
    return await attempt.outcome_message()


async def _hang_up(ussd: UssdDeps, turn: Turn, limit_s: float) -> None:
    """Close the dialogue and let its push go out; the phone has room for a prompt now."""
    now, key = turn.received_at, SessionKey(turn.aggregator, turn.session_id)

    async def let_go(connection: AsyncConnection) -> None:
        await release(connection, turn.msisdn, now)

    async def close() -> None:
        stored = await ussd.sessions.load(key, now)
        if stored is not None and not _ends(turn, stored):
            return
        await ussd.deps.ingress_db.transact(let_go)
        if stored is not None:
            # It is over at once, and its number finds it for a while: who was cut off may go on by dialling again.
            over = replace(stored, version=stored.version + 1)
            await ussd.sessions.save(key, over, expected_version=stored.version, now=now, expires_at=now)

    try:
        await within(limit_s, close())
    except (SessionsUnavailable, SQLAlchemyError, TimeoutError) as failed:
        # The push goes out by itself a moment later, and the session expires.
        log.warning("ussd.hang_up_failed", aggregator=turn.aggregator, kind=_kind(failed))


def _ends(turn: Turn, stored: StoredSession) -> bool:
    """Return whether a notification is about this dialogue, and not about another one that had the same session id."""
    # The aggregator calls an end what our last screen made one; a dialogue that still goes on is a newer one.
    is_older = turn.event is TurnEvent.END and stored.state is not None
    return stored.msisdn == turn.msisdn and not is_older


def _kind(failed: Exception) -> str:
    return type(failed.__cause__ or failed).__name__


class _Attempt:
    """One try at answering one turn, which remembers how far it came."""

    def __init__(self, ussd: UssdDeps, aggregator: Aggregator, turn: Turn) -> None:
        self._ussd = ussd
        self._aggregator = aggregator
        self._turn = turn
        self._now = turn.received_at
        self._key = SessionKey(turn.aggregator, turn.session_id)
        self._turn_key: TurnKey | None = None
        self._may_have_committed = False
        self._done: Screen | None = None

    async def answer(self) -> Reply:
        """Answer the turn; an exception means that something failed."""
        stored = await self._ussd.sessions.load(self._key, self._now)
        match read_turn(stored, self._turn, self._aggregator.repeat_within):
            case NotYours():
                return self._said(NOT_YOURS, "not_yours")
            case Replay(reply):
                return reply
            case Start() | Continue() as reading:
                return await self._step(stored, reading)
            case never:
                assert_never(never)

    async def _step(self, stored: StoredSession | None, reading: Start | Continue) -> Reply:
        ussd, turn = self._ussd, self._turn
        before = stored if isinstance(reading, Continue) else None
        started = before.started if before else str(ussd.deps.ids.uuid())
        turn_key = TurnKey(self._key, turn.msisdn, started, turn_number(before, turn.transcript))
        self._turn_key = turn_key if before else None
        left = await left_before(ussd.sessions, turn, reading, self._now)
        async with ussd.deps.ingress_db.single() as connection:
            caller = await load_caller(connection, ussd.catalog, turn.msisdn, self._now, turn_key.name)
            if stored is None and turn.transcript and await was_launched_at(connection, self._slot()):
                return self._said(DONE, "done")
            unfinished = await to_go_on_with(connection, left, caller)
        account = caller if isinstance(caller, CallerAccount) else None
        facts = facts_from(
            caller,
            ussd.catalog,
            ussd.deps.operators,
            ussd.places,
            now=self._now,
            turn_key=turn_key,
            help_number=ussd.deps.help_number,
            unfinished=unfinished,
        )
        again, used = is_id_used_again(stored, reading), used_keys(stored, turn)
        facts = replace(facts, used_keys=frozenset() if turn.is_named and not again else used)
        taken = self._taken(reading, facts, Asked(account.household if account else None, facts.today, ussd.catalog))
        screen = await self._perform(account, turn_key, taken) if taken.effects else taken.screen
        shown = frozenset(option.key for option in screen.options) if turn.transcript is None else frozenset()
        return await self._save(
            stored,
            StoredSession(
                msisdn=turn.msisdn,
                service_code=(before.service_code if before else "") or turn.service_code,
                started=started,
                version=stored.version + 1 if stored else 1,
                turn_number=turn_key.turn_number,
                turn_ids=turn_ids(before, turn),
                transcript=turn.transcript,
                text=turn.text,
                used_keys=used | shown,
                is_id_used_again=again,
                answered_at=ussd.deps.clock.now(),
                state=taken.state,
                reply=self._reply(screen),
            ),
        )

    def _taken(self, reading: Start | Continue, facts: Facts, asked: Asked) -> Step:
        """Take the step, and again with what its menus needed to know."""
        for _ in range(NEEDS_MAX):
            taken = (
                start(facts, reading.tail) if isinstance(reading, Start) else step(reading.state, reading.text, facts)
            )
            if isinstance(taken, Step):
                return taken
            facts = facts.knowing(taken.query, asked.answer(taken.query))
        raise MenuAsksTooMuch

    async def _perform(self, account: CallerAccount | None, turn_key: TurnKey, taken: Step) -> Screen:
        context = EffectContext(self._ussd, turn_key, self._turn.msisdn, account, self._now)
        committing = False

        async def work(connection: AsyncConnection) -> Screen:
            nonlocal committing
            committing = False
            screen = await perform(connection, context, taken)
            committing = True
            return screen

        # The work goes on when we are told to stop, so until it has failed before its commit it may have been done.
        self._may_have_committed = True
        try:
            self._done = await self._ussd.deps.ingress_db.transact(work)
        except Exception:
            self._may_have_committed = committing
            raise
        return self._done

    async def _save(self, stored: StoredSession | None, kept: StoredSession) -> Reply:
        """Save the session; return the reply of the copy of this turn that was faster, if there was one."""
        was_kept = await self._ussd.sessions.save(
            self._key,
            kept,
            expected_version=stored.version if stored else None,
            now=self._now,
            expires_at=self._now + timedelta(seconds=self._ussd.session_lifetime_s),
        )
        if was_kept:
            return kept.reply
        faster = await self._ussd.sessions.load(self._key, self._now)
        if faster is None:
            return kept.reply
        reading = read_turn(faster, self._turn, self._aggregator.repeat_within)
        if isinstance(reading, Replay):
            return reading.reply
        if self._done is not None:
            return kept.reply
        # Another answer to the screen that this one answered: the present screen, for nothing of this one was done.
        return faster.reply if isinstance(reading, Continue) else self._said(NOT_YOURS, "not_yours")

    async def outcome_message(self) -> Reply:
        """Return the screen that says what is true after something has failed."""
        if self._done is not None:
            with suppress(Exception):
                return self._reply(self._done)
        sentence, name = await self._outcome()
        return self._said(sentence, name)

    async def _outcome(self) -> tuple[str, str]:
        if self._done is not None:
            return DONE, "done"
        if self._turn.begins:
            return NOTHING_DONE, "nothing_done"
        try:
            is_uncertain, launched = await within(self._ussd.limits.outcome_s, self._look())
        except (SQLAlchemyError, TimeoutError):
            return UNCERTAIN, "uncertain"
        if launched and not is_uncertain:
            return DONE, "done"
        if launched or is_uncertain or self._may_have_committed:
            return UNCERTAIN, "uncertain"
        return NOTHING_DONE, "nothing_done"

    async def _look(self) -> tuple[bool, bool]:
        """Return whether we cannot know, and whether anything was found."""
        async with self._ussd.deps.ingress_db.single() as connection:
            under_way = await is_under_way(connection, self._turn.msisdn)
            if self._turn_key is not None:
                return under_way, await was_launched_by(connection, self._turn_key)
            launched = await was_launched_at(connection, self._slot())
            return under_way or self._turn.transcript is None, launched

    def _slot(self) -> TurnSlot:
        number = None if self._turn.transcript is None else turn_number(None, self._turn.transcript)
        since = self._now - timedelta(seconds=self._ussd.session_lifetime_s)
        return TurnSlot(self._key, self._turn.msisdn, number, since)

    def _said(self, sentence: str, name: str) -> Reply:
        return self._reply(ending(with_help(sentence, self._ussd.deps.help_number), name))

    def _reply(self, screen: Screen) -> Reply:
        return Reply(screen.name, screen.ends, self._aggregator.render(screen, self._turn))
