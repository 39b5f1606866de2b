"""Column shapes shared by every table, so that money is always bigint and time always has a zone."""

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Identity, LargeBinary, MetaData, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

#: Constraint names that migrations and error messages can rely on.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

#: No single amount is larger; nine digits are already far above any wallet's ceiling.
LARGEST_AMOUNT_XOF = 999_999_999


class Table(SQLModel):
    """The root of every table of the project: one metadata, one naming of constraints."""

    metadata = MetaData(naming_convention=NAMING)


def identity() -> Any:  # noqa: ANN401 - SQLModel's Field is typed Any
    """Give a primary key that PostgreSQL counts."""
    return Field(default=None, sa_column=Column(BigInteger, Identity(always=False), primary_key=True))


def amount(*, nullable: bool = False) -> Any:  # noqa: ANN401 - SQLModel's Field is typed Any
    """Give a column of whole francs."""
    return Field(default=None, sa_type=BigInteger, nullable=nullable)


def number(*, nullable: bool = False, index: bool = False) -> Any:  # noqa: ANN401 - SQLModel's Field is typed Any
    """Give a column that holds an identity of another row."""
    return Field(default=None, sa_type=BigInteger, nullable=nullable, index=index)


def number_type() -> type[BigInteger]:
    """Give the type of an identity."""
    return BigInteger


def text(*, nullable: bool = False, unique: bool = False, primary_key: bool = False) -> Any:  # noqa: ANN401 - as above
    """Give a column of text without a length that nobody chose."""
    return Field(default=None, sa_type=Text, nullable=nullable, unique=unique, primary_key=primary_key)


def instant(*, nullable: bool = False) -> Any:  # noqa: ANN401 - SQLModel's Field is typed Any
    """Give a column that holds a moment with its zone."""
    return Field(default=None, sa_type=instant_type(), nullable=nullable)


def instant_type() -> type[DateTime]:
    """Give the type of a moment with its zone."""
    return _Instant


class _Instant(DateTime):
    """``timestamptz``; SQLModel wants a type that can be built without arguments."""

    cache_ok = True

    def __init__(self) -> None:
        super().__init__(timezone=True)


def raw_bytes() -> Any:  # noqa: ANN401 - SQLModel's Field is typed Any
    """Give a column that keeps bytes as they came."""
    return Field(default=b"", sa_type=LargeBinary, nullable=False)


def document(*, nullable: bool = False) -> Any:  # noqa: ANN401 - SQLModel's Field is typed Any
    """Give a column of structured data."""
    return Field(default=None, sa_type=JSONB, nullable=nullable)


def positive(column: str) -> CheckConstraint:
    """Refuse an amount that is not above zero or is larger than any amount can be."""
    return CheckConstraint(f"{column} > 0 AND {column} <= {LARGEST_AMOUNT_XOF}", name=f"{column}_positive")


def one_of(column: str, values: type[Any] | tuple[str, ...]) -> CheckConstraint:
    """Refuse a word that is not among ``values``."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


__all__ = [
    "LARGEST_AMOUNT_XOF",
    "Table",
    "amount",
    "document",
    "identity",
    "instant",
    "number",
    "number_type",
    "one_of",
    "positive",
    "raw_bytes",
    "text",
]
