"""What the menus may know about a caller, made from the account without asking anybody."""

from datetime import date, datetime, timedelta

from gateway.contributions.account import HouseholdAccount
from gateway.contributions.allocation import maximum_xof
from gateway.contributions.forecast import ahead_xof, as_told, opens_with_xof
from gateway.contributions.rights import CoverageState
from gateway.contributions.schedule import label, next_period, span
from gateway.contributions.scheme import amount_due
from gateway.contributions.schemes import SchemeCatalog
from gateway.contributions.situation import Situation, minimum_xof, situation, suggested_amounts
from gateway.infra.ids import shown_reference
from gateway.members.account import CallerAccount, HeldNumber, RequestOnAccount
from gateway.ussd.turn_key import TurnKey
from payments.money import MAX_AMOUNT_XOF
from payments.operators.contract import Operators
from payments.requests.lifecycle import State
from ussd_flows.amounts import show_date
from ussd_flows.facts import (
    Facts,
    OpenRequest,
    PaymentFact,
    PaymentState,
    Registered,
    RequestState,
    RightsFact,
    RightsState,
    Wallet,
)
from ussd_flows.places import Places, place_of
from ussd_flows.state import FlowState

PAYMENTS_SHOWN = 5
SECONDS_IN_MINUTE = 60
#: More periods than these are summed up.
PERIODS_NAMED = 2


def facts_from(
    caller: CallerAccount | HeldNumber | None,
    catalog: SchemeCatalog,
    operators: Operators,
    places: Places,
    *,
    now: datetime,
    turn_key: TurnKey,
    help_number: str = "",
    unfinished: FlowState | None = None,
) -> Facts:
    """Return the facts of one turn; what this very turn brought about before is left out, so it answers the same."""
    today = now.date()
    account = caller if isinstance(caller, CallerAccount) and not caller.registered_by_turn else None
    requests = (
        tuple(request for request in account.requests if not turn_key.made(request.idempotency_key)) if account else ()
    )
    return Facts(
        today=today,
        caller=_registered(account, requests, places, today) if account else None,
        open_request=_open_request(requests, operators, now),
        wallets=tuple(
            Wallet(name, operators[name].label)
            for name in sorted(operators)
            if operators[name].capabilities.request_to_pay
        ),
        activities=tuple(sorted({sector for scheme in catalog.open_on(today) for sector in scheme.sectors})),
        places=places,
        is_number_held=isinstance(caller, HeldNumber),
        unfinished=unfinished,
        help_number=help_number,
    )


def _registered(
    account: CallerAccount, requests: tuple[RequestOnAccount, ...], places: Places, today: date
) -> Registered:
    household = as_told(account.household, today)
    scheme, registered_on, items = household.scheme, household.registered_on, household.due_items()
    period_xof = _running_xof(household, today)
    payable_xof = min(MAX_AMOUNT_XOF, maximum_xof(items, household.openable(today)))
    stand = situation(household.calendar, registered_on, items, today, begins_on=household.expected_on)
    rights = household.rights_on(today)
    is_closed = rights.state is CoverageState.CLOSED
    return Registered(
        household_id=household.id,
        name=household.name,
        ramu_number=household.ramu_number,
        scheme_label=scheme.label,
        due_xof=stand.due_xof,
        paid_xof=stand.paid_xof,
        remaining_xof=stand.remaining_xof,
        next_due_on=stand.next_due_on if household.has_begun else None,
        arrears=_arrears(stand, scheme.period.months),
        minimum_xof=minimum_xof(scheme, payable_xof),
        suggested_xof=suggested_amounts(scheme, stand.remaining_xof, period_xof, payable_xof),
        maximum_xof=payable_xof,
        rights=RightsFact(RightsState(rights.state), rights.open_from, rights.open_until),
        last_wallet=account.last_wallet,
        last_payments=_latest(account, requests),
        suspense_xof=account.suspense_xof,
        advance_xof=ahead_xof(household, today),
        advance_for=_advance_for(household, today),
        opens_with_xof=opens_with_xof(household, today, payable_xof) if is_closed else None,
        warn_below_days=scheme.rights.warn_below_days,
        activity=account.activity,
        place=_place(account, places),
        people_count=household.size.people_count,
        children_count=household.size.children_count,
    )


def _running_xof(household: HouseholdAccount, today: date) -> int:
    """Return what the period asks that is being paid: the newest that lacks something, which may be a shorter one."""
    due = (item for item in reversed(household.due_items()) if item.due_on <= today)
    unpaid = (item.amount_xof for item in due if item.remaining_xof)
    return next(unpaid, amount_due(household.scheme, household.size).member_xof)


def _place(account: CallerAccount, places: Places) -> str:
    """Write where the household lives: by its cercle, or in its own words until somebody places it."""
    place = place_of(places, account.household.cercle_code)
    return place.name if place else account.place_words


def _arrears(stand: Situation, months: int) -> str:
    """Sum up more than two periods that are owed: how long they are together, and until when."""
    count = len(stand.unpaid)
    return f"{span(count * months)}, jusqu'au {show_date(stand.unpaid[-1])}" if count > PERIODS_NAMED else ""


def _advance_for(household: HouseholdAccount, today: date) -> str:
    """Name the first period that money in advance goes to."""
    paid = (item.period_start for item in household.items if item.due_on > today and item.paid_xof)
    last = max((item.period_end for item in household.items), default=date.min)
    first = min(paid, default=None) or _start_after(household, last)
    return label(household.scheme.period.months, first)


def _start_after(household: HouseholdAccount, last: date) -> date:
    following = next_period(household.calendar, household.registered_on, last, begins_on=household.expected_on)
    return following.start


def _latest(account: CallerAccount, requests: tuple[RequestOnAccount, ...]) -> tuple[PaymentFact, ...]:
    waiting: list[PaymentFact] = []
    refused: list[PaymentFact] = []
    for request in requests:
        state = PaymentState.FAILED if request.state == State.FAILED else PaymentState.PENDING
        asked_on, reference = request.created_at.date(), shown_reference(request.reference)
        fact = PaymentFact(request.amount_xof, asked_on, reference, state)
        (refused if state is PaymentState.FAILED else waiting).append(fact)
    finished = [
        PaymentFact(
            payment.amount_xof,
            payment.paid_on,
            payment.receipt_number,
            PaymentState.REVERSED if payment.is_reversed else PaymentState.RECEIVED,
        )
        for payment in account.payments
    ]
    known = sorted((*finished, *refused), key=lambda fact: fact.on, reverse=True)
    return (*waiting, *known)[:PAYMENTS_SHOWN]


def _open_request(requests: tuple[RequestOnAccount, ...], operators: Operators, now: datetime) -> OpenRequest | None:
    """Return the newest request whose prompt may still be on the phone."""
    for request in requests:
        operator = operators.get(request.operator)
        if operator is None or request.state == State.FAILED:
            continue
        lifetime = timedelta(seconds=operator.capabilities.prompt_lifetime_s)
        # Nothing is sent, or sent again, once its prompt's life after the call is over.
        ends_at = (request.sent_at or request.created_at) + lifetime
        if now < ends_at:
            to_be_sent_again = request.state == State.CREATED and request.sent_at is not None
            silent = request.state == State.UNKNOWN or to_be_sent_again
            return OpenRequest(
                reference=shown_reference(request.reference),
                amount_xof=request.amount_xof,
                wallet_label=operator.label,
                state=RequestState.CHECKING if silent else RequestState.WAITING,
                waits_min=-(-int((ends_at - now).total_seconds()) // SECONDS_IN_MINUTE) or 1,
            )
    return None
