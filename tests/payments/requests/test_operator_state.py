"""What an operator gives is stored as far as it can be, and never in the way of the money."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from gateway.infra.database import Database
from payments.requests.dispatch import Lease, lease_to_submit, read_without_lease
from payments.requests.operator_state import STATE_BYTES_MAX, Given, is_storable, store_given, tokens_at
from payments.requests.store import NewPaymentRequest, request_payment

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
KEPT = text("SELECT operator_request_id, operator_state FROM payment_request ORDER BY id")
TOKENS = {"pay_token": "p1", "notif_token": "n1"}


@pytest.fixture
async def requests(database: Database) -> Database:
    """Two requests."""
    for number in (1, 2):
        new = NewPaymentRequest(
            "sandbox",
            f"R{number}",
            UUID(int=number),
            f"t{number}",
            f"k{number}",
            1,
            f"+2237000000{number}",
            500,
            NOW,
            NOW,
        )
        async with database.unit_of_work() as connection:
            await request_payment(connection, new, 600)
    return database


async def test_what_was_given_comes_back_whoever_takes_the_request(requests: Database) -> None:
    given = [Given(1, "S-1", TOKENS), Given(2, None, None)]
    await requests.transact(lambda connection: store_given(connection, given))
    leased = await requests.transact(lambda connection: lease_to_submit(connection, Lease("sandbox", NOW, 60, 9), 600))
    assert [(one.operator_request_id, one.operator_state) for one in leased] == [("S-1", TOKENS), (None, None)]
    async with requests.single() as connection:
        [read] = await read_without_lease(connection, [1])
        assert (read.operator_request_id, read.operator_state) == ("S-1", TOKENS)
        assert await tokens_at(connection, "sandbox", "t1") == {"R1": TOKENS}
        assert await tokens_at(connection, "sandbox", "t2") == {"R2": {}}
        assert await tokens_at(connection, "another", "t1") is None
        assert await tokens_at(connection, "sandbox", "t3") is None


async def test_a_later_answer_replaces_what_it_says_and_leaves_the_rest(requests: Database) -> None:
    for given in (Given(1, "S-1", TOKENS), Given(1, None, {"pay_token": "p2"}), Given(1, "S-2", None)):
        await requests.transact(lambda connection, given=given: store_given(connection, [given]))  # type: ignore[misc]
    async with requests.single() as connection:
        kept = await connection.execute(KEPT)
        assert [tuple(row) for row in kept] == [("S-2", {"pay_token": "p2"}), (None, None)]


@pytest.mark.parametrize(
    "state",
    [
        {"token": "x" * STATE_BYTES_MAX},
        {"token": "\x00"},
        {"token": "\ud800"},
        {"token": object()},
        {"token": float("nan")},
        {"token": b"bytes"},
    ],
)
async def test_what_cannot_be_stored_is_left_out_and_its_id_is_not(
    requests: Database, state: dict[str, object]
) -> None:
    assert not is_storable(state)
    await requests.transact(
        lambda connection: store_given(connection, [Given(1, "S-1", state), Given(2, "x" * 257, None)])
    )
    async with requests.single() as connection:
        kept = await connection.execute(KEPT)
        assert [tuple(row) for row in kept] == [("S-1", None), (None, None)]


async def test_the_database_refuses_a_state_that_is_no_object(requests: Database) -> None:
    with pytest.raises(Exception, match="operator_state_is_an_object"):
        async with requests.unit_of_work() as connection:
            await connection.execute(text("UPDATE payment_request SET operator_state = '[1]' WHERE id = 1"))
