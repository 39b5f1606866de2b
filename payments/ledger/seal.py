"""Seals the ledger in blocks, each hashed with the one before, so that no old row can change unseen.

Posting shares a lock that sealing takes alone: while it is held no transaction is under way, so every id up to the
largest visible one is either there for good or will never come. Gaps in the ids are therefore normal and harmless.
"""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.ledger.fault import Fault, FaultKind
from payments.ledger.post import LEDGER_LOCK

#: What stands before the first block and before the first closed day.
GENESIS_SHA256: Final = bytes(32)
#: The first word of every hashed block; another form of the content would be another version.
DOMAIN: Final = "ramu.ledger.block.v1"
#: Posting waits while a block is hashed, so a block stays small.
BLOCK_TXNS_MAX: Final = 5_000

LOCK_ALONE = text("SELECT pg_advisory_xact_lock(:key)")

BLOCKS = text("""
    SELECT seq, after_txn_id, through_txn_id, txn_count, previous_sha256, sha256 FROM ledger_block ORDER BY seq
""")

LAST_BLOCK = text("""
    SELECT seq, after_txn_id, through_txn_id, txn_count, previous_sha256, sha256
      FROM ledger_block ORDER BY seq DESC LIMIT 1
""")

NEXT_RANGE = text("""
    SELECT max(id) AS through_txn_id, count(*) AS txn_count
      FROM (SELECT id FROM ledger_txn WHERE id > :after ORDER BY id LIMIT :most) AS next
""")

TXNS = text("""
    SELECT id, ref, kind, effective_at, posted_at, actor, cause, reverses_id
      FROM ledger_txn WHERE id > :after AND id <= :through ORDER BY id
""")

ENTRIES = text("""
    SELECT txn_id, line, account, household_id, amount_xof
      FROM ledger_entry WHERE txn_id > :after AND txn_id <= :through ORDER BY txn_id, line
""")

INSERT = text("""
    INSERT INTO ledger_block (seq, after_txn_id, through_txn_id, txn_count, previous_sha256, sha256, sealed_at)
    VALUES (:seq, :after_txn_id, :through_txn_id, :txn_count, :previous_sha256, :sha256, :now)
""")

BEFORE_THE_FIRST = text("SELECT count(*) FROM ledger_txn WHERE id <= 0")

AFTER = text("SELECT count(*) FROM ledger_txn WHERE id > :after")

BLOCK_EXISTS = text("SELECT EXISTS (SELECT FROM ledger_block WHERE sha256 = :sha256)")


@dataclass(frozen=True, slots=True)
class Block:
    """A sealed run of ledger transactions: ids above ``after_txn_id``, up to ``through_txn_id``."""

    seq: int
    after_txn_id: int
    through_txn_id: int
    txn_count: int
    previous_sha256: bytes
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Verification:
    """What a walk along the whole chain found; ``unsealed`` transactions stand behind its last block."""

    blocks: int
    txns: int
    unsealed: int
    faults: tuple[Fault, ...]

    @property
    def ok(self) -> bool:
        """Say whether nothing was found wrong."""
        return not self.faults


#: The block that every chain hangs on.
GENESIS: Final = Block(0, 0, 0, 0, GENESIS_SHA256, GENESIS_SHA256)


async def seal(connection: AsyncConnection, now: datetime) -> Block | None:
    """Seal the oldest transactions that no block holds yet, up to BLOCK_TXNS_MAX.

    Returns: None when every transaction is sealed.
    """
    await connection.execute(LOCK_ALONE, {"key": LEDGER_LOCK})
    last = await head(connection)
    found = await connection.execute(NEXT_RANGE, {"after": last.through_txn_id, "most": BLOCK_TXNS_MAX})
    through_txn_id, txn_count = found.one()
    if not txn_count:
        return None
    unsealed = Block(last.seq + 1, last.through_txn_id, through_txn_id, txn_count, last.sha256, sha256=b"")
    digest, _ = await _digest(connection, unsealed)
    block = replace(unsealed, sha256=digest)
    await connection.execute(
        INSERT,
        {
            "seq": block.seq,
            "after_txn_id": block.after_txn_id,
            "through_txn_id": block.through_txn_id,
            "txn_count": block.txn_count,
            "previous_sha256": block.previous_sha256,
            "sha256": block.sha256,
            "now": now,
        },
    )
    return block


async def head(connection: AsyncConnection) -> Block:
    """Give the newest block, or GENESIS when there is none."""
    row = (await connection.execute(LAST_BLOCK)).one_or_none()
    return GENESIS if row is None else Block(*row)


async def is_block(connection: AsyncConnection, digest: bytes) -> bool:
    """Say whether a block, or GENESIS, has this hash."""
    if digest == GENESIS_SHA256:
        return True
    found: bool = (await connection.execute(BLOCK_EXISTS, {"sha256": digest})).scalar_one()
    return found


async def verify(connection: AsyncConnection) -> Verification:
    """Recompute the whole chain from the rows and name each block that no longer says the truth."""
    faults: list[Fault] = []
    early: int = (await connection.execute(BEFORE_THE_FIRST)).scalar_one()
    if early:
        faults.append(Fault(1, FaultKind.ROWS_INSERTED, f"{early} avant le premier bloc"))
    previous, txns = GENESIS, 0
    blocks = [Block(*row) for row in (await connection.execute(BLOCKS)).all()]
    for block in blocks:
        faults += _link_faults(previous, block)
        digest, found_count = await _digest(connection, block)
        faults += _content_faults(block, digest, found_count)
        txns += found_count
        previous = block
    unsealed: int = (await connection.execute(AFTER, {"after": previous.through_txn_id})).scalar_one()
    return Verification(len(blocks), txns, unsealed, tuple(faults))


def _link_faults(previous: Block, block: Block) -> list[Fault]:
    faults = []
    if block.seq != previous.seq + 1:
        faults.append(Fault(block.seq, FaultKind.CHAIN_BROKEN, f"le bloc {previous.seq + 1} manque"))
    elif block.after_txn_id != previous.through_txn_id:
        faults.append(Fault(block.seq, FaultKind.CHAIN_BROKEN, "le bloc ne commence pas où finit le précédent"))
    elif block.previous_sha256 != previous.sha256:
        faults.append(Fault(block.seq, FaultKind.CHAIN_BROKEN, "le bloc ne nomme pas l'empreinte du précédent"))
    return faults


def _content_faults(block: Block, digest: bytes, found_count: int) -> list[Fault]:
    place = f"écritures {block.after_txn_id + 1} à {block.through_txn_id}"
    if found_count < block.txn_count:
        return [Fault(block.seq, FaultKind.ROWS_MISSING, f"{place} : il en manque {block.txn_count - found_count}")]
    if found_count > block.txn_count:
        return [Fault(block.seq, FaultKind.ROWS_INSERTED, f"{place} : {found_count - block.txn_count} de trop")]
    if digest != block.sha256:
        return [Fault(block.seq, FaultKind.CONTENT_CHANGED, f"{place} : une ligne n'est plus ce qui a été scellé")]
    return []


async def _digest(connection: AsyncConnection, block: Block) -> tuple[bytes, int]:
    """Hash a block's bounds, then its transactions, then its entries, one JSON array a line."""
    hashed, found_count = sha256(), 0
    bounds = [block.seq, block.previous_sha256.hex(), block.after_txn_id, block.through_txn_id, block.txn_count]
    hashed.update(_line([DOMAIN, *bounds]))
    span = {"after": block.after_txn_id, "through": block.through_txn_id}
    async with connection.stream(TXNS, span) as txns:
        async for row in txns:
            hashed.update(_line(_txn(row)))
            found_count += 1
    async with connection.stream(ENTRIES, span) as entries:
        async for row in entries:
            hashed.update(_line(list(row)))
    return hashed.digest(), found_count


def _txn(row: Row[tuple[object, ...]]) -> list[object]:
    effective_at, posted_at = _moment(row.effective_at), _moment(row.posted_at)
    return [row.id, row.ref, row.kind, effective_at, posted_at, row.actor, row.cause, row.reverses_id]


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _line(values: list[object]) -> bytes:
    return json.dumps(values, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"
