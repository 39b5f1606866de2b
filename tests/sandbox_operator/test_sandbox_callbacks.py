"""Callbacks as they leave the operator, and what our adapter reads in them."""

import json

import httpx

from payments.http_messages import RawRequest
from payments.observation import Observation, ObservedStatus
from payments.operators.contract import Secret, Secrets, VerdictKind
from payments.operators.registry import built_in
from tests.sandbox_operator.sandbox_world import PAYER, START, Received, World

SANDBOX = built_in()["sandbox"]


def read(received: Received) -> Observation:
    request = RawRequest(received.method, received.path, "", received.headers, received.body, START)
    assert SANDBOX.verify(request, Secrets((Secret("local"),)), START).kind is VerdictKind.ACCEPT_UNVERIFIED
    (observation,) = SANDBOX.parse_callback(request)
    return observation


async def test_success_is_put_to_the_address_of_the_order(sandbox: World, http: httpx.AsyncClient) -> None:
    order = sandbox.order()
    await sandbox.client(http).request_to_pay(order)
    sandbox.decide(order)
    received = sandbox.next_callback()
    assert received.method == "PUT"
    assert received.path == "/webhooks/sandbox/token1"
    assert received.headers["x-correlationid"] == str(order.correlation_id)
    observation = read(received)
    assert observation.status is ObservedStatus.SUCCEEDED
    assert observation.our_reference == order.reference


async def test_failure_is_an_error_object_alone(sandbox: World, http: httpx.AsyncClient) -> None:
    order = sandbox.order()
    await sandbox.client(http).request_to_pay(order)
    sandbox.decide(order, "refuse")
    received = sandbox.next_callback()
    assert set(json.loads(received.body)) == {"errorCategory", "errorCode", "errorDateTime"}
    assert read(received).status is ObservedStatus.FAILED


async def test_a_repeated_callback_is_the_same_bytes(sandbox: World, http: httpx.AsyncClient) -> None:
    order = sandbox.order()
    await sandbox.client(http).request_to_pay(order)
    reference = sandbox.decide(order, callbacks=3)["transaction"]
    sandbox.control(f"transactions/{reference}/callbacks", {"times": 2})
    bodies = {sandbox.next_callback().body for _ in range(5)}
    assert len(bodies) == 1


async def test_a_lost_callback_is_never_sent(sandbox: World, http: httpx.AsyncClient) -> None:
    lost, told = sandbox.order(), sandbox.order()
    for order in (lost, told):
        await sandbox.client(http).request_to_pay(order)
    sandbox.decide(lost, callbacks=0)
    sandbox.decide(told)
    assert sandbox.next_callback().path.endswith("token2")
    assert len(sandbox.books()["deliveries"]) == 1


async def test_a_refused_callback_is_tried_again_until_it_is_taken(sandbox: World, http: httpx.AsyncClient) -> None:
    sandbox.answers.extend([500, 302])
    order = sandbox.order()
    await sandbox.client(http).request_to_pay(order)
    sandbox.decide(order)
    bodies = []
    for _ in range(3):
        bodies.append(sandbox.next_callback().body)
        sandbox.hand.forward(10)
    assert len(set(bodies)) == 1


async def test_the_operator_gives_up_in_the_end(sandbox: World, http: httpx.AsyncClient) -> None:
    sandbox.answers.extend([503] * 6)
    order = sandbox.order()
    await sandbox.client(http).request_to_pay(order)
    sandbox.decide(order)
    for _ in range(6):
        sandbox.next_callback()
        sandbox.hand.forward(100)
    later = sandbox.order()
    await sandbox.client(http).request_to_pay(later)
    sandbox.decide(later)
    assert sandbox.next_callback().path.endswith("token2")


async def test_a_delayed_answer_comes_when_it_is_due(sandbox: World, http: httpx.AsyncClient) -> None:
    order = sandbox.order()
    await sandbox.client(http).request_to_pay(order)
    assert sandbox.decide(order, after_s=30)["state"] == "pending"
    sandbox.hand.forward(29)
    assert sandbox.books()["prompts"][0]["state"] == "pending"
    sandbox.hand.forward(1)
    assert read(sandbox.next_callback()).status is ObservedStatus.SUCCEEDED


async def test_an_ignored_prompt_expires(sandbox: World, http: httpx.AsyncClient) -> None:
    order = sandbox.order()
    await sandbox.client(http).request_to_pay(order)
    sandbox.control(f"prompts/{sandbox.prompt_of(order)}/ignore")
    sandbox.hand.forward(601)
    assert read(sandbox.next_callback()).status is ObservedStatus.FAILED


async def test_everything_is_approved_by_itself_when_asked_so(sandbox: World, http: httpx.AsyncClient) -> None:
    sandbox.control("switches", {"auto_approve_s": 5})
    await sandbox.client(http).request_to_pay(sandbox.order())
    sandbox.hand.forward(5)
    assert read(sandbox.next_callback()).status is ObservedStatus.SUCCEEDED


def test_an_unasked_payment_is_told_at_the_general_address(sandbox: World) -> None:
    paid = sandbox.control("payments", {"payer_msisdn": PAYER, "amount_xof": 3000, "reference": "0000000018"})
    received = sandbox.next_callback()
    assert received.path == "/webhooks/sandbox"
    observation = read(received)
    assert observation.operator_transaction_id == paid["reference"]
    assert observation.our_reference == "0000000018"


async def test_a_reversal_is_told_once(sandbox: World, http: httpx.AsyncClient) -> None:
    order = sandbox.order()
    await sandbox.client(http).request_to_pay(order)
    reference = sandbox.decide(order, callbacks=0)["transaction"]
    sandbox.control(f"transactions/{reference}/reversal")
    observation = read(sandbox.next_callback())
    assert observation.status is ObservedStatus.REVERSED
    assert observation.operator_transaction_id == reference
    refused = sandbox.control_http.post(f"/control/transactions/{reference}/reversal", json={})
    assert refused.status_code == 409
