"""An operator, an aggregator and a sender of SMS are added by one folder each, and nothing else is touched."""

import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import httpx
import pytest

import gateway.sms.senders
import gateway.ussd.aggregators
import payments.operators
from gateway.app import create_app
from gateway.config.settings import Settings, SettingsInvalid, load_settings
from gateway.contributions.schemes import SchemeCatalog
from gateway.infra.clock import SystemClock
from gateway.infra.database import Database
from gateway.jobs.tick import until_quiet
from gateway.local.illustrative import load_people, load_schemes
from gateway.money.import_statement import import_statement
from gateway.wiring import ProcessDeps, Wiring
from payments.operators import registry
from tests.conftest import Urls
from tests.invented_operators import event, statement
from tests.stories import PAY_EVERYTHING
from tests.world import AMINATA

FOLDERS = Path(__file__).parent / "invented"
STRONG = "Kp7-fQz1_vT3-Xw9bLd2"


@dataclass
class Partner:
    """What Soleil and Tamtam are at the other end of the wire: one server, which keeps all that it was told."""

    url: str = ""
    told: dict[str, list[dict[str, object]]] = field(default_factory=lambda: {"/pay": [], "/status": [], "/sms": []})

    def answer(self, path: str, said: dict[str, object]) -> dict[str, object]:
        self.told[path].append(said)
        number = len(self.told[path])
        if path == "/pay":
            return {"id": f"S-{number}", "pay_token": f"pay {number}", "notif_token": f"notif {number}"}
        if path == "/sms":
            return {"id": f"M-{number}"}
        paid = self.told["/pay"][-1]
        if (said["id"], said["token"], said["order"]) != ("S-1", "pay 1", paid["order"]):
            return {"status": "UNKNOWN"}
        return {"status": "PAID", "txn": "SOL1", "amount": paid["amount"], "phone": paid["phone"]}


@pytest.fixture
def partner() -> Iterator[Partner]:
    """The partners' server."""
    opened = Partner()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["content-length"])))
            body = json.dumps(opened.answer(self.path, said)).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    opened.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield opened
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the folders where those of the product are found."""
    for package, name in (
        (payments.operators, "operators"),
        (gateway.ussd.aggregators, "aggregators"),
        (gateway.sms.senders, "senders"),
    ):
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(FOLDERS / name)])


@pytest.fixture
def environ(urls: Urls, partner: Partner, tmp_path: Path, folders: None) -> dict[str, str]:
    """What somebody who adds the three would write down."""
    del folders
    key = tmp_path / "soleil_secret_key"
    key.write_text("key of soleil\n", encoding="utf-8")
    return {
        "RAMU_MODE": "local",
        "DATABASE_URL": urls.app,
        "RAMU_PUBLIC_URL": "http://gateway.test",
        "RAMU_PUSH_DELAY_S": "0",
        "RAMU_OPERATORS": "soleil",
        "RAMU_SOLEIL_URL": partner.url,
        "RAMU_SOLEIL_SECRET_KEY_FILE": str(key),
        "RAMU_SOLEIL_SHOP": "RAMU",
        "RAMU_SMS_SENDER": "tamtam",
        "RAMU_TAMTAM_URL": partner.url,
        "RAMU_GRIOT_GREETING": "i ni ce",
    }


@dataclass
class Running:
    """The web process, and the jobs of a worker beside it."""

    web: httpx.AsyncClient
    worker: ProcessDeps

    async def dial(self, step: int, text: str) -> dict[str, object]:
        said = {"session": "G1", "phone": AMINATA, "text": text, "step": step}
        answered = await self.web.post("/ussd/griot/local", json=said)
        assert answered.status_code == 200, answered.text
        shown: dict[str, object] = answered.json()
        return shown

    async def work(self) -> None:
        await until_quiet(self.worker.jobs)


@asynccontextmanager
async def running(settings: Settings, database: Database) -> AsyncIterator[Running]:
    now, catalog = SystemClock().now(), SchemeCatalog()
    await database.transact(lambda connection: load_schemes(connection, now))
    async with database.single() as connection:
        await catalog.refresh(connection)
    await database.transact(lambda connection: load_people(connection, catalog, now))
    wiring, app = Wiring(settings), create_app(settings)
    async with database.single() as connection:
        await wiring.process.catalog.refresh(connection)
    transport = httpx.ASGITransport(app=app)
    try:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as web,
        ):
            yield Running(web, wiring.process)
    finally:
        await wiring.close()


async def test_a_payment_goes_through_three_folders_that_nothing_else_names(
    environ: dict[str, str], partner: Partner, database: Database
) -> None:
    async with running(load_settings(environ), database) as town:
        shown = await town.dial(1, "")
        assert shown["by"] == "i ni ce"
        for step, text in enumerate(PAY_EVERYTHING, start=2):
            shown = await town.dial(step, text)
        assert shown["ends"] is True
        await town.work()
        [asked] = partner.told["/pay"]
        assert (asked["phone"], asked["shop"], asked["key"]) == (AMINATA, "RAMU", "key of soleil")

        address = str(asked["notify"]).removeprefix("http://gateway.test")
        assert address.startswith("/webhooks/soleil/")
        assert (await town.web.get("/webhooks/soleil")).status_code == 200
        told = {"txn": "SOL1", "notif_token": "notif 2"}
        assert (await town.web.put(address, json=told)).status_code == 401
        assert (await town.web.put(address + "x", json=told)).status_code == 404
        assert (await town.web.put(address, json=told | {"notif_token": "notif 1"})).status_code == 204
        await town.work()
        assert [said["token"] for said in partner.told["/status"]] == ["pay 1"]

        rows = "SELECT operator, operator_transaction_id, amount_xof, matched_by FROM payment"
        assert await read(database, rows) == [("soleil", "SOL1", asked["amount"], "reference")]
        [sms] = [one for one in partner.told["/sms"] if one["to"] == AMINATA]
        assert sms["key"] == "local"
        report = await town.web.post("/sms/tamtam/local/reports", json={"id": "M-1", "arrived": True})
        assert report.status_code == 200
        assert ("delivered",) in await read(database, "SELECT state FROM outbox_sms")

        now = town.worker.deps.clock.now()
        lines = [event("SOL1", int(str(asked["amount"])), payer=AMINATA, at=now.isoformat())]
        content = statement(lines, now - timedelta(hours=12), now + timedelta(hours=12))
        await import_statement(
            town.worker.reconciling,
            operator="soleil",
            filename="soleil.csv",
            content=BytesIO(content),
            actor="staff/test",
        )
        assert await read(database, "SELECT operator, bucket FROM statement_line") == [("soleil", "matched")]


async def read(database: Database, query: str) -> list[tuple[object, ...]]:
    async with database.single() as connection:
        return [tuple(row) for row in (await connection.exec_driver_sql(query)).all()]


def test_what_a_folder_is_not_told_is_said_by_the_names_of_its_settings(environ: dict[str, str]) -> None:
    production = {
        **environ,
        "RAMU_MODE": "production",
        "RAMU_PUBLIC_URL": "https://ramu.example.ml",
        "RAMU_SERVICE_CODE": "*123#",
        "RAMU_HELP_NUMBER": "36 777",
        "RAMU_USSD_KEYS": f"griot={STRONG}",
        "DATABASE_URL": f"postgresql://ramu_app:{STRONG}@db/ramu",
        "RAMU_SOLEIL_SECRET_KEY_FILE": "",
        "RAMU_SOLEIL_SECRET_KEY": "local",
        "RAMU_SOLEIL_SHOP": "",
        "RAMU_SOLEIL_COLOUR": "yellow",
        "RAMU_TAMTAM_URL": "tamtam",
    }
    with pytest.raises(SettingsInvalid) as refused:
        load_settings(production)
    assert sorted(fault.split(" ")[0] for fault in refused.value.faults) == [
        "RAMU_SOLEIL_COLOUR",
        "RAMU_SOLEIL_SECRET_KEY",
        "RAMU_SOLEIL_SHOP",
        "RAMU_TAMTAM_KEY",
        "RAMU_TAMTAM_URL",
    ]
    (unknown,) = [fault for fault in refused.value.faults if "COLOUR" in fault]
    assert unknown.endswith("qui a : RAMU_SOLEIL_SECRET_KEY, RAMU_SOLEIL_SHOP, RAMU_SOLEIL_URL")


def test_an_operator_whose_folder_is_there_is_read_without_settings(folders: None) -> None:
    del folders
    assert registry.get("soleil").label == "Soleil"
    assert list(registry.built_in()) == ["sandbox", "soleil"]
