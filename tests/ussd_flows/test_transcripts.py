import os
from pathlib import Path

import pytest

from tests.ussd_flows.transcript import TRANSCRIPTS, played


def test_there_are_transcripts() -> None:
    assert len(TRANSCRIPTS) >= 8


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_the_phone_shows_what_is_written(path: Path) -> None:
    written = path.read_text(encoding="utf-8")
    shown = played(written)
    if os.environ.get("RAMU_GOLDEN") == "write":
        path.write_text(shown, encoding="utf-8")
    else:
        assert shown == written
