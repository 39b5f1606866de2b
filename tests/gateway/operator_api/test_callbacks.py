"""The operators' door: everything is kept as it came, nothing is believed, and nothing makes it fall."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event as database_event
from starlette.types import Message
from structlog.testing import capture_logs
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from gateway.infra.database import Database
from gateway.jobs.callbacks import read_callbacks
from gateway.operator_api.callbacks import (
    CHECKS,
    MESSAGES_OF_SENDER,
    NO_ADDRESS,
    NOT_VOUCHED_FOR,
    QUERY_CHARS_MAX,
    UNPROVEN_MAX,
    WebhookDeps,
)
from gateway.operator_api.callers import Callers
from payments.evidence.callbacks import REMOVED, SECRET_HEADERS, lease_due
from payments.observation import FailedCheck, Verdict, VerdictKind
from payments.operators.contract import Secret, Secrets
from payments.requests.dispatch import Lease
from tests.conftest import Urls
from tests.fixed import CountedIds, TestClock
from tests.gateway.infra.failing_postgres import end_all, fill, silent
from tests.invented_operators import (
    CAURI,
    SECRET,
    InventedOperator,
    TwoOperators,
    event,
    message,
    open_two_operators,
    sign,
)
from tests.payments.books import hand
from tests.stories import answer, pushed
from tests.world import AMINATA, WORD, World

JSON = {"content-type": "application/json"}
PROBLEM = "application/problem+json"


@pytest.fixture
async def two(database: Database, clock: TestClock, ids: CountedIds) -> AsyncIterator[TwoOperators]:
    """The world with two invented operators, one of which signs."""
    async with open_two_operators(database, clock, ids) as opened:
        yield opened


async def send(world: World, path: str, body: bytes = b"{}", method: str = "PUT") -> tuple[int, str]:
    answered = await world.wire.request(method, path, content=body, headers=JSON)
    return answered.status_code, answered.headers.get("content-type", "")


async def written(world: World) -> None:
    """Let what was refused be written down, as the web process does every so often."""
    await world.webhooks.refusals.write(world.deps.console_db, world.clock.now())


async def token_of(world: World) -> str:
    [(token,)] = await world.rows("SELECT callback_token FROM payment_request")
    return str(token)


async def asgi(
    world: World, path: str, headers: list[tuple[bytes, bytes]], body: bytes, host: str = "127.0.0.1"
) -> int:
    """Call the application below any HTTP library, which would refuse what we want to send."""
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def answered(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "PUT",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "surrogatepass"),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": (host, 1),
        "server": ("gateway.test", 80),
    }
    await world.app(scope, receive, answered)
    [status] = statuses
    return status


@pytest.mark.parametrize("path", ["/webhooks/nobody", "/webhooks/nobody/token", "/webhooks/SANDBOX", "/webhooks/%00"])
async def test_an_operator_that_does_not_exist_is_not_found_and_nothing_is_kept(world: World, path: str) -> None:
    assert await send(world, path) == (404, PROBLEM)
    assert await world.count("callback") == 0


@pytest.mark.parametrize("last", ["guessed", "x" * 32, "%00" * 40, "é" * 30, "a/b"])
async def test_an_unknown_address_is_not_found_and_nothing_but_a_count_is_kept(world: World, last: str) -> None:
    assert (await send(world, f"/webhooks/sandbox/{last}", b'{"a":1}'))[0] == 404
    assert await world.count("callback") == 0
    await written(world)
    if "/" not in last:
        [(reason, refused, size)] = await world.rows("SELECT reason, refused, last_bytes FROM refused_callback")
        assert (reason, refused, size) == (NO_ADDRESS, 1, 7)


async def test_without_a_live_secret_everything_is_refused_and_its_digest_kept(world: World) -> None:
    now = world.clock.now()
    world.deps.secrets["sandbox"] = Secrets(  # type: ignore[index]
        (Secret("old", not_after=now), Secret("coming", not_before=now + timedelta(seconds=1)))
    )
    assert await send(world, "/webhooks/sandbox") == (401, PROBLEM)
    await written(world)
    assert await world.rows("SELECT sender, reason, last_bytes FROM refused_callback") == [
        ("127.0.0.1", "no live secret is configured for this operator", 2)
    ]
    assert await world.count("callback") == 0
    world.clock.forward(seconds=1)
    assert (await send(world, "/webhooks/sandbox"))[0] == 204


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_a_callback_on_a_requests_own_address_is_kept_with_the_request(world: World, method: str) -> None:
    await pushed(world, AMINATA, "S1")
    assert (await send(world, f"/webhooks/sandbox/{await token_of(world)}", b'{"x":1}', method))[0] == 204
    assert await world.rows(
        "SELECT verdict, method, body, received_at = :now, request_id IS NOT NULL FROM callback", now=world.clock.now()
    ) == [("accept_unverified", method, b'{"x":1}', True, True)]


@pytest.mark.parametrize("path", ["/webhooks/sandbox", f"/webhooks/sandbox/{WORD}", "/webhooks/sandbox/guessed"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_ping_is_answered_and_tells_nothing_of_any_address(world: World, path: str, method: str) -> None:
    assert (await send(world, path, b"", method))[0] == 200
    assert await world.count("callback") == 0


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "OPTIONS"])
async def test_no_other_method_opens_the_door(world: World, method: str) -> None:
    assert await send(world, "/webhooks/sandbox", b"", method) == (405, PROBLEM)
    assert await world.count("callback") == 0


@pytest.mark.parametrize("announced", [True, False])
async def test_what_nobody_vouches_for_has_64_kb_at_most(world: World, *, announced: bool) -> None:
    allowed = world.deps.operators["sandbox"].capabilities.callback_bytes_max
    assert (await send(world, f"/webhooks/sandbox/{WORD}", b"x" * allowed))[0] == 204
    headers = [(b"content-type", b"application/json")]
    headers += [(b"content-length", b"%d" % (allowed + 1))] if announced else []
    assert await asgi(world, f"/webhooks/sandbox/{WORD}", headers, b"x" * (allowed + 1)) == 413
    assert await world.rows("SELECT octet_length(body) FROM callback") == [(allowed,)]


async def test_secrets_are_known_to_have_been_there_and_are_not_kept(world: World) -> None:
    headers = [(name.upper().encode(), b"hush-hush") for name in sorted(SECRET_HEADERS)]
    headers += [(b"content-type", b"application/json"), (b"x-note", b"kept")]
    assert await asgi(world, "/webhooks/sandbox", [(name.lower(), value) for name, value in headers], b"{}") == 204
    [(kept,)] = await world.rows("SELECT headers FROM callback")
    assert isinstance(kept, dict)
    assert {kept[name] for name in SECRET_HEADERS} == {REMOVED}
    assert kept["x-note"] == "kept"
    assert "hush-hush" not in str(kept)


async def test_the_address_is_kept_with_its_query_and_without_our_own_key(world: World) -> None:
    await pushed(world, AMINATA, "S1")
    token = await token_of(world)
    for last in ("", f"/{WORD}", f"/{token}"):
        assert (await send(world, f"/webhooks/sandbox{last}?ref=A%20B&key=", b"{}", "POST"))[0] == 204
    kept = await world.rows("SELECT method, path, query FROM callback ORDER BY id")
    addresses = ["/webhooks/sandbox", f"/webhooks/sandbox/{REMOVED}", f"/webhooks/sandbox/{token}"]
    assert kept == [("POST", address, "ref=A%20B&key=") for address in addresses]
    lease = Lease("sandbox", world.clock.now(), 60, 10)
    (first, *_) = await world.database.transact(lambda connection: lease_due(connection, lease))
    request = first.as_request()
    assert (request.method, request.path, request.query) == kept[0]
    assert request.received_at == world.clock.now()


async def test_a_query_that_no_operator_writes_is_not_kept(world: World) -> None:
    assert (await send(world, f"/webhooks/sandbox?x={'1' * QUERY_CHARS_MAX}"))[0] == 413
    assert await world.count("callback") == 0


@pytest.mark.parametrize(
    "path", ["/webhooks/sandbox/a\x00b", "/webhooks/sandbox/\ufffd", "/webhooks/sandbox/é' OR 1=1"]
)
async def test_what_a_database_cannot_hold_in_an_address_or_a_header_is_no_fault(world: World, path: str) -> None:
    headers = [(b"content-type", b"application/json"), (b"x-odd", b"a\x00b\xff"), (b"x-json", b'\\u0000"')]
    assert await asgi(world, path, headers, b"\x00") == 404
    assert await world.count("callback") == 0
    assert await asgi(world, "/webhooks/sandbox", headers, b"\x00") == 204
    [(kept, body)] = await world.rows("SELECT headers, body FROM callback")
    assert isinstance(kept, dict)
    assert (kept["x-odd"], body) == ("ab\xff", b"\x00")


async def test_a_token_with_a_nul_in_it_is_not_the_token_without(world: World) -> None:
    await pushed(world, AMINATA, "S1")
    token = await token_of(world)
    assert await asgi(world, f"/webhooks/sandbox/{token}\x00", [(b"content-type", b"application/json")], b"{}") == 404


async def test_any_bytes_are_kept_exactly_and_never_a_fault_of_ours(world: World) -> None:
    reached: Counter[int] = Counter()

    bodies = st.one_of(
        st.binary(max_size=300),
        st.sampled_from([b"\x00", b"\xff\xfe", b"\xc3\x28", b"{", b"", b'{"a":"\\u0000"}', b"\xed\xa0\x80", b"'; --"]),
        st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")),
    )
    kinds = st.sampled_from([b"application/json", b"application/JSON; charset=x", b"text/plain", b"\xff", b""])
    examples: list[tuple[bytes, bytes]] = []

    @given(bodies, kinds)
    @settings(max_examples=150, suppress_health_check=list(HealthCheck))
    def collect(body: bytes, kind: bytes) -> None:
        examples.append((body, kind))

    collect()
    for body, kind in examples:
        before = await world.count("callback")
        status = await asgi(world, "/webhooks/sandbox", [(b"content-type", kind)], body)
        reached[status] += 1
        if status == 204:
            [(kept,)] = await world.rows("SELECT body FROM callback ORDER BY id DESC LIMIT 1")
            assert kept == body
        else:
            assert await world.count("callback") == before
    assert set(reached) == {204, 401}
    # A body is refused for being empty alone; what it is called decides nothing.
    assert reached[204] >= 100, reached
    assert reached[401] >= 3, reached


async def test_fifty_identical_callbacks_on_eight_connections_are_one_payment_and_one_receipt(world: World) -> None:
    answer(world, await pushed(world, AMINATA, "S1"))
    [told] = world.operator.books.deliveries.values()
    lanes = asyncio.Semaphore(8)

    async def once() -> int:
        async with lanes:
            return (await send(world, told.url, told.body.encode()))[0]

    sending = [once() for _ in range(50)]
    reading = [read_callbacks(world.jobs, world.clock.now()) for _ in range(5)]
    results = await asyncio.gather(*sending, *reading)
    assert results[:50] == [204] * 50
    await world.work()
    assert await world.count("callback") == 50
    assert await world.rows("SELECT count(*) FROM callback WHERE handled_at IS NULL") == [(0,)]
    assert await world.rows("SELECT amount_xof, provenance FROM payment") == [(3000, "query")]
    assert len(await world.texts_to(AMINATA)) == 1


STRANGER = "203.0.113.9"
JSON_RAW = [(b"content-type", b"application/json")]


async def test_a_stranger_finds_nothing_and_costs_no_query(world: World, database: Database) -> None:
    statements: list[str] = []
    engine = database.engine.sync_engine
    database_event.listen(engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    many = b'[{"transactionReference":"X"}]' * 900
    for _ in range(10):
        assert await asgi(world, "/webhooks/sandbox", JSON_RAW, many, STRANGER) == 404
        assert await asgi(world, "/webhooks/sandbox/guessed", JSON_RAW, b"{}", STRANGER) == 404
    assert statements == []
    assert await world.count("callback") == 0
    await written(world)
    assert await world.rows("SELECT reason, sender, refused FROM refused_callback ORDER BY reason") == [
        (NOT_VOUCHED_FOR, STRANGER, 10),
        (NO_ADDRESS, STRANGER, 10),
    ]


async def test_the_long_address_and_the_address_of_a_request_are_open_to_whoever_knows_them(world: World) -> None:
    await pushed(world, AMINATA, "S1")
    assert await asgi(world, f"/webhooks/sandbox/{WORD}", JSON_RAW, b"{}", STRANGER) == 204
    assert await asgi(world, f"/webhooks/sandbox/{await token_of(world)}", JSON_RAW, b"{}", STRANGER) == 204
    assert await world.rows("SELECT request_id IS NULL FROM callback ORDER BY id") == [(True,), (False,)]


@pytest.mark.parametrize(
    ("host", "status"),
    [("10.1.2.3", 204), ("::ffff:10.1.2.3", 204), ("2001:db8::1", 204), ("10.1.3.3", 404), ("", 404), ("unix", 404)],
)
async def test_who_calls_from_the_operators_network_needs_no_key(world: World, host: str, status: int) -> None:
    world.webhooks.callers = {"sandbox": Callers((), (ip_network("10.1.2.0/24"), ip_network("2001:db8::/32")))}
    assert await asgi(world, "/webhooks/sandbox", JSON_RAW, b"{}", host) == status


@pytest.mark.parametrize(
    ("peer", "said", "status"),
    [
        ("172.30.77.2", "10.1.2.3", 204),
        ("172.30.77.2", "10.1.2.3, 203.0.113.9", 404),
        ("203.0.113.9", "10.1.2.3", 404),
        ("172.30.77.2", "", 404),
    ],
)
async def test_only_the_proxy_is_believed_about_who_calls(world: World, peer: str, said: str, status: int) -> None:
    world.webhooks.callers = {"sandbox": Callers((), (ip_network("10.1.2.0/24"),))}
    behind = replace(world, app=ProxyHeadersMiddleware(world.app, trusted_hosts="172.30.77.2"))
    headers = [*JSON_RAW, (b"x-forwarded-for", said.encode())]
    assert await asgi(behind, "/webhooks/sandbox", headers, b"{}", peer) == status


async def test_old_and_new_keys_count_during_a_change_and_no_other(world: World) -> None:
    world.webhooks.callers = {"sandbox": Callers(("the-old-long-address", "the-new-long-address"))}
    for key, status in (("the-old-long-address", 204), ("the-new-long-address", 204), ("the-old-long-addresss", 404)):
        assert await asgi(world, f"/webhooks/sandbox/{key}", JSON_RAW, b"{}", STRANGER) == status


async def test_an_operator_without_key_and_list_is_told_nothing_by_anybody(world: World) -> None:
    world.webhooks.callers = {}
    assert await asgi(world, "/webhooks/sandbox", JSON_RAW, b"{}", "127.0.0.1") == 404
    assert await asgi(world, "/webhooks/sandbox/", JSON_RAW, b"{}", "127.0.0.1") == 404


async def test_the_long_address_of_one_operator_is_none_of_another(world: World) -> None:
    one, another = Callers(("the-long-address-of-one",)), Callers(("another-long-address",))
    world.webhooks.callers = {"sandbox": one, "another": another}
    assert await asgi(world, "/webhooks/sandbox/another-long-address", JSON_RAW, b"{}", STRANGER) == 404


async def test_a_flood_by_the_long_address_is_bounded_and_delays_nobody_at_a_request(world: World) -> None:
    await pushed(world, AMINATA, "S1")
    answers = Counter(
        [
            await asgi(world, f"/webhooks/sandbox/{WORD}", JSON_RAW, b"{}", STRANGER)
            for _ in range(int(MESSAGES_OF_SENDER.burst) + 20)
        ]
    )
    assert answers == {204: int(MESSAGES_OF_SENDER.burst), 429: 20}
    assert await asgi(world, f"/webhooks/sandbox/{await token_of(world)}", JSON_RAW, b"{}", STRANGER) == 204
    assert await asgi(world, f"/webhooks/sandbox/{WORD}", JSON_RAW, b"{}", "203.0.113.10") == 204
    assert await asgi(world, "/webhooks/sandbox", JSON_RAW, b"{}") == 204
    world.clock.forward(seconds=1)
    assert await asgi(world, f"/webhooks/sandbox/{WORD}", JSON_RAW, b"{}", STRANGER) == 204


async def test_while_too_much_waits_that_nobody_vouches_for_no_more_of_it_is_taken(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.operator_api.callbacks.UNPROVEN_MAX", 3)
    statuses = []
    for _ in range(5):
        statuses.append(await asgi(world, f"/webhooks/sandbox/{WORD}", JSON_RAW, b"{}", STRANGER))
        world.clock.forward(seconds=5)
    assert statuses == [204, 204, 204, 429, 429]
    await world.work()
    assert await asgi(world, f"/webhooks/sandbox/{WORD}", JSON_RAW, b"{}", STRANGER) == 204
    assert UNPROVEN_MAX > 1000


async def test_a_signed_batch_is_stored_whole_whoever_brings_it(two: TwoOperators) -> None:
    world = two.world
    body = message(*(event(f"T{number}", 1000) for number in range(5000)))
    at = int(world.clock.now().timestamp())
    signed = [*JSON_RAW, (b"x-signature", f"t={at},v1={sign(body, at)}".encode())]
    assert len(body) > 3 * 64 * 1024
    world.webhooks.callers = {}
    assert await asgi(world, f"/webhooks/{CAURI}", signed, body, STRANGER) == 204
    assert await asgi(world, f"/webhooks/{CAURI}", signed, body + b" ", STRANGER) == 401
    assert await asgi(world, f"/webhooks/{CAURI}", signed, b"x" * (5 * 1024 * 1024), STRANGER) == 413
    assert await world.rows("SELECT verdict, body FROM callback") == [("accept", body)]


async def test_a_forged_flood_is_written_as_one_row_and_said_in_one_line(two: TwoOperators) -> None:
    for number in range(300):
        assert await asgi(two.world, f"/webhooks/{CAURI}", JSON_RAW, b"%d" % number, STRANGER) == 401
    with capture_logs() as said:
        await written(two.world)
        await written(two.world)
    assert [(line["event"], line["count"]) for line in said] == [("callbacks.refused", 300)]
    assert await two.world.rows("SELECT refused, last_bytes, octet_length(last_sha256) FROM refused_callback") == [
        (300, 3, 32)
    ]


def signed(body: bytes, at: int, secret: str = SECRET) -> str:
    return f"t={at},v1={sign(body, at, secret)}"


async def refusal(two: TwoOperators, signature: str | None) -> dict[str, object]:
    """Post a message that is refused, and give what its sender reads."""
    headers = JSON if signature is None else {**JSON, "x-signature": signature}
    answered = await two.world.wire.post(f"/webhooks/{CAURI}", content=b"{}", headers=headers)
    assert (answered.status_code, answered.headers["content-type"]) == (401, PROBLEM)
    said: dict[str, object] = answered.json()
    return said


async def test_a_refused_callback_is_told_in_one_word_which_check_it_failed(two: TwoOperators) -> None:
    at = int(two.world.clock.now().timestamp())
    cases = {
        FailedCheck.MISSING: None,
        FailedCheck.FORMAT: "sha256=abc",
        FailedCheck.SIGNATURE: signed(b"{} ", at),
        FailedCheck.CLOCK: signed(b"{}", at - 301),
    }
    for check, signature in cases.items():
        assert await refusal(two, signature) == {
            "type": "urn:ramu:problem:callback-refused",
            "title": "Unauthorized",
            "status": 401,
            "detail": CHECKS[check],
            "check": check,
        }
    two.world.deps.secrets[CAURI] = Secrets((Secret(SECRET, not_after=two.world.clock.now()),))  # type: ignore[index]
    assert (await refusal(two, signed(b"{}", at)))["check"] == FailedCheck.KEY
    assert {*cases, FailedCheck.KEY} == set(FailedCheck) == set(CHECKS)


async def test_whoever_guesses_reads_one_answer_for_a_wrong_secret_and_a_changed_body(two: TwoOperators) -> None:
    at = int(two.world.clock.now().timestamp())
    guesses = [signed(b"{}", at, "another secret"), signed(b"{} ", at), f"t={at},v1=00"]
    answers = [await refusal(two, guess) for guess in guesses]
    assert answers == [answers[0]] * len(guesses)
    assert answers[0]["check"] == FailedCheck.SIGNATURE
    await written(two.world)
    # Why it was refused is written with us, in words that no answer holds.
    [(reason,)] = await two.world.rows("SELECT reason FROM refused_callback")
    assert reason == "the signature is wrong"
    assert str(reason) not in str(answers[0])


async def test_rules_that_name_no_check_are_told_as_the_word_that_says_least(
    two: TwoOperators, monkeypatch: pytest.MonkeyPatch
) -> None:
    curt = Verdict(VerdictKind.REJECT, "expected abc, got abd")
    monkeypatch.setattr(InventedOperator, "verify", lambda *_: curt)
    said = await refusal(two, None)
    assert (said["check"], said["detail"]) == (FailedCheck.SIGNATURE, CHECKS[FailedCheck.SIGNATURE])


async def test_after_a_restart_of_the_database_the_first_callback_is_kept(world: World, urls: Urls) -> None:
    end_all(urls)
    assert (await send(world, "/webhooks/sandbox"))[0] == 204
    assert await world.count("callback") == 1


async def test_a_database_that_is_silent_is_503_in_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.operator_api.callbacks.STORE_DEADLINE_S", 0.2)
    with silent(await fill(world.database, 1)):
        answered = await world.wire.put("/webhooks/sandbox", content=b"{}", headers=JSON)
    assert (answered.status_code, answered.headers["retry-after"]) == (503, "1")
    assert answered.headers["content-type"] == PROBLEM


async def test_a_statement_that_the_database_refuses_is_503_too(world: World, urls: Urls) -> None:
    with hand(urls.owner) as connection:
        connection.execute("ALTER TABLE callback ADD CHECK (method <> 'PUT')")
    assert await send(world, "/webhooks/sandbox") == (503, PROBLEM)


def test_parts_of_two_servers_share_nothing() -> None:
    assert WebhookDeps({}).senders is not WebhookDeps({}).senders
