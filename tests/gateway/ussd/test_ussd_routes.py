from collections import Counter
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ussd.routes import BODY_BYTES_MAX
from tests.gateway.ussd.telephone import ADDRESS, MSISDN, Count, form

FORM = {"content-type": "application/x-www-form-urlencoded"}


async def post(client: httpx.AsyncClient, body: bytes | str, path: str = ADDRESS, **headers: str) -> httpx.Response:
    return await client.post(
        path, content=body, headers=FORM | {name.replace("_", "-"): v for name, v in headers.items()}
    )


def without(name: str) -> str:
    return urlencode({key: value for key, value in form().items() if key != name})


GOOD = urlencode(form())
BAD_FORMS = {
    "empty": "",
    "no session": without("sessionId"),
    "no number": without("phoneNumber"),
    "no network": without("networkCode"),
    "no code": without("serviceCode"),
    "no text": without("text"),
    "session twice": f"{GOOD}&sessionId=ATUid_2",
    "text twice": f"{GOOD}&text=1",
    "number twice the same": f"{GOOD}&phoneNumber={quote(MSISDN)}",
    "session blank": urlencode(form(sessionId="")),
    "session with a space": urlencode(form(sessionId="a b")),
    "session too long": urlencode(form(sessionId="x" * 101)),
    "text too long": urlencode(form(text="1*" * 1001)),
    "code too long": urlencode(form(serviceCode="*" * 41)),
    "NUL in text": urlencode(form(text="1*\x00")),
    "NUL in session": urlencode(form(sessionId="a\x00")),
    "line feed in text": urlencode(form(text="1\n2")),
    "C1 control in code": urlencode(form(serviceCode="*123\x9b")),
    "number without plus": urlencode(form(phoneNumber="22370000001")),
    "number too short": urlencode(form(phoneNumber="+1234567")),
    "number too long": urlencode(form(phoneNumber="+1234567890123456")),
    "number in full-width digits": urlencode(form(phoneNumber="+２２３７００００００１")),  # noqa: RUF001
    "number that Mali does not have": urlencode(form(phoneNumber="+22310000001")),
    "number with letters": urlencode(form(phoneNumber="+223700000AB")),
    "broken percent": f"{without('text')}&text=%4",
    "percent without digits": f"{without('text')}&text=%zz",
    "bytes that are not UTF-8": f"{without('text')}&text=%ff%fe",
    "lonely surrogate": f"{without('text')}&text=%ed%a0%80",
    "no equals sign": f"{GOOD}&alone",
    "JSON": '{"sessionId": "ATUid_1"}',
    "too many fields": "&".join([GOOD, *(f"f{number}=1" for number in range(50))]),
}


@pytest.mark.parametrize("body", BAD_FORMS.values(), ids=BAD_FORMS.keys())
async def test_a_bad_form_ends_with_a_sentence_and_leaves_nothing(
    body: str, client: httpx.AsyncClient, count: Count
) -> None:
    answer = await post(client, body)
    assert answer.status_code == 200
    assert answer.text.startswith("END Demande refusée: ")
    assert answer.text.endswith(". Recomposez le code.")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert await count("ussd_session") == 0


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/json",
        "multipart/form-data; boundary=x",
        f"{FORM['content-type']}; charset=latin-1",
    ],
)
async def test_another_kind_of_body_ends_with_a_sentence(content_type: str, client: httpx.AsyncClient) -> None:
    answer = await client.post(ADDRESS, content=GOOD, headers={"content-type": content_type})
    assert (answer.status_code, answer.text[:20]) == (200, "END Demande refusée:")


@pytest.mark.parametrize("announced", [True, False])
async def test_a_large_body_is_not_read_to_its_end(announced: bool, client: httpx.AsyncClient) -> None:
    read_bytes = 0

    async def body() -> object:
        nonlocal read_bytes
        for _ in range(256):
            read_bytes += 4096
            yield b"x" * 4096

    answer = await post(client, b"x" * 1_000_000) if announced else await post(client, body())
    assert answer.text == "END Demande refusée: trop longue. Recomposez le code."
    assert announced or read_bytes <= BODY_BYTES_MAX + 2 * 4096


@pytest.mark.parametrize("path", ["/ussd/africastalking/wrong", "/ussd/nobody/local", "/ussd/africastalking/local/x"])
async def test_an_unknown_address_is_a_problem_and_tells_nothing(path: str, client: httpx.AsyncClient) -> None:
    answer = await post(client, GOOD, path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_wrong_key_and_an_unknown_aggregator_look_the_same(client: httpx.AsyncClient) -> None:
    answers = [await post(client, GOOD, f"/ussd/{path}") for path in ("africastalking/é", "africastalking/x", "who/x")]
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_another_method_is_a_problem(method: str, client: httpx.AsyncClient) -> None:
    answer = await client.request(method, ADDRESS)
    assert answer.status_code == 405


async def test_fields_we_do_not_know_are_none_of_our_business(client: httpx.AsyncClient) -> None:
    answer = await post(client, f"{GOOD}&later=%00&later=2")
    assert answer.text.startswith("CON RAMU")
    assert answer.content.startswith(b"CON ")


@pytest.mark.parametrize(
    "fields",
    [{"sessionId": "a", "phoneNumber": MSISDN}, {"sessionId": "a", "status": "Success"}, {}, {"phoneNumber": "x"}],
)
async def test_a_bad_end_notification_is_a_problem_for_the_machine(
    fields: dict[str, str], client: httpx.AsyncClient
) -> None:
    answer = await client.post(f"{ADDRESS}/end", data=fields)
    assert answer.status_code in {200, 422}
    if answer.status_code == 200:
        assert not fields
        assert answer.text.startswith("END ")
    else:
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_whole_end_notification_is_acknowledged_with_nothing(client: httpx.AsyncClient) -> None:
    fields = {
        "date": "2026-11-23 08:00:00",
        "sessionId": "ATUid_1",
        "serviceCode": "*123#",
        "networkCode": "99999",
        "phoneNumber": MSISDN,
        "status": "Incomplete",
        "cost": "KES 0.10",
        "durationInMillis": "4200",
        "hopsCount": "2",
        "hopsMetadata": "",
        "input": "1*2",
        "lastAppResponse": "CON Payer\n1. Oui",
        "errorMessage": "",
    }
    answer = await client.post(f"{ADDRESS}/end", data=fields)
    assert (answer.status_code, answer.content) == (200, b"")


FIELD = st.sampled_from([*form(), "other"])
VALUE = st.one_of(st.sampled_from([*form().values(), "1", "1*2", "\x00", "é", "*", "98"]), st.text(max_size=12))
MESSY = st.lists(st.tuples(FIELD, VALUE), max_size=8).map(urlencode).map(str.encode)
TYPED = st.one_of(st.text(max_size=30), st.text("0123456789*# aé", max_size=30))
NEARLY = st.tuples(TYPED, st.binary(max_size=2)).map(lambda drawn: urlencode(form(text=drawn[0])).encode() + drawn[1])
WHOLE = TYPED.map(lambda typed: urlencode(form(text=typed)).encode())


def drawn(strategy: st.SearchStrategy[bytes], examples: int) -> list[bytes]:
    """Let hypothesis make bodies, so that one door can be asked about all of them."""
    bodies: list[bytes] = []

    @settings(max_examples=examples, database=None)
    @given(body=strategy)
    def collect(body: bytes) -> None:
        bodies.append(body)

    collect()
    return bodies


async def test_any_bytes_get_an_answer_of_the_right_kind(client: httpx.AsyncClient) -> None:
    reached: Counter[str] = Counter()
    for body in drawn(st.one_of(st.binary(max_size=200), MESSY, NEARLY, WHOLE), examples=250):
        answer = await post(client, body)
        assert answer.status_code == 200, body
        assert answer.text[:4] in {"CON ", "END "}, body
        reached["turn" if answer.text.startswith("CON ") else "refusal"] += 1
    assert min(reached["turn"], reached["refusal"]) >= 20, reached
