import ast
import asyncio
import re
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

import gateway
from gateway.console.auth import attempts, devices, passwords
from gateway.console.auth.access import LoginForm, MustWait
from gateway.console.auth.passwords import AT_ONCE, WAITING_MAX, Passwords, PasswordsBusy, hash_password
from gateway.console.auth.roles import Role
from gateway.console.auth.waits import (
    FORGET_AFTER_S,
    FREE_OF_ONE,
    FREE_OF_SOURCE,
    LONGEST_WAIT_S,
    source_of,
    wait_s,
)
from gateway.infra.database import Database
from tests.fixed import CountedIds, TestClock
from tests.gateway.console.desk import ORIGIN, PASSWORD, Desk, csrf_of, open_desk


async def one(desk: Desk, query: str) -> object:
    async with desk.database.single() as connection:
        return (await connection.execute(text(query))).scalar_one()


async def is_inside(desk: Desk) -> bool:
    return (await desk.browser.get("/finance/")).status_code == 200


async def test_a_colleague_comes_in_with_a_strict_cookie_and_goes_out_for_good(desk: Desk) -> None:
    await desk.staff("awa")
    assert not await is_inside(desk)
    answer = await desk.log_in("awa")
    given = next(value for value in answer.headers.get_list("set-cookie") if value.startswith("__Host-ramu="))
    for mark in ("HttpOnly", "Secure", "SameSite=strict", "Path=/"):
        assert mark in given
    assert "Domain" not in given
    token = desk.browser.cookies["__Host-ramu"]
    assert await is_inside(desk)
    left = await desk.post("/finance/deconnexion", {"csrf": await desk.csrf()})
    assert (left.status_code, left.headers["location"]) == (303, "/finance/connexion")
    desk.browser.cookies.set("__Host-ramu", token, domain="ramu.test", path="/")
    assert not await is_inside(desk)
    assert [action for _, action, _ in await desk.audited()] == ["staff.added", "login", "logout"]


async def test_only_a_digest_of_the_token_is_kept(desk: Desk) -> None:
    await desk.enter()
    kept = await one(desk, "SELECT token_sha256 FROM staff_session")
    assert isinstance(kept, bytes)
    assert len(kept) == 32
    assert desk.browser.cookies["__Host-ramu"].encode() not in kept


async def test_a_login_gives_a_new_token_and_ends_the_one_it_was_given(desk: Desk) -> None:
    await desk.staff("awa")
    desk.browser.cookies.set("__Host-ramu", "chosen-by-an-attacker", domain="ramu.test", path="/")
    await desk.log_in("awa")
    first = desk.browser.cookies["__Host-ramu"]
    assert first != "chosen-by-an-attacker"
    desk.browser.cookies.clear()
    form = await desk.browser.get("/finance/connexion")
    desk.browser.cookies.set("__Host-ramu", first, domain="ramu.test", path="/")
    fields = {"csrf": csrf_of(form), "login": "awa", "password": PASSWORD}
    assert (await desk.post("/finance/connexion", fields)).status_code == 303
    assert desk.browser.cookies["__Host-ramu"] != first
    assert await one(desk, "SELECT count(*) FROM staff_session") == 1
    desk.browser.cookies.set("__Host-ramu", first, domain="ramu.test", path="/")
    assert not await is_inside(desk)


async def test_a_login_ends_after_a_quarter_of_an_hour_without_use(desk: Desk) -> None:
    await desk.enter()
    desk.clock.forward(minutes=14)
    assert await is_inside(desk)
    desk.clock.forward(minutes=14)
    assert await is_inside(desk)
    desk.clock.forward(minutes=15)
    assert not await is_inside(desk)


async def test_a_login_lasts_by_the_machines_time_while_the_pages_show_the_time_that_was_moved(
    database: Database, ids: CountedIds
) -> None:
    moved, machine = TestClock(), TestClock()
    async with open_desk(database, moved, ids, machine_clock=machine) as desk:
        await desk.enter()
        moved.forward(days=365)
        assert "mardi 23 novembre 2027" in (await desk.browser.get("/finance/")).text
        machine.forward(minutes=14)
        assert await is_inside(desk)
        machine.forward(minutes=15)
        assert not await is_inside(desk)


def asked_by_another_clock(source: str) -> list[str]:
    """Return the calls of the login service that are not given the machine's time."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    asked = [node for node in calls if re.search(r"\blogins\.\w+$", ast.unparse(node.func))]
    return [ast.unparse(one) for one in asked if not ast.unparse(one.args[-1]).endswith("machine_now()")]


def test_whatever_asks_for_a_password_counts_mistakes_by_the_machines_time() -> None:
    # Counted by a clock that was moved by a month, one mistake would keep a colleague out for a month.
    sources = [path.read_text() for path in Path(gateway.__path__[0]).rglob("*.py")]
    assert sum(source.count("logins.") for source in sources) > 2
    assert [call for source in sources for call in asked_by_another_clock(source)] == []
    assert asked_by_another_clock("console.logins.confirms(form, visit.now)")


async def test_a_login_ends_after_twelve_hours_however_busy(desk: Desk) -> None:
    await desk.enter()
    for _ in range(71):
        desk.clock.forward(minutes=10)
        assert await is_inside(desk)
    desk.clock.forward(minutes=10)
    assert not await is_inside(desk)


@pytest.mark.parametrize("change", ["role = 'admin'", "disabled_at = '2026-01-01Z'"])
async def test_a_lost_role_or_place_counts_at_once(desk: Desk, change: str) -> None:
    await desk.enter()
    async with desk.database.unit_of_work() as connection:
        await connection.execute(text(f"UPDATE staff SET {change}"))  # noqa: S608 - the case
    assert not await is_inside(desk)


def stranger(desk: Desk, address: str) -> httpx.AsyncClient:
    """Return a browser that never came in, at another address."""
    transport = httpx.ASGITransport(app=desk.app, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url=ORIGIN)


async def tried(browser: httpx.AsyncClient, login: str, password: str = "faux") -> httpx.Response:
    form = await browser.get("/finance/connexion")
    fields = {"csrf": csrf_of(form), "login": login, "password": password}
    return await browser.post("/finance/connexion", data=fields, headers={"Origin": ORIGIN})


async def test_mistakes_make_the_next_try_wait_longer_and_never_more_than_a_minute(desk: Desk) -> None:
    await desk.staff("awa")
    waits = []
    for _ in range(12):
        while (answer := await desk.log_in("awa", "faux")).status_code == 429:
            wait_s = int(answer.headers["Retry-After"])
            assert f"Réessayez dans {wait_s}" in answer.text
            # A try before its time is not even looked at, and costs nothing more.
            assert (await desk.log_in("awa")).status_code == 429
            waits.append(wait_s)
            desk.clock.forward(seconds=wait_s)
        assert answer.status_code == 401
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60, 60]
    desk.clock.forward(seconds=60)
    assert (await desk.log_in("awa")).status_code == 303
    # Coming in forgets the mistakes of the account; the address keeps its own, for others may sit behind it.
    async with stranger(desk, "198.51.100.7") as elsewhere:
        assert [(await tried(elsewhere, "awa")).status_code for _ in range(4)] == [401, 401, 401, 429]


async def test_many_mistakes_at_once_cannot_slip_in_before_the_wait(desk: Desk) -> None:
    await desk.staff("awa")
    form = await desk.browser.get("/finance/connexion")

    async def wrong() -> int:
        fields = {"csrf": csrf_of(form), "login": "awa", "password": "faux"}
        return (await desk.post("/finance/connexion", fields)).status_code

    answers = sorted(await asyncio.gather(*(wrong() for _ in range(12))))
    assert answers == [401] * FREE_OF_ONE + [429] * (12 - FREE_OF_ONE)
    assert await one(desk, "SELECT count(*) FROM audit_event WHERE action = 'login.failed'") == FREE_OF_ONE


async def test_guesses_from_many_addresses_at_once_wait_for_each_other_too(desk: Desk) -> None:
    await desk.staff("awa")

    async def guess(number: int) -> int:
        async with stranger(desk, f"198.51.100.{number}") as browser:
            return (await tried(browser, "awa")).status_code

    answers = sorted(await asyncio.gather(*(guess(number) for number in range(10))))
    assert answers == [401] * FREE_OF_ONE + [429] * (10 - FREE_OF_ONE)


async def test_a_browser_that_came_in_before_is_not_kept_out_by_strangers(desk: Desk) -> None:
    await desk.enter()
    await desk.post("/finance/deconnexion", {"csrf": await desk.csrf()})
    given = desk.browser.cookies["__Host-ramu-device"]
    async with stranger(desk, "198.51.100.7") as guesser:
        for _ in range(50):
            await tried(guesser, "awa.finance")
            desk.clock.forward(seconds=1)
    # The same address, the same account, and yet its own count: three mistakes of its own before it waits.
    async with stranger(desk, "198.51.100.7") as at_home:
        at_home.cookies.set("__Host-ramu-device", given, domain="ramu.test", path="/")
        assert [(await tried(at_home, "awa.finance")).status_code for _ in range(4)] == [401, 401, 401, 429]
        desk.clock.forward(seconds=2)
        assert (await tried(at_home, "awa.finance", PASSWORD)).status_code == 303


async def test_a_known_browser_is_known_for_its_own_login_only(desk: Desk) -> None:
    await desk.enter()
    await desk.staff("moussa")
    given = desk.browser.cookies["__Host-ramu-device"]
    async with stranger(desk, "198.51.100.7") as guesser:
        guesser.cookies.set("__Host-ramu-device", given, domain="ramu.test", path="/")
        for _ in range(FREE_OF_ONE):
            assert (await tried(guesser, "moussa")).status_code == 401
    async with stranger(desk, "198.51.100.8") as other:
        assert (await tried(other, "moussa", PASSWORD)).status_code == 429


async def test_a_new_browser_is_let_in_when_it_was_told_to_come_back_however_hard_others_guess(desk: Desk) -> None:
    await desk.staff("awa")
    async with stranger(desk, "198.51.100.7") as guesser, stranger(desk, "203.0.113.9") as at_home:
        for _ in range(120):
            await tried(guesser, "awa")
            desk.clock.forward(seconds=1)
        told = await tried(at_home, "awa", PASSWORD)
        assert told.status_code == 429
        wait_s = int(told.headers["Retry-After"])
        assert 0 < wait_s <= LONGEST_WAIT_S
        for _ in range(wait_s):
            await tried(guesser, "awa")
            desk.clock.forward(seconds=1)
            await tried(guesser, "awa")
        assert (await tried(at_home, "awa", PASSWORD)).status_code == 303


async def test_one_address_that_guesses_at_many_logins_waits_as_well(desk: Desk) -> None:
    async with stranger(desk, "2001:db8:1:2::1") as guesser:
        answers = [(await tried(guesser, f"login{number}")).status_code for number in range(15)]
    assert answers == [401] * FREE_OF_SOURCE + [429] * (15 - FREE_OF_SOURCE)
    # The whole network of an IPv6 customer is one source, and another one is not.
    async with stranger(desk, "2001:db8:1:2:ffff::9") as neighbour, stranger(desk, "2001:db8:1:3::1") as other:
        assert (await tried(neighbour, "awa")).status_code == 429
        assert (await tried(other, "awa")).status_code == 401


async def test_what_is_refused_too_soon_writes_nothing(desk: Desk) -> None:
    async with stranger(desk, "198.51.100.7") as guesser:
        for number in range(FREE_OF_SOURCE):
            await tried(guesser, f"login{number}")
        before = await one(desk, "SELECT count(*) FROM login_attempt")
        events = await one(desk, "SELECT count(*) FROM audit_event")
        for number in range(100, 140):
            assert (await tried(guesser, f"login{number}")).status_code == 429
    assert await one(desk, "SELECT count(*) FROM login_attempt") == before
    assert await one(desk, "SELECT count(*) FROM audit_event") == events


async def test_old_mistakes_and_old_browsers_are_forgotten(desk: Desk) -> None:
    await desk.enter()
    async with stranger(desk, "198.51.100.7") as other:
        await tried(other, "awa.finance")
    assert await one(desk, "SELECT count(*) > 0 FROM login_attempt")
    desk.clock.forward(seconds=FORGET_AFTER_S + 1)
    await desk.database.transact(lambda connection: attempts.sweep(connection, desk.clock.now(), 100))
    assert await one(desk, "SELECT count(*) FROM login_attempt") == 0
    desk.clock.forward(days=200)
    await desk.database.transact(lambda connection: devices.sweep(connection, desk.clock.now(), 100))
    assert await one(desk, "SELECT count(*) FROM staff_device") == 0


async def test_a_colleague_has_a_bounded_number_of_known_browsers_and_one_keeps_its_token(desk: Desk) -> None:
    await desk.enter()
    first = desk.browser.cookies["__Host-ramu-device"]
    del desk.browser.cookies["__Host-ramu"]
    assert (await desk.log_in("awa.finance")).status_code == 303
    assert desk.browser.cookies["__Host-ramu-device"] == first
    for _ in range(devices.DEVICES_MAX + 3):
        desk.clock.forward(seconds=1)
        desk.browser.cookies.clear()
        assert (await desk.log_in("awa.finance")).status_code == 303
    assert await one(desk, "SELECT count(*) FROM staff_device") == devices.DEVICES_MAX


@given(failures=st.integers(0, 10_000), free=st.integers(1, 50))
def test_a_wait_grows_with_mistakes_and_ends_within_a_minute(failures: int, free: int) -> None:
    assert 0 <= wait_s(failures, free) <= wait_s(failures + 1, free) <= LONGEST_WAIT_S
    assert (wait_s(failures, free) == 0) == (failures < free)


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff:ffff:ffff:ffff", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("testclient", "testclient"),
        ("x" * 5000, "x" * 64),
    ],
)
def test_a_source_is_an_address_or_a_customers_network(address: str, source: str) -> None:
    assert source_of(address) == source


async def test_an_unknown_login_gets_the_same_page_and_is_not_written_down(desk: Desk) -> None:
    await desk.staff("awa")
    wrong, unknown = await desk.log_in("awa", "faux"), await desk.log_in("mon-mot-de-passe", "faux")
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    # The same but for what each of them typed.
    assert wrong.text.replace(csrf_of(wrong), "").replace('value="awa"', "") == unknown.text.replace(
        csrf_of(unknown), ""
    ).replace('value="mon-mot-de-passe"', "")
    assert not [row for row in await desk.audited() if "mot-de-passe" in str(row)]


async def test_an_unknown_login_costs_a_real_verification(monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[str] = []
    real = passwords._fits
    monkeypatch.setattr(passwords, "_fits", lambda kept, typed: verified.append(kept) or real(kept, typed))
    assert not await Passwords().verify(None, "the password of nobody")
    assert verified[0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_any_login_is_answered(desk: Desk) -> None:
    for login in ("", "\0", "a" * 5000, "awa'--", "ÀWÀ", " ", "awa\n"):
        desk.clock.forward(minutes=1)
        assert (await desk.log_in(login, "faux")).status_code in {400, 401}, login


async def test_a_password_typed_with_other_code_points_still_fits() -> None:
    kept = hash_password("caf\u00e9 au lait du matin")
    assert await Passwords().verify(kept, "cafe\u0301 au lait du matin")
    assert not await Passwords().verify("not a hash", "x")


async def test_an_old_hash_is_renewed_at_the_next_login(desk: Desk) -> None:
    await desk.staff("awa")
    weak = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    async with desk.database.unit_of_work() as connection:
        await connection.execute(text("UPDATE staff SET password_hash = :weak"), {"weak": weak})
    assert (await desk.log_in("awa")).status_code == 303
    assert str(await one(desk, "SELECT password_hash FROM staff")).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    desk.browser.cookies.clear()
    assert (await desk.log_in("awa")).status_code == 303


async def test_a_crowd_at_the_door_is_asked_to_come_back(desk: Desk) -> None:
    await desk.staff("awa")
    kept = hash_password("x")

    async def tried() -> bool:
        async with desk.finance.passwords.slot():
            return await desk.finance.passwords.verify(kept, "y")

    crowd = [asyncio.create_task(tried()) for _ in range(18)]
    await asyncio.sleep(0)
    with pytest.raises(PasswordsBusy):
        await tried()
    assert not any(await asyncio.gather(*crowd))
    assert not await tried()


async def test_a_crowd_at_the_door_costs_nobody_an_attempt(desk: Desk) -> None:
    await desk.staff("awa")
    async with AsyncExitStack() as crowd:
        for _ in range(AT_ONCE + WAITING_MAX):
            await crowd.enter_async_context(desk.finance.passwords.slot())
        for _ in range(FREE_OF_SOURCE + 1):
            answer = await desk.log_in("awa")
            assert (answer.status_code, "Trop de connexions" in answer.text) == (503, True)
        assert await one(desk, "SELECT sum(failures) FROM login_attempt") == 0
    assert (await desk.log_in("awa")).status_code == 303


async def test_a_signature_at_the_command_line_has_its_own_count_that_no_guess_from_the_network_slows(
    desk: Desk,
) -> None:
    await desk.staff("awa", Role.AUDITOR)

    async def signed(password: str, login: str = "awa") -> Role | None:
        return await desk.finance.logins.role_of(LoginForm(login, password, "command/uid-0"), desk.clock.now())

    for _ in range(20):
        await desk.log_in("awa", "faux")
    assert await signed(PASSWORD) is Role.AUDITOR
    assert await signed(PASSWORD, "nobody") is None
    for _ in range(FREE_OF_ONE):
        assert await signed("faux") is None
    with pytest.raises(MustWait) as told:
        await signed(PASSWORD)
    assert told.value.wait_s == 2
    desk.clock.forward(seconds=2)
    assert await signed(PASSWORD) is Role.AUDITOR
    assert await one(desk, "SELECT count(*) FROM staff_session") == 0


async def test_local_mode_works_without_tls_under_another_cookie(local_desk: Desk) -> None:
    await local_desk.staff("local", Role.FINANCE)
    form = await local_desk.browser.get("/finance/connexion")
    fields = {"csrf": csrf_of(form), "login": "local", "password": PASSWORD}
    answer = await local_desk.browser.post(
        "/finance/connexion", data=fields, headers={"Origin": "http://127.0.0.1:8000"}
    )
    assert answer.status_code == 303
    given = next(value for value in answer.headers.get_list("set-cookie") if value.startswith("ramu="))
    assert "Secure" not in given
    assert await is_inside(local_desk)
