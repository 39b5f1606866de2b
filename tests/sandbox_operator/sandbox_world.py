"""A real sandbox operator and a real receiver of its callbacks, each on a port of its own."""

import contextlib
import queue
import socket
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID

import httpx
import uvicorn
from starlette.types import ASGIApp

from payments.operators.contract import PushOrder
from payments.operators.sandbox.client import SandboxClient
from sandbox_operator.app import create_operator

START = datetime(2026, 11, 22, 10, 15, 3, tzinfo=UTC)
PAYER = "+22370123456"
TIMEOUT_S = 60


@dataclass
class Hand:
    """A clock moved by hand."""

    at: datetime = START

    def __call__(self) -> datetime:
        return self.at

    def forward(self, seconds: int) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class World:
    url: str
    receiver_url: str
    received: queue.Queue[Received]
    answers: deque[int]
    hand: Hand
    control_http: httpx.Client
    orders: int = 0

    def order(self, amount_xof: int = 5000, payer: str = PAYER, **changes: object) -> PushOrder:
        self.orders += 1
        callback_url = f"{self.receiver_url}/webhooks/sandbox/token{self.orders}"
        made = push_order(self.orders, callback_url)
        return replace(made, **{"amount_xof": amount_xof, "payer_msisdn": payer, **changes})

    def control(self, path: str, body: object = None) -> dict:
        answer = self.control_http.post(f"/control/{path}", json=body if body is not None else {})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def books(self) -> dict:
        return self.control_http.get("/control/books").json()

    def prompt_of(self, order: PushOrder) -> str:
        (found,) = [row for row in self.books()["prompts"] if row["client_id"] == str(order.correlation_id)]
        return found["server_id"]

    def decide(self, order: PushOrder, do: str = "approve", **decision: object) -> dict:
        return self.control(f"prompts/{self.prompt_of(order)}/decision", {"do": do, **decision})

    def next_callback(self) -> Received:
        return self.received.get(timeout=TIMEOUT_S)

    def client(self, http: httpx.AsyncClient, **changes: object) -> SandboxClient:
        given = {"base_url": self.url, "api_key": "local", "merchant_account": "RAMU", "now": self.hand}
        return SandboxClient(http, **{**given, **changes})


def push_order(number: int = 1, callback_url: str = "http://127.0.0.1:9/token") -> PushOrder:
    return PushOrder(f"REF{number:05}", UUID(int=number, version=4), 5000, PAYER, callback_url)


@contextlib.contextmanager
def world(data_dir: Path | None = None) -> Iterator[World]:
    received: queue.Queue[Received] = queue.Queue()
    answers: deque[int] = deque()
    hand = Hand()
    with receiving(received, answers) as receiver_url:
        app = create_operator(data_dir, hand, notify_url=f"{receiver_url}/webhooks/sandbox")
        with serving(app) as url, httpx.Client(base_url=url, trust_env=False) as control_http:
            yield World(url, receiver_url, received, answers, hand, control_http)


@contextlib.contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    # Listening before the server runs: early callers wait in the socket's queue, nobody has to poll.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_level="critical", access_log=False, ws="none", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(TIMEOUT_S)


@contextlib.contextmanager
def receiving(received: queue.Queue[Received], answers: deque[int]) -> Iterator[str]:
    class Receiver(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            received.put(Received(self.command, self.path, headers, body))
            self.send_response(answers.popleft() if answers else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(TIMEOUT_S)
