"""Enrolments and charges: every payer's share kept, signed, never changed; RAMED owes 0 F; a group pays for many."""

from datetime import date

import psycopg
import pytest
from psycopg.errors import CheckViolation, ExclusionViolation, ForeignKeyViolation, RestrictViolation, UniqueViolation

from tests.conftest import Urls
from tests.payments.books import hand
from tests.world import World

AMINATAS, MOUSSAS = 1, 2

#: A poor household under RAMED: its own share is nothing, the State and its commune bear all of it.
RAMED = """
    INSERT INTO scheme (code, version, status, legal_status, legal_reference, valid_from, rules, approved_by, loaded_at)
    VALUES ('RAMED', 1, 'active', 'ILLUSTRATIVE', '', '2026-01-01', '{}', 'test', '2026-01-01Z');
    INSERT INTO party (kind) VALUES ('state');
    INSERT INTO share_payer (kind, party_id) SELECT 'STATE', max(id) FROM party WHERE kind = 'state'
        ON CONFLICT (kind) DO NOTHING;
    INSERT INTO enrolment (party_id, scheme_code, scheme_version, valid_from, valid_to)
    VALUES (1, 'RAMED', 1, '2026-01-01', '2026-12-31');
"""
CHARGE = """
    INSERT INTO charge (enrolment_id, payer_party_id, period_start, period_end, sequence, kind, amount_xof, charged_at)
    VALUES (%s, %s, '2026-01-01', '2026-12-31', %s, %s, %s, '2026-01-01Z')
"""
OWED = "SELECT sum(amount_xof)::bigint FROM charge WHERE enrolment_id = %s AND payer_party_id = %s"


def one(connection: psycopg.Connection, query: str, *values: object) -> int:
    row = connection.execute(query.encode(), values).fetchone()
    assert row is not None
    return int(row[0])


async def test_every_payers_share_of_a_period_is_kept_as_a_charge_of_its_party(world: World) -> None:
    charges = await world.rows(
        "SELECT enrolment.party_id, scheme_code, party.kind, amount_xof FROM charge"
        "  JOIN enrolment ON enrolment.id = enrolment_id JOIN party ON party.id = payer_party_id"
        " ORDER BY enrolment.party_id, party.kind DESC"
    )
    owed = dict(await world.rows("SELECT household_id, amount_xof FROM due_item"))
    gross = dict(await world.rows("SELECT household_id, gross_xof FROM due_item"))
    own = {party: amount_xof for party, _, kind, amount_xof in charges if kind == "household"}
    assert own == owed
    borne = [(party, kind) for party, _, kind, _ in charges if kind != "household"]
    assert len(borne) >= 1
    for party in (AMINATAS, MOUSSAS):
        assert sum(int(str(xof)) for whose, _, _, xof in charges if whose == party) == gross[party]


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
