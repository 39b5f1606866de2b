import socket
from contextlib import ExitStack
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, Counter

from gateway.infra import worker_metrics
from gateway.infra.worker_metrics import serve_metrics


def test_counters_are_given_while_others_say_nothing_and_those_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_metrics._Handler, "timeout", 0.2)
    registry = CollectorRegistry()
    Counter("seen", "What was seen.", registry=registry).inc()
    server = serve_metrics(registry, "127.0.0.1", 0)
    try:
        with ExitStack() as stack:
            address = ("127.0.0.1", server.server_port)
            silent = [stack.enter_context(socket.create_connection(address, timeout=60)) for _ in range(50)]
            with urlopen(f"http://127.0.0.1:{server.server_port}/metrics", timeout=60) as answer:
                assert b"seen_total 1.0" in answer.read()
            assert [line.recv(1) for line in silent] == [b""] * 50
    finally:
        server.shutdown()
        server.server_close()
