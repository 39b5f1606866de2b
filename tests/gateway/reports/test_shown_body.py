"""What a person is shown of a message: enough to see what it is, and nobody's secrets, names or whole number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.infra.logs import HIDDEN, STRING_CHARS_MAX
from gateway.reports.shown_body import shown_body


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"amount": "5000", "name": "Awa Keita"}', f'{{"amount": "5000", "name": "{HIDDEN}"}}'),
        (b'{"payerLastName":"Ke\\"ita","x":1}', f'{{"payerLastName":"{HIDDEN}","x":1}}'),
        (b'{"pin": 1234, "x": 1}', f'{{"pin": "{HIDDEN}", "x": 1}}'),
        (b'{"notif_token": "cut off', f'{{"notif_token": "{HIDDEN}"'),
        (b"msisdn=%2B22370123456&accessToken=abc&amount=5", f"msisdn=+223 ** ** *4 56&accessToken={HIDDEN}&amount=5"),
        (b"<p><firstName>Awa</firstName><ref>MP1</ref></p>", f"<p><firstName>{HIDDEN}</firstName><ref>MP1</ref></p>"),
        (b'{"msisdn": "70 12 34 56"}', '{"msisdn": "** ** *4 56"}'),
        (b"line one\nline two", "line one\nline two"),
        (b"\x00\xff{", "\\u0000\ufffd{"),
        (b"", ""),
    ],
)  # fmt: skip
def test_a_body_is_shown_without_what_nobody_needs(body: bytes, shown: str) -> None:
    assert shown_body(body) == shown


@given(st.binary(max_size=400), st.from_regex(r"\+223[67][0-9]{7}", fullmatch=True))
def test_whatever_stands_around_it_a_number_is_never_shown_whole(noise: bytes, number: str) -> None:
    shown = shown_body(noise[:200] + b' "' + number.encode() + b'" ' + noise[200:])
    assert number.removeprefix("+223") not in shown


def test_of_a_body_without_end_the_beginning_is_shown() -> None:
    assert len(shown_body(b"x" * 5_000_000)) == STRING_CHARS_MAX
