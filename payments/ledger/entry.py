"""Entries that balance by construction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from payments.errors import UnbalancedEntry


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a ledger transaction.

    Units:   amount_xof in whole francs; above zero debits, below zero credits.
    Without a party it names that of its account, which only an operator's account has.
    """

    account: str
    amount_xof: int
    party_id: int | None = None


@dataclass(frozen=True, slots=True)
class LedgerTxn:
    """A balanced set of entries with its author and its reason.

    Errors:  UnbalancedEntry when built from entries that do not add up to zero;
             ValueError when an entry moves nothing or fewer than two are given.
    """

    ref: str
    kind: str
    effective_at: datetime
    actor: str
    reason: str
    entries: tuple[Entry, ...]
    reverses_id: int | None = None

    def __post_init__(self) -> None:
        difference_xof = sum(entry.amount_xof for entry in self.entries)
        if difference_xof:
            raise UnbalancedEntry(difference_xof)
        if len(self.entries) < 2 or any(entry.amount_xof == 0 for entry in self.entries):  # noqa: PLR2004 - two sides
            raise ValueError("a ledger transaction moves money between at least two accounts")


def movement(debit: Entry, credits_: Sequence[Entry]) -> tuple[Entry, ...]:
    """Put a debit before its credits, dropping credits that move nothing."""
    return (debit, *(entry for entry in credits_ if entry.amount_xof != 0))


def mirrored(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Return the entries that undo ``entries``."""
    return tuple(Entry(entry.account, -entry.amount_xof, entry.party_id) for entry in entries)
