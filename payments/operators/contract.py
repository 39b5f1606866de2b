"""What every operator gives us, so that a new one is a folder and its cases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from payments.identity import IdentityRule
from payments.observation import LineKind as LineKind
from payments.observation import Observation
from payments.observation import VerdictKind as VerdictKind
from payments.wire import RawRequest, RawResponse


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement on one callback, with the reason finance will read."""

    kind: VerdictKind
    reason: str


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret and the time during which it counts."""

    value: str
    not_before: datetime | None = None
    not_after: datetime | None = None

    def live_at(self, now: datetime) -> bool:
        """Say whether this secret counts at ``now``."""
        started = self.not_before is None or self.not_before <= now
        return started and (self.not_after is None or now < self.not_after)


@dataclass(frozen=True, slots=True)
class Secrets:
    """Every secret shared with one operator; empty means that nothing can be accepted."""

    values: tuple[Secret, ...] = ()

    def live(self, now: datetime) -> tuple[str, ...]:
        """Give the values that count at ``now``, newest knowledge first."""
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
class Statement:
    """A statement file read whole, control totals already compared with its lines.

    Units:   opening_xof and closing_xof in whole francs; periods in UTC, end excluded.
    """

    operator: str
    account: str
    period_start: datetime
    period_end: datetime
    opening_xof: int | None
    closing_xof: int | None
    lines: Sequence[StatementLine]
    totals: StatementTotals


@dataclass(frozen=True, slots=True)
class PushOrder:
    """What an operator must know to ask one wallet for money; ids are made and kept before the call.

    Units:   amount_xof in whole francs; payer_msisdn in E.164.
    """

    reference: str
    correlation_id: UUID
    amount_xof: int
    payer_msisdn: str
    callback_url: str


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
    """The operator's answer to a request to pay."""

    result: PushResult
    operator_request_id: str | None = None
    detail: str = ""


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
    one; only then is a message read that comes to no address of the operator's own. ``callback_bytes_max`` bounds what
    nobody vouches for, ``batch_bytes_max`` what is signed or comes from the operator's own network.
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
    ask_after_s: tuple[int, ...] = (15, 30, 60, 120, 300, 600, 1800, 3600)
    expires_after_s: int = 86_400
    ask_until_s: int = 30 * 86_400
    calls_at_once: int = 50
    requests_per_s: int | None = None
    acknowledgement: RawResponse = field(default_factory=lambda: RawResponse(status=204))
    signs_callbacks: bool = False
    callback_bytes_max: int = 64 * 1024
    batch_bytes_max: int = 4 * 1024 * 1024


class OperatorClient(Protocol):
    """The calls we may make to an operator; never inside a database transaction."""

    async def request_to_pay(self, order: PushOrder) -> Submitted:
        """Ask a wallet for money; a lost answer comes back as UNKNOWN, never as an exception."""

    async def query(self, order: PushOrder) -> Answer:
        """Ask what became of a request, by the ids that we made for it."""

    async def query_transaction(self, operator_transaction_id: str) -> Answer:
        """Ask what the operator knows of one of its own transactions."""


class Operator(Protocol):
    """The pure half of an operator: judging and reading what it sends."""

    @property
    def name(self) -> str:
        """The name used in addresses, tables and settings."""

    @property
    def label(self) -> str:
        """The name that people know, in GSM-7."""

    @property
    def capabilities(self) -> Capabilities:
        """What this operator has."""

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verdict:
        """Judge a callback on its bytes and headers alone."""

    def parse_callback(self, request: RawRequest) -> list[Observation]:
        """Read a callback.

        Errors:  CallbackMalformed, with what a person should look at.
        """

    def parse_statement(self, content: bytes, filename: str) -> Statement:
        """Read a statement file whole.

        Errors:  StatementRejected, with the line number and what is wrong.
        """


#: Operators by name; a lookup of an unknown name is the caller's decision.
Operators = Mapping[str, Operator]
