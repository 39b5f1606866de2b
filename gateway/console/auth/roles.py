"""What each role may do at the console; the one table that guards every page."""

from collections.abc import Mapping
from enum import StrEnum


class Role(StrEnum):
    """The post that a colleague holds."""

    DESK = "desk"
    FINANCE = "finance"
    ACCOUNTANT = "accountant"
    AUDITOR = "auditor"
    ADMIN = "admin"


class Right(StrEnum):
    """One thing that a person may do; a day is closed from the command line, under the name of one who may."""

    ENTER = "enter"
    READ = "read"
    EXPORT = "export"
    IMPORT = "import"
    CLOSE = "close"
    DISMISS = "dismiss"
    SHOW = "show"


#: The administrator runs the house and sees no money; the auditor sees and exports everything and changes nothing.
#: Whole names and numbers are for those who call people back.
RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.DESK: frozenset({Right.ENTER, Right.READ, Right.IMPORT, Right.SHOW}),
    Role.FINANCE: frozenset(
        {Right.ENTER, Right.READ, Right.EXPORT, Right.IMPORT, Right.CLOSE, Right.DISMISS, Right.SHOW}
    ),
    Role.ACCOUNTANT: frozenset(
        {Right.ENTER, Right.READ, Right.EXPORT, Right.IMPORT, Right.CLOSE, Right.DISMISS, Right.SHOW}
    ),
    Role.AUDITOR: frozenset({Right.ENTER, Right.READ, Right.EXPORT}),
    Role.ADMIN: frozenset({Right.ENTER}),
}
