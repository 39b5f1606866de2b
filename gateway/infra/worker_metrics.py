"""The counters of the worker, for those who watch it; one who connects and says nothing is let go."""

from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

SILENCE_S = 5


class _Handler(WSGIRequestHandler):
    """A handler that waits for nobody and writes no line for each question."""

    timeout = SILENCE_S

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library named it
        """Log nothing: who asks for counters is no news."""


def serve_metrics(registry: CollectorRegistry, host: str, port: int) -> WSGIServer:
    """Answer in a thread of its own until ``shutdown`` is called on what is given back."""
    server = make_server(host, port, make_wsgi_app(registry), ThreadingWSGIServer, handler_class=_Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    return server
