from collections.abc import AsyncIterator

import pytest

from gateway.database import Database
from gateway.finance.roles import Role
from gateway.finance.uploads import FILE_BYTES_MAX
from payments.errors import StatementRejected
from tests.fixed import CountedIds, TestClock
from tests.gateway.finance.desk import ORIGIN, Desk, figures_of, open_desk


async def test_a_statement_goes_through_and_its_lines_are_told_by_bucket(desk: Desk) -> None:
    await desk.enter()
    answer = await desk.upload(b"line;1\n", "C:\\releves\\jour <b>.csv")
    assert answer.status_code == 200
    assert desk.importer.given == [
        {"operator": "sandbox", "filename": "jour <b>.csv", "content": b"line;1\n", "actor": "staff/awa.finance"}
    ]
    assert 'data-bucket="matched"' in answer.text
    assert '<data value="15000">' in answer.text
    assert "jour &lt;b&gt;.csv" in answer.text
    assert [action for _, action, _ in await desk.audited()][-1] == "statement.imported"


async def test_a_refused_statement_says_which_line_and_why(desk: Desk) -> None:
    await desk.enter()
    desk.importer.refuses = StatementRejected("unknown status 'x<y'", 12)
    answer = await desk.upload(b"line;1\n")
    assert answer.status_code == 422
    assert "Relevé refusé, ligne 12" in answer.text
    assert "x&lt;y" in answer.text
    assert [action for _, action, _ in await desk.audited()][-1] == "statement.rejected"


async def test_an_empty_file_is_refused_before_anything_reads_it(desk: Desk) -> None:
    await desk.enter()
    answer = await desk.upload(b" \n")
    assert answer.status_code == 422
    assert "Fichier vide" in answer.text
    assert desk.importer.given == []


async def test_a_form_without_a_file_is_refused(desk: Desk) -> None:
    await desk.enter()
    fields = {"csrf": await desk.csrf(), "operator": "sandbox"}
    assert (await desk.post("/finance/releves", fields)).status_code == 400
    assert (await desk.post("/finance/releves", {**fields, "statement": "text"})).status_code == 400
    two = [("statement", ("a.csv", b"1")), ("statement", ("b.csv", b"2"))]
    assert (await desk.post("/finance/releves", fields, files=two)).status_code == 400
    assert desk.importer.given == []


async def test_an_unknown_operator_is_refused(desk: Desk) -> None:
    await desk.enter()
    assert (await desk.upload(b"1", operator="orange")).status_code == 400
    assert desk.importer.given == []


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
    assert desk.importer.given == []


async def test_the_limit_is_for_those_who_may_import(desk: Desk) -> None:
    await desk.enter(Role.AUDITOR)
    answer = await desk.browser.post("/finance/releves", content=b"x" * 100, headers={"Origin": ORIGIN})
    assert answer.status_code == 403
    page = (await desk.browser.get("/finance/releves")).text
    assert "Importer un relevé" not in page


@pytest.fixture
async def real_desk(database: Database, clock: TestClock, ids: CountedIds) -> AsyncIterator[Desk]:
    async with open_desk(database, clock, ids, real_import=True) as opened:
        yield opened


async def test_what_is_no_statement_is_refused_by_the_real_import_and_nothing_kept(real_desk: Desk) -> None:
    await real_desk.enter()
    for content in (b"\x89PNG\r\n\x1a\n" + b"\0" * 99, b"%PDF-1.7", b"PK\x03\x04", b"\0" * 99, b"\xff\xfe"):
        answer = await real_desk.upload(content, "releve.png")
        assert answer.status_code == 422, content
        assert "Relevé refusé" in answer.text
        assert "Aucun relevé encore" in answer.text


async def test_a_real_statement_makes_the_day_balance_and_says_so_twice(real_desk: Desk) -> None:
    statement = (
        "Opérateur;sandbox\nCompte;RAMU\nPériode début;2026-11-20\nPériode fin;2026-11-20\nSolde ouverture;0\n"
        "N°;Date;Heure;Référence;Service;Statut;Payeur;Référence marchand;Débit;Crédit;Référence liée\n"
        "1;2026-11-20;10:00:00;T1;Paiement marchand;Succès;70123456;;;5000;\n"
        "2;2026-11-20;10:00:01;T1F;Commission;Succès;;;50;;T1\n"
        "Total lignes;2\nTotal encaissements;5000\nTotal frais;50\nSolde clôture;4950\n"
    ).encode()
    await real_desk.enter()
    first = await real_desk.upload(statement)
    assert first.status_code == 200, first.text
    assert 'data-bucket="suspense"' in first.text
    page = await real_desk.browser.get("/finance/?jour=2026-11-20")
    assert figures_of(page.text)["sandbox"] == {
        "operator_says_xof": 5000, "posted_xof": 0, "suspense_xof": 5000, "breaks_xof": 0, "unexplained_xof": 0,
        "fees_xof": 50,
    }  # fmt: skip
    again = await real_desk.upload(statement)
    assert "avait déjà été importé" in again.text
    assert figures_of((await real_desk.browser.get("/finance/?jour=2026-11-20")).text) == figures_of(page.text)


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
