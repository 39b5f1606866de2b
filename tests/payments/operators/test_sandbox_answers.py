"""Answers of an operator whose optional fields, links and references are as the world has them."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import httpx
import pytest

from payments.observation import ObservedStatus
from payments.operators.contract import Answer, PushOrder, QueryResult
from payments.operators.sandbox.client import SandboxClient
from payments.remarks import Remark

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
ORDER = PushOrder("7K3M9QPA", UUID(int=7), 4000, "+22370000001", "http://gateway.test/cb")
BASE = "https://operator.test/simulator/v1.2/mm"
PAID: dict[str, object] = {
    "transactionReference": "MP1",
    "transactionStatus": "completed",
    "type": "merchantpay",
    "amount": "4000.00",
    "currency": "XOF",
    "debitParty": [{"key": "msisdn", "value": "+22370000001"}],
    "creditParty": [{"key": "accountid", "value": "RAMU"}],
    "creationDate": "2026-11-25T10:00:00Z",
    "requestingOrganisationTransactionReference": "7K3M9QPA",
}


def client(answers: dict[str, bytes], base_url: str = BASE) -> SandboxClient:
    """Return a client whose operator answers by the end of the path, and keeps to its own host."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.host == "operator.test"
        assert str(request.url).startswith(f"{BASE}/")
        path = request.url.path.removeprefix(httpx.URL(BASE).path)
        if path in answers:
            return httpx.Response(200, content=answers[path])
        return httpx.Response(404, json={"errorCategory": "identification", "errorCode": "identifierError"})

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return SandboxClient(http, base_url, "local", "RAMU", lambda: NOW)


async def asked(link: object = "/transactions/MP1", base_url: str = BASE, **changes: object) -> Answer:
    body = {key: value for key, value in {**PAID, **changes}.items() if value is not ...}
    answers = {f"/responses/{ORDER.correlation_id}": {"link": link}, "/transactions/MP1": body}
    return await client({path: json.dumps(one).encode() for path, one in answers.items()}, base_url).query(ORDER)


@pytest.mark.parametrize(
    "link",
    [
        "/transactions/MP1", "transactions/MP1", "/transactions/MP1/", "/simulator/v1.2/mm/transactions/MP1",
        "simulator/v1.2/mm/transactions/MP1/", f"{BASE}/transactions/MP1", " /transactions/MP1 ",
        "http://operator.test/simulator/v1.2/mm/transactions/MP1", "https://operator.test:8443/transactions/MP1",
        "https://OPERATOR.test/mm/transactions/MP1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_link_is_followed_below_the_address_that_we_were_given(link: str, slash: str) -> None:
    answer = await asked(link, BASE + slash)
    assert answer.result is QueryResult.FOUND, answer.detail
    assert answer.observation is not None
    assert answer.observation.amount_xof == 4000


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.test/transactions/MP1", "//elsewhere.test/transactions/MP1",
        "ftp://operator.test/transactions/MP1",
        "https://operator.test@elsewhere.test/transactions/MP1", "/transactions/", "/transactions/..",
        "/transactions/%2e%2e", "/transactions/MP1/../../control", "/accounts/MP1",
        "", None, 7, ["x"], "http://[", "/transactions/" + "x" * 300,
    ],
)  # fmt: skip
async def test_a_link_to_anything_else_is_not_followed(link: object) -> None:
    assert (await asked(link)).result is QueryResult.UNREACHABLE


@pytest.mark.parametrize("echo", [..., None, "", "7k3m9qpa", "7K3M-9QPA", " 7K3M9QPA\u00a0", "'7K3M9QPA"])
async def test_what_was_found_under_our_own_id_is_ours_unless_it_names_another(echo: object) -> None:
    answer = await asked(requestingOrganisationTransactionReference=echo)
    assert answer.observation is not None
    assert answer.observation.our_reference == ORDER.reference
    assert (Remark.REFERENCE_NOT_ECHOED in answer.observation.remarks) is (echo in {..., None, ""})


@pytest.mark.parametrize("echo", ["7K3M9QPB", "RAMU 1000000039", "pour Awa"])
async def test_another_reference_is_another_order(echo: str) -> None:
    answer = await asked(requestingOrganisationTransactionReference=echo)
    assert answer.result is QueryResult.UNREACHABLE
    assert "reference" in answer.detail


@pytest.mark.parametrize(
    "changes",
    [
        {"creationDate": "2026-11-25T10:00:00"}, {"creationDate": "25/11/2026 10:00:00"}, {"creationDate": ...},
        {"fees": [{"feeAmount": "40"}]}, {"fees": [{"feeAmount": "40.50"}]}, {"fees": {}}, {"currency": ...},
        {"amount": 4000}, {"amount": 4000.0}, {"debitParty": ...}, {"debitParty": "x"}, {"creditParty": ...},
        {"transactionReference": "mp1 "}, {"transactionReference": "'MP1"},
        {"creditParty": ["x", {"key": "AccountId", "value": " RAMU\u00a0"}]},
    ],
)  # fmt: skip
async def test_an_odd_answer_is_the_same_money(changes: dict[str, object]) -> None:
    answer = await asked(**changes)
    assert answer.result is QueryResult.FOUND, answer.detail
    assert answer.observation is not None
    assert answer.observation.status is ObservedStatus.SUCCEEDED
    assert (answer.observation.operator_transaction_id, answer.observation.amount_xof) == ("MP1", 4000)


@pytest.mark.parametrize(
    "changes",
    [
        {"transactionReference": "MP2"}, {"creditParty": [{"key": "accountid", "value": "AUTRE"}]}, {"creditParty": []},
        {"currency": "EUR"}, {"amount": "4000.50"}, {"amount": ...}, {"amount": "-4000"}, {"amount": "4e3"},
    ],
)  # fmt: skip
async def test_money_that_is_not_surely_ours_is_no_answer(changes: dict[str, object]) -> None:
    assert (await asked(**changes)).result is QueryResult.UNREACHABLE


async def test_a_zero_amount_is_seen_and_can_credit_nobody() -> None:
    answer = await asked(amount="0")
    assert answer.observation is not None
    assert (answer.observation.amount_xof, answer.observation.remarks) == (0, (Remark.AMOUNT_ZERO,))


async def test_money_that_nobody_asked_for_must_name_our_account() -> None:
    answers = {"/transactions/MP1": {key: value for key, value in PAID.items() if key != "creditParty"}}
    operator = client({path: json.dumps(one).encode() for path, one in answers.items()})
    assert (await operator.query_transaction("MP1")).result is QueryResult.UNREACHABLE


async def test_a_transaction_is_looked_up_as_the_operator_wrote_it_and_compared_in_normal_form() -> None:
    state = {"serverCorrelationId": str(UUID(int=9)), "status": "completed", "objectReference": "mp1"}
    answers = {
        f"/responses/{ORDER.correlation_id}": {"link": "/requeststates/9"},
        "/requeststates/9": state,
        "/transactions/mp1": PAID,
    }
    answer = await client({path: json.dumps(one).encode() for path, one in answers.items()}).query(ORDER)
    assert answer.observation is not None
    assert answer.observation.operator_transaction_id == "MP1"


async def test_the_words_of_a_payer_in_another_encoding_are_no_silence() -> None:
    words = json.dumps({**PAID, "requestingOrganisationTransactionReference": "KON"}).replace("KON", "Koné")
    operator = client({"/transactions/MP1": words.encode("latin-1")})
    answer = await operator.query_transaction("MP1")
    assert answer.observation is not None
    assert answer.observation.our_reference == "Koné"
    assert "Koné" in answer.raw


async def test_a_reference_in_groups_is_the_same_order() -> None:
    grouped = replace(ORDER, reference="7K3M-9QPA")
    bodies = {f"/responses/{ORDER.correlation_id}": {"link": "transactions/MP1"}, "/transactions/MP1": PAID}
    answer = await client({path: json.dumps(one).encode() for path, one in bodies.items()}).query(grouped)
    assert answer.observation is not None
    assert answer.observation.our_reference == "7K3M-9QPA"
