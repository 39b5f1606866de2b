"""One piece of evidence about money held by an operator, whatever way it came."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Provenance(StrEnum):
    """How a piece of evidence reached us, hence how far it may be trusted."""

    SIGNED_CALLBACK = "signed_callback"
    UNVERIFIED_CALLBACK = "unverified_callback"
    QUERY = "query"
    STATEMENT = "statement"
    MANUAL = "manual"


class ObservedStatus(StrEnum):
    """What the evidence says happened, in our words."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"
    REVERSED = "reversed"
    UNKNOWN = "unknown"


class VerdictKind(StrEnum):
    """Whether a callback proves its body, only asks us to look, or is refused."""

    ACCEPT = "accept"
    ACCEPT_UNVERIFIED = "accept_unverified"
    REJECT = "reject"


class FailedCheck(StrEnum):
    """The check that a refused callback failed, as its sender is told: which one, and never what would have passed it.

    SIGNATURE is one word for an unknown key, a wrong secret and a changed body, which must not be told apart.
    """

    #: What every message must carry is not there: its body, its signature, the token of its request.
    MISSING = "missing"
    #: It is there, and is not written as agreed.
    FORMAT = "format"
    #: It is not what the secret that we share makes of this very message.
    SIGNATURE = "signature"
    #: It was signed at a moment too far from ours.
    CLOCK = "clock"
    #: No secret of this operator counts with us at this moment, whatever it sends.
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement on one callback, with the reason finance will read.

    ``check`` is all that the sender of a refused one is told; the reason stays with us, and may say more.
    """

    kind: VerdictKind
    reason: str
    check: FailedCheck | None = None


def refused(check: FailedCheck, reason: str) -> Verdict:
    """Return the refusal of a callback: the word for its sender, and the reason for us."""
    return Verdict(VerdictKind.REJECT, reason, check)


class LineKind(StrEnum):
    """What a statement line is about."""

    COLLECTION = "collection"
    REVERSAL = "reversal"
    FEE = "fee"
    TRANSFER = "transfer"
    OTHER = "other"


class ControlFigure(StrEnum):
    """A figure below the lines of a statement that the lines must give."""

    LINES = "lines"
    COLLECTED = "collected"
    FEES = "fees"
    CLOSING = "closing"


class HoldReason(StrEnum):
    """Why money in suspense may go to nobody before two people have decided."""

    REVERSED = "reversed"
    NUMBER_HELD = "number_held"


#: Evidence that may turn into money. An unverified callback only makes us ask.
CREDITING: frozenset[Provenance] = frozenset(
    {Provenance.SIGNED_CALLBACK, Provenance.QUERY, Provenance.STATEMENT, Provenance.MANUAL}
)


@dataclass(frozen=True, slots=True)
class Observation:
    """What one callback, answer, statement line or person says about one payment.

    ``operator_transaction_id`` is the id in the operator's normal form, ``raw_transaction_id`` as it was written;
    ``remarks`` are codes of what was odd and did not keep the money from being read.
    Units:   amount_xof and fee_xof in whole francs; payer_msisdn in E.164; occurred_at in UTC.
    """

    operator: str
    provenance: Provenance
    status: ObservedStatus
    amount_xof: int | None = None
    fee_xof: int | None = None
    payer_msisdn: str | None = None
    our_reference: str | None = None
    operator_transaction_id: str | None = None
    occurred_at: datetime | None = None
    raw_transaction_id: str | None = None
    remarks: tuple[str, ...] = ()
