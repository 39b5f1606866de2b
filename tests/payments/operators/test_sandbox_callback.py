"""Recorded bodies, each with what it must say, and bodies that must be refused."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payments.errors import CallbackMalformed
from payments.observation import CREDITING, Observation, ObservedStatus, Provenance
from payments.operators.contract import Secret, Secrets, VerdictKind
from payments.operators.registry import built_in, get
from payments.wire import RawRequest

RECORDED = Path(__file__).parent / "recorded"
CASES = json.loads((RECORDED / "cases.json").read_text())
NOW = datetime(2026, 11, 22, 10, 15, 4, tzinfo=UTC)
SECRETS = Secrets((Secret("local"),))
SANDBOX = get("sandbox", built_in())
SUCCESS = (RECORDED / "success.json").read_bytes()


def callback(
    body: bytes, method: str = "PUT", headers: Mapping[str, str] = {"content-type": "application/json"}
) -> RawRequest:
    return RawRequest(method, "/webhooks/sandbox/token", "", headers, body, NOW)


def expected(fields: dict[str, str]) -> Observation:
    occurred_at = fields.get("occurred_at")
    return Observation(
        **{
            **fields,
            "operator": "sandbox",
            "provenance": Provenance.UNBOUND_CALLBACK,
            "status": ObservedStatus(fields["status"]),
            "occurred_at": datetime.fromisoformat(occurred_at) if occurred_at else None,
            # A recorded transaction carries its amount, and its id already stands in normal form.
            "raw_transaction_id": fields.get("operator_transaction_id") if "amount_xof" in fields else None,
        }
    )


def changed(**fields: object) -> bytes:
    body = {**json.loads(SUCCESS), **fields}
    return json.dumps({key: value for key, value in body.items() if value is not ...}).encode()


@pytest.mark.parametrize("name", CASES)
def test_a_recorded_body_says_what_it_says(name: str) -> None:
    case = CASES[name]
    found = SANDBOX.parse_callback(callback((RECORDED / case["body"]).read_bytes()))
    assert found == [expected(fields) for fields in case["observations"]]
    assert all(observation.provenance not in CREDITING for observation in found)


@pytest.mark.parametrize("name", CASES)
def test_a_recorded_callback_is_accepted_but_never_believed(name: str) -> None:
    verdict = SANDBOX.verify(callback((RECORDED / CASES[name]["body"]).read_bytes()), SECRETS, NOW)
    assert verdict.kind is VerdictKind.ACCEPT_UNBOUND


@pytest.mark.parametrize(
    ("secrets", "live"),
    [
        (Secrets(), False),
        (Secrets((Secret(""),)), False),
        (Secrets((Secret("old", not_after=NOW),)), False),
        (Secrets((Secret("new", not_before=NOW),)), True),
    ],
)
def test_without_a_live_secret_nothing_is_accepted(secrets: Secrets, live: bool) -> None:
    verdict = SANDBOX.verify(callback(SUCCESS), secrets, NOW)
    assert verdict.kind is (VerdictKind.ACCEPT_UNBOUND if live else VerdictKind.REJECT)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (callback(SUCCESS, "GET"), "method"),
        (callback(SUCCESS, "put"), "method"),
        (callback(SUCCESS, "DELETE"), "method"),
        (callback(b""), "empty"),
        (callback(b" " * 65_537), "64 kB"),
        (callback(SUCCESS, headers={}), "content type"),
        (callback(SUCCESS, headers={"content-type": "text/plain"}), "content type"),
        (callback(SUCCESS, headers={"content-type": "application/x-www-form-urlencoded"}), "content type"),
    ],
)
def test_a_request_that_no_operator_sends_is_rejected_with_its_reason(request_: RawRequest, reason: str) -> None:
    verdict = SANDBOX.verify(request_, SECRETS, NOW)
    assert verdict.kind is VerdictKind.REJECT
    assert reason in verdict.reason


def test_post_and_a_charset_are_fine() -> None:
    request = callback(SUCCESS, "POST", {"content-type": "Application/JSON; charset=utf-8"})
    assert SANDBOX.verify(request, SECRETS, NOW).kind is VerdictKind.ACCEPT_UNBOUND


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"12", b'"text"', b"[[]]", b"{}", b"\xff\xfe{\x00}\x00", b"\x89PNG\r\n",
        b"amount=200&currency=XOF", SUCCESS[:-20], SUCCESS + b"}", b"\xef\xbb\xbf" + SUCCESS,
        b"[" * 60_000, b'{"a":' * 10_000, b'{"serverCorrelationId": "x"}', b'{"errorCode": "x"}', b"9" * 60_000,
        SUCCESS[:-2] + b', "amount": "5"}', SUCCESS[:-2] + b', "x": NaN}', SUCCESS[:-2] + b', "x": Infinity}',
        SUCCESS[:-2] + b', "x": -Infinity}', SUCCESS + b" " * 65_536,
        changed(amount=5000), changed(amount=5000.0), changed(amount=True), changed(amount=None), changed(amount=...),
        changed(amount="0"), changed(amount="5000.50"), changed(amount="1e3"), changed(amount="-5"),
        changed(amount="1_000"), changed(amount="\uff15"), changed(amount="NaN"),
        changed(currency="EUR"), changed(currency=...), changed(transactionStatus=...), changed(transactionStatus=7),
        changed(transactionReference=...), changed(transactionReference=""), changed(transactionReference="a\x00b"),
        changed(transactionReference="\ud800"), changed(transactionReference="x" * 257),
        changed(transactionReference=[]),
        changed(requestingOrganisationTransactionReference={}), changed(debitParty={}), changed(debitParty=["x"]),
        changed(debitParty=[{"key": "msisdn"}]), changed(fees="50"), changed(fees=[{"feeAmount": "5"}]),
        changed(fees=[{"feeAmount": "5", "feeCurrency": "EUR"}]),
        changed(fees=[{"feeAmount": 5, "feeCurrency": "XOF"}]),
        changed(creationDate="yesterday"), changed(creationDate="2026-11-22T10:15:03"),
        changed(creationDate="0001-01-01T00:00:00+14:00"), changed(type="reversal"),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_trusted_whole_is_malformed(body: bytes) -> None:
    with pytest.raises(CallbackMalformed) as caught:
        SANDBOX.parse_callback(callback(body))
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("status", ["success", "successful", "ok", "paid", "COMPLETED?", "complete", "réussie"])
def test_a_word_the_standard_does_not_use_never_means_success(status: str) -> None:
    (observation,) = SANDBOX.parse_callback(callback(changed(transactionStatus=status)))
    assert observation.status is ObservedStatus.UNKNOWN


def test_a_reversal_that_is_not_done_reverses_nothing() -> None:
    body = changed(type="reversal", originalTransactionReference="T0", transactionStatus="failed")
    (observation,) = SANDBOX.parse_callback(callback(body))
    assert observation.status is ObservedStatus.UNKNOWN


def test_any_mutation_of_a_callback_is_read_or_malformed() -> None:
    read = refused = 0

    @settings(max_examples=500, database=None)
    @given(
        body=st.sampled_from([(RECORDED / case["body"]).read_bytes() for case in CASES.values()]),
        edits=st.lists(st.tuples(st.integers(0, 700), st.integers(0, 2), st.binary(max_size=3)), max_size=3),
    )
    def holds(body: bytes, edits: list[tuple[int, int, bytes]]) -> None:
        nonlocal read, refused
        for at, cut, put in edits:
            body = body[:at] + put + body[at + cut :]
        try:
            found = SANDBOX.parse_callback(callback(body))
        except CallbackMalformed:
            refused += 1
            return
        read += 1
        assert all(observation.provenance is Provenance.UNBOUND_CALLBACK for observation in found)
        assert all(observation.amount_xof != 0 for observation in found)

    holds()
    assert read >= 50
    assert refused >= 50


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_malformed(body: bytes) -> None:
    try:
        SANDBOX.parse_callback(callback(body))
    except CallbackMalformed:
        return
