"""Enrols parties and writes what each payer is charged for a period: the household, and whoever bears a share of it."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.account import HouseholdAccount
from gateway.contributions.allocation import NewDueItem
from gateway.contributions.scheme import PayerKind, Scheme, amount_due
from payments.ledger.chart import PartyKind

#: Which kind of party bears which kind of share; a member's own share is her household's.
BEARERS: Final = {
    PayerKind.STATE: PartyKind.STATE,
    PayerKind.COLLECTIVITE: PartyKind.COMMUNE,
    PayerKind.DONOR: PartyKind.SPONSOR,
    PayerKind.EMPLOYER: PartyKind.EMPLOYER,
    PayerKind.GROUP: PartyKind.GROUP,
}

ENROL = text("""
    INSERT INTO enrolment (party_id, scheme_code, scheme_version, valid_from)
    VALUES (:party_id, :scheme_code, :scheme_version, :valid_from)
""")

#: "SHAR" in ASCII. Two who meet a new kind of payer: the second waits here and then finds it.
PAYERS_LOCK: Final = 0x53484152

ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(:key)")

KNOWN_PAYERS = text("SELECT kind FROM share_payer WHERE kind = ANY(CAST(:kinds AS text[]))")

ADD_PAYER = text("""
    WITH named AS (INSERT INTO party (kind) VALUES (:party_kind) RETURNING id)
    INSERT INTO share_payer (kind, party_id) SELECT :kind, id FROM named
""")

CHARGE = text("""
    INSERT INTO charge (enrolment_id, payer_party_id, period_start, period_end, sequence, kind, amount_xof, charged_at)
    SELECT enrolled.id, coalesce(share_payer.party_id, new.party_id), new.period_start, new.period_end, 1,
           'contribution', new.amount_xof, :now
      FROM unnest(CAST(:parties AS bigint[]), CAST(:codes AS text[]), CAST(:payers AS text[]), CAST(:starts AS date[]),
                  CAST(:ends AS date[]), CAST(:amounts AS bigint[]))
           AS new(party_id, code, payer, period_start, period_end, amount_xof)
     CROSS JOIN LATERAL (SELECT id FROM enrolment
                          WHERE enrolment.party_id = new.party_id AND scheme_code = new.code AND member_id IS NULL
                            AND valid_from <= new.period_end
                          ORDER BY valid_from DESC LIMIT 1) AS enrolled
      LEFT JOIN share_payer ON share_payer.kind = new.payer
        ON CONFLICT (enrolment_id, payer_party_id, period_start, sequence) DO NOTHING
""")


async def enrol(connection: AsyncConnection, party_id: int, scheme: Scheme, valid_from: date) -> None:
    """Put a party under a scheme from a day on."""
    await connection.execute(
        ENROL,
        {
            "party_id": party_id,
            "scheme_code": scheme.code,
            "scheme_version": scheme.version,
            "valid_from": valid_from,
        },
    )


async def insert_charges(
    connection: AsyncConnection, opened: Sequence[tuple[HouseholdAccount, NewDueItem]], now: datetime
) -> None:
    """Charge each payer of newly opened periods its own share; a share of nothing is a charge of 0 F."""
    rows = [row for account, item in opened for row in _shares(account, item)]
    if not rows:
        return
    parties, codes, payers, starts, ends, amounts = (list(column) for column in zip(*rows, strict=True))
    await _know_payers(connection, {kind for kind in BEARERS if kind in payers})
    values = {"parties": parties, "codes": codes, "payers": payers, "starts": starts, "ends": ends, "amounts": amounts}
    await connection.execute(CHARGE, {**values, "now": now})


def _shares(account: HouseholdAccount, item: NewDueItem) -> Iterator[tuple[int, str, PayerKind, date, date, int]]:
    others = amount_due(account.scheme, account.size).others
    for kind, amount_xof in ((PayerKind.MEMBER, item.amount_xof), *others):
        yield account.id, account.scheme.code, kind, item.period_start, item.period_end, amount_xof


async def _know_payers(connection: AsyncConnection, kinds: Collection[PayerKind]) -> None:
    if not kinds:
        return
    wanted = {"kinds": sorted(kinds)}
    if len((await connection.execute(KNOWN_PAYERS, wanted)).all()) == len(kinds):
        return
    await connection.execute(ONE_AT_A_TIME, {"key": PAYERS_LOCK})
    known = set((await connection.execute(KNOWN_PAYERS, wanted)).scalars())
    for kind in sorted(kinds):
        if kind not in known:
            await connection.execute(ADD_PAYER, {"kind": kind, "party_kind": BEARERS[kind]})
