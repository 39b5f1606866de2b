"""What every operator gives us, so that a new one is a folder and its cases."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import BinaryIO, Protocol
from uuid import UUID

from payments.http_messages import RawRequest, RawResponse
from payments.identity import IdentityRule
from payments.observation import ControlFigure as ControlFigure
from payments.observation import FailedCheck as FailedCheck
from payments.observation import LineKind as LineKind
from payments.observation import Observation
from payments.observation import Verdict as Verdict
from payments.observation import VerdictKind as VerdictKind
from payments.observation import refused as refused


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret and the time during which it counts."""

    value: str
    not_before: datetime | None = None
    not_after: datetime | None = None

    def live_at(self, now: datetime) -> bool:
        """Return whether this secret counts at ``now``."""
        started = self.not_before is None or self.not_before <= now
        return started and (self.not_after is None or now < self.not_after)


@dataclass(frozen=True, slots=True)
class Secrets:
    """Every secret shared with one operator; empty means that nothing can be accepted.

    ``named`` holds what else the operator's settings say, by its own names; ``stored``, by our reference, the tokens
    that it gave us with its answer to the request at whose address a message comes.
    """

    values: tuple[Secret, ...] = ()
    named: Mapping[str, object] = field(default_factory=dict)
    stored: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def live(self, now: datetime) -> tuple[str, ...]:
        """Return the values that count at ``now``, newest knowledge first."""
        return tuple(secret.value for secret in self.values if secret.live_at(now))


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One line of an operator's statement: an observation, its number and its raw text.

    ``reference`` is the line's own id in normal form, whatever transaction the observation is about.
    Units:   moved_xof is what the line did to the operator's balance of our account, in whole francs: above zero in
             our favour, below zero against us, zero for what failed or waits.
    """

    line_number: int
    kind: LineKind
    observation: Observation
    raw: str
    moved_xof: int = 0
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class StatementTotals:
    """Control totals printed in the file by the operator; None where the file prints none.

    Units:   collected_xof and fees_xof in whole francs.
    """

    line_count: int | None
    collected_xof: int | None
    fees_xof: int | None


@dataclass(frozen=True, slots=True)
class StatementHeader:
    """What stands above the lines of one account.

    Units:   opening_xof in whole francs; periods in UTC, end excluded.
    """

    operator: str
    account: str
    period_start: datetime
    period_end: datetime
    opening_xof: int | None


@dataclass(frozen=True, slots=True)
class Printed:
    """How the operator calls a figure, and on which line of the file it stands."""

    label: str
    line_number: int


@dataclass(frozen=True, slots=True)
class StatementFooter:
    """What stands below the lines of one account; ``printed`` are the figures that must be what the lines give.

    Units:   closing_xof in whole francs.
    """

    closing_xof: int | None
    totals: StatementTotals
    printed: Mapping[ControlFigure, Printed] = field(default_factory=dict)


#: A statement as it passes: for each account its header, its lines in their order, its footer.
StatementPart = StatementHeader | StatementLine | StatementFooter


@dataclass(frozen=True, slots=True)
class PushOrder:
    """What an operator must know to ask one wallet for money; ids are made and kept before the call.

    ``operator_request_id`` and ``operator_state`` are what it gave us with its answer; nothing before the first.
    Units:   amount_xof in whole francs; payer_msisdn in E.164.
    """

    reference: str
    correlation_id: UUID
    amount_xof: int
    payer_msisdn: str
    callback_url: str
    operator_request_id: str | None = None
    operator_state: Mapping[str, object] = field(default_factory=dict)


class PushResult(StrEnum):
    """What we know after asking: silence is UNKNOWN, never FAILED.

    REFUSED is the payer's own no. OUR_FAULT is the operator's no to us (key, address, account, format, rate): nothing
    was taken, and the same order may be sent again.
    """

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    OUR_FAULT = "our_fault"


@dataclass(frozen=True, slots=True)
class Submitted:
    """The operator's answer to a request to pay.

    ``operator_request_id`` and ``state``, a few tokens that fit into JSON, are stored with the request and handed back.
    """

    result: PushResult
    operator_request_id: str | None = None
    detail: str = ""
    state: Mapping[str, object] | None = None


class QueryResult(StrEnum):
    """Whether a status query told us something; OUR_FAULT when the operator refused us, and so told us nothing."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    UNREACHABLE = "unreachable"
    OUR_FAULT = "our_fault"


@dataclass(frozen=True, slots=True)
class Answer:
    """The operator's answer to a status query, with the raw text kept as evidence."""

    result: QueryResult
    observation: Observation | None = None
    detail: str = ""
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an operator has, how it tells two ids apart, and the rhythm in which it wants to be asked.

    ``zone`` is the one that its dates are in where they name none. ``signs_callbacks`` says that ``verify`` may accept
    one; only then is a message read that comes to no address of the operator's own. ``gives_tokens`` says that it wants
    the tokens of a request to judge a message that comes to its address. ``callback_bytes_max`` bounds what nobody
    vouches for, ``batch_bytes_max`` what is signed or comes from the operator's own network.
    Units:   every number of seconds ends in _s; ask_after_s are the waits before the first question and
             between the next ones, and its last one repeats until ask_until_s after the submission; calls_at_once
             and requests_per_s bound the orders and questions of one worker, None where the operator sets no rate.
    """

    request_to_pay: bool
    query_request: bool
    query_transaction: bool
    refund: bool
    statement: bool
    identity: IdentityRule = field(default_factory=IdentityRule)
    zone: tzinfo = UTC
    prompt_lifetime_s: int = 600
    poll_after_s: tuple[int, ...] = (15, 30, 60, 120, 300, 600, 1800, 3600)
    expires_after_s: int = 86_400
    poll_until_s: int = 30 * 86_400
    calls_at_once: int = 50
    requests_per_s: int | None = None
    acknowledgement: RawResponse = field(default_factory=lambda: RawResponse(status=204))
    signs_callbacks: bool = False
    gives_tokens: bool = False
    callback_bytes_max: int = 64 * 1024
    batch_bytes_max: int = 4 * 1024 * 1024

    @property
    def answers_questions(self) -> bool:
        """Return whether any question can be put to this operator."""
        return self.query_request or self.query_transaction


class OperatorClient(Protocol):
    """The calls we may make to an operator; never inside a database transaction.

    An operator that has only some of them inherits the others; its capabilities keep those from being called.
    """

    async def request_to_pay(self, order: PushOrder) -> Submitted:
        """Ask a wallet for money; a lost answer comes back as UNKNOWN, never as an exception."""
        return Submitted(PushResult.OUR_FAULT, detail=f"takes no requests to pay, {order.reference} among them")

    async def query(self, order: PushOrder) -> Answer:
        """Ask what became of a request, by the ids that we made for it and those that it gave us."""
        return Answer(QueryResult.OUR_FAULT, detail=f"answers no question about requests, {order.reference} among them")

    async def query_transaction(self, operator_transaction_id: str) -> Answer:
        """Ask what the operator knows of one of its own transactions."""
        return Answer(QueryResult.OUR_FAULT, detail=f"answers no question about {operator_transaction_id}")


class Clock(Protocol):
    """Something that tells the time."""

    def now(self) -> datetime:
        """Return the present moment."""


class Operator(Protocol):
    """An operator: judging and reading what it sends, which is pure, and the calls that we may make to it."""

    @property
    def name(self) -> str:
        """Return the name used in addresses, tables and settings."""

    @property
    def label(self) -> str:
        """Return the name that people know, in GSM-7."""

    @property
    def capabilities(self) -> Capabilities:
        """Return what this operator can do."""

    @property
    def account(self) -> str | None:
        """Return our account there, which its statements must name; None where we have none or were not told."""

    @property
    def client(self) -> OperatorClient | None:
        """Return the calls that we may make; None where it has none, or was built without its settings."""

    def secrets_from(self, config: Mapping[str, object]) -> Secrets:
        """Read the secrets that we share: ``secrets``, a list, beside the operator's own names, and ``stored``.

        Errors:  SecretsInvalid, which repeats none.
        """

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verdict:
        """Judge a callback on its bytes and headers alone."""

    def parse_callback(self, request: RawRequest) -> list[Observation]:
        """Read a callback.

        Errors:  CallbackMalformed, with what a person should look at.
        """

    def parse_statement(self, content: BinaryIO, filename: str) -> Iterator[StatementPart]:
        """Read a statement in order, account by account, without holding it whole; nothing counts before its footer.

        ``content`` is at its beginning, and can be gone through again as often as is needed to know what a line means.
        Errors:  StatementRejected, with the line number and what is wrong, while it is read.
        """


#: Operators by name; a lookup of an unknown name is the caller's decision.
Operators = Mapping[str, Operator]
