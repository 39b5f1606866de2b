"""What a statement and our books differ by: a day, two figures, and a French sentence for whoever must explain it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from payments.break_kind import BreakKind
from payments.evidence.facts import SAID
from payments.money import MAX_AMOUNT_XOF
from payments.msisdn import mask
from payments.reconciliation.coverage import utc_day
from payments.reconciliation.facts import Booked, OperatorRecord, Unit


@dataclass(frozen=True, slots=True)
class Difference:
    """A break to be kept once per (kind, operator, account, subject) while it stands.

    ``about`` is the operation, or the part of a statement, whose differences are always found all together.
    Units:   difference_xof is what the operator says less what we say on that day; 0 where it only informs.
    """

    kind: BreakKind
    account: str
    subject: str
    about: str
    day: date
    operator_amount_xof: int | None
    ledger_amount_xof: int | None
    difference_xof: int
    detail: str


def uncredited(kind: BreakKind, line: OperatorRecord, why: str) -> Difference:
    """Open what a line moved and no money of ours explains."""
    return _of(line, kind, (line.due_xof, 0, line.due_xof), why)


def statement_only(line: OperatorRecord) -> Difference:
    """Open what the operator collected and nobody could credit."""
    flaw = f"{_flaw(line)} ; elle ne peut pas être créditée telle quelle"
    return replace(uncredited(BreakKind.STATEMENT_ONLY, line, flaw), operator_amount_xof=line.observation.amount_xof)


def missing_in_statement(kind: BreakKind, unit: Unit, booked: Booked) -> Difference:
    """Open what we credited and no successful line covers."""
    why = {
        BreakKind.STATUS: "nous l'avons créditée, l'opérateur dit qu'elle a échoué",
        BreakKind.DROPPED: "un premier relevé la donnait, le dernier ne la donne plus ; nous l'avons créditée",
    }
    return Difference(
        kind=kind,
        account=unit.account,
        subject=unit.subject,
        about=unit.subject,
        day=utc_day(booked.occurred_at),
        operator_amount_xof=0,
        ledger_amount_xof=booked.amount_xof,
        difference_xof=-booked.amount_xof,
        detail=why.get(kind, "aucun relevé ne la nomme"),
    )


def paired(line: OperatorRecord, booked: Booked) -> tuple[Difference, ...]:
    """Open what a line and the payment it names differ by: amount, payer, day, or a household that nobody knows."""
    found = list(_timing(line, booked))
    rest_xof = line.due_xof - booked.amount_xof
    if other_payer(line.observation.payer_msisdn, booked.payer_msisdn):
        detail = f"le relevé nomme le payeur {_payer(line)}, nous avons crédité un autre payeur sous cette référence"
        found.append(_of(line, BreakKind.COLLISION, (line.due_xof, booked.amount_xof, rest_xof), detail))
    elif rest_xof or line.observation.amount_xof != booked.amount_xof:
        said = f"le relevé dit {line.observation.amount_xof} F et a mû {line.moved_xof} F"
        detail = f"{said}, nous avons crédité {booked.amount_xof} F"
        found.append(_of(line, BreakKind.AMOUNT, (line.due_xof, booked.amount_xof, rest_xof), detail))
    if booked.party_id is None:
        found.append(information(BreakKind.UNIDENTIFIED, line, booked))
    return tuple(found)


def information(kind: BreakKind, line: OperatorRecord, booked: Booked | None) -> Difference:
    """Open what somebody should know and what changes no sum."""
    said = line.observation
    detail = f"opération {SAID[said.status]}"
    return _of(line, kind, (said.amount_xof, booked.amount_xof if booked else None, 0), detail)


def contradiction(line: OperatorRecord, booked: Booked) -> Difference:
    """Open what a statement calls successful on one line and not on another."""
    found = information(BreakKind.STATUS, line, booked)
    return replace(found, subject=f"{line.subject}:{line.observation.status}")


def misdated(line: OperatorRecord) -> Difference:
    """Open a date that its statement's period does not hold; the line counts on the nearest day that is in it."""
    said_at, counted_at = line.observation.occurred_at, line.counts_at
    detail = f"datée du {said_at:%d/%m/%Y %H:%M}, hors de la période du relevé : comptée le {counted_at:%d/%m/%Y}"
    return _of(line, BreakKind.DATE, (line.due_xof, line.due_xof, 0), detail)


def changed(dropped: Sequence[OperatorRecord], added: Sequence[OperatorRecord]) -> Difference:
    """Open what the last file of a moment says otherwise than the first did; what it changes of our books stands apart.

    Units:   ``operator_amount_xof`` is what the last file moved, ``ledger_amount_xof`` what the first had.
    """
    kind = BreakKind.CORRECTED if dropped and added else BreakKind.ADDED if added else BreakKind.DROPPED
    detail = {
        BreakKind.CORRECTED: "le dernier relevé corrige ce qu'un premier disait",
        BreakKind.ADDED: "le dernier relevé ajoute ce qu'un premier ne disait pas",
        BreakKind.DROPPED: "le dernier relevé ne dit plus ce qu'un premier disait",
    }[kind]
    return _of((*added, *dropped)[0], kind, (_moved(added), _moved(dropped), 0), detail)


def other_payer(one: str | None, other: str | None) -> bool:
    """Return whether two payers are known and not the same."""
    return one is not None and other is not None and one != other


def numbered(found: Iterable[Difference]) -> tuple[Difference, ...]:
    """Return a name of its own to each difference of one kind and subject."""
    taken: dict[tuple[BreakKind, str], int] = {}
    named = []
    for one in found:
        count = taken[one.kind, one.subject] = taken.get((one.kind, one.subject), 0) + 1
        named.append(one if count == 1 else replace(one, subject=f"{one.subject}:{count}"))
    return tuple(named)


def _timing(line: OperatorRecord, booked: Booked) -> tuple[Difference, ...]:
    """Open what crosses midnight: the same money, counted on one day by the operator and on another by us."""
    said_at, held_at, held_xof = line.counts_at, booked.occurred_at, booked.amount_xof
    if utc_day(said_at) == utc_day(held_at):
        return ()
    detail = f"l'opérateur la date du {said_at:%d/%m/%Y %H:%M}, nous du {held_at:%d/%m/%Y %H:%M}"
    ours = _of(line, BreakKind.TIMING_BOOKED, (0, held_xof, -held_xof), detail)
    return _of(line, BreakKind.TIMING, (held_xof, 0, held_xof), detail), replace(ours, day=utc_day(held_at))


def _of(line: OperatorRecord, kind: BreakKind, figures: tuple[int | None, int | None, int], detail: str) -> Difference:
    theirs_xof, ours_xof, difference_xof = figures
    return Difference(
        kind=kind,
        account=line.account,
        subject=line.subject,
        about=line.subject,
        day=utc_day(line.counts_at),
        operator_amount_xof=theirs_xof,
        ledger_amount_xof=ours_xof,
        difference_xof=difference_xof,
        detail=f"ligne {line.line_number} du relevé n° {line.file_id} : {detail}",
    )


def _payer(line: OperatorRecord) -> str:
    return mask(line.observation.payer_msisdn) if line.observation.payer_msisdn else "inconnu"


def _moved(lines: Sequence[OperatorRecord]) -> int:
    return sum(line.moved_xof for line in lines)


def _flaw(line: OperatorRecord) -> str:
    said = line.observation
    if said.operator_transaction_id is None:
        return "aucune référence d'opération"
    if said.amount_xof is None:
        return "aucun montant lisible"
    if not 0 < said.amount_xof <= MAX_AMOUNT_XOF:
        return f"montant de {said.amount_xof} F, hors de 1 à {MAX_AMOUNT_XOF} F"
    return f"opération {SAID[said.status]}"
