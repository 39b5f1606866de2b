import asyncio
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from gateway.finance import passwords
from gateway.finance.access import FAILURES_BEFORE_LOCK, FIRST_LOCK_S, LONGEST_LOCK_S, LoginForm, lock_s
from gateway.finance.passwords import AT_ONCE, WAITING_MAX, Passwords, PasswordsBusy, hash_password
from gateway.finance.roles import Role
from tests.gateway.finance.desk import PASSWORD, Desk, csrf_of


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


async def test_five_mistakes_close_the_door_even_for_the_right_password(desk: Desk) -> None:
    await desk.staff("awa")
    for _ in range(FAILURES_BEFORE_LOCK):
        assert (await desk.log_in("awa", "faux")).status_code == 401
    assert (await desk.log_in("awa")).status_code == 401
    desk.clock.forward(seconds=FIRST_LOCK_S - 1)
    assert (await desk.log_in("awa")).status_code == 401
    desk.clock.forward(seconds=1)
    assert (await desk.log_in("awa")).status_code == 303
    assert await one(desk, "SELECT failed_logins FROM staff") == 0


async def test_many_mistakes_at_once_cannot_slip_in_before_the_lock(desk: Desk) -> None:
    await desk.staff("awa")
    form = await desk.browser.get("/finance/connexion")

    async def wrong() -> int:
        fields = {"csrf": csrf_of(form), "login": "awa", "password": "faux"}
        return (await desk.post("/finance/connexion", fields)).status_code

    answers = await asyncio.gather(*(wrong() for _ in range(12)))
    assert set(answers) == {401}
    assert await one(desk, "SELECT failed_logins FROM staff") == FAILURES_BEFORE_LOCK
    looked_at = await one(desk, "SELECT count(*) FROM audit_event WHERE (detail ->> 'locked')::boolean IS FALSE")
    assert looked_at == FAILURES_BEFORE_LOCK


def test_the_door_stays_closed_longer_each_time_up_to_a_day() -> None:
    times = [lock_s(failures) for failures in range(5, 5000, 5)]
    assert times[:3] == [900, 1800, 3600]
    assert all(later >= earlier for earlier, later in pairwise(times))
    assert times[-1] == LONGEST_LOCK_S
    assert [lock_s(failures) for failures in (0, 1, 4, 6)] == [0, 0, 0, 0]


async def test_an_unknown_login_gets_the_same_page_and_is_not_written_down(desk: Desk) -> None:
    await desk.staff("awa")
    wrong, unknown = await desk.log_in("awa", "faux"), await desk.log_in("mon-mot-de-passe", "faux")
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert wrong.text.replace(csrf_of(wrong), "") == unknown.text.replace(csrf_of(unknown), "")
    assert not [row for row in await desk.audited() if "mot-de-passe" in str(row)]


async def test_an_unknown_login_costs_a_real_verification(monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[str] = []
    real = passwords._fits
    monkeypatch.setattr(passwords, "_fits", lambda kept, typed: verified.append(kept) or real(kept, typed))
    assert not await Passwords().verify(None, "the password of nobody")
    assert verified[0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_any_login_is_answered(desk: Desk) -> None:
    for login in ("", "\0", "a" * 5000, "awa'--", "ÀWÀ", " ", "awa\n"):
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
        async with desk.finance.passwords.place():
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
            await crowd.enter_async_context(desk.finance.passwords.place())
        for _ in range(FAILURES_BEFORE_LOCK):
            answer = await desk.log_in("awa")
            assert (answer.status_code, "Trop de connexions" in answer.text) == (503, True)
        assert await one(desk, "SELECT failed_logins FROM staff") == 0
    assert (await desk.log_in("awa")).status_code == 303


async def test_a_signature_away_from_the_console_counts_its_mistakes_like_a_login(desk: Desk) -> None:
    await desk.staff("awa", Role.AUDITOR)

    async def signed(password: str, login: str = "awa") -> Role | None:
        return await desk.finance.door.role_of(LoginForm(login, password, "command/uid-0", ""), desk.clock.now())

    assert await signed("faux") is None
    assert await one(desk, "SELECT failed_logins FROM staff") == 1
    assert await signed(PASSWORD) is Role.AUDITOR
    assert await one(desk, "SELECT failed_logins FROM staff") == 0
    assert await signed(PASSWORD, "nobody") is None
    for _ in range(FAILURES_BEFORE_LOCK):
        assert await signed("faux") is None
    assert await signed(PASSWORD) is None
    actions = [action for _, action, _ in await desk.audited()]
    assert actions[:3] == ["staff.added", "login.failed", "password.confirmed"]
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
