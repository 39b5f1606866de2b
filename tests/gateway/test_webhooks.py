"""The operators' door: everything is kept as it came, nothing is believed, and nothing makes it fall."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Message

from gateway.jobs.callbacks import read_callbacks
from gateway.webhooks import BODY_BYTES_MAX
from payments.inbox import REMOVED, SECRET_HEADERS
from payments.operators.contract import Secret, Secrets
from tests.stories import answer, pushed
from tests.world import AMINATA, World

JSON = {"content-type": "application/json"}
PROBLEM = "application/problem+json"


async def send(world: World, path: str, body: bytes = b"{}", method: str = "PUT") -> tuple[int, str]:
    answered = await world.wire.request(method, path, content=body, headers=JSON)
    return answered.status_code, answered.headers.get("content-type", "")


async def token_of(world: World) -> str:
    [(token,)] = await world.rows("SELECT callback_token FROM payment_request")
    return str(token)


async def asgi(world: World, path: str, headers: list[tuple[bytes, bytes]], body: bytes) -> int:
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
        "client": ("127.0.0.1", 1),
        "server": ("gateway.test", 80),
    }
    await world.app(scope, receive, answered)
    [status] = statuses
    return status


@pytest.mark.parametrize("path", ["/webhooks/nobody", "/webhooks/nobody/token", "/webhooks/SANDBOX", "/webhooks/%00"])
async def test_an_operator_that_does_not_exist_is_not_found_and_nothing_is_kept(world: World, path: str) -> None:
    assert await send(world, path) == (404, PROBLEM)
    assert await world.count("callback") == 0


async def test_an_unknown_address_is_kept_marked_and_refused(world: World) -> None:
    assert await send(world, "/webhooks/sandbox/guessed", b'{"a":1}') == (401, PROBLEM)
    assert await world.rows("SELECT verdict, reason, body, request_id FROM callback") == [
        ("reject", "no request has this address", b'{"a":1}', None)
    ]
    await world.work()
    assert await world.rows("SELECT attempts FROM callback") == [(0,)]


async def test_without_a_live_secret_everything_is_kept_and_refused(world: World) -> None:
    now = world.clock.now()
    world.deps.secrets["sandbox"] = Secrets(  # type: ignore[index]
        (Secret("old", not_after=now), Secret("coming", not_before=now + timedelta(seconds=1)))
    )
    assert await send(world, "/webhooks/sandbox") == (401, PROBLEM)
    assert await world.rows("SELECT verdict, reason FROM callback") == [
        ("reject", "no live secret is configured for this operator")
    ]
    world.clock.forward(seconds=1)
    assert (await send(world, "/webhooks/sandbox"))[0] == 204


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_a_callback_on_a_requests_own_address_is_kept_with_the_request(world: World, method: str) -> None:
    await pushed(world, AMINATA, "S1")
    assert (await send(world, f"/webhooks/sandbox/{await token_of(world)}", b'{"x":1}', method))[0] == 204
    assert await world.rows(
        "SELECT verdict, method, body, received_at = :now, request_id IS NOT NULL FROM callback", now=world.clock.now()
    ) == [("accept_unbound", method, b'{"x":1}', True, True)]


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
async def test_no_other_method_opens_the_door(world: World, method: str) -> None:
    assert await send(world, "/webhooks/sandbox", b"", method) == (405, PROBLEM)
    assert await world.count("callback") == 0


async def test_a_body_of_64_kb_is_taken_and_a_byte_more_is_too_large(world: World) -> None:
    assert (await send(world, "/webhooks/sandbox", b"x" * BODY_BYTES_MAX))[0] == 204
    assert await send(world, "/webhooks/sandbox", b"x" * (BODY_BYTES_MAX + 1)) == (413, PROBLEM)
    assert await send(world, "/webhooks/sandbox", b"x" * 5_000_000) == (413, PROBLEM)
    assert await world.rows("SELECT octet_length(body) FROM callback") == [(BODY_BYTES_MAX,)]


async def test_secrets_are_known_to_have_been_there_and_are_not_kept(world: World) -> None:
    headers = [(name.upper().encode(), b"hush-hush") for name in sorted(SECRET_HEADERS)]
    headers += [(b"content-type", b"application/json"), (b"x-note", b"kept")]
    assert await asgi(world, "/webhooks/sandbox", [(name.lower(), value) for name, value in headers], b"{}") == 204
    [(kept,)] = await world.rows("SELECT headers FROM callback")
    assert isinstance(kept, dict)
    assert {kept[name] for name in SECRET_HEADERS} == {REMOVED}
    assert kept["x-note"] == "kept"
    assert "hush-hush" not in str(kept)


@pytest.mark.parametrize(
    "path", ["/webhooks/sandbox/a\x00b", "/webhooks/sandbox/\ufffd", "/webhooks/sandbox/é' OR 1=1"]
)
async def test_what_a_database_cannot_hold_in_an_address_or_a_header_is_no_fault(world: World, path: str) -> None:
    headers = [(b"content-type", b"application/json"), (b"x-odd", b"a\x00b\xff"), (b"x-json", b'\\u0000"')]
    assert await asgi(world, path, headers, b"\x00") == 401
    [(kept, body)] = await world.rows("SELECT headers, body FROM callback")
    assert isinstance(kept, dict)
    assert (kept["x-odd"], body) == ("ab\xff", b"\x00")


async def test_a_token_with_a_nul_in_it_is_not_the_token_without(world: World) -> None:
    await pushed(world, AMINATA, "S1")
    token = await token_of(world)
    assert await asgi(world, f"/webhooks/sandbox/{token}\x00", [(b"content-type", b"application/json")], b"{}") == 401


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
        status = await asgi(world, "/webhooks/sandbox", [(b"content-type", kind)], body)
        reached[status] += 1
        [(kept,)] = await world.rows("SELECT body FROM callback ORDER BY id DESC LIMIT 1")
        assert kept == body
    assert set(reached) == {204, 401}
    # A body is refused for being empty alone; what it is called decides nothing.
    assert reached[204] >= 100, reached
    assert reached[401] >= 3, reached
    assert await world.count("callback") == len(examples) >= 100


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
