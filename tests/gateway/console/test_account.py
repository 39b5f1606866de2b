"""A colleague's own password: chosen at the first login, changed at any time, known to nobody else."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import text

from gateway.console.auth.passwords import hash_password
from gateway.console.auth.roles import Role
from gateway.console.auth.staff import ONE_TIME_LIFETIME, NewStaff, add, renew
from gateway.console.routes import GUARDED
from tests.gateway.console.desk import PASSWORD, Desk, address_of

GIVEN = "K7QM-9XTR-4WBC-2NHP"
OWN = "le marigot est plein ce soir"
_GIVEN_HASH = hash_password(GIVEN)


async def newcomer(desk: Desk, role: Role = Role.FINANCE) -> None:
    async with desk.database.unit_of_work() as connection:
        until = desk.clock.now() + ONE_TIME_LIFETIME
        await add(connection, NewStaff("sira", "Sira Touré", role, _GIVEN_HASH, until), "test", desk.clock.now())


async def choose(desk: Desk, current: str, new: str, again: str | None = None) -> tuple[int, str]:
    form = {"csrf": await desk.csrf(), "current": current, "new": new, "again": new if again is None else again}
    answer = await desk.post("/finance/compte", form)
    return answer.status_code, answer.headers.get("location") or answer.text


async def test_whoever_was_given_a_password_chooses_her_own_before_anything_else(desk: Desk) -> None:
    await newcomer(desk)
    assert (await desk.log_in("sira", GIVEN)).headers["location"] == "/finance/"
    for guarded in GUARDED:
        if guarded.path in {"/finance/compte", "/finance/deconnexion"}:
            continue
        path = address_of(guarded.path)
        answer = await (desk.browser.get(path) if guarded.method == "GET" else desk.post(path, {"csrf": "x"}))
        assert (answer.status_code, answer.headers["location"]) == (303, "/finance/compte"), path
    page = (await desk.browser.get("/finance/compte")).text
    assert "Choisissez votre mot de passe" in page
    assert "<nav" not in page
    assert await choose(desk, GIVEN, OWN) == (303, "/finance/")
    assert (await desk.browser.get("/finance/")).status_code == 200
    assert (await desk.audited())[-1] == ("staff/sira", "password.changed", "staff/sira")
    await desk.post("/finance/deconnexion", {"csrf": await desk.csrf()})
    assert (await desk.log_in("sira", GIVEN)).status_code == 401
    assert (await desk.log_in("sira", OWN)).status_code == 303


async def test_a_password_that_nobody_changed_in_time_is_worth_nothing(desk: Desk) -> None:
    await newcomer(desk)
    desk.clock.moment += ONE_TIME_LIFETIME - timedelta(seconds=1)
    assert (await desk.log_in("sira", GIVEN)).status_code == 303
    desk.browser.cookies.clear()
    desk.clock.forward(seconds=1)
    late = await desk.log_in("sira", GIVEN)
    assert late.status_code == 401
    assert "périmé" in late.text
    guessed = await desk.log_in("sira", "autre chose que cela")
    assert "périmé" not in guessed.text


async def test_a_colleague_changes_her_password_and_her_other_logins_end(desk: Desk) -> None:
    await desk.enter()
    other = dict(desk.browser.cookies)
    desk.browser.cookies.clear()
    assert (await desk.log_in("awa.finance")).status_code == 303
    assert await choose(desk, PASSWORD, OWN) == (303, "/finance/compte?change=1")
    changed = (await desk.browser.get("/finance/compte?change=1")).text
    assert 'role="status"' in changed
    assert "Mot de passe changé" in changed
    async with desk.database.single() as connection:
        for table in ("staff_session", "staff_device"):
            assert await connection.scalar(text(f"SELECT count(*) FROM {table}")) == 1  # noqa: S608 - our tables
    desk.browser.cookies.clear()
    for name, value in other.items():
        desk.browser.cookies.set(name, value)
    assert (await desk.browser.get("/finance/")).headers["location"] == "/finance/connexion"


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        (("faux", OWN, OWN), "current", "pas votre mot de passe actuel"),
        ((PASSWORD, OWN, OWN + "x"), "again", "diffèrent"),
        ((PASSWORD, PASSWORD, PASSWORD), "new", "est l\u2019ancien"),
        ((PASSWORD, "court", "court"), "new", "de 15 à 200"),
        ((PASSWORD, "awa.finance awa.finance", "awa.finance awa.finance"), "new", "se devine"),
    ],
)
async def test_what_is_wrong_is_said_at_its_field_and_nothing_typed_comes_back(
    desk: Desk, typed: tuple[str, str, str], field: str, said: str
) -> None:
    await desk.enter()
    status, page = await choose(desk, *typed)
    assert status == 422
    assert said in page
    assert re.search(rf'<input id="{field}"[^>]+aria-invalid="true"[^>]+aria-describedby="[^"]*fault"', page)
    assert page.count('aria-invalid="true"') == 1
    assert typed[0] not in page
    desk.browser.cookies.clear()
    assert (await desk.log_in("awa.finance")).status_code == 303


async def test_guesses_at_the_present_password_are_slowed(desk: Desk) -> None:
    await desk.enter()
    statuses = [(await choose(desk, f"faux {number}", OWN))[0] for number in range(12)]
    assert statuses[0] == 422
    assert statuses[-1] == 429


async def test_a_role_without_pages_gets_none_in_its_menu_and_lands_on_its_account(desk: Desk) -> None:
    await desk.enter(Role.ADMIN)
    home = await desk.browser.get("/finance/")
    assert (home.status_code, home.headers["location"]) == (303, "/finance/compte")
    page = (await desk.browser.get("/finance/compte")).text
    assert "administrateur" in page
    assert "<nav" not in page
    refused = await desk.browser.get("/finance/ecarts")
    assert refused.status_code == 403
    assert "<nav" not in refused.text
    assert '<a href="/finance/compte">Mon compte</a>' in refused.text


async def test_a_renewed_password_must_be_changed_too(desk: Desk) -> None:
    await desk.enter()
    async with desk.database.unit_of_work() as connection:
        await renew(connection, "awa.finance", _GIVEN_HASH, "test", desk.clock.now())
    assert (await desk.browser.get("/finance/")).headers["location"] == "/finance/connexion"
    await desk.log_in("awa.finance", GIVEN)
    assert (await desk.browser.get("/finance/")).headers["location"] == "/finance/compte"
