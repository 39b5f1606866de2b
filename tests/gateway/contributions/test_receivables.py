"""Shares that are owed from the day on which they are charged: posted once, collected once, never income twice."""

from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.errors import CheckViolation, ForeignKeyViolation

from gateway.contributions.scheme import Scheme
from gateway.members.register import Registration, register
from gateway.money.close_day import verify_all
from gateway.reports.trial_balance import trial_balance
from tests.conftest import Urls
from tests.fixed import START as NOW
from tests.payments.books import hand
from tests.payments.postings import post
from tests.schemes import RAMED_RULES, put_in_force
from tests.stories import paid
from tests.world import AMINATA, World

#: What stands on the accounts of shares, by who owes it.
OWED = """
    SELECT account, party.kind, coalesce(cercle_code, ''), CAST(sum(amount_xof) AS bigint)
      FROM ledger_entry JOIN party ON party.id = party_id LEFT JOIN share_payer ON share_payer.party_id = party.id
     WHERE account IN ('receivables', 'quote_parts')
     GROUP BY 1, 2, 3 ORDER BY 1 DESC, 2, 3
"""
#: A further charge of the State's share of the cotton household.
CORRECTION = """
    INSERT INTO charge (enrolment_id, payer_party_id, period_start, period_end, due_on, sequence, kind, amount_xof,
                        charged_at, is_receivable, ledger_txn_id)
    SELECT enrolment_id, payer_party_id, period_start, period_end, due_on, %(sequence)s, 'adjustment', %(amount_xof)s,
           charged_at, %(is_receivable)s, %(txn_id)s
      FROM charge WHERE is_receivable AND sequence = 1
"""


async def registered_under_ramed(world: World, *cercles: str) -> Scheme:
    scheme = await put_in_force(world, RAMED_RULES)
    for number, cercle in enumerate(cercles):
        caller = Registration(f"+2237000010{number}", "Sira Coulibaly", "autre", cercle, 4)
        await world.database.transact(lambda connection, caller=caller: register(connection, caller, scheme, NOW))  # type: ignore[misc]
    return scheme


async def nothing_wrong(world: World) -> bool:
    return (await world.database.transact(verify_all)).findings == ()


def the_state(connection: psycopg.Connection) -> tuple[int, int, int]:
    """Return the State as a party, its first charge, and the transaction that posted it."""
    [row] = connection.execute("SELECT payer_party_id, id, ledger_txn_id FROM charge WHERE is_receivable").fetchall()
    return row[0], row[1], row[2]


async def test_what_state_and_communes_owe_stands_in_the_ledger_from_the_day_on_which_it_is_charged(
    world: World,
) -> None:
    await registered_under_ramed(world, "0201", "0301", "0201")
    assert await world.rows(OWED) == [
        ("receivables", "commune", "0201", 800),
        ("receivables", "commune", "0301", 400),
        ("receivables", "state", "", 9_000 + 3 * 3_600),
        ("quote_parts", "commune", "0201", -800),
        ("quote_parts", "commune", "0301", -400),
        ("quote_parts", "state", "", -9_000 - 3 * 3_600),
    ]
    assert await world.rows("SELECT count(*) FROM ledger_entry WHERE party_id = 1") == [(0,)]
    assert await nothing_wrong(world)


async def test_a_year_that_begins_is_posted_once_however_often_the_job_looks(world: World) -> None:
    await registered_under_ramed(world, "0201")
    before = await world.count("ledger_txn")
    world.clock.moment = datetime(NOW.year + 1, 1, 1, 6, tzinfo=UTC)
    for _ in range(3):
        await world.work()
    # The cotton household's season and the poor household's year, in the one batch that opened both.
    assert await world.count("ledger_txn") == before + 1
    assert await world.rows(OWED + " LIMIT 2") == [
        ("receivables", "commune", "0201", 2 * 400),
        ("receivables", "state", "", 2 * (9_000 + 3_600)),
    ]
    assert await nothing_wrong(world)


async def test_a_households_own_contribution_is_no_debt_and_a_payment_of_it_collects_nothing(world: World) -> None:
    await paid(world, AMINATA, "S1")
    async with world.database.single() as connection:
        balance = {row.account: row.balance_xof for row in (await trial_balance(connection)).rows}
    assert balance["contributions"] == -3_000
    assert (balance["receivables"], balance["quote_parts"]) == (9_000, -9_000)
    assert await nothing_wrong(world)


async def test_what_the_state_pays_is_collected_and_is_no_income_again(world: World, urls: Urls) -> None:
    with hand(urls.app) as connection:
        state, charge_id, _ = the_state(connection)
        allocate = (
            "INSERT INTO allocation (party_id, charge_id, ledger_txn_id, amount_xof, allocated_on)"
            " VALUES (%s, %s, %s, 4000, '2026-11-25')"
        )
        for account in ("contributions", "receivables"):
            with connection.transaction(force_rollback=account == "contributions"):
                txn_id = post(connection, f"paid into {account}", ("advances", 4_000, state), (account, -4_000, state))
                connection.execute(allocate.encode(), (state, charge_id, txn_id))
                if account == "contributions":
                    with pytest.raises(CheckViolation, match="contributions of 4000 F and"):
                        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert (await world.rows(OWED))[0] == ("receivables", "state", "", 5_000)
    assert await nothing_wrong(world)


@pytest.mark.usefixtures("world")
def test_a_correction_of_what_is_owed_is_posted_like_the_first_charge(urls: Urls) -> None:
    with hand(urls.app) as connection:
        state, _, posted = the_state(connection)
        for refused, match in (
            ({"txn_id": None}, "receivable_is_posted"),
            ({"txn_id": posted}, "owe 9000 F and its charges 8000 F"),
            ({"txn_id": None, "is_receivable": False}, "owing 8000 F"),
        ):
            with pytest.raises(CheckViolation, match=match):
                connection.execute(
                    CORRECTION.encode(), {"sequence": 2, "amount_xof": -1_000, "is_receivable": True, **refused}
                )
        values = {"sequence": 2, "amount_xof": -1_000, "is_receivable": True}
        connection.execute("BEGIN; SET CONSTRAINTS fk_charge_ledger_txn_id_ledger_txn IMMEDIATE")
        with pytest.raises(ForeignKeyViolation):
            connection.execute(CORRECTION.encode(), {**values, "txn_id": 999_999})
        connection.execute("ROLLBACK")
        with connection.transaction():
            txn_id = post(connection, "less", ("quote_parts", 1_000, state), ("receivables", -1_000, state))
            connection.execute(CORRECTION.encode(), {**values, "txn_id": txn_id})
        [(owed,)] = connection.execute(
            "SELECT sum(amount_xof)::bigint FROM charge WHERE payer_party_id = %s", (state,)
        ).fetchall()
        assert owed == 8_000


async def test_a_share_that_is_posted_otherwise_than_it_is_charged_is_named_by_the_proof(
    world: World, urls: Urls
) -> None:
    with hand(urls.superuser, replica=True) as connection:
        connection.execute("ALTER TABLE charge DISABLE TRIGGER charge_kept")
        state, _, _ = the_state(connection)
        connection.execute("UPDATE charge SET amount_xof = 8_999 WHERE is_receivable")
    found = (await world.database.transact(verify_all)).findings
    assert [one.detail.document() for one in found if one.kind == "charge_not_posted"] == [
        {"code": "charged_otherwise", "txn_id": 1, "party_id": state, "posted_xof": 9_000, "charged_xof": 8_999}
    ]
