"""What the sandbox operator remembers; each row replaces the earlier one with the same key."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictInt, StringConstraints

MAX_AMOUNT_XOF = 999_999_999
MAX_REFERENCE_CHARS = 60

Amount = Annotated[StrictInt, Field(gt=0, le=MAX_AMOUNT_XOF)]
Msisdn = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")]
Reference = Annotated[str, StringConstraints(pattern=rf"^[ -~]{{1,{MAX_REFERENCE_CHARS}}}$")]


class PromptState(StrEnum):
    """What became of a prompt on a payer's phone, in the standard's words for a request."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"


class Outage(StrEnum):
    """Which part of the operator does not answer."""

    NONE = "none"
    STATUS = "status"
    ALL = "all"


class AnswerFault(StrEnum):
    """How the answer to an order goes wrong after, or before, the order was taken."""

    DROP = "drop"
    DROP_BEFORE = "drop_before"
    ERROR = "error"
    SLOW = "slow"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PromptAnswer(_Frozen):
    """What the payer does with a prompt, and how we then tell it: no callback, one, or many."""

    do: Literal["approve", "refuse"]
    amount_xof: Amount | None = None
    callbacks: Annotated[StrictInt, Field(ge=0, le=100)] = 1
    after_s: Annotated[StrictInt, Field(ge=0, le=86_400)] = 0
    code: Literal["requestDeclined", "insufficientFunds", "genericError"] = "requestDeclined"


class UnaskedPayment(_Frozen):
    """A payment that the payer starts by dialling the merchant's code."""

    payer_msisdn: Msisdn
    amount_xof: Amount
    reference: Reference | None = None
    callbacks: Annotated[StrictInt, Field(ge=0, le=100)] = 1


class Prompt(_Frozen):
    """A question on a payer's phone, opened by one order of the merchant."""

    row: Literal["prompt"] = "prompt"
    server_id: UUID
    client_id: UUID
    digest: str
    payer: str
    amount_xof: int
    reference: str | None
    callback_url: str | None
    opened_at: AwareDatetime
    expires_at: AwareDatetime
    state: PromptState = PromptState.PENDING
    ignored: bool = False
    planned: PromptAnswer | None = None
    planned_at: AwareDatetime | None = None
    transaction: str | None = None
    error_code: str | None = None


class Transaction(_Frozen):
    """Money that moved, or did not, under a reference of ours."""

    row: Literal["transaction"] = "transaction"
    reference: str
    type: Literal["merchantpay", "reversal"]
    status: Literal["completed", "failed", "reversed"]
    amount_xof: int
    fee_xof: int
    payer: str
    merchant_reference: str | None
    original: str | None
    at: AwareDatetime
    prompt: UUID | None = None


class DeliveryTry(_Frozen):
    """One sending of a callback, and the beginning of what came back; without a status nobody answered."""

    at: AwareDatetime
    status: int | None
    answer: str = ""
    fault: str | None = None


class Delivery(_Frozen):
    """A callback on its way; nothing is left to do when next_at is empty."""

    row: Literal["delivery"] = "delivery"
    id: UUID
    url: str
    correlation_id: UUID
    body: str
    attempts: int = 0
    last_status: int | None = None
    next_at: AwareDatetime | None
    # Journals that were written before these were kept have none of them.
    made_at: AwareDatetime | None = None
    transaction: str | None = None
    tries: tuple[DeliveryTry, ...] = ()

    @property
    def is_taken(self) -> bool:
        """Return whether the merchant said that it has the callback."""
        return self.last_status is not None and 200 <= self.last_status < 300  # noqa: PLR2004 - what HTTP calls success


class WalletAccount(_Frozen):
    """What a payer has left."""

    row: Literal["wallet"] = "wallet"
    msisdn: Msisdn
    balance_xof: Annotated[StrictInt, Field(ge=0, le=MAX_AMOUNT_XOF)]


class Switches(_Frozen):
    """How the operator behaves until it is told otherwise."""

    row: Literal["switches"] = "switches"
    auto_approve_s: Annotated[StrictInt, Field(ge=0, le=3600)] | None = None
    outage: Outage = Outage.NONE


class ExtraLine(_Frozen):
    """A statement line for money that our books do not know."""

    reference: Reference
    payer: Msisdn
    amount_xof: Amount


class StatementFault(_Frozen):
    """How the statement of one day lies."""

    row: Literal["statement_fault"] = "statement_fault"
    day: date
    omit: tuple[Reference, ...] = ()
    amounts_xof: dict[Reference, Amount] = Field(default_factory=dict)
    extra: tuple[ExtraLine, ...] = ()


Row = Annotated[
    Prompt | Transaction | Delivery | WalletAccount | Switches | StatementFault,
    Field(discriminator="row"),
]
