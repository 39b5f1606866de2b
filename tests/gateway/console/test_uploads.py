import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import insert, text

from gateway.console.auth.roles import Role
from gateway.console.routes import router
from gateway.console.upload_labels import REMARKS
from gateway.console.uploads import FILE_BYTES_MAX
from gateway.infra.reading import LINES_MAX
from gateway.money.import_statement import read_due
from payments.remarks import Remark
from payments.tables import DayReport
from tests.gateway.console.desk import ORIGIN, Desk, figures_of

STATEMENT = (
    "Opérateur;sandbox\nCompte;RAMU\nPériode début;2026-11-20\nPériode fin;2026-11-20\nSolde ouverture;0\n"
    "N°;Date;Heure;Référence;Service;Statut;Payeur;Référence marchand;Débit;Crédit;Référence liée\n"
    "1;2026-11-20;10:00:00;T1;Paiement marchand;Succès;70123456;;;5000;\n"
    "2;2026-11-20;10:00:01;T1F;Commission;Succès;;;50;;T1\n"
    "Total lignes;2\nTotal encaissements;5000\nTotal frais;50\nSolde clôture;4950\n"
).encode()


async def stored(desk: Desk) -> list[tuple[object, ...]]:
    async with desk.database.single() as connection:
        found = await connection.execute(text("SELECT filename, state, received_by FROM statement_upload ORDER BY id"))
        return [tuple(row) for row in found.all()]


async def test_an_upload_is_answered_with_the_address_of_its_page_and_stored_before_it_is_read(desk: Desk) -> None:
    await desk.enter()
    answer = await desk.send(STATEMENT, "C:\\releves\\jour <b>.csv")
    assert (answer.status_code, answer.headers["location"]) == (303, "/finance/releves/1")
    assert await stored(desk) == [("jour <b>.csv", "received", "staff/awa.finance")]
    waiting = await desk.browser.get("/finance/releves/1")
    assert 'http-equiv="refresh" content="2"' in waiting.text
    assert "en sûreté" in waiting.text
    assert "jour &lt;b&gt;.csv" in waiting.text
    assert (await desk.audited())[-1] == ("staff/awa.finance", "statement.received", "statement/sandbox/1")


async def test_a_statement_for_a_signed_day_says_so_on_its_page_and_on_the_page_of_the_day(desk: Desk) -> None:
    await desk.enter()
    desk.clock.moment = datetime(2026, 11, 23, 8, tzinfo=UTC)
    async with desk.database.unit_of_work() as connection:
        await connection.execute(
            insert(DayReport).values(
                day=date(2026, 11, 20), seq=1, content="{}", previous_sha256=b"", sha256=bytes(range(32)),
                ledger_head_sha256=b"", closed_by="staff/awa", closed_at=desk.clock.now(),
            )
        )  # fmt: skip
    desk.clock.forward(minutes=5)
    page = await desk.upload(STATEMENT)
    # The payment, and the commission that it cost.
    assert '<data value="2">2</data>&nbsp;opérations sont arrivées pour des journées déjà closes' in page.text
    assert 'touche <data value="1">1</data>&nbsp;journée déjà close' in page.text
    assert '<a href="/finance/?jour=2026-11-20#since">20/11/2026</a>' in page.text
    day = (await desk.browser.get("/finance/?jour=2026-11-20")).text
    assert '<data value="2">2</data>&nbsp;opérations sont arrivées après la clôture' in day
    assert "Arrivé après la clôture de sa journée" in day


async def test_a_page_whose_file_nobody_takes_says_what_it_waits_for_and_asks_less_often(desk: Desk) -> None:
    await desk.enter()
    await desk.send(STATEMENT)
    assert "ramu work" not in (await desk.browser.get("/finance/releves/1")).text
    desk.clock.forward(seconds=61)
    page = await desk.browser.get("/finance/releves/1")
    assert "ramu work" in page.text
    assert 'http-equiv="refresh" content="15"' in page.text
    for _ in range(2):
        desk.clock.forward(minutes=10)
        page = await desk.browser.get("/finance/releves/1")
    assert "http-equiv" not in page.text
    assert "rechargez cette page" in page.text


async def test_the_lines_of_a_file_are_told_by_bucket_once_the_jobs_have_worked(desk: Desk) -> None:
    await desk.enter()
    page = await desk.upload(STATEMENT)
    assert 'data-state="matched"' in page.text
    assert 'data-bucket="suspense"' in page.text
    assert '<data value="5000">' in page.text
    assert "http-equiv" not in page.text


async def test_what_was_odd_about_lines_is_said_and_keeps_none_from_being_read(desk: Desk) -> None:
    await desk.enter()
    page = await desk.upload(STATEMENT.replace(b"70123456", b"2,2370E+10").replace(b";T1;P", b";'T1;P"))
    assert 'data-state="matched"' in page.text
    assert 'data-remark="payer_cut"' in page.text
    assert "coupé par un tableur" in page.text
    assert "ligne 7" in page.text
    assert 'data-remark="id_cleaned"' in page.text
    assert set(REMARKS) == set(Remark)


async def test_a_file_half_matched_shows_how_far_it_is(desk: Desk) -> None:
    await desk.enter()
    await desk.send(STATEMENT)
    assert await read_due(desk.recon) == 1
    page = await desk.browser.get("/finance/releves/1")
    assert 'data-state="stored"' in page.text
    # The line that leaves nothing to be said has its bucket from the statement that wrote it.
    assert '<progress max="2" value="1"' in page.text
    assert "Rapprochement en cours" in page.text


async def test_a_refused_statement_is_in_quarantine_with_its_line_and_the_same_bytes_get_the_same_answer(
    desk: Desk,
) -> None:
    await desk.enter()
    bad = STATEMENT.replace(b";;;5000;", b";;;5<000;")
    for _ in range(2):
        page = await desk.upload(bad)
        assert page.status_code == 200
        assert "Relevé refusé, ligne 7" in page.text
        assert "5&lt;000" in page.text
        assert "en quarantaine" in page.text
    assert "Ce même fichier avait déjà été envoyé" in page.text
    listed = (await desk.browser.get("/finance/releves")).text
    assert "En quarantaine ou arrêtés" in listed
    assert "Aucun relevé encore" in listed
    assert [state for _, state, _ in await stored(desk)] == ["quarantined"]


async def test_a_file_in_quarantine_holds_no_other(desk: Desk) -> None:
    await desk.enter()
    await desk.send(b"\x89PNG\r\n\x1a\n" + bytes(99), "photo.png")
    page = await desk.upload(STATEMENT)
    assert 'data-state="matched"' in page.text
    assert [state for _, state, _ in await stored(desk)] == ["quarantined", "matched"]


async def test_an_empty_file_is_refused_before_anything_keeps_it(desk: Desk) -> None:
    await desk.enter()
    for nothing in (b"", b" \n"):
        answer = await desk.upload(nothing)
        assert (answer.status_code, "Fichier vide" in answer.text) == (422, True)
    assert await stored(desk) == []


async def test_a_file_of_too_many_lines_is_refused_before_anything_keeps_it(desk: Desk) -> None:
    await desk.enter()
    answer = await desk.upload(b";\n" * (LINES_MAX + 1))
    assert (answer.status_code, "un million de lignes" in answer.text) == (413, True)
    assert await stored(desk) == []


async def test_a_form_without_a_file_is_refused(desk: Desk) -> None:
    await desk.enter()
    fields = {"csrf": await desk.csrf(), "operator": "sandbox"}
    assert (await desk.post("/finance/releves", fields)).status_code == 400
    assert (await desk.post("/finance/releves", {**fields, "statement": "text"})).status_code == 400
    two = [("statement", ("a.csv", b"1")), ("statement", ("b.csv", b"2"))]
    assert (await desk.post("/finance/releves", fields, files=two)).status_code == 400
    assert await stored(desk) == []


async def test_an_unknown_operator_is_refused(desk: Desk) -> None:
    await desk.enter()
    assert (await desk.upload(b"1", operator="orange")).status_code == 400
    assert await stored(desk) == []


@pytest.mark.parametrize("number", ["2", "0", "-1", "x", "1e3", "²", "9" * 40, "1%00"])
async def test_a_statement_that_nobody_sent_is_not_found(desk: Desk, number: str) -> None:
    await desk.enter()
    answer = await desk.browser.get(f"/finance/releves/{number}")
    assert (answer.status_code, "Aucun relevé de ce numéro" in answer.text) == (404, True)


async def test_a_small_file_is_answered_with_its_outcome_while_a_worker_runs(desk: Desk) -> None:
    await desk.enter()
    # The clock of the wait is the machine's; it is far longer than the work, so nothing here depends on speed.
    patient = replace(desk.finance, outcome_wait_s=60)
    app = FastAPI(openapi_url=None)
    app.include_router(router(patient))
    desk.browser._transport = httpx.ASGITransport(app=app)
    sending = asyncio.create_task(desk.send(STATEMENT))
    while not sending.done():
        await desk.work()
        await asyncio.sleep(0)
    answer = await sending
    assert 'data-state="matched"' in (await desk.browser.get(answer.headers["location"])).text


@pytest.mark.parametrize("announced", [True, False])
async def test_a_file_above_the_limit_is_refused_by_what_arrives(desk: Desk, announced: bool) -> None:
    await desk.enter()
    csrf = await desk.csrf()
    head = (
        f'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{csrf}\r\n--b\r\nContent-Disposition: form-data; '
        'name="operator"\r\n\r\nsandbox\r\n--b\r\nContent-Disposition: form-data; name="statement"; '
        'filename="a.csv"\r\n\r\n'
    ).encode()
    sent_bytes = 0

    async def stream() -> AsyncIterator[bytes]:
        nonlocal sent_bytes
        yield head
        while sent_bytes < 3 * FILE_BYTES_MAX:
            sent_bytes += 2**20
            yield b"x" * 2**20
        yield b"\r\n--b--\r\n"

    body = b"".join([chunk async for chunk in stream()]) if announced else stream()
    answer = await desk.browser.post(
        "/finance/releves",
        content=body,
        headers={"Origin": ORIGIN, "Content-Type": "multipart/form-data; boundary=b"},
    )
    assert answer.status_code == 413
    assert "20" in answer.text
    assert await stored(desk) == []


async def test_the_limit_is_for_those_who_may_import(desk: Desk) -> None:
    await desk.enter(Role.AUDITOR)
    answer = await desk.browser.post("/finance/releves", content=b"x" * 100, headers={"Origin": ORIGIN})
    assert answer.status_code == 403
    page = (await desk.browser.get("/finance/releves")).text
    assert "Importer un relevé" not in page


async def test_what_is_no_statement_is_put_in_quarantine_and_nothing_of_it_used(desk: Desk) -> None:
    await desk.enter()
    for content in (b"\x89PNG\r\n\x1a\n" + b"\0" * 99, b"%PDF-1.7", b"PK\x03\x04", b"\0" * 99, b"\xff\xfe"):
        page = await desk.upload(content, "releve.png")
        assert "Relevé refusé" in page.text, content
        assert "Aucun relevé encore" in (await desk.browser.get("/finance/releves")).text


async def test_a_real_statement_makes_the_day_balance_and_says_so_twice(desk: Desk) -> None:
    await desk.enter()
    first = await desk.upload(STATEMENT)
    assert first.status_code == 200, first.text
    assert 'data-bucket="suspense"' in first.text
    page = await desk.browser.get("/finance/?jour=2026-11-20")
    assert figures_of(page.text)["sandbox"] == {
        "operator_amount_xof": 5000, "posted_xof": 0, "suspense_xof": 5000, "breaks_xof": 0, "unexplained_xof": 0,
        "opening_xof": 0, "collections_xof": 5000, "reversals_xof": 0, "fees_xof": -50, "transfers_xof": 0,
        "others_xof": 0, "contradictions_xof": 0, "closing_xof": 4950,
    }  # fmt: skip
    again = await desk.upload(STATEMENT)
    assert "avait déjà été importé" in again.text
    assert figures_of((await desk.browser.get("/finance/?jour=2026-11-20")).text) == figures_of(page.text)
    assert "releve.csv" in (await desk.browser.get("/finance/releves")).text


NO_FORMS = (
    ("multipart/form-data", b"x"),
    ("multipart/form-data; boundary=b", b"not a part"),
    ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"),
    ("application/json", b"{}"),
    ("text/csv", b"a;b"),
    ("application/x-www-form-urlencoded", b"csrf=" + b"x" * 10_000),
    ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % number for number in range(100))),
)


async def test_a_body_that_is_no_form_is_answered_with_a_page(desk: Desk) -> None:
    await desk.enter()
    for content_type, body in NO_FORMS:
        answer = await desk.browser.post(
            "/finance/releves", content=body, headers={"Origin": ORIGIN, "Content-Type": content_type}
        )
        assert answer.status_code == 400, content_type
        assert "<html" in answer.text
