"""Running sums are what the entries add up to, at every block and between two; whoever changes one is found out."""

from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.errors import RestrictViolation
from sqlalchemy import text

from gateway.infra.database import Database
from gateway.reports.break_sentences import sentence
from payments.ledger.balance import check_books
from payments.ledger.finding import FindingKind
from payments.ledger.seal import seal
from payments.ledger.totals import account_totals
from tests.conftest import Urls, plain
from tests.payments.ledger.test_seal import post_some

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ADDED_UP = text("""
    SELECT account, sum(greatest(amount_xof, 0))::bigint, sum(greatest(-amount_xof, 0))::bigint
      FROM ledger_entry GROUP BY account ORDER BY account
""")


async def test_sums_are_those_of_the_entries_at_every_block_and_between(database: Database) -> None:
    assert await database.transact(account_totals) == ()
    for number, count in enumerate((3, 1, 5)):
        await post_some(database, number * 10, count)
        assert await _kept(database) == await _added_up(database), "behind the last block"
        assert await database.transact(lambda connection: seal(connection, NOW)) is not None
        assert await _kept(database) == await _added_up(database), "at the end of a block"
    assert len(await _kept(database)) == 2
    assert await database.transact(check_books) == ()


async def test_a_sum_that_was_changed_by_hand_is_named(database: Database, superuser_url: str) -> None:
    await post_some(database, 0, 3)
    await database.transact(lambda connection: seal(connection, NOW))
    with psycopg.connect(plain(superuser_url), autocommit=True) as by_hand:
        by_hand.execute("ALTER TABLE ledger_total DISABLE TRIGGER ALL")
        by_hand.execute("UPDATE ledger_total SET credit_xof = credit_xof + 1 WHERE account = 'contributions'")
    (fault,) = await database.transact(check_books)
    assert fault.kind is FindingKind.TOTAL_CHANGED
    assert sentence(fault.detail) == "compte contributions : 0 F et 1501 F gardés, 0 F et 1500 F dans ses lignes"


async def test_sums_are_added_and_never_changed(database: Database, urls: Urls) -> None:
    await post_some(database, 0, 1)
    await database.transact(lambda connection: seal(connection, NOW))
    for statement in ("UPDATE ledger_total SET debit_xof = 0", "DELETE FROM ledger_total", "TRUNCATE ledger_total"):
        with psycopg.connect(plain(urls.superuser)) as by_hand, pytest.raises(RestrictViolation):
            by_hand.execute(statement.encode())


async def _kept(database: Database) -> list[tuple[str, int, int]]:
    totals = await database.transact(account_totals)
    return [(one.account, one.debit_xof, one.credit_xof) for one in totals]


async def _added_up(database: Database) -> list[tuple[str, int, int]]:
    async with database.single() as connection:
        return [tuple(row) for row in (await connection.execute(ADDED_UP)).all()]
