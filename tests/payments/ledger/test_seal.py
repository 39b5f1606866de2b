"""Old rows cannot change unseen, whoever changes them."""

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from unittest.mock import ANY

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, RestrictViolation
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.infra.database import Database
from payments.ledger import post as posting
from payments.ledger import seal as sealing
from payments.ledger.balance import balances, check_books
from payments.ledger.entry import Entry, LedgerTxn
from payments.ledger.finding import Finding, FindingKind
from payments.ledger.post import final_through, post, reserve_ids, wait_for_postings
from payments.ledger.seal import FILLING_MAX, GENESIS_SHA256, Block, Verification, seal, verify
from tests.parties import parties_up_to

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
        reason='é; "quoted", [bracketed]\n',
        entries=(Entry("advances", amount_xof, 7), Entry("contributions", -amount_xof, 7)),
    )


async def post_some(database: Database, first: int, count: int) -> None:
    async def work(connection: AsyncConnection) -> None:
        await parties_up_to(connection, 8)
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
    assert await verified(database) == Verification(blocks=3, txns=12, unsealed=2, findings=())
    assert await database.transact(check_books) == ()


async def test_sealing_again_seals_only_what_is_new(database: Database) -> None:
    await sealed_books(database)
    rest = await database.transact(lambda connection: seal(connection, NOW))
    assert rest is not None
    assert rest.txn_count == 2
    assert await database.transact(lambda connection: seal(connection, NOW)) is None


async def test_an_empty_ledger_has_nothing_to_seal(database: Database) -> None:
    assert await database.transact(lambda connection: seal(connection, NOW)) is None
    assert await verified(database) == Verification(blocks=0, txns=0, unsealed=0, findings=())


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
    ("a household", "UPDATE ledger_entry SET party_id = 8 WHERE txn_id = %(id)s"),
    ("an author", "UPDATE ledger_txn SET actor = 'nobody' WHERE id = %(id)s"),
    ("a reason", "UPDATE ledger_txn SET reason = reason || ' ' WHERE id = %(id)s"),
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
    assert [(finding.block_seq, finding.kind) for finding in found.findings] == [(2, FindingKind.CONTENT_CHANGED)]
    assert not found.ok


async def test_a_row_that_disappears_names_its_block(database: Database, by_hand: psycopg.Connection) -> None:
    blocks = await sealed_books(database)
    gone = {"id": blocks[2].through_txn_id}
    by_hand.execute("DELETE FROM ledger_entry WHERE txn_id = %(id)s", gone)
    by_hand.execute("DELETE FROM ledger_txn WHERE id = %(id)s", gone)
    found = await verified(database)
    assert [(finding.block_seq, finding.kind) for finding in found.findings] == [(3, FindingKind.ROWS_MISSING)]


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
        "INSERT INTO ledger_txn (id, ref, kind, effective_at, posted_at, actor, reason) "
        "VALUES (%s, 'late', 'test', %s, %s, 'nobody', 'none')",
        (gap, NOW, NOW),
    )
    by_hand.execute(
        "INSERT INTO ledger_entry VALUES (%(id)s, 1, 'advances', 7, 5), (%(id)s, 2, 'contributions', 7, -5)",
        {"id": gap},
    )
    found = await verified(database)
    assert [(finding.block_seq, finding.kind) for finding in found.findings] == [(1, FindingKind.ROWS_INSERTED)]
    # The slipped rows balance; only the sums that were kept at the end of the block do not have them.
    assert {finding.kind for finding in await database.transact(check_books)} == {FindingKind.TOTAL_CHANGED}


async def test_a_row_before_the_first_block_is_found(database: Database, by_hand: psycopg.Connection) -> None:
    await sealed_books(database, blocks=1)
    by_hand.execute(
        "INSERT INTO ledger_txn (id, ref, kind, effective_at, posted_at, actor, reason) "
        "VALUES (0, 'early', 'test', %s, %s, 'nobody', 'none')",
        (NOW, NOW),
    )
    assert FindingKind.ROWS_INSERTED in {finding.kind for finding in (await verified(database)).findings}


async def test_a_block_that_disappears_breaks_the_chain(database: Database, by_hand: psycopg.Connection) -> None:
    await sealed_books(database)
    by_hand.execute("DELETE FROM ledger_block WHERE seq = 2")
    found = await verified(database)
    assert [(finding.block_seq, finding.kind) for finding in found.findings] == [(3, FindingKind.CHAIN_BROKEN)]


async def test_a_block_sealed_anew_over_changed_rows_breaks_the_chain(
    database: Database, by_hand: psycopg.Connection
) -> None:
    blocks = await sealed_books(database)
    by_hand.execute("UPDATE ledger_txn SET actor = 'nobody' WHERE id = %s", (blocks[0].through_txn_id,))
    digest, _ = await database.transact(lambda connection: sealing._digest(connection, blocks[0]))
    by_hand.execute("UPDATE ledger_block SET sha256 = %s WHERE seq = 1", (digest,))
    found = await verified(database)
    assert [(finding.block_seq, finding.kind) for finding in found.findings] == [(2, FindingKind.CHAIN_BROKEN)]


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
    findings: tuple[Finding, ...] = await database.transact(check_books)
    assert {finding.kind for finding in findings} == {
        FindingKind.UNBALANCED,
        FindingKind.LEDGER_NOT_ZERO,
        FindingKind.CLEARING_WITHOUT_PAYMENT,
        FindingKind.ENTRY_WITHOUT_TXN,
        FindingKind.PAYMENT_NOT_POSTED,
        FindingKind.PAYMENT_ELSEWHERE,
        FindingKind.PAYMENT_RENAMED,
    }


SLIPS = [
    ("one entry alone", "DELETE FROM ledger_entry WHERE txn_id = 2 AND line = 2", FindingKind.UNBALANCED),
    ("no entry", "DELETE FROM ledger_entry WHERE txn_id = 2", FindingKind.UNBALANCED),
    ("a sum", "UPDATE ledger_entry SET amount_xof = 501 WHERE txn_id = 2 AND line = 1", FindingKind.UNBALANCED),
    ("no transaction", "DELETE FROM ledger_txn WHERE id = 2", FindingKind.ENTRY_WITHOUT_TXN),
    ("an amount", "UPDATE payment SET amount_xof = 9 WHERE ledger_txn_id = 2", FindingKind.PAYMENT_NOT_POSTED),
    ("an operator", "UPDATE payment SET operator = 'x' WHERE ledger_txn_id = 2", FindingKind.PAYMENT_NOT_POSTED),
    ("no payment", "DELETE FROM payment WHERE ledger_txn_id = 2", FindingKind.CLEARING_WITHOUT_PAYMENT),
    ("a household", "UPDATE payment SET party_id = 8 WHERE ledger_txn_id = 2", FindingKind.PAYMENT_ELSEWHERE),
    (
        "suspense",
        "UPDATE payment SET party_id = NULL, matched_by = 'suspense' WHERE ledger_txn_id = 2",
        FindingKind.PAYMENT_ELSEWHERE,
    ),
    (
        "an entry for another",
        "UPDATE ledger_entry SET party_id = 8 WHERE txn_id = 2 AND line = 2",
        FindingKind.PAYMENT_ELSEWHERE,
    ),
    (
        "a moment",
        "UPDATE payment SET occurred_at = occurred_at + interval '1 microsecond' WHERE ledger_txn_id = 2",
        FindingKind.PAYMENT_MOVED,
    ),
    ("an id", "UPDATE payment SET operator_transaction_id = 'T9' WHERE ledger_txn_id = 2", FindingKind.PAYMENT_RENAMED),
    ("an id below all", "UPDATE ledger_entry SET txn_id = -5 WHERE txn_id = 2", FindingKind.ENTRY_WITHOUT_TXN),
]


@pytest.mark.parametrize(("what", "change", "kind"), SLIPS, ids=[what for what, _, _ in SLIPS])
async def test_one_pass_over_the_books_overlooks_nothing_that_a_question_would_name(
    database: Database, by_hand: psycopg.Connection, what: str, change: str, kind: FindingKind
) -> None:
    del what

    async def work(connection: AsyncConnection) -> None:
        await parties_up_to(connection, 8)
        ids = await reserve_ids(connection, 3)
        txns = [
            LedgerTxn(f"payment/sandbox/T{id_}", "payment", NOW, "test", "test",
                      (Entry("clearing/sandbox", 500), Entry("contributions", -500, 7)))
            for id_ in ids
        ]  # fmt: skip
        await post(connection, list(zip(ids, txns, strict=True)), NOW)

    await database.transact(work)
    by_hand.execute(
        "INSERT INTO payment (operator, operator_transaction_id, party_id, amount_xof, matched_by, provenance,"
        " occurred_at, posted_at, ledger_txn_id, receipt_number) SELECT 'sandbox', 'T' || id, 7, 500, 'payer',"
        " 'query', effective_at, posted_at, id, 'Q' || id FROM ledger_txn"
    )
    assert await database.transact(check_books) == ()
    by_hand.execute(change.encode())
    assert kind in {finding.kind for finding in await database.transact(check_books)}


async def test_accounts_add_up_to_zero(database: Database) -> None:
    await post_some(database, 0, 3)
    rows = await database.transact(balances)
    assert {(row.account, row.amount_xof) for row in rows} == {("advances", 1_500), ("contributions", -1_500)}


async def test_what_a_posting_under_way_may_still_write_is_left_to_the_next_block(database: Database) -> None:
    """A smaller id that commits later would fall behind the block, so the block ends below it; nobody waits."""
    await post_some(database, 0, 2)
    async with database.unit_of_work() as slow:
        early = (await reserve_ids(slow, 1))[0]
        await post_some(database, 2, 3)
        block = await database.transact(lambda connection: seal(connection, NOW))
        assert block is not None
        assert (block.txn_count, block.through_txn_id < early) == (2, True)
        assert await database.transact(lambda connection: seal(connection, NOW)) is None
        await post(slow, [(early, txn("slow"))], NOW)
    block = await database.transact(lambda connection: seal(connection, NOW))
    assert block is not None
    assert (block.after_txn_id, block.txn_count) == (early - 1, 4)
    assert (await verified(database)).ok


async def test_a_posting_that_began_and_was_handed_no_id_yet_holds_the_block_back(database: Database) -> None:
    async with database.unit_of_work() as slow:
        await slow.execute(posting.BEGIN_POSTING, {"space": posting.LEDGER_LOCK})
        await post_some(database, 0, 3)
        assert await database.transact(lambda connection: seal(connection, NOW)) is None
    block = await database.transact(lambda connection: seal(connection, NOW))
    assert block is not None
    assert block.txn_count == 3


async def test_posting_goes_on_while_a_block_is_being_sealed(database: Database) -> None:
    await post_some(database, 0, 4)
    async with database.unit_of_work() as sealer:
        assert await seal(sealer, NOW) is not None
        await asyncio.wait_for(post_some(database, 4, 4), 10)
    block = await database.transact(lambda connection: seal(connection, NOW))
    assert block is not None
    assert block.txn_count == 4


async def test_no_transaction_slips_behind_a_block_while_many_post_and_some_seal(database: Database) -> None:
    """Posters hold their ids for turns of chance; whoever falls behind a block would be found by the proof."""
    chance, posted = random.Random(6), 0  # noqa: S311 - chance, not secrecy
    reached = {"left something out": 0, "sealed": 0}
    await database.transact(lambda connection: parties_up_to(connection, 8))

    async def poster(number: int) -> None:
        for turn in range(12):
            async with database.unit_of_work() as connection:
                ids = await reserve_ids(connection, 1 + number % 3)
                for _ in range(chance.randrange(6)):
                    await connection.exec_driver_sql("SELECT 1")
                if chance.random() < 0.1:
                    await connection.rollback()
                    continue
                named = [(id_, txn(f"{number}.{turn}.{place}")) for place, id_ in enumerate(ids)]
                await post(connection, named, NOW)
            nonlocal posted
            posted += len(ids)

    async def sealer(posters: asyncio.Future[list[None]]) -> None:
        while not posters.done():
            block = await database.transact(lambda connection: seal(connection, NOW))
            reached["sealed"] += block is not None
            async with database.single() as connection:
                last = (await connection.exec_driver_sql("SELECT max(id) FROM ledger_txn")).scalar_one() or 0
                reached["left something out"] += block is not None and block.through_txn_id < last

    posters = asyncio.gather(*(poster(number) for number in range(6)))
    await asyncio.gather(posters, sealer(posters), sealer(posters))
    await database.transact(wait_for_postings)
    while await database.transact(lambda connection: seal(connection, NOW)):
        pass
    assert await verified(database) == Verification(blocks=ANY, txns=posted, unsealed=0, findings=())
    assert all(reached.values()), reached


async def test_ids_beyond_thirty_two_bits_are_final_in_their_order(database: Database, owner_url: str) -> None:
    with psycopg.connect(plain(owner_url), autocommit=True) as owner:
        for far in (2**31 - 1, 2**32 - 1):
            owner.execute("SELECT setval('ledger_txn_id_seq', %s)", (far,))
            async with database.unit_of_work() as slow:
                early = (await reserve_ids(slow, 1))[0]
                await post_some(database, far, 2)
                async with database.single() as connection:
                    assert await final_through(connection) == far
            async with database.single() as connection:
                assert await final_through(connection) == early + 2
        cached = owner.execute("SELECT seqcache FROM pg_sequence WHERE seqrelid = 'ledger_txn_id_seq'::regclass")
        assert cached.fetchone() == (1,)


async def test_closing_waits_for_the_postings_under_way_and_for_no_later_one(database: Database) -> None:
    await database.transact(lambda connection: parties_up_to(connection, 8))
    async with database.unit_of_work() as slow:
        early = (await reserve_ids(slow, 1))[0]
        waiting = asyncio.ensure_future(database.transact(wait_for_postings))
        async with database.single() as watcher:
            while not await _someone_waits(watcher):
                assert not waiting.done()
        await post(slow, [(early, txn("slow"))], NOW)
        await asyncio.wait_for(post_some(database, 0, 1), 10)
        assert not waiting.done()
    await waiting


async def test_a_block_that_is_not_full_waits_for_more(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BLOCK_TXNS_MAX", 3)
    await post_some(database, 0, 5)

    async def due(now: datetime) -> int:
        block = await database.transact(lambda connection: seal(connection, now, filling=FILLING_MAX))
        return 0 if block is None else block.txn_count

    assert [await due(NOW), await due(NOW)] == [3, 0]
    assert await due(NOW + FILLING_MAX - timedelta(seconds=1)) == 0
    assert await due(NOW + FILLING_MAX) == 2


RUNBOOK_TXNS = """
    SELECT ROW(id, ref, kind, effective_at, posted_at, actor, reason, reverses_id) || ''
      FROM ledger_txn WHERE id > :after AND id <= :through ORDER BY id
"""
RUNBOOK_ENTRIES = """
    SELECT ROW(txn_id, line, account, party_id, amount_xof) || ''
      FROM ledger_entry WHERE txn_id > :after AND txn_id <= :through ORDER BY txn_id, line
"""


async def test_a_block_is_hashed_as_the_runbook_says(database: Database) -> None:
    [block] = await sealed_books(database, blocks=1)
    bounds = {"after": block.after_txn_id, "through": block.through_txn_id}
    lines = [f"ramu.ledger.block.v2 1 {'0' * 64} {block.after_txn_id} {block.through_txn_id} 4"]
    async with database.single() as connection:
        for query in (RUNBOOK_TXNS, RUNBOOK_ENTRIES):
            lines += (await connection.execute(text(query), bounds)).scalars()
    assert len(lines) == 1 + 4 + 8
    assert sha256("".join(f"{line}\n" for line in lines).encode()).digest() == block.sha256


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
