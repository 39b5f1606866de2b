"""Who may owe, pay or be covered, the accounts that money stands on, and what left suspense."""

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint

from payments.columns import (
    BigNumber,
    BigNumberKey,
    CountedId,
    Instant,
    NumberKey,
    OptionalNumber,
    OptionalText,
    PlainText,
    Table,
    TextKey,
    one_of,
)
from payments.ledger import chart


class Party(Table, table=True):
    """Somebody who may owe, pay or be covered: an auxiliary account of the ledger."""

    __tablename__ = "party"
    # The pair lets whoever carries a party's id say by a foreign key of which kind it is.
    __table_args__ = (UniqueConstraint("id", "kind"), one_of("kind", chart.PartyKind))

    id: CountedId
    kind: PlainText


class Account(Table, table=True):
    """An account of the ledger; one that belongs to an operator names the party of all its entries."""

    __tablename__ = "account"
    __table_args__ = (
        one_of("kind", chart.KINDS),
        CheckConstraint("(kind IN ('clearing', 'suspense')) = (operator IS NOT NULL)", name="operator_where_it_holds"),
        CheckConstraint("(operator IS NULL) = (party_id IS NULL)", name="party_of_the_operator"),
        CheckConstraint("code = kind || coalesce('/' || operator, '')", name="code_says_what_it_is"),
        ForeignKeyConstraint(["party_id"], ["party.id"]),
    )

    code: TextKey
    kind: PlainText
    operator: OptionalText = None
    party_id: OptionalNumber = None
    syscohada_code: PlainText


class SuspenseAssignment(Table, table=True):
    """Money that left suspense for a party: odd turns take it out, even ones undo the turn before."""

    __tablename__ = "suspense_assignment"
    __table_args__ = (
        CheckConstraint("turn > 0", name="turn_counts"),
        UniqueConstraint("ledger_txn_id"),
        ForeignKeyConstraint(["payment_id"], ["payment.id"]),
        ForeignKeyConstraint(["party_id"], ["party.id"]),
        ForeignKeyConstraint(["ledger_txn_id"], ["ledger_txn.id"]),
        Index("ix_suspense_assignment_party_id", "party_id"),
    )

    payment_id: BigNumberKey
    turn: NumberKey
    party_id: BigNumber
    ledger_txn_id: BigNumber
    assigned_at: Instant
