"""Written dialogues: ``> `` is what the caller types, ``< `` what the phone shows, ``! `` what is then done."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from tests.ussd_flows.answering import start, step
from tests.ussd_flows.callers import AMINATA, KNOWN, PROMPTED, UNKNOWN
from ussd_flows.facts import Facts, RightsFact, RightsState
from ussd_flows.screen import render_text
from ussd_flows.step import Step

TRANSCRIPTS: Final = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))

_CALLER: Final = "caller: "
_DIALLED: Final = "dialled: "
_TYPED: Final = ">"


def played(transcript: str) -> str:
    """Play the typed lines of a transcript and give it back with what is shown now."""
    lines = transcript.splitlines()
    facts = callers()[_value(lines, _CALLER)]
    kept = [line for line in lines if line.startswith(("#", _CALLER, _DIALLED))]
    reached = start(facts, _value(lines, _DIALLED))
    kept += _shown(reached)
    for line in lines:
        if line.startswith(_TYPED):
            assert reached.state is not None, f"the session ended before {line!r}"
            reached = step(reached.state, line.removeprefix(_TYPED).removeprefix(" "), facts)
            kept += [line, *_shown(reached)]
    return "\n".join(kept) + "\n"


def callers() -> dict[str, Facts]:
    return {
        "unknown": UNKNOWN,
        "somebody whose number is held": replace(UNKNOWN, is_number_held=True),
        "Aminata": KNOWN,
        "Aminata, whose prompt waits": PROMPTED,
        "Aminata, whose rights are closed": replace(
            KNOWN, caller=replace(AMINATA, rights=RightsFact(RightsState.CLOSED), opens_with_xof=15_750)
        ),
    }


def _value(lines: list[str], name: str) -> str:
    return next((line.removeprefix(name) for line in lines if line.startswith(name)), "")


def _shown(reached: Step) -> list[str]:
    shown = [f"< {line}" for line in render_text(reached.screen).split("\n")]
    return [*shown, *(f"! {effect}" for effect in reached.effects)]
