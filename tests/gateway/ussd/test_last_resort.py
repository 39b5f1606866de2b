"""Whatever hangs or breaks, the caller reads a sentence in time, and it is true."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Never

import httpx
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from gateway.contributions.scheme import Scheme
from gateway.contributions.schemes import SchemeCatalog, SchemeMissing
from gateway.infra.database import Database, Pool, Timeouts, open_database
from gateway.infra.deadline import within
from gateway.ussd.aggregators.africastalking.wire import AfricasTalking
from gateway.ussd.aggregators.contract import REPEAT_WITHIN, Turn
from gateway.ussd.deps import Limits, UssdDeps
from gateway.ussd.routes import NOT_HEARD
from gateway.ussd.sessions import SessionKey
from gateway.ussd.sessions_postgres import PostgresSessions
from gateway.ussd.system_screens import DONE, NOTHING_DONE, UNCERTAIN
from payments.http_messages import RawRequest, RawResponse
from tests.conftest import Urls
from tests.gateway.ussd.telephone import ADDRESS, PAY, REGISTER, Caller, Count, application
from ussd_flows.screen import Screen

AT = AfricasTalking()
SOON = Limits(turn_s=0.3, outcome_s=0.2)
#: Far more than our limits, far less than what hangs here would take: a guard, not a measurement.
GUARD_S = 60


def over(ussd: UssdDeps) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(application(ussd)), base_url="http://127.0.0.1")


class Silent:
    """A part that is asked and never answers."""

    async def never(self, *_args: object, **_named: object) -> Never:
        await asyncio.Event().wait()
        raise AssertionError("never set")

    load = save = forget = never

    def let_go(self) -> None:
        """End what still hangs, so that a test can end."""


class Stubborn(Silent):
    """The same, and it does not even hear that it should stop, like a driver whose server is silent."""

    def __init__(self) -> None:
        self._over = asyncio.Event()

    async def load(self, *_args: object, **_named: object) -> Never:
        while not self._over.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self._over.wait()
        raise AssertionError("asked, and never answered")

    def let_go(self) -> None:
        self._over.set()


async def in_time(phone: Caller, key: str) -> str:
    before_s = time.monotonic()
    screen = await phone.type(key)
    assert time.monotonic() - before_s < GUARD_S
    return screen


@pytest.mark.parametrize("kind", [Silent, Stubborn])
async def test_a_session_store_that_hangs_costs_a_sentence(
    kind: type[Silent], registered: Caller, ussd: UssdDeps, count: Count
) -> None:
    await registered.dial("pay", *PAY)
    sessions = kind()
    async with over(replace(ussd, sessions=sessions, limits=SOON)) as client:
        phone = replace(registered, client=client)
        assert await in_time(phone, "1") == f"END {NOTHING_DONE}"
        assert await phone.dial("fresh") == f"END {NOTHING_DONE}"
        assert (await phone.hang_up()).status_code == 200
    sessions.let_go()
    assert await count("payment_request") == 0


@pytest.fixture
async def exhausted(urls: Urls) -> AsyncIterator[Database]:
    """A database whose only connection is in somebody else's hands."""
    database = open_database(urls.app, Pool(size=1, timeout_s=300), Timeouts())
    async with database.single():
        yield database
    await database.close()


async def test_an_exhausted_pool_costs_a_sentence(registered: Caller, ussd: UssdDeps, exhausted: Database) -> None:
    await registered.dial("pay", *PAY)
    async with over(replace(ussd, deps=replace(ussd.deps, ingress_db=exhausted), limits=SOON)) as client:
        assert await in_time(replace(registered, client=client), "1") == f"END {UNCERTAIN}"
    async with over(replace(ussd, sessions=PostgresSessions(exhausted), limits=SOON)) as client:
        assert await in_time(replace(registered, client=client), "1") == f"END {NOTHING_DONE}"


async def test_work_that_waits_for_a_lock_is_called_uncertain_and_found_afterwards(
    registered: Caller, ussd: UssdDeps, urls: Urls, count: Count
) -> None:
    await registered.dial("pay", *PAY)
    blocker = open_database(urls.owner, Pool(size=1), Timeouts())
    async with over(replace(ussd, limits=SOON)) as client:
        phone = replace(registered, client=client)
        async with blocker.unit_of_work() as connection:
            await connection.execute(text("SELECT ramu_lock_parties(ARRAY(SELECT id FROM household))"))
            assert await in_time(phone, "1") == f"END {UNCERTAIN}"
            # The copy of the turn that comes meanwhile must not be told that nothing happens.
            assert await phone.repeat() == f"END {UNCERTAIN}"
            assert await count("payment_request") == 0
        await blocker.close()
        # What was confirmed is done in the end, once; the same turn again reads what it would have read.
        assert (await registered.repeat()).startswith("END Demande enregistrée")
        assert (await registered.repeat()).startswith("END Demande enregistrée")
    assert await count("payment_request") == 1


@dataclass(frozen=True)
class Breaking:
    """Our wire format, with a fault of ours in one place."""

    where: str
    name: str = "africastalking"
    repeat_within: timedelta = REPEAT_WITHIN

    def parse(self, request: RawRequest) -> Turn:
        if self.where == "parse":
            raise KeyError("a fault of ours")
        return AT.parse(request)

    def render(self, screen: Screen | None, turn: Turn) -> RawResponse:
        if screen is not None and screen.name == self.where:
            raise ValueError("a fault of ours")
        return AT.render(screen, turn)

    def refuse(self, sentence: str) -> RawResponse:
        return AT.refuse(sentence)


FAULTS = {"parse": (UNCERTAIN, 0), "pay_confirm": (NOTHING_DONE, 0), "pay_confirm.end": (DONE, 1)}


@pytest.mark.parametrize("where", FAULTS)
async def test_a_fault_of_ours_is_a_true_sentence_and_a_logged_code(
    where: str, registered: Caller, ussd: UssdDeps, count: Count
) -> None:
    sentence, kept = FAULTS[where]
    keys = [*PAY, "1"] if kept else PAY
    await registered.dial("pay", *keys[:-1])
    with capture_logs() as logged:
        async with over(replace(ussd, aggregators={"africastalking": Breaking(where)})) as client:
            assert await replace(registered, client=client).type(keys[-1]) == f"END {sentence}"
    assert [line["log_level"] for line in logged if "code" in line]
    assert await count("payment_request") == kept


class SchemelessCatalog(SchemeCatalog):
    """The schemes as they are when a row of the table cannot be read."""

    def get(self, code: str, version: int) -> Scheme:
        raise SchemeMissing(f"{code} {version}")


async def test_a_scheme_that_nobody_can_read_is_a_sentence(registered: Caller, ussd: UssdDeps) -> None:
    await registered.dial("pay", *PAY)
    with capture_logs() as logged:
        async with over(replace(ussd, catalog=SchemelessCatalog())) as client:
            assert await replace(registered, client=client).type("1") == f"END {NOTHING_DONE}"
    assert any("code" in line for line in logged)


@pytest.mark.parametrize("story", [REGISTER, (*PAY, "1")])
async def test_a_turn_whose_session_was_lost_finds_what_it_launched(
    story: tuple[str, ...], caller: Caller, ussd: UssdDeps, count: Count
) -> None:
    if story != REGISTER:
        await caller.dial("known", *REGISTER)
    await caller.dial("s", *story)
    made = [await count("payment_request"), await count("household"), await count("outbox_sms")]
    await ussd.sessions.forget(SessionKey("africastalking", "s"))
    for _ in range(2):
        assert await caller.repeat() == f"END {DONE}"
    assert [await count("payment_request"), await count("household"), await count("outbox_sms")] == made
    # Another turn of the path, another number, another id, and the next day have nothing to do with it.
    for other in (
        replace(caller, session_id="t"),
        replace(caller, typed=[*story[:-1]]),
        replace(caller, msisdn="+22370000009"),
    ):
        assert await other.repeat() != f"END {DONE}"
    ussd.deps.clock.forward(seconds=ussd.session_lifetime_s)
    assert await caller.repeat() != f"END {DONE}"


async def test_work_is_given_up_in_time_even_if_it_does_not_listen() -> None:
    heard: list[str] = []

    async def deaf() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.append("told")
            await released.wait()
            raise ValueError("nobody waits for this any more") from None

    released = asyncio.Event()
    with pytest.raises(TimeoutError):
        await within(0.01, deaf())
    await asyncio.sleep(0)
    assert heard == ["told"]
    released.set()
    assert await within(1, asyncio.sleep(0, "quick")) == "quick"


async def test_a_caller_whose_answer_does_not_come_is_told_to_dial_again(ussd: UssdDeps) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"sessionId="
        await asyncio.Event().wait()

    async with over(replace(ussd, limits=SOON)) as client:
        answer = await client.post(ADDRESS, content=slow())
    assert (answer.status_code, answer.text) == (200, f"END {NOT_HEARD}")
