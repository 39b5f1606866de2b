import io
import logging
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.responses import Response

from gateway.infra.logs import configure_logs
from gateway.infra.problems import MEDIA_TYPE, STATUS_OF, install_error_handlers, problem
from payments import errors as payments
from payments.detail import DetailCode
from payments.rejection import rejected
from tests.logged import log_as_the_product

ERRORS: dict[str, Exception] = {
    "amount": payments.AmountInvalid("1e3", payments.AmountFault.NOT_FRANCS),
    "operator": payments.OperatorUnknown("nobody"),
    "statement": rejected(DetailCode.FILE_TOTALS_MISSING, 7),
    "state": payments.IllegalTransition("failed", "settled"),
    "unbalanced": payments.UnbalancedEntry(5),
    "forbidden": HTTPException(403, "not for you", headers={"X-Why": "role"}),
    "plain": HTTPException(404),
    "unmodified": HTTPException(304),
    "pool": PoolTimeout("CANARYWORD"),
    "database": OperationalError("CANARYWORD", {}, Exception("CANARYWORD")),
    "bug": ZeroDivisionError("CANARYWORD pin=1234"),
}


class Order(BaseModel):
    amount_xof: int


def application() -> FastAPI:
    app = FastAPI()
    install_error_handlers(app, lambda: "7K3M9QPA", {"": 1000, "/raw/large": 2000})

    @app.get("/raise/{kind}")
    def raise_it(kind: str) -> None:
        raise ERRORS[kind]

    @app.post("/order")
    def order(order: Order) -> int:
        return order.amount_xof

    @app.post("/raw")
    @app.post("/raw/large")
    async def raw(request: Request) -> int:
        return len(await request.body())

    @app.get("/broken-stream")
    def broken_stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"first"
            raise ZeroDivisionError

        return StreamingResponse(parts())

    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application())
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as one:
        yield one


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logs(console=False, stream=stream)
    yield stream
    log_as_the_product()
    root.handlers, root.level = handlers, level


@pytest.mark.parametrize(
    ("kind", "status", "slug"),
    [
        ("amount", 422, "amount-invalid"),
        ("operator", 404, "operator-unknown"),
        ("statement", 422, "statement-rejected"),
        ("state", 409, "state-conflict"),
        ("unbalanced", 500, "internal"),
        ("forbidden", 403, "forbidden"),
        ("plain", 404, "not-found"),
        ("pool", 503, "unavailable"),
        ("database", 503, "unavailable"),
        ("bug", 500, "internal"),
    ],
)
async def test_each_error_is_a_problem_of_its_own_kind(
    client: httpx.AsyncClient, lines: io.StringIO, kind: str, status: int, slug: str
) -> None:
    answer = await client.get(f"/raise/{kind}")
    told = answer.json()
    assert (answer.status_code, told["status"], told["type"]) == (status, status, f"urn:ramu:problem:{slug}")
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert "CANARYWORD" not in answer.text
    assert "Traceback" not in answer.text
    assert ("code" in told) == (status >= 500)
    assert (told.get("code", "no code") in lines.getvalue()) == (status >= 500)


async def test_a_bug_is_logged_once_with_its_trace_and_without_secrets(
    client: httpx.AsyncClient, lines: io.StringIO
) -> None:
    await client.get("/raise/bug")
    (line,) = lines.getvalue().splitlines()
    assert "ZeroDivisionError" in line
    assert "http.unhandled" in line
    assert "1234" not in line


async def test_a_busy_database_says_when_to_try_again(client: httpx.AsyncClient, lines: io.StringIO) -> None:
    answer = await client.get("/raise/pool")
    assert answer.headers["retry-after"] == "1"
    assert "http.unavailable" in lines.getvalue()


async def test_a_refused_statement_names_the_line(client: httpx.AsyncClient) -> None:
    assert (await client.get("/raise/statement")).json()["line_number"] == 7


async def test_the_headers_of_a_refusal_are_kept(client: httpx.AsyncClient) -> None:
    answer = await client.get("/raise/forbidden")
    assert answer.headers["x-why"] == "role"
    assert answer.json()["detail"] == "not for you"
    assert "detail" not in (await client.get("/raise/plain")).json()


async def test_an_answer_that_may_have_no_body_has_none(client: httpx.AsyncClient) -> None:
    answer = await client.get("/raise/unmodified")
    assert (answer.status_code, answer.content) == (304, b"")


async def test_an_unknown_address_and_a_wrong_method_are_problems(client: httpx.AsyncClient) -> None:
    missing, method = await client.get("/nowhere"), await client.get("/order")
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:ramu:problem:not-found")
    assert (method.status_code, method.headers["allow"]) == (405, "POST")
    assert method.json()["type"] == "urn:ramu:problem:method-not-allowed"


async def test_an_invalid_request_names_the_place_and_does_not_repeat_the_value(client: httpx.AsyncClient) -> None:
    answer = await client.post("/order", json={"amount_xof": "CANARYWORD"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["place"] == "body.amount_xof"
    assert "CANARYWORD" not in answer.text


@pytest.mark.parametrize("body", ["{", '{"amount_xof": ', "\x00"])
async def test_a_truncated_body_is_a_bad_request(client: httpx.AsyncClient, body: str) -> None:
    answer = await client.post("/order", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:ramu:problem:body-unreadable")


async def in_pieces() -> AsyncIterator[bytes]:
    for _ in range(5):
        yield b"x" * 300


@pytest.mark.parametrize("path", ["/raw", "/order"])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_too_large_is_a_problem_whether_announced_or_counted(
    client: httpx.AsyncClient, path: str, chunked: bool
) -> None:
    answer = await client.post(path, content=in_pieces() if chunked else b"x" * 1500)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:ramu:problem:body-too-large")
    assert answer.headers["content-type"] == MEDIA_TYPE


async def test_the_longest_prefix_says_how_much_may_come(client: httpx.AsyncClient) -> None:
    assert (await client.post("/raw/large", content=b"x" * 1500)).json() == 1500
    assert (await client.post("/raw/large", content=in_pieces())).json() == 1500
    assert (await client.post("/raw/large", content=b"x" * 2001)).status_code == 413


async def test_a_failure_after_the_first_byte_is_not_hidden_from_the_server(
    client: httpx.AsyncClient, lines: io.StringIO
) -> None:
    with pytest.raises(ZeroDivisionError):
        await client.get("/broken-stream")
    assert "http.unhandled" in lines.getvalue()


def test_every_money_error_has_a_status_or_is_our_own_fault() -> None:
    assert set(payments.PaymentsError.__subclasses__()) - STATUS_OF.keys() == {
        payments.SecretsInvalid,
        payments.UnbalancedEntry,
    }


def test_a_problem_may_carry_more() -> None:
    answer: Response = problem(409, "twin-running", "Another request with this key is running", key="abc")
    assert answer.status_code == 409
    assert b'"key":"abc"' in answer.body
    assert answer.headers["cache-control"] == "no-store"


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def test_a_person_gets_a_page_and_a_program_what_programs_read() -> None:
    app = FastAPI()

    def page(status: int, code: str) -> Response:
        return Response(f"<h1>{status} {code}</h1>", status, media_type="text/html")

    install_error_handlers(app, lambda: "7K3M9QPA", {"": 1000}, page)

    @app.get("/raise/{kind}")
    def raise_it(kind: str) -> None:
        raise ERRORS[kind]

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path, status, said in (
            ("/nothing", 404, "404 "), ("/raise/bug", 500, "500 7K3M9QPA"), ("/raise/database", 503, "503 7K3M9QPA"),
        ):  # fmt: skip
            answer = await client.get(path, headers=BROWSER)
            assert (answer.status_code, answer.text) == (status, f"<h1>{said}</h1>")
            for accept in ("*/*", "application/json", ""):
                answer = await client.get(path, headers={"Accept": accept})
                assert (answer.status_code, answer.headers["Content-Type"]) == (status, MEDIA_TYPE)
        assert (await client.post("/raise/bug", headers=BROWSER)).text == "<h1>405 </h1>"
        for path in ("/webhooks/x", "/ussd/x", "/sms/x", "/api/v1/x"):
            answer = await client.get(path, headers={"Accept": "text/html, image/gif, *; q=.2, */*; q=.2"})
            assert (answer.status_code, answer.headers["Content-Type"]) == (404, MEDIA_TYPE)
