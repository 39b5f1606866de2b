"""What finance and the auditor type, and what they read."""

import asyncio
import re
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path

import psycopg
import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from gateway.cli import day, ledger, statement, terminal
from gateway.console.auth.passwords import hash_password
from gateway.console.auth.roles import Role
from gateway.console.auth.staff import NewStaff, add
from gateway.infra.clock import SystemClock
from gateway.infra.database import Pool, Timeouts, open_database
from gateway.local.illustrative import load_schemes
from tests.fixed import START, TestClock

pytestmark = pytest.mark.database

PASSWORD = "une longue phrase de passe"
YESTERDAY: date = START.date() - timedelta(days=1)

STATEMENT = """Opérateur;sandbox
Compte;RAMU
Période début;{day}
Période fin;{next}
Solde ouverture;0
N°;Date;Heure;Référence;Service;Statut;Payeur;Référence marchand;Débit;Crédit;Référence liée
1;{day};07:30:00;T1;Paiement marchand;Succès;+22379999999;;;1200;
2;{day};07:31:00;T2;Paiement marchand;Échec;+22379999999;;;5000;
Total lignes;2
Total encaissements;1200
Total frais;0
Solde clôture;1200
"""


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


@pytest.fixture
def environ(urls: object, clock: TestClock, monkeypatch: pytest.MonkeyPatch) -> None:
    # A command makes its own clock; here it reads the one that the test holds, so that no midnight comes between.
    monkeypatch.setattr(SystemClock, "now", lambda _clock: clock.now())
    app_url: str = urls.app  # type: ignore[attr-defined]
    monkeypatch.setenv("RAMU_MODE", "local")
    monkeypatch.setenv("DATABASE_URL", app_url)
    monkeypatch.setenv("RAMU_SANDBOX_OPERATOR_URL", "http://127.0.0.1:9")
    asyncio.run(_furnish(app_url))


async def _furnish(url: str) -> None:
    database, now = open_database(url, Pool(size=1), Timeouts()), START
    hashed = hash_password(PASSWORD)
    colleagues = (NewStaff("awa", "Awa", Role.ACCOUNTANT, hashed), NewStaff("sira", "Sira", Role.AUDITOR, hashed))
    try:
        await database.transact(lambda connection: load_schemes(connection, now))
        for colleague in colleagues:
            await database.transact(partial(add, new=colleague, actor="staff/test", now=now))
    finally:
        await database.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "hier.csv"
    path.write_text(STATEMENT.format(day=YESTERDAY, next=YESTERDAY + timedelta(days=1)), encoding="utf-8")
    return path


def run(app: Typer, *arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, arguments, input=typed)


def sign(*more: str, by: str = "awa", password: str = PASSWORD) -> Result:
    return run(day.app, "close", "--by", by, "--password-stdin", *more, typed=f"{password}\n")


@pytest.mark.usefixtures("environ")
def test_a_statement_is_imported_once_and_the_day_is_closed_on_it(file: Path, superuser_url: str) -> None:
    first = run(statement.app, "import", str(file))
    assert first.exit_code == 0, first.output
    assert "2 lignes" in first.output
    assert "ménage inconnu" in first.output
    again = run(statement.app, "import", str(file))
    assert again.exit_code == 0
    assert "déjà importé" in again.output
    assert "Aucun relevé n'attend" in run(statement.app, "resume").output

    assert run(day.app, "show", str(YESTERDAY)).exit_code == 1
    closed = sign()
    assert closed.exit_code == 0, closed.output
    shown = run(day.app, "show", str(YESTERDAY))
    assert '"operator_amount_xof": 1200' in shown.output
    assert "staff/awa" in shown.output
    twice = sign()
    assert twice.exit_code == 1
    assert "déjà close" in twice.output

    assert "déjà scellé" in run(ledger.app, "seal").output
    assert "suspense/sandbox" in run(ledger.app, "balance").output
    sound = run(ledger.app, "verify")
    assert sound.exit_code == 0, sound.output
    assert "intact" in sound.output
    assert "écritures scellées : 1 ; pas encore : 0" in sound.output
    head, report = re.findall(r"(?:grand livre|empreinte) +([0-9a-f]{64})", shown.output)
    attested = run(ledger.app, "verify", "--attested", head, "--attested", report)
    assert (attested.exit_code, "cherchées : 2" in attested.output) == (0, True), attested.output
    lost = run(ledger.app, "verify", "--attested", "ab" * 32)
    assert (lost.exit_code, "une empreinte attestée a disparu" in lost.output) == (1, True)
    assert "n'est pas une empreinte" in run(ledger.app, "verify", "--attested", "abc").output
    with psycopg.connect(plain(superuser_url), autocommit=True) as connection:
        connection.execute("ALTER TABLE ledger_txn DISABLE TRIGGER ALL")
        connection.execute("UPDATE ledger_txn SET actor = 'nobody'")
    touched = run(ledger.app, "verify")
    assert touched.exit_code == 1
    assert "Bloc 1 : une ligne scellée a été modifiée" in touched.output


@pytest.mark.usefixtures("environ")
def test_money_for_a_signed_day_is_told_by_the_import_and_remarked_by_the_proof(file: Path, clock: TestClock) -> None:
    first = run(statement.app, "import", str(file))
    assert (first.exit_code, "déjà closes" in first.output) == (0, False)
    assert sign().exit_code == 0
    clock.forward(minutes=1)
    lines = file.read_text(encoding="utf-8").replace("Total lignes;2", f"3;{YESTERDAY};07:40:00;T3;Paiement marchand;"
        "Succès;+22379999999;;;800;\nTotal lignes;3")  # fmt: skip
    file.write_text(lines.replace("encaissements;1200", "encaissements;2000").replace("clôture;1200", "clôture;2000"))
    told = run(statement.app, "import", str(file))
    assert told.exit_code == 0, told.output
    assert "Pour des journées déjà closes : 1 opération, 800 F." in told.output
    assert f"Ce relevé touche des journées déjà closes : {YESTERDAY:%d/%m/%Y}." in told.output
    proved = run(ledger.app, "verify")
    assert proved.exit_code == 0, proved.output
    assert f"Remarque : 800 F de sandbox (T3) ont été connus après la clôture du {YESTERDAY:%d/%m/%Y}." in proved.output
    assert "intact" in proved.output


@pytest.mark.usefixtures("environ")
def test_a_day_signed_while_midnight_passes_is_the_day_that_was_named(file: Path, clock: TestClock) -> None:
    assert run(statement.app, "import", str(file)).exit_code == 0
    clock.moment = datetime.combine(START.date(), time.max, UTC)

    def at_midnight() -> str:
        clock.forward(seconds=1)
        return PASSWORD

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(terminal, "piped_password", at_midnight)
        signed = run(day.app, "close", "--by", "awa", "--password-stdin")
    assert signed.exit_code == 0, signed.output
    assert f"Journée à clore : {YESTERDAY:%d/%m/%Y}." in signed.output
    assert f"Journée du {YESTERDAY:%d/%m/%Y}, close par staff/awa" in signed.output
    assert clock.now().date() == START.date() + timedelta(days=1)


@pytest.mark.usefixtures("environ")
def test_a_refused_file_names_its_line(file: Path) -> None:
    file.write_text(file.read_text(encoding="utf-8").replace(";1200;", ";1_200;"), encoding="utf-8")
    refused = run(statement.app, "import", str(file))
    assert refused.exit_code == 1
    assert "Relevé refusé, ligne 7 : montant « 1_200 » refusé" in refused.output


@pytest.mark.usefixtures("environ")
def test_a_file_or_an_operator_that_is_not_there_is_a_sentence(file: Path, tmp_path: Path) -> None:
    missing = run(statement.app, "import", str(tmp_path / "rien.csv"))
    assert (missing.exit_code, "ne peut pas être lu : introuvable." in missing.output) == (1, True)
    unknown = run(statement.app, "import", str(file), "--operator", "nobody")
    assert (unknown.exit_code, "Aucun opérateur" in unknown.output) == (1, True)


@pytest.mark.usefixtures("environ")
def test_today_cannot_be_closed() -> None:
    refused = sign(str(YESTERDAY + timedelta(days=1)))
    assert refused.exit_code == 1
    assert "n'est pas finie" in refused.output


@pytest.mark.usefixtures("environ")
def test_nobody_signs_under_a_password_that_somebody_else_knows(file: Path, superuser_url: str) -> None:
    assert run(statement.app, "import", str(file)).exit_code == 0
    with psycopg.connect(plain(superuser_url), autocommit=True) as connection:
        connection.execute("UPDATE staff SET one_time_until = now() + interval '99 years' WHERE login = 'awa'")
        refused = sign()
        assert (refused.exit_code, "mot de passe à usage unique" in refused.output) == (1, True), refused.output
        connection.execute("UPDATE staff SET one_time_until = NULL")
    assert sign().exit_code == 0


@pytest.mark.usefixtures("environ")
def test_a_day_is_signed_by_somebody_who_may_and_proves_it(file: Path, superuser_url: str) -> None:
    assert run(statement.app, "import", str(file)).exit_code == 0
    for refused, why in (
        (sign(by="nobody"), "mot de passe incorrect"),
        (sign(password="une autre phrase"), "mot de passe incorrect"),
        (sign(by="sira"), "(auditeur) ne signe pas"),
        (sign(password=""), "mot de passe incorrect"),
        (run(day.app, "close", "--by", "awa"), "--password-stdin"),
    ):
        assert (refused.exit_code, why in refused.output) == (1, True), refused.output
    with psycopg.connect(plain(superuser_url)) as connection:
        assert connection.execute("SELECT count(*) FROM day_report").fetchall() == [(0,)]
        assert sign().exit_code == 0
        told = connection.execute("SELECT actor, action FROM audit_event WHERE action <> 'staff.added' ORDER BY id")
        assert told.fetchall() == [
            ("staff", "login.failed"),
            ("staff/awa", "login.failed"),
            ("staff/sira", "password.confirmed"),
            ("staff/awa", "login.failed"),
            ("staff/awa", "password.confirmed"),
            ("staff/awa", "day.closed"),
        ]
