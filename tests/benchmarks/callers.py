"""What telephones and operators send, as bytes on the wire."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.benchmarks.ground import Paid, msisdn
from tests.benchmarks.load import Ask, Client

KEY = "local"
#: Home, the situation, pay, the first amount; one key more confirms.
LOOKING = ("", "2", "2*1", "2*1*1")
CONFIRMED = "2*1*1*1"
#: One dialogue in so many is confirmed, each by a household that has not asked for a payment before.
CONFIRM_EVERY = 8

TURN = (
    "POST /ussd/africastalking/{key} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: benchmark\r\nAccept: */*\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
)
FORM = "sessionId={session}&phoneNumber=%2B{number}&networkCode=61001&serviceCode=%2A123%23&text={path}"


@dataclass
class Telephones:
    """The people who dial during the runs against one door; each confirms once at most."""

    lookers: range
    confirmers: Iterator[int]
    run: str = ""
    begun: int = 0
    confirmed: int = 0
    _numbers: Iterator[int] = field(init=False)

    def __post_init__(self) -> None:
        self._numbers = itertools.cycle(self.lookers)

    def clients(self, count: int) -> list[Client]:
        return [self._dialogues() for _ in range(count)]

    def _dialogues(self) -> Client:
        while True:
            self.begun += 1
            session = f"ATUid_{self.run}_{self.begun:012d}"
            confirmer = next(self.confirmers, None) if self.begun % CONFIRM_EVERY == 0 else None
            number = msisdn(next(self._numbers) if confirmer is None else confirmer)
            for path in LOOKING:
                yield _turn(session, number, path, b"CON ")
            if confirmer is not None:
                self.confirmed += 1
                yield _turn(session, number, CONFIRMED, b"END ")


def _turn(session: str, number: str, path: str, begins: bytes) -> Ask:
    body = FORM.format(session=session, number=number[1:], path=path.replace("*", "%2A"))
    return Ask(TURN.format(key=KEY, length=len(body), body=body).encode(), b"200", begins)


@dataclass
class OperatorCalls:
    """The callbacks of an operator for requests that wait, again and again."""

    payments: list[Paid]
    sent: int = 0

    def clients(self, count: int) -> list[Client]:
        return [self._callbacks() for _ in range(count)]

    def _callbacks(self) -> Client:
        while True:
            self.sent += 1
            yield callback(self.payments[self.sent % len(self.payments)])


def callback(one: Paid) -> Ask:
    body = one.body(datetime.now(UTC))
    head = (
        f"PUT /webhooks/sandbox/{one.token} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: benchmark\r\nAccept: */*\r\n"
        f"Content-Type: application/json\r\nX-Date: {datetime.now(UTC).isoformat()}\r\n"
        f"X-CorrelationID: {one.correlation_id}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return Ask(head.encode() + body, b"204", b"")
