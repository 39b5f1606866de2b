"""What was refused is counted by its sender, and no sender can make us write for ever."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from sqlalchemy import text

from gateway.infra.database import Database
from payments.evidence.refusals import KEPT_FOR, OTHERS, SENDERS_MAX, Refused, record, refused_one, together

NOW = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)


def one(sender: str = "203.0.113.9", body: bytes | int = b"{}", at: datetime = NOW) -> Refused:
    return refused_one("sandbox", sender, "the signature is wrong", body, at)


async def rows(database: Database) -> list[tuple[object, ...]]:
    async with database.single() as connection:
        kept = await connection.execute(
            text("SELECT sender, day, refused, last_sha256, last_bytes, last_at FROM refused_callback ORDER BY 1, 2")
        )
        return [tuple(row) for row in kept]


def test_what_was_read_has_a_digest_and_what_was_not_has_the_length_it_announced() -> None:
    assert (one(body=b"abc").last_sha256, one(body=b"abc").last_bytes) == (sha256(b"abc").digest(), 3)
    assert (one(body=99).last_sha256, one(body=99).last_bytes) == (None, 99)


def test_one_sender_is_one_row_and_a_crowd_is_one_more() -> None:
    crowd = [one(f"sender {number}") for number in range(SENDERS_MAX + 50)] * 3
    found = {row.sender: row.count for row in together(crowd)}
    assert len(found) == SENDERS_MAX + 1
    assert found.pop(OTHERS) == 50 * 3
    assert set(found.values()) == {3}
    assert sum(row.count for row in together(crowd)) == len(crowd)


def test_who_is_known_already_is_still_told_apart() -> None:
    known = [("sandbox", NOW.date(), f"sender {number}") for number in range(SENDERS_MAX)]
    assert {row.sender for row in together([one("sender 3"), one("a new one")], known)} == {"sender 3", OTHERS}
    tomorrow = replace(one("a new one"), day=NOW.date() + timedelta(days=1))
    assert {row.sender for row in together([tomorrow], known)} == {"a new one"}


async def test_counts_are_added_up_and_the_last_one_is_known(database: Database) -> None:
    for at in (NOW, NOW + timedelta(seconds=30)):
        refused = [one(at=at), one(at=at, body=b"later")]
        await database.transact(lambda connection, refused=refused: record(connection, together(refused), NOW.date()))  # type: ignore[misc]
    later = NOW + timedelta(seconds=30)
    assert await rows(database) == [("203.0.113.9", NOW.date(), 4, sha256(b"later").digest(), 5, later)]


async def test_a_crowd_over_many_writings_is_one_row_more_than_the_quota(database: Database) -> None:
    for start in range(0, 3 * SENDERS_MAX, SENDERS_MAX):
        crowd = [one(f"sender {number}") for number in range(start, start + SENDERS_MAX)]
        await database.transact(lambda connection, crowd=crowd: record(connection, crowd, NOW.date()))  # type: ignore[misc]
    kept = await rows(database)
    assert len(kept) == SENDERS_MAX + 1
    assert [row[2] for row in kept if row[0] == OTHERS] == [2 * SENDERS_MAX]


async def test_what_is_old_is_forgotten(database: Database) -> None:
    old = one(at=NOW - KEPT_FOR - timedelta(days=1))
    await database.transact(lambda connection: record(connection, [old, one(at=NOW - KEPT_FOR)], NOW.date()))
    assert [row[1] for row in await rows(database)] == [(NOW - KEPT_FOR).date()]
