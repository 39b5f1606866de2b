"""One file of settings for PostgreSQL, wherever the project starts it."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gateway.local.postgres.postmaster import shared_settings
from gateway.local.postgres.private import start

COMPOSE = (Path(__file__).parents[3] / "compose.yaml").read_text("utf-8")
CONFIG = Path("gateway/local/postgres/server.conf")


@pytest.fixture
def place() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="place-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_compose_mounts_the_file_that_the_private_server_is_told() -> None:
    assert f"./{CONFIG}:/etc/postgresql/ramu.conf:ro" in COMPOSE
    assert "config_file=/etc/postgresql/ramu.conf" in COMPOSE


def test_the_private_server_runs_with_every_shared_setting(place: Path) -> None:
    told = shared_settings()
    assert {"shared_buffers", "max_wal_size", "wal_compression", "checkpoint_timeout"} <= set(told)
    with start(place / "pg") as server, psycopg.connect(server.superuser_url.replace("+psycopg", "")) as connection:
        for name, value in told.items():
            found = connection.execute("SELECT source FROM pg_settings WHERE name = %s", (name,)).fetchone()
            assert found == ("command line",), name
            shown = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
            assert shown is not None
            assert _kib(shown[0]) == _kib(value), name


def _kib(size: str) -> float | str:
    """Bring sizes to one unit; anything else stays as it is."""
    factors = {"kB": 1.0, "MB": 1024.0, "GB": 1024.0 * 1024}
    digits, unit = size[:-2], size[-2:]
    return float(digits) * factors[unit] if unit in factors and digits.isdigit() else size
