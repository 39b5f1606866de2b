"""The breaks that evidence opens, each with its sentence for finance."""

from collections.abc import Sequence
from datetime import datetime

from payments.dating import keepable
from payments.lifecycle import State
from payments.match import SAID, STANDS, BreakKind, Credit, FoundBreak, RequestFact
from payments.msisdn import mask
from payments.observation import Observation


def asked_other_amount(credit: Credit, request: RequestFact) -> FoundBreak:
    """Tell that the operator took another amount than was asked for."""
    return _of_credit(
        BreakKind.ASKED_OTHER_AMOUNT,
        credit,
        f"la demande {request.reference} était de {request.amount_xof} F, l'opérateur a pris {credit.amount_xof} F",
    )


def double_payment(credit: Credit, request: RequestFact) -> FoundBreak:
    """Tell that one request was paid twice, by two transactions."""
    return _of_credit(
        BreakKind.DOUBLE_PAYMENT,
        credit,
        f"la demande {request.reference} était déjà payée ; cette seconde opération de {credit.amount_xof} F "
        "est passée au même ménage",
    )


def date(credit: Credit, said_at: datetime) -> FoundBreak:
    """Tell that the operator's date cannot be true, and which one the books took."""
    # One zone for both: a day of the operator's own may have our day's name and be another.
    theirs, ours = keepable(said_at) or said_at, credit.occurred_at
    write = _moment if _day(theirs) == _day(ours) else _day
    return _of_credit(
        BreakKind.DATE,
        credit,
        f"l'opérateur la date du {write(theirs)}, ce qui ne se peut pas ; nos livres la datent du {write(ours)}",
    )


def taken_back(credit: Credit, taken_xof: int) -> FoundBreak:
    """Tell of money that was known to be reversed, wholly or in part, when it was booked."""
    if credit.held_because is not None:
        rest = "elle est passée en attente et bloquée : deux personnes décident"
    else:
        rest = f"elle est créditée entière, {taken_xof} F attendent deux personnes"
    detail = f"l'opérateur avait déjà repris {taken_xof} F sur {credit.amount_xof} F ; {rest}"
    # A name of its own: the statement's line about the same reversal carries the day's difference.
    return _of_credit(BreakKind.REVERSAL, credit, detail, subject=f"{credit.operator_transaction_id}:taken_back")


def collision(key: tuple[str, str], found: Sequence[Credit]) -> FoundBreak:
    """Tell that one transaction id, written in two ways, speaks of different money; none of it is credited."""
    operator, transaction_id = key
    said = sorted({(one.written_as, one.amount_xof, one.payer_said or "") for one in found})
    forms = " ; ".join(
        f"« {written} » : {amount_xof} F de {mask(payer) if payer else 'payeur inconnu'}"
        for written, amount_xof, payer in said
    )
    return FoundBreak(
        kind=BreakKind.COLLISION,
        operator=operator,
        subject=transaction_id,
        occurred_at=min(one.occurred_at for one in found),
        difference_xof=0,
        operator_says_xof=sum(amount_xof for _, amount_xof, _ in said),
        we_say_xof=0,
        detail=f"une même référence pour des opérations différentes, aucune n'est créditée d'office : {forms}",
    )


def other_request(said: Credit, request: RequestFact, holder: RequestFact | None) -> FoundBreak:
    """Tell that a request claims money which is another request's."""
    whose = f"de la demande {holder.reference}" if holder else "d'une autre demande"
    return FoundBreak(
        kind=BreakKind.OTHER_REQUEST,
        operator=said.operator,
        subject=f"{request.reference}:{said.operator_transaction_id}",
        occurred_at=said.occurred_at,
        difference_xof=0,
        operator_says_xof=said.amount_xof,
        we_say_xof=said.amount_xof,
        detail=f"l'opérateur dit la demande {request.reference} payée par une opération {whose} ; "
        "elle n'a pas d'argent à elle",
        transaction_id=said.operator_transaction_id,
    )


def contradiction(observed: Observation, request: RequestFact, state: State, at: datetime) -> FoundBreak:
    """Tell of news that contradicts what we believed of a request."""
    before, said = STANDS[state], SAID[observed.status]
    return FoundBreak(
        kind=BreakKind.STATUS,
        operator=request.operator,
        subject=f"{request.reference}:{state}:{observed.status}",
        occurred_at=at,
        difference_xof=0,
        operator_says_xof=observed.amount_xof,
        we_say_xof=request.amount_xof,
        detail=f"la demande {request.reference} était {before}, l'opérateur la dit maintenant {said}",
    )


def reversal(observed: Observation, request: RequestFact | None, at: datetime) -> list[FoundBreak]:
    """Tell that the operator calls an operation reversed."""
    subject = observed.operator_transaction_id or (request.reference if request else None)
    if subject is None:
        return []
    amount_xof = observed.amount_xof or (request.amount_xof if request else None)
    reversed_one = f"la demande {request.reference}" if request else f"l'opération {subject}"
    return [
        FoundBreak(
            kind=BreakKind.REVERSAL,
            operator=observed.operator,
            # A name of its own: the statement's line about the same reversal carries the day's difference.
            subject=f"{subject}:{observed.status}",
            occurred_at=at,
            difference_xof=0,
            operator_says_xof=amount_xof,
            we_say_xof=amount_xof,
            detail=f"l'opérateur dit {reversed_one} annulée ; le grand livre attend deux personnes",
            transaction_id=observed.operator_transaction_id,
        )
    ]


def _of_credit(kind: BreakKind, credit: Credit, detail: str, subject: str | None = None) -> FoundBreak:
    return FoundBreak(
        kind=kind,
        operator=credit.operator,
        subject=subject or credit.operator_transaction_id,
        occurred_at=credit.occurred_at,
        difference_xof=0,
        operator_says_xof=credit.amount_xof,
        we_say_xof=credit.amount_xof,
        detail=detail,
        transaction_id=credit.operator_transaction_id,
    )


def _day(moment: datetime) -> str:
    # A year below 1000 is written as it is: it is the oddest thing that finance can be told.
    return f"{moment.day:02d}/{moment.month:02d}/{moment.year:04d}"


def _moment(moment: datetime) -> str:
    return f"{_day(moment)} à {moment:%H:%M:%S} (UTC)"
