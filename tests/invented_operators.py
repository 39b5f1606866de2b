"""Operators that live in tests only: one signs its messages, one does not; a test chooses every answer of both.

Both speak one invented language. A message is ``{"events": [{"id", "state", "amount", ...}]}``, any number of
transactions at once, and ids that differ in case are different transactions. A signed message carries
``x-signature: t=<unix seconds>,v1=<hex>``, an HMAC-SHA256 over the seconds, a dot and the raw bytes.
A statement is a CSV file, with balances or without.
"""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import BinaryIO, NoReturn, TypeVar

from gateway.infra.database import Database
from payments.detail import DetailCode
from payments.errors import CallbackMalformed
from payments.http_messages import RawRequest
from payments.observation import Observation, ObservedStatus, Provenance
from payments.operators.contract import (
    Answer,
    Capabilities,
    FailedCheck,
    LineKind,
    PushOrder,
    PushResult,
    QueryResult,
    Secret,
    Secrets,
    StatementFooter,
    StatementHeader,
    StatementLine,
    StatementPart,
    StatementTotals,
    Submitted,
    Verdict,
    VerdictKind,
    refused,
)
from payments.rejection import rejected
from tests.fixed import CountedIds, TestClock
from tests.world import Others, World, open_world

SECRET = "a secret of tests"
SIGNED_FOR = timedelta(seconds=300)
#: Takes requests to pay, and proves what it says.
CAURI = "cauri"
#: Takes requests to pay, and proves nothing.
MIL = "mil"

CAPABILITIES = Capabilities(
    request_to_pay=True, query_request=True, query_transaction=True, refund=False, statement=True
)


@dataclass(frozen=True, slots=True)
class InventedOperator:
    """The pure half of both."""

    name: str
    label: str
    signs: bool
    capabilities: Capabilities = CAPABILITIES

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verdict:
        """Believe a signature over the bytes; who does not sign is asked about."""
        if not self.signs:
            return Verdict(VerdictKind.ACCEPT_UNVERIFIED, "nothing is signed")
        written = request.headers.get("x-signature")
        at, signature = _signature_of(written or "")
        if not (at and signature):
            check = FailedCheck.MISSING if written is None else FailedCheck.FORMAT
            return refused(check, "x-signature is not t=...,v1=...")
        if not secrets.live(now):
            return refused(FailedCheck.KEY, "no live secret is configured for this operator")
        if abs(now.timestamp() - at) > SIGNED_FOR.total_seconds():
            return refused(FailedCheck.CLOCK, "the signature is too old")
        if any(hmac.compare_digest(sign(request.body, at, secret), signature) for secret in secrets.live(now)):
            return Verdict(VerdictKind.ACCEPT, "signed")
        return refused(FailedCheck.SIGNATURE, "the signature is wrong")

    def parse_callback(self, request: RawRequest) -> list[Observation]:
        """Read any number of transactions."""
        try:
            events = json.loads(request.body)["events"]
            return [_observation(self.name, self._provenance(), event) for event in events]
        except (ValueError, TypeError, KeyError) as error:
            raise CallbackMalformed(f"not a list of events ({type(error).__name__})") from error

    def parse_statement(self, content: BinaryIO, filename: str) -> Iterator[StatementPart]:
        """Read a file that :func:`statement` wrote."""
        del filename
        try:
            head, *rows = [line.split(";") for line in content.read().decode().splitlines()]
            _, account, start, end, opening, closing = head
            lines = [_line(self.name, number, row) for number, row in enumerate(rows, 2)]
        except ValueError as error:
            raise rejected(DetailCode.FILE_COLUMNS_UNKNOWN) from error
        yield StatementHeader(
            self.name,
            account,
            datetime.fromisoformat(start),
            datetime.fromisoformat(end),
            int(opening) if opening else None,
        )
        yield from lines
        yield StatementFooter(int(closing) if closing else None, StatementTotals(len(lines), None, None))

    def _provenance(self) -> Provenance:
        return Provenance.SIGNED_CALLBACK if self.signs else Provenance.UNVERIFIED_CALLBACK


def event(transaction_id: str, amount_xof: int, **more: object) -> dict[str, object]:
    """Write one transaction; without more it succeeded, for nobody in particular."""
    return {"id": transaction_id, "state": "succeeded", "amount": amount_xof, **more}


def message(*events: Mapping[str, object]) -> bytes:
    """Write a message of any number of transactions."""
    return json.dumps({"events": events}, ensure_ascii=False).encode()


def sign(body: bytes, at: int, secret: str = SECRET) -> str:
    """Return the signature of a body at a moment."""
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def statement(
    rows: Iterable[Mapping[str, object]], start: datetime, end: datetime, balances: tuple[int, int] | None = None
) -> bytes:
    """Write a statement of events, a fee among them where they have one."""
    opening, closing = balances or ("", "")
    head = f"RELEVE;RAMU;{start.isoformat()};{end.isoformat()};{opening};{closing}"
    columns = ("id", "state", "amount", "fee", "payer", "reference", "at")
    return "\n".join([head, *(";".join(str(row.get(name) or "") for name in columns) for row in rows)]).encode()


About = TypeVar("About")
Said = TypeVar("Said")
#: What a client does when it is called about something: answer, raise, or wait until a test lets go.
PushAction = Callable[[PushOrder], Awaitable[Submitted]]
QueryAction = Callable[[str], Awaitable[Answer]]


@dataclass
class Gate:
    """A place where calls hang until a test opens it; ``reached`` is set by the first that arrives."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def passed(self) -> None:
        """Wait until the gate is opened."""
        self.reached.set()
        await self.opened.wait()


def takes(result: PushResult = PushResult.PENDING, detail: str = "") -> PushAction:
    """Answer a push so."""

    async def action(order: PushOrder) -> Submitted:
        del order
        return Submitted(result, detail=detail)

    return action


def refuses_us(status: HTTPStatus) -> PushAction:
    """Answer a push with a status of HTTP: our own key, address or rate refused, or a fault of the operator's."""
    ours = status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}
    return takes(PushResult.OUR_FAULT if ours else PushResult.UNKNOWN, f"HTTP {status.value}")


def says(observation: Observation) -> QueryAction:
    """Answer a question with what the operator knows."""

    async def action(about: str) -> Answer:
        del about
        return Answer(QueryResult.FOUND, replace(observation, provenance=Provenance.QUERY))

    return action


def not_found(result: QueryResult = QueryResult.NOT_FOUND, detail: str = "") -> QueryAction:
    """Answer a question with nothing known, or nothing heard."""

    async def action(about: str) -> Answer:
        del about
        return Answer(result, detail=detail)

    return action


def raises(failure: Exception) -> Callable[[object], Awaitable[NoReturn]]:
    """Raise whatever is called, about whatever."""

    async def action(about: object) -> NoReturn:
        del about
        raise failure

    return action


def hangs(gate: Gate, then: Callable[[About], Awaitable[Said]]) -> Callable[[About], Awaitable[Said]]:
    """Wait at a gate, then do what was chosen."""

    async def action(about: About) -> Said:
        await gate.passed()
        return await then(about)

    return action


@dataclass
class ChosenClient:
    """The calls to an invented operator: ``pushes`` and ``answers`` by reference or id, else the default."""

    pushes: dict[str, PushAction] = field(default_factory=dict)
    answers: dict[str, QueryAction] = field(default_factory=dict)
    push: PushAction = field(default_factory=takes)
    answer: QueryAction = field(default_factory=not_found)
    sent: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def request_to_pay(self, order: PushOrder) -> Submitted:
        """Do what was chosen for this reference."""
        self.sent.append(order.reference)
        return await self.pushes.get(order.reference, self.push)(order)

    async def query(self, order: PushOrder) -> Answer:
        """Do what was chosen for this reference."""
        self.asked.append(order.reference)
        return await self.answers.get(order.reference, self.answer)(order.reference)

    async def query_transaction(self, operator_transaction_id: str) -> Answer:
        """Do what was chosen for this transaction."""
        self.asked.append(operator_transaction_id)
        return await self.answers.get(operator_transaction_id, self.answer)(operator_transaction_id)


@dataclass
class TwoOperators:
    """A world in which two operators are at work beside the sandbox."""

    world: World
    cauri: ChosenClient
    mil: ChosenClient

    async def tell(self, operator: str, body: bytes, token: str | None = None) -> int:
        """Post a message as an operator would, signed where it signs; give the status of the answer."""
        return await tell(self.world, operator, body, token)


async def tell(world: World, operator: str, body: bytes, token: str | None = None) -> int:
    """Post a message as an operator would, signed where it signs; give the status of the answer."""
    at = int(world.clock.now().timestamp())
    headers = {"content-type": "application/json"}
    if operator == CAURI:
        headers["x-signature"] = f"t={at},v1={sign(body, at)}"
    path = f"/webhooks/{operator}" + (f"/{token}" if token else "")
    return (await world.wire.post(path, content=body, headers=headers)).status_code


@asynccontextmanager
async def open_two_operators(database: Database, clock: TestClock, ids: CountedIds) -> AsyncIterator[TwoOperators]:
    """Build the small Mali with both invented operators in it."""
    cauri, mil = ChosenClient(), ChosenClient()
    async with open_world(database, clock, ids, others=others(cauri, mil)) as world:
        yield TwoOperators(world, cauri, mil)


def others(cauri: ChosenClient, mil: ChosenClient) -> Others:
    """Return both as what a world is built from."""
    return Others(
        operators={
            CAURI: InventedOperator(
                CAURI, "Cauri", signs=True, capabilities=replace(CAPABILITIES, signs_callbacks=True)
            ),
            MIL: InventedOperator(MIL, "Mil", signs=False),
        },
        clients={CAURI: cauri, MIL: mil},
        secrets={CAURI: Secrets((Secret(SECRET),)), MIL: Secrets((Secret(SECRET),))},
    )


def _signature_of(written: str) -> tuple[int, str]:
    found = dict(part.partition("=")[::2] for part in written.split(","))
    at = found.get("t", "")
    return (int(at) if at.isdecimal() else 0), found.get("v1", "")


def _observation(operator: str, provenance: Provenance, row: Mapping[str, object]) -> Observation:
    at, fee = row.get("at"), row.get("fee")
    return Observation(
        operator=operator,
        provenance=provenance,
        status=ObservedStatus(str(row["state"])),
        amount_xof=int(str(row["amount"])),
        fee_xof=int(str(fee)) if fee else None,
        payer_msisdn=str(row["payer"]) if row.get("payer") else None,
        our_reference=str(row["reference"]) if row.get("reference") else None,
        operator_transaction_id=str(row["id"]),
        occurred_at=datetime.fromisoformat(str(at)).astimezone(UTC) if at else None,
        raw_transaction_id=str(row["id"]),
    )


def _line(operator: str, number: int, row: list[str]) -> StatementLine:
    columns = dict(zip(("id", "state", "amount", "fee", "payer", "reference", "at"), row, strict=True))
    observed = _observation(operator, Provenance.STATEMENT, columns)
    reversed_one = observed.status is ObservedStatus.REVERSED
    moved_xof = (observed.amount_xof or 0) - (observed.fee_xof or 0)
    moves = observed.status in {ObservedStatus.SUCCEEDED, ObservedStatus.REVERSED}
    return StatementLine(
        line_number=number,
        kind=LineKind.REVERSAL if reversed_one else LineKind.COLLECTION,
        observation=observed,
        raw=";".join(row),
        moved_xof=(-moved_xof if reversed_one else moved_xof) if moves else 0,
        reference=observed.operator_transaction_id,
    )
