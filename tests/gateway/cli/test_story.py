"""The story that `make run` tells: every thing that happens is one line, once, and names nobody."""

import re

import pytest

from gateway.cli.story import dial_line, line
from gateway.local.dials import Dial, DialsTold
from gateway.reports.story import StoryEvent, StoryKind, Watched, begin, happened
from tests.fixed import START
from tests.stories import paid, pushed
from tests.world import AMINATA, MOUSSA, World

pytestmark = pytest.mark.database


async def watch(world: World) -> Watched:
    async with world.database.single() as connection:
        return await begin(connection)


async def latest(world: World, watched: Watched) -> list[str]:
    async with world.database.single() as connection:
        return [line(event).replace("\u202f", " ") for event in await happened(connection, watched)]


async def test_a_payment_is_told_from_the_request_to_the_receipt_once_and_names_nobody(world: World) -> None:
    watched = await watch(world)
    assert await latest(world, watched) == []
    await paid(world, AMINATA, "S1")
    told = await latest(world, watched)
    ((reference, receipt),) = await world.rows(
        "SELECT reference, receipt_number FROM payment JOIN payment_request ON payment_request.id = request_id"
    )
    written = f"{str(reference)[:4]}-{str(reference)[4:]}"
    said = [re.sub(r"^23/11/2026 \d\d:\d\d:\d\d ", "", one) for one in told]
    assert [one.split(" ")[0] for one in said] == ["Demande", "Avis", "Quittance", "SMS"]
    assert said[0] == f"Demande {written} : 3 000 F à +223 ** ** *0 01, par sandbox"
    assert said[1].endswith(f", demande {written} : on demande à l'opérateur si c'est vrai")
    assert said[2].startswith(f"Quittance {receipt} : 3 000 F de +223 ** ** *0 01 crédités")
    assert said[3].endswith("à +223 ** ** *0 01 : quittance")
    assert await latest(world, watched) == []


async def test_a_request_that_comes_to_nothing_is_told_twice_and_no_more(world: World) -> None:
    watched = await watch(world)
    await pushed(world, AMINATA, "S1")
    (asked,) = await latest(world, watched)
    world.clock.forward(days=2)
    await world.deliver()
    await world.work()
    told = await latest(world, watched)
    (ended,) = [one for one in told if "Demande" in one]
    assert ended[20:].partition(" : ")[0] == asked[20:].partition(" : ")[0]
    assert re.search("refusée ou abandonnée|expirée", ended)
    (message,) = [one for one in told if "SMS" in one]
    assert message.endswith(" : paiement non abouti")
    assert await latest(world, watched) == []


@pytest.mark.parametrize(
    ("state", "told"),
    [("sent", "quittance"), ("delivered", "quittance"), ("dropped", "quittance, abandonné, trop tard")],
)
def test_a_message_that_did_not_go_out_is_not_told_as_one_that_did(state: str, told: str) -> None:
    event = StoryEvent(StoryKind.SMS, 7, START, "", state, None, "+223 ** ** *0 01", "receipt")
    assert line(event) == f"23/11/2026 08:00:00 SMS n° 7 à +223 ** ** *0 01 : {told}"


async def test_what_happened_before_anybody_watched_is_not_told(world: World) -> None:
    await paid(world, AMINATA, "S1")
    watched = await watch(world)
    assert await latest(world, watched) == []
    await paid(world, MOUSSA, "S2")
    assert len(await latest(world, watched)) == 4


async def test_each_dial_is_told_once_whatever_the_turns_and_how_deep_it_was(world: World) -> None:
    dials: list[Dial] = []
    world.app.add_middleware(DialsTold, clock=world.clock, tell=dials.append)
    await world.dial(AMINATA, "S1")
    await world.dial(AMINATA, "S1", "1")
    await world.dial(MOUSSA, "S2", "1*1")
    await world.dial(MOUSSA, "S2", "1*1*1")
    await world.phone.post("/ussd/africastalking/local", content="sessionId=&phoneNumber=x")
    await world.phone.post("/ussd/africastalking/local/end", content="sessionId=S9&phoneNumber=%2B22370000001")
    await world.phone.get("/livez")
    assert [dial_line(dial) for dial in dials] == [
        "23/11/2026 08:00:00 +223 ** ** *0 01 compose *123#",
        "23/11/2026 08:00:00 +223 ** ** *0 02 compose *123#",
    ]
