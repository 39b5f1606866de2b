import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.house import House


@pytest.fixture
def house() -> Iterator[House]:
    """A house of this test's own, which leaves nothing behind."""
    folder = Path(tempfile.mkdtemp(prefix="ramu-house-"))
    # The database may run as another user than we are.
    folder.chmod(0o755)
    living = House(folder)
    try:
        yield living
    finally:
        # Shown only where the test fails.
        print(living.said())  # noqa: T201
        living.clear()
        shutil.rmtree(folder, ignore_errors=True)
