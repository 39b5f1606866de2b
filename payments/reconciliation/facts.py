"""What is known of lines and payments before they are matched."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from payments.money import MAX_AMOUNT_XOF
from payments.observation import LineKind, Observation, ObservedStatus


@dataclass(frozen=True, slots=True)
class Line:
    """A statement line as far as matching reads it."""

    file_id: int
    line_number: int
    kind: LineKind
    observation: Observation

    @property
    def is_claim(self) -> bool:
        """Say whether the operator says here that it took money for us."""
        return self.kind is LineKind.COLLECTION and self.observation.status is ObservedStatus.SUCCEEDED

    @property
    def is_bookable(self) -> bool:
        """Say whether a claim carries all that a payment needs."""
        said = self.observation
        named = said.operator_transaction_id is not None and said.occurred_at is not None
        return named and said.amount_xof is not None and 0 < said.amount_xof <= MAX_AMOUNT_XOF

    @property
    def subject(self) -> str:
        """Name what the line is about: its transaction, or the line itself where it names none."""
        return self.observation.operator_transaction_id or f"{self.file_id}:{self.line_number}"

    @property
    def dated_xof(self) -> int:
        """Give the amount that some day's statement counts; a line without a date counts on no day.

        Units:   whole francs.
        """
        return (self.observation.amount_xof or 0) if self.observation.occurred_at else 0


@dataclass(frozen=True, slots=True)
class Booked:
    """A payment that we hold; ``recovered`` when these very lines made us credit it.

    Units:   amount_xof in whole francs; occurred_at in UTC.
    """

    payment_id: int
    household_id: int | None
    amount_xof: int
    occurred_at: datetime
    recovered: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """What the operator said first of one of its transactions.

    Units:   amount_xof in whole francs, None where the line gave none that can be read.
    """

    amount_xof: int | None
    same_file: bool


@dataclass(frozen=True, slots=True)
class Known:
    """What was read before judging a run of lines, by operator transaction id.

    ``claims`` and ``reversed_ids`` come from earlier lines only, ``claimed_ids`` from every line that we have;
    ``otherwise_on`` is the day of a break whose line has no date.
    """

    otherwise_on: date
    payments: Mapping[str, Booked] = field(default_factory=dict)
    claims: Mapping[str, Claim] = field(default_factory=dict)
    claimed_ids: Collection[str] = ()
    reversed_ids: Collection[str] = ()


def utc_day(moment: datetime) -> date:
    """Give the day of a moment; Mali lives on UTC all year."""
    return moment.astimezone(UTC).date()
