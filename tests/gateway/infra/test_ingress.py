"""Every door of the product: a body that never ends, the same place by other spellings, HEAD."""

import asyncio
import re
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi.routing import APIRoute, _IncludedRouter
from starlette.routing import Route
from starlette.types import Message

from gateway.app import create_app
from gateway.config.settings import Settings, load_settings
from gateway.infra.ingress import Ingress, normalised
from tests.conftest import Urls

SILENCE_S = 0.05
FILLED = {"aggregator": "africastalking", "key": "local", "operator": "sandbox", "rest": "end"}


@pytest.fixture
def settings(urls: Urls) -> Settings:
    return load_settings(
        {"RAMU_MODE": "local", "DATABASE_URL": urls.app, "RAMU_SANDBOX_OPERATOR_URL": "http://127.0.0.1:9"}
    )


def doors_of(settings: Settings) -> list[tuple[str, str]]:
    """Return every address of the whole application that takes a body, with its methods."""
    routes = [
        route
        for included in create_app(settings).routes
        if isinstance(included, _IncludedRouter)
        for route in included.original_router.routes
    ]
    found = [
        (route.path, method)
        for route in routes
        if isinstance(route, Route | APIRoute)
        for method in sorted((route.methods or set()) & {"POST", "PUT"})
    ]
    return [
        (re.sub(r"\{(\w+)(?::\w+)?\}", lambda part: FILLED.get(part[1], "local"), path), method)
        for path, method in found
    ]


async def send_half(app: Ingress, path: str, method: str) -> int:
    """Announce a body, send half of it, and nothing more."""
    statuses: list[int] = []
    parts: list[Message] = [{"type": "http.request", "body": b"{", "more_body": True}]

    async def receive() -> Message:
        return parts.pop() if parts else await asyncio.Event().wait() or {}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", b"127.0.0.1"),
            (b"origin", b"http://127.0.0.1"),
            (b"content-type", b"application/x-www-form-urlencoded"),
            (b"content-length", b"100"),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    async with asyncio.timeout(60):
        await app(scope, receive, send)
    [status] = statuses
    return status


async def test_no_door_waits_for_a_body_that_never_comes(settings: Settings) -> None:
    doors = doors_of(settings)
    app = Ingress(create_app(settings), concurrency_max=1, silence_s=SILENCE_S)
    answered = {(path, method): await send_half(app, path, method) for path, method in doors}
    assert {path.split("/")[1] for path, _ in doors} >= {"ussd", "webhooks", "finance"}
    # Some are refused before the body is read at all (no key, no login); none is taken, and none waits. Where a caller
    # waits, the refusal is a sentence.
    taken = {path for (path, _), status in answered.items() if not (status >= 400 or status == 303)}
    assert taken == {"/ussd/africastalking/local"}
    assert answered["/webhooks/sandbox", "POST"] == 408
    assert answered["/finance/connexion", "POST"] in {408, 503}
    assert (app.working, app.open) == (0, 0)


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("/webhooks/sandbox/", "/webhooks/sandbox"),
        ("//webhooks//sandbox///token//", "/webhooks/sandbox/token"),
        ("/livez/", "/livez"),
        ("/ussd/africastalking/local/end/", "/ussd/africastalking/local/end"),
        ("/finance/", "/finance/"),
        ("//finance//", "/finance/"),
        ("/", "/"),
        ("//", "/"),
        ("", ""),
    ],
)
def test_one_place_has_one_address(path: str, plain: str) -> None:
    assert normalised({"path": path, "method": "GET"})["path"] == plain


def test_head_is_get_except_where_a_get_is_a_turn() -> None:
    assert normalised({"path": "/livez", "method": "HEAD"})["method"] == "GET"
    assert normalised({"path": "/ussd/orange/key", "method": "HEAD"})["method"] == "HEAD"


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as one:
        yield one


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/finance", "/finance/", "/finance/connexion"])
async def test_every_page_answers_head_as_get(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.head(path)).status_code == (await client.get(path)).status_code
