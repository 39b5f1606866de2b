"""Which message tells which fact to whom; the words are in ``gateway.sms.texts``."""

from datetime import date

from gateway.contributions.account import HouseholdAccount
from gateway.contributions.apply import Applied
from gateway.contributions.forecast import ahead_xof, opens_with_xof
from gateway.contributions.rights import CoverageState
from gateway.infra.ids import shown_reference
from gateway.money.promises import Promise
from gateway.sms.kinds import SmsKind
from gateway.sms.outbox import OutgoingSms
from gateway.sms.texts import (
    RightsClosed,
    RightsKept,
    RightsOpen,
    RightsSaid,
    TextTooLong,
    kept_for_household,
    payer_receipt,
    payment_failed,
    payment_not_sent,
    periods_moved,
    receipt,
    reversed_before,
    suspense_received,
)
from payments.credit import NewPayment
from payments.money import MAX_AMOUNT_XOF
from payments.msisdn import local_pairs
from payments.requests.facts import RequestFact


def rights_said(account: HouseholdAccount, today: date) -> RightsSaid:
    """Put a household's rights into the form that texts are made from."""
    rights = account.rights_on(today)
    match rights.state, rights.open_from, rights.open_until:
        case CoverageState.OPEN | CoverageState.WAITING, date() as start, date() as until:
            return RightsOpen(start, until)
        case CoverageState.GRACE, date() as start, date() as until:
            return RightsKept(start, until, opens_with_xof(account, today, MAX_AMOUNT_XOF))
        case _:
            return RightsClosed(opens_with_xof(account, today, MAX_AMOUNT_XOF))


def receipts_sms(
    payment: NewPayment, applied: Applied, today: date, promised: Promise | None = None
) -> list[OutgoingSms]:
    """Return the receipt of the household and, where somebody else paid, the one of the payer, each once.

    A household whose periods begin on another day than before, because of this money, is told so by one more message.
    Where the confirmation promised other days, because something came between, the household's says so.
    """
    if applied.account is None:
        payer = payment.confirmed.payer_msisdn
        return [] if payer is None else [_kept_sms(payment, payer)]
    told = (
        _household_sms(payment, applied, applied.account, today, promised),
        _payer_sms(payment, applied.account),
        _moved_sms(payment, applied, applied.account, today),
    )
    return [sms for sms in told if sms is not None]


def _payer_sms(payment: NewPayment, account: HouseholdAccount) -> OutgoingSms | None:
    confirmed = payment.confirmed
    if confirmed.payer_msisdn is None or confirmed.payer_msisdn in account.phones:
        return None
    body = payer_receipt(
        amount_xof=confirmed.amount_xof,
        paid_on=confirmed.occurred_at.date(),
        ramu_number=account.ramu_number,
        name=account.name,
        receipt_number=payment.receipt_number,
        second=confirmed.is_second,
    )
    # Hers and not the household's: it stays hers whoever her number belongs to.
    return OutgoingSms(f"payment/{payment.id}/payer", SmsKind.RECEIPT, None, confirmed.payer_msisdn, body)


def _household_sms(
    payment: NewPayment, applied: Applied, account: HouseholdAccount, today: date, promised: Promise | None
) -> OutgoingSms | None:
    """Return the receipt that says what the money opened: to a number of the household alone, its payer's first."""
    confirmed = payment.confirmed
    own = confirmed.payer_msisdn if confirmed.payer_msisdn in account.phones else None
    msisdn = own or next(iter(account.phones), None)
    if msisdn is None:
        return None
    try:
        body = receipt(
            amount_xof=confirmed.amount_xof,
            paid_on=applied.money.paid_on,
            name=account.name,
            receipt_number=payment.receipt_number,
            rights=rights_said(account, today),
            in_advance=all(line.item.due_on > today for line in applied.allocation.lines),
            ahead_xof=ahead_xof(account, today) + applied.allocation.advance_xof,
            second=confirmed.is_second,
            otherwise=promised is not None and not promised.is_kept(account),
        )
    except (TextTooLong, ArithmeticError, LookupError, ValueError):
        # Money is never refused for want of a sentence.
        return _kept_sms(payment, msisdn)
    return OutgoingSms(f"payment/{payment.id}", SmsKind.RECEIPT, account.id, msisdn, body)


def _moved_sms(payment: NewPayment, applied: Applied, account: HouseholdAccount, today: date) -> OutgoingSms | None:
    began_on, msisdn = applied.began_on, next(iter(account.phones), None)
    if began_on is None or msisdn is None or not applied.has_moved:
        return None
    try:
        rights = rights_said(account, today)
        body = periods_moved(name=account.name, began_on=began_on, begins_on=account.begins_on, rights=rights)
    except (TextTooLong, ArithmeticError, LookupError, ValueError):
        # The receipt of the same payment tells what can be told.
        return None
    return OutgoingSms(f"moved/{payment.id}", SmsKind.MOVED, account.id, msisdn, body)


def _kept_sms(payment: NewPayment, msisdn: str) -> OutgoingSms:
    """Return the receipt of a household that cannot be worked out today: the money is there, and no more is known."""
    confirmed = payment.confirmed
    body = kept_for_household(
        amount_xof=confirmed.amount_xof, paid_on=confirmed.occurred_at.date(), receipt_number=payment.receipt_number
    )
    return OutgoingSms(f"payment/{payment.id}", SmsKind.RECEIPT, confirmed.party_id, msisdn, body)


def unplaced_sms(payment: NewPayment, help_number: str) -> OutgoingSms | None:
    """Tell a payer of money that is no household's: it is kept, or, where the operator took it back, not counted."""
    confirmed = payment.confirmed
    if confirmed.payer_msisdn is None:
        return None
    if confirmed.is_taken_back:
        body = reversed_before(
            amount_xof=confirmed.amount_xof, paid_on=confirmed.occurred_at.date(), reference=payment.receipt_number
        )
        return OutgoingSms(f"payment/{payment.id}", SmsKind.SUSPENSE, None, confirmed.payer_msisdn, body)
    body = suspense_received(
        amount_xof=confirmed.amount_xof,
        received_on=confirmed.occurred_at.date(),
        payer=local_pairs(confirmed.payer_msisdn),
        reference=payment.receipt_number,
        help_number=help_number,
    )
    return OutgoingSms(f"payment/{payment.id}", SmsKind.SUSPENSE, None, confirmed.payer_msisdn, body)


def failure_sms(request: RequestFact, service_code: str) -> OutgoingSms:
    """Tell a payer that the operator took nothing."""
    body = payment_failed(
        amount_xof=request.amount_xof, reference=shown_reference(request.reference), service_code=service_code or None
    )
    key = f"request/{request.id}/failed"
    return OutgoingSms(key, SmsKind.FAILURE, request.party_id, request.payer_msisdn, body, request.id)


def unsent_sms(request: RequestFact, service_code: str) -> OutgoingSms:
    """Tell a payer that the operator was never asked, so that nothing can have been taken."""
    body = payment_not_sent(
        amount_xof=request.amount_xof, reference=shown_reference(request.reference), service_code=service_code or None
    )
    key = f"request/{request.id}/failed"
    return OutgoingSms(key, SmsKind.FAILURE, request.party_id, request.payer_msisdn, body, request.id)
