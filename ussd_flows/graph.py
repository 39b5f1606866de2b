"""Every menu there is; a new one is one file in ``menus`` and one line here."""

from collections.abc import Mapping
from typing import Final

from ussd_flows.menu import Menu
from ussd_flows.menus import help as help_menu
from ussd_flows.menus import home, household, not_me, pay, receipts, register, resume, situation, waiting

MENUS: Final[Mapping[str, Menu]] = {
    menu.name: menu
    for menu in (
        *home.MENUS,
        help_menu.MENU,
        *not_me.MENUS,
        *situation.MENUS,
        *receipts.MENUS,
        waiting.MENU,
        *pay.MENUS,
        *register.MENUS,
        *household.MENUS,
        resume.MENU,
    )
}
