"""A session id that comes again is a new dialogue: it shows nothing of the last one, and asks for money of its own."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from gateway.infra.database import Database
from gateway.infra.metrics import USSD_TURNS
from gateway.ussd.deps import UssdDeps
from gateway.ussd.sessions import SessionKey
from gateway.ussd.system_screens import NOT_YOURS
from tests.gateway.ussd.telephone import PAY, REGISTER, Caller, Count

BROTHER = "+22370000009"
SETTLED = text("UPDATE payment_request SET state = 'failed', next_attempt_at = NULL")


async def settle(database: Database) -> None:
    """Let every request come to its end, so that the next is not held back by it."""
    async with database.unit_of_work() as connection:
        await connection.execute(SETTLED)


async def keys(database: Database) -> list[str]:
    async with database.single() as connection:
        return [*(await connection.execute(text("SELECT idempotency_key FROM payment_request ORDER BY id"))).scalars()]


@pytest.mark.parametrize("seconds", [0, 60])
@pytest.mark.parametrize("hangs_up", [True, False])
async def test_the_same_number_dials_again_after_the_end(
    seconds: int, hangs_up: bool, registered: Caller, ussd: UssdDeps, database: Database
) -> None:
    ends = []
    for number in range(3):
        assert (await registered.dial("msisdn")).startswith("CON RAMU: Awa Traore")
        end = await registered.dial("msisdn", *PAY, "1")
        assert end.startswith("END Demande enregistrée")
        assert await registered.repeat() == end
        ends.append(end)
        assert len(await keys(database)) == number + 1
        if hangs_up:
            await registered.hang_up()
        await settle(database)
        ussd.deps.clock.forward(seconds=seconds)
    assert len(set(ends)) == len(set(await keys(database))) == 3


async def test_a_late_repeat_of_the_last_turn_reads_its_answer_to_the_octet(
    registered: Caller, ussd: UssdDeps, database: Database
) -> None:
    end = await registered.dial("s", *PAY, "1")
    await settle(database)
    for _ in range(3):
        ussd.deps.clock.forward(seconds=50)
        assert await registered.repeat() == end
    assert len(await keys(database)) == 1


async def test_the_news_that_the_last_dialogue_ended_leaves_the_next_one_alone(
    registered: Caller, count: Count
) -> None:
    await registered.dial("s", "2", "2")
    await registered.dial("s", *PAY)
    await registered.hang_up()
    assert (await registered.type("1")).startswith("END Demande enregistrée")
    assert await count("payment_request") == 1


async def test_a_number_that_dials_again_in_the_middle_is_at_home(
    registered: Caller, ussd: UssdDeps, count: Count
) -> None:
    await registered.dial("s", *PAY)
    ussd.deps.clock.forward(seconds=10)
    assert (await registered.dial("s")).startswith("CON RAMU: Awa Traore")
    assert (await registered.type("1")).startswith("CON A payer")
    assert await count("payment_request") == 0


async def test_another_number_goes_nowhere_in_a_dialogue_and_is_counted(
    registered: Caller, ussd: UssdDeps, count: Count
) -> None:
    await registered.dial("s", *PAY)
    before = await ussd.sessions.load(SessionKey("africastalking", "s"), ussd.deps.clock.now())
    counted = USSD_TURNS.labels("africastalking", "system.not_yours", "end")
    refused_before = counted._value.get()
    brother = replace(registered, msisdn=BROTHER)
    for typed in ([*PAY, "1"], [*PAY], ["1"], ["9"]):
        brother.typed = typed
        assert await brother.repeat() == f"END {NOT_YOURS}"
    assert counted._value.get() == refused_before + 4
    assert await ussd.sessions.load(SessionKey("africastalking", "s"), ussd.deps.clock.now()) == before
    assert (await registered.type("1")).startswith("END Demande enregistrée")
    assert await count("payment_request") == 1


@pytest.mark.parametrize("ended", [True, False])
async def test_another_number_that_dials_gets_its_own_dialogue_and_no_reference_of_the_last(
    ended: bool, registered: Caller, database: Database
) -> None:
    brother = replace(registered, msisdn=BROTHER)
    await brother.dial("known", *REGISTER[:1], "Moussa Keita", *REGISTER[2:])
    end = await registered.dial("s", *PAY, *(["1"] if ended else []))
    own = await brother.dial("s", *PAY, "1")
    assert own.startswith("END Demande enregistrée")
    assert own != end
    assert all(key.startswith("ussd:africastalking:s:") for key in await keys(database))
    assert sum(BROTHER in key for key in await keys(database)) == 1
    assert await registered.repeat() == f"END {NOT_YOURS}"


async def test_another_service_code_is_another_dialogue(registered: Caller, count: Count) -> None:
    await registered.dial("s", *PAY)
    other = replace(registered, code="*999#", typed=[*registered.typed])
    assert await other.type("1") == f"END {NOT_YOURS}"
    for silent in ("", "123"):
        said = replace(registered, code=silent, typed=[*registered.typed])
        assert (await said.repeat()).startswith("CON 1 000 F")
    assert (await registered.type("1")).startswith("END Demande")
    assert (await other.dial("s")).startswith("CON RAMU: Awa")
    assert await count("payment_request") == 1
