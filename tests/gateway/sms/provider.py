"""A small stand-in for the provider's API, on a port of this machine."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from africastalking.SMS import SMSService

from gateway.sms.senders.africastalking.sender import AfricasTalkingSender
from tests.world import AMINATA


@dataclass
class Provider:
    """A small stand-in for the provider's API, on a port of this machine."""

    answers: list[tuple[int, bytes]]
    received: list[tuple[str, dict[str, list[str]], str | None]] = field(default_factory=list)
    port: int = 0


@contextmanager
def provider(*answers: tuple[int, bytes], content_type: str = "application/json") -> Iterator[Provider]:
    desk = Provider(list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["content-length"])).decode()
            desk.received.append((self.path, parse_qs(form), self.headers["apiKey"]))
            status, body = desk.answers.pop(0)
            self.send_response(status)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        desk.port = server.server_address[1]
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield desk
        finally:
            server.shutdown()
            serving.join()


def africastalking(desk: Provider, sender_id: str | None = "RAMU") -> AfricasTalkingSender:
    service = SMSService("ramu", "a-key-of-the-test")
    service._baseUrl = f"http://127.0.0.1:{desk.port}/version1"
    return AfricasTalkingSender(service, sender_id, 5)


def taken(code: int = 101, message_id: str = "ATXid_1") -> bytes:
    recipient = {"statusCode": code, "number": AMINATA, "status": "Success", "cost": "KES 0.8", "messageId": message_id}
    return json.dumps({"SMSMessageData": {"Message": "Sent to 1/1", "Recipients": [recipient]}}).encode()
