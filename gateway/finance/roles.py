"""What each role may do at the console; the one table that the door reads."""

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
    """One thing that a page lets a person do."""

    ENTER = "enter"
    READ = "read"
    EXPORT = "export"
    IMPORT = "import"


#: The administrator runs the house and sees no money; the auditor sees and exports everything and changes nothing.
RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.DESK: frozenset({Right.ENTER, Right.READ, Right.IMPORT}),
    Role.FINANCE: frozenset({Right.ENTER, Right.READ, Right.EXPORT, Right.IMPORT}),
    Role.ACCOUNTANT: frozenset({Right.ENTER, Right.READ, Right.EXPORT, Right.IMPORT}),
    Role.AUDITOR: frozenset({Right.ENTER, Right.READ, Right.EXPORT}),
    Role.ADMIN: frozenset({Right.ENTER}),
}
