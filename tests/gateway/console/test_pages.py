import csv
import io
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from gateway.console.auth.roles import Role
from gateway.reports.day import day_report
from payments.requests.trouble import Trouble, TroubleKind, over, say
from tests.gateway.console.desk import Desk, figures_of
from tests.gateway.reports.built_days import DEALS, Deal, Fate, MadeDay, park_a_callback

DAY = date(2026, 11, 20)
AT = datetime(2026, 11, 20, 10, tzinfo=UTC)

TITLES = {
    "operator_amount_xof": "L'opérateur dit (F)",
    "posted_xof": "Passé aux ménages (F)",
    "suspense_xof": "En attente (F)",
    "breaks_xof": "Écarts (F)",
    "unexplained_xof": "Inexpliqué (F)",
    "fees_xof": "Frais de l'opérateur (F)",
}


def rows_of(content: bytes) -> dict[str, dict[str, str]]:
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";")
    return {row["Opérateur"]: row for row in rows}


async def test_page_file_and_report_say_the_same_to_the_franc(desk: Desk) -> None:
    await desk.enter()
    drawn: list[tuple[list[Deal], list[Deal]]] = []

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(one=DEALS, other=DEALS)
    def choose(one: list[Deal], other: list[Deal]) -> None:
        drawn.append((one, other))

    choose()
    day, seen = date(2023, 1, 1), Counter[Fate]()
    for one, other in drawn:
        day += timedelta(days=3)
        async with desk.database.unit_of_work() as connection:
            seen += (await MadeDay(connection, day, "sandbox", desk.clock.now()).write(one)).fates
            seen += (await MadeDay(connection, day, "second", desk.clock.now()).write(other)).fates
        async with desk.database.single() as connection:
            report = await day_report(connection, day, {"sandbox"})
        page = figures_of((await desk.browser.get(f"/finance/?jour={day}")).text)
        file = rows_of((await desk.browser.get(f"/finance/jour.csv?jour={day}")).content)
        assert set(page) == {"sandbox", "second", ""}
        assert set(file) == {"sandbox", "second"}
        for row in report.rows:
            reported = {name: getattr(row, name) for name in TITLES}
            shown = {**page[row.operator], "fees_xof": -(page[row.operator]["fees_xof"] or 0)}
            assert {name: shown[name] for name in TITLES} == reported
            steps = ("opening_xof", "collections_xof", "reversals_xof", "fees_xof", "transfers_xof", "others_xof")
            assert sum(page[row.operator][name] or 0 for name in steps) == page[row.operator]["closing_xof"]
            assert {name: int(file[row.operator][title]) for name, title in TITLES.items()} == reported
            assert reported["unexplained_xof"] == 0
        for name in TITLES.keys() - {"fees_xof"}:
            assert page[""][name] == sum(int(row[TITLES[name]]) for row in file.values())
    with_breaks = seen[Fate.AMOUNT_OPEN] + seen[Fate.LEDGER_ONLY] + seen[Fate.REVERSED]
    assert with_breaks >= 10
    assert seen[Fate.SUSPENSE] >= 5


@pytest.mark.parametrize(
    ("written", "status"),
    [("nothing", "awaited"), ("matched", "balanced"), ("suspense", "explained"), ("strange", "unexplained")],
)
async def test_the_status_of_a_day_is_said_in_a_word_and_a_colour(desk: Desk, written: str, status: str) -> None:
    await desk.enter()
    async with desk.database.unit_of_work() as connection:
        made = MadeDay(connection, DAY, "sandbox", desk.clock.now())
        if written != "nothing":
            made.line(made.file(), "T1", 5000, AT, "matched")
            await made.keep()
        if written in {"matched", "suspense"}:
            await made.pay("T1", 5000, AT, party_id=7 if written == "matched" else None)
    page = (await desk.browser.get(f"/finance/?jour={DAY}")).text
    assert f'data-status="{status}"' in page


async def test_differences_of_two_operators_that_add_up_to_zero_are_no_balance(desk: Desk) -> None:
    await desk.enter()
    async with desk.database.unit_of_work() as connection:
        for operator in ("sandbox", "autre"):
            made = MadeDay(connection, DAY, operator, desk.clock.now())
            file = made.file()
            if operator == "sandbox":
                made.line(file, "T1", 5000, AT, "matched")
            else:
                await made.pay("T1", 5000, AT, party_id=7)
            await made.keep()
    page = (await desk.browser.get(f"/finance/?jour={DAY}")).text
    assert figures_of(page)[""]["unexplained_xof"] == 0
    assert 'data-status="unexplained"' in page


async def test_today_is_shown_when_no_day_is_asked_for(desk: Desk) -> None:
    await desk.enter()
    page = (await desk.browser.get("/finance/")).text
    assert "lundi 23 novembre 2026" in page
    assert 'href="/finance/?jour=2026-11-22"' in page
    assert "jour=2026-11-24" not in page


IMPOSSIBLE_DAYS = (
    "jour=", "jour=hier", "jour=2026-13-01", "jour=2026-02-30", "jour=20261120", "jour=2026-W47-5", "jour=2026-11-24",
    "jour=9999-12-31", "jour=0001-01-01", "jour=2019-12-31", "jour=2026-11-20&jour=2026-11-21", "jour=%00",
    "jour=\uff12\uff10\uff12\uff16-11-20", "jour=2026-11-20%20", "jour=%ff",
)  # fmt: skip


@pytest.mark.parametrize("path", ["/finance/", "/finance/jour.csv"])
async def test_a_day_that_cannot_be_is_answered_with_a_sentence(desk: Desk, path: str) -> None:
    await desk.enter()
    for query in IMPOSSIBLE_DAYS:
        answer = await desk.browser.get(f"{path}?{query}")
        assert answer.status_code == 400, query
        assert "Jour impossible" in answer.text


async def test_parked_callbacks_are_counted_on_the_page(desk: Desk) -> None:
    await desk.enter()
    async with desk.database.unit_of_work() as connection:
        await park_a_callback(connection, desk.clock.now())
    assert "élément de ce jour mis de côté" in (await desk.browser.get("/finance/")).text
    assert 'id="parked"' in (await desk.browser.get("/finance/ecarts")).text


async def test_an_operator_that_refuses_us_is_said_on_the_day_and_among_the_breaks(desk: Desk) -> None:
    await desk.enter()
    refused = Trouble(TroubleKind.REFUSES_US, "HTTP 401 clientAuthorisationError")
    async with desk.database.unit_of_work() as connection:
        await say(connection, "sandbox", "submit", refused, desk.clock.now())
    for path in ("/finance/", "/finance/ecarts"):
        page = (await desk.browser.get(path)).text
        assert 'data-trouble="sandbox"' in page
        assert "nous refuse" in page
        assert "HTTP 401 clientAuthorisationError" in page
    async with desk.database.unit_of_work() as connection:
        await over(connection, "sandbox", "submit", desk.clock.now())
    assert "data-trouble" not in (await desk.browser.get("/finance/")).text


async def test_breaks_and_suspense_are_listed_in_words_with_numbers_hidden(desk: Desk) -> None:
    await desk.enter()
    async with desk.database.unit_of_work() as connection:
        made = MadeDay(connection, DAY, "sandbox", desk.clock.now())
        await made.difference("LEDGER_ONLY", "T9", -400)
        await made.difference("STATUS", "T8", 1)
        await made.pay("T1", 5000, AT, party_id=None)
    breaks = (await desk.browser.get("/finance/ecarts")).text
    assert "Passé chez nous, absent du relevé" in breaks
    assert "États contradictoires" in breaks
    assert "3\u00a0jours" in breaks
    suspense = (await desk.browser.get("/finance/attente")).text
    assert "+223 ** ** *4 56" in suspense
    assert "70123456" not in suspense
    assert "diffèrent" not in suspense
    exported = (await desk.browser.get("/finance/attente.csv")).content.decode("utf-8-sig")
    assert ";223 ** ** *4 56;" in exported
    written = (await desk.browser.get("/finance/ecarts.csv")).content.decode("utf-8-sig")
    assert ";Passé chez nous, absent du relevé;" in written
    assert ";États contradictoires;" in written
    assert "Responsable" not in written


async def test_one_request_is_counted_in_the_singular(desk: Desk) -> None:
    await desk.enter()
    async with desk.database.unit_of_work() as connection:
        made = MadeDay(connection, DAY, "sandbox", desk.clock.now())
        await made.ask("succeeded", 300, AT)
        await made.ask("failed", 300, AT)
        await made.ask("failed", 300, AT)
    page = (await desk.browser.get(f"/finance/?jour={DAY}")).text
    assert "<dt>1 payée</dt>" in page
    assert "<dt>2 refusées ou abandonnées</dt>" in page


async def test_the_balance_names_the_accounts(desk: Desk) -> None:
    await desk.enter()
    async with desk.database.unit_of_work() as connection:
        await MadeDay(connection, DAY, "sandbox", desk.clock.now()).pay("T1", 5000, AT)
    page = (await desk.browser.get("/finance/balance")).text
    assert "Cotisations des ménages" in page
    assert "débiteur" in page
    assert "créditeur" in page
    assert "La balance n" not in page


async def test_what_people_and_operators_wrote_cannot_become_markup(desk: Desk) -> None:
    evil = "<script>alert(1)</script>"
    await desk.staff("mechant", Role.FINANCE, name=evil)
    await desk.log_in("mechant")
    async with desk.database.unit_of_work() as connection:
        made = MadeDay(connection, DAY, "sandbox", desk.clock.now())
        await made.difference("AMOUNT", evil, 5)
        made.file()
        await made.keep(filename=f"{evil}.csv")
        await made.pay(evil, 5000, AT, party_id=None)
    for path in (f"/finance/?jour={DAY}", "/finance/ecarts", "/finance/attente", "/finance/releves"):
        page = (await desk.browser.get(path)).text
        assert "<script" not in page
        assert "&lt;script&gt;" in page


async def test_the_local_banner_stands_on_every_page_and_only_in_local_mode(desk: Desk, local_desk: Desk) -> None:
    banner = "données fictives"
    await desk.enter()
    assert banner not in (await desk.browser.get("/finance/")).text
    assert banner in (await local_desk.browser.get("/finance/connexion")).text
    form = {"csrf": "x", "login": "a", "password": "b"}
    assert banner in (await local_desk.post("/finance/connexion", form)).text


async def test_every_export_is_kept_with_its_author(desk: Desk) -> None:
    await desk.enter()
    answer = await desk.browser.get(f"/finance/jour.csv?jour={DAY}")
    assert answer.headers["content-disposition"] == f'attachment; filename="rapprochement-{DAY}.csv"'
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert ("staff/awa.finance", "report.exported", f"report/rapprochement-{DAY}") in await desk.audited()


async def test_what_came_after_the_last_statement_is_named_so_on_page_and_file(desk: Desk) -> None:
    await desk.enter()
    midnight = datetime.combine(DAY, time(), UTC)
    until = timedelta(hours=22, minutes=49)
    async with desk.database.unit_of_work() as connection:
        made = MadeDay(connection, DAY, "sandbox", midnight + timedelta(days=2), lasts=until)
        await made.pay("I1", 1_000, midnight)
        await made.pay("I2", 200, midnight + until)
        made.line(made.file(), "I1", 1_000, midnight, "matched")
        await made.keep()
    page = (await desk.browser.get(f"/finance/?jour={DAY}")).text.replace("&nbsp;", " ")
    assert "reçu après le relevé de 22 h 49" in page
    row = rows_of((await desk.browser.get(f"/finance/jour.csv?jour={DAY}")).content)["sandbox"]
    assert (row["Relevé jusqu'à (UTC)"], row["Reçu après le relevé (F)"]) == ("2026-11-20 22:49:00+00:00", "200")
    assert (row["Inexpliqué (F)"], row["Inexpliqué jusqu'au relevé (F)"]) == ("", "0")
