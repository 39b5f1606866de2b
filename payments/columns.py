"""Column types shared by every table: money is always bigint, time always has a zone, text has no length by accident.

Each type says by itself whether the column may be empty, so that the annotation of a row is what a row holds.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Final
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Identity, Index, LargeBinary, MetaData, Sequence, Text
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlmodel import Field, SQLModel
from sqlmodel.main import FieldInfo

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


class _Instant(DateTime):
    """``timestamptz``; SQLModel wants a type that can be built without arguments."""

    cache_ok = True

    def __init__(self) -> None:
        super().__init__(timezone=True)


class _Bytewise(Text):
    """``text COLLATE "C"``; see ``_Instant``."""

    cache_ok = True

    def __init__(self) -> None:
        super().__init__(collation="C")


#: A primary key that PostgreSQL counts.
CountedId = Annotated[int, Field(sa_type=BigInteger, sa_column_args=(Identity(always=False),), primary_key=True)]


def counted_in(sequence: str) -> FieldInfo:
    """Return the field of a key that PostgreSQL counts by a sequence: a partitioned table has no identity before 17."""
    counted = Sequence(sequence, data_type=BigInteger)
    column = {"server_default": counted.next_value()}
    field: FieldInfo = Field(sa_type=BigInteger, sa_column_args=(counted,), sa_column_kwargs=column, primary_key=True)
    return field


#: Whole francs.
Francs = Annotated[int, Field(sa_type=BigInteger)]
OptionalFrancs = Annotated[int | None, Field(sa_type=BigInteger)]
#: The id of another row, or a count that may grow for ever.
BigNumber = Annotated[int, Field(sa_type=BigInteger)]
BigNumberKey = Annotated[int, Field(sa_type=BigInteger, primary_key=True, sa_column_kwargs={"autoincrement": False})]
IndexedNumber = Annotated[int, Field(sa_type=BigInteger, index=True)]
UniqueNumber = Annotated[int, Field(sa_type=BigInteger, unique=True)]
OptionalNumber = Annotated[int | None, Field(sa_type=BigInteger)]
#: A small number that is part of a key.
NumberKey = Annotated[int, Field(primary_key=True)]
#: Text without a length that nobody chose.
PlainText = Annotated[str, Field(sa_type=Text)]
TextKey = Annotated[str, Field(sa_type=Text, primary_key=True)]
UniqueText = Annotated[str, Field(sa_type=Text, unique=True)]
#: Text whose order is that of its bytes, so that an index also finds what begins alike.
BytewiseKey = Annotated[str, Field(sa_type=_Bytewise, primary_key=True)]
OptionalText = Annotated[str | None, Field(sa_type=Text)]
#: A moment with its zone.
Instant = Annotated[datetime, Field(sa_type=_Instant)]
InstantKey = Annotated[datetime, Field(sa_type=_Instant, primary_key=True)]
OptionalInstant = Annotated[datetime | None, Field(sa_type=_Instant)]
DayKey = Annotated[date, Field(primary_key=True)]
#: Bytes as they came.
RawBytes = Annotated[bytes, Field(sa_type=LargeBinary)]
BytesKey = Annotated[bytes, Field(sa_type=LargeBinary, primary_key=True)]
OptionalBytes = Annotated[bytes | None, Field(sa_type=LargeBinary)]
UniqueUuid = Annotated[UUID, Field(sa_type=PG_UUID, unique=True)]
#: Structured data: whoever reads it checks it.
Document = Annotated[dict[str, object], Field(sa_type=JSONB)]
OptionalDocument = Annotated[dict[str, object] | None, Field(sa_type=JSONB(none_as_null=True))]
TextDocument = Annotated[dict[str, str], Field(sa_type=JSONB)]
OptionalNumbers = Annotated[list[int] | None, Field(sa_type=JSONB)]
#: The kind that the party of every row of a table has.
HouseholdKind = Annotated[str, Field(sa_type=Text, sa_column_kwargs={"server_default": sql("'household'")})]
#: The database transaction that wrote the row, set by the database itself; entries join it in that one only.
WritingTransaction = Annotated[
    int,
    Field(sa_type=BigInteger, sa_column_kwargs={"server_default": sql("(pg_current_xact_id()::text::bigint)")}),
]


#: Stretches of the numbers of such a table leave it as a whole.
BY_ID: Final = {"postgresql_partition_by": "RANGE (id)"}


def positive(column: str) -> CheckConstraint:
    """Refuse an amount that is not above zero or is larger than any amount can be."""
    return CheckConstraint(f"{column} > 0 AND {column} <= {LARGEST_AMOUNT_XOF}", name=f"{column}_positive")


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """Refuse a word that is not among ``values``."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def due(table: str, attempts: str, where: str) -> Index:
    """Return the index of what a job takes next of each operator: new work before what was tried already."""
    first_tries = sql(f"LEAST({attempts}, 1)")
    return Index(f"ix_{table}_due", "operator", first_tries, "next_attempt_at", postgresql_where=sql(where))
