"""What was measured, for people as a table and for machines as one line of JSON each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Figure:
    """One measured thing: every repetition of ours and of its floor, and their medians."""

    row: str
    what: str
    unit: str
    ours: tuple[float, ...]
    floor: tuple[float, ...] = ()
    floor_is: str = ""
    goal: str = ""
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def value(self) -> float:
        return median(self.ours)

    @property
    def floor_value(self) -> float | None:
        return median(self.floor) if self.floor else None

    @property
    def ratio(self) -> float | None:
        return self.value / self.floor_value if self.floor_value else None

    def as_json(self) -> str:
        return json.dumps(
            {
                "row": self.row,
                "what": self.what,
                "unit": self.unit,
                "median": round(self.value, 3),
                "runs": [round(run, 3) for run in self.ours],
                "floor_is": self.floor_is,
                "floor_median": None if self.floor_value is None else round(self.floor_value, 3),
                "floor_runs": [round(run, 3) for run in self.floor],
                "ratio": None if self.ratio is None else round(self.ratio, 3),
                "goal": self.goal,
                **self.extra,
            }
        )


def table(figures: list[Figure]) -> str:
    """Every figure in a line, in the form of a Markdown table, so that it can go into the documents as it is."""
    head = ("Row", "What", "Unit", "Ours", "Floor", "Ratio", "Floor is", "Goal")
    lines = [head, tuple("---" for _ in head)]
    lines += [
        (
            one.row,
            one.what,
            one.unit,
            _short(one.value),
            _short(one.floor_value),
            "" if one.ratio is None else f"{one.ratio:.2f}",
            one.floor_is,
            one.goal,
        )
        for one in figures
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def write(path: Path, machine: Mapping[str, object], figures: list[Figure]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"row": "machine", **machine}), *(figure.as_json() for figure in figures)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _short(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value < 10 else f"{value:.1f}"
