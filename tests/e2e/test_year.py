"""A year in every process at once, by the clock of local mode."""

import re
from datetime import date, datetime, timedelta

import pytest

from tests.e2e.house import LOCAL, House, browser, until
from tests.e2e.people import Console, Operator, Telephone

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1800), pytest.mark.xdist_group("house")]

AMINATA = "+22370000001"
MONTHS = 12

COVERED = """
    SELECT count(*) FROM household_coverage JOIN phone_link ON party_id = household_id
     WHERE msisdn = %s AND household_coverage.valid_from <= %s AND household_coverage.valid_to >= %s
"""
#: Households whose next period has begun and was not opened.
OVERDUE = "SELECT count(*) FROM household WHERE next_period_on <= %s"
CHARGES = "SELECT count(*) FROM charge"


def test_a_year_passes_in_every_process_at_once_and_nothing_breaks(house: House) -> None:
    house.start("--quiet")
    today = house.begin_story()
    operator = Operator(house)
    operator.pay_unasked(AMINATA, "20 000")
    house.text_to(AMINATA, "20 000 F payés")
    with Console(house) as console:
        closes_the_first_day(house, operator, today.date())
        before = house.number(CHARGES)
        covered = passes_the_year(house)
        assert house.number(CHARGES) > before
        # She paid for some months at once: her rights opened, and lapsed when the money was used up.
        assert True in covered
        assert covered[-2:] == [False, False]
        last = the_day_of(house)
        assert last > today.date() + timedelta(days=364)
        # Who was at work stays at work, and reads the day that it is now.
        assert str(last.year) in console.page("/finance/")
    pays_late(house, operator, last)
    nothing_went_back(house)
    assert not re.search("Quittance|compose|SMS", house.said().partition("Ctrl-C")[2])
    stays_where_it_is_after_a_restart(house, last)


def closes_the_first_day(house: House, operator: Operator, day: date) -> None:
    advance(house, "1j")
    file = house.folder / "releve.csv"
    file.write_bytes(operator.statement(day.isoformat()))
    assert house.ramu("statement", "import", str(file)).returncode == 0
    closed = house.ramu("day", "close", "--by", LOCAL, "--password-stdin", typed=f"{LOCAL}\n")
    assert closed.returncode == 0, closed.stderr
    assert "close par staff/local" in closed.stdout


def passes_the_year(house: House) -> list[bool]:
    """Let the months pass, see each open its periods, and return whether she is cared for at the end of each."""
    covered = []
    for number in range(MONTHS):
        advance(house, "1m")
        now = the_day_of(house)
        until(f"the periods of month {number}", lambda now=now: house.number(OVERDUE, now) == 0)
        covered.append(house.number(COVERED, AMINATA, now, now) > 0)
        phone = Telephone(house, AMINATA)
        assert "Aminata TRAORE" in phone.dial(f"aminata-{number}")
    return covered


def advance(house: House, span: str) -> None:
    told = house.ramu("clock", "advance", span)
    assert told.returncode == 0, told.stderr


def the_day_of(house: House) -> date:
    """Return the day that the browser phone shows."""
    with browser(house.url) as http:
        inbox = http.get("/phone/inbox", params={"msisdn": AMINATA})
    return datetime.fromisoformat(inbox.json()["now"]).date()


def pays_late(house: House, operator: Operator, day: date) -> None:
    operator.pay_unasked(AMINATA, "1 250")
    house.text_to(AMINATA, "1 250 F payés")
    # Both sides name the same day: a date that differed would stand in the books as the day of its arrival.
    ((paid_at, dates_differ),) = house.rows(
        "SELECT observation.occurred_at, payment.occurred_at <> observation.occurred_at"
        "  FROM payment JOIN observation USING (operator, operator_transaction_id)"
        " WHERE payment.amount_xof = 1250 LIMIT 1"
    )
    assert isinstance(paid_at, datetime)
    assert (paid_at.date(), dates_differ) == (day, False)
    assert f";{day}" in operator.statement(day.isoformat()).decode()


def nothing_went_back(house: House) -> None:
    # Jobs side by side may number their rows a moment apart; a clock that lagged would be months behind.
    for table, moment in (("ledger_txn", "posted_at"), ("observation", "observed_at"), ("outbox_sms", "queued_at")):
        went_back = f"{moment} < lag({moment}) OVER (ORDER BY id) - interval '1 minute' AS back FROM {table}"
        assert house.number(f"SELECT count(*) FROM (SELECT {went_back}) AS row WHERE back") == 0, table  # noqa: S608 - our own names
    verified = house.ramu("ledger", "verify")
    assert verified.returncode == 0, verified.stderr
    with browser(house.url) as http:
        assert http.get("/readyz").json()["faults"] == []


def stays_where_it_is_after_a_restart(house: House, day: date) -> None:
    house.stop()
    house.start()
    assert the_day_of(house) == day
    shown = house.ramu("clock", "show").stdout
    assert re.search(rf"{day:%d/%m/%Y} à .* en avance de 36\d\Wjours", shown), shown
