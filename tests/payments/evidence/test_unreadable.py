"""Callbacks that came to nothing: who sent them is kept, a person ends them, and trying again opens them once more."""

from datetime import UTC, datetime, timedelta

import pytest
from psycopg.errors import RestrictViolation
from sqlalchemy import text

from gateway.infra.database import Database
from payments.evidence import unreadable
from payments.evidence.callbacks import lease_due, mark_failed, mark_handled, retry, store
from payments.evidence.unreadable import Dismissal, dismiss_one, dismiss_sender, mark_unreadable
from payments.http_messages import RawRequest
from payments.observation import Verdict, VerdictKind
from payments.requests.dispatch import Lease
from tests.conftest import Urls
from tests.payments.books import hand

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SIGNED = Verdict(VerdictKind.ACCEPT, "signed")
DECISION = Dismissal(NOW + timedelta(hours=1), "staff/awa", "essai de l'opérateur")

pytestmark = pytest.mark.database


async def came(database: Database, count: int, sender: str | None = "10.1.2.3", at: datetime = NOW) -> None:
    raw = RawRequest("PUT", "/webhooks/sandbox", "", {}, b"{", at)
    for _ in range(count):
        await database.transact(lambda connection: store(connection, "sandbox", None, raw, SIGNED, sender=sender))


async def park(database: Database, *callback_ids: int, why: str = "not strict JSON") -> None:
    for number in callback_ids:
        await database.transact(
            lambda connection, number=number: mark_failed(connection, number, why, NOW, park=True)  # type: ignore[misc]
        )


async def rows(database: Database, query: str) -> list[tuple[object, ...]]:
    async with database.single() as connection:
        return [tuple(row) for row in await connection.execute(text(query))]


async def still_open(database: Database) -> list[int]:
    query = "SELECT callback_id FROM unreadable_callback WHERE closed_at IS NULL ORDER BY 1"
    return [int(str(number)) for (number,) in await rows(database, query)]


async def take(database: Database, now: datetime) -> list[int]:
    leased = await database.transact(lambda connection: lease_due(connection, Lease("sandbox", now, 60, 10)))
    return [callback.id for callback in leased]


async def test_what_is_parked_is_listed_with_its_sender_and_its_reason(database: Database) -> None:
    await came(database, 1)
    await came(database, 1, None)
    await park(database, 1, 2)
    assert await rows(
        database, "SELECT callback_id, operator, sender, is_parked, why FROM unreadable_callback ORDER BY 1"
    ) == [(1, "sandbox", "10.1.2.3", True, "not strict JSON"), (2, "sandbox", "unknown", True, "not strict JSON")]


async def test_what_is_put_off_and_what_is_read_are_not_listed(database: Database) -> None:
    await came(database, 2)
    assert await take(database, NOW) == [1, 2]
    await database.transact(lambda connection: mark_failed(connection, 1, "not written", NOW))
    await database.transact(lambda connection: mark_handled(connection, [(2, None)], NOW))
    assert await still_open(database) == []


async def test_what_nobody_vouches_for_is_told_and_waits_for_nobody(database: Database) -> None:
    await came(database, 2)
    for _ in range(2):
        await database.transact(lambda connection: mark_unreadable(connection, [(1, "empty"), (2, "not JSON")], NOW))
    assert await rows(database, "SELECT callback_id, is_parked, why FROM unreadable_callback ORDER BY 1") == [
        (1, False, "empty"),
        (2, False, "not JSON"),
    ]
    assert await rows(database, "SELECT DISTINCT handled_at, parked_at FROM callback") == [(NOW, None)]


async def test_a_dismissed_callback_is_taken_by_no_job_and_keeps_who_and_why(database: Database) -> None:
    await came(database, 1)
    await park(database, 1)
    for expected in (1, 0):
        assert await database.transact(lambda connection: dismiss_one(connection, 1, DECISION)) == expected
    assert await rows(database, "SELECT handled_at, parked_at, next_attempt_at, last_error FROM callback") == [
        (DECISION.at, None, None, "not strict JSON")
    ]
    assert await take(database, NOW + timedelta(days=9)) == []
    assert await rows(database, "SELECT closed_at, dismissed_by, dismiss_reason FROM unreadable_callback") == [
        (DECISION.at, DECISION.by, DECISION.reason)
    ]


async def test_what_comes_while_somebody_decides_is_dismissed_by_nobody(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await came(database, 5)
    await came(database, 1, "10.9.9.9")
    await park(database, 1, 2, 3, 4, 5, 6)

    async def dismissed(through_id: int) -> int:
        return await database.transact(
            lambda connection: dismiss_sender(connection, "sandbox", "10.1.2.3", through_id, DECISION)
        )

    assert await dismissed(4) == 4
    assert await still_open(database) == [5, 6]
    await came(database, 4)
    await park(database, 7, 8, 9, 10)
    monkeypatch.setattr(unreadable, "DISMISSED_AT_ONCE", 3)
    assert [await dismissed(10), await dismissed(10), await dismissed(10)] == [3, 2, 0]
    assert await still_open(database) == [6]


async def test_one_that_an_older_release_parked_is_dismissed_as_well(database: Database, urls: Urls) -> None:
    await came(database, 1)
    with hand(urls.app) as older:
        older.execute("UPDATE callback SET parked_at = %s, next_attempt_at = NULL", (NOW,))
    assert await still_open(database) == []
    assert await database.transact(lambda connection: dismiss_one(connection, 1, DECISION)) == 1
    assert await rows(database, "SELECT handled_at FROM callback") == [(DECISION.at,)]


async def again(database: Database, callback_id: int, now: datetime = NOW) -> bool:
    return await database.transact(lambda connection: retry(connection, callback_id, now))


async def test_what_is_tried_again_is_first_in_its_lane(database: Database) -> None:
    await came(database, 3)
    await came(database, 1, at=NOW + timedelta(minutes=5))
    await park(database, 4)
    later = NOW + timedelta(minutes=10)
    assert await again(database, 4, later)
    leased = await database.transact(lambda connection: lease_due(connection, Lease("sandbox", later, 60, 1)))
    assert [callback.id for callback in leased] == [4]
    assert await still_open(database) == []


async def test_what_failed_was_parked_or_was_dismissed_is_tried_again_and_nothing_else(database: Database) -> None:
    await came(database, 6)
    assert len(await take(database, NOW)) == 6
    await database.transact(lambda connection: mark_failed(connection, 1, "not written", NOW))
    await park(database, 2, 3)
    await database.transact(lambda connection: dismiss_one(connection, 3, DECISION))
    await database.transact(lambda connection: mark_unreadable(connection, [(4, "empty")], NOW))
    await database.transact(lambda connection: mark_handled(connection, [(5, None), (6, "a remark")], NOW))
    assert [await again(database, number) for number in range(1, 8)] == [True] * 4 + [False] * 3
    assert await rows(
        database, "SELECT id FROM callback WHERE attempts = 0 AND handled_at IS NULL AND parked_at IS NULL ORDER BY 1"
    ) == [(1,), (2,), (3,), (4,)]
    # What is on its way again waits for no second asking.
    assert [await again(database, number) for number in range(1, 5)] == [False] * 4


async def test_one_that_comes_to_nothing_again_is_listed_again(database: Database) -> None:
    await came(database, 1)
    await park(database, 1)
    await database.transact(lambda connection: dismiss_one(connection, 1, DECISION))
    assert await again(database, 1)
    await park(database, 1, why="still not JSON")
    assert await rows(database, "SELECT why, closed_at, dismissed_by, dismiss_reason FROM unreadable_callback") == [
        ("still not JSON", None, None, None)
    ]


async def test_who_sent_it_is_never_written_again_and_no_row_leaves(database: Database, urls: Urls) -> None:
    await came(database, 1)
    await park(database, 1)
    with hand(urls.superuser, replica=True) as superuser:
        for change in (
            "UPDATE callback SET sender = 'another'",
            "UPDATE callback_1 SET sender = 'another'",
            "UPDATE unreadable_callback SET sender = 'another'",
            "DELETE FROM unreadable_callback",
            "TRUNCATE unreadable_callback",
        ):
            with pytest.raises(RestrictViolation):
                superuser.execute(change.encode())
