"""What this service is, and what nobody should ever be told."""

from ussd_flows.menu import Menu, Page, View
from ussd_flows.texts import message


def _render(_view: View) -> Page:
    return Page(message("help.text"))


MENU = Menu(name="help", render=_render, accept=None, leads_to=frozenset())
