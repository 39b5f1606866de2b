"""The operator's guide is true: its commands are run, its tables are those of the code, its sample is read."""

import ast
import asyncio
import json
import re
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from starlette.types import Message

from gateway.config.adapter_settings import variables
from gateway.config.setting_types import SECRET_CHARS_MIN
from gateway.config.settings import Settings
from gateway.infra.ingress import Ingress
from gateway.infra.rates import Buckets, Rate
from gateway.jobs import breaker, poll
from gateway.jobs.deps import JobLimits
from gateway.operator_api import callbacks
from payments.evidence import inquiries
from payments.observation import FailedCheck, LineKind
from payments.operators.contract import OperatorClient, PushOrder
from payments.operators.registry import built_in
from payments.operators.sandbox import statement, statement_line
from payments.operators.sandbox.adapter import SandboxOperator
from payments.operators.sandbox.client import SandboxClient
from sandbox_operator import actions, deliver
from sandbox_operator.model import PromptAnswer
from tests.gateway.infra.failing_postgres import fill, silent
from tests.statements import read_whole
from tests.world import GATEWAY_URL, OPERATOR, OPERATOR_URL, WORD, World

PROJECT = Path(__file__).parents[1]
GUIDE = (PROJECT / "docs/guides/operator.md").read_text()
SAMPLE = PROJECT / "docs/guides/releve-exemple.csv"
#: What the first block of the guide sets.
VARIABLES = {"NOUS": GATEWAY_URL, "VOUS": OPERATOR_URL, "CLE": WORD}
#: What an answer says anew each time; where the guide names it again, the new one is meant.
NEW_EACH_TIME = {
    "serverCorrelationId",
    "expiryTime",
    "link",
    "transactionReference",
    "transactionReceipt",
    "creationDate",
    "errorDateTime",
}


def table(heading: str, after: str = "") -> list[list[str]]:
    """Return the rows of the first table whose first column is called so, behind some words."""
    text = GUIDE.partition(after)[2] if after else GUIDE
    found = re.search(rf"^ *\| {re.escape(heading)} \|.*\n *\|[-|]+\|\n((?: *\|.*\n)+)", text, re.MULTILINE)
    assert found is not None, heading
    return [[cell.strip() for cell in row.strip().strip("|").split(" | ")] for row in found[1].splitlines()]


def named(heading: str, after: str = "") -> list[str]:
    """Return the names in code of a table's first column."""
    return [name for row in table(heading, after) for name in re.findall(r"`([^`]+)`", row[0])]


@dataclass(frozen=True)
class Curl:
    """One command of the guide."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None


@dataclass(frozen=True)
class Shown:
    """The answer that the guide shows below it."""

    status: int
    headers: dict[str, str]
    body: str


def read_curl(text: str) -> Curl:
    words = shlex.split(text.replace("\\\n", " "))
    assert words.pop(0) == "curl"
    method, url, headers, body = "", "", {}, None
    while words:
        match words.pop(0):
            case "-i":
                continue
            case "-X":
                method = words.pop(0)
            case "-H":
                name, _, said = words.pop(0).partition(": ")
                headers[name] = said
            case "-d":
                body = words.pop(0).encode()
            case address:
                assert not url, address
                url = address
    return Curl(method or ("GET" if body is None else "POST"), url, headers, body)


def read_shown(text: str) -> Shown:
    head, _, body = text.partition("\n\n")
    first, *lines = head.splitlines()
    return Shown(int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body.strip())


def with_variables(text: str) -> str:
    for name, value in VARIABLES.items():
        text = text.replace(f"${name}", value)
    assert "$" not in text, text
    return text


EXAMPLES = [
    (read_curl(with_variables(command)), read_shown(answer))
    for command, answer in re.findall(r"```sh\n(curl.*?)\n```\n\n```http\n(.*?)\n```", GUIDE, re.DOTALL)
]


def renamed(said: str, names: dict[str, str]) -> str:
    for shown, real in names.items():
        said = said.replace(shown, real)
    return said


def agree(shown: object, real: object, names: dict[str, str], key: str = "") -> None:
    """Hold what the guide shows beside what came; learn what is new each time."""
    match shown, real:
        case dict(), dict():
            assert list(shown) == list(real), (shown, real)
            for name, value in shown.items():
                agree(value, real[name], names, name)
        case list(), list():
            assert len(shown) == len(real)
            for one, other in zip(shown, real, strict=True):
                agree(one, other, names, key)
        case str(), str() if key in NEW_EACH_TIME and renamed(shown, names) != real:
            # Of a link the last part alone.
            *shown_path, shown_last = shown.split("/")
            *real_path, real_last = real.split("/")
            assert (shown_path, shown_last in names) == (real_path, False), (shown, real)
            names[shown_last] = real_last
        case _:
            assert (renamed(shown, names) if isinstance(shown, str) else shown) == real, key


async def run(world: World, curl: Curl, names: dict[str, str]) -> httpx.Response:
    http = _http_of(world) if curl.url.startswith(OPERATOR_URL) else world.wire
    body = renamed(curl.body.decode(), names).encode() if curl.body is not None else None
    return await http.request(curl.method, renamed(curl.url, names), headers=curl.headers, content=body)


def _http_of(world: World) -> httpx.AsyncClient:
    client: OperatorClient = world.deps.clients[OPERATOR]
    assert isinstance(client, SandboxClient)
    return client.http


async def test_every_command_of_the_guide_is_answered_as_the_guide_says(world: World) -> None:
    names: dict[str, str] = {}
    # No command stands without its answer, but for the block that sets the variables.
    assert GUIDE.count("```sh\n") == len(EXAMPLES) + 1 == GUIDE.count("```http\n") + 1
    for curl, shown in EXAMPLES:
        answered = await run(world, curl, names)
        assert answered.status_code == shown.status, (curl, answered.text)
        for name, said in shown.headers.items():
            assert answered.headers[name] == said
        if shown.body.startswith("{"):
            agree(json.loads(shown.body), answered.json(), names)
        else:
            assert answered.text == shown.body
        if "/requeststates/" in curl.url:
            [prompt] = world.prompts()
            now = world.clock.forward(seconds=30)
            actions.decide(world.operator, prompt.server_id, PromptAnswer(do="approve", callbacks=0), now)
    await world.work()
    # The callback of the guide pointed at it, and the question of the guide proved it.
    assert await world.rows("SELECT amount_xof, our_reference, provenance FROM payment") == [
        (5000, "9K2M7QPAX", "query")
    ]


NOT_OURS = {"host", "connection", "user-agent", "content-length"}


def sent_by(curl: Curl) -> tuple[str, str, dict[str, str], object]:
    headers = {name.lower(): said for name, said in curl.headers.items()}
    return curl.method, curl.url, headers, json.loads(curl.body) if curl.body else None


async def test_our_client_sends_what_the_guide_says_and_nothing_else() -> None:
    order_curl, answer_curl, *_ = [curl for curl, _ in EXAMPLES]
    callback_url = order_curl.headers["X-Callback-URL"]
    order = PushOrder("9K2M7QPAX", UUID(order_curl.headers["X-CorrelationID"]), 5000, "+22370123456", callback_url)
    sent: list[tuple[str, str, dict[str, str], object]] = []

    def taken(request: httpx.Request) -> httpx.Response:
        headers = {name: said for name, said in request.headers.items() if name not in NOT_OURS}
        body = json.loads(request.content) if request.content else None
        sent.append((request.method, str(request.url), headers, body))
        return httpx.Response(503)

    async with httpx.AsyncClient(transport=httpx.MockTransport(taken)) as http:
        for curl, call in ((order_curl, "request_to_pay"), (answer_curl, "query")):
            moment = datetime.fromisoformat(curl.headers["X-Date"])
            client = SandboxClient(http, OPERATOR_URL, WORD, "RAMU", lambda moment=moment: moment)  # type: ignore[misc]
            await getattr(client, call)(order)
    assert sent == [sent_by(order_curl), sent_by(answer_curl)]
    assert named("En-tête") == list(order_curl.headers)


Scenario = Callable[[World, pytest.MonkeyPatch], Awaitable[int]]
KEY_PATH = f"/webhooks/{OPERATOR}/{WORD}"


async def put(world: World, body: bytes = b"{}", path: str = KEY_PATH, method: str = "PUT") -> int:
    return (await world.wire.request(method, path, content=body)).status_code


async def _half_a_body(world: World, _patch: pytest.MonkeyPatch) -> int:
    statuses: list[int] = []
    parts: list[Message] = [{"type": "http.request", "body": b"{", "more_body": True}]

    async def receive() -> Message:
        return parts.pop() if parts else await asyncio.Event().wait() or {}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http", "method": "PUT", "path": KEY_PATH, "raw_path": KEY_PATH.encode(), "query_string": b"",
        "headers": [(b"content-length", b"9")], "client": ("127.0.0.1", 1), "server": ("gateway.test", 80),
        "scheme": "http", "http_version": "1.1", "root_path": "", "asgi": {"version": "3.0"},
    }  # fmt: skip
    await Ingress(world.app, 10, silence_s=0.05)(scope, receive, send)
    return statuses[0]


async def _a_flood(world: World, _patch: pytest.MonkeyPatch) -> int:
    world.webhooks.senders = Buckets(Rate(burst=1, per_s=1))
    assert await put(world) == 204
    return await put(world)


async def _a_fault_of_ours(world: World, patch: pytest.MonkeyPatch) -> int:
    def fails(*_: object) -> None:
        raise RuntimeError

    patch.setattr(SandboxOperator, "verify", fails)
    transport = httpx.ASGITransport(world.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=GATEWAY_URL) as http:
        return (await http.put(KEY_PATH, content=b"{}")).status_code


async def _a_silent_database(world: World, patch: pytest.MonkeyPatch) -> int:
    patch.setattr("gateway.operator_api.callbacks.STORE_DEADLINE_S", 0.2)
    with silent(await fill(world.database, 1)):
        return await put(world)


SCENARIOS: dict[int, Scenario] = {
    200: lambda world, _: put(world, b"", method="GET"),
    204: lambda world, _: put(world),
    401: lambda world, _: put(world, b""),
    404: lambda world, _: put(world, path=f"/webhooks/{OPERATOR}/another"),
    405: lambda world, _: put(world, method="DELETE"),
    408: _half_a_body,
    413: lambda world, _: put(world, b"x" * (64 * 1024 + 1)),
    429: _a_flood,
    500: _a_fault_of_ours,
    503: _a_silent_database,
}
#: Answered below the application, where `tests/gateway/infra/test_connections.py` holds them, or before it.
OF_THE_SERVER = {400, 431}
OF_THE_PROXY = {414, 502, 504}


@pytest.mark.parametrize("status", SCENARIOS)
async def test_each_status_of_the_guide_is_one_that_we_answer(
    world: World, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    assert await SCENARIOS[status](world, monkeypatch) == status


def statuses_in(path: str) -> set[int]:
    """Return the statuses that a module names."""
    tree = ast.parse((PROJECT / path).read_text())
    return {
        int(HTTPStatus[node.attr])
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "HTTPStatus"
    }


def test_the_guide_names_every_status_and_no_other() -> None:
    said = {int(status) for row in table("Statut") for status in row[0].split(", ")}
    doors = ("gateway/operator_api/callbacks.py", "gateway/infra/connections.py", "gateway/infra/ingress.py")
    in_code = set().union(*map(statuses_in, doors))
    assert len(in_code) >= 7
    assert in_code <= said
    assert said == set(SCENARIOS) | OF_THE_SERVER | OF_THE_PROXY
    assert in_code >= OF_THE_SERVER


def test_the_guide_names_every_word_of_a_refusal() -> None:
    assert named("`check`") == [str(check) for check in FailedCheck]


def test_the_tables_of_the_statement_are_those_of_its_reader() -> None:
    assert named("Colonne") == list(statement_line.COLUMNS)
    assert named("Au-dessus et au-dessous") == [*statement.PREAMBLE, *statement.FOOTER]
    assert named("`Service`") == list(statement_line.KINDS)
    assert named("`Statut`") == list(statement_line.STATUSES)


def test_the_sample_is_what_the_guide_shows_and_is_read_to_the_franc() -> None:
    [shown] = re.findall(r"```csv\n(.*?)```", GUIDE, re.DOTALL)
    assert SAMPLE.read_text() == shown
    read = read_whole(built_in()[OPERATOR], SAMPLE.read_bytes(), SAMPLE.name)
    assert (read.account, read.opening_xof, read.closing_xof) == ("RAMU", 30_450, 2_380)
    assert read.opening_xof + sum(line.moved_xof for line in read.lines) == read.closing_xof
    assert [line.kind for line in read.lines] == [
        LineKind.COLLECTION,
        LineKind.FEE,
        LineKind.COLLECTION,
        LineKind.COLLECTION,
        LineKind.FEE,
        LineKind.REVERSAL,
        LineKind.TRANSFER,
    ]
    assert [line.observation.remarks for line in read.lines] == [()] * 7


def spoken(seconds: int) -> str:
    for size, word in ((3600, "h"), (60, "min")):
        if seconds % size == 0:
            return f"{seconds // size} {word}"
    return f"{seconds} s"


def test_the_times_and_limits_of_the_guide_are_those_of_the_code() -> None:
    can = built_in()[OPERATOR].capabilities
    waits = ", ".join(map(spoken, can.poll_after_s))
    asked = {row[0]: row[1] for row in table("Quoi", "### Quand nous redemandons")}
    assert asked["une demande sans nouvelles"] == f"après {waits}, puis chaque heure"
    assert asked["ce qu'un avis non signé désigne"].startswith(
        f"tout de suite, puis après {', '.join(map(spoken, inquiries.WAITS_S))}, puis chaque heure, "
        f"{inquiries.ATTEMPTS_MAX} fois au plus ; {inquiries.NOT_FOUND_MAX} fois au plus"
    )
    assert f"après {can.expires_after_s // 3600} h" in asked["une demande est dite expirée, chez nous seulement"]
    assert f"après {can.poll_until_s // 86_400} jours" in asked["nous cessons de demander"]
    assert asked["vous ne répondez plus"].startswith(
        f"{breaker.OPENS_AFTER} échecs de suite : nous attendons {spoken(breaker.FIRST_WAIT.seconds)}, "
        f"puis le double à chaque fois, {spoken(breaker.LONGEST_WAIT.seconds)} au plus"
    )
    said = {row[0]: row[1] for row in table("Statut")}
    sender, operator = callbacks.MESSAGES_OF_SENDER, callbacks.MESSAGES_OF_OPERATOR
    [proxied] = re.findall(r"zone=callbacks:10m rate=(\d+)r/s", (PROJECT / "docker/nginx.conf").read_text())
    tries = [f"{seconds} s" for seconds in deliver.RETRY_AFTER_S]
    for words, text in (
        (f"plus de {sender.per_s} par seconde d'un expéditeur, ou {operator.per_s} en tout", said["429"]),
        (f"plus de {proxied} appels par seconde", said["429"]),
        (f"{can.callback_bytes_max // 1024} Ko ({can.batch_bytes_max // 1024**2} Mo", said["413, 414"]),
        (f"dépasse {callbacks.QUERY_CHARS_MAX // 1024} Ko", said["413, 414"]),
        (f"Nous attendons votre réponse {JobLimits().call_timeout_s} s ;", GUIDE),
        (f"en {callbacks.STORE_DEADLINE_S} s au plus", GUIDE),
        (f"tant que vit l'invitation ({spoken(can.prompt_lifetime_s)})", GUIDE),
        (f"plusieurs fois ({poll.SUBMISSIONS_MAX} au plus)", GUIDE),
        (f"par exemple après {', '.join(tries[:-1])} et {tries[-1]}", GUIDE),
        (f"il a {callbacks.TOKEN.pattern.partition('{')[2].rstrip('}').replace(',', ' à ')} signes", GUIDE),
        (f"des longues adresses, {SECRET_CHARS_MIN} signes au moins", GUIDE),
    ):
        assert words in text, words


def test_the_settings_of_going_live_exist() -> None:
    known = {f"RAMU_{name.upper()}" for name in Settings.model_fields} | variables().keys()
    assert set(named("Réglage")) <= known


async def test_every_button_that_the_guide_names_stands_on_the_operators_page(world: World) -> None:
    http = _http_of(world)
    order_curl = EXAMPLES[0][0]
    assert (await run(world, order_curl, {})).status_code == 202
    [prompt] = world.prompts()
    paid = PromptAnswer(do="approve", callbacks=0)
    second = Curl(**{**order_curl.__dict__, "headers": {**order_curl.headers, "X-CorrelationID": str(UUID(int=5))}})
    actions.decide(world.operator, prompt.server_id, paid, world.clock.now())
    assert (await run(world, second, {})).status_code == 202
    page = (await http.get("/")).text
    buttons = [re.sub(r"&#39;", "'", words) for words in re.findall(r"<button[^>]*>([^<]+)</button>", page)]
    steps = [row[0] for row in table("Ce que l'on fait")]
    assert len(steps) == 10
    assert set(steps) <= set(buttons)
