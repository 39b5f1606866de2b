"""Sessions in Redis or Valkey, which forget them by themselves."""

from datetime import datetime, timedelta

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError

from gateway.ussd.sessions import (
    RESUMABLE_FOR,
    SessionKey,
    SessionsUnavailable,
    StoredSession,
    decode_session,
    encode_session,
)

#: A store on the same network answers in a millisecond; a caller cannot wait for one that does not.
ANSWER_WITHIN_S = 2

_KEPT_MS = RESUMABLE_FOR // timedelta(milliseconds=1)
#: Longer than any dialogue goes on; what it points at goes first.
_POINTER_MS = 6 * _KEPT_MS

#: Compare and set in one step: nothing else runs on the server meanwhile. An expired session counts as none, whatever
#: the server's own clock says, because ours decides.
SAVE = """
local kept = redis.call('HMGET', KEYS[1], 'version', 'expires_at_ms')
local expected, now_ms = ARGV[1], tonumber(ARGV[2])
if expected == '' then
    if kept[1] and tonumber(kept[2]) > now_ms then return 0 end
elseif kept[1] ~= expected then
    return 0
end
redis.call('HSET', KEYS[1], 'version', ARGV[3], 'expires_at_ms', ARGV[4], 'content', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[4] - now_ms + ARGV[6])
return 1
"""


def open_redis(url: str, answer_within_s: float = ANSWER_WITHIN_S) -> Redis:
    """Open a client that gives a silent server up, and tries once more where a connection had gone stale.

    A command whose connection was lost may have been carried out: it is safe to say it again, because every command
    here may be said twice, and a repeated compare-and-set finds what the first one wrote.
    """
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_connect_timeout=answer_within_s,
        socket_timeout=answer_within_s,
        retry=Retry(NoBackoff(), 1, (ConnectionLost,)),
    )


class RedisSessions:
    """Sessions kept by Redis or Valkey, one round trip for each call."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._save = client.register_script(SAVE)

    async def load(self, key: SessionKey, now: datetime) -> StoredSession | None:
        """Return a session that has not expired."""
        try:
            version, expires_at_ms, content = await self._client.hmget(
                _name(key), ["version", "expires_at_ms", "content"]
            )
        except (RedisError, OSError) as failed:
            raise SessionsUnavailable("Redis keeps no sessions") from failed
        if version is None or expires_at_ms is None or content is None or int(expires_at_ms) <= _ms(now):
            return None
        session = decode_session(_text(content), int(version))
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
        expected = "" if expected_version is None else str(expected_version)
        values: list[str | int] = [expected, _ms(now), session.version, _ms(expires_at), encode_session(session)]
        try:
            was_kept = bool(await self._save(keys=[_name(key)], args=[*values, _KEPT_MS]))
            if was_kept and (expected_version is None or session.turn_number == 0):
                # A key of its own, and written once a dialogue: in a cluster it may stand on another machine.
                await self._client.set(_latest(session.msisdn), _name(key), px=_POINTER_MS)
        except (RedisError, OSError) as failed:
            raise SessionsUnavailable("Redis keeps no sessions") from failed
        return was_kept

    async def latest_of(self, msisdn: str, now: datetime) -> StoredSession | None:
        """Return the dialogue that a number began last."""
        del now
        try:
            name = await self._client.get(_latest(msisdn))
            if name is None:
                return None
            version, content = await self._client.hmget(_text(name), ["version", "content"])
        except (RedisError, OSError) as failed:
            raise SessionsUnavailable("Redis keeps no sessions") from failed
        if version is None or content is None:
            return None
        session = decode_session(_text(content), int(version))
        # Another number may have the session id by now.
        return session if session is not None and session.msisdn == msisdn else None

    async def forget(self, key: SessionKey) -> None:
        """Forget a session."""
        try:
            await self._client.delete(_name(key))
        except (RedisError, OSError) as failed:
            raise SessionsUnavailable("Redis keeps no sessions") from failed

    async def sweep(self, now: datetime, most: int) -> int:
        """Remove nothing: the server does it."""
        del now, most
        return 0

    async def answers(self) -> bool:
        """Ask the server whether it is there."""
        try:
            return bool(await self._client.ping())
        except (RedisError, OSError):
            return False


def _name(key: SessionKey) -> str:
    return f"ramu:ussd:{key.aggregator}:{key.session_id}"


def _latest(msisdn: str) -> str:
    return f"ramu:ussd:of:{msisdn}"


def _text(kept: bytes | str) -> str:
    return kept if isinstance(kept, str) else kept.decode()


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
