"""The accounts that money can stand on."""

#: Money that an operator holds for us (debit side); the operator's name follows the stroke.
CLEARING = "clearing"
#: Money received whose household is not known yet; the operator's name follows the stroke.
SUSPENSE = "suspense"
#: Contributions allocated to due items of one household.
CONTRIBUTIONS = "contributions"
#: Contributions of one household paid in advance of any due item; never a balance to withdraw.
ADVANCES = "advances"

#: Every kind of account, in the order of a trial balance.
KINDS = (CLEARING, SUSPENSE, CONTRIBUTIONS, ADVANCES)


def clearing(operator: str) -> str:
    """Name the account of what ``operator`` holds for us."""
    return f"{CLEARING}/{operator}"


def suspense(operator: str) -> str:
    """Name the account of what reached us through ``operator`` for an unknown household."""
    return f"{SUSPENSE}/{operator}"
