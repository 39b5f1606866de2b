"""Tables kept in stretches: room is made in time, guards stand on each, and what nobody needs leaves as a whole."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, InvalidParameterValue, ObjectNotInPrerequisiteState, RestrictViolation
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.jobs.partitions import grow_partitions
from gateway.money.close_day import verify_all
from gateway.money.match_statement import ReconcilingDeps
from gateway.reports.detached import detached_partitions
from gateway.sms.kinds import SmsKind
from gateway.sms.outbox import OutgoingSms, queue
from payments.evidence.callbacks import mark_failed, store
from payments.evidence.unreadable import Dismissal, dismiss_one
from payments.http_messages import RawRequest
from payments.observation import Verdict, VerdictKind
from tests.conftest import Urls
from tests.gateway.money.signed_days import two_days
from tests.payments.books import hand
from tests.world import AMINATA, World

pytestmark = pytest.mark.database

SIZES = {"callback": 8_000_000, "observation": 32_000_000, "outbox_sms": 4_000_000, "statement_line": 1_000}
COUNTERS = {name: f"{name}_id_seq" for name in SIZES} | {"statement_line": "statement_file_id_seq"}
#: A column of each that is evidence.
EVIDENCE = {"callback": "body", "observation": "detail", "statement_line": "raw"}
DIGEST = b"\x11" * 32

TRIGGERS = """
    SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal ORDER BY tgname
"""


def value(connection: psycopg.Connection, query: str, *values: object) -> object:
    row = connection.execute(query.encode(), values).fetchone()
    assert row is not None
    return row[0]


def partitions(connection: psycopg.Connection, table: str) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM ramu_partitions(%s)", (table,)).fetchall()]


def hand_out(connection: psycopg.Connection, table: str, number: int) -> None:
    """Let the table's counter stand where it would after so many rows."""
    connection.execute("SELECT setval(%s, %s)", (COUNTERS[table], number))


@pytest.mark.parametrize("table", SIZES)
def test_a_whole_partition_stands_empty_behind_the_last_number_and_no_more(urls: Urls, table: str) -> None:
    size = SIZES[table]
    with hand(urls.superuser) as owner, hand(urls.app) as application:
        assert partitions(owner, table) == [f"{table}_1", f"{table}_2"]
        for number, expected in ((size, 2), (size + 1, 3), (2 * size, 3), (2 * size + 1, 4), (5 * size, 6)):
            hand_out(owner, table, number)
            application.execute("SELECT ramu_grow()")
            assert partitions(owner, table) == [f"{table}_{place}" for place in range(1, expected + 1)]
            assert value(application, "SELECT ramu_grow()") == 0


def test_two_that_make_room_at_once_make_it_once(urls: Urls) -> None:
    with hand(urls.superuser) as owner:
        hand_out(owner, "callback", SIZES["callback"] + 1)
    with hand(urls.app) as one, hand(urls.app) as other, ThreadPoolExecutor(2) as beside:
        made = list(beside.map(lambda connection: value(connection, "SELECT ramu_grow()"), (one, other)))
    assert sorted(made) == [0, 1]  # type: ignore[type-var]


async def test_the_worker_makes_room_for_the_rows_that_come(world: World, urls: Urls) -> None:
    with hand(urls.superuser) as owner:
        hand_out(owner, "outbox_sms", 2 * SIZES["outbox_sms"])
        assert await grow_partitions(world.jobs, world.clock.now()) == 0
        message = OutgoingSms("later", SmsKind.SITUATION, 1, AMINATA, "Bonjour")
        await world.database.transact(lambda connection: queue(connection, message, world.clock.now()))
        assert value(owner, "SELECT count(*) FROM outbox_sms_3") == 1
        await world.work()
    assert "Bonjour" in await world.texts_to(AMINATA)


async def test_a_statement_is_kept_in_a_partition_that_was_added_later(
    world: World, recon: ReconcilingDeps, urls: Urls
) -> None:
    with hand(urls.superuser) as owner:
        hand_out(owner, "statement_line", 2 * SIZES["statement_line"])
        await grow_partitions(world.jobs, world.clock.now())
    # Its lines come before its file, whose key is deferred in whatever partition they stand.
    await two_days(world, recon)
    with hand(urls.superuser) as owner:
        assert value(owner, "SELECT count(*) FROM statement_line_3") == 3
    assert (await world.database.transact(verify_all)).findings == ()


@pytest.mark.parametrize("table", SIZES)
def test_every_partition_has_the_guards_of_its_table_also_one_that_was_added_later(urls: Urls, table: str) -> None:
    with hand(urls.superuser) as owner:
        hand_out(owner, table, SIZES[table] + 1)
        owner.execute("SELECT ramu_grow()")
        of_table = owner.execute(TRIGGERS.encode(), (table,)).fetchall()
        for part in partitions(owner, table):
            of_part = owner.execute(TRIGGERS.encode(), (part,)).fetchall()
            assert {name for name, _ in of_table} - {f"{table}_not_emptied"} <= {name for name, _ in of_part}
            assert f"{part}_not_emptied" in {name for name, _ in of_part}
            assert {enabled for _, enabled in of_part} == {"A"}


async def test_no_partition_is_reached_past_its_table_or_its_guards(
    world: World, recon: ReconcilingDeps, urls: Urls
) -> None:
    await two_days(world, recon)
    with hand(urls.app) as application, hand(urls.superuser, replica=True) as superuser:
        for table in SIZES:
            for refused in (
                f"SELECT FROM {table}_1",
                f"INSERT INTO {table}_1 DEFAULT VALUES",
                f"DELETE FROM {table}_1",  # noqa: S608 - our own names
            ):
                with pytest.raises(InsufficientPrivilege):
                    application.execute(refused.encode())
            with pytest.raises(RestrictViolation):
                superuser.execute(f"TRUNCATE {table}_1".encode())
        for table in ("observation", "statement_line"):
            assert value(superuser, f"SELECT count(*) > 0 FROM {table}_1") is True  # noqa: S608 - our own names
            changed = f"UPDATE {table}_1 SET {EVIDENCE[table]} = ''"  # noqa: S608 - our own names
            for change in (changed, f"DELETE FROM {table}_1"):  # noqa: S608 - our own names
                with pytest.raises(RestrictViolation):
                    superuser.execute(change.encode())


def test_what_is_written_still_or_waits_for_somebody_does_not_leave(urls: Urls) -> None:
    with hand(urls.superuser) as owner:
        owner.execute("INSERT INTO sms_key VALUES ('k')")
        owner.execute(
            "INSERT INTO outbox_sms (key, kind, msisdn, body, state, attempts, queued_at, next_attempt_at)"
            " VALUES ('k', 'situation', '+22370000001', 'x', 'queued', 0, now(), now())"
        )
        detach = "SELECT ramu_detach('outbox_sms', %s, 'a test')"
        with pytest.raises(ObjectNotInPrerequisiteState, match="outbox_sms_1 is still written"):
            owner.execute(detach.encode(), (DIGEST,))
        hand_out(owner, "outbox_sms", SIZES["outbox_sms"] + 1)
        with pytest.raises(ObjectNotInPrerequisiteState, match="rows that wait"):
            owner.execute(detach.encode(), (DIGEST,))
        with pytest.raises(InvalidParameterValue, match="nothing leaves payment"):
            owner.execute("SELECT ramu_detach('payment', %s, 'a test')", (DIGEST,))
        with hand(urls.app) as application, pytest.raises(InsufficientPrivilege):
            application.execute(detach.encode(), (DIGEST,))
        assert value(owner, "SELECT count(*) FROM detached_partition") == 0
        owner.execute("UPDATE outbox_sms SET state = 'dropped', next_attempt_at = NULL")
        assert value(owner, detach, DIGEST) == "outbox_sms_1"
        assert partitions(owner, "outbox_sms") == ["outbox_sms_2"]


async def test_a_message_that_left_with_its_stretch_is_not_told_again(world: World, urls: Urls) -> None:
    message = OutgoingSms("told/1", SmsKind.SITUATION, 1, AMINATA, "Bonjour")
    await world.database.transact(lambda connection: queue(connection, message, world.clock.now()))
    await world.work()
    with hand(urls.superuser) as owner:
        hand_out(owner, "outbox_sms", SIZES["outbox_sms"] + 1)
        owner.execute("SELECT ramu_grow(), ramu_detach('outbox_sms', %s, 'thirteen months')", (DIGEST,))
        owner.execute("DROP TABLE outbox_sms_1")
    world.clock.forward(days=400)
    await world.database.transact(lambda connection: queue(connection, message, world.clock.now()))
    assert await world.count("outbox_sms") == 0


async def test_lines_that_left_stand_guarded_and_the_books_are_proved_without_them(
    world: World, recon: ReconcilingDeps, urls: Urls
) -> None:
    await two_days(world, recon)
    with hand(urls.superuser) as owner:
        lines = value(owner, "SELECT count(*) FROM statement_line")
        hand_out(owner, "statement_line", SIZES["statement_line"] + 1)
        owner.execute("SELECT ramu_grow(), ramu_detach('statement_line', %s, 'ten years')", (DIGEST,))
        assert value(owner, "SELECT count(*) FROM statement_line_1") == lines
        assert value(owner, "SELECT count(*) FROM statement_line") == 0
    with hand(urls.superuser, replica=True) as superuser:
        for change in (
            "UPDATE statement_line_1 SET raw = ''",
            "DELETE FROM statement_line_1",
            "INSERT INTO statement_line_1 SELECT * FROM statement_line_1",
            "TRUNCATE statement_line_1",
            "DELETE FROM detached_partition",
            "UPDATE detached_partition SET archive_sha256 = archive_sha256",
        ):
            with pytest.raises(RestrictViolation):
                superuser.execute(change.encode())
    assert (await world.database.transact(verify_all)).findings == ()
    [gone] = await world.database.transact(detached_partitions)
    assert (gone.name, gone.row_count, gone.archive_sha256) == ("statement_line_1", lines, DIGEST)
    assert gone.detached_by == "postgres"
    # The file itself, its bytes and its balances are proved as before.
    with psycopg.connect(urls.superuser.replace("+psycopg", ""), autocommit=True) as by_hand:
        by_hand.execute("ALTER TABLE statement_file DISABLE TRIGGER ALL")
        by_hand.execute("UPDATE statement_file SET line_count = line_count + 1 WHERE id = 1")
    assert [one.kind for one in (await world.database.transact(verify_all)).findings] == ["evidence_changed"]


async def test_a_callback_leaves_without_what_was_read_in_it(world: World, urls: Urls) -> None:
    with hand(urls.superuser) as owner:
        owner.execute(
            "INSERT INTO callback (operator, method, path, query, headers, body, verdict, reason, received_at,"
            " attempts, handled_at) VALUES ('sandbox', 'POST', '/', '', '{}', 'x', 'accept', '', %s, 1, %s)",
            (world.clock.now(), world.clock.now() + timedelta(seconds=1)),
        )
        owner.execute(
            "INSERT INTO observation (operator, provenance, status, observed_at, callback_id, detail, remarks)"
            " VALUES ('sandbox', 'signed_callback', 'pending', %s, 1, '', '')",
            (world.clock.now(),),
        )
        hand_out(owner, "callback", SIZES["callback"] + 1)
        owner.execute("SELECT ramu_grow(), ramu_detach('callback', %s, 'thirteen months')", (DIGEST,))
        assert value(owner, "SELECT callback_id FROM observation") == 1
    assert (await world.database.transact(verify_all)).findings == ()


async def test_a_dismissed_callback_keeps_its_partition_no_longer(world: World, urls: Urls) -> None:
    detach = "SELECT ramu_detach('callback', %s, 'thirteen months')"
    signed = Verdict(VerdictKind.ACCEPT, "signed")
    raw = RawRequest("POST", "/webhooks/sandbox", "", {}, b"{", world.clock.now())

    async def parked(connection: AsyncConnection) -> None:
        await store(connection, "sandbox", None, raw, signed, sender="10.1.2.3")
        await mark_failed(connection, 1, "not strict JSON", world.clock.now(), park=True)

    await world.database.transact(parked)
    decision = Dismissal(world.clock.now(), "staff/awa", "essai de l'opérateur")
    with hand(urls.superuser) as owner:
        hand_out(owner, "callback", SIZES["callback"] + 1)
        owner.execute("SELECT ramu_grow()")
        with pytest.raises(ObjectNotInPrerequisiteState, match="rows that wait"):
            owner.execute(detach.encode(), (DIGEST,))
        assert await world.database.transact(lambda connection: dismiss_one(connection, 1, decision)) == 1
        assert value(owner, detach, DIGEST) == "callback_1"
        owner.execute("DROP TABLE callback_1")
    # Who decided it, and why, stays when the message has gone.
    assert await world.rows("SELECT operator, sender, dismissed_by, dismiss_reason FROM unreadable_callback") == [
        ("sandbox", "10.1.2.3", "staff/awa", "essai de l'opérateur")
    ]


@pytest.fixture
def recon(world: World) -> ReconcilingDeps:
    return ReconcilingDeps(world.deps, world.jobs.catalog)
