"""The flows whose every boundary is a place to die: from the confirmed turn to the closed day."""

from datetime import timedelta
from io import BytesIO

from gateway.jobs.callbacks import read_callbacks
from gateway.jobs.inquire import inquire
from gateway.jobs.poll import poll
from gateway.jobs.seal_ledger import seal_ledger
from gateway.jobs.send_sms import send_sms
from gateway.jobs.submit import submit
from gateway.money.close_day import DayToClose, close
from gateway.money.import_statement import import_statement
from gateway.money.match_statement import ReconcilingDeps
from payments.ledger.seal import FILLING_MAX
from payments.observation import Observation, ObservedStatus, Provenance
from payments.operators.contract import Answer, QueryResult
from payments.reconciliation.close import DayNotClosable
from sandbox_operator import actions, statement
from sandbox_operator.model import StatementFault, UnaskedPayment
from tests.fixed import TestClock
from tests.gateway.jobs.towns import asked_to_pay
from tests.invented_operators import CAURI, MIL, ChosenClient, QueryAction, event, message, others, tell
from tests.simulation.crash import Flow
from tests.stories import PAY_EVERYTHING, answer, ask_to_pay, paid, pushed
from tests.world import AMINATA, MOUSSA, Others, World

NEWCOMER = "+22366000003"
STRANGER = "+22377777777"
#: Name, commerce, Kati, four people, yes.
REGISTER = ("1", "Awa Traore", "1", "Kati", "4 0", "1")


async def nothing(world: World) -> None:
    """Do nothing: whoever must act again does so by itself."""
    del world


async def last_turn(world: World, msisdn: str, session_id: str, typed: tuple[str, ...]) -> None:
    """Send the turn that has an effect."""
    await world.dial(msisdn, session_id, "*".join(typed))


async def stand_before_paying(world: World) -> None:
    """Lead a caller to the confirmation, which is still to be given."""
    await ask_to_pay(world, AMINATA, "S1", PAY_EVERYTHING[:-1])


async def confirm(world: World) -> None:
    """Confirm the payment, and confirm it again when no answer came."""
    await last_turn(world, AMINATA, "S1", PAY_EVERYTHING)


async def stand_before_registering(world: World) -> None:
    """Lead an unknown caller to the last question."""
    await ask_to_pay(world, NEWCOMER, "R1", REGISTER[:-1])


async def register(world: World) -> None:
    """Agree to be registered."""
    await last_turn(world, NEWCOMER, "R1", REGISTER)


async def stand_before_pushing(world: World) -> None:
    """Let a request fall due for its push."""
    await ask_to_pay(world, AMINATA, "S1")
    world.clock.forward(seconds=5)


async def push(world: World) -> None:
    """Send what is due to the operator."""
    await submit(world.jobs, world.clock.now())


async def stand_before_callback(world: World) -> None:
    """Let the payer approve; the callback is on its way."""
    answer(world, await pushed(world, AMINATA, "S1"))


async def hear_and_credit(world: World) -> None:
    """Take the callback in, credit it, tell the payer, seal the books."""
    await world.deliver()
    now = world.clock.now()
    await read_callbacks(world.jobs, now)
    await inquire(world.jobs, now)
    await send_sms(world.jobs, now)
    await seal_ledger(world.jobs, now + FILLING_MAX)


async def stand_before_asking(world: World) -> None:
    """Let the payer approve and the callback be lost, until it is time to ask."""
    answer(world, await pushed(world, AMINATA, "S1"), callbacks=0)
    world.clock.forward(seconds=60)


async def poll_and_credit(world: World) -> None:
    """Poll the operator, credit what it says, tell the payer."""
    now = world.clock.now()
    await poll(world.jobs, now)
    await send_sms(world.jobs, now)


async def stand_before_unasked(world: World) -> None:
    """Let a registered payer and a stranger pay by the merchant's code."""
    now = world.clock.now()
    actions.pay_unasked(world.operator, UnaskedPayment(payer_msisdn=AMINATA, amount_xof=1500), now)
    actions.pay_unasked(world.operator, UnaskedPayment(payer_msisdn=STRANGER, amount_xof=700), now)


async def stand_before_statement(world: World) -> None:
    """Leave the statement everything to find: a known payment, two lost ones, a lost answer, a wrong amount."""
    await paid(world, MOUSSA, "S0")
    answer(world, await pushed(world, AMINATA, "S1"), callbacks=0)
    now = world.clock.now()
    for payer, amount_xof in ((AMINATA, 500), (STRANGER, 900)):
        lost = UnaskedPayment(payer_msisdn=payer, amount_xof=amount_xof, callbacks=0)
        actions.pay_unasked(world.operator, lost, now)
    known = next(one for one in world.operator.books.transactions.values() if one.payer == MOUSSA)
    wrong = {known.reference: known.amount_xof + 1}
    world.operator.books.write(StatementFault(day=now.date(), amounts_xof=wrong))


def reconciling(world: World) -> ReconcilingDeps:
    """Return the parts of reconciling; a run of one line makes every line a boundary."""
    return ReconcilingDeps(world.deps, world.jobs.catalog, lines_per_run=3)


def statement_of(world: World) -> bytes:
    """Write the operator's statement of the prepared day."""
    day = min(one.at for one in world.operator.books.transactions.values()).date()
    return statement.render(world.operator.books, world.operator.merchant, day)


async def import_and_seal(world: World) -> None:
    """Import the statement of the day, then seal what it brought."""
    await import_statement(
        reconciling(world),
        operator="sandbox",
        filename="releve.csv",
        content=BytesIO(statement_of(world)),
        actor="finance",
    )
    await send_sms(world.jobs, world.clock.now())
    await seal_ledger(world.jobs, world.clock.now() + FILLING_MAX)


async def stand_before_closing(world: World) -> None:
    """Let the day after a day with its statement begin."""
    await stand_before_statement(world)
    await import_and_seal(world)
    await world.work()
    world.clock.forward(days=1)


async def close_the_day(world: World) -> None:
    """Close the day before; who finds it closed already has nothing to do."""
    day = (world.clock.now() - timedelta(days=1)).date()
    wanted = DayToClose(day, "finance", remarks="le montant de l'opérateur est contesté")
    try:
        await close(reconciling(world), wanted)
    except DayNotClosable:
        assert await world.rows("SELECT 1 FROM day_report WHERE day = :day", day=day)


def two_beside(clock: TestClock) -> Others:
    """Put two operators beside the sandbox: one answers, the other's client raises for its first minute."""
    paid_at = clock.now()
    broken_until = paid_at + timedelta(seconds=60)

    def paid(operator: str) -> QueryAction:
        async def action(about: str) -> Answer:
            if operator == MIL and clock.now() < broken_until:
                raise ZeroDivisionError("a fault of our reader")
            observed = Observation(
                operator,
                Provenance.QUERY,
                ObservedStatus.SUCCEEDED,
                500,
                operator_transaction_id=f"{operator}/{about}",
                occurred_at=paid_at,
            )
            return Answer(QueryResult.FOUND, observed)

        return action

    return others(ChosenClient(answer=paid(CAURI)), ChosenClient(answer=paid(MIL)))


async def stand_before_two(world: World) -> None:
    """Let two operators have requests and news that fall due together."""
    # Of one household each: what is left to pay after one of two payments depends on which is written first.
    await asked_to_pay(world, MIL, household_id=1)
    await asked_to_pay(world, CAURI, household_id=2)
    await submit(world.jobs, world.clock.now())
    world.clock.forward(seconds=15)


async def poll_both(world: World) -> None:
    """Ask both operators, one of which is called by a client that raises."""
    now = world.clock.now()
    await poll(world.jobs, now)
    await send_sms(world.jobs, now)


async def stand_before_signed(world: World) -> None:
    """Let a request wait at an operator that signs what it says."""
    await asked_to_pay(world, CAURI)
    await submit(world.jobs, world.clock.now())


async def hear_a_signed_batch(world: World) -> None:
    """Take in a signed batch, with a payment asked for, two unasked and one that failed; repeated if not answered."""
    [(reference,)] = await world.rows("SELECT reference FROM payment_request")
    batch = message(
        event("aB1", 500, reference=reference),
        event("Ab1", 700, payer=AMINATA),
        event("ab1", 900, payer=STRANGER),
        event("AB1", 800, payer=AMINATA, state="failed"),
    )
    assert await tell(world, CAURI, batch) == 204
    now = world.clock.now()
    await read_callbacks(world.jobs, now)
    await send_sms(world.jobs, now)
    await seal_ledger(world.jobs, now + FILLING_MAX)


TWO = Flow("two operators, one raising", stand_before_two, poll_both, nothing, two_beside)
SIGNED = Flow("a signed batch", stand_before_signed, hear_a_signed_batch, hear_a_signed_batch, two_beside)
CONFIRM = Flow("confirming turn", stand_before_paying, confirm, confirm)
REGISTERING = Flow("registering turn", stand_before_registering, register, register)
PUSH = Flow("push", stand_before_pushing, push, nothing)
CALLBACK = Flow("callback to receipt", stand_before_callback, hear_and_credit, nothing)
POLL = Flow("asking without callback", stand_before_asking, poll_and_credit, nothing)
UNASKED = Flow("unsolicited payments", stand_before_unasked, hear_and_credit, nothing)
STATEMENT = Flow("statement and seal", stand_before_statement, import_and_seal, import_and_seal)
CLOSING = Flow("closing the day", stand_before_closing, close_the_day, close_the_day)
FLOWS = (CONFIRM, REGISTERING, PUSH, CALLBACK, POLL, UNASKED, STATEMENT, CLOSING, TWO, SIGNED)
