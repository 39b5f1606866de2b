"""What a person types to see what a month brings."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from gateway.cli import clock as command
from gateway.cli import terminal
from gateway.cli.clock import NOT_LOCAL, Span
from gateway.cli.main import app
from gateway.cli.terminal import present
from gateway.config.setting_types import Mode
from gateway.config.settings import load_settings
from gateway.infra import clock_shift
from gateway.infra.clock import SystemClock
from gateway.infra.database import Pool, Timeouts, open_database
from tests.conftest import Urls, plain
from tests.fixed import START, TestClock

pytestmark = pytest.mark.database


@pytest.fixture
def machine(urls: Urls, clock: TestClock, monkeypatch: pytest.MonkeyPatch) -> TestClock:
    """The machine's clock, in the hand of the test, and a house whose moves begin at once."""
    monkeypatch.setattr(SystemClock, "now", lambda _clock: clock.now())
    monkeypatch.setattr(clock_shift, "LEAD", timedelta(0))
    monkeypatch.setenv("RAMU_MODE", "local")
    monkeypatch.setenv("DATABASE_URL", urls.app)
    monkeypatch.setenv("RAMU_SANDBOX_OPERATOR_URL", "http://127.0.0.1:9")
    return clock


def ramu(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["clock", *arguments])


def told(result: Result) -> str:
    return result.output.replace("\u00a0", " ").replace("\u202f", " ").strip()


def test_the_time_moves_by_what_was_typed_and_is_told(machine: TestClock, urls: Urls) -> None:
    assert told(ramu("show")) == "Il est 23/11/2026 à 8 h 00 (UTC) : celle de la machine."
    for written, now in (
        ("1m", "23/12/2026 à 8 h 00"),
        ("2j", "25/12/2026 à 8 h 00"),
        ("3h", "25/12/2026 à 11 h 00"),
        ("15min", "25/12/2026 à 11 h 15"),
        ("1a", "25/12/2027 à 11 h 15"),
    ):
        moved = ramu("advance", written)
        assert (moved.exit_code, f"il est {now} (UTC)" in told(moved)) == (0, True), moved.output
        machine.forward(seconds=1)
    assert "25/12/2027 à 11 h 15 (UTC) : en avance de 397 jours, 3 heures et 15 minutes" in told(ramu("show"))
    settings = load_settings({"RAMU_MODE": "local", "DATABASE_URL": urls.app})
    assert present(settings) == datetime(2027, 12, 25, 11, 15, 5, tzinfo=UTC)
    with psycopg.connect(plain(urls.superuser)) as connection:
        rows = connection.execute("SELECT action, detail->>'by' FROM audit_event ORDER BY id").fetchall()
    assert rows[0] == ("clock.advanced", "1 mois")
    assert len(rows) == 5


@pytest.mark.parametrize("written", ["", "m", "0j", "-1m", "1,5h", "1 semaine", "1M", "+2j", "1m2j", "10000j"])
def test_what_is_no_span_is_a_sentence_with_examples(machine: TestClock, written: str) -> None:
    refused = ramu("advance", "--", written)
    assert (refused.exit_code, "n'est pas une durée" in refused.output) == (1, True), refused.output
    assert "1m (un mois)" in refused.output
    assert machine.now() == START
    assert "celle de la machine" in told(ramu("show"))


@pytest.mark.parametrize("written", ["11a", "121m", "3654j", "9999a"])
def test_nobody_goes_further_than_ten_years(machine: TestClock, written: str) -> None:
    refused = ramu("advance", written)
    assert (refused.exit_code, "plus de 10 ans" in refused.output) == (1, True), refused.output
    assert machine.now() == START


def test_production_has_the_machines_time_and_no_other(machine: TestClock, monkeypatch: pytest.MonkeyPatch) -> None:
    ramu("advance", "1m")
    settings = load_settings({"RAMU_MODE": "local", "DATABASE_URL": "postgresql://u:p@h/d"})
    in_production = settings.model_copy(update={"mode": Mode.PRODUCTION})
    monkeypatch.setattr(command, "load_settings", lambda _environ: in_production)
    refused = ramu("advance", "1m")
    assert (refused.exit_code, refused.output.strip()) == (1, NOT_LOCAL)
    # No database is asked: the one that is named does not exist.
    assert told(ramu("show")) == "Il est 23/11/2026 à 8 h 00 (UTC) : celle de la machine."
    assert present(in_production) == machine.now()


@pytest.mark.parametrize(
    ("start", "span", "end"),
    [
        ("2027-01-31", Span(1, "m"), "2027-02-28"),
        ("2028-01-31", Span(1, "m"), "2028-02-29"),
        ("2028-02-29", Span(1, "a"), "2029-02-28"),
        ("2026-12-31", Span(2, "m"), "2027-02-28"),
        ("2026-12-31", Span(1, "j"), "2027-01-01"),
        ("2026-11-23", Span(13, "m"), "2027-12-23"),
    ],
)
def test_months_and_years_are_those_of_the_calendar(start: str, span: Span, end: str) -> None:
    begins = datetime.fromisoformat(f"{start}T23:59:59+00:00")
    assert (begins + span.after(begins)).isoformat() == f"{end}T23:59:59+00:00"


#: What a command is about lasts by the machine's time, or is the machine's time itself.
BY_THE_MACHINE = {"clock.py", "sandbox.py", "staff.py", "terminal.py"}


def test_a_command_asks_for_the_time_of_the_service_and_not_for_the_machines() -> None:
    commands = sorted(Path(terminal.__file__).parent.glob("*.py"))
    assert len(commands) > 20
    assert {one.name for one in commands if "SystemClock" in one.read_text(encoding="utf-8")} == BY_THE_MACHINE


def test_a_move_that_has_not_begun_is_not_followed_by_another(
    machine: TestClock, urls: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock_shift, "LEAD", timedelta(seconds=2))
    asyncio.run(_move(urls.app, machine.now()))
    refused = ramu("advance", "1j")
    assert (refused.exit_code, "en train d'avancer" in refused.output) == (1, True), refused.output


async def _move(url: str, now: datetime) -> None:
    database = open_database(url, Pool(size=1), Timeouts())
    try:
        await database.transact(lambda connection: clock_shift.move_ahead(connection, timedelta(days=1), now))
    finally:
        await database.close()
