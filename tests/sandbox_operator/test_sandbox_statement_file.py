"""What the operator writes, our adapter reads: the whole way of a day's file."""

from datetime import timedelta

import httpx
import pytest

from payments.observation import ObservedStatus
from payments.operators.contract import LineKind
from payments.operators.registry import built_in
from tests.sandbox_operator.sandbox_world import PAYER, START, World
from tests.statements import Statement, read_whole

DAY = START.date()


def statement(sandbox: World, day: object = DAY) -> Statement:
    answer = sandbox.control_http.get(f"/statements/{day}.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    return read_whole(built_in()["sandbox"], answer.content, f"{day}.csv")


@pytest.fixture
async def busy(sandbox: World, http: httpx.AsyncClient) -> dict[str, str]:
    """Paid, declined, reversed and unasked, on one day."""
    references = {}
    for name, do in (("paid", "approve"), ("declined", "refuse"), ("undone", "approve")):
        order = sandbox.order()
        await sandbox.client(http).request_to_pay(order)
        references[name] = sandbox.decide(order, do)["transaction"]
        sandbox.hand.forward(60)
    sandbox.control(f"transactions/{references['undone']}/reversal")
    references["unasked"] = sandbox.control("payments", {"payer_msisdn": PAYER, "amount_xof": 3000})["reference"]
    return references


def test_a_day_without_operations_is_a_statement(sandbox: World) -> None:
    assert list(statement(sandbox).lines) == []


def test_a_busy_day_is_read_line_by_line(sandbox: World, busy: dict[str, str]) -> None:
    read = statement(sandbox)
    assert read.account == "RAMU"
    assert read.period_end - read.period_start == timedelta(days=1)
    assert (read.opening_xof, read.closing_xof) == (0, 5000 + 5000 + 3000 - 5000 - 50 - 50 - 30)
    assert (read.totals.line_count, read.totals.collected_xof, read.totals.fees_xof) == (8, 13_000, 130)
    by_kind = {kind: [line.observation for line in read.lines if line.kind is kind] for kind in LineKind}
    status = {seen.operator_transaction_id: seen.status for seen in by_kind[LineKind.COLLECTION]}
    assert status == {
        busy["paid"]: ObservedStatus.SUCCEEDED,
        busy["declined"]: ObservedStatus.FAILED,
        busy["undone"]: ObservedStatus.SUCCEEDED,
        busy["unasked"]: ObservedStatus.SUCCEEDED,
    }
    assert [seen.operator_transaction_id for seen in by_kind[LineKind.REVERSAL]] == [busy["undone"]]
    assert sorted(seen.fee_xof or 0 for seen in by_kind[LineKind.FEE]) == [30, 50, 50]


def test_the_next_day_opens_where_this_one_closed(sandbox: World, busy: dict[str, str]) -> None:
    del busy
    closing_xof = statement(sandbox).closing_xof
    sandbox.hand.forward(86_400)
    sandbox.control("payments", {"payer_msisdn": PAYER, "amount_xof": 100})
    tomorrow = statement(sandbox, DAY + timedelta(days=1))
    assert tomorrow.opening_xof == closing_xof
    assert len(tomorrow.lines) == 2


def test_the_statement_lies_as_it_was_asked_to(sandbox: World, busy: dict[str, str]) -> None:
    extra = {"reference": "INCONNU1", "payer": PAYER, "amount_xof": 700}
    fault = {"day": str(DAY), "omit": [busy["paid"]], "amounts_xof": {busy["unasked"]: 2500}, "extra": [extra]}
    sandbox.control("statement-faults", fault)
    collected = {
        line.observation.operator_transaction_id: line.observation.amount_xof
        for line in statement(sandbox).lines
        if line.kind is LineKind.COLLECTION
    }
    assert collected == {busy["declined"]: 5000, busy["undone"]: 5000, busy["unasked"]: 2500, "INCONNU1": 700}


def test_a_reference_with_separators_comes_through_whole(sandbox: World) -> None:
    odd = 'a;b"c=d'
    sandbox.control("payments", {"payer_msisdn": PAYER, "amount_xof": 100, "reference": odd})
    assert statement(sandbox).lines[0].observation.our_reference == odd
