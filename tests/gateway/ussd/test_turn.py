import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.infra.database import Database, Pool, Timeouts, open_database
from gateway.ussd.aggregators.africastalking.wire import AfricasTalking
from gateway.ussd.aggregators.contract import Turn, TurnEvent
from gateway.ussd.deps import UssdDeps
from gateway.ussd.sessions import SessionKey, SessionStore, SessionsUnavailable
from gateway.ussd.sessions_redis import RedisSessions
from gateway.ussd.system_screens import DONE, NOT_YOURS, NOTHING_DONE, PROMPT_OPEN, UNCERTAIN, with_help
from gateway.ussd.turn import handle_turn
from tests.benchmarks.ussd import SCREEN_BYTES
from tests.gateway.ussd.telephone import ADDRESS, MSISDN, PAY, REGISTER, Caller, Count, application
from tests.world import AMINATA, World
from ussd_flows.gsm7 import septets
from ussd_flows.screen import Screen

AT = AfricasTalking()
PATIENCE_S = 60
UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def over(ussd: UssdDeps) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(application(ussd)), base_url="http://127.0.0.1")


class Faulty:
    """A real store with one fault: what happens when it is asked for one thing is ours to say."""

    def __init__(self, store: SessionStore, failing: str, fault: Exception) -> None:
        self._store = store
        self._failing = failing
        self._fault = fault

    def __getattr__(self, name: str) -> object:
        if name == self._failing:
            raise self._fault
        return getattr(self._store, name)


class Crash(BaseException):
    """The process is gone."""


@pytest.fixture
def no_database() -> Database:
    return open_database("postgresql+psycopg://x@/x?host=/nowhere", Pool(size=1, timeout_s=1), Timeouts())


async def test_an_unknown_number_registers_and_is_known_the_next_time(caller: Caller, count: Count) -> None:
    assert (await caller.dial("a")).startswith("CON RAMU CANAM\n")
    for key in REGISTER[:-1]:
        screen = await caller.type(key)
        assert screen.startswith("CON ")
    assert "Awa Traore" in screen
    assert "Kati" in screen
    end = await caller.type(REGISTER[-1])
    assert end.startswith("END Inscription enregistrée. No RAMU 1")
    assert "{" not in end
    assert (
        await count("household") == await count("member") == await count("phone_link") == await count("outbox_sms") == 1
    )
    home = await caller.dial("b")
    assert "Awa Traore" in home
    assert "A payer: 4 000 F" in home


async def test_a_confirmed_payment_is_one_request_that_leaves_after_the_session(
    registered: Caller, ussd: UssdDeps, database: Database
) -> None:
    screen = await registered.dial("pay", *PAY)
    assert screen.startswith("CON 1 000 F à CANAM par Argent Mobile\npour Awa Traore")
    end = await registered.type("1")
    async with database.single() as connection:
        request = (await connection.execute(text("SELECT * FROM payment_request"))).one()
        wallet = (await connection.execute(text("SELECT last_wallet FROM phone_link"))).scalar_one()
    now = ussd.deps.clock.now()
    assert f"{request.reference[:4]}-{request.reference[4:]}" in end
    assert end.startswith("END ")
    assert (request.operator, request.amount_xof, request.state) == ("sandbox", 1000, "created")
    assert request.payer_msisdn == registered.msisdn
    assert (request.next_attempt_at - now).total_seconds() == ussd.push_delay_s
    assert re.fullmatch(rf"ussd:africastalking:pay:{re.escape(MSISDN)}:{UUID}:3:0", request.idempotency_key)
    assert wallet == "sandbox"


async def test_the_end_notification_lets_the_push_go_and_closes_the_session(
    registered: Caller, ussd: UssdDeps, database: Database
) -> None:
    await registered.dial("pay", *PAY, "1")
    answer = await registered.hang_up()
    assert (answer.status_code, answer.content) == (200, b"")
    async with database.single() as connection:
        due_at = (await connection.execute(text("SELECT next_attempt_at FROM payment_request"))).scalar_one()
    assert due_at == ussd.deps.clock.now()
    assert await ussd.sessions.load(SessionKey("africastalking", "pay"), ussd.deps.clock.now()) is None


async def test_the_end_notification_of_another_number_closes_nothing(registered: Caller, ussd: UssdDeps) -> None:
    await registered.dial("pay", *PAY, "1")
    await replace(registered, msisdn="+22370000002").hang_up()
    assert await ussd.sessions.load(SessionKey("africastalking", "pay"), ussd.deps.clock.now()) is not None


async def test_a_repeated_turn_pays_once_and_reads_the_same(registered: Caller, count: Count) -> None:
    end = await registered.dial("pay", *PAY, "1")
    assert [await registered.repeat() for _ in range(3)] == [end] * 3
    assert await count("payment_request") == 1


@pytest.mark.parametrize("keys", [REGISTER, ()])
async def test_every_turn_repeated_reads_the_same(caller: Caller, keys: tuple[str, ...], count: Count) -> None:
    screen = await caller.dial("a")
    assert await caller.repeat() == screen
    for key in keys:
        screen = await caller.type(key)
        assert await caller.repeat() == screen
    assert await count("household") == bool(keys)


async def test_the_same_turn_four_times_at_once_registers_once(
    ussd: UssdDeps, elsewhere: UssdDeps, count: Count
) -> None:
    async with over(ussd) as here, over(elsewhere) as there:
        phone = Caller(here)
        await phone.dial("s", *REGISTER[:-1])
        screens = await at_once(phone, REGISTER[-1], (here, there))
    assert len(set(screens)) == 1
    assert screens[0].startswith("END Inscription enregistrée")
    assert await count("household") == await count("phone_link") == await count("outbox_sms") == 1


async def test_the_same_turn_four_times_at_once_pays_once(
    registered: Caller, ussd: UssdDeps, elsewhere: UssdDeps, count: Count
) -> None:
    async with over(ussd) as here, over(elsewhere) as there:
        for paid_before in range(5):
            await registered.dial(f"s{paid_before}", *PAY)
            screens = await at_once(registered, "1", (here, there))
            assert len(set(screens)) == 1
            assert screens[0].startswith("END Demande enregistrée")
            assert await count("payment_request") == paid_before + 1
            ussd.deps.clock.forward(hours=1)


async def test_the_whole_story_holds_on_valkey_too(
    ussd: UssdDeps, elsewhere: UssdDeps, valkey: Redis, count: Count
) -> None:
    sessions = RedisSessions(valkey)
    async with over(replace(ussd, sessions=sessions)) as here, over(replace(elsewhere, sessions=sessions)) as there:
        phone = Caller(here)
        await phone.dial("r", *REGISTER)
        await phone.dial("p", *PAY)
        screens = await at_once(phone, "1", (here, there))
        assert len(set(screens)) == 1
        assert screens[0].startswith("END Demande enregistrée")
        assert (await phone.hang_up()).content == b""
    assert await sessions.load(SessionKey("africastalking", "p"), ussd.deps.clock.now()) is None
    assert await count("payment_request") == 1
    assert await count("ussd_session") == 0


async def test_two_dialogues_confirmed_at_once_ask_the_phone_once(
    registered: Caller, ussd: UssdDeps, elsewhere: UssdDeps, count: Count
) -> None:
    reached: Counter[str] = Counter()
    async with over(ussd) as here, over(elsewhere) as there:
        for paid_before in range(8):
            phones = [replace(registered, client=client) for client in (here, there)]
            for number, phone in enumerate(phones):
                await phone.dial(f"s{paid_before}-{number}", *PAY)
            screens = await asyncio.gather(*(phone.type("1") for phone in phones))
            assert await count("payment_request") == paid_before + 1
            assert sum(screen.startswith("END Demande enregistrée") for screen in screens) == 1
            refused = next(screen for screen in screens if not screen.startswith("END Demande enregistrée"))
            assert "attend" in refused or "attente" in refused
            reached["race" if refused.startswith("END Un paiement") else "seen before"] += 1
            ussd.deps.clock.forward(hours=1)
    assert reached["race"] >= 1, reached


@pytest.mark.parametrize(
    "sentence", [NOTHING_DONE, DONE, UNCERTAIN, NOT_YOURS, PROMPT_OPEN.format(reference="7K3M-9QPA")]
)
@pytest.mark.parametrize("help_number", ["", "36 777", "+223 80 00 12 34"])
def test_the_door_s_own_sentences_fit_a_phone_with_the_number_that_helps(sentence: str, help_number: str) -> None:
    said = with_help(sentence, help_number)
    assert (septets(said) or 161) <= 160
    assert help_number in said


async def test_whatever_breaks_the_screen_says_whom_to_call(registered: Caller, ussd: UssdDeps) -> None:
    helping = replace(ussd, deps=replace(ussd.deps, help_number="36 777"))
    for failing in ("load", "save"):
        async with over(replace(helping, sessions=Faulty(ussd.sessions, failing, SessionsUnavailable()))) as client:
            assert await Caller(client).dial("down") == f"END {NOTHING_DONE} Aide: 36 777"
    async with over(helping) as client:
        await registered.dial("pay", *PAY)
        stranger = replace(registered, client=client, msisdn="+22370000002")
        assert await stranger.type("1") == f"END {NOT_YOURS} Aide: 36 777"
        mangled = await client.post(ADDRESS, content=b"sessionId=%ff", headers={"content-type": "text/plain"})
        assert "Aide: 36 777" in mangled.text


async def at_once(phone: Caller, key: str, clients: tuple[httpx.AsyncClient, ...]) -> list[str]:
    copies = [replace(phone, client=client, typed=[*phone.typed, key]) for client in clients * 2]
    return list(await asyncio.gather(*(copy.repeat() for copy in copies)))


async def test_an_older_turn_shows_the_present_screen_and_changes_nothing(registered: Caller, count: Count) -> None:
    end = await registered.dial("pay", *PAY, "1")
    for length in range(1, 5):
        registered.typed = [*PAY, "1"][:length]
        assert await registered.repeat() == end
    registered.typed = []
    present = await registered.dial("other", "2")
    registered.typed = []
    assert await registered.repeat() == present
    assert await count("payment_request") == 1


async def test_a_session_shows_nothing_to_another_number(registered: Caller, count: Count) -> None:
    await registered.dial("pay", *PAY)
    stranger = replace(registered, msisdn="+22370000002", typed=[*PAY, "1"])
    assert await stranger.repeat() == "END Session refusée. Recomposez le code."
    assert await count("payment_request") == 0
    assert (await registered.type("1")).startswith("END Demande enregistrée")


async def test_stars_that_a_caller_types_belong_to_the_answer(registered: Caller) -> None:
    await registered.dial("pay", "1")
    assert "Non compris" in await registered.type("10*00")
    assert (await registered.type("1000")).startswith("CON 1 000 F à CANAM")


async def test_a_path_dialled_in_one_go_never_pays(registered: Caller, count: Count) -> None:
    registered.session_id, registered.typed = "deep", [*PAY, "1"]
    screen = await registered.repeat()
    assert screen.startswith("CON 1 000 F à CANAM")
    assert await registered.repeat() == screen
    assert await count("payment_request") == 0
    assert (await registered.type("1")).startswith("END Demande enregistrée")
    assert await count("payment_request") == 1


async def test_a_session_that_outlived_its_time_never_pays(registered: Caller, ussd: UssdDeps, count: Count) -> None:
    await registered.dial("pay", *PAY)
    ussd.deps.clock.forward(seconds=ussd.session_lifetime_s)
    assert (await registered.type("1")).startswith("CON ")
    assert await count("payment_request") == 0


async def test_an_open_prompt_leads_to_waiting_and_not_to_a_second_one(registered: Caller, count: Count) -> None:
    await registered.dial("pay", *PAY, "1")
    assert "Paiement en attente" in await registered.dial("again")
    assert "validez sur votre téléphone" in await registered.type("1")
    assert await count("payment_request") == 1


async def test_two_dialogues_of_one_phone_ask_once(registered: Caller, count: Count) -> None:
    await registered.dial("first", *PAY)
    other = replace(registered)
    await other.dial("second", *PAY)
    assert (await registered.type("1")).startswith("END Demande enregistrée")
    assert "validez sur votre téléphone" in await other.type("1")
    assert await count("payment_request") == 1


@pytest.mark.parametrize("story", [REGISTER, (*PAY, "1"), ("2", "2")])
async def test_a_crash_before_the_session_is_kept_ends_with_the_same_reply(
    story: tuple[str, ...], caller: Caller, ussd: UssdDeps, count: Count
) -> None:
    if story != REGISTER:
        await caller.dial("known", *REGISTER)
    await caller.dial("s", *story[:-1])
    crashing = replace(ussd, sessions=Faulty(ussd.sessions, "save", Crash()))
    turn = a_turn(caller.msisdn, "*".join(story), ussd.deps.clock.now())
    with pytest.raises(Crash):
        await handle_turn(crashing, AT, turn, PATIENCE_S)
    made = [await count("payment_request"), await count("household"), await count("outbox_sms")]
    down = replace(ussd, sessions=Faulty(ussd.sessions, "save", SessionsUnavailable()))
    lost = await handle_turn(down, AT, turn, PATIENCE_S)
    kept = await handle_turn(ussd, AT, turn, PATIENCE_S)
    assert kept is not None
    assert kept == lost
    assert kept.ends
    assert await handle_turn(ussd, AT, turn, PATIENCE_S) == kept
    assert [await count("payment_request"), await count("household"), await count("outbox_sms")] == made
    assert not kept.screen.startswith("door.")


def a_turn(msisdn: str, path: str, now: datetime) -> Turn:
    return Turn("africastalking", "s", None, msisdn, "*123#", TurnEvent.CONTINUE, None, path, None, now)


async def test_without_sessions_the_caller_is_told_that_nothing_was_launched(ussd: UssdDeps, count: Count) -> None:
    for failing in ("load", "save"):
        async with over(replace(ussd, sessions=Faulty(ussd.sessions, failing, SessionsUnavailable()))) as client:
            phone = Caller(client)
            assert await phone.dial("down") == f"END {NOTHING_DONE}"
            assert await phone.type("1") == f"END {NOTHING_DONE}"
    assert await count("payment_request") == 0


async def test_without_sessions_a_launched_payment_is_not_denied(registered: Caller, ussd: UssdDeps) -> None:
    end = await registered.dial("pay", *PAY, "1")
    async with over(replace(ussd, sessions=Faulty(ussd.sessions, "load", SessionsUnavailable()))) as client:
        assert await replace(registered, client=client).repeat() == f"END {DONE}"
    assert await registered.repeat() == end


async def test_without_sessions_a_registration_is_not_denied(caller: Caller, ussd: UssdDeps) -> None:
    await caller.dial("r", *REGISTER)
    async with over(replace(ussd, sessions=Faulty(ussd.sessions, "load", SessionsUnavailable()))) as client:
        assert await replace(caller, client=client).repeat() == f"END {DONE}"


async def test_without_a_database_the_caller_is_told_what_is_true(
    registered: Caller, ussd: UssdDeps, no_database: Database
) -> None:
    await registered.dial("pay", *PAY)
    async with over(replace(ussd, deps=replace(ussd.deps, ingress_db=no_database))) as client:
        phone = replace(registered, client=client)
        assert await phone.type("1") == f"END {UNCERTAIN}"
        assert await phone.dial("fresh") == f"END {NOTHING_DONE}"
        assert (await phone.hang_up()).status_code == 200


async def test_a_commit_without_an_answer_is_called_uncertain(
    registered: Caller, ussd: UssdDeps, database: Database, count: Count
) -> None:
    await registered.dial("pay", *PAY)
    lost = LosingCommits(database)
    async with over(replace(ussd, deps=replace(ussd.deps, ingress_db=lost))) as client:
        phone = replace(registered, client=client)
        assert await phone.type("1") == f"END {UNCERTAIN}"
    assert await count("payment_request") == 0


class LosingCommits(Database):
    """A database whose server is gone in the moment of the commit."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.engine)

    async def transact(self, work: Callable[[AsyncConnection], Awaitable[Screen]]) -> Screen:
        async def broken(connection: AsyncConnection) -> Screen:
            done = await work(connection)
            await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
            return done

        return await super().transact(broken)


async def test_every_screen_of_the_story_fits_a_phone(caller: Caller) -> None:
    shown = [await caller.dial("a")]
    for session_id, keys in (
        ("b", REGISTER),
        ("c", ("1", "999999999", "0", "2", "3", "0", "0", "3", "1", "0", "2", "00")),
        ("d", (*PAY, "1")),
        ("e", ("1", "1", "0", "2", "2")),
        ("f", ("3", "1", "0", "2", "abc", "98")),
    ):
        shown.append(await caller.dial(session_id))
        shown.extend([await caller.type(key) for key in keys])
    costs = [septets(screen.removeprefix("CON ").removeprefix("END ")) for screen in shown]
    assert len(shown) > 30
    assert all(cost is not None and cost <= 160 for cost in costs)


async def test_the_benchmark_finds_what_was_answered_in_a_kept_dialogue(world: World) -> None:
    screen = await world.dial(AMINATA, "S1")
    [(kept,)] = await world.rows(SCREEN_BYTES)
    assert kept == len(screen.encode())
