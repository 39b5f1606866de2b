"""What is known of lines and payments before they are matched."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from payments.money import MAX_AMOUNT_XOF
from payments.observation import LineKind, Observation, ObservedStatus
from payments.operators.contract import StatementLine
from payments.reconciliation.coverage import utc_day as utc_day

#: States of what did not happen; a balance that moved all the same is a difference.
NOT_DONE: Final = frozenset({ObservedStatus.PENDING, ObservedStatus.FAILED, ObservedStatus.EXPIRED})

#: How the name begins of what a statement gives no reference.
UNREFERENCED: Final = "unreferenced:"

#: A movement is the same one in two overlapping files when all of this is equal; equal ones in one file are several.
Movement = tuple[LineKind, str | None, str | None, int, datetime | None, str | None]


@dataclass(frozen=True, slots=True)
class OperatorRecord:
    """What an operator's statement says in one line, as far as matching reads it.

    ``stands`` while no later file speaks of its moment, ``was_first`` when no earlier one had.
    Units:   moved_xof is what the line did to the operator's balance, due_xof what of it money of ours must explain;
             whole francs.
    """

    file_id: int
    line_number: int
    account: str
    kind: LineKind
    observation: Observation
    subject: str
    reference: str | None
    moved_xof: int
    due_xof: int
    counts_at: datetime
    stands: bool = True
    was_first: bool = True

    @property
    def place(self) -> tuple[int, int]:
        """Return where the line is written: its file and its number in it."""
        return self.file_id, self.line_number

    @property
    def is_collected(self) -> bool:
        """Return whether the operator says here that it took money for us."""
        return self.kind is LineKind.COLLECTION and self.observation.status is ObservedStatus.SUCCEEDED

    @property
    def is_nothing(self) -> bool:
        """Return whether zero francs were collected and nothing moved: a test of the operator's, or padding."""
        return self.is_collected and self.observation.amount_xof == 0 and self.moved_xof == 0

    @property
    def is_bookable(self) -> bool:
        """Return whether a collection carries all that a payment needs; a date it has from its statement's period."""
        amount_xof = self.observation.amount_xof
        named = self.observation.operator_transaction_id is not None
        return self.is_collected and named and amount_xof is not None and 0 < amount_xof <= MAX_AMOUNT_XOF

    @property
    def is_misdated(self) -> bool:
        """Return whether the line gives a date that its statement's period does not hold."""
        said_at = self.observation.occurred_at
        return said_at is not None and said_at != self.counts_at and (self.is_collected or self.moved_xof != 0)

    @property
    def movement(self) -> Movement:
        """Return what makes two lines of overlapping files the same movement."""
        said = self.observation
        own = (self.kind, self.reference, said.operator_transaction_id)
        return (*own, self.moved_xof, said.occurred_at, said.payer_msisdn)


@dataclass(frozen=True, slots=True)
class Booked:
    """A payment that we hold; ``recovered`` when these very lines made us credit it.

    Units:   amount_xof in whole francs; occurred_at in UTC.
    """

    payment_id: int
    party_id: int | None
    amount_xof: int
    occurred_at: datetime
    payer_msisdn: str | None = None
    recovered: bool = False


@dataclass(frozen=True, slots=True)
class Unit:
    """Everything that one account's statements and our books say of one operation, in the order it was said.

    ``payment`` is ours where it belongs to this account; ``expected`` when a statement speaks of its moment.
    """

    subject: str
    account: str
    lines: tuple[OperatorRecord, ...] = ()
    payment: Booked | None = None
    expected: bool = False


def subject_of(line: StatementLine) -> str:
    """Name what a line is about: its operation, its own reference, or else a name made of all that it says.

    Returns: the same name for the same line of another file.
    """
    said = line.observation
    if named := said.operator_transaction_id or line.reference:
        return named
    digest = sha256(repr((line.kind.value, line.moved_xof, said.occurred_at, said.payer_msisdn)).encode())
    return f"{UNREFERENCED}{digest.hexdigest()[:12]}"


def due_xof(line: StatementLine) -> int:
    """Return what of a line's movement must be explained; fees and transfers that the operator took are its own.

    Units:   whole francs; a successful collection that came with its fee taken off is due whole. A fee or a transfer
             that came in, or that moved the balance without having happened, is due like any other movement.
    """
    said = line.observation
    match line.kind:
        case LineKind.FEE | LineKind.TRANSFER if line.moved_xof < 0 and said.status not in NOT_DONE:
            return 0
        case LineKind.COLLECTION if said.status is ObservedStatus.SUCCEEDED and None not in {
            said.amount_xof,
            said.fee_xof,
        }:
            amount_xof, fee_xof = said.amount_xof or 0, said.fee_xof or 0
            return amount_xof if line.moved_xof == amount_xof - fee_xof else line.moved_xof
        case _:
            return line.moved_xof
