"""What tests of two operators ask for: requests to either, and what became of them."""

from sqlalchemy import text

from payments.requests.dispatch import Lease
from payments.requests.store import NewPaymentRequest, request_payment
from tests.invented_operators import TwoOperators
from tests.world import World

FIRST_PAYER = 70_100_000


async def asked_to_pay(world: World, operator: str, count: int = 1, household_id: int = 1) -> list[str]:
    """Keep requests that are due at once, each of another payer of one household; give their references."""
    now, references = world.clock.now(), list[str]()
    for _ in range(count):
        number = next(world.ids.counter)
        reference = world.ids.reference()
        new = NewPaymentRequest(
            operator, reference, world.ids.uuid(), world.ids.token(), f"k{number}",
            household_id, f"+223{FIRST_PAYER + number}", 500, now, now,
        )  # fmt: skip
        await world.database.transact(lambda connection, new=new: request_payment(connection, new, 600))  # type: ignore[misc]
        references.append(reference)
    return references


async def states(world: World) -> dict[str, str]:
    """Return the state of every request by its reference."""
    return {
        str(reference): str(state)
        for reference, state in await world.rows("SELECT reference, state FROM payment_request")
    }


async def token_of(world: World, reference: str) -> str:
    """Return the address that an operator was given for a request."""
    [(token,)] = await world.rows("SELECT callback_token FROM payment_request WHERE reference = :r", r=reference)
    return str(token)


async def told(world: World) -> list[str]:
    """Return every message to payers, in order."""
    return [str(body) for (body,) in await world.rows("SELECT body FROM sandbox_sms ORDER BY id")]


async def quiet_people(town: TwoOperators) -> None:
    """Let the periods of the illustrative households open, so that only money is left to work on."""
    await town.world.work()


__all__ = ["Lease", "asked_to_pay", "quiet_people", "states", "text", "token_of", "told"]
