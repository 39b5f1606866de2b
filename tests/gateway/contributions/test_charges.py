"""Enrolments and charges: every payer's share kept, signed, never changed; RAMED owes 0 F; a group pays for many."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date

import psycopg
import pytest
from psycopg.errors import (
    CheckViolation,
    ExclusionViolation,
    ForeignKeyViolation,
    NotNullViolation,
    RestrictViolation,
    UniqueViolation,
)

from gateway.contributions.account import read_accounts
from gateway.contributions.rights import CoverageState, Rights
from gateway.contributions.situation import situation
from gateway.members.account import load_account
from gateway.members.register import Registration, register
from tests.conftest import Urls, plain
from tests.fixed import START as NOW
from tests.payments.books import hand
from tests.schemes import RAMED_RULES, put_in_force
from tests.stories import paid
from tests.world import AMINATA, World

AMINATAS, MOUSSAS = 1, 2

#: A poor household under RAMED: its own share is nothing, the State and its commune bear all of it.
RAMED = """
    INSERT INTO scheme (code, version, status, legal_status, legal_reference, valid_from, rules, approved_by, loaded_at)
    VALUES ('RAMED', 1, 'active', 'ILLUSTRATIVE', '', '2026-01-01', '{}', 'test', '2026-01-01Z');
    INSERT INTO party (kind) VALUES ('state');
    INSERT INTO share_payer (kind, cercle_code, party_id) SELECT 'STATE', '', max(id) FROM party WHERE kind = 'state'
        ON CONFLICT (kind, cercle_code) DO NOTHING;
    INSERT INTO enrolment (party_id, scheme_code, scheme_version, valid_from, valid_to)
    VALUES (1, 'RAMED', 1, '2026-01-01', '2026-12-31');
"""
CHARGE = """
    INSERT INTO charge (enrolment_id, payer_party_id, period_start, period_end, due_on, sequence, kind, amount_xof,
                        charged_at, is_receivable)
    VALUES (%s, %s, '2026-01-01', '2026-12-31', '2026-01-01', %s, %s, %s, '2026-01-01Z', false)
"""
#: What anybody is charged, by whose enrolment it is.
CHARGED = """
    SELECT enrolment.party_id, scheme_code, party.kind, coalesce(share_payer.cercle_code, ''), amount_xof
      FROM charge JOIN enrolment ON enrolment.id = enrolment_id JOIN party ON party.id = payer_party_id
      LEFT JOIN share_payer ON share_payer.party_id = party.id
     ORDER BY enrolment.party_id, party.kind
"""
#: A further charge of the household's first period, or of another payer's or on other days.
CORRECTION = """
    INSERT INTO charge (enrolment_id, payer_party_id, period_start, period_end, due_on, sequence, kind, amount_xof,
                        charged_at, is_receivable)
    SELECT enrolment.id, coalesce(%(payer)s, enrolment.party_id), period_start, period_end, due_on + %(days)s::int,
           %(sequence)s, 'adjustment', %(amount_xof)s, '2026-11-24Z', false
      FROM enrolment JOIN charge ON charge.enrolment_id = enrolment.id AND payer_party_id = party_id
     WHERE enrolment.id = %(enrolment)s
"""
OWED = "SELECT sum(amount_xof)::bigint FROM charge WHERE enrolment_id = %s AND payer_party_id = %s"


def one(connection: psycopg.Connection, query: str, *values: object) -> int:
    row = connection.execute(query.encode(), values).fetchone()
    assert row is not None
    return int(row[0])


def correct(connection: psycopg.Connection, **values: int) -> None:
    connection.execute(CORRECTION.encode(), {"payer": None, "days": 0, **values})


def wait_for_a_lock(urls: Urls) -> None:
    """Return once somebody waits for a row."""
    with hand(urls.superuser) as connection:
        while not one(connection, "SELECT count(*) FROM pg_locks WHERE NOT granted"):
            pass


async def test_every_payers_share_of_a_period_is_kept_as_a_charge_of_its_party(world: World) -> None:
    assert await world.rows(CHARGED) == [
        (AMINATAS, "ARTISAN", "household", "", 3_000),
        (MOUSSAS, "COTON", "household", "", 21_000),
        (MOUSSAS, "COTON", "state", "", 9_000),
    ]


async def test_a_household_of_ramed_owes_nothing_and_is_covered_while_state_and_its_own_commune_owe_all(
    world: World,
) -> None:
    scheme = await put_in_force(world, RAMED_RULES)
    for number, cercle in enumerate(("0201", "0301", "0201")):
        caller = Registration(f"+2237000010{number}", "Sira Coulibaly", "autre", cercle, 4)
        await world.database.transact(lambda connection, caller=caller: register(connection, caller, scheme, NOW))  # type: ignore[misc]
    own = await world.rows(CHARGED + " OFFSET 3")
    assert [row[2:] for row in own] == [
        ("commune", "0201", 400), ("household", "", 0), ("state", "", 3_600),
        ("commune", "0301", 400), ("household", "", 0), ("state", "", 3_600),
        ("commune", "0201", 400), ("household", "", 0), ("state", "", 3_600),
    ]  # fmt: skip
    assert await world.rows("SELECT count(DISTINCT payer_party_id) FROM charge WHERE amount_xof = 400") == [(2,)]
    [(first,)] = await world.rows("SELECT party_id FROM phone_link WHERE msisdn = '+22370000100'")
    async with world.database.unit_of_work() as connection:
        account = (await read_accounts(connection, world.jobs.catalog, [int(str(first))])).readable[int(str(first))]
    stand = situation(account.scheme, account.registered_on, account.due_items(), NOW.date())
    assert (stand.due_xof, stand.remaining_xof) == (0, 0)
    assert account.rights_on(NOW.date()) == Rights(CoverageState.OPEN, NOW.date(), date(2026, 12, 31))
    world.clock.forward(days=60)
    await world.work()
    async with world.database.unit_of_work() as connection:
        account = (await read_accounts(connection, world.jobs.catalog, [account.id])).readable[account.id]
    assert [item.amount_xof for item in account.items] == [0, 0]
    assert account.rights_on(world.clock.now().date()).state is CoverageState.OPEN


async def test_a_correction_is_a_further_charge_and_what_is_owed_is_their_sum(world: World, urls: Urls) -> None:
    with hand(urls.app) as connection:
        [(enrolment, start)] = connection.execute(
            "SELECT enrolment_id, period_start FROM charge WHERE payer_party_id = 1"
        ).fetchall()
        correct(connection, enrolment=enrolment, sequence=2, amount_xof=-500)
    async with world.database.unit_of_work() as connection:
        account = (await read_accounts(connection, world.jobs.catalog, [AMINATAS])).readable[AMINATAS]
    assert [(item.period_start, item.amount_xof) for item in account.items] == [(start, 2_500)]
    async with world.database.single() as connection:
        caller = await load_account(connection, world.jobs.catalog, AMINATA, NOW)
    assert caller is not None
    assert caller.household.items == account.items


@pytest.mark.usefixtures("world")
def test_charges_of_a_period_are_never_below_nothing_nor_dated_otherwise_nor_without_a_first(urls: Urls) -> None:
    for refused in (
        {"enrolment": 1, "sequence": 2, "amount_xof": -3_001},
        {"enrolment": 1, "sequence": 2, "amount_xof": 1, "days": 1},
        {"enrolment": 2, "sequence": 2, "amount_xof": 1, "payer": AMINATAS},
    ):
        with hand(urls.app) as connection, pytest.raises((CheckViolation, NotNullViolation)):
            correct(connection, **refused)
    with hand(urls.app) as connection:
        correct(connection, enrolment=1, sequence=2, amount_xof=-3_000)


async def test_a_charge_is_not_corrected_below_what_was_paid_for_it(world: World, urls: Urls) -> None:
    await paid(world, AMINATA, "S1")
    with hand(urls.app) as connection, pytest.raises(CheckViolation, match="of which 3000 F are paid"):
        correct(connection, enrolment=1, sequence=2, amount_xof=-1)


@pytest.mark.usefixtures("world")
def test_two_corrections_at_once_that_each_fit_do_not_fit_together(urls: Urls) -> None:
    with closing(psycopg.connect(plain(urls.app))) as first, closing(psycopg.connect(plain(urls.app))) as second:
        correct(first, enrolment=1, sequence=2, amount_xof=-2_000)
        first.execute("SET CONSTRAINTS ALL IMMEDIATE")
        correct(second, enrolment=1, sequence=3, amount_xof=-2_000)
        with ThreadPoolExecutor(1) as beside:
            committed = beside.submit(second.commit)
            wait_for_a_lock(urls)
            first.commit()
            with pytest.raises(CheckViolation, match="owing -1000 F"):
                committed.result(60)


async def test_a_household_under_ramed_owes_nothing_beside_its_other_scheme(world: World, urls: Urls) -> None:
    assert await world.count("enrolment") == 2
    with hand(urls.owner) as connection:
        connection.execute(RAMED.encode())
        ramed = one(connection, "SELECT max(id) FROM enrolment")
        state = one(connection, "SELECT party_id FROM share_payer WHERE kind = 'STATE'")
        connection.execute(CHARGE.encode(), (ramed, AMINATAS, 1, "contribution", 0))
        connection.execute(CHARGE.encode(), (ramed, state, 1, "contribution", 4_680))
        assert one(connection, OWED, ramed, AMINATAS) == 0
        assert one(connection, OWED, ramed, state) == 4_680
        side_by_side = one(connection, "SELECT count(*) FROM enrolment WHERE party_id = 1 AND valid_to IS NOT NULL")
        assert side_by_side == 1


async def test_a_group_that_pays_for_its_members_is_charged_in_their_enrolments(world: World, urls: Urls) -> None:
    assert await world.count("household") == 2
    with hand(urls.app) as connection:
        group = one(connection, "INSERT INTO party (kind) VALUES ('group') RETURNING id")
        for household in (AMINATAS, MOUSSAS):
            enrolment = one(connection, "SELECT id FROM enrolment WHERE party_id = %s", household)
            connection.execute(CHARGE.encode(), (enrolment, group, 1, "contribution", 500))
        assert one(connection, "SELECT sum(amount_xof) FROM charge WHERE payer_party_id = %s", group) == 1_000
        assert one(connection, "SELECT count(DISTINCT enrolment_id) FROM charge WHERE payer_party_id = %s", group) == 2


@pytest.mark.usefixtures("world")
def test_charges_are_signed_and_corrected_only_by_others(urls: Urls) -> None:
    with hand(urls.app) as connection:
        enrolment = one(connection, "SELECT id FROM enrolment WHERE party_id = 2")
        for sequence, (kind, amount_xof) in enumerate(
            (("contribution", 900), ("adjustment", -400), ("exemption", -500)), start=1
        ):
            connection.execute(CHARGE.encode(), (enrolment, AMINATAS, sequence, kind, amount_xof))
        assert one(connection, OWED, enrolment, AMINATAS) == 0
        for refusal, values in (
            (UniqueViolation, (enrolment, AMINATAS, 3, "adjustment", -1)),
            (CheckViolation, (enrolment, AMINATAS, 0, "adjustment", -1)),
            (CheckViolation, (enrolment, AMINATAS, 4, "gift", -1)),
            (CheckViolation, (enrolment, AMINATAS, 4, "adjustment", -1_000_000_000)),
            (ForeignKeyViolation, (enrolment, 999_999, 4, "adjustment", -1)),
            (ForeignKeyViolation, (999_999, AMINATAS, 4, "adjustment", -1)),
        ):
            with pytest.raises(refusal):
                connection.execute(CHARGE.encode(), values)
    with hand(urls.superuser, replica=True) as superuser:
        for change in ("UPDATE charge SET amount_xof = 0", "DELETE FROM charge", "TRUNCATE charge CASCADE"):
            with pytest.raises(RestrictViolation):
                superuser.execute(change.encode())


@pytest.mark.usefixtures("world")
def test_one_scheme_holds_a_party_once_at_a_time_and_another_may_stand_beside_it(urls: Urls) -> None:
    again = """
        INSERT INTO enrolment (party_id, scheme_code, scheme_version, valid_from)
        SELECT party_id, scheme_code, scheme_version, %s FROM enrolment WHERE party_id = 1
    """
    with hand(urls.app) as connection:
        began: date = connection.execute("SELECT valid_from FROM enrolment WHERE party_id = 1").fetchall()[0][0]
        with pytest.raises(ExclusionViolation, match="ex_enrolment_once_in_a_scheme_at_a_time"):
            connection.execute(again.encode(), (began.replace(year=began.year + 1),))
        ended = began.replace(year=began.year + 1)
        connection.execute("UPDATE enrolment SET valid_to = %s WHERE party_id = 1", (ended,))
        connection.execute(again.encode(), (ended.replace(year=ended.year + 1),))
        assert one(connection, "SELECT count(*) FROM enrolment WHERE party_id = 1") == 2
