"""The accounts that money can stand on, and the parties that it can concern."""

from enum import StrEnum
from typing import Final


class PartyKind(StrEnum):
    """Who a party is."""

    HOUSEHOLD = "household"
    GROUP = "group"
    EMPLOYER = "employer"
    COMMUNE = "commune"
    STATE = "state"
    SPONSOR = "sponsor"
    AGENT = "agent"
    OPERATOR = "operator"
    SUSPENSE = "suspense"


#: Money that an operator holds for us (debit side); the operator's name follows the stroke.
CLEARING: Final = "clearing"
#: Money received whose party is not known yet; the operator's name follows the stroke.
SUSPENSE: Final = "suspense"
#: Contributions allocated to charges of one party.
CONTRIBUTIONS: Final = "contributions"
#: Contributions of one party paid in advance of any charge; never a balance to withdraw.
ADVANCES: Final = "advances"
#: What the State, a commune or another payer owes of charges that are posted when they arise, and has not paid.
RECEIVABLES: Final = "receivables"
#: The income of those charges.
QUOTE_PARTS: Final = "quote_parts"

#: Every kind of account, in the order of a trial balance.
KINDS: Final = (CLEARING, RECEIVABLES, SUSPENSE, CONTRIBUTIONS, ADVANCES, QUOTE_PARTS)

#: The party that every entry of an operator's account names.
PARTY_OF: Final = {CLEARING: PartyKind.OPERATOR, SUSPENSE: PartyKind.SUSPENSE}

#: Where an account stands in the books of finance when it is opened; afterwards the table says it.
#: Source:  SYSCOHADA révisé: 552 electronic money, 4495 State subsidies to receive, 71 operating subsidies, 477 income
#:          received in advance; 4712 and 70 are to be confirmed.
SYSCOHADA: Final = {
    CLEARING: "552",
    RECEIVABLES: "4495",
    SUSPENSE: "4712",
    CONTRIBUTIONS: "70",
    ADVANCES: "477",
    QUOTE_PARTS: "71",
}


def clearing(operator: str) -> str:
    """Name the account of what ``operator`` holds for us."""
    return f"{CLEARING}/{operator}"


def suspense(operator: str) -> str:
    """Name the account of what reached us through ``operator`` for an unknown party."""
    return f"{SUSPENSE}/{operator}"


def kind_of(account: str) -> str:
    """Return the kind of an account."""
    return account.partition("/")[0]


def operator_of(account: str) -> str | None:
    """Return the operator whose account it is; None where it is nobody's."""
    return account.partition("/")[2] or None
