"""The pictures in the documentation are those of the code."""

import subprocess
import sys
from pathlib import Path

import pytest

from docs import diagrams
from payments.requests.lifecycle import TRANSITIONS

ROOT = Path(__file__).parent.parent


def test_the_state_diagram_is_what_the_code_says() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "docs.diagrams", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_every_move_has_exactly_one_arrow() -> None:
    arrows = [line.strip().partition(":")[0] for line in diagrams.states().splitlines() if " --> " in line]
    moves = {f"{old} --> {new}" for old, row in TRANSITIONS.items() for new in row.values() if old is not new}
    assert sorted(arrows) == sorted([*moves, "[*] --> created", "reversed --> [*]"])


def test_an_old_picture_is_refused_and_a_new_one_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(diagrams, "STATES", tmp_path / "states.md")
    assert diagrams.main(["--check"]) == 1
    assert "run python -m docs.diagrams" in capsys.readouterr().err
    assert diagrams.main([]) == 0
    assert diagrams.main(["--check"]) == 0
    (tmp_path / "states.md").write_text("old", encoding="utf-8")
    assert diagrams.main(["--check"]) == 1
