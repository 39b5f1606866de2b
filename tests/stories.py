"""Turns of the story that many tests tell: pay by the menu, answer the prompt, let everything settle."""

from gateway.money.credit_evidence import CreditingContext, credit_evidence
from payments.evidence.facts import Evidence
from payments.observation import Observation, ObservedStatus, Provenance
from sandbox_operator import actions
from sandbox_operator.model import Prompt, PromptAnswer
from tests.world import World

#: Pay, the first amount offered, by the only wallet; confirm.
PAY_EVERYTHING = ("1", "1", "1")


async def ask_to_pay(world: World, msisdn: str, session_id: str, typed: tuple[str, ...] = PAY_EVERYTHING) -> str:
    """Walk the menu to the confirmation and give the last screen."""
    screen = await world.dial(msisdn, session_id)
    transcript = ""
    for text in typed:
        transcript = f"{transcript}*{text}" if transcript else text
        screen = await world.dial(msisdn, session_id, transcript)
    return screen


async def pushed(world: World, msisdn: str, session_id: str, typed: tuple[str, ...] = PAY_EVERYTHING) -> Prompt:
    """Ask to pay and let the push go out; give the prompt on the phone."""
    await ask_to_pay(world, msisdn, session_id, typed)
    world.clock.forward(seconds=5)
    await world.work()
    return next(prompt for prompt in world.prompts() if prompt.payer == msisdn)


def answer(world: World, prompt: Prompt, **how: object) -> None:
    """Answer a prompt as its payer, or as a bad day, would."""
    actions.decide(world.operator, prompt.server_id, PromptAnswer(**{"do": "approve", **how}), world.clock.now())


async def paid(world: World, msisdn: str, session_id: str, typed: tuple[str, ...] = PAY_EVERYTHING) -> None:
    """Pay from the first dialled key to the receipt."""
    answer(world, await pushed(world, msisdn, session_id, typed))
    await world.deliver()
    await world.work()


async def credited(world: World, msisdn: str, amount_xof: int, transaction_id: str) -> None:
    """Credit money of a number without the way there: any amount, as the operator's answer tells of it."""
    said = Observation(
        "sandbox",
        Provenance.QUERY,
        ObservedStatus.SUCCEEDED,
        amount_xof=amount_xof,
        payer_msisdn=msisdn,
        operator_transaction_id=transaction_id,
        occurred_at=world.clock.now(),
    )
    context = CreditingContext(world.jobs.catalog, world.clock.now())
    await world.database.transact(lambda connection: credit_evidence(connection, [Evidence(said)], context))
