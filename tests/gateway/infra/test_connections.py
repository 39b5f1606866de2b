"""Strangers on the line: silent, endless, slow, many, and odd. Real sockets, the product's own server."""

import logging
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from gateway.infra import connections
from gateway.infra.connections import ConnectionLimits, JunkIsNoNews
from tests.gateway.infra.served import GUARD_S, LARGE_BYTES, Served, everything, one_answer, serve, status

QUICK = ConnectionLimits(head_s=0.3, head_bytes_max=8192, taking_s=0.3, taking_bytes=1024, look_round_s=0.05)
PATIENT = ConnectionLimits(look_round_s=0.05)
GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
MANY = 600


@pytest.fixture
def quick() -> Iterator[Served]:
    """A server that waits for nobody."""
    with serve(QUICK) as served:
        yield served


@pytest.fixture
def patient() -> Iterator[Served]:
    """A server with the product's own patience."""
    with serve(PATIENT) as served:
        yield served


def until(reached: Callable[[], bool]) -> None:
    """Wait until something is so; the limit is only a guard."""
    deadline = time.monotonic() + GUARD_S
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def head(path: str, *fields: str, method: str = "POST") -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: x", *fields, "", "")).encode()


def test_six_hundred_silent_connections_are_no_work_and_shut_no_door(patient: Served) -> None:
    with ExitStack() as stack:
        for _ in range(MANY):
            stack.enter_context(patient.connect())
        until(lambda: len(patient.server.server_state.connections) >= MANY)
        assert status(patient.get("/livez")) == 200
        assert status(patient.say(head("/echo", "Content-Length: 2", "Connection: close"), b"{}")) == 200


def test_a_connection_that_says_nothing_is_closed(quick: Served) -> None:
    with quick.connect() as line:
        assert everything(line) == b""


@pytest.mark.parametrize("begun", [b"G", GET[:-2], b"GET / HTTP/1.1\r\nX-Endless: ", b"POST /echo HTTP/1.1\r\nHost"])
def test_half_a_head_is_told_that_it_took_too_long(quick: Served, begun: bytes) -> None:
    with quick.connect() as line:
        line.sendall(begun)
        assert status(everything(line)) == 408


def test_a_head_that_comes_a_byte_at_a_time_has_no_more_time(quick: Served) -> None:
    with quick.connect() as line:
        line.settimeout(0.02)
        got = b""
        for byte in b"GET /livez HTTP/1.1\r\nX: " + b"y" * 3000:
            try:
                line.sendall(bytes([byte]))
                got += line.recv(1000)
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                break
            break
        assert status(got) in {408, 0}
    until(lambda: not quick.server.server_state.connections)


def test_blank_lines_are_no_sign_of_life(quick: Served) -> None:
    with quick.connect() as line:
        line.sendall(GET)
        assert status(one_answer(line)) == 200
        line.sendall(b"\r\n")
        assert everything(line) == b""


@pytest.mark.parametrize("begun", [b"", b"GET /livez HTTP/1.1\r\nHo", GET])
def test_who_stops_speaking_for_good_is_let_go_at_once(patient: Served, begun: bytes) -> None:
    with patient.connect() as line:
        line.sendall(begun)
        line.shutdown(socket.SHUT_WR)
        # The server ends its side as well; a guard of a minute stands on the line.
        assert status(everything(line)) in {0, 200}
    until(lambda: not patient.server.server_state.connections)


def test_a_connection_that_idles_after_an_answer_is_closed() -> None:
    with serve(PATIENT, keep_alive_s=0) as served, served.connect() as line:
        line.sendall(GET)
        assert status(everything(line)) == 200


@pytest.mark.parametrize(
    "large",
    [
        b"GET /livez HTTP/1.1\r\nX-Large: " + b"x" * 9000 + b"\r\n\r\n",
        b"GET /livez?" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(2000)) + b"\r\n",
    ],
)
def test_a_head_that_is_too_large_is_431(quick: Served, large: bytes) -> None:
    assert status(quick.say(large)) == 431


def test_a_head_that_never_ends_is_431_before_it_fills_the_memory(patient: Served) -> None:
    with patient.connect() as line:
        line.sendall(b"GET /livez HTTP/1.1\r\nX-Endless: ")
        # More than the two sockets between us can hold.
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            line.sendall(b"x" * (64 * 1024 * 1024))


def test_a_body_that_stops_half_way_is_408(patient: Served) -> None:
    answer = patient.say(head("/echo", "Content-Length: 1000"), b"{")
    assert status(answer) == 408
    assert b"urn:ramu:problem:body-too-slow" in answer
    assert b"connection: close" in answer


def test_a_body_in_drops_has_no_more_time_than_its_bytes_deserve(patient: Served) -> None:
    with patient.connect() as line:
        line.sendall(head("/echo", "Content-Length: 100000"))
        line.settimeout(0.05)
        got = b""
        deadline = time.monotonic() + GUARD_S
        while not got and time.monotonic() < deadline:
            try:
                line.sendall(b"x")
                got = line.recv(4096)
            except TimeoutError:
                continue
        assert status(got) == 408


def test_many_bodies_that_never_come_leave_room_for_work(patient: Served) -> None:
    with ExitStack() as stack:
        for _ in range(3 * 4):
            stack.enter_context(patient.connect()).sendall(head("/echo", "Content-Length: 10"))
        assert status(patient.say(head("/echo", "Content-Length: 2", "Connection: close"), b"{}")) == 200


def test_more_work_than_can_be_done_is_refused_and_the_watch_is_answered(patient: Served) -> None:
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(patient.connect()).sendall(head("/work", method="GET"))
            assert patient.started.acquire(timeout=GUARD_S)
        refused = patient.get("/work")
        assert status(refused) == 503
        assert b"retry-after: 1" in refused
        assert status(patient.get("/livez")) == 200
        patient.go_on.set()
    until(lambda: patient.doors.working == patient.doors.open == 0)
    assert status(patient.get("/work")) == 200


@pytest.mark.parametrize("path", ["/large", "/streamed"])
def test_an_answer_that_nobody_takes_is_dropped(quick: Served, path: str) -> None:
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect(quick.address)
        line.sendall(head(path, method="GET"))
        until(lambda: quick.server.server_state.total_requests > 0 or quick.doors.open > 0)
        until(lambda: not quick.server.server_state.connections)
    until(lambda: quick.doors.working == quick.doors.open == 0)


@pytest.mark.parametrize("path", ["/large", "/streamed"])
def test_who_reads_slowly_but_reads_gets_all_of_it(quick: Served, path: str) -> None:
    with quick.connect() as line:
        line.sendall(head(path, "Connection: close", method="GET"))
        got = 0
        while chunk := line.recv(256 * 1024):
            got += len(chunk)
            time.sleep(0.01)
    assert got > LARGE_BYTES


def test_beyond_the_limit_the_longest_silent_connection_makes_room() -> None:
    # Nobody is sent away for silence alone while this looks on: only want of room ends a connection here.
    with serve(ConnectionLimits(connections_max=50, head_s=GUARD_S)) as served, ExitStack() as stack:
        lines = [stack.enter_context(served.connect()) for _ in range(50)]
        until(lambda: len(served.server.server_state.connections) == 50)
        lines[0].sendall(GET)
        assert status(one_answer(lines[0])) == 200
        for _ in range(2):
            newcomer = stack.enter_context(served.connect())
            newcomer.sendall(GET)
            assert status(one_answer(newcomer)) == 200
        assert [everything(line) for line in lines[1:3]] == [b"", b""]
        for line in (lines[0], lines[3], lines[-1]):
            line.sendall(GET)
            assert status(one_answer(line)) == 200
        for _ in range(20):
            assert status(served.get("/livez")) == 200


def test_a_thousand_connections_that_speak_are_all_answered() -> None:
    with serve(PATIENT) as served, ExitStack() as stack:
        lines = [stack.enter_context(served.connect()) for _ in range(1000)]
        for _ in range(2):
            for line in lines:
                line.sendall(GET)
            assert {status(one_answer(line)) for line in lines} == {200}


ODD = {
    "not HTTP": (b"\x16\x03\x01\x02\x00\x01\x00", {400}),
    "a length and chunks": (
        head("/echo", "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\nGET /livez HTTP/1.1\r\n\r\n",
        {400},
    ),
    "two lengths": (head("/echo", "Content-Length: 2", "Content-Length: 3") + b"{}}", {400}),
    "a length below zero": (head("/echo", "Content-Length: -1"), {400}),
    "a chunk without size": (head("/echo", "Transfer-Encoding: chunked") + b"zz\r\n", {400, 408}),
    "an address with bytes": (b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", {400, 404}),
    "a star": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", {400, 404}),
    "connect": (b"CONNECT evil:443 HTTP/1.1\r\nHost: x\r\n\r\n", {400, 404, 405}),
    "a blank before the colon": (b"GET /livez HTTP/1.1\r\nHost : x\r\nConnection: close\r\n\r\n", {400}),
    "a folded header": (b"GET /livez HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\nConnection: close\r\n\r\n", {200, 400}),
    "another version": (b"GET /livez HTTP/9.9\r\nHost: x\r\n\r\n", {400}),
    "an upgrade": (b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n", {200}),
    "HTTP/1.0": (b"GET /livez HTTP/1.0\r\n\r\n", {200}),
    "the whole address": (b"GET http://x/livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", {200}),
    "strokes": (b"GET //livez/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", {200}),
    "HEAD": (b"HEAD /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", {200}),
    "chunks and trailers": (
        head("/echo", "Transfer-Encoding: chunked", "Connection: close") + b"2\r\n{}\r\n0\r\nX-Trailer: y\r\n\r\n",
        {200},
    ),
}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_odd_is_answered_once_and_ends(patient: Served, odd: str) -> None:
    sent, expected = ODD[odd]
    answer = patient.say(sent)
    assert status(answer) in expected
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"Traceback" not in answer
    assert status(patient.get("/livez")) == 200


def test_a_head_asked_for_has_the_length_and_not_the_body(patient: Served) -> None:
    answer = patient.get("/livez", "HEAD")
    assert b"content-length: 2" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_questions_in_one_breath_are_answered_in_order(patient: Served) -> None:
    asked = [head("/echo", f"Content-Length: {len(b'%d' % number)}") + b"%d" % number for number in range(30)]
    answer = patient.say(*asked, head("/echo", "Content-Length: 2", "Connection: close") + b"{}")
    assert answer.count(b"HTTP/1.1 200") == 31
    bodies = [part.split(b"\r\n\r\n", 1)[1] for part in answer.split(b"HTTP/1.1 200 OK")[1:]]
    assert bodies == [b"%d" % number for number in range(30)] + [b"{}"]


def test_who_asks_first_whether_to_go_on_is_told(patient: Served) -> None:
    with patient.connect() as line:
        line.sendall(head("/echo", "Content-Length: 2", "Expect: 100-continue", "Connection: close"))
        assert status(line.recv(100)) == 100
        line.sendall(b"{}")
        assert everything(line).endswith(b"{}")


def test_an_answer_before_the_end_of_the_question_ends_the_connection(patient: Served) -> None:
    answer = patient.say(head("/unread", "Content-Length: 1000000") + b"x" * 1000)
    assert status(answer) == 200
    assert b"connection: close" in answer


def test_a_question_read_whole_leaves_the_connection_open(patient: Served) -> None:
    with patient.connect() as line:
        for _ in range(3):
            line.sendall(head("/echo", "Content-Length: 2") + b"{}")
            assert b"connection: close" not in one_answer(line)


def test_what_strangers_make_the_library_say_is_not_written() -> None:
    def record(message: str) -> logging.LogRecord:
        return logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, message, None, None)

    junk = JunkIsNoNews()
    assert not junk.filter(record("Invalid HTTP request received."))
    assert junk.filter(record("Exception in ASGI application\n"))


def test_the_process_asks_for_as_many_files_as_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = (1024, 4096)

    def set_limits(_kind: int, wanted: tuple[int, int]) -> None:
        nonlocal limits
        limits = wanted

    monkeypatch.setattr(connections.resource, "getrlimit", lambda _kind: limits)
    monkeypatch.setattr(connections.resource, "setrlimit", set_limits)
    assert (connections.connections_max(500), limits) == (500, (1024, 4096))
    assert (connections.connections_max(2000), limits) == (2000, (2256, 4096))
    assert (connections.connections_max(5000), limits) == (4096 - connections.OTHER_FILES, (4096, 4096))
    limits = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    assert connections.connections_max(5000) == 5000


def test_what_is_asked_in_one_breath_is_answered_up_to_a_limit(patient: Served) -> None:
    answered = patient.say(GET * 5000)
    assert 1 < answered.count(b"200 OK") <= 2 + PATIENT.queued_max
    assert answered.count(b"HTTP/1.1") == answered.count(b"200 OK")
    assert patient.say(GET * PATIENT.queued_max, head("/livez", "Connection: close", method="GET")).count(
        b"200 OK"
    ) == (PATIENT.queued_max + 1)


def test_who_leaves_with_questions_in_the_queue_is_let_go_without_a_word(
    patient: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with patient.connect() as line:
        line.sendall(head("/work", method="GET") * 5)
        assert patient.started.acquire(timeout=GUARD_S)
        [connection] = patient.server.server_state.connections
        assert isinstance(connection, connections.PatientProtocol)
        connection.loop.call_soon_threadsafe(connection.transport.abort)
        assert everything(line) == b""
    patient.go_on.set()
    until(lambda: patient.doors.open == 0)
    # Of what waited behind the first, nothing was begun, and nobody writes to who is gone.
    assert not patient.started.acquire(blocking=False)
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []
