"""What every store of sessions promises, asked of each of them."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from sqlalchemy import text

from gateway.infra.database import Database, Pool, Timeouts, open_database
from gateway.ussd.sessions import (
    RESUMABLE_FOR,
    Reply,
    SessionKey,
    SessionStore,
    SessionsUnavailable,
    StoredSession,
    decode_session,
    encode_session,
)
from gateway.ussd.sessions_postgres import PostgresSessions
from gateway.ussd.sessions_redis import RedisSessions, open_redis
from payments.http_messages import RawResponse
from tests.fixed import START
from ussd_flows.state import MENUS_VERSION, FlowState

KEY = SessionKey("africastalking", "ATUid_1")
LATER = START + timedelta(seconds=180)
SESSION = StoredSession(
    msisdn="+22370000001",
    service_code="*123#",
    started="11111111-2222-3333-4444-555555555555",
    version=1,
    turn_number=2,
    turn_ids=(),
    transcript="1*é*\u202e",
    text=None,
    used_keys=frozenset(),
    is_id_used_again=False,
    answered_at=START + timedelta(milliseconds=1),
    state=FlowState("pay_wallet", {"amount_xof": "1000"}, {"1": "sandbox", "0": "@back"}, ("home",)),
    reply=Reply("pay_wallet", False, RawResponse(200, {"content-type": "text/plain"}, bytes(range(256)))),
)
ENDED = replace(SESSION, state=None, reply=replace(SESSION.reply, ends=True))
INCREMENTAL = replace(
    SESSION,
    service_code="",
    turn_ids=("1", "n-2"),
    transcript=None,
    text="5\x00",
    used_keys=frozenset({"1", "12"}),
    is_id_used_again=True,
)


@pytest.fixture(params=["postgres", "valkey"])
def store(request: pytest.FixtureRequest) -> SessionStore:
    if request.param == "postgres":
        return PostgresSessions(request.getfixturevalue("database"))
    return RedisSessions(request.getfixturevalue("valkey"))


async def begin(store: SessionStore, session: StoredSession = SESSION, now: datetime = START) -> bool:
    return await store.save(KEY, session, expected_version=None, now=now, expires_at=now + timedelta(seconds=180))


async def advance(store: SessionStore, session: StoredSession, expected_version: int) -> bool:
    return await store.save(KEY, session, expected_version=expected_version, now=START, expires_at=LATER)


@pytest.mark.parametrize("session", [SESSION, ENDED, INCREMENTAL])
async def test_what_was_kept_is_given_back(store: SessionStore, session: StoredSession) -> None:
    assert await begin(store, session)
    assert await store.load(KEY, START) == session


async def test_a_store_that_is_there_says_so(store: SessionStore) -> None:
    assert await store.answers()


async def test_an_unknown_session_is_none(store: SessionStore) -> None:
    assert await begin(store)
    assert await store.load(SessionKey("africastalking", "ATUid_2"), START) is None
    assert await store.load(SessionKey("other", "ATUid_1"), START) is None


async def test_only_the_expected_version_is_replaced(store: SessionStore) -> None:
    second = replace(SESSION, version=2, turn_number=3)
    assert await begin(store)
    assert not await begin(store, second)
    assert not await advance(store, second, expected_version=7)
    assert await store.load(KEY, START) == SESSION
    assert await advance(store, second, expected_version=1)
    assert not await advance(store, replace(second, msisdn="+22370000002"), expected_version=1)
    assert await store.load(KEY, START) == second


async def test_a_session_that_was_forgotten_is_not_brought_back(store: SessionStore) -> None:
    assert await begin(store)
    await store.forget(KEY)
    await store.forget(KEY)
    assert not await advance(store, replace(SESSION, version=2), expected_version=1)
    assert await store.load(KEY, START) is None
    assert await begin(store)


async def test_a_session_expires_at_its_moment_and_its_name_is_free_again(store: SessionStore) -> None:
    assert await begin(store)
    assert await store.load(KEY, LATER - timedelta(milliseconds=1)) == SESSION
    assert await store.load(KEY, LATER) is None
    assert await begin(store, ENDED, LATER)
    assert await store.load(KEY, LATER) == ENDED


OTHERS = SessionKey("africastalking", "ATUid_2")
MSISDN = SESSION.msisdn


async def test_a_number_finds_its_last_dialogue_for_ten_minutes_after_that_expired(store: SessionStore) -> None:
    assert await store.latest_of(MSISDN, START) is None
    assert await begin(store)
    for now in (START, LATER, LATER + RESUMABLE_FOR - timedelta(seconds=1)):
        assert await store.latest_of(MSISDN, now) == SESSION
    assert await store.load(KEY, LATER) is None
    assert await store.latest_of("+22370000002", START) is None


async def test_the_last_dialogue_is_the_one_that_was_answered_last_also_when_it_was_hung_up(
    store: SessionStore,
) -> None:
    assert await begin(store)
    now = START + timedelta(seconds=60)
    later = replace(ENDED, answered_at=now, turn_number=0)
    assert await store.save(OTHERS, later, expected_version=None, now=now, expires_at=now + timedelta(seconds=180))
    over = replace(later, version=2)
    assert await store.save(OTHERS, over, expected_version=1, now=now, expires_at=now)
    assert await store.load(OTHERS, now) is None
    assert await store.latest_of(MSISDN, now) == over


async def test_another_number_that_has_the_session_id_now_is_not_found_by_the_first(store: SessionStore) -> None:
    assert await begin(store)
    theirs = replace(SESSION, msisdn="+22370000002", version=2, turn_number=0)
    assert await advance(store, theirs, expected_version=1)
    assert await store.latest_of(MSISDN, START) is None
    assert await store.latest_of("+22370000002", START) == theirs


async def test_of_many_at_once_one_wins(store: SessionStore) -> None:
    begun = await asyncio.gather(*(begin(store, replace(SESSION, turn_number=number)) for number in range(8)))
    assert begun.count(True) == 1
    seconds = [replace(SESSION, version=2, turn_number=number) for number in range(8)]
    advanced = await asyncio.gather(*(advance(store, session, expected_version=1) for session in seconds))
    assert advanced.count(True) == 1
    assert await store.load(KEY, START) == seconds[advanced.index(True)]


async def test_sweeping_never_removes_a_live_session(store: SessionStore) -> None:
    assert await begin(store)
    assert await store.sweep(LATER - timedelta(seconds=1), 100) == 0
    assert await store.load(KEY, START) == SESSION


async def test_sweeping_removes_the_rows_that_expired(database: Database) -> None:
    store = PostgresSessions(database)
    assert await begin(store)
    assert await store.sweep(LATER + RESUMABLE_FOR - timedelta(seconds=1), 100) == 0
    assert await store.latest_of(MSISDN, LATER) == SESSION
    assert await store.sweep(LATER + RESUMABLE_FOR, 100) == 1
    assert await store.sweep(LATER + RESUMABLE_FOR, 100) == 0


async def test_valkey_forgets_by_itself(valkey: Redis) -> None:
    assert await begin(RedisSessions(valkey))
    names = sorted(await valkey.keys("*"))
    assert [name.decode() for name in names] == ["ramu:ussd:africastalking:ATUid_1", f"ramu:ussd:of:{MSISDN}"]
    assert 770_000 < await valkey.pttl(names[0]) <= 780_000
    assert 3_590_000 < await valkey.pttl(names[1]) <= 3_600_000


async def test_a_row_that_nobody_can_read_is_forgotten(database: Database) -> None:
    store = PostgresSessions(database)
    assert await begin(store)
    async with database.unit_of_work() as connection:
        await connection.execute(text("UPDATE ussd_session SET content = '{\"format\": 0}'"))
    assert await store.load(KEY, START) is None
    assert await begin(store)
    assert await store.load(KEY, START) == SESSION


async def test_a_value_that_nobody_can_read_is_forgotten(valkey: Redis) -> None:
    store = RedisSessions(valkey)
    assert await begin(store)
    (name,) = await valkey.keys("*ATUid_1")
    await valkey.hset(name, "content", "garbage")
    assert await store.load(KEY, START) is None
    assert await begin(store)


GARBAGE = [
    "",
    "null",
    "[]",
    "{}",
    '{"format": 3}',
    *(
        encode_session(SESSION).replace(true, false, 1)
        for true, false in (
            ('"format":3', '"format":2'),
            ('"format":3', '"format":3,"other":1'),
            (f'"menus":{MENUS_VERSION}', '"menus":1'),
            (f'"menus":{MENUS_VERSION}', f'"menus":"{MENUS_VERSION}"'),
            ('"version":1', '"version":2'),
            ("pay_wallet", 'pay_wallet"'),
            ("2026-", "x"),
            ("Z", ""),
            ('"turn_ids":[]', '"turn_ids":3'),
            ('"menu":"pay_wallet"', '"menu":1'),
            ('"amount_xof":"1000"', '"amount_xof":1000'),
            ('"options":{', '"options":["yes"],"was":{'),
            ('"trail":["home"]', '"trail":[null]'),
            ('"trail":["home"]', '"trail":"home"'),
            ('"status":200', '"status":"200"'),
            ('"body":"AAEC', '"body":"?'),
            ('"ends":false', '"ends":0'),
        )
    ),
    encode_session(replace(SESSION, state=None)),
    "[" * 100_000,
]


@pytest.mark.parametrize("content", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_counts_as_absent(content: str) -> None:
    assert content != encode_session(SESSION)
    assert decode_session(content, 1) is None


@given(st.text())
def test_no_text_of_chance_is_a_session(text: str) -> None:
    assert decode_session(text, 1) is None


TEXTS = st.text(max_size=20)


@given(
    st.builds(
        FlowState,
        menu=TEXTS,
        data=st.dictionaries(TEXTS, TEXTS, max_size=4),
        options=st.dictionaries(TEXTS, TEXTS, max_size=4),
        trail=st.lists(TEXTS, max_size=4).map(tuple),
    ),
    st.binary(max_size=200),
    TEXTS,
)
def test_what_is_kept_comes_back_as_it_was_and_can_be_kept(state: FlowState, body: bytes, transcript: str) -> None:
    session = replace(
        SESSION, state=state, transcript=transcript, reply=replace(SESSION.reply, response=RawResponse(200, {}, body))
    )
    kept = encode_session(session)
    assert decode_session(kept, 1) == session
    # PostgreSQL keeps no NUL in a text.
    assert "\x00" not in kept


@pytest.mark.parametrize("kind", ["postgres", "redis"])
async def test_a_store_that_is_down_says_so(kind: str) -> None:
    async with open_redis("unix:///nowhere") as client:
        nowhere = open_database("postgresql+psycopg://x@/x?host=/nowhere", Pool(size=1, timeout_s=1), Timeouts())
        store: SessionStore = PostgresSessions(nowhere) if kind == "postgres" else RedisSessions(client)
        with pytest.raises(SessionsUnavailable):
            await store.load(KEY, START)
        with pytest.raises(SessionsUnavailable):
            await begin(store)
        with pytest.raises(SessionsUnavailable):
            await store.forget(KEY)
        with pytest.raises(SessionsUnavailable):
            await store.latest_of(MSISDN, START)
        assert not await store.answers()


async def test_a_redis_that_takes_the_call_and_never_answers_is_given_up_soon(tmp_path: Path) -> None:
    held: list[asyncio.StreamWriter] = []

    async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    silent = await asyncio.start_unix_server(say_nothing, tmp_path / "silent.sock")
    async with silent, open_redis(f"unix://{tmp_path}/silent.sock", answer_within_s=0.05) as client:
        store = RedisSessions(client)
        with pytest.raises(SessionsUnavailable):
            await store.load(KEY, START)
        with pytest.raises(SessionsUnavailable):
            await begin(store)
        with pytest.raises(SessionsUnavailable):
            await store.forget(KEY)
        assert held
        for writer in held:
            writer.close()
            await writer.wait_closed()


async def test_a_connection_that_redis_closed_meanwhile_costs_one_more_try(valkey: Redis, valkey_socket: str) -> None:
    async with open_redis(f"unix://{valkey_socket}") as client:
        store = RedisSessions(client)
        assert await begin(store)
        for _ in range(3):
            await valkey.client_kill_filter(_type="normal", skipme=True)
            assert await store.load(KEY, START) == SESSION
