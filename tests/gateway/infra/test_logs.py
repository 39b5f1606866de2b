import io
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.setting_types import LogFormat
from gateway.infra.logs import HIDDEN, SECRET_WORDS, configure_logs, mask, mask_text
from tests.logged import log_as_the_product

CANARIES = ("CANARYWORD", "70123456", "70 12 34 56", "0612345678")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    log_as_the_product()
    root.handlers, root.level = handlers, level


def written(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+22370123456", "+223 ** ** *4 56"),
        ("0022370123456", "+223 ** ** *4 56"),
        ("tel:22370123456;", "tel:+223 ** ** *4 56;"),
        ("from22370123456", "from+223 ** ** *4 56"),
        ("+223 70 12 34 56", "+223 ** ** *4 56"),
        ("%2B22370123456", "+223 ** ** *4 56"),
        ("70 12 34 56", "** ** *4 56"),
        ("70.12.34.56", "** ** *4 56"),
        ("7012 3456", "** ** *4 56"),
        ("(70123456)", "(** ** *4 56)"),
        ("\uff17\uff10\uff11\uff12\uff13\uff14\uff15\uff16", "** ** *\uff14 \uff15\uff16"),
        ("+33 6 12 34 56 78", "+** ** ** *6 78"),
        ("00221771234567", "+** ** ** *5 67"),
    ],
)
def test_a_telephone_number_keeps_only_its_last_three_digits(text: str, shown: str) -> None:
    assert mask_text(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22",
        "2026-11-22T10:00:00.123456+00:00",
        "7K3M-9QPA",
        "25000",
        "60123456-1a2b-4c3d-8e9f-0123456789ab",
        "f3a9c870123456b2",
        "payment.settled",
    ],
)
def test_dates_references_and_hashes_stay_as_they_are(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize("word", sorted(SECRET_WORDS))
@pytest.mark.parametrize("shape", ["{}", "user_{}", "{}_given", "X-{}", "user{}"])
def test_a_key_with_a_secret_word_is_never_shown(word: str, shape: str) -> None:
    key = shape.format(word.capitalize() if shape == "user{}" else word)
    assert mask(key, "CANARYWORD") == HIDDEN
    assert "CANARYWORD" not in json.dumps(mask("outer", [{key: {"inner": "CANARYWORD"}}]))


@pytest.mark.parametrize(
    "text",
    [
        "pin=CANARYWORD",
        "Authorization: Bearer CANARYWORD",
        '{"password": "CANARYWORD"}',
        "postgresql://user:CANARYWORD@host/db",
        "GET https://operator.example/x?token=CANARYWORD&a=1",
        "POST /webhooks/sandbox/CANARYWORD",
        "/ussd/orange/CANARYWORD?msisdn=1",
        "IntegrityError\nDETAIL:  Failing row contains (1, CANARYWORD, CANARYWORD).",
        "[SQL: INSERT]\n[parameters: {'x': 'CANARYWORD'}]\n(Background)",
        "nina 11290700112345K",
    ],
)
def test_secrets_inside_a_sentence_are_hidden(text: str) -> None:
    assert "CANARYWORD" not in mask_text(text)
    assert "11290700112345K" not in mask_text(text)


def test_quantities_are_not_taken_for_telephone_numbers() -> None:
    assert mask("amount_xof", 70_123_456) == 70_123_456
    assert mask("size_bytes", 22_370_123_456) == 22_370_123_456
    assert mask("caller", 70_123_456) == "** ** *4 56"
    assert mask("caller", 22_370_123_456) == "+223 ** ** *4 56"


def test_a_value_under_a_telephone_key_is_masked_whatever_its_form() -> None:
    assert mask("payer_msisdn", "0612345678") == "** ** *6 78"
    assert mask("payer_msisdn", "12") == "12"


@dataclass
class Household:
    name: str


def test_an_object_shows_only_its_kind_and_plain_values_pass() -> None:
    assert mask("household", Household("CANARYWORD")) == "<Household>"
    assert mask("raw", b"CANARYWORD") == "<bytes>"
    assert mask("error", ValueError("pin=CANARYWORD")) == f"ValueError: pin={HIDDEN}"
    assert mask("day", date(2026, 11, 22)) == "2026-11-22"
    assert mask("at", datetime(2026, 11, 22, tzinfo=UTC)) == "2026-11-22 00:00:00+00:00"
    assert mask("id", UUID(int=7)) == str(UUID(int=7))
    assert mask("format", LogFormat.JSON) == "json"
    assert mask("ready", True) is True
    assert mask("share", 0.5) == 0.5
    assert mask("nothing", None) is None


def test_nesting_without_end_is_cut() -> None:
    endless: dict[str, object] = {}
    endless["inner"] = endless
    assert "<dict>" in json.dumps(mask("outer", endless))


@given(st.text())
def test_no_text_can_start_a_line_of_its_own(text: str) -> None:
    assert len(mask_text(text).splitlines()) <= 1
    assert mask_text(text).isprintable() or not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202e]", mask_text(text))


def fail(why: str) -> None:
    raise ValueError(why)


@pytest.mark.parametrize("console", [False, True])
def test_no_canary_reaches_the_log_by_any_road(console: bool) -> None:
    stream = io.StringIO()
    configure_logs(console=console, stream=stream)
    log = structlog.get_logger().bind(household_name="CANARYWORD")
    structlog.contextvars.bind_contextvars(payer_msisdn="0612345678")
    log.info("turn.parsed", msisdn="70123456", text="CANARYWORD", turn={"transcript": "1*CANARYWORD"})
    logging.getLogger("uvicorn.error").error("call from %s pin=%s", "70 12 34 56", "CANARYWORD")
    logging.getLogger("alembic.runtime").warning("sqlite://user:CANARYWORD@host")
    logging.getLogger("uvicorn.access").info(
        '%s - "%s %s HTTP/%s" %d', "10.0.0.1:5", "GET", "/ussd/orange/CANARYWORD?msisdn=70123456", "1.1", 200
    )
    try:
        fail("pin=CANARYWORD for 70123456\n2026-11-22 [info] forged.line")
    except ValueError:
        log.exception("turn.failed")
    structlog.contextvars.clear_contextvars()
    text = stream.getvalue()
    assert len(text.splitlines()) >= 5
    assert not [canary for canary in CANARIES if canary in text]
    assert not re.search(r"^2026-11-22 \[info\] forged", text, re.MULTILINE)


def test_a_line_of_a_library_has_the_same_form_as_ours() -> None:
    stream = io.StringIO()
    configure_logs(console=False, stream=stream)
    structlog.get_logger().info("payment.settled", amount_xof=5000)
    logging.getLogger("some.library").warning("it happened %d times", 3)
    ours, theirs = written(stream)
    assert ours["event"] == "payment.settled"
    assert ours["amount_xof"] == 5000
    assert theirs["event"] == "it happened 3 times"
    assert theirs["logger"] == "some.library"
    assert ours.keys() >= {"level", "timestamp"} <= theirs.keys()


def test_the_access_line_says_method_path_and_status_without_the_query() -> None:
    stream = io.StringIO()
    configure_logs(console=False, stream=stream)
    logging.getLogger("uvicorn.access").info('%s - "%s %s HTTP/%s" %d', "10.0.0.1:5", "GET", "/livez?x=1", "1.1", 200)
    (line,) = written(stream)
    assert (line["event"], line["method"], line["path"], line["status"]) == ("http.request", "GET", "/livez", 200)


def test_a_line_that_cannot_be_written_is_not_printed_unmasked(capsys: pytest.CaptureFixture[str]) -> None:
    closed = io.StringIO()
    configure_logs(console=False, stream=closed)
    closed.close()
    structlog.get_logger().error("turn.failed", text="CANARYWORD")
    shown = capsys.readouterr()
    assert "CANARYWORD" not in shown.out + shown.err
    assert "log.line_lost" in shown.err


def test_lines_below_the_level_are_left_out() -> None:
    stream = io.StringIO()
    configure_logs(console=False, stream=stream)
    structlog.get_logger().debug("detail.seen")
    logging.getLogger("httpx").info("HTTP Request: GET http://x/")
    assert not stream.getvalue()


def test_what_a_library_had_silenced_speaks_again() -> None:
    access = logging.getLogger("uvicorn.access")
    access.setLevel(logging.CRITICAL)
    access.disabled = True
    stream = io.StringIO()
    configure_logs(console=False, stream=stream)
    access.info('%s - "%s %s HTTP/%s" %d', "10.0.0.1:5", "GET", "/livez", "1.1", 200)
    assert len(written(stream)) == 1
