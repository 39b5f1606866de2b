"""Makes databases that are as closed to strangers as those of the product: what a test may, the product may too."""

from collections.abc import Iterator

from psycopg import sql

from gateway.local.postgres.cluster import OWNER, closed


def making(name: str) -> Iterator[sql.Composable]:
    """Return what makes an empty database, one statement after the other."""
    yield sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(OWNER))
    yield from map(sql.SQL, closed(name))


def copying(template: str, name: str, *, strategy: str = "FILE_COPY") -> Iterator[sql.Composable]:
    """Return what makes a copy of a database. PostgreSQL leaves out who may do what there; these statements do not."""
    yield sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY {}").format(
        sql.Identifier(name), sql.Identifier(template), sql.Identifier(OWNER), sql.SQL(strategy)
    )
    yield sql.SQL(
        "UPDATE pg_database SET datacl = (SELECT datacl FROM pg_database WHERE datname = {}) WHERE datname = {}"
    ).format(sql.Literal(template), sql.Literal(name))
