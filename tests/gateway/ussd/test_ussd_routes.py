from collections import Counter
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ussd.aggregators.africastalking.wire import MANGLED, NO_NUMBER, TOO_LONG
from gateway.ussd.routes import BODY_BYTES_MAX, TOO_LARGE
from tests.gateway.ussd.telephone import ADDRESS, MSISDN, PAY, Caller, Count, form

FORM = {"content-type": "application/x-www-form-urlencoded"}


async def post(client: httpx.AsyncClient, body: bytes | str, path: str = ADDRESS, **headers: str) -> httpx.Response:
    return await client.post(
        path, content=body, headers=FORM | {name.replace("_", "-"): v for name, v in headers.items()}
    )


def without(name: str) -> str:
    return urlencode({key: value for key, value in form().items() if key != name})


GOOD = urlencode(form())
BARE = GOOD.replace("%2B", "+")
#: What gateways were seen to send; each is a caller who waits for the menu.
READABLE = {
    "no network": without("networkCode"),
    "no code": without("serviceCode"),
    "no text": without("text"),
    "neither hint nor text": urlencode({"sessionId": "s", "phoneNumber": MSISDN}),
    "empty hints": urlencode(form(networkCode="", serviceCode="")),
    "hints too long": urlencode(form(networkCode="6" * 41, serviceCode="*" * 41)),
    "control in a hint": urlencode(form(serviceCode="*123\x9b", networkCode="\x00")),
    "broken percent in a hint": f"{without('networkCode')}&networkCode=%zz",
    "plus that became a blank": BARE,
    "plus that became a blank, foreign": BARE.replace(MSISDN, "+33612345678"),
    "number without plus": urlencode(form(phoneNumber="22370000001")),
    "number with 00": urlencode(form(phoneNumber="0022370000001")),
    "eight digits": urlencode(form(phoneNumber="70000001")),
    "eight digits after a blank": urlencode(form(phoneNumber=" 70000001")),
    "number in groups": urlencode(form(phoneNumber="+223 70 00 00 01")),
    "number padded": urlencode(form(phoneNumber=f"{MSISDN}\r\n")),
    "number twice the same": f"{GOOD}&phoneNumber={quote(MSISDN)}",
    "text twice the same": f"{GOOD}&text=",
    "a hint twice": f"{GOOD}&serviceCode=1&networkCode=2",
    "session with a blank": urlencode(form(sessionId="a b")),
    "session padded": urlencode(form(sessionId="a\x00\n")),
    "session of two hundred characters": urlencode(form(sessionId="x" * 200)),
    "names in other letters": GOOD.replace("sessionId", "SESSIONID").replace("phoneNumber", "phonenumber"),
    "a mark before the form": f"\ufeff{GOOD}",
    "a line feed behind the form": f"{GOOD}\r\n",
    "no equals sign": f"{GOOD}&alone",
    "a padded nothing": urlencode(form(text="\r@\x00")),
}
HOPELESS = {
    "empty": "",
    "no session": without("sessionId"),
    "session blank": urlencode(form(sessionId=" \r")),
    "session too long": urlencode(form(sessionId="x" * 201)),
    "session twice": f"{GOOD}&sessionId=ATUid_2",
    "text too long": urlencode(form(text="1*" * 1001)),
    "no number": without("phoneNumber"),
    "number twice": f"{GOOD}&phoneNumber=%2B22370000002",
    "number too short": urlencode(form(phoneNumber="+1234567")),
    "number too long": urlencode(form(phoneNumber="+1234567890123456")),
    "number in full-width digits": urlencode(form(phoneNumber="+２２３７００００００１")),  # noqa: RUF001
    "number that Mali does not have": urlencode(form(phoneNumber="22310000001")),
    "number with letters": urlencode(form(phoneNumber="+223700000AB")),
    "JSON": '{"sessionId": "ATUid_1"}',
    "too many fields": "&".join([GOOD, *(f"f{number}=1" for number in range(50))]),
}
KINDS = [
    "",
    "text/plain",
    "application/json",
    *(f"{FORM['content-type']}; charset={charset}" for charset in ("ISO-8859-1", '"latin-1"', "utf-16", "x", "")),
]


@pytest.mark.parametrize("body", READABLE.values(), ids=READABLE.keys())
async def test_a_form_that_can_be_understood_is_answered_with_the_menu(body: str, client: httpx.AsyncClient) -> None:
    answer = await post(client, body)
    assert (answer.status_code, answer.text[:15]) == (200, "CON RAMU CANAM\n")


async def test_a_path_that_says_two_things_at_once_is_asked_again_and_the_dialogue_goes_on(
    client: httpx.AsyncClient,
) -> None:
    head = without("text") + "&text="
    first = await post(client, f"{head}&text=1".replace("ATUid_1", "ATUid_2"))
    assert first.text.startswith("CON RAMU CANAM\n")
    await post(client, head)
    asked = await post(client, f"{head}1")
    again = await post(client, f"{head}1*Awa+Traore&text=1*Awa")
    assert again.text.startswith("CON ")
    assert again.text.endswith(asked.text.removeprefix("CON "))
    # The same form again reads the same, and whichever of the two answers the network goes on from, a screen comes.
    assert (await post(client, f"{head}1*Awa+Traore&text=1*Awa")).text == again.text
    assert (await post(client, f"{head}1*Awa+Traore*Awa+Traore")).text.startswith("CON Votre activité")
    assert (await post(client, f"{head}1*Awa*Awa")).text.startswith("CON ")


async def test_a_confirmation_that_says_two_things_at_once_confirms_nothing(
    registered: Caller, client: httpx.AsyncClient, count: Count
) -> None:
    shown = await registered.dial("pay", *PAY)
    path = "*".join(PAY)
    head = urlencode({"sessionId": "pay", "phoneNumber": registered.msisdn}) + "&text="
    again = await post(client, f"{head}{path}*1&text={path}*2")
    assert again.text.endswith(shown.removeprefix("CON "))
    assert await count("payment_request") == 0
    assert (await post(client, f"{head}{path}*1*1")).text.startswith("END Demande enregistrée")


@pytest.mark.parametrize("body", HOPELESS.values(), ids=HOPELESS.keys())
async def test_a_hopeless_form_ends_with_a_sentence_for_people_and_leaves_nothing(
    body: str, client: httpx.AsyncClient, count: Count
) -> None:
    answer = await post(client, body)
    assert answer.status_code == 200
    assert answer.text.removeprefix("END ") in {MANGLED, NO_NUMBER, TOO_LONG}
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert await count("ussd_session") == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_a_form_is_read_whatever_kind_it_is_called(kind: str, client: httpx.AsyncClient) -> None:
    answer = await client.post(ADDRESS, content=GOOD, headers={"content-type": kind})
    assert (answer.status_code, answer.text[:8]) == (200, "CON RAMU")


NAMES = {
    "UTF-8": "1*A%C3%AFcha+Keita",
    "latin-1": "1*A%EFcha+Keita",
    "latin-1, not coded": b"1*A\xefcha+Keita",
    "cp1252 with an apostrophe": "1*N%92Golo+Keita",
    "CR": "1*Aminata%0D",
    "LF": "1*Aminata%0A",
    "CRLF": "1*Aminata%0D%0A",
    "NUL": "1*Aminata%00",
    "the septet 0": "1*Aminata@",
    "the septet 0, as some write it": "1*Aminata%C2%A1",
    "both": "1*Aminata@%0D",
    "a control between two words": "1*Aminata%09Keita",
}


@pytest.mark.parametrize("path", NAMES.values(), ids=NAMES.keys())
async def test_a_name_is_read_in_any_alphabet_and_without_its_padding(
    path: str | bytes, client: httpx.AsyncClient
) -> None:
    head = without("text").encode() + b"&text="
    typed = path if isinstance(path, bytes) else path.encode()
    await post(client, head)
    await post(client, head + b"1")
    answer = await post(client, head + typed)
    assert answer.text.startswith("CON Votre activité:")
    # The gateway may repeat the padding in the middle of the path, or have taken it off meanwhile.
    assert (await post(client, head + typed)).content == answer.content
    for repeated in (typed, typed.removesuffix(b"%0D")):
        further = await post(client, head + repeated + b"*1")
        assert further.text.startswith("CON Votre cercle")


@pytest.mark.parametrize("typed", ["%zz", "%4", "%ff%fe", "%ed%a0%80", "1%002", "%01", "*", "@", "%E2%80%AE1"])
async def test_an_answer_that_means_nothing_is_asked_again(typed: str, client: httpx.AsyncClient) -> None:
    head = without("text").encode() + b"&text="
    await post(client, head)
    answer = await post(client, head + b"9*" + typed.encode())
    assert answer.text.startswith("CON Choix non valable.\nRAMU CANAM")


@pytest.mark.parametrize("announced", [True, False])
async def test_a_large_body_is_not_read_to_its_end(announced: bool, client: httpx.AsyncClient) -> None:
    read_bytes = 0

    async def body() -> object:
        nonlocal read_bytes
        for _ in range(256):
            read_bytes += 4096
            yield b"x" * 4096

    answer = await post(client, b"x" * 1_000_000) if announced else await post(client, body())
    assert answer.text == f"END {TOO_LARGE}"
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


@pytest.mark.parametrize("fields", [{"sessionId": "a", "status": "Success"}, {}, {"phoneNumber": MSISDN}])
async def test_a_bad_end_notification_is_a_problem_for_the_machine(
    fields: dict[str, str], client: httpx.AsyncClient
) -> None:
    answer = await client.post(f"{ADDRESS}/end", data=fields)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/end", "/end/"])
async def test_an_end_notification_without_its_status_is_one(path: str, client: httpx.AsyncClient) -> None:
    answer = await client.post(f"{ADDRESS}{path}", data={"sessionId": "a", "phoneNumber": MSISDN})
    assert (answer.status_code, answer.content) == (200, b"")


async def test_a_trailing_slash_is_the_same_address(client: httpx.AsyncClient) -> None:
    assert (await post(client, GOOD, f"{ADDRESS}/")).text.startswith("CON RAMU")


@pytest.mark.parametrize("path", ["", "/", "/end"])
async def test_a_gateway_may_look_whether_anybody_is_at_home(
    path: str, client: httpx.AsyncClient, count: Count
) -> None:
    answer = await client.head(f"{ADDRESS}{path}?{GOOD}")
    assert (answer.status_code, answer.content) == (200, b"")
    assert (await client.head("/ussd/africastalking/wrong")).status_code == 404
    assert await count("ussd_session") == 0


async def test_the_fields_may_stand_in_the_address(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{ADDRESS}?{GOOD}")).text.startswith("CON RAMU")
    assert (await post(client, "", f"{ADDRESS}?{GOOD}")).text.startswith("CON RAMU")
    answer = await post(client, "text=1", f"{ADDRESS}?{GOOD}")
    assert answer.text.startswith("CON Votre prénom"), "the body counts where both say something"


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
