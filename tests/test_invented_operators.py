"""The operators of the tests speak their own language both ways, or what rests on them proves nothing."""

from datetime import timedelta

from gateway.infra.database import Database
from payments.observation import ObservedStatus
from payments.operators.contract import LineKind
from tests.fixed import START, CountedIds, TestClock
from tests.invented_operators import (
    CAURI,
    MIL,
    ChosenClient,
    event,
    message,
    open_two_operators,
    others,
    statement,
)
from tests.statements import read_whole


async def test_a_signed_batch_is_stored_as_proven_and_an_unsigned_one_as_a_pointer(
    database: Database, clock: TestClock, ids: CountedIds
) -> None:
    async with open_two_operators(database, clock, ids) as town:
        body = message(event("aB1", 500), event("Ab1", 700, reference="R1"))
        assert await town.tell(CAURI, body) == 204
        assert await town.tell(MIL, body) == 204
        kept = await town.world.rows("SELECT operator, verdict FROM callback ORDER BY id")
    assert kept == [(CAURI, "accept"), (MIL, "accept_unverified")]


def test_a_statement_is_read_as_it_was_written_with_and_without_balances() -> None:
    cauri = others(ChosenClient(), ChosenClient()).operators[CAURI]
    rows = [event("aB1", 500, fee=5), event("aB1", 500, state="reversed"), event("Ab2", 900, state="failed")]
    end = START + timedelta(days=1)
    plain = read_whole(cauri, statement(rows, START, end))
    assert (plain.opening_xof, plain.closing_xof) == (None, None)
    assert [line.moved_xof for line in plain.lines] == [495, -500, 0]
    assert [line.kind for line in plain.lines] == [LineKind.COLLECTION, LineKind.REVERSAL, LineKind.COLLECTION]
    assert plain.lines[1].observation.status is ObservedStatus.REVERSED
    balanced = read_whole(cauri, statement(rows, START, end, (1000, 995)))
    assert (balanced.opening_xof, balanced.closing_xof) == (1000, 995)
