"""Sessions in an ordinary table; the database handed over should not wait for the disk on their behalf."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, TextClause, text
from sqlalchemy.exc import SQLAlchemyError

from gateway.infra.database import Database
from gateway.ussd.sessions import (
    RESUMABLE_FOR,
    SessionKey,
    SessionsUnavailable,
    StoredSession,
    decode_session,
    encode_session,
)

LOAD = text("""
    SELECT version, content FROM ussd_session
     WHERE aggregator = :aggregator AND session_id = :session_id AND expires_at > :now
""")

#: A number has few dialogues in so short a time, and one at a time: the latest is among those that expire last, unless
#: it was hung up; so they are compared by the moment of their answers.
LATEST = text("""
    SELECT version, content FROM ussd_session WHERE msisdn = :msisdn AND expires_at > :since
     ORDER BY expires_at DESC LIMIT :most
""")
LOOKED_AT_MAX = 16

#: An expired session has the name, but nobody is on the line any more.
BEGIN = text("""
    INSERT INTO ussd_session (aggregator, session_id, msisdn, version, content, expires_at)
    VALUES (:aggregator, :session_id, :msisdn, :version, :content, :expires_at)
        ON CONFLICT (aggregator, session_id) DO UPDATE
       SET msisdn = excluded.msisdn, version = excluded.version, content = excluded.content,
           expires_at = excluded.expires_at
     WHERE ussd_session.expires_at <= :now
    RETURNING version
""")

ADVANCE = text("""
    UPDATE ussd_session
       SET msisdn = :msisdn, version = :version, content = :content, expires_at = :expires_at
     WHERE aggregator = :aggregator AND session_id = :session_id AND version = :expected_version
    RETURNING version
""")

FORGET = text("DELETE FROM ussd_session WHERE aggregator = :aggregator AND session_id = :session_id")

#: A name that is being taken again is passed over: its dialogue begins, and nobody waits for what is forgotten.
SWEEP = text("""
    DELETE FROM ussd_session
     WHERE (aggregator, session_id) IN (SELECT aggregator, session_id FROM ussd_session WHERE expires_at <= :now
                                         ORDER BY expires_at LIMIT :most FOR UPDATE SKIP LOCKED)
""")

PING = text("SELECT 1 FROM ussd_session LIMIT 0")


class PostgresSessions:
    """Sessions kept by PostgreSQL, one statement and one round trip for each call."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, key: SessionKey, now: datetime) -> StoredSession | None:
        """Return a session that has not expired."""
        async with self._run(LOAD, _named(key) | {"now": now}) as result:
            row = result.one_or_none()
        if row is None:
            return None
        session = decode_session(row.content, row.version)
        if session is None:
            await self.forget(key)
        return session

    async def save(
        self,
        key: SessionKey,
        session: StoredSession,
        *,
        expected_version: int | None,
        now: datetime,
        expires_at: datetime,
    ) -> bool:
        """Save a session unless another turn was faster."""
        values = _named(key) | {
            "msisdn": session.msisdn,
            "version": session.version,
            "content": encode_session(session),
            "expires_at": expires_at,
        }
        statement = BEGIN if expected_version is None else ADVANCE
        condition = {"now": now} if expected_version is None else {"expected_version": expected_version}
        async with self._run(statement, {**values, **condition}) as result:
            return result.one_or_none() is not None

    async def latest_of(self, msisdn: str, now: datetime) -> StoredSession | None:
        """Return the dialogue of a number that was answered last."""
        wanted = {"msisdn": msisdn, "since": now - RESUMABLE_FOR, "most": LOOKED_AT_MAX}
        async with self._run(LATEST, wanted) as result:
            read = [decode_session(row.content, row.version) for row in result.all()]
        kept = [session for session in read if session is not None]
        # Of two at the same instant the one that is over: what was finished is not offered again.
        return max(kept, key=lambda session: (session.answered_at, session.state is None), default=None)

    async def forget(self, key: SessionKey) -> None:
        """Forget a session."""
        async with self._run(FORGET, _named(key)):
            return

    async def sweep(self, now: datetime, most: int) -> int:
        """Delete rows that expired long enough ago, the oldest first."""
        async with self._run(SWEEP, {"now": now - RESUMABLE_FOR, "most": most}) as result:
            return result.rowcount

    async def answers(self) -> bool:
        """Return whether the table can be asked."""
        try:
            async with self._run(PING, {}):
                return True
        except SessionsUnavailable:
            return False

    @asynccontextmanager
    async def _run(self, statement: TextClause, values: Mapping[str, Any]) -> AsyncIterator[CursorResult[Any]]:
        try:
            async with self._database.single() as connection:
                yield await connection.execute(statement, values)
        except SQLAlchemyError as failed:
            raise SessionsUnavailable("PostgreSQL keeps no sessions") from failed


def _named(key: SessionKey) -> dict[str, Any]:
    return {"aggregator": key.aggregator, "session_id": key.session_id}
