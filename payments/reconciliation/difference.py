"""What a statement and our books differ by: a day, two figures, and a French sentence for whoever must explain it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from payments.match import SAID
from payments.money import MAX_AMOUNT_XOF
from payments.msisdn import mask
from payments.reconciliation.coverage import utc_day
from payments.reconciliation.facts import Booked, Line, Unit


class DifferenceKind(StrEnum):
    """Why two figures differ; of money that crosses midnight TIMING is the operator's day, TIMING_BOOKED ours."""

    STATEMENT_ONLY = "STATEMENT_ONLY"
    LEDGER_ONLY = "LEDGER_ONLY"
    AMOUNT = "AMOUNT"
    STATUS = "STATUS"
    REVERSAL = "REVERSAL"
    DUPLICATE = "DUPLICATE"
    COLLISION = "COLLISION"
    UNKNOWN_SERVICE = "UNKNOWN_SERVICE"
    UNIDENTIFIED = "UNIDENTIFIED"
    TIMING = "TIMING"
    TIMING_BOOKED = "TIMING_BOOKED"
    ADDED = "ADDED"
    DROPPED = "DROPPED"
    CORRECTED = "CORRECTED"
    DATE = "DATE"
    CONTINUITY = "CONTINUITY"
    TOTALS = "TOTALS"


@dataclass(frozen=True, slots=True)
class Difference:
    """A break to be kept once per (kind, operator, account, subject) while it stands.

    ``about`` is the operation, or the part of a statement, whose differences are always found all together.
    Units:   difference_xof is what the operator says less what we say on that day; 0 where it only informs.
    """

    kind: DifferenceKind
    account: str
    subject: str
    about: str
    day: date
    operator_says_xof: int | None
    we_say_xof: int | None
    difference_xof: int
    detail: str


def uncredited(kind: DifferenceKind, line: Line, why: str) -> Difference:
    """Open what a line moved and no money of ours explains."""
    return _of(line, kind, (line.due_xof, 0, line.due_xof), why)


def statement_only(line: Line) -> Difference:
    """Open what the operator claims and nobody could credit."""
    flaw = f"{_flaw(line)} ; elle ne peut pas être créditée telle quelle"
    return replace(uncredited(DifferenceKind.STATEMENT_ONLY, line, flaw), operator_says_xof=line.observation.amount_xof)


def ours_alone(kind: DifferenceKind, unit: Unit, booked: Booked) -> Difference:
    """Open what we credited and no successful line covers."""
    why = {
        DifferenceKind.STATUS: "nous l'avons créditée, l'opérateur dit qu'elle a échoué",
        DifferenceKind.DROPPED: "un premier relevé la donnait, le dernier ne la donne plus ; nous l'avons créditée",
    }
    return Difference(
        kind=kind,
        account=unit.account,
        subject=unit.subject,
        about=unit.subject,
        day=utc_day(booked.occurred_at),
        operator_says_xof=0,
        we_say_xof=booked.amount_xof,
        difference_xof=-booked.amount_xof,
        detail=why.get(kind, "aucun relevé ne la nomme"),
    )


def paired(line: Line, booked: Booked) -> tuple[Difference, ...]:
    """Open what a line and the payment it claims differ by: amount, payer, day, or a household that nobody knows."""
    found = list(_timing(line, booked))
    rest_xof = line.due_xof - booked.amount_xof
    if other_payer(line.observation.payer_msisdn, booked.payer_msisdn):
        detail = f"le relevé nomme le payeur {_payer(line)}, nous avons crédité un autre payeur sous cette référence"
        found.append(_of(line, DifferenceKind.COLLISION, (line.due_xof, booked.amount_xof, rest_xof), detail))
    elif rest_xof or line.observation.amount_xof != booked.amount_xof:
        said = f"le relevé dit {line.observation.amount_xof} F et a mû {line.moved_xof} F"
        detail = f"{said}, nous avons crédité {booked.amount_xof} F"
        found.append(_of(line, DifferenceKind.AMOUNT, (line.due_xof, booked.amount_xof, rest_xof), detail))
    if booked.household_id is None:
        found.append(information(DifferenceKind.UNIDENTIFIED, line, booked))
    return tuple(found)


def information(kind: DifferenceKind, line: Line, booked: Booked | None) -> Difference:
    """Open what somebody should know and what changes no sum."""
    said = line.observation
    detail = f"opération {SAID[said.status]}"
    return _of(line, kind, (said.amount_xof, booked.amount_xof if booked else None, 0), detail)


def contradiction(line: Line, booked: Booked) -> Difference:
    """Open what a statement calls successful on one line and not on another."""
    found = information(DifferenceKind.STATUS, line, booked)
    return replace(found, subject=f"{line.subject}:{line.observation.status}")


def misdated(line: Line) -> Difference:
    """Open a date that its statement's period does not hold; the line counts on the nearest day that is in it."""
    said_at, counted_at = line.observation.occurred_at, line.counts_at
    detail = f"datée du {said_at:%d/%m/%Y %H:%M}, hors de la période du relevé : comptée le {counted_at:%d/%m/%Y}"
    return _of(line, DifferenceKind.DATE, (line.due_xof, line.due_xof, 0), detail)


def changed(dropped: Sequence[Line], added: Sequence[Line]) -> Difference:
    """Open what the last file of a moment says otherwise than the first did; what it changes of our books stands apart.

    Units:   ``operator_says_xof`` is what the last file moved, ``we_say_xof`` what the first had.
    """
    kind = DifferenceKind.CORRECTED if dropped and added else DifferenceKind.ADDED if added else DifferenceKind.DROPPED
    detail = {
        DifferenceKind.CORRECTED: "le dernier relevé corrige ce qu'un premier disait",
        DifferenceKind.ADDED: "le dernier relevé ajoute ce qu'un premier ne disait pas",
        DifferenceKind.DROPPED: "le dernier relevé ne dit plus ce qu'un premier disait",
    }[kind]
    return _of((*added, *dropped)[0], kind, (_moved(added), _moved(dropped), 0), detail)


def other_payer(one: str | None, other: str | None) -> bool:
    """Say whether two payers are known and not the same."""
    return one is not None and other is not None and one != other


def numbered(found: Iterable[Difference]) -> tuple[Difference, ...]:
    """Give a name of its own to each difference of one kind and subject."""
    taken: dict[tuple[DifferenceKind, str], int] = {}
    named = []
    for one in found:
        count = taken[one.kind, one.subject] = taken.get((one.kind, one.subject), 0) + 1
        named.append(one if count == 1 else replace(one, subject=f"{one.subject}:{count}"))
    return tuple(named)


def _timing(line: Line, booked: Booked) -> tuple[Difference, ...]:
    """Open what crosses midnight: the same money, counted on one day by the operator and on another by us."""
    said_at, held_at, held_xof = line.counts_at, booked.occurred_at, booked.amount_xof
    if utc_day(said_at) == utc_day(held_at):
        return ()
    detail = f"l'opérateur la date du {said_at:%d/%m/%Y %H:%M}, nous du {held_at:%d/%m/%Y %H:%M}"
    ours = _of(line, DifferenceKind.TIMING_BOOKED, (0, held_xof, -held_xof), detail)
    return _of(line, DifferenceKind.TIMING, (held_xof, 0, held_xof), detail), replace(ours, day=utc_day(held_at))


def _of(line: Line, kind: DifferenceKind, figures: tuple[int | None, int | None, int], detail: str) -> Difference:
    theirs_xof, ours_xof, difference_xof = figures
    return Difference(
        kind=kind,
        account=line.account,
        subject=line.subject,
        about=line.subject,
        day=utc_day(line.counts_at),
        operator_says_xof=theirs_xof,
        we_say_xof=ours_xof,
        difference_xof=difference_xof,
        detail=f"ligne {line.line_number} du relevé n° {line.file_id} : {detail}",
    )


def _payer(line: Line) -> str:
    return mask(line.observation.payer_msisdn) if line.observation.payer_msisdn else "inconnu"


def _moved(lines: Sequence[Line]) -> int:
    return sum(line.moved_xof for line in lines)


def _flaw(line: Line) -> str:
    said = line.observation
    if said.operator_transaction_id is None:
        return "aucune référence d'opération"
    if said.amount_xof is None:
        return "aucun montant lisible"
    if not 0 < said.amount_xof <= MAX_AMOUNT_XOF:
        return f"montant de {said.amount_xof} F, hors de 1 à {MAX_AMOUNT_XOF} F"
    return f"opération {SAID[said.status]}"
