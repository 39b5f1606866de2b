"""The pictures and tables in the documentation are those of the code."""

import subprocess
import sys
from pathlib import Path

import pytest

from docs import diagrams, guide_tables
from gateway.console.break_labels import BREAKS
from payments.break_kind import BreakKind
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


def test_console_and_guide_say_the_same_of_each_kind_of_break_and_of_each_role() -> None:
    assert guide_tables.main(["--check"]) == 0
    guide = guide_tables.GUIDE.read_text(encoding="utf-8")
    assert set(BREAKS) == set(BreakKind)
    for said in BREAKS.values():
        assert guide.count(f"| {said.label} | {said.advice} |") == 1


def test_an_old_guide_is_refused_and_a_new_one_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    guide = tmp_path / "finance.md"
    guide.write_text(guide_tables.GUIDE.read_text(encoding="utf-8").replace("écriture nouvelle", "rature"), "utf-8")
    monkeypatch.setattr(guide_tables, "GUIDE", guide)
    assert guide_tables.main(["--check"]) == 1
    assert "run python -m docs.guide_tables" in capsys.readouterr().err
    assert guide_tables.main([]) == 0
    assert guide_tables.main(["--check"]) == 0
    guide.write_text("none", encoding="utf-8")
    with pytest.raises(ValueError, match="no place for the table"):
        guide_tables.main([])
