"""Writes the pictures that are drawn from the code; ``python -m docs.diagrams --check`` only says if one is old."""

import sys
from pathlib import Path

from payments.requests.lifecycle import CONTRADICTIONS, OPEN, TRANSITIONS, Event, State

STATES = Path(__file__).with_name("states.md")

INTRODUCTION = """\
# The life of a payment request

Drawn from `payments.requests.lifecycle.TRANSITIONS` by `python -m docs.diagrams`; do not edit it by hand. News
that leaves a state as it is has no arrow. `expired` is our opinion alone: such a request is still asked about once a
day, and money evidence outranks it.
"""


def states() -> str:
    """Return the page about the states of a payment request."""
    return "\n".join([INTRODUCTION, *_diagram(), "", *_waiting(), "", *_contradictions(), ""])


def _diagram() -> list[str]:
    arrows = [
        f"    {before} --> {after}: {' or '.join(_words(event) for event in events)}"
        for before in State
        for after, events in _grouped(before).items()
        if after is not before
    ]
    return ["```mermaid", "stateDiagram-v2", f"    [*] --> {State.CREATED}", *arrows, *_ends(), "```"]


def _grouped(before: State) -> dict[State, list[Event]]:
    grouped: dict[State, list[Event]] = {}
    for event, after in TRANSITIONS[before].items():
        grouped.setdefault(after, []).append(event)
    return grouped


def _ends() -> list[str]:
    return [f"    {state} --> [*]" for state in State if set(TRANSITIONS[state].values()) == {state}]


def _waiting() -> list[str]:
    listed = ", ".join(f"`{state}`" for state in State if state in OPEN)
    return [f"The operator may still have news in {listed}; these are asked about."]


def _contradictions() -> list[str]:
    rows = [
        f"| `{state}` | {_words(event)} |" for state in State for event in Event if (state, event) in CONTRADICTIONS
    ]
    return ["News that finance is told about:", "", "| In | comes |", "|---|---|", *rows]


def _words(event: Event) -> str:
    return event.replace("_", " ")


def main(arguments: list[str]) -> int:
    """Write the page, or with ``--check`` fail when it is not what the code says."""
    if "--check" not in arguments:
        STATES.write_text(states(), encoding="utf-8")
        return 0
    if STATES.exists() and STATES.read_text(encoding="utf-8") == states():
        return 0
    sys.stderr.write(f"{STATES.name} is old: run python -m docs.diagrams\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
