"""Playing turns one after the other, as a caller does."""

from tests.ussd_flows.answering import start, step
from ussd_flows.facts import Facts
from ussd_flows.step import Step

REGISTERING = ["1", "Aminata Traoré", "2", "kita", "1", "2 4"]
PAYING = ["1", "1"]


def play(facts: Facts, typed: list[str], reached: Step | None = None) -> Step:
    reached = reached or start(facts)
    for text in typed:
        assert reached.state is not None
        reached = step(reached.state, text, facts)
    return reached
