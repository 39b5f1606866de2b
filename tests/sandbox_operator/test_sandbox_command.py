"""`ramu sandbox` as a process of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from sandbox_operator.journal import Journal

COMMAND = [sys.executable, "-c", "import typer; from gateway.cli.sandbox import command; typer.run(command)"]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("RAMU_")}


def refused(*options: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [*COMMAND, *options],
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.chaos
def test_the_command_says_where_it_is_and_keeps_its_books_below_the_local_folder(tmp_path: Path) -> None:
    environment = {**ENVIRONMENT, "RAMU_MODE": "local", "RAMU_LOCAL_DIR": str(tmp_path)}
    with subprocess.Popen([*COMMAND, "--port", "0"], env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        said = running.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:[0-9]+/", said)
        assert found, said
        # The command listens before it speaks, so the first call needs no waiting.
        assert "aucun argent réel" in httpx.get(found[0], trust_env=False).text
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) in {0, -signal.SIGTERM}
    assert (tmp_path / "sandbox-operator" / "journal.jsonl").exists()


def test_production_has_no_sandbox_operator() -> None:
    code, said = refused(RAMU_MODE="production")
    assert code == 2
    assert "production" in said


def test_a_busy_port_is_said_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, said = refused("--port", str(taken.getsockname()[1]))
    assert code == 1
    assert "--port" in said


def test_books_that_another_process_holds_are_said_in_a_sentence(tmp_path: Path) -> None:
    with Journal(tmp_path):
        code, said = refused("--port", "0", "--data-dir", str(tmp_path))
    assert code == 1
    assert "déjà tenu" in said
