"""Our client against the real sandbox operator, over real HTTP."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from uuid import UUID

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from payments.observation import ObservedStatus, Provenance
from payments.operators.contract import PushResult, QueryResult
from payments.operators.sandbox.client import SandboxClient
from tests.sandbox_operator.sandbox_world import PAYER, Hand, World, push_order, serving


async def test_an_order_waits_for_the_payer(sandbox: World, http: httpx.AsyncClient) -> None:
    client, order = sandbox.client(http), sandbox.order()
    submitted = await client.request_to_pay(order)
    assert submitted.result is PushResult.PENDING
    assert submitted.operator_request_id == sandbox.prompt_of(order)
    answer = await client.query(order)
    assert answer.result is QueryResult.FOUND
    assert answer.observation is not None
    assert answer.observation.status is ObservedStatus.PENDING
    assert answer.observation.our_reference == order.reference


async def test_an_approved_order_is_found_with_all_that_posting_needs(sandbox: World, http: httpx.AsyncClient) -> None:
    client, order = sandbox.client(http), sandbox.order()
    await client.request_to_pay(order)
    operator_transaction_id = sandbox.decide(order)["transaction"]
    answer = await client.query(order)
    found = answer.observation
    assert found is not None
    assert found.provenance is Provenance.QUERY
    assert found.status is ObservedStatus.SUCCEEDED
    assert (found.amount_xof, found.fee_xof) == (5000, 50)
    assert found.payer_msisdn == PAYER
    assert found.our_reference == order.reference
    assert found.operator_transaction_id == operator_transaction_id
    assert found.occurred_at == sandbox.hand.at
    assert operator_transaction_id in answer.raw
    again = await client.query_transaction(operator_transaction_id)
    assert again.observation == found


async def test_a_declined_order_is_failed_with_its_code(sandbox: World, http: httpx.AsyncClient) -> None:
    client, order = sandbox.client(http), sandbox.order()
    await client.request_to_pay(order)
    sandbox.decide(order, "refuse")
    answer = await client.query(order)
    assert answer.result is QueryResult.FOUND
    assert answer.observation is not None
    assert answer.observation.status is ObservedStatus.FAILED
    assert answer.observation.our_reference == order.reference
    assert answer.detail == "requestDeclined"


async def test_the_same_order_sent_twice_rings_once(sandbox: World, http: httpx.AsyncClient) -> None:
    client, order = sandbox.client(http), sandbox.order()
    first = await client.request_to_pay(order)
    sandbox.decide(order)
    assert await client.request_to_pay(order) == first
    assert len(sandbox.books()["prompts"]) == 1
    assert len(sandbox.books()["transactions"]) == 1


async def test_a_duplicate_id_is_unknown_and_asked_never_refused(sandbox: World, http: httpx.AsyncClient) -> None:
    client, order = sandbox.client(http), sandbox.order()
    await client.request_to_pay(order)
    submitted = await client.request_to_pay(replace(order, amount_xof=1))
    assert submitted.result is PushResult.UNKNOWN
    assert "duplicateRequest" in submitted.detail


@pytest.mark.parametrize("fault", ["drop", "error"])
async def test_a_lost_answer_is_unknown_and_the_order_is_found(
    sandbox: World, http: httpx.AsyncClient, fault: str
) -> None:
    client, order = sandbox.client(http), sandbox.order()
    sandbox.control("next-answers", {"faults": [fault]})
    assert (await client.request_to_pay(order)).result is PushResult.UNKNOWN
    answer = await client.query(order)
    assert answer.observation is not None
    assert answer.observation.status is ObservedStatus.PENDING
    assert (await client.request_to_pay(order)).result is PushResult.PENDING
    assert len(sandbox.books()["prompts"]) == 1


async def test_an_answer_that_never_comes_is_unknown(sandbox: World, http: httpx.AsyncClient) -> None:
    client, order = sandbox.client(http), sandbox.order()
    sandbox.control("next-answers", {"faults": ["slow"]})
    submitted = await sandbox.client(http, timeout_s=1).request_to_pay(order)
    assert submitted.result is PushResult.UNKNOWN
    assert "Timeout" in submitted.detail
    assert (await client.query(order)).result is QueryResult.FOUND


async def test_an_order_lost_before_the_books_is_not_found(sandbox: World, http: httpx.AsyncClient) -> None:
    client, order = sandbox.client(http), sandbox.order()
    sandbox.control("next-answers", {"faults": ["drop_before"]})
    assert (await client.request_to_pay(order)).result is PushResult.UNKNOWN
    assert (await client.query(order)).result is QueryResult.NOT_FOUND


async def test_an_outage_is_silence_for_orders_and_questions(sandbox: World, http: httpx.AsyncClient) -> None:
    client, order = sandbox.client(http), sandbox.order()
    sandbox.control("switches", {"outage": "status"})
    assert (await client.request_to_pay(order)).result is PushResult.PENDING
    assert (await client.query(order)).result is QueryResult.UNREACHABLE
    assert (await client.query_transaction("MP1")).result is QueryResult.UNREACHABLE
    sandbox.control("switches", {"outage": "all"})
    assert (await client.request_to_pay(sandbox.order())).result is PushResult.UNKNOWN
    sandbox.control("switches", {})
    assert (await client.query(order)).result is QueryResult.FOUND


async def test_another_amount_is_reported_as_it_was_paid(sandbox: World, http: httpx.AsyncClient) -> None:
    client, order = sandbox.client(http), sandbox.order()
    await client.request_to_pay(order)
    sandbox.decide(order, amount_xof=4000)
    found = (await client.query(order)).observation
    assert found is not None
    assert found.amount_xof == 4000


async def test_a_payer_without_enough_money_fails(sandbox: World, http: httpx.AsyncClient) -> None:
    client, order = sandbox.client(http), sandbox.order()
    sandbox.control("wallets", {"msisdn": PAYER, "balance_xof": 4999})
    await client.request_to_pay(order)
    sandbox.decide(order)
    assert (await client.query(order)).detail == "insufficientFunds"


async def test_a_reversal_shows_on_the_payment_it_undid(sandbox: World, http: httpx.AsyncClient) -> None:
    client, order = sandbox.client(http), sandbox.order()
    await client.request_to_pay(order)
    reference = sandbox.decide(order)["transaction"]
    sandbox.control(f"transactions/{reference}/reversal")
    found = (await client.query(order)).observation
    assert found is not None
    assert found.status is ObservedStatus.REVERSED
    assert found.operator_transaction_id == reference


async def test_an_unasked_payment_is_found_by_its_own_id(sandbox: World, http: httpx.AsyncClient) -> None:
    paid = sandbox.control("payments", {"payer_msisdn": PAYER, "amount_xof": 3000})
    answer = await sandbox.client(http).query_transaction(paid["reference"])
    assert answer.observation is not None
    assert answer.observation.amount_xof == 3000
    assert answer.observation.our_reference is None
    assert (await sandbox.client(http).query_transaction("MP 1?x#y")).result is QueryResult.NOT_FOUND


async def test_money_for_another_account_is_not_ours(sandbox: World, http: httpx.AsyncClient) -> None:
    paid = sandbox.control("payments", {"payer_msisdn": PAYER, "amount_xof": 3000})
    answer = await sandbox.client(http, merchant_account="AUTRE1").query_transaction(paid["reference"])
    assert answer.result is QueryResult.UNREACHABLE
    assert answer.observation is None


async def test_another_reference_than_ours_is_never_evidence(sandbox: World, http: httpx.AsyncClient) -> None:
    client, order = sandbox.client(http), sandbox.order()
    await client.request_to_pay(order)
    sandbox.decide(order)
    answer = await client.query(replace(order, reference="AUTREREF"))
    assert answer.result is QueryResult.UNREACHABLE
    assert "reference" in answer.detail


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"payer_msisdn": "70123456"}, (PushResult.REFUSED, "identifierError")),
        ({"amount_xof": 0}, (PushResult.REFUSED, "lessThanTransactionMinValue")),
        ({"callback_url": "ftp://nowhere"}, (PushResult.OUR_FAULT, "HTTP 400 formatError")),
    ],
)
async def test_a_definite_refusal_has_its_code(
    sandbox: World, http: httpx.AsyncClient, changes: dict, told: tuple[PushResult, str]
) -> None:
    submitted = await sandbox.client(http).request_to_pay(sandbox.order(**changes))
    assert (submitted.result, submitted.detail) == told
    assert sandbox.books()["prompts"] == []


async def test_a_wrong_key_of_ours_is_our_fault_and_never_the_payers_no(
    sandbox: World, http: httpx.AsyncClient
) -> None:
    client = sandbox.client(http, api_key="faux")
    submitted = await client.request_to_pay(sandbox.order())
    assert (submitted.result, submitted.detail) == (PushResult.OUR_FAULT, "HTTP 401 clientAuthorisationError")
    assert (await client.query(sandbox.order())).result is QueryResult.OUR_FAULT
    assert (await client.query_transaction("T1")).result is QueryResult.OUR_FAULT
    assert "faux" not in repr(client)


async def test_a_closed_port_is_silence(sandbox: World, http: httpx.AsyncClient) -> None:
    client = sandbox.client(http, base_url="http://127.0.0.1:9")
    assert (await client.request_to_pay(sandbox.order())).result is PushResult.UNKNOWN
    assert (await client.query(sandbox.order())).result is QueryResult.UNREACHABLE


STATE = {"serverCorrelationId": str(UUID(int=7)), "status": "pending", "notificationMethod": "callback"}
PAID = {
    "transactionReference": "T1", "transactionStatus": "completed", "type": "merchantpay", "amount": "5000",
    "currency": "XOF", "debitParty": [{"key": "msisdn", "value": PAYER}],
    "creditParty": [{"key": "accountid", "value": "RAMU"}], "requestingOrganisationTransactionReference": "REF00001",
}  # fmt: skip
REFUSAL = {"errorCategory": "businessRule", "errorCode": "insufficientFunds"}


@dataclass
class StrangeOperator:
    """Something that answers as it is told to, by the first part of the path."""

    url: str = ""
    answers: dict[str, Response] = field(default_factory=dict)

    async def answer(self, request: Request) -> Response:
        kind = "order" if request.method == "POST" else request.url.path.split("/")[1]
        return self.answers.get(kind, Response(status_code=404))

    def client(self, http: httpx.AsyncClient) -> SandboxClient:
        return SandboxClient(http, self.url, "local", "RAMU", Hand())


@pytest.fixture(scope="module")
def strange() -> Iterator[StrangeOperator]:
    operator = StrangeOperator()
    with serving(Starlette(routes=[Route("/{path:path}", operator.answer, methods=["GET", "POST"])])) as operator.url:
        yield operator


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (JSONResponse(STATE, 202), PushResult.PENDING),
        (JSONResponse({**STATE, "status": "completed"}, 202), PushResult.SUCCEEDED),
        (JSONResponse({**STATE, "status": "failed", "error": REFUSAL}, 202), PushResult.REFUSED),
        (JSONResponse({**STATE, "status": "perhaps"}, 202), PushResult.UNKNOWN),
        (JSONResponse({**STATE, "serverCorrelationId": "7"}, 202), PushResult.UNKNOWN),
        (JSONResponse({**STATE, "status": None}, 202), PushResult.UNKNOWN),
        (JSONResponse(PAID, 201), PushResult.SUCCEEDED),
        (JSONResponse({**PAID, "requestingOrganisationTransactionReference": "X"}, 201), PushResult.UNKNOWN),
        (JSONResponse({**PAID, "transactionStatus": "failed"}, 201), PushResult.REFUSED),
        (JSONResponse({**PAID, "transactionStatus": "Reversed"}, 201), PushResult.UNKNOWN),
        (JSONResponse({}, 201), PushResult.UNKNOWN),
        (JSONResponse(STATE, 200), PushResult.UNKNOWN),
        (JSONResponse(REFUSAL, 400), PushResult.REFUSED),
        (JSONResponse(REFUSAL, 404), PushResult.REFUSED),
        (JSONResponse(REFUSAL, 409), PushResult.UNKNOWN),
        (JSONResponse(REFUSAL, 408), PushResult.UNKNOWN),
        (JSONResponse(REFUSAL, 429), PushResult.OUR_FAULT),
        (JSONResponse(REFUSAL, 500), PushResult.UNKNOWN),
        (JSONResponse(REFUSAL, 503), PushResult.UNKNOWN),
        (JSONResponse({**REFUSAL, "errorCategory": "internal"}, 400), PushResult.UNKNOWN),
        (JSONResponse({**REFUSAL, "errorCode": "rateLimitError"}, 400), PushResult.OUR_FAULT),
        (Response("<html>", 401), PushResult.OUR_FAULT),
        (Response("", 403), PushResult.OUR_FAULT),
        (JSONResponse([], 401), PushResult.OUR_FAULT),
        (JSONResponse({"detail": "Not Found"}, 404), PushResult.UNKNOWN),
        (JSONResponse([REFUSAL], 400), PushResult.UNKNOWN),
        (Response("<html>", 404), PushResult.UNKNOWN),
        (Response("", 202), PushResult.UNKNOWN),
        (Response(b"\xff\xfe", 202), PushResult.UNKNOWN),
        (Response(b" " * 70_000, 202), PushResult.UNKNOWN),
        (RedirectResponse("/transactions/elsewhere"), PushResult.UNKNOWN),
    ],
)
async def test_only_a_clear_no_is_a_refusal(
    strange: StrangeOperator, http: httpx.AsyncClient, answer: Response, result: PushResult
) -> None:
    strange.answers = {"order": answer}
    assert (await strange.client(http).request_to_pay(push_order())).result is result


def link(path: object) -> JSONResponse:
    return JSONResponse({"link": path})


@pytest.mark.parametrize(
    ("gets", "result"),
    [
        ({"responses": link("/transactions/T1"), "transactions": JSONResponse(PAID)}, QueryResult.FOUND),
        ({"responses": link("/transactions/T2"), "transactions": JSONResponse(PAID)}, QueryResult.UNREACHABLE),
        (
            {
                "responses": link("/requeststates/7"),
                "requeststates": JSONResponse({**STATE, "status": "completed", "objectReference": "T1"}),
                "transactions": JSONResponse(PAID),
            },
            QueryResult.FOUND,
        ),
        (
            {
                "responses": link("/requeststates/7"),
                "requeststates": JSONResponse({**STATE, "status": "completed"}),
                "transactions": JSONResponse(PAID),
            },
            QueryResult.UNREACHABLE,
        ),
        ({"responses": link("/requeststates/7"), "requeststates": Response(status_code=404)}, QueryResult.UNREACHABLE),
        ({"responses": JSONResponse(REFUSAL, 404)}, QueryResult.NOT_FOUND),
        ({"responses": Response("<html>", 404)}, QueryResult.UNREACHABLE),
        ({"responses": JSONResponse({"detail": "Not Found"}, 404)}, QueryResult.UNREACHABLE),
        ({"responses": JSONResponse({})}, QueryResult.UNREACHABLE),
        ({"responses": link(None)}, QueryResult.UNREACHABLE),
        ({"responses": link("http://elsewhere.example/transactions/T1")}, QueryResult.UNREACHABLE),
        ({"responses": link("/transactions/T1?x=1")}, QueryResult.UNREACHABLE),
        ({"responses": link("/transactions/../../control/books")}, QueryResult.UNREACHABLE),
        (
            {"responses": RedirectResponse("/transactions/T1"), "transactions": JSONResponse(PAID)},
            QueryResult.UNREACHABLE,
        ),
        (
            {"responses": link("/transactions/T1"), "transactions": JSONResponse({**PAID, "amount": 5000.5})},
            QueryResult.UNREACHABLE,
        ),
        (
            {"responses": link("/transactions/T1"), "transactions": JSONResponse({**PAID, "currency": "EUR"})},
            QueryResult.UNREACHABLE,
        ),
        (
            {"responses": link("/transactions/T1"), "transactions": JSONResponse({**PAID, "creditParty": ["x"]})},
            QueryResult.UNREACHABLE,
        ),
        (
            {"responses": link("/transactions/T1"), "transactions": JSONResponse({**PAID, "creditParty": []})},
            QueryResult.UNREACHABLE,
        ),
        ({"responses": link("/transactions/T1"), "transactions": Response(b"\x00")}, QueryResult.UNREACHABLE),
    ],
)
async def test_only_an_answer_about_our_order_is_evidence(
    strange: StrangeOperator, http: httpx.AsyncClient, gets: dict[str, Response], result: QueryResult
) -> None:
    strange.answers = gets
    answer = await strange.client(http).query(push_order())
    assert answer.result is result
    assert (answer.observation is not None) == (result is QueryResult.FOUND)


async def test_a_link_may_name_the_operator_itself(strange: StrangeOperator, http: httpx.AsyncClient) -> None:
    strange.answers = {"responses": link(f"{strange.url}/transactions/T1"), "transactions": JSONResponse(PAID)}
    assert (await strange.client(http).query(push_order())).result is QueryResult.FOUND
