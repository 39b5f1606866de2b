"""What every request meets: one form of each address, a body that comes in time, and no more work than we can do.

Stands around the whole application, inside the server and outside every route.
"""

import asyncio
import re
from http import HTTPStatus
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.infra.metrics import REQUESTS_REFUSED
from gateway.infra.problems import RETRY_AFTER_S, BodyTooSlow, problem

#: A body that pauses for so long will not come; after so long, it must have come at so many bytes a second.
SILENCE_S = 10
BYTES_PER_S = 4 * 1024

#: Who watches us must be answered when nobody else can be.
PROBES = frozenset({"/livez", "/readyz", "/metrics"})
#: Where machines call: with or without a slash at its end, an address is the same.
MACHINE_PREFIXES = ("/webhooks/", "/ussd/", "/sms/", *PROBES)
SLASHES = re.compile(r"/{2,}")
#: A request that waits for its body is no work, but it holds memory.
OPEN_PER_WORKING = 4


class Ingress:
    """Bring requests into one form, and refuse what is too much or too slow."""

    def __init__(self, app: ASGIApp, concurrency_max: int, silence_s: float = SILENCE_S) -> None:
        self._app = app
        self._concurrency_max = concurrency_max
        self._silence_s = silence_s
        #: Requests on which we are at work now, and all that are open: the others wait for their body or their reader.
        self.working = 0
        self.open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = normalised(scope)
        is_probe = scope["path"] in PROBES
        if not is_probe and (
            self.working >= self._concurrency_max or self.open >= OPEN_PER_WORKING * self._concurrency_max
        ):
            await self._refuse(scope, receive, send)
            return
        passage = _Passage(self, receive, send, has_body(scope), self._silence_s)
        self.open += 1
        self.working += 1
        try:
            await self._app(scope, passage.receive, passage.send)
        finally:
            self.working -= 1
            self.open -= 1

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        REQUESTS_REFUSED.labels("busy").inc()
        answer = problem(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "Too many requests at once, try again in a moment")
        answer.headers["Retry-After"] = str(RETRY_AFTER_S)
        if has_body(scope):
            answer.headers["Connection"] = "close"
        await answer(scope, receive, send)


class _Passage:
    """The way in and out of one request."""

    def __init__(self, ingress: Ingress, receive: Receive, send: Send, has_body: bool, silence_s: float) -> None:
        self._ingress = ingress
        self._receive = receive
        self._send = send
        self._body_ended = not has_body
        self._silence_s = silence_s
        self._received_bytes = 0
        self._since: float | None = None

    async def receive(self) -> Message:
        if self._body_ended:
            return await self._receive()
        loop = asyncio.get_running_loop()
        if self._since is None:
            self._since = loop.time()
        # A body has the first seconds whatever it sends, and then as long as its bytes so far allow.
        until = min(loop.time(), self._since + self._received_bytes / BYTES_PER_S) + self._silence_s
        self._ingress.working -= 1
        try:
            async with asyncio.timeout_at(until):
                message = await self._receive()
        except TimeoutError:
            REQUESTS_REFUSED.labels("body-too-slow").inc()
            raise BodyTooSlow from None
        finally:
            self._ingress.working += 1
        self._received_bytes += len(message.get("body", b""))
        self._body_ended = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and not self._body_ended:
            # An answer before the end of the body closes the connection: its rest is not the next request.
            message = {**message, "headers": [*message.get("headers", []), (b"connection", b"close")]}
        self._ingress.working -= 1
        try:
            await self._send(message)
        finally:
            self._ingress.working += 1


def normalised(scope: Scope) -> Scope:
    """Return the request with the plain form of its address, and HEAD asked as GET: the server leaves out the body.

    Not where aggregators call: there a GET is a turn of somebody's dialogue.
    """
    changed: dict[str, Any] = {}
    path = SLASHES.sub("/", scope["path"])
    path = path.rstrip("/") if path.startswith(MACHINE_PREFIXES) else path
    if path != scope["path"]:
        changed["path"] = path
    if scope["method"] == "HEAD" and not path.startswith("/ussd/"):
        changed["method"] = "GET"
    return {**scope, **changed} if changed else scope


def has_body(scope: Scope) -> bool:
    """Return whether a body was announced."""
    return any(
        (name == b"content-length" and value.strip(b"0 ") != b"") or name == b"transfer-encoding"
        for name, value in scope["headers"]
    )
