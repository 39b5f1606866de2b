"""Does what a confirmed step asked for, all of it in the transaction it is given, once however often it is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import assert_never

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.forecast import ahead_xof, as_told
from gateway.contributions.schedule import next_period
from gateway.contributions.scheme import amount_due
from gateway.contributions.schemes import scheme_for
from gateway.contributions.situation import situation
from gateway.infra.ids import shown_reference
from gateway.members.account import CallerAccount
from gateway.members.number_holds import hold, is_linked
from gateway.members.register import Registration, register, registration_key
from gateway.money.messages import rights_said
from gateway.money.promises import Promise, keep_promise
from gateway.sms.kinds import SmsKind
from gateway.sms.outbox import OutgoingSms, queue
from gateway.sms.texts import number_held, registered, situation_detail
from gateway.ussd.corrections import correct
from gateway.ussd.deps import UssdDeps
from gateway.ussd.needs import what_payment_buys
from gateway.ussd.system_screens import NOT_LINKED, PROMPT_OPEN, ending, with_help
from gateway.ussd.turn_key import TurnKey
from payments.requests.dispatch import ask_first
from payments.requests.store import (
    NameTaken,
    NewPaymentRequest,
    PromptAlreadyOpen,
    Requested,
    is_kept,
    request_payment,
    withdraw,
)
from ussd_flows.effects import (
    AskAboutPayment,
    Correction,
    CorrectName,
    CorrectPeople,
    CorrectPlace,
    HoldNumber,
    RegisterHousehold,
    RequestPayment,
    SendDetail,
)
from ussd_flows.screen import Screen, fill
from ussd_flows.step import Step

LOCK_HOUSEHOLD = text("SELECT ramu_lock_parties(ARRAY[CAST(:household_id AS bigint)])")

#: The wallet comes first next time, and is still chosen.
LAST_WALLET = text("""
    UPDATE phone_link SET last_wallet = :wallet
     WHERE msisdn = :msisdn AND valid_to IS NULL AND last_wallet IS DISTINCT FROM :wallet
""")


#: A draw is taken once in thousands of millions; so many in a row are a source that has stopped.
DRAWS_MAX = 8


class IdsExhausted(Exception):
    """The source of identifiers gives the same ones again and again."""


@dataclass(frozen=True, slots=True)
class EffectContext:
    """Who asks for effects, in which turn and when."""

    ussd: UssdDeps
    turn_key: TurnKey
    msisdn: str
    account: CallerAccount | None
    now: datetime


async def perform(connection: AsyncConnection, context: EffectContext, step: Step) -> Screen:
    """Perform what a step asks for and return its screen with what became known, or the screen that says why not."""
    screen = step.screen
    for number, effect in enumerate(step.effects):
        match effect:
            case RegisterHousehold():
                screen = fill(screen, await _register(connection, context, effect))
            case RequestPayment():
                key = context.turn_key.effect(number)
                requested = await _request(connection, context, effect, key)
                if requested is None:
                    return ending(with_help(NOT_LINKED, context.ussd.deps.help_number), "not_linked")
                reference = shown_reference(requested.reference)
                if isinstance(requested, PromptAlreadyOpen):
                    sentence = with_help(PROMPT_OPEN.format(reference=reference), context.ussd.deps.help_number)
                    return ending(sentence, "prompt_open")
                screen = fill(screen, {"reference": reference})
            case AskAboutPayment():
                await ask_first(connection, context.msisdn, context.now)
            case SendDetail():
                await _send_detail(connection, context, context.turn_key.effect(number))
            case HoldNumber():
                await _hold(connection, context, effect, context.turn_key.effect(number))
            case CorrectName() | CorrectPlace() | CorrectPeople():
                await _correct(connection, context, effect, context.turn_key.effect(number))
            case _:
                assert_never(effect)
    return screen


async def _register(
    connection: AsyncConnection, context: EffectContext, effect: RegisterHousehold
) -> Mapping[str, str]:
    today = context.now.date()
    scheme = scheme_for(context.ussd.catalog, effect.activity, today)
    registration = Registration(
        context.msisdn,
        effect.name,
        effect.activity,
        effect.cercle_code,
        effect.people_count,
        effect.children_count,
        effect.place_words,
    )
    household = await register(connection, registration, scheme, context.now)
    if household.created:
        first = next_period(scheme, today, date.min)
        first_xof = amount_due(scheme, registration.size, first.months_spared).member_xof
        body = registered(
            name=effect.name,
            ramu_number=household.ramu_number,
            amount_xof=amount_due(scheme, registration.size).member_xof,
            months=scheme.period.months,
            waiting_days=scheme.rights.waiting_days_new,
            service_code=context.ussd.deps.service_code or None,
            first_xof=first_xof if first.months_spared else None,
            first_due_on=first.due_on if first.due_on > today else None,
        )
        key = registration_key(context.turn_key.name)
        sms = OutgoingSms(key, SmsKind.REGISTERED, household.id, context.msisdn, body)
        await queue(connection, sms, context.now)
    return {"ramu_number": household.ramu_number}


async def _request(
    connection: AsyncConnection, context: EffectContext, effect: RequestPayment, key: str
) -> Requested | PromptAlreadyOpen | None:
    """Ask a wallet for money; None where the number was held, or changed hands, since the screen that asked."""
    ussd = context.ussd
    await connection.execute(LOCK_HOUSEHOLD, {"household_id": effect.household_id})
    is_hers = await is_linked(connection, context.msisdn, effect.household_id)
    if not is_hers and not await is_kept(connection, key):
        return None
    lifetime_s = ussd.deps.operators[effect.wallet].capabilities.prompt_lifetime_s
    for _ in range(DRAWS_MAX):
        requested = await request_payment(connection, _drawn(context, effect, key), lifetime_s)
        if isinstance(requested, Requested) and requested.created:
            await _promise(connection, context, effect, key)
        if not isinstance(requested, NameTaken):
            await connection.execute(LAST_WALLET, {"msisdn": context.msisdn, "wallet": effect.wallet})
            return requested
    raise IdsExhausted(f"{DRAWS_MAX} draws of ids for one payment request were all taken")


async def _promise(connection: AsyncConnection, context: EffectContext, effect: RequestPayment, key: str) -> None:
    """Keep with a request which days its confirmation has read out."""
    if context.account is None:
        return
    told = what_payment_buys(context.account.household, effect.amount_xof, context.now.date())
    if told.first_day and told.last_day:
        await keep_promise(connection, key, Promise(told.first_day, told.last_day))


def _drawn(context: EffectContext, effect: RequestPayment, key: str) -> NewPaymentRequest:
    ids, now = context.ussd.deps.ids, context.now
    return NewPaymentRequest(
        operator=effect.wallet,
        reference=ids.reference(),
        correlation_id=ids.uuid(),
        callback_token=ids.token(),
        idempotency_key=key,
        party_id=effect.household_id,
        payer_msisdn=context.msisdn,
        amount_xof=effect.amount_xof,
        created_at=now,
        next_attempt_at=now + timedelta(seconds=context.ussd.push_delay_s),
    )


async def _hold(connection: AsyncConnection, context: EffectContext, effect: HoldNumber, key: str) -> None:
    """Hold a number, take back what was not asked of it yet, and tell it so without a word of the household."""
    if await hold(connection, context.msisdn, context.turn_key.name, context.now, effect.household_id):
        await withdraw(connection, context.msisdn)
    body = number_held(context.ussd.deps.help_number)
    await queue(connection, OutgoingSms(key, SmsKind.SITUATION, None, context.msisdn, body), context.now)


async def _correct(connection: AsyncConnection, context: EffectContext, effect: Correction, key: str) -> None:
    if context.account is not None:
        await correct(connection, context.ussd.catalog, context.account, effect, key=key, now=context.now)


async def _send_detail(connection: AsyncConnection, context: EffectContext, key: str) -> None:
    if context.account is None:
        return
    today = context.now.date()
    household = as_told(context.account.household, today)
    items = household.due_items()
    stand = situation(household.calendar, household.registered_on, items, today, begins_on=household.expected_on)
    body = situation_detail(
        name=household.name,
        ramu_number=household.ramu_number,
        due_xof=stand.due_xof,
        paid_xof=stand.paid_xof,
        next_due_on=stand.next_due_on if household.has_begun else None,
        rights=rights_said(household, today),
        advance_xof=ahead_xof(household, today),
    )
    sms = OutgoingSms(key, SmsKind.SITUATION, household.id, context.msisdn, body)
    await queue(connection, sms, context.now)
