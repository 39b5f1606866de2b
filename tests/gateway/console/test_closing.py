"""A day is closed in the console, and shown afterwards as it was signed, with what came later beside it."""

import csv
import io
import json
import re
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest
from sqlalchemy import text

from gateway.console.auth.roles import Role
from gateway.money.close_day import DayToClose, close
from gateway.reports.evidence import seal_of
from payments.reconciliation import late
from tests.gateway.console.desk import PASSWORD, Desk, figures_of
from tests.gateway.reports.built_days import Deal, Fate, MadeDay, park_a_callback

DAY = date(2026, 11, 20)
NEXT = DAY + timedelta(days=1)
AT = datetime(2026, 11, 20, 10, tzinfo=UTC)


async def write(desk: Desk, day: date, *deals: Deal, opening_xof: int | None = 0) -> None:
    async with desk.database.unit_of_work() as connection:
        await MadeDay(connection, day, "sandbox", desk.clock.now(), opening_xof=opening_xof).write(list(deals))


async def page_of(desk: Desk, day: date = DAY) -> str:
    return (await desk.browser.get(f"/finance/?jour={day}")).text


def breaks_of(page: str) -> str:
    """Read the part of a day's page that lists its breaks."""
    return page.partition('id="breaks"')[2].partition("</section>")[0]


async def sign(desk: Desk, day: date = DAY, password: str = PASSWORD, remarks: str = "") -> httpx.Response:
    form = {"csrf": await desk.csrf(), "jour": str(day), "password": password, "remarks": remarks}
    return await desk.post("/finance/cloture", form)


async def file_of(desk: Desk, query: str = "") -> list[dict[str, str]]:
    content = (await desk.browser.get(f"/finance/jour.csv?jour={DAY}{query}")).content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(content, newline=""), delimiter=";"))


async def test_a_whole_day_is_closed_by_a_password_given_once_more(desk: Desk) -> None:
    await desk.enter()
    await write(desk, DAY, Deal(Fate.MATCHED, 5_000, 1, 1))
    before = await page_of(desk)
    assert 'id="prevents"' not in before
    assert "Clore la journée du 20/11/2026" in before
    answer = await sign(desk)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/finance/?jour={DAY}&close=1")
    after = (await desk.browser.get(answer.headers["location"])).text
    assert 'role="status" id="closed"' in after
    assert "Journée scellée" in after
    assert "/finance/cloture" not in after
    assert (await desk.audited())[-2:] == [
        ("staff/awa.finance", "password.confirmed", "staff/awa.finance"),
        ("staff/awa.finance", "day.closed", f"day/{DAY}"),
    ]
    twice = await sign(desk)
    assert twice.status_code == 409
    assert "est déjà close" in twice.text


@pytest.mark.parametrize("password", ["", "une autre phrase de passe"])
async def test_nothing_is_closed_without_the_right_password(desk: Desk, password: str) -> None:
    await desk.enter()
    await write(desk, DAY, Deal(Fate.MATCHED, 5_000, 1, 1))
    answer = await sign(desk, password=password, remarks="ce que j'avais écrit")
    assert answer.status_code == 422
    assert re.search(r'<input id="password"[^>]+aria-invalid="true"[^>]+aria-describedby="signing fault"', answer.text)
    assert "ce que j&#39;avais écrit</textarea>" in answer.text
    assert PASSWORD not in answer.text
    assert "Journée ouverte" in await page_of(desk)
    assert [action for _, action, _ in await desk.audited()][-1] == "login.failed"


async def test_guessing_at_the_form_is_slowed_as_at_the_login(desk: Desk) -> None:
    await desk.enter()
    await write(desk, DAY, Deal(Fate.MATCHED, 5_000, 1, 1))
    statuses = [(await sign(desk, password=f"faux {number}")).status_code for number in range(12)]
    assert statuses[0] == 422
    assert 429 in statuses
    assert (await sign(desk)).status_code == 429


@pytest.mark.parametrize("role", [Role.DESK, Role.AUDITOR, Role.ADMIN])
async def test_who_may_not_close_is_shown_no_form_and_refused(desk: Desk, role: Role) -> None:
    await write(desk, DAY, Deal(Fate.MATCHED, 5_000, 1, 1))
    await desk.enter(role)
    assert "/finance/cloture" not in await page_of(desk)
    assert (await sign(desk)).status_code == 403


async def test_what_prevents_closing_is_listed_and_a_remark_explains_it(desk: Desk) -> None:
    await desk.enter()
    async with desk.database.unit_of_work() as connection:
        made = MadeDay(connection, DAY, "sandbox", desk.clock.now())
        made.line(made.file(), "X1", 450, AT, "matched")
        await made.keep()
        await MadeDay(connection, DAY, "autre", desk.clock.now()).pay("T1", 5_000, AT)
    before = (await page_of(desk)).replace("\u202f", " ").replace("\u00a0", " ").replace("&nbsp;", " ")
    listed = before.partition('id="prevents"')[2].partition("</ul>")[0]
    assert "450 F de" in listed
    assert "le relevé de autre manque" in listed
    refused = await sign(desk)
    assert refused.status_code == 409
    assert re.search(r'<textarea id="remarks"[^>]+aria-invalid="true"', refused.text)
    assert (await sign(desk, remarks="le relevé viendra <demain>")).status_code == 303
    assert "«&nbsp;le relevé viendra &lt;demain&gt;&nbsp;»" in await page_of(desk)


async def test_days_are_closed_in_their_order_and_the_one_to_close_first_is_named(desk: Desk) -> None:
    await desk.enter()
    for day in (DAY, NEXT):
        await write(desk, day, Deal(Fate.MATCHED, 5_000, 1, 1))
    page = await page_of(desk, NEXT)
    assert "celle du 20/11/2026 est encore ouverte" in page
    assert f'href="/finance/?jour={DAY}#closing"' in page
    assert 'action="/finance/cloture"' not in page
    assert (await sign(desk, NEXT)).status_code == 409
    assert (await sign(desk, DAY)).status_code == 303
    assert (await sign(desk, NEXT)).status_code == 303
    today = await sign(desk, desk.clock.now().date())
    assert "n\u2019est pas finie" in today.text
    for impossible in ("", "hier", "2026-11-24", "31/02/2026"):
        form = {"csrf": await desk.csrf(), "jour": impossible, "password": PASSWORD, "remarks": ""}
        assert (await desk.post("/finance/cloture", form)).status_code == 400


async def test_the_hash_is_whole_and_in_groups_and_nothing_precedes_the_first_day(desk: Desk) -> None:
    await desk.enter()
    for day in (DAY, NEXT):
        await write(desk, day, Deal(Fate.MATCHED, 5_000, 1, 1))
    sealed = [await close(desk.recon, DayToClose(day, "staff/awa")) for day in (DAY, NEXT)]
    first, second = await page_of(desk), await page_of(desk, NEXT)
    hashes = [re.findall(r'<code class="hash">([0-9a-f ]+)</code>', page) for page in (first, second)]
    assert [one.replace(" ", "") for one in hashes[0]] == [sealed[0].sha256.hex()]
    assert [one.replace(" ", "") for one in hashes[1]] == [sealed[1].sha256.hex(), sealed[0].sha256.hex()]
    assert all(re.fullmatch(r"[0-9a-f]{8}( [0-9a-f]{8}){7}", one) for one in hashes[0] + hashes[1])
    assert "rien ne la précède" in first
    assert "rien ne la précède" not in second


async def test_a_closed_day_shows_what_was_signed_and_what_came_after_stands_beside_it(desk: Desk) -> None:
    await desk.enter()
    await write(desk, DAY, Deal(Fate.MATCHED, 5_000, 1, 1), Deal(Fate.AMOUNT_OPEN, 12_000, 10_000, 2))
    sealed = await close(desk.recon, DayToClose(DAY, "staff/awa"))
    signed = await page_of(desk)
    assert 'id="since"' not in signed
    figures, (row,) = figures_of(signed), await file_of(desk)
    desk.clock.forward(minutes=10)
    async with desk.database.unit_of_work() as connection:
        made = MadeDay(connection, DAY, "sandbox", desk.clock.now())
        await made.pay("T-LATE", 700, AT)
        assert await late.sweep(connection, sealed.seq, desk.clock.now(), desk.clock.now()) == 1
    page = await page_of(desk)
    assert figures_of(page) == figures
    since = page.partition('id="since"')[2]
    assert "Depuis la clôture" in since
    moved = re.findall(r'data-moved="(\w+)"', since)
    assert moved == ["posted_xof", "posted_count", "unexplained_xof"]
    posted = since.partition('data-moved="posted_xof"')[2].partition("</tr>")[0]
    sealed_xof = figures["sandbox"]["posted_xof"]
    assert sealed_xof is not None
    assert re.findall(r'<data value="(-?\d+)"', posted) == [str(sealed_xof), str(sealed_xof + 700), "700"]
    assert "Arrivé après la clôture de sa journée" in since.partition('id="breaks"')[0]
    assert "Arrivé après la clôture de sa journée" not in since.partition('id="breaks"')[2]
    assert await file_of(desk) == [row]
    assert row["Chiffres"].startswith("scellés le 23/11/2026")
    (present,) = await file_of(desk, "&chiffres=actuels")
    assert present["Chiffres"] == "actuels"
    assert int(present["Passé aux ménages (F)"]) == sealed_xof + 700
    assert (await desk.browser.get(f"/finance/jour.csv?jour={DAY}&chiffres=x")).status_code == 400


async def test_an_open_day_is_exported_as_the_books_stand(desk: Desk) -> None:
    await desk.enter()
    await write(desk, DAY, Deal(Fate.MATCHED, 5_000, 1, 1))
    (row,) = await file_of(desk)
    assert row["Chiffres"] == "actuels"


async def test_a_break_that_was_closed_after_the_signing_is_shown_open_as_it_was(desk: Desk) -> None:
    await desk.enter()
    await write(desk, DAY, Deal(Fate.LEDGER_ONLY, 12_000, 1, 2))
    await close(desk.recon, DayToClose(DAY, "staff/awa"))
    breaks = breaks_of(await page_of(desk))
    assert "tels qu\u2019ils ont été signés" in breaks
    assert "Passé chez nous, absent du relevé" in breaks
    desk.clock.forward(minutes=10)
    async with desk.database.unit_of_work() as connection:
        await connection.execute(
            text(
                "UPDATE reconciliation_break SET closed_at = :now, close_reason = 'explained' WHERE closed_at IS NULL"
            ),
            {"now": desk.clock.now()},
        )
        assert await connection.scalar(text("SELECT count(*) FROM reconciliation_break WHERE closed_at IS NULL")) == 0
    assert breaks_of(await page_of(desk)) == breaks


async def test_a_report_of_a_form_that_is_not_known_is_said_and_never_shown_as_signed(desk: Desk) -> None:
    await desk.enter()
    await write(desk, DAY, Deal(Fate.MATCHED, 5_000, 1, 1))
    async with desk.database.single() as connection:
        assert await seal_of(connection, DAY) is None
    async with desk.database.unit_of_work() as connection:
        await connection.execute(
            text(
                "INSERT INTO day_report (day, seq, content, previous_sha256, sha256, ledger_head_sha256, closed_by,"
                " closed_at) VALUES (:day, 1, :content, '', decode(repeat('ab', 32), 'hex'), '', 'staff/awa', :now)"
            ),
            {"day": DAY, "content": json.dumps({"version": 99, "rows": []}), "now": desk.clock.now()},
        )
    page = await page_of(desk)
    assert "Le rapport scellé ne se lit pas" in page
    assert "tel qu\u2019il a été signé" not in page
    (row,) = await file_of(desk)
    assert row["Chiffres"] == "actuels"


async def test_what_could_not_be_read_belongs_to_the_day_on_which_it_came(desk: Desk) -> None:
    await desk.enter()
    async with desk.database.unit_of_work() as connection:
        await park_a_callback(connection, AT)
    assert "élément de ce jour mis de côté" in await page_of(desk)
    for other in (NEXT, desk.clock.now().date()):
        assert "élément de ce jour" not in await page_of(desk, other)
