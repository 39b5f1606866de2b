"""Opens the accounts of operators, and the parties that they name, when money first stands on them."""

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.ledger import chart

#: "ACCT" in ASCII. Two postings that meet the same new operator: the second waits here and then finds the accounts.
ACCOUNTS_LOCK = 0x41434354

ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(:key)")

KNOWN = text("SELECT code FROM account WHERE code = ANY(CAST(:codes AS text[]))")

OPEN = text("""
    WITH named AS (
        INSERT INTO party (kind) SELECT CAST(:party_kind AS text) WHERE CAST(:party_kind AS text) IS NOT NULL
        RETURNING id
    )
    INSERT INTO account (code, kind, operator, party_id, syscohada_code)
    VALUES (:code, :kind, :operator, (SELECT id FROM named), :syscohada_code)
""")


async def open_accounts(connection: AsyncConnection, codes: Collection[str]) -> None:
    """Open the accounts that do not exist yet; an operator's accounts come with their parties."""
    wanted = sorted(set(codes))
    await connection.execute(ONE_AT_A_TIME, {"key": ACCOUNTS_LOCK})
    known = set((await connection.execute(KNOWN, {"codes": wanted})).scalars())
    for code in wanted:
        if code in known:
            continue
        kind, operator = chart.kind_of(code), chart.operator_of(code)
        await connection.execute(
            OPEN,
            {
                "code": code,
                "kind": kind,
                "operator": operator,
                "party_kind": chart.PARTY_OF.get(kind),
                "syscohada_code": chart.SYSCOHADA.get(kind),
            },
        )
