"""The breaks that evidence opens, each with what a person must know of it."""

from collections.abc import Sequence
from datetime import datetime

from payments.break_kind import BreakKind
from payments.dating import storable_moment
from payments.detail import Detail, DetailCode, Value, detail
from payments.evidence.facts import ConfirmedPayment, FoundBreak
from payments.msisdn import mask
from payments.observation import Observation
from payments.requests.facts import RequestFact
from payments.requests.lifecycle import State


def asked_other_amount(confirmed: ConfirmedPayment, request: RequestFact) -> FoundBreak:
    """Tell that the operator took another amount than was asked for."""
    return _of_confirmed(
        BreakKind.ASKED_OTHER_AMOUNT,
        confirmed,
        detail(
            DetailCode.REQUESTED_OTHER_AMOUNT,
            reference=request.reference,
            requested_xof=request.amount_xof,
            taken_xof=confirmed.amount_xof,
        ),
    )


def double_payment(confirmed: ConfirmedPayment, request: RequestFact) -> FoundBreak:
    """Tell that one request was paid twice, by two transactions."""
    return _of_confirmed(
        BreakKind.DOUBLE_PAYMENT,
        confirmed,
        detail(DetailCode.REQUEST_PAID_TWICE, reference=request.reference, amount_xof=confirmed.amount_xof),
    )


def date(confirmed: ConfirmedPayment, said_at: datetime) -> FoundBreak:
    """Tell that the operator's date cannot be true, and which one the books took."""
    # One zone for both: a day of the operator's own may have our day's name and be another.
    theirs, ours = storable_moment(said_at) or said_at, confirmed.occurred_at
    if theirs.date() == ours.date():
        said = detail(DetailCode.IMPOSSIBLE_MOMENT, stated_at=theirs.isoformat(), booked_at=ours.isoformat())
    else:
        said = detail(
            DetailCode.IMPOSSIBLE_DAY, stated_day=theirs.date().isoformat(), booked_day=ours.date().isoformat()
        )
    return _of_confirmed(BreakKind.DATE, confirmed, said)


def taken_back(confirmed: ConfirmedPayment, taken_xof: int) -> FoundBreak:
    """Tell of money that was known to be reversed, wholly or in part, when it was booked."""
    code = DetailCode.TAKEN_BACK_ON_HOLD if confirmed.is_taken_back else DetailCode.TAKEN_BACK_IN_PART
    said = detail(code, taken_xof=taken_xof, amount_xof=confirmed.amount_xof)
    # A name of its own: the statement's line about the same reversal carries the day's difference.
    return _of_confirmed(BreakKind.REVERSAL, confirmed, said, subject=f"{confirmed.operator_transaction_id}:taken_back")


def collision(key: tuple[str, str], found: Sequence[ConfirmedPayment]) -> FoundBreak:
    """Tell that one transaction id, written in two ways, speaks of different money; none of it is credited."""
    operator, transaction_id = key
    said = sorted({(one.written_as, one.amount_xof, one.payer_said or "") for one in found})
    forms: tuple[Value, ...] = tuple(
        (written, amount_xof, mask(payer) if payer else None) for written, amount_xof, payer in said
    )
    return FoundBreak(
        kind=BreakKind.COLLISION,
        operator=operator,
        subject=transaction_id,
        occurred_at=min(one.occurred_at for one in found),
        difference_xof=0,
        operator_amount_xof=sum(amount_xof for _, amount_xof, _ in said),
        ledger_amount_xof=0,
        detail=detail(DetailCode.ONE_ID_SEVERAL_PAYMENTS, forms=forms),
    )


def other_request(said: ConfirmedPayment, request: RequestFact, holder: RequestFact | None) -> FoundBreak:
    """Tell that a request is said to be paid by money which is another request's."""
    return FoundBreak(
        kind=BreakKind.OTHER_REQUEST,
        operator=said.operator,
        subject=f"{request.reference}:{said.operator_transaction_id}",
        occurred_at=said.occurred_at,
        difference_xof=0,
        operator_amount_xof=said.amount_xof,
        ledger_amount_xof=said.amount_xof,
        detail=detail(
            DetailCode.REQUEST_PAID_BY_ANOTHERS_MONEY,
            reference=request.reference,
            holder=holder.reference if holder else None,
        ),
        transaction_id=said.operator_transaction_id,
    )


def contradiction(observed: Observation, request: RequestFact, state: State, at: datetime) -> FoundBreak:
    """Tell of news that contradicts what we believed of a request."""
    return FoundBreak(
        kind=BreakKind.STATUS,
        operator=request.operator,
        subject=f"{request.reference}:{state}:{observed.status}",
        occurred_at=at,
        difference_xof=0,
        operator_amount_xof=observed.amount_xof,
        ledger_amount_xof=request.amount_xof,
        detail=detail(
            DetailCode.REQUEST_CONTRADICTED, reference=request.reference, state=state, status=observed.status
        ),
    )


def reversal(observed: Observation, request: RequestFact | None, at: datetime) -> list[FoundBreak]:
    """Tell that the operator calls an operation reversed."""
    subject = observed.operator_transaction_id or (request.reference if request else None)
    if subject is None:
        return []
    amount_xof = observed.amount_xof or (request.amount_xof if request else None)
    said = (
        detail(DetailCode.REQUEST_REVERSED, reference=request.reference)
        if request
        else detail(DetailCode.TRANSACTION_REVERSED, transaction_id=subject)
    )
    return [
        FoundBreak(
            kind=BreakKind.REVERSAL,
            operator=observed.operator,
            # A name of its own: the statement's line about the same reversal carries the day's difference.
            subject=f"{subject}:{observed.status}",
            occurred_at=at,
            difference_xof=0,
            operator_amount_xof=amount_xof,
            ledger_amount_xof=amount_xof,
            detail=said,
            transaction_id=observed.operator_transaction_id,
        )
    ]


def _of_confirmed(kind: BreakKind, confirmed: ConfirmedPayment, said: Detail, subject: str | None = None) -> FoundBreak:
    return FoundBreak(
        kind=kind,
        operator=confirmed.operator,
        subject=subject or confirmed.operator_transaction_id,
        occurred_at=confirmed.occurred_at,
        difference_xof=0,
        operator_amount_xof=confirmed.amount_xof,
        ledger_amount_xof=confirmed.amount_xof,
        detail=said,
        transaction_id=confirmed.operator_transaction_id,
    )
