"""The operator's own doors: the standard's shapes, and bad input at each of them."""

import re
from collections.abc import Callable
from uuid import UUID

import httpx
import pytest

from tests.sandbox_operator.sandbox_world import PAYER, World

ORDER = {
    "amount": "5000",
    "currency": "XOF",
    "debitParty": [{"key": "msisdn", "value": PAYER}],
    "creditParty": [{"key": "accountid", "value": "RAMU"}],
    "requestingOrganisationTransactionReference": "REF00001",
}
HEADERS = {"X-API-Key": "local", "X-CorrelationID": str(UUID(int=1, version=4))}
PATH = "/transactions/type/merchantpay"
ERROR_KEYS = {"errorCategory", "errorCode", "errorDateTime", "errordescription"}


def post(sandbox: World, body: object = ORDER, headers: dict[str, str] = HEADERS, path: str = PATH) -> httpx.Response:
    return httpx.post(sandbox.url + path, json=body, headers=headers, trust_env=False)


def get(sandbox: World, path: str) -> httpx.Response:
    return httpx.get(sandbox.url + path, headers=HEADERS, trust_env=False)


def test_an_accepted_order_answers_with_a_request_state(sandbox: World) -> None:
    answer = post(sandbox)
    body = answer.json()
    assert answer.status_code == 202
    assert body["status"] == "pending"
    assert body["notificationMethod"] == "polling"
    assert "x-date" in answer.headers
    assert get(sandbox, f"/requeststates/{body['serverCorrelationId']}").json() == body
    assert get(sandbox, f"/responses/{HEADERS['X-CorrelationID']}").json() == {
        "link": f"/requeststates/{body['serverCorrelationId']}"
    }


def test_the_whole_transaction_of_the_standard_is_shown(sandbox: World) -> None:
    server_id = post(sandbox).json()["serverCorrelationId"]
    reference = sandbox.control(f"prompts/{server_id}/decision", {"do": "approve"})["transaction"]
    transaction = get(sandbox, f"/transactions/{reference}").json()
    required = {"amount", "currency", "type", "transactionReference", "transactionStatus", "creditParty", "debitParty"}
    assert required <= set(transaction)
    assert re.fullmatch(r"([0]|([1-9][0-9]{0,17}))([.][0-9]{0,3}[1-9])?", transaction["amount"])
    state = get(sandbox, f"/requeststates/{server_id}").json()
    assert (state["status"], state["objectReference"]) == ("completed", reference)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"amount": 5000}, 400, "formatError"),
        ({"amount": "1e3"}, 400, "formatError"),
        ({"amount": "5000.50"}, 400, "formatError"),
        ({"amount": "-1"}, 400, "formatError"),
        ({"amount": None}, 400, "formatError"),
        ({"amount": "0"}, 400, "lessThanTransactionMinValue"),
        ({"amount": "1000000000"}, 400, "greaterThanTransactionMaxValue"),
        ({"currency": "EUR"}, 400, "currencyNotSupported"),
        ({"debitParty": []}, 404, "identifierError"),
        ({"debitParty": "x"}, 404, "identifierError"),
        ({"debitParty": [{"key": "msisdn", "value": 7}]}, 404, "identifierError"),
        ({"creditParty": [{"key": "accountid", "value": "AUTRE"}]}, 404, "identifierError"),
        ({"requestingOrganisationTransactionReference": "x" * 257}, 400, "lengthError"),
        ({"requestingOrganisationTransactionReference": {}}, 400, "lengthError"),
    ],
)
def test_a_wrong_order_gets_the_standards_error(quiet_sandbox: World, change: dict, status: int, code: str) -> None:
    answer = post(quiet_sandbox, {**ORDER, **change})
    assert (answer.status_code, answer.json()["errorCode"]) == (status, code)
    assert set(answer.json()) <= ERROR_KEYS
    assert quiet_sandbox.books()["prompts"] == []


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"X-API-Key": "local"}, 400, "mandatoryValueNotSupplied"),
        ({**HEADERS, "X-CorrelationID": "7"}, 400, "formatError"),
        ({"X-CorrelationID": HEADERS["X-CorrelationID"]}, 401, "clientAuthorisationError"),
        ({**HEADERS, "X-API-Key": "é".encode().decode("latin-1")}, 401, "clientAuthorisationError"),
        ({**HEADERS, "X-Callback-URL": "file:///etc/passwd"}, 400, "formatError"),
    ],
)
def test_a_wrong_header_gets_the_standards_error(quiet_sandbox: World, headers: dict, status: int, code: str) -> None:
    latin = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = httpx.post(quiet_sandbox.url + PATH, json=ORDER, headers=latin, trust_env=False)
    assert (answer.status_code, answer.json()["errorCode"]) == (status, code)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"\x00", b"[" * 100_000, b"amount=5"])
def test_bytes_that_are_no_order_get_the_standards_error(quiet_sandbox: World, body: bytes) -> None:
    answer = httpx.post(quiet_sandbox.url + PATH, content=body, headers=HEADERS, trust_env=False)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "formatError")


def test_a_huge_body_is_cut_off(quiet_sandbox: World) -> None:
    answer = httpx.post(quiet_sandbox.url + PATH, content=b" " * 1_000_000, headers=HEADERS, trust_env=False)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/transactions/none", 404),
        (f"/requeststates/{UUID(int=9)}", 404),
        ("/requeststates/9", 400),
        (f"/responses/{UUID(int=9)}", 404),
        ("/responses/x", 400),
        ("/statements/2026-13-01.csv", 400),
        ("/statements/..%2f.csv", 404),
    ],
)
def test_what_is_not_there_is_said_so(quiet_sandbox: World, path: str, status: int) -> None:
    assert get(quiet_sandbox, path).status_code == status


def test_another_kind_of_transaction_is_not_served(quiet_sandbox: World) -> None:
    answer = post(quiet_sandbox, path="/transactions/type/disbursement")
    assert answer.json()["errorCode"] == "transactionTypeError"


def test_the_heartbeat_tells_an_outage(sandbox: World) -> None:
    for outage, status in (("none", "available"), ("status", "degraded"), ("all", "unavailable")):
        sandbox.control("switches", {"outage": outage})
        assert get(sandbox, "/heartbeat").json() == {"serviceStatus": status}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("payments", {"payer_msisdn": "70123456", "amount_xof": 5}),
        ("payments", {"payer_msisdn": PAYER, "amount_xof": "5"}),
        ("payments", {"payer_msisdn": PAYER, "amount_xof": 5.0}),
        ("payments", {"payer_msisdn": PAYER, "amount_xof": 0}),
        ("payments", {"payer_msisdn": PAYER, "amount_xof": 5, "surprise": 1}),
        ("payments", {"payer_msisdn": PAYER, "amount_xof": 5, "callbacks": 101}),
        ("payments", {"payer_msisdn": PAYER, "amount_xof": 5, "reference": "\u0000"}),
        ("switches", {"outage": "perhaps"}),
        ("next-answers", {"faults": ["explode"]}),
        ("statement-faults", {"day": "hier"}),
        ("wallets", {"msisdn": PAYER, "balance_xof": -1}),
        ("payments", []),
    ],
)
def test_the_control_face_refuses_what_it_does_not_know(quiet_sandbox: World, path: str, body: object) -> None:
    answer = quiet_sandbox.control_http.post(f"/control/{path}", json=body)
    assert answer.status_code == 422
    assert quiet_sandbox.books()["transactions"] == []


@pytest.mark.parametrize(
    "call",
    [
        lambda http: http.post(f"/control/prompts/{UUID(int=9)}/decision", json={"do": "approve"}),
        lambda http: http.post(f"/control/prompts/{UUID(int=9)}/ignore", json={}),
        lambda http: http.post("/control/transactions/none/callbacks", json={}),
        lambda http: http.post("/control/transactions/none/reversal", json={}),
        lambda http: http.post("/control/payments", json={"payer_msisdn": PAYER, "amount_xof": 1_000_001}),
    ],
)
def test_a_deed_that_the_books_do_not_allow_is_a_conflict(
    quiet_sandbox: World, call: Callable[[httpx.Client], httpx.Response]
) -> None:
    answer = call(quiet_sandbox.control_http)
    assert answer.status_code == 409
    assert answer.json()["error"].endswith(".")


def test_a_form_of_another_site_cannot_use_the_control_face(quiet_sandbox: World) -> None:
    answer = quiet_sandbox.control_http.post("/control/switches", data={"outage": "all"})
    assert answer.status_code == 415
