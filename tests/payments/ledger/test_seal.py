"""Old rows cannot change unseen, whoever changes them."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, RestrictViolation
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.database import Database
from payments.ledger import seal as sealing
from payments.ledger.balance import balances, check_books
from payments.ledger.entry import Entry, LedgerTxn
from payments.ledger.fault import Fault, FaultKind
from payments.ledger.post import post, reserve_ids
from payments.ledger.seal import GENESIS_SHA256, Block, Verification, seal, verify

pytestmark = pytest.mark.database

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SEALED_TABLES = ("ledger_txn", "ledger_entry", "ledger_block", "day_report", "payment")


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def txn(name: str, amount_xof: int = 500) -> LedgerTxn:
    return LedgerTxn(
        ref=f"test/{name}",
        kind="test",
        effective_at=NOW,
        actor="test",
        cause='é; "quoted", [bracketed]\n',
        entries=(Entry("advances", amount_xof, 7), Entry("contributions", -amount_xof, 7)),
    )


async def post_some(database: Database, first: int, count: int) -> None:
    async def work(connection: AsyncConnection) -> None:
        ids = await reserve_ids(connection, count)
        await post(connection, [(id_, txn(str(first + place))) for place, id_ in enumerate(ids)], NOW)

    await database.transact(work)


async def sealed_books(database: Database, blocks: int = 3) -> list[Block]:
    """Three blocks of four transactions, then two transactions that no block holds."""
    made = []
    for number in range(blocks):
        await post_some(database, number * 4, 4)
        block = await database.transact(lambda connection: seal(connection, NOW))
        assert block is not None
        made.append(block)
    await post_some(database, blocks * 4, 2)
    return made


async def verified(database: Database) -> Verification:
    return await database.transact(verify)


@pytest.fixture
def by_hand(superuser_url: str) -> Iterator[psycopg.Connection]:
    """Someone who holds the server and switches every guard off."""
    with psycopg.connect(plain(superuser_url), autocommit=True) as connection:
        for table in SEALED_TABLES:
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        yield connection


async def test_an_untouched_ledger_verifies(database: Database) -> None:
    blocks = await sealed_books(database)
    assert [block.seq for block in blocks] == [1, 2, 3]
    assert [block.txn_count for block in blocks] == [4, 4, 4]
    assert blocks[0].previous_sha256 == GENESIS_SHA256
    assert [block.previous_sha256 for block in blocks[1:]] == [block.sha256 for block in blocks[:-1]]
    assert await verified(database) == Verification(blocks=3, txns=12, unsealed=2, faults=())
    assert await database.transact(check_books) == ()


async def test_sealing_again_seals_only_what_is_new(database: Database) -> None:
    await sealed_books(database)
    rest = await database.transact(lambda connection: seal(connection, NOW))
    assert rest is not None
    assert rest.txn_count == 2
    assert await database.transact(lambda connection: seal(connection, NOW)) is None


async def test_an_empty_ledger_has_nothing_to_seal(database: Database) -> None:
    assert await database.transact(lambda connection: seal(connection, NOW)) is None
    assert await verified(database) == Verification(blocks=0, txns=0, unsealed=0, faults=())


async def test_a_block_is_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BLOCK_TXNS_MAX", 3)
    await post_some(database, 0, 7)
    counts = []
    while block := await database.transact(lambda connection: seal(connection, NOW)):
        counts.append(block.txn_count)
    assert counts == [3, 3, 1]
    assert (await verified(database)).ok


CHANGES = [
    ("an amount", "UPDATE ledger_entry SET amount_xof = amount_xof * 2 WHERE txn_id = %(id)s"),
    ("an account", "UPDATE ledger_entry SET account = 'suspense/sandbox' WHERE txn_id = %(id)s AND line = 1"),
    ("a household", "UPDATE ledger_entry SET household_id = 8 WHERE txn_id = %(id)s"),
    ("an author", "UPDATE ledger_txn SET actor = 'nobody' WHERE id = %(id)s"),
    ("a cause", "UPDATE ledger_txn SET cause = cause || ' ' WHERE id = %(id)s"),
    ("a date", "UPDATE ledger_txn SET effective_at = effective_at + interval '1 microsecond' WHERE id = %(id)s"),
    ("a pair of entries", "DELETE FROM ledger_entry WHERE txn_id = %(id)s"),
]


@pytest.mark.parametrize(("what", "change"), CHANGES, ids=[what for what, _ in CHANGES])
async def test_one_row_changed_by_hand_names_its_block(
    database: Database, by_hand: psycopg.Connection, what: str, change: str
) -> None:
    del what
    blocks = await sealed_books(database)
    by_hand.execute(change.encode(), {"id": blocks[1].after_txn_id + 2})
    found = await verified(database)
    assert [(fault.block_seq, fault.kind) for fault in found.faults] == [(2, FaultKind.CONTENT_CHANGED)]
    assert not found.ok


async def test_a_row_that_disappears_names_its_block(database: Database, by_hand: psycopg.Connection) -> None:
    blocks = await sealed_books(database)
    gone = {"id": blocks[2].through_txn_id}
    by_hand.execute("DELETE FROM ledger_entry WHERE txn_id = %(id)s", gone)
    by_hand.execute("DELETE FROM ledger_txn WHERE id = %(id)s", gone)
    found = await verified(database)
    assert [(fault.block_seq, fault.kind) for fault in found.faults] == [(3, FaultKind.ROWS_MISSING)]


async def test_a_balanced_row_slipped_into_a_sealed_range_is_found(
    database: Database, by_hand: psycopg.Connection
) -> None:
    # Ids are reserved and given up, as a transaction that rolls back does: the gap is normal, filling it is not.
    await post_some(database, 0, 2)
    async with database.single() as connection:
        gap = (await reserve_ids(connection, 1))[0]
    await post_some(database, 2, 2)
    assert await database.transact(lambda connection: seal(connection, NOW)) is not None
    assert (await verified(database)).ok
    by_hand.execute(
        "INSERT INTO ledger_txn (id, ref, kind, effective_at, posted_at, actor, cause) "
        "VALUES (%s, 'late', 'test', %s, %s, 'nobody', 'none')",
        (gap, NOW, NOW),
    )
    by_hand.execute(
        "INSERT INTO ledger_entry VALUES (%(id)s, 1, 'advances', 7, 5), (%(id)s, 2, 'contributions', 7, -5)",
        {"id": gap},
    )
    found = await verified(database)
    assert [(fault.block_seq, fault.kind) for fault in found.faults] == [(1, FaultKind.ROWS_INSERTED)]
    assert await database.transact(check_books) == ()


async def test_a_row_before_the_first_block_is_found(database: Database, by_hand: psycopg.Connection) -> None:
    await sealed_books(database, blocks=1)
    by_hand.execute(
        "INSERT INTO ledger_txn (id, ref, kind, effective_at, posted_at, actor, cause) "
        "VALUES (0, 'early', 'test', %s, %s, 'nobody', 'none')",
        (NOW, NOW),
    )
    assert FaultKind.ROWS_INSERTED in {fault.kind for fault in (await verified(database)).faults}


async def test_a_block_that_disappears_breaks_the_chain(database: Database, by_hand: psycopg.Connection) -> None:
    await sealed_books(database)
    by_hand.execute("DELETE FROM ledger_block WHERE seq = 2")
    found = await verified(database)
    assert [(fault.block_seq, fault.kind) for fault in found.faults] == [(3, FaultKind.CHAIN_BROKEN)]


async def test_a_block_sealed_anew_over_changed_rows_breaks_the_chain(
    database: Database, by_hand: psycopg.Connection
) -> None:
    blocks = await sealed_books(database)
    by_hand.execute("UPDATE ledger_txn SET actor = 'nobody' WHERE id = %s", (blocks[0].through_txn_id,))
    digest, _ = await database.transact(lambda connection: sealing._digest(connection, blocks[0]))
    by_hand.execute("UPDATE ledger_block SET sha256 = %s WHERE seq = 1", (digest,))
    found = await verified(database)
    assert [(fault.block_seq, fault.kind) for fault in found.faults] == [(2, FaultKind.CHAIN_BROKEN)]


async def test_each_question_of_the_books_finds_its_fault(database: Database, by_hand: psycopg.Connection) -> None:
    await post_some(database, 0, 3)
    by_hand.execute("UPDATE ledger_entry SET amount_xof = 501 WHERE txn_id = 1 AND line = 1")
    by_hand.execute("UPDATE ledger_entry SET account = 'clearing/sandbox' WHERE txn_id = 2 AND line = 1")
    by_hand.execute("DELETE FROM ledger_txn WHERE id = 3")
    by_hand.execute(
        "INSERT INTO payment (operator, operator_transaction_id, amount_xof, matched_by, provenance, occurred_at, "
        "posted_at, ledger_txn_id, receipt_number) VALUES ('sandbox', 'T', 9, 'suspense', 'query', %s, %s, 1, 'Q1')",
        (NOW, NOW),
    )
    faults: tuple[Fault, ...] = await database.transact(check_books)
    assert {fault.kind for fault in faults} == {
        FaultKind.UNBALANCED,
        FaultKind.LEDGER_NOT_ZERO,
        FaultKind.CLEARING_WITHOUT_PAYMENT,
        FaultKind.ENTRY_WITHOUT_TXN,
        FaultKind.PAYMENT_NOT_POSTED,
        FaultKind.PAYMENT_ELSEWHERE,
        FaultKind.PAYMENT_RENAMED,
    }


async def test_accounts_add_up_to_zero(database: Database) -> None:
    await post_some(database, 0, 3)
    rows = await database.transact(balances)
    assert {(row.account, row.amount_xof) for row in rows} == {("advances", 1_500), ("contributions", -1_500)}


async def test_sealing_waits_for_a_posting_under_way_and_then_holds_it(database: Database) -> None:
    """A smaller id that commits later would fall behind the block; the lock makes the sealer wait for it."""
    async with database.unit_of_work() as slow:
        early = (await reserve_ids(slow, 1))[0]
        sealer = asyncio.ensure_future(database.transact(lambda connection: seal(connection, NOW)))
        async with database.single() as watcher:
            while not await _someone_waits(watcher):
                assert not sealer.done()
        await post(slow, [(early, txn("slow"))], NOW)
    block = await sealer
    assert block is not None
    assert block.txn_count == 1
    assert block.through_txn_id == early


async def _someone_waits(connection: AsyncConnection) -> bool:
    found = await connection.exec_driver_sql(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return bool(found.scalar_one())


async def test_two_sealers_at_once_make_one_chain(database: Database) -> None:
    await post_some(database, 0, 4)
    later = NOW + timedelta(seconds=1)
    blocks = await asyncio.gather(*(database.transact(lambda connection: seal(connection, later)) for _ in range(4)))
    assert sorted(block.seq for block in blocks if block is not None) == [1]
    assert (await verified(database)).ok


REFUSED = ["UPDATE {table} SET {column} = {column}", "DELETE FROM {table}", "TRUNCATE {table} CASCADE"]
COLUMN = {"ledger_txn": "actor", "ledger_entry": "account", "ledger_block": "seq"}


@pytest.mark.parametrize("table", list(COLUMN))
@pytest.mark.parametrize("attempt", REFUSED, ids=["update", "delete", "truncate"])
async def test_a_sealed_row_is_refused_to_everyone_while_the_guards_stand(
    database: Database, owner_url: str, superuser_url: str, table: str, attempt: str
) -> None:
    await sealed_books(database, blocks=1)
    statement = attempt.format(table=table, column=COLUMN[table])
    async with database.engine.connect() as connection:
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        with pytest.raises(InsufficientPrivilege):
            await raw.execute(statement)
    for url in (owner_url, superuser_url):
        with psycopg.connect(plain(url)) as connection_, pytest.raises(RestrictViolation):
            connection_.execute(statement.encode())
    with psycopg.connect(plain(superuser_url)) as connection_:
        connection_.execute("SET session_replication_role = replica")
        with pytest.raises(RestrictViolation):
            connection_.execute(statement.encode())
    assert (await verified(database)).ok
