from io import BytesIO

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import event

from gateway.console.auth.roles import RIGHTS, Right, Role
from gateway.console.guard import HOME_PATH, HSTS, POLICY_HEADER, POLICY_WITH_SCRIPT, SECURITY_HEADERS
from gateway.console.routes import GUARDED, router
from gateway.infra.database import Pool, Timeouts, open_database
from gateway.money.import_statement import receive
from payments.reconciliation.uploads import new_upload
from tests.fixed import CountedIds, TestClock
from tests.gateway.console.desk import ORIGIN, Desk, address_of, csrf_of, open_desk
from tests.gateway.reports.built_days import park_a_callback
from tests.stories import credited
from tests.world import AMINATA, World

PUBLIC = {
    ("GET", "/finance"),
    ("GET", "/finance/connexion"),
    ("POST", "/finance/connexion"),
    ("GET", "/finance/static/{name}"),
}
PAGES = [(guarded.method, guarded.path) for guarded in GUARDED]


async def ask(desk: Desk, method: str, path: str, **form: str) -> httpx.Response:
    if method == "GET":
        return await desk.browser.get(path)
    return await desk.post(path, form)


def assert_sealed(answer: httpx.Response) -> None:
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value or (name, answer.headers[name]) == (POLICY_HEADER, POLICY_WITH_SCRIPT)
    assert answer.headers["Strict-Transport-Security"] == HSTS
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Cache-Control"]


def test_every_route_is_public_by_name_or_stands_behind_the_door(desk: Desk) -> None:
    routes = [route for route in router(desk.finance).routes if isinstance(route, APIRoute)]
    assert {(method, route.path) for route in routes for method in route.methods} == PUBLIC | set(PAGES)


async def test_a_stranger_is_sent_to_the_login_under_every_header(desk: Desk) -> None:
    for method, path in PAGES:
        answer = await ask(desk, method, path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/finance/connexion"), path
        assert_sealed(answer)
        assert answer.headers["Cache-Control"] == "no-store"


async def test_a_stranger_costs_no_connection_to_the_database(desk: Desk) -> None:
    taken: list[object] = []
    event.listen(desk.finance.deps.console_db.engine.sync_engine, "checkout", lambda *given: taken.append(given))
    for path in ("/finance/", "/finance/connexion", "/finance/releves"):
        await desk.browser.get(path)
    assert taken == []
    await desk.enter(Role.FINANCE)
    await desk.browser.get("/finance/")
    assert taken


@pytest.mark.parametrize("role", Role)
async def test_each_role_gets_what_its_rights_say_and_no_more(world: World, desk: Desk, role: Role) -> None:
    await credited(world, AMINATA, 1_000, "MP-1")
    await desk.enter(role)
    await receive(desk.database, new_upload("sandbox", "releve.csv", BytesIO(b"1"), "staff/test"), desk.clock.now())
    await desk.database.transact(lambda connection: park_a_callback(connection, desk.clock.now()))
    for guarded in GUARDED:
        answer = await ask(desk, guarded.method, address_of(guarded.path), csrf="wrong")
        assert_sealed(answer)
        allowed = guarded.right in RIGHTS[role]
        if guarded.path == HOME_PATH and not allowed:
            assert (answer.status_code, answer.headers["location"]) == (303, "/finance/compte")
        elif guarded.method == "GET":
            assert answer.status_code == (200 if allowed else 403), guarded
            assert answer.headers["Cache-Control"] == "no-store"
        else:
            assert answer.status_code == 403
            assert ("Formulaire périmé" if allowed else "Accès refusé") in answer.text, guarded


def test_the_administrator_sees_no_money_and_the_auditor_changes_none() -> None:
    assert RIGHTS[Role.ADMIN] == {Right.ENTER}
    assert Right.IMPORT not in RIGHTS[Role.AUDITOR]
    assert set(RIGHTS) == set(Role)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
        {"Origin": "https://ramu.test.evil.test"},
        {"Origin": "http://ramu.test"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.test", "Sec-Fetch-Site": "same-origin"},
    ],
)
async def test_a_form_from_elsewhere_is_refused_whatever_it_carries(desk: Desk, headers: dict[str, str]) -> None:
    await desk.enter()
    csrf = await desk.csrf()
    answer = await desk.browser.post("/finance/deconnexion", data={"csrf": csrf}, headers=headers)
    assert answer.status_code == 403
    assert (await desk.browser.get("/finance/")).status_code == 200
    form = await desk.browser.get("/finance/connexion")
    assert form.status_code == 303
    desk.browser.cookies.delete("__Host-ramu")
    form = await desk.browser.get("/finance/connexion")
    fields = {"csrf": csrf_of(form), "login": "awa.finance", "password": "x"}
    assert (await desk.browser.post("/finance/connexion", data=fields, headers=headers)).status_code == 403


async def test_a_browser_that_only_says_same_origin_is_heard(desk: Desk) -> None:
    await desk.enter()
    answer = await desk.browser.post(
        "/finance/deconnexion", data={"csrf": await desk.csrf()}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert answer.status_code == 303


async def test_a_form_without_the_right_token_does_nothing(desk: Desk) -> None:
    await desk.enter()
    for body in (b"", b"csrf=", b"csrf=wrong", b"csrf=%ff", b"csrf=a&csrf=b", b"other=1", b"\0\0"):
        answer = await desk.browser.post(
            "/finance/deconnexion",
            content=body,
            headers={"Origin": ORIGIN, "Content-Type": "application/x-www-form-urlencoded"},
        )
        assert answer.status_code in {400, 403}, body
        assert_sealed(answer)
    assert (await desk.browser.get("/finance/")).status_code == 200


async def test_the_token_of_one_login_is_worth_nothing_in_another(desk: Desk) -> None:
    await desk.enter(Role.DESK)
    csrf = await desk.csrf()
    await desk.post("/finance/deconnexion", {"csrf": csrf})
    await desk.enter(Role.FINANCE)
    assert (await desk.post("/finance/deconnexion", {"csrf": csrf})).status_code == 403


async def test_a_login_form_is_tied_to_the_browser_that_asked_for_it(desk: Desk) -> None:
    await desk.staff("awa")
    form = await desk.browser.get("/finance/connexion")
    desk.browser.cookies.clear()
    fields = {"csrf": csrf_of(form), "login": "awa", "password": "x"}
    assert (await desk.post("/finance/connexion", fields)).status_code == 403


async def test_public_pages_and_files_carry_the_headers_too(desk: Desk) -> None:
    for path in ("/finance", "/finance/connexion", "/finance/static/console.css", "/finance/static/none"):
        assert_sealed(await desk.browser.get(path))
    css = await desk.browser.get("/finance/static/console.css")
    assert css.headers["Content-Type"] == "text/css; charset=utf-8"
    assert "immutable" in css.headers["Cache-Control"]
    assert (await desk.browser.get("/finance/static/..%2froutes.py")).status_code == 404


async def test_pages_need_nothing_from_elsewhere_and_nothing_inline(world: World, desk: Desk) -> None:
    await credited(world, AMINATA, 1_000, "MP-1")
    pages = [(await desk.browser.get("/finance/connexion")).text]
    await desk.enter()
    await receive(desk.database, new_upload("sandbox", "releve.csv", BytesIO(b"1"), "staff/test"), desk.clock.now())
    pages += [(await desk.browser.get(address_of(guarded.path))).text for guarded in GUARDED if guarded.method == "GET"]
    for page in pages:
        # One page looks again by itself, by a file of ours.
        assert page.count("<script") == page.count('<script src="/finance/static/statement.js?') <= 1
        for forbidden in ("<style", " style=", " onclick=", "http://", "https://"):
            assert forbidden not in page


async def test_local_mode_promises_no_tls(local_desk: Desk) -> None:
    answer = await local_desk.browser.get("/finance/connexion")
    assert "Strict-Transport-Security" not in answer.headers


async def test_local_mode_answers_to_each_name_of_the_machine(local_desk: Desk) -> None:
    await local_desk.staff("local")
    local_desk.browser.base_url = httpx.URL("http://localhost:8000")
    form = await local_desk.browser.get("/finance/connexion")
    fields = {"csrf": csrf_of(form), "login": "local", "password": "x"}
    for origin, status in (("http://localhost:8000", 401), ("http://evil.test", 403)):
        answer = await local_desk.browser.post("/finance/connexion", data=fields, headers={"Origin": origin})
        assert answer.status_code == status
        fields["csrf"] = csrf_of(await local_desk.browser.get("/finance/connexion"))


@pytest.mark.parametrize(("method", "path"), [*PAGES, ("GET", "/finance/connexion")])
async def test_without_a_database_people_get_a_page_and_not_a_trace(
    clock: TestClock, ids: CountedIds, method: str, path: str
) -> None:
    nowhere = open_database("postgresql+psycopg://nobody@/none?host=/nonexistent", Pool(), Timeouts())
    async with open_desk(nowhere, clock, ids) as desk:
        desk.browser.cookies.set(desk.finance.cookies.session, "of a colleague")
        answer = await ask(desk, method, path)
    await nowhere.close()
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert "Service indisponible" in answer.text
    assert_sealed(answer)
