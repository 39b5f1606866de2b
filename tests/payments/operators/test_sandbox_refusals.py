"""A no is told to the payer only when it is hers."""

import itertools

import pytest

from payments.operators.sandbox.refusals import WhoseNo, whose_no

OURS, PAYERS, UNDECIDED = WhoseNo.OURS, WhoseNo.PAYERS, WhoseNo.UNDECIDED
ACCOUNT = "RAMU-77"


def error(category: str, code: str, **more: object) -> dict[str, object]:
    return {"errorCategory": category, "errorCode": code, **more}


@pytest.mark.parametrize(
    ("status", "body", "whose"),
    [
        (401, {}, OURS),
        (403, {"fault": {"code": 900901}}, OURS),
        (407, {}, OURS),
        (429, {}, OURS),
        (401, error("authorisation", "clientAuthorisationError"), OURS),
        (400, error("Authorisation", "ClientAuthorisationError"), OURS),
        (401, error("authorisation", "requestingPartyAuthorisationError"), OURS),
        (401, error("authorisation", "servicingPartyAuthorisationError"), OURS),
        (400, error("businessRule", "rateLimitError"), OURS),
        (400, error("businessRule", "currencyNotSupported"), OURS),
        (400, error("validation", "formatError", errorDescription="X-Callback-URL"), OURS),
        (400, error("validation", "mandatoryValueNotSupplied"), OURS),
        (404, error("identification", "identifierError", errordescription="creditParty"), OURS),
        (404, error("identification", "identifierError", errorDescription=f"unknown account {ACCOUNT}"), OURS),
        (
            404,
            error("identification", "identifierError", errorParameters=[{"key": "creditParty", "value": ACCOUNT}]),
            OURS,
        ),
        (404, error("identification", "identifierError", errordescription="debitParty"), PAYERS),
        (404, error("identification", "identifierError"), PAYERS),
        (401, error("authorisation", "requestDeclined"), PAYERS),
        (400, error("businessRule", "insufficientFunds"), PAYERS),
        (403, error("businessRule", "nationalityNotPermitted"), PAYERS),
        (400, error("businessRule", "dailyValueLimitExceeded"), PAYERS),
        (400, error("businessRule", "duplicateRequest"), UNDECIDED),
        (409, error("businessRule", "insufficientFunds"), UNDECIDED),
        (400, {}, UNDECIDED),
        (404, {"detail": "Not Found"}, UNDECIDED),
        (400, error("internal", "genericError"), UNDECIDED),
        (400, error("serviceUnavailable", "genericError"), UNDECIDED),
        (400, error("new in 2.0", "somethingElse"), UNDECIDED),
        (500, error("authorisation", "clientAuthorisationError"), UNDECIDED),
        (503, {}, UNDECIDED),
        (200, error("authorisation", "clientAuthorisationError"), UNDECIDED),
    ],
)
def test_a_no_is_the_payers_ours_or_nobodys(status: int, body: dict[str, object], whose: WhoseNo) -> None:
    assert whose_no(status, body, ACCOUNT) is whose


def test_no_status_about_us_and_no_odd_body_is_ever_told_as_the_payers_own_no() -> None:
    odd: tuple[object, ...] = (None, 7, [], {}, "", "x" * 300, "\ud800", [["creditParty"]], {"a": {"b": "debitParty"}})
    reached = 0
    for status, category, code in itertools.product((400, 401, 403, 404, 422, 429), odd, odd):
        body = {"errorCategory": category, "errorCode": code, "errorParameters": code, "errorDescription": category}
        assert whose_no(status, body, ACCOUNT) is not PAYERS
        reached += 1
    assert reached == 6 * len(odd) ** 2
