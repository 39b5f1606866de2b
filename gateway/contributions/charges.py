"""Enrols parties and charges each payer of a period its share: the household, and whoever bears a part of it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.allocation import NewDueItem, PeriodKey
from gateway.contributions.receivables import post_receivables
from gateway.contributions.scheme import PayerKind, Scheme, amount_due, receivable_kinds
from gateway.contributions.timetable import Timetable
from payments.ledger.chart import PartyKind
from payments.ledger.post import reserve_ids

ONE_DAY: Final = timedelta(days=1)

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
    RETURNING id
""")

END = text("""
    UPDATE enrolment SET valid_to = greatest(ended.until, valid_from)
      FROM unnest(CAST(:ids AS bigint[]), CAST(:untils AS date[])) AS ended(id, until) WHERE enrolment.id = ended.id
    RETURNING party_id, valid_to
""")

#: The household goes over to the last of its new enrolments.
MOVE = text("""
    WITH begun AS (
        INSERT INTO enrolment (party_id, scheme_code, scheme_version, valid_from, valid_to)
        SELECT * FROM unnest(CAST(:parties AS bigint[]), CAST(:codes AS text[]), CAST(:versions AS integer[]),
                             CAST(:starts AS date[]), CAST(:ends AS date[]))
        RETURNING id, party_id, scheme_version, valid_to),
    moved AS (
        UPDATE household SET enrolment_id = begun.id
          FROM begun WHERE household.id = begun.party_id AND begun.valid_to IS NULL)
    SELECT id, party_id, scheme_version FROM begun
""")

#: The commune of households whose cercle nobody has said yet: what it owes goes to the right one when they are placed.
UNPLACED: Final = "unplaced"

#: "SHAR" in ASCII. Two who meet a new payer: the second waits here and then finds it.
PAYERS_LOCK: Final = 0x53484152

ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(:key)")

KNOWN_PAYERS = text("""
    SELECT kind, cercle_code FROM share_payer
     WHERE (kind, cercle_code) IN (SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:cercles AS text[])))
""")

ADD_PAYER = text("""
    WITH named AS (INSERT INTO party (kind) VALUES (:party_kind) RETURNING id)
    INSERT INTO share_payer (kind, cercle_code, party_id) SELECT :kind, :cercle_code, id FROM named
""")

CHARGE = text("""
    INSERT INTO charge (enrolment_id, payer_party_id, period_start, period_end, due_on, number, sequence, kind,
                        amount_xof, charged_at, is_receivable, ledger_txn_id)
    SELECT enrolment_id, coalesce(share_payer.party_id, new.party_id), period_start, period_end, due_on, number, 1,
           'contribution', amount_xof, :now, is_receivable,
           CASE WHEN is_receivable AND amount_xof <> 0 THEN CAST(:txn_id AS bigint) END
      FROM unnest(CAST(:enrolments AS bigint[]), CAST(:parties AS bigint[]), CAST(:payers AS text[]),
                  CAST(:cercles AS text[]), CAST(:starts AS date[]), CAST(:ends AS date[]), CAST(:dues AS date[]),
                  CAST(:numbers AS integer[]), CAST(:amounts AS bigint[]), CAST(:receivables AS boolean[]))
           AS new(enrolment_id, party_id, payer, cercle_code, period_start, period_end, due_on, number, amount_xof,
                  is_receivable)
      LEFT JOIN share_payer ON share_payer.kind = new.payer AND share_payer.cercle_code = new.cercle_code
        ON CONFLICT DO NOTHING
    RETURNING id, enrolment_id, payer_party_id, period_start, number, amount_xof, ledger_txn_id
""")

#: A row as the statement takes it: enrolment, household, who bears it and where, the period by its days or its number,
#: the francs, whether they are owed from the day on which they are charged.
Row = tuple[int, int, PayerKind, str, date | None, date | None, date | None, int | None, int, bool]


async def enrol(connection: AsyncConnection, party_id: int, scheme: Scheme, valid_from: date) -> int:
    """Put a party under a scheme from a day on; return the enrolment."""
    values = {
        "party_id": party_id,
        "scheme_code": scheme.code,
        "scheme_version": scheme.version,
        "valid_from": valid_from,
    }
    return int((await connection.execute(ENROL, values)).scalar_one())


async def insert_charges(
    connection: AsyncConnection, opened: Sequence[tuple[Timetable, NewDueItem]], now: datetime
) -> dict[tuple[int, PeriodKey], int]:
    """Charge each payer of newly opened periods its share, one of nothing too, and post what is owed from now on.

    Return the households' own charges by household and period; one that was charged before is left out.
    """
    enrolled = await _enrolments(connection, opened)
    rows = [row for table, item in opened for row in _shares(table, item, enrolled)]
    if not rows:
        return {}
    enrolments, parties, payers, cercles, starts, ends, dues, numbers, amounts, receivables = (
        list(column) for column in zip(*rows, strict=True)
    )
    await know_payers(connection, {(row[2], row[3]) for row in rows if row[2] in BEARERS})
    [txn_id] = await reserve_ids(connection, 1) if any(receivables) else [None]
    values = {
        "enrolments": enrolments,
        "parties": parties,
        "payers": payers,
        "cercles": cercles,
        "starts": starts,
        "ends": ends,
        "dues": dues,
        "numbers": numbers,
        "amounts": amounts,
        "receivables": receivables,
        "txn_id": txn_id,
        "now": now,
    }
    written = (await connection.execute(CHARGE, values)).all()
    if txn_id is not None:
        posted = [(row.payer_party_id, row.amount_xof) for row in written if row.ledger_txn_id is not None]
        await post_receivables(connection, txn_id, posted, now)
    households = {enrolled[table.id, item.scheme.version]: table.id for table, item in opened}
    return {
        (row.payer_party_id, row.number or row.period_start): row.id
        for row in written
        if row.payer_party_id == households[row.enrolment_id]
    }


async def _enrolments(
    connection: AsyncConnection, opened: Sequence[tuple[Timetable, NewDueItem]]
) -> dict[tuple[int, int], int]:
    """Return the enrolments under which periods are opened, by household and version of its scheme.

    Where the first period under a newer version begins, the enrolment goes over to it.
    """
    enrolled = {(table.id, table.scheme.version): table.enrolment_id for table, _ in opened}
    moves: dict[tuple[int, int], tuple[Scheme, date]] = {}
    for table, item in sorted(opened, key=lambda one: (one[0].id, one[1].period_start)):
        if (table.id, item.scheme.version) not in enrolled:
            moves.setdefault((table.id, item.scheme.version), (item.scheme, item.period_start))
    if not moves:
        return enrolled
    current = {table.id: table.enrolment_id for table, _ in opened}
    ended = await _end(
        connection, {current[household_id]: start for (household_id, _), (_, start) in reversed(moves.items())}
    )
    return {**enrolled, **await _move(connection, _one_after_the_other(moves, ended))}


async def _end(connection: AsyncConnection, until: Mapping[int, date]) -> dict[int, date]:
    """End enrolments and return their last days by household."""
    untils = [start - ONE_DAY for start in until.values()]
    rows = (await connection.execute(END, {"ids": list(until), "untils": untils})).all()
    return {row.party_id: row.valid_to for row in rows}


def _one_after_the_other(
    moves: Mapping[tuple[int, int], tuple[Scheme, date]], ended: Mapping[int, date]
) -> dict[tuple[int, int], tuple[Scheme, date]]:
    """Return moves of which none begins before the enrolment before it: days of numbered periods may have moved."""
    last, later = dict(ended), dict[tuple[int, int], tuple[Scheme, date]]()
    for (household_id, version), (scheme, start) in moves.items():
        last[household_id] = max(start, last[household_id] + ONE_DAY)
        later[household_id, version] = (scheme, last[household_id])
    return later


async def _move(
    connection: AsyncConnection, moves: Mapping[tuple[int, int], tuple[Scheme, date]]
) -> dict[tuple[int, int], int]:
    """Enrol households under newer versions from their days on, each until the next; they come in order."""
    households = [household_id for household_id, _ in moves]
    starts = [start for _, start in moves.values()]
    following = [*zip(households[1:], starts[1:], strict=True), (0, date.max)]
    values = {
        "parties": households,
        "codes": [scheme.code for scheme, _ in moves.values()],
        "versions": [scheme.version for scheme, _ in moves.values()],
        "starts": starts,
        "ends": [
            start - ONE_DAY if following_id == household_id else None
            for household_id, (following_id, start) in zip(households, following, strict=True)
        ],
    }
    begun = (await connection.execute(MOVE, values)).all()
    return {(row.party_id, row.scheme_version): row.id for row in begun}


def _shares(table: Timetable, item: NewDueItem, enrolled: Mapping[tuple[int, int], int]) -> Iterator[Row]:
    others = amount_due(item.scheme, table.size, item.months_spared).others
    receivable = receivable_kinds(item.scheme)
    for kind, amount_xof in ((PayerKind.MEMBER, item.amount_xof), *others):
        cercle = (table.cercle_code or UNPLACED) if kind is PayerKind.COLLECTIVITE else ""
        # The days of a period that is counted from the first payment may still move: its place does not.
        days = (item.period_start, item.period_end, item.due_on) if item.number is None else (None, None, None)
        yield (
            enrolled[table.id, item.scheme.version],
            table.id,
            kind,
            cercle,
            *days,
            item.number,
            amount_xof,
            kind in receivable,
        )


async def know_payers(connection: AsyncConnection, payers: set[tuple[PayerKind, str]]) -> None:
    """See to it that whoever bears these shares is a party."""
    if not payers:
        return
    wanted = {"kinds": [kind for kind, _ in payers], "cercles": [cercle for _, cercle in payers]}
    if len((await connection.execute(KNOWN_PAYERS, wanted)).all()) == len(payers):
        return
    await connection.execute(ONE_AT_A_TIME, {"key": PAYERS_LOCK})
    known = {(row.kind, row.cercle_code) for row in (await connection.execute(KNOWN_PAYERS, wanted)).all()}
    for kind, cercle_code in sorted(payers - known):
        values = {"kind": kind, "cercle_code": cercle_code, "party_kind": BEARERS[kind]}
        await connection.execute(ADD_PAYER, values)
