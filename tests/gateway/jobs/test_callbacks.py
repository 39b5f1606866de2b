"""What a stored callback makes us do, and what one bad callback never does to the others."""

import asyncio
import json
from dataclasses import dataclass, replace

import psycopg
import pytest

from gateway.infra.database import Database
from gateway.infra.metrics import CALLBACKS_UNREADABLE
from gateway.jobs.callbacks import POINTERS_MAX, read_callbacks
from gateway.jobs.tick import until_quiet
from payments.evidence import inquiries
from payments.evidence.callbacks import ATTEMPTS_MAX
from payments.http_messages import RawRequest
from payments.observation import Observation
from payments.operators.sandbox.adapter import SandboxOperator
from sandbox_operator.model import Outage, Switches, UnaskedPayment
from tests.conftest import Urls
from tests.gateway.jobs.wire import second_worker, state_of_the_request, watched
from tests.payments.books import hand
from tests.stories import answer, pushed
from tests.world import AMINATA, MOUSSA, WORD, World, actions

JSON = {"content-type": "application/json"}


def transaction(reference: str) -> bytes:
    """Write what an operator, or somebody who plays one, says of a transaction."""
    return json.dumps(
        {
            "transactionReference": reference,
            "transactionStatus": "completed",
            "amount": "9000",
            "currency": "XOF",
            "debitParty": [{"key": "msisdn", "value": AMINATA}],
            "creditParty": [{"key": "accountid", "value": "RAMU"}],
        }
    ).encode()


async def knock(world: World, body: bytes, path: str = "/webhooks/sandbox") -> None:
    answered = await world.wire.put(path, content=body, headers=JSON)
    assert answered.status_code == 204


async def until_credited(world: World) -> None:
    """Let time pass until nothing is tried any more."""
    for _ in range(inquiries.ATTEMPTS_MAX + 2):
        await world.work()
        world.clock.forward(minutes=75)


async def parked(world: World) -> list[tuple[object, ...]]:
    """Return the callbacks that wait for a person."""
    return await world.rows(
        "SELECT attempts, last_error FROM callback WHERE parked_at IS NOT NULL AND handled_at IS NULL ORDER BY id"
    )


async def parked_questions(world: World) -> list[tuple[object, ...]]:
    """Return the questions that wait for a person."""
    return await world.rows("SELECT attempts, last_detail FROM inquiry WHERE parked_at IS NOT NULL ORDER BY id")


@pytest.mark.parametrize(
    "body", [b"{", b"\x00\xff", b"[]", b'{"a":1,"a":2}', b"null", b'{"transactionStatus":"completed"}']
)
async def test_whatever_stands_in_it_a_knock_on_a_requests_own_address_makes_us_ask(world: World, body: bytes) -> None:
    answer(world, await pushed(world, AMINATA, "S1"), callbacks=0)
    [(token,)] = await world.rows("SELECT callback_token FROM payment_request")
    await knock(world, body, f"/webhooks/sandbox/{token}")
    await world.work()
    assert await state_of_the_request(world) == "succeeded"
    assert await world.rows("SELECT amount_xof, provenance FROM payment") == [(3000, "query")]
    assert await parked(world) == []


async def test_a_forged_success_of_our_own_request_credits_nothing(world: World) -> None:
    await pushed(world, AMINATA, "S1")
    [(token,)] = await world.rows("SELECT callback_token FROM payment_request")
    await knock(world, transaction("FORGED"), f"/webhooks/sandbox/{token}")
    await until_credited(world)
    assert await world.count("payment") == 0
    assert await state_of_the_request(world) in {"pending", "expired"}
    assert await world.rows("SELECT DISTINCT provenance FROM observation WHERE callback_id IS NOT NULL") == [
        ("unverified_callback",)
    ]


async def test_a_transaction_that_the_operator_does_not_know_is_asked_again_then_parked(world: World) -> None:
    await knock(world, transaction("FORGED"))
    with watched(world) as wire:
        await until_credited(world)
    assert await parked_questions(world) == [
        (inquiries.NOT_FOUND_MAX, "the operator did not confirm it: not_found identifierError")
    ]
    assert len(wire.questions) == inquiries.NOT_FOUND_MAX
    assert await parked(world) == []
    assert await world.count("payment") == 0


async def test_an_unsolicited_payment_told_during_an_outage_is_credited_when_the_operator_is_back(world: World) -> None:
    actions.pay_unasked(world.operator, UnaskedPayment(payer_msisdn=AMINATA, amount_xof=1500), world.clock.now())
    await world.deliver()
    world.operator.books.write(Switches(outage=Outage.STATUS))
    await world.work()
    assert await world.count("payment") == 0
    world.operator.books.write(Switches())
    world.clock.forward(minutes=5)
    await world.work()
    assert await world.rows("SELECT amount_xof, matched_by FROM payment") == [(1500, "payer")]
    assert await parked(world) == []


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"result":"success"}', b"\xff"])
async def test_unsigned_junk_that_names_nothing_is_counted_and_put_before_nobody(world: World, body: bytes) -> None:
    counted = CALLBACKS_UNREADABLE.labels("sandbox")._value
    before = counted.get()
    for _ in range(3):
        await knock(world, body)
    await world.work()
    assert counted.get() - before == 3
    assert await parked(world) == []
    assert await world.count("inquiry") == 0
    assert await world.rows("SELECT count(*) FROM callback WHERE handled_at IS NULL OR last_error IS NULL") == [(0,)]


async def test_junk_is_listed_with_the_address_it_came_from(world: World) -> None:
    await knock(world, b"{")
    await world.work()
    assert await world.rows("SELECT operator, sender, is_parked, closed_at FROM unreadable_callback") == [
        ("sandbox", "127.0.0.1", False, None)
    ]


async def test_ten_messages_that_name_hundreds_of_transactions_each_cause_few_questions(world: World) -> None:
    written = b'{"transactionReference":"X%d","transactionStatus":"completed","amount":"1","currency":"XOF"}'
    for number in range(10):
        named = b",".join(written % (number * 600 + one) for one in range(600))
        await knock(world, b"[" + named + b"]", f"/webhooks/sandbox/{WORD}")
    await read_callbacks(world.jobs, world.clock.now())
    assert await world.count("inquiry") == 10 * POINTERS_MAX
    assert await world.rows("SELECT DISTINCT last_error FROM callback") == [
        (f"only its first {POINTERS_MAX} transactions are asked about; the statement will tell of the others",)
    ]


async def test_poison_of_every_kind_blocks_nobody(world: World, urls: Urls) -> None:
    answer(world, await pushed(world, AMINATA, "S1"))
    with hand(urls.app) as connection:
        connection.execute(
            "INSERT INTO callback (operator, method, path, query, headers, body, verdict, reason, received_at,"
            " attempts, next_attempt_at)"
            " VALUES ('gone', 'PUT', '/webhooks/gone', '', '{}', 'x', 'accept_unverified', 'test', %(at)s, 0, %(at)s)",
            {"at": world.clock.now()},
        )
    await knock(world, b"{")
    await knock(world, transaction("FORGED"))
    await world.deliver()
    await world.work()
    assert await world.count("payment") == 1
    assert len(await world.texts_to(AMINATA)) == 1
    await until_credited(world)
    assert [why for _, why in await parked(world)] == ["no operator of this name is configured any more"]
    assert len(await parked_questions(world)) == 1


@dataclass(frozen=True, slots=True)
class FragileOperator(SandboxOperator):
    """An operator whose reader has a fault of its own."""

    def parse_callback(self, request: RawRequest) -> list[Observation]:
        if b"POISON" in request.body:
            raise ZeroDivisionError
        return SandboxOperator.parse_callback(self, request)


async def test_a_reader_that_fails_at_one_callback_reads_the_others(world: World) -> None:
    answer(world, await pushed(world, AMINATA, "S1"))
    await knock(world, transaction("POISON"))
    await world.deliver()
    jobs = replace(world.jobs, deps=replace(world.deps, operators={"sandbox": FragileOperator()}))
    await until_quiet(jobs)
    assert await world.count("payment") == 1
    assert await world.rows("SELECT last_error FROM callback WHERE last_error IS NOT NULL") == [
        ("the reader failed: ZeroDivisionError",)
    ]


async def test_a_callback_that_the_database_refuses_is_parked_alone(world: World, urls: Urls) -> None:
    with hand(urls.owner) as connection:
        connection.execute(
            "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF NEW.operator_transaction_id = 'POISON' THEN RAISE EXCEPTION 'poison'; END IF; RETURN NEW; END $$"
        )
        connection.execute("CREATE TRIGGER poison BEFORE INSERT ON observation FOR EACH ROW EXECUTE FUNCTION poison()")
    answer(world, await pushed(world, AMINATA, "S1"))
    await knock(world, transaction("POISON"))
    await world.deliver()
    await world.work()
    assert await world.count("payment") == 1
    assert await parked(world) == []
    for _ in range(ATTEMPTS_MAX):
        world.clock.forward(minutes=75)
        await world.work()
    [(attempts, why)] = await parked(world)
    assert attempts == ATTEMPTS_MAX
    assert isinstance(why, str)
    assert psycopg.errors.RaiseException.__name__ in why or "Error" in why


async def test_fifty_callbacks_of_one_payment_read_by_two_workers_are_one_credit_and_one_receipt(
    world: World, other_database: Database
) -> None:
    answer(world, await pushed(world, AMINATA, "S1"), callbacks=50)
    while await world.deliver():
        pass
    now = world.clock.now()
    narrow = replace(world.jobs, limits=replace(world.jobs.limits, batch=10))
    other = replace(second_worker(world, other_database), limits=narrow.limits)
    read = [await asyncio.gather(read_callbacks(narrow, now), read_callbacks(other, now)) for _ in range(4)]
    assert sum(map(sum, read)) == 50
    await world.work()
    assert await world.count("payment") == 1
    assert await world.rows("SELECT count(*) FROM ledger_txn WHERE kind = 'payment'") == [(1,)]
    assert await world.rows("SELECT count(*) FROM callback WHERE handled_at IS NULL") == [(0,)]
    assert len(await world.texts_to(AMINATA)) == 1


async def test_two_ways_of_writing_one_ramu_number_both_find_the_household(world: World) -> None:
    [(number,)] = await world.rows("SELECT ramu_number FROM household WHERE id = 1")
    spaced = f"{str(number)[:5]} {str(number)[5:]}"
    for reference in (str(number), spaced):
        told = UnaskedPayment(payer_msisdn="+22377777777", amount_xof=500, reference=reference)
        actions.pay_unasked(world.operator, told, world.clock.now())
    await world.deliver()
    await world.work()
    assert await world.rows("SELECT party_id, matched_by FROM payment") == [(1, "reference"), (1, "reference")]


async def own_address(world: World, msisdn: str) -> str:
    [(token,)] = await world.rows("SELECT callback_token FROM payment_request WHERE payer_msisdn = :m", m=msisdn)
    return f"/webhooks/sandbox/{token}"


async def test_a_callback_with_its_transaction_needs_one_question(world: World) -> None:
    answer(world, await pushed(world, AMINATA, "S1"))
    with watched(world) as wire:
        await world.deliver()
        await world.work()
    assert len(wire.questions) == 1
    assert await state_of_the_request(world) == "succeeded"


async def test_a_callback_that_points_at_the_payment_of_another_request_credits_nobody(world: World) -> None:
    mine, theirs = await pushed(world, AMINATA, "S1"), await pushed(world, MOUSSA, "S2")
    answer(world, theirs, callbacks=0)
    [paid_elsewhere] = world.operator.books.transactions
    await knock(world, transaction(paid_elsewhere), await own_address(world, mine.payer))
    await world.work()
    assert await world.count("payment") == 0
    assert await world.rows("SELECT state FROM payment_request ORDER BY id") == [("pending",), ("pending",)]
