"""Seals the ledger in blocks, each hashed with the one before, so that no old row can change unseen.

A block ends where everything below is final (see post.final_through): each id is there for good or will never come.
Gaps in the ids are therefore normal and harmless.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.detail import DetailCode, detail
from payments.ledger.finding import Finding, FindingKind
from payments.ledger.post import final_through
from payments.ledger.totals import keep_totals

#: What stands before the first block and before the first closed day.
GENESIS_SHA256: Final = bytes(32)
#: The first word of every hashed block; another form of the content would be another version.
DOMAIN: Final = "ramu.ledger.block.v2"
#: What one block holds at most: so much text is in memory at once while it is hashed.
BLOCK_TXNS_MAX: Final = 5_000
#: A block that is not full waits so long for more, counted from its oldest transaction.
FILLING_MAX: Final = timedelta(minutes=10)

ONE_SEALER_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('ledger_block', 0))")

#: Moments are hashed as PostgreSQL writes them, which these two decide.
AS_TEXT = text("SELECT set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO, YMD', true)")

BLOCKS = text("""
    SELECT seq, after_txn_id, through_txn_id, txn_count, previous_sha256, sha256 FROM ledger_block ORDER BY seq
""")

LAST_BLOCK = text("""
    SELECT seq, after_txn_id, through_txn_id, txn_count, previous_sha256, sha256
      FROM ledger_block ORDER BY seq DESC LIMIT 1
""")

NEXT_RANGE = text("""
    SELECT max(id) AS through_txn_id, count(*) AS txn_count, min(posted_at) AS oldest_at
      FROM (SELECT id, posted_at FROM ledger_txn WHERE id > :after AND id <= :final ORDER BY id LIMIT :most) AS next
""")

#: Each row as PostgreSQL writes a record: its fields in quotes where they could be mistaken, NULL as nothing at all.
CONTENT = text("""
    SELECT txns.txn_count, txns.written || chr(10) AS txns, entries.written || chr(10) AS entries
      FROM (SELECT count(*) AS txn_count,
                   string_agg(CAST(ROW(id, ref, kind, effective_at, posted_at, actor, reason, reverses_id) AS text),
                              chr(10) ORDER BY id) AS written
              FROM ledger_txn WHERE id > :after AND id <= :through) AS txns
     CROSS JOIN
           (SELECT string_agg(CAST(ROW(txn_id, line, account, party_id, amount_xof) AS text),
                              chr(10) ORDER BY txn_id, line) AS written
              FROM ledger_entry WHERE txn_id > :after AND txn_id <= :through) AS entries
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
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Return whether nothing was found wrong."""
        return not self.findings


#: The block that every chain hangs on.
GENESIS: Final = Block(0, 0, 0, 0, GENESIS_SHA256, GENESIS_SHA256)


async def seal(connection: AsyncConnection, now: datetime, *, filling: timedelta = timedelta(0)) -> Block | None:
    """Seal the oldest transactions that no block holds yet and that are final, up to BLOCK_TXNS_MAX.

    Fewer wait until the oldest of them was posted ``filling`` ago.
    Returns: None when there is nothing to seal now. The connection must not hold one snapshot (READ COMMITTED).
    """
    await connection.execute(ONE_SEALER_AT_A_TIME)
    last = await head(connection)
    final = await final_through(connection)
    asked = {"after": last.through_txn_id, "final": final, "most": BLOCK_TXNS_MAX}
    through_txn_id, txn_count, oldest_at = (await connection.execute(NEXT_RANGE, asked)).one()
    if not txn_count or (txn_count < BLOCK_TXNS_MAX and oldest_at > now - filling):
        return None
    await connection.execute(AS_TEXT)
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
    await keep_totals(connection, block.seq, block.after_txn_id, block.through_txn_id)
    return block


async def head(connection: AsyncConnection) -> Block:
    """Return the newest block, or GENESIS when there is none."""
    row = (await connection.execute(LAST_BLOCK)).one_or_none()
    return GENESIS if row is None else Block(*row)


async def is_block(connection: AsyncConnection, digest: bytes) -> bool:
    """Return whether a block, or GENESIS, has this hash."""
    if digest == GENESIS_SHA256:
        return True
    found: bool = (await connection.execute(BLOCK_EXISTS, {"sha256": digest})).scalar_one()
    return found


async def verify(connection: AsyncConnection) -> Verification:
    """Recompute the whole chain from the rows and name each block that no longer says the truth."""
    await connection.execute(AS_TEXT)
    findings: list[Finding] = []
    early: int = (await connection.execute(BEFORE_THE_FIRST)).scalar_one()
    if early:
        findings.append(Finding(1, FindingKind.ROWS_INSERTED, detail(DetailCode.EARLY_ROWS, count=early)))
    previous, txns = GENESIS, 0
    blocks = [Block(*row) for row in (await connection.execute(BLOCKS)).all()]
    for block in blocks:
        findings += _link_findings(previous, block)
        digest, found_count = await _digest(connection, block)
        findings += _content_findings(block, digest, found_count)
        txns += found_count
        previous = block
    unsealed: int = (await connection.execute(AFTER, {"after": previous.through_txn_id})).scalar_one()
    return Verification(len(blocks), txns, unsealed, tuple(findings))


def _link_findings(previous: Block, block: Block) -> list[Finding]:
    findings = []
    if block.seq != previous.seq + 1:
        findings.append(
            Finding(block.seq, FindingKind.CHAIN_BROKEN, detail(DetailCode.BLOCK_MISSING, seq=previous.seq + 1))
        )
    elif block.after_txn_id != previous.through_txn_id:
        findings.append(Finding(block.seq, FindingKind.CHAIN_BROKEN, detail(DetailCode.BLOCK_NOT_ADJOINING)))
    elif block.previous_sha256 != previous.sha256:
        findings.append(Finding(block.seq, FindingKind.CHAIN_BROKEN, detail(DetailCode.BLOCK_NOT_LINKED)))
    return findings


def _content_findings(block: Block, digest: bytes, found_count: int) -> list[Finding]:
    span = {"first_id": block.after_txn_id + 1, "last_id": block.through_txn_id}
    if found_count < block.txn_count:
        said = detail(DetailCode.BLOCK_ROWS_MISSING, **span, count=block.txn_count - found_count)
        return [Finding(block.seq, FindingKind.ROWS_MISSING, said)]
    if found_count > block.txn_count:
        said = detail(DetailCode.BLOCK_ROWS_INSERTED, **span, count=found_count - block.txn_count)
        return [Finding(block.seq, FindingKind.ROWS_INSERTED, said)]
    if digest != block.sha256:
        return [Finding(block.seq, FindingKind.CONTENT_CHANGED, detail(DetailCode.BLOCK_ROWS_CHANGED, **span))]
    return []


async def _digest(connection: AsyncConnection, block: Block) -> tuple[bytes, int]:
    """Hash a block's bounds, then its transactions, then its entries, one line each.

    Source:  docs/runbooks/restore-and-verify.md says how anybody makes the same hash without this program.
    """
    span = {"after": block.after_txn_id, "through": block.through_txn_id}
    found = (await connection.execute(CONTENT, span)).one()
    previous = block.previous_sha256.hex()
    bounds = f"{DOMAIN} {block.seq} {previous} {block.after_txn_id} {block.through_txn_id} {block.txn_count}\n"
    hashed = sha256(bounds.encode("ascii"))
    hashed.update((found.txns or "").encode())
    hashed.update((found.entries or "").encode())
    return hashed.digest(), found.txn_count
