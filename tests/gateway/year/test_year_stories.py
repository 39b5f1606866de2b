"""A market seller and a cotton grower through a whole year, screen by screen; ``make golden`` writes them again."""

import os
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path

import pytest

from tests.gateway.year.telling import Teller
from tests.schemes import put_second_versions_in_force
from tests.world import World

pytestmark = pytest.mark.database

STORIES = Path(__file__).parent / "stories"
FANTA, ISSA = "+22370000111", "+22376000222"
Story = Callable[[Teller], Awaitable[None]]


async def seller(teller: Teller) -> None:
    """She sells vegetables and pays as she can; she skips two months, is out of cover, and comes back."""
    await teller.on(date(2027, 1, 11))
    await teller.dial("1", "Fanta Diarra", "1", "bamako", "1 2", "1")
    await teller.on(date(2027, 1, 12))
    await teller.dial("1", "500", "1")
    await teller.approve()
    await teller.on(date(2027, 1, 20))
    await teller.pay_at_shop(1_500)
    await teller.dial()
    await teller.on(date(2027, 1, 29))
    await teller.dial("1", "1", "1")
    await teller.approve()
    await teller.on(date(2027, 3, 1))
    await teller.dial("2")
    await teller.on(date(2027, 3, 20))
    await teller.pay_at_shop(3_000)
    await teller.on(date(2027, 6, 20))
    await teller.dial("2")
    await teller.dial("1", "1", "1")
    await teller.approve()
    await teller.on(date(2027, 8, 15))
    await teller.pay_at_shop(9_000)
    await teller.dial()
    await teller.on(date(2027, 12, 1))
    await teller.dial()
    await teller.on(date(2028, 1, 11))
    await teller.dial("2")


async def grower(teller: Teller) -> None:
    """He grows cotton: money comes with the harvest, once; he registers late in the season and pays when he is paid."""
    await teller.on(date(2027, 5, 3))
    await teller.dial("1", "Issa Coulibaly", "3", "sikasso", "1", "7", "1")
    await teller.on(date(2027, 5, 20))
    await teller.dial("2")
    await teller.dial("1", "1", "1")
    await teller.approve()
    await teller.on(date(2027, 6, 25))
    await teller.dial()
    await teller.on(date(2027, 12, 10))
    await teller.dial("1", "2000")
    await teller.on(date(2028, 1, 15))
    await teller.dial()
    await teller.pay_at_shop(30_000)
    await teller.dial("2")
    await teller.on(date(2028, 5, 3))
    await teller.dial()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("name", "msisdn", "story"), [("vendeuse", FANTA, seller), ("cotonculteur", ISSA, grower)])
async def test_a_year_is_told_as_it_is_written(world: World, name: str, msisdn: str, story: Story) -> None:
    await put_second_versions_in_force(world)
    teller = Teller(world, msisdn)
    await story(teller)
    told, path = "\n".join(teller.lines).strip() + "\n", STORIES / f"{name}.txt"
    if os.environ.get("RAMU_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(told, encoding="utf-8")
    assert told == path.read_text(encoding="utf-8")
