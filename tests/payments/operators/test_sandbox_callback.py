"""Recorded bodies, each with what it must say, and bodies that must be refused."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payments.errors import CallbackMalformed
from payments.http_messages import RawRequest
from payments.observation import CREDITING, Observation, ObservedStatus, Provenance
from payments.operators.contract import FailedCheck, Secret, Secrets, VerdictKind
from payments.operators.registry import built_in, get
from payments.remarks import Remark

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
            "provenance": Provenance.UNVERIFIED_CALLBACK,
            "status": ObservedStatus(fields["status"]),
            "occurred_at": datetime.fromisoformat(occurred_at) if occurred_at else None,
            "remarks": tuple(fields.get("remarks", ())),
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
    assert verdict.kind is VerdictKind.ACCEPT_UNVERIFIED


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
    assert verdict.kind is (VerdictKind.ACCEPT_UNVERIFIED if live else VerdictKind.REJECT)
    assert verdict.check is (None if live else FailedCheck.KEY)


@pytest.mark.parametrize(
    ("request_", "reason", "check"),
    [
        (callback(SUCCESS, "GET"), "method", FailedCheck.FORMAT),
        (callback(SUCCESS, "put"), "method", FailedCheck.FORMAT),
        (callback(SUCCESS, "DELETE"), "method", FailedCheck.FORMAT),
        (callback(b""), "empty", FailedCheck.MISSING),
        (callback(b" " * 65_537), "64 kB", FailedCheck.FORMAT),
    ],
)
def test_a_request_that_no_operator_sends_is_rejected_with_its_reason(
    request_: RawRequest, reason: str, check: FailedCheck
) -> None:
    verdict = SANDBOX.verify(request_, SECRETS, NOW)
    assert (verdict.kind, verdict.check) == (VerdictKind.REJECT, check)
    assert reason in verdict.reason


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "text/json", "application/vnd.gsma+json", "application/x-www-form-urlencoded",
     "Application/JSON; charset=utf-8", "application/json;charset=ISO-8859-1", "nonsense"],
)  # fmt: skip
def test_what_a_body_is_called_decides_nothing(content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    request = callback(SUCCESS, "POST", headers)
    assert SANDBOX.verify(request, SECRETS, NOW).kind is VerdictKind.ACCEPT_UNVERIFIED
    assert SANDBOX.parse_callback(request) == SANDBOX.parse_callback(callback(SUCCESS))


@pytest.mark.parametrize(
    "dressed",
    [
        b"\xef\xbb\xbf" + SUCCESS, SUCCESS + b"\x00" * 40, SUCCESS + b"\r\n \t", b"\r\n" + SUCCESS,
        b"\xef\xbb\xbf\x00" + SUCCESS + b"\x00\r\n", SUCCESS.decode().encode("utf-16"),
        b"\xfe\xff" + SUCCESS.decode().encode("utf-16-be"), json.dumps(SUCCESS.decode()).encode(),
        b'{"transaction": ' + SUCCESS + b"}", b'{"data": [' + SUCCESS + b'], "count": 1}', b"[" + SUCCESS + b"]",
        urlencode({"data": SUCCESS, "sign": "x"}).encode(),
    ],
)  # fmt: skip
def test_the_same_news_in_any_dress_says_the_same(dressed: bytes) -> None:
    assert SANDBOX.parse_callback(callback(dressed)) == SANDBOX.parse_callback(callback(SUCCESS))


def test_the_words_of_people_in_another_encoding_keep_no_money_from_being_read() -> None:
    body = changed(descriptionText="KON").replace(b"KON", "Koné, 50 €".encode("cp1252"))
    assert SANDBOX.parse_callback(callback(body)) == SANDBOX.parse_callback(callback(SUCCESS))
    body = changed(requestingOrganisationTransactionReference="NAME").replace(b"NAME", "Koné".encode("latin-1"))
    assert read_one(body).our_reference == "Koné"


def test_two_transactions_in_one_wrapping_are_not_guessed_between() -> None:
    with pytest.raises(CallbackMalformed):
        SANDBOX.parse_callback(callback(b'{"before": ' + SUCCESS + b', "after": ' + SUCCESS + b"}"))


def test_one_item_that_cannot_be_read_holds_none_of_its_neighbours() -> None:
    found = SANDBOX.parse_callback(callback(b"[" + changed(currency="EUR") + b", 7, " + SUCCESS + b"]"))
    assert found[0] == SANDBOX.parse_callback(callback(SUCCESS))[0]
    assert [one.remarks for one in found[1:]] == [(Remark.ITEM_UNREADABLE,)]
    assert (found[1].operator_transaction_id, found[1].amount_xof) == (None, None)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"12", b'"text"', b"[[]]", b"{}", b"\xff\xfe{\x00}\x00", b"\x89PNG\r\n",
        b"amount=200&currency=XOF", SUCCESS[:-20], SUCCESS + b"}",
        b"[" * 60_000, b'{"a":' * 10_000, b'{"serverCorrelationId": "x"}', b'{"errorCode": "x"}', b"9" * 60_000,
        b'{"errorCategory": "x", "errorCode": 7}',
        SUCCESS[:-2] + b', "amount": "5"}', SUCCESS[:-2] + b', "x": NaN}', SUCCESS[:-2] + b', "x": Infinity}',
        SUCCESS[:-2] + b', "x": -Infinity}', SUCCESS + b" " * 65_536,
        changed(amount=True), changed(amount=None), changed(amount=...), changed(amount=[5]), changed(amount=50.5),
        changed(amount=-5), changed(amount=1e30), changed(amount=5e-7),
        changed(amount="5000.50"), changed(amount="1e3"), changed(amount="-5"),
        changed(amount="1_000"), changed(amount="\uff15"), changed(amount="NaN"), changed(amount="9" * 30),
        changed(currency="EUR"), changed(currency="XAF"), changed(currency=7),
        changed(transactionStatus=...), changed(transactionStatus=7),
        changed(transactionReference=...), changed(transactionReference=""), changed(transactionReference="\ud800"),
        changed(transactionReference="x" * 257), changed(transactionReference=[]), changed(transactionReference=1.5),
        changed(transactionReference="\u200b\ufeff"), changed(transactionReference="2,55930E+14"),
        changed(transactionReference="2.5593e14"), changed(transactionReference="2559301234567890.0"),
    ],
)  # fmt: skip
def test_a_body_whose_money_cannot_be_known_is_malformed(body: bytes) -> None:
    with pytest.raises(CallbackMalformed) as caught:
        SANDBOX.parse_callback(callback(body))
    assert len(str(caught.value)) < 200


def read_one(body: bytes) -> Observation:
    (observation,) = SANDBOX.parse_callback(callback(body))
    return observation


@pytest.mark.parametrize("amount", ["5000", "5000.00", "5000.0000", 5000, 5000.0])
def test_an_amount_may_be_a_text_or_a_number_of_whole_francs(amount: object) -> None:
    assert read_one(changed(amount=amount)).amount_xof == 5000


@pytest.mark.parametrize(
    ("fields", "remark"),
    [
        ({"currency": ...}, Remark.CURRENCY_MISSING),
        ({"creationDate": "2026-11-22T10:15:03"}, Remark.TIME_WITHOUT_ZONE),
        ({"creationDate": "2026-11-22"}, Remark.TIME_MISSING),
        ({"creationDate": "05/11/2026 10:15:03"}, Remark.DATE_AMBIGUOUS),
        ({"creationDate": "yesterday"}, Remark.DATE_UNREADABLE),
        ({"creationDate": 1_764_064_800}, Remark.DATE_UNREADABLE),
        ({"creationDate": ["2026"]}, Remark.DATE_UNREADABLE),
        ({"creationDate": "0001-01-01T00:00:00+14:00"}, Remark.DATE_UNREADABLE),
        ({"creationDate": "9999-12-31T23:59:59-14:00"}, Remark.DATE_UNREADABLE),
        ({"fees": "50"}, Remark.FEE_UNREADABLE),
        ({"fees": {}}, Remark.FEE_UNREADABLE),
        ({"fees": [{"feeAmount": "5", "feeCurrency": "EUR"}]}, Remark.FEE_UNREADABLE),
        ({"fees": [{"feeAmount": "", "feeCurrency": "XOF"}]}, Remark.FEE_UNREADABLE),
        ({"fees": [7, "x"]}, Remark.FEE_UNREADABLE),
        ({"fees": [{"feeAmount": "40.50"}]}, Remark.FEE_ROUNDED),
        ({"debitParty": [{"key": "msisdn", "value": "+223****3456"}]}, Remark.PAYER_UNREADABLE),
        ({"requestingOrganisationTransactionReference": {}}, Remark.REFERENCE_UNREADABLE),
        ({"requestingOrganisationTransactionReference": "RAMU\u00a01000000039"}, Remark.REFERENCE_CLEANED),
        ({"transactionReference": " mp261122.1015.a1b2c3d4\u00a0"}, Remark.ID_CLEANED),
        ({"transactionReference": "MP261122.1015.\u00adA1B2C3D4"}, Remark.ID_CLEANED),
        ({"amount": "0"}, Remark.AMOUNT_ZERO),
        ({"transactionStatus": "pending", "amount": ...}, Remark.AMOUNT_UNREADABLE),
        ({"transactionStatus": "pending", "currency": ...}, Remark.CURRENCY_MISSING),
    ],
)
def test_an_odd_optional_field_is_remarked_and_the_rest_is_used(fields: dict[str, object], remark: Remark) -> None:
    plain, odd = read_one(SUCCESS), read_one(changed(**fields))
    assert remark in odd.remarks
    assert odd.operator_transaction_id == plain.operator_transaction_id
    assert odd.status is (ObservedStatus.PENDING if "transactionStatus" in fields else ObservedStatus.SUCCEEDED)
    assert odd.amount_xof == (plain.amount_xof if "amount" not in fields else 0 if fields["amount"] == "0" else None)


@pytest.mark.parametrize("fields", [{"debitParty": {}}, {"debitParty": ["x"]}, {"debitParty": [{"key": "msisdn"}]}])
def test_an_odd_payer_is_no_payer(fields: dict[str, object]) -> None:
    assert read_one(changed(**fields)).payer_msisdn is None
    assert read_one(changed(**fields)).amount_xof == 5000


@pytest.mark.parametrize(
    ("written", "fee_xof"),
    [("40", 40), ("40.49", 40), ("40.50", 41), ("0", 0), (40, 40), (40.5, 41), ("1e3", None), ("-1", None)],
)
def test_a_fee_is_whole_francs_or_unknown(written: object, fee_xof: int | None) -> None:
    assert read_one(changed(fees=[{"feeAmount": written}])).fee_xof == fee_xof


def test_the_raw_id_is_kept_beside_its_normal_form() -> None:
    observation = read_one(changed(transactionReference="'mp1\u0000 "))
    assert observation.operator_transaction_id == "MP1"
    assert observation.raw_transaction_id == "'mp1\ufffd "
    assert read_one(changed(transactionReference=255930123456789012)).operator_transaction_id == "255930123456789012"


@pytest.mark.parametrize("status", ["failed", "pending", "expired"])
def test_news_of_no_money_needs_no_id(status: str) -> None:
    observation = read_one(changed(transactionStatus=status, transactionReference=...))
    assert (observation.status, observation.operator_transaction_id) == (ObservedStatus(status), None)
    assert Remark.ID_MISSING in observation.remarks


def test_a_reversal_without_its_original_names_no_transaction() -> None:
    observation = read_one(changed(type="Reversal"))
    assert observation.status is ObservedStatus.REVERSED
    assert observation.operator_transaction_id is None
    assert Remark.ID_MISSING in observation.remarks


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
        assert all(observation.provenance is Provenance.UNVERIFIED_CALLBACK for observation in found)
        assert all(one.amount_xof != 0 or Remark.AMOUNT_ZERO in one.remarks for one in found)
        assert all((one.operator_transaction_id or "x").isprintable() for one in found)

    holds()
    assert read >= 50
    assert refused >= 50


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_malformed(body: bytes) -> None:
    try:
        SANDBOX.parse_callback(callback(body))
    except CallbackMalformed:
        return
