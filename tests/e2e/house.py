"""The whole house: real processes on free ports, and a way to start, stop, kill and look into it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import httpx
import psycopg
import pytest

from gateway.local.postgres.postmaster import read_postmaster
from gateway.local.postgres.private import start
from tests.conftest import plain

PROJECT = Path(__file__).parents[2]
RAMU = (sys.executable, "-m", "gateway.cli.main")
LOCAL = "local"
LOOK_AGAIN_S = 0.1
#: A busy machine may be slow; a healthy one is done long before.
PATIENCE_S = 300
#: What a story needs of one day, so that no statement is cut by midnight.
STORY_S = 600

Found = TypeVar("Found")


def until(what: str, look: Callable[[], Found], patience_s: int = PATIENCE_S) -> Found:
    """Look again until there is something to see."""
    deadline = time.monotonic() + patience_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(LOOK_AGAIN_S)
    return found


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


class House:
    """One local folder, and the run that lives in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.operator_port = free_port(), free_port()
        self.url, self.operator_url = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.operator_port}"
        self._run: subprocess.Popen[bytes] | None = None
        self._runs = 0
        self._app_address = self._superuser_address = ""

    @property
    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "RAMU_LOCAL_DIR": str(self.folder)}

    @property
    def _log(self) -> Path:
        return self.folder / f"run-{self._runs}.log"

    def start(self, *options: str) -> str:
        """Start everything and give what was said until the doors stood open."""
        self._runs += 1
        ports = ("--port", str(self.port), "--operator-port", str(self.operator_port))
        with self._log.open("wb") as log:
            self._run = subprocess.Popen(
                [*RAMU, "run", *ports, *options],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=PROJECT,
                env=self._environment,
            )
        said = until("the addresses", self._welcome)
        database = start(self.folder / "postgres")
        self._app_address, self._superuser_address = database.app_url, plain(database.database_url("ramu", "postgres"))
        return said

    def said(self) -> str:
        """Return all that the present run has said."""
        return self._log.read_text() if self._runs else ""

    def _welcome(self) -> str:
        assert self._run is not None
        said = self._log.read_text()
        assert self._run.poll() is None, said
        return said if "Ctrl-C" in said else ""

    def stop(self) -> str:
        """Press Ctrl-C and give the last words."""
        assert self._run is not None
        self._run.send_signal(signal.SIGINT)
        assert self._run.wait(PATIENCE_S) == 0, self._log.read_text()
        assert read_postmaster(self.folder / "postgres") is None
        return self._log.read_text()

    def kill(self) -> None:
        """Pull the plug: the run and its database, without a word of warning."""
        assert self._run is not None
        server = read_postmaster(self.folder / "postgres")
        assert server is not None
        self._run.kill()
        os.kill(server.pid, signal.SIGKILL)
        self._run.wait(PATIENCE_S)
        for url in (self.url, self.operator_url):
            until(f"{url} gone", lambda url=url: not _answers(url))

    def clear(self) -> None:
        """Leave nothing running, whatever happened."""
        if self._run is not None and self._run.poll() is None:
            self._run.kill()
            self._run.wait(PATIENCE_S)
        server = read_postmaster(self.folder / "postgres")
        if server is not None:
            os.kill(server.pid, signal.SIGINT)
            until("the database gone", lambda: read_postmaster(self.folder / "postgres") is None)

    def ramu(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Return a command as a colleague in another terminal does, with what a script hands over."""
        environment = self._environment | {
            "RAMU_MODE": LOCAL,
            "DATABASE_URL": self._app_address,
            "RAMU_SANDBOX_OPERATOR_URL": self.operator_url,
            "COLUMNS": "120",
        }
        return subprocess.run(
            [*RAMU, *arguments], cwd=PROJECT, env=environment, input=typed, capture_output=True, text=True,
            check=False, timeout=PATIENCE_S,
        )  # fmt: skip

    def rows(self, query: str, *values: object, commit: bool = False) -> list[tuple[object, ...]]:
        """Look into the database as somebody whom no guard stops."""
        with psycopg.connect(self._superuser_address, autocommit=commit) as connection:
            answer = connection.execute(query.encode(), values or None)
            return answer.fetchall() if answer.description else []

    def begin_story(self) -> datetime:
        """Return the time in the house, whatever date was set for the tests alone; too late in a day it is no time."""
        ((moment,),) = self.rows("SELECT clock_timestamp()")
        assert isinstance(moment, datetime)
        now = moment.astimezone(UTC)
        if (now + timedelta(seconds=STORY_S)).date() != now.date():
            pytest.skip("the day ends in a moment, and the story is about one day")
        return now

    def number(self, query: str, *values: object) -> int:
        """Look one number up."""
        ((value,),) = self.rows(query, *values)
        return int(str(value or 0))

    def texts_to(self, msisdn: str) -> list[str]:
        """Return what a phone has received."""
        return [
            str(body) for (body,) in self.rows("SELECT body FROM sandbox_sms WHERE msisdn = %s ORDER BY id", msisdn)
        ]

    def text_to(self, msisdn: str, *words: str) -> str:
        """Wait for the message that says all these words, and see that it comes once."""
        texts = until(
            f"{words} to {msisdn}",
            lambda: [text for text in self.texts_to(msisdn) if all(word in text for word in words)],
        )
        assert len(texts) == 1, texts
        return texts[0]


def browser(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE_S)


def _answers(url: str) -> bool:
    with browser(url) as http:
        try:
            http.get("/")
        except httpx.TransportError:
            return False
        return True
