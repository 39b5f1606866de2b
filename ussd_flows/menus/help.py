"""What this service is, whom to call, and what nobody should ever be told."""

from ussd_flows.facts import Facts
from ussd_flows.menu import Menu, Page, View
from ussd_flows.texts import message


def _render(view: View) -> Page:
    return Page(with_help("help.text", view.facts))


def with_help(key: str, facts: Facts) -> str:
    """Return a text and, on a line of its own, the number of those who help, where there is one."""
    said = message(key)
    return f"{said}\n{message('help.call', number=facts.help_number)}" if facts.help_number else said


MENU = Menu(name="help", render=_render, accept=None, leads_to=frozenset())
