"""What a statement and our books differ by: a day, two figures, and a French sentence for whoever must explain it."""

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from payments.match import SAID
from payments.money import MAX_AMOUNT_XOF
from payments.reconciliation.facts import Booked, Line, utc_day


class DifferenceKind(StrEnum):
    """Why two figures differ; of money that crosses midnight TIMING is the operator's day, TIMING_BOOKED ours."""

    STATEMENT_ONLY = "STATEMENT_ONLY"
    LEDGER_ONLY = "LEDGER_ONLY"
    AMOUNT = "AMOUNT"
    STATUS = "STATUS"
    REVERSAL = "REVERSAL"
    DUPLICATE = "DUPLICATE"
    UNIDENTIFIED = "UNIDENTIFIED"
    TIMING = "TIMING"
    TIMING_BOOKED = "TIMING_BOOKED"


@dataclass(frozen=True, slots=True)
class Difference:
    """A break to be kept once per (kind, operator, subject).

    ``transaction_id`` links the payment where the subject is a name of its own.
    Units:   difference_xof is what the operator says less what we say on that day; 0 where it only informs.
    """

    kind: DifferenceKind
    subject: str
    day: date
    operator_says_xof: int | None
    we_say_xof: int | None
    difference_xof: int
    detail: str
    transaction_id: str | None = None


def statement_only(line: Line, otherwise_on: date) -> Difference:
    """Open what the operator claims and nobody could credit."""
    said_xof = line.observation.amount_xof
    detail = f"ligne {line.line_number} : {_flaw(line)} ; elle ne peut pas être créditée telle quelle"
    day = _day(line, otherwise_on)
    return Difference(DifferenceKind.STATEMENT_ONLY, line.subject, day, said_xof, 0, line.dated_xof, detail)


def ours_alone(transaction_id: str, booked: Booked, *, named: bool) -> Difference:
    """Open what we credited and no successful line covers; ``named`` when a line calls it unsuccessful."""
    return Difference(
        kind=DifferenceKind.STATUS if named else DifferenceKind.LEDGER_ONLY,
        subject=transaction_id,
        day=utc_day(booked.occurred_at),
        operator_says_xof=0,
        we_say_xof=booked.amount_xof,
        difference_xof=-booked.amount_xof,
        detail="nous l'avons créditée, l'opérateur dit qu'elle a échoué" if named else "aucun relevé ne la nomme",
    )


def amount(line: Line, booked: Booked, otherwise_on: date) -> Difference:
    """Open a claim on a payment of another amount; without a date the operator's figure counts on no day."""
    said_xof = line.observation.amount_xof
    return Difference(
        kind=DifferenceKind.AMOUNT,
        subject=line.subject,
        day=_day(line, otherwise_on),
        operator_says_xof=said_xof,
        we_say_xof=booked.amount_xof,
        difference_xof=line.dated_xof - booked.amount_xof if line.observation.occurred_at else 0,
        detail=f"ligne {line.line_number} : le relevé dit {said_xof} F, nous avons crédité {booked.amount_xof} F",
    )


def timing(line: Line, booked: Booked) -> tuple[Difference, ...]:
    """Open what crosses midnight: the same money, counted on one day by the operator and on another by us."""
    said_at, held_at, held_xof = line.observation.occurred_at, booked.occurred_at, booked.amount_xof
    if said_at is not None and utc_day(said_at) == utc_day(held_at):
        return ()
    dated = f"l'opérateur la date du {said_at:%d/%m/%Y %H:%M}" if said_at else "l'opérateur ne donne pas de date"
    detail = f"ligne {line.line_number} : {dated}, nous du {held_at:%d/%m/%Y %H:%M}"
    ours = Difference(DifferenceKind.TIMING_BOOKED, line.subject, utc_day(held_at), 0, held_xof, -held_xof, detail)
    if said_at is None:
        return (ours,)
    return Difference(DifferenceKind.TIMING, line.subject, utc_day(said_at), held_xof, 0, held_xof, detail), ours


def reversal(line: Line, otherwise_on: date) -> Difference:
    """Open what the operator took back; the ledger waits for two people."""
    taken_xof = line.observation.amount_xof or 0
    detail = f"ligne {line.line_number} : l'opérateur a repris {taken_xof} F ; le grand livre attend deux personnes"
    day = _day(line, otherwise_on)
    return Difference(DifferenceKind.REVERSAL, line.subject, day, -taken_xof, 0, -line.dated_xof, detail)


def information(kind: DifferenceKind, line: Line, booked: Booked | None, otherwise_on: date) -> Difference:
    """Open what somebody should know and what changes no sum."""
    return Difference(
        kind=kind,
        subject=line.subject,
        day=_day(line, otherwise_on),
        operator_says_xof=line.observation.amount_xof,
        we_say_xof=booked.amount_xof if booked else None,
        difference_xof=0,
        detail=f"ligne {line.line_number} du relevé : opération {SAID[line.observation.status]}",
    )


def contradiction(line: Line, booked: Booked, otherwise_on: date) -> Difference:
    """Open what a statement calls successful on one line and not on another; no later line makes it good."""
    # A name of its own: the break that carries the day's difference closes as soon as a claim arrives.
    return replace(
        information(DifferenceKind.STATUS, line, booked, otherwise_on),
        subject=f"{line.subject}:{line.observation.status}",
        transaction_id=line.subject,
    )


def _flaw(line: Line) -> str:
    said = line.observation
    if said.operator_transaction_id is None:
        return "aucune référence d'opération"
    if said.occurred_at is None:
        return "aucune date"
    if said.amount_xof is None:
        return "aucun montant lisible"
    return f"montant de {said.amount_xof} F, hors de 1 à {MAX_AMOUNT_XOF} F"


def _day(line: Line, otherwise_on: date) -> date:
    return utc_day(line.observation.occurred_at) if line.observation.occurred_at else otherwise_on
