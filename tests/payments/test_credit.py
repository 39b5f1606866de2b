"""Money is credited once per operator transaction, whoever comes first and however many come at once."""

import asyncio
import random
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.infra.database import Database
from payments.credit import NewPayment, insert_payments, post_payments, receipt_number
from payments.evidence.facts import ConfirmedPayment, ExistingPayment, MatchedBy
from payments.observation import Provenance
from tests.conftest import Urls, plain
from tests.parties import parties_up_to

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def confirmed(name: str = "T1", amount_xof: int = 3000, party_id: int | None = 1) -> ConfirmedPayment:
    matched_by = MatchedBy.SUSPENSE if party_id is None else MatchedBy.PAYER
    return ConfirmedPayment(
        "sandbox", name, amount_xof, 30, "+22370000001", None, None, party_id, matched_by, Provenance.QUERY, NOW
    )


async def book(
    database: Database, *confirmed_payments: ConfirmedPayment, advance_xof: int = 0
) -> tuple[list[NewPayment], list[ExistingPayment]]:
    async def work(connection: AsyncConnection) -> tuple[list[NewPayment], list[ExistingPayment]]:
        await parties_up_to(connection, 1)
        made, existing = await insert_payments(connection, confirmed_payments, NOW)
        await post_payments(connection, made, {one.id: advance_xof for one in made}, NOW)
        return made, existing

    return await database.transact(work)


async def rows(database: Database, query: str) -> list[tuple[object, ...]]:
    async with database.single() as connection:
        return [tuple(row) for row in await connection.execute(text(query))]


@pytest.mark.parametrize(
    ("one", "advance_xof", "entries"),
    [
        (confirmed(), 0, [("clearing/sandbox", "operator", 3000), ("contributions", "household", -3000)]),
        (
            confirmed(),
            1000,
            [
                ("clearing/sandbox", "operator", 3000),
                ("contributions", "household", -2000),
                ("advances", "household", -1000),
            ],
        ),
        (confirmed(), 3000, [("clearing/sandbox", "operator", 3000), ("advances", "household", -3000)]),
        (
            confirmed(party_id=None),
            0,
            [("clearing/sandbox", "operator", 3000), ("suspense/sandbox", "suspense", -3000)],
        ),
    ],
    ids=["contributions", "partly in advance", "all in advance", "suspense"],
)
async def test_every_franc_stands_on_the_account_it_belongs_to(
    database: Database, one: ConfirmedPayment, advance_xof: int, entries: list[tuple[object, ...]]
) -> None:
    [made], _ = await book(database, one, advance_xof=advance_xof)
    with_parties = "SELECT account, kind, amount_xof FROM ledger_entry JOIN party ON party.id = party_id ORDER BY line"
    assert await rows(database, with_parties) == entries
    assert await rows(database, "SELECT ref, actor, reason, effective_at = posted_at FROM ledger_txn") == [
        ("payment/sandbox/T1", "operator/sandbox", f"query: {one.matched_by}", True)
    ]
    assert made.receipt_number == receipt_number(made.id)


async def test_who_comes_second_learns_what_was_credited_and_writes_nothing(database: Database) -> None:
    [first], _ = await book(database, confirmed(amount_xof=3000))
    made, existing = await book(database, confirmed(amount_xof=2000, party_id=None), confirmed("T2"))
    assert [one.confirmed.operator_transaction_id for one in made] == ["T2"]
    assert existing == [first.booked()]
    assert await rows(database, "SELECT count(*), sum(amount_xof)::bigint FROM payment") == [(2, 6000)]
    assert await rows(database, "SELECT sum(amount_xof)::bigint FROM ledger_entry") == [(0,)]


async def test_the_second_waits_for_the_first_to_decide_and_then_credits_nothing(
    database: Database, urls: Urls
) -> None:
    observer = await psycopg.AsyncConnection.connect(plain(urls.superuser), autocommit=True)
    await database.transact(lambda connection: parties_up_to(connection, 1))
    async with observer:
        async with database.unit_of_work() as first:
            made, _ = await insert_payments(first, [confirmed()], NOW)
            await post_payments(first, made, {}, NOW)
            second = asyncio.create_task(book(database, confirmed()))
            await until_one_waits(observer)
            assert not second.done()
        assert await second == ([], [made[0].booked()])
    assert await rows(database, "SELECT count(*) FROM payment") == [(1,)]


async def test_a_first_that_gives_up_leaves_the_credit_to_the_second(database: Database, urls: Urls) -> None:
    observer = await psycopg.AsyncConnection.connect(plain(urls.superuser), autocommit=True)
    second: asyncio.Task[tuple[list[NewPayment], list[ExistingPayment]]] | None = None
    await database.transact(lambda connection: parties_up_to(connection, 1))
    async with observer:
        with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the whole transaction is what fails
            async with database.unit_of_work() as first:
                await insert_payments(first, [confirmed()], NOW)
                second = asyncio.create_task(book(database, confirmed()))
                await until_one_waits(observer)
                raise ZeroDivisionError
        assert second is not None
        made, existing = await second
    assert (len(made), existing) == (1, [])
    assert await rows(database, "SELECT count(*) FROM payment") == [(1,)]


async def until_one_waits(observer: psycopg.AsyncConnection) -> None:
    while True:
        found = await observer.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype <> 'advisory'")
        if await found.fetchone() != (0,):
            return


async def test_many_batches_in_any_order_on_eight_connections_credit_each_transaction_once(database: Database) -> None:
    dice = random.Random(7)  # noqa: S311 - a seed, not a secret
    names = [f"T{number}" for number in range(30)]
    batches = [[confirmed(name) for name in dice.sample(names, 20)] for _ in range(16)]
    # Before any of them: two that both miss the party would make two.
    await database.transact(lambda connection: parties_up_to(connection, 1))
    results = await asyncio.gather(*(book(database, *batch) for batch in batches))
    made = [one.confirmed.operator_transaction_id for new, _ in results for one in new]
    assert len(made) == len(set(made))
    assert sum(len(existing) for _, existing in results) == 16 * 20 - len(made)
    assert await rows(database, "SELECT count(*) FROM payment") == [(len(made),)]
    assert await rows(database, "SELECT sum(amount_xof)::bigint FROM ledger_entry WHERE account LIKE 'clearing%'") == [
        (3000 * len(made),)
    ]


async def test_a_payment_that_is_not_posted_does_not_commit(database: Database) -> None:
    with pytest.raises(IntegrityError):
        await database.transact(lambda connection: insert_payments(connection, [confirmed()], NOW))
    assert await rows(database, "SELECT count(*) FROM payment") == [(0,)]


def test_a_receipt_number_counts() -> None:
    assert [receipt_number(number) for number in (1, 999_999_999, 1_000_000_000)] == [
        "Q000000001",
        "Q999999999",
        "Q1000000000",
    ]
