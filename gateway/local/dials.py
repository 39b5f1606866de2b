"""Tells, in local mode, who dials: the one thing that happens and leaves no row behind."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.infra.clock import Clock
from gateway.ussd.aggregators.africastalking import wire
from gateway.ussd.aggregators.contract import HUNG_UP, TurnRejected
from payments.http_messages import RawRequest
from payments.msisdn import mask

PREFIX: Final = f"/ussd/{wire.NAME}/"
#: No turn is longer.
BODY_BYTES_MAX: Final = 64 * 1024
#: So many dialogues are remembered; on one's own machine hardly any go on at once.
DIALOGUES_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Dial:
    """Somebody dialled: when, from which number, of which little is shown, and what."""

    at: datetime
    masked: str
    service_code: str


class DialsTold:
    """Hand each request on as it comes, and tell of those that begin a dialogue."""

    def __init__(self, app: ASGIApp, clock: Clock, tell: Callable[[Dial], None]) -> None:
        self._app = app
        self._clock = clock
        self._tell = tell
        self._known: deque[str] = deque(maxlen=DIALOGUES_MAX)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, reading along what it brings."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        body = bytearray()

        async def reading_along() -> Message:
            message = await receive()
            body.extend(message.get("body", b"")[: BODY_BYTES_MAX - len(body)])
            return message

        try:
            await self._app(scope, reading_along, send)
        finally:
            self._listen(scope, bytes(body))

    def _listen(self, scope: Scope, body: bytes) -> None:
        _, _, rest = scope["path"].removeprefix(PREFIX).partition("/")
        query = scope["query_string"].decode("latin-1")
        request = RawRequest(scope["method"], f"/{rest}", query, {}, body, self._clock.now())
        try:
            turn = wire.AfricasTalking().parse(request)
        except TurnRejected:
            return
        # A deep dial types its first answers at once, so that only a new dialogue tells it from a turn.
        if turn.event not in HUNG_UP and turn.session_id not in self._known:
            self._known.append(turn.session_id)
            self._tell(Dial(turn.received_at, mask(turn.msisdn), turn.service_code))
