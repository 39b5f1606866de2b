"""Reads everything that statements and books say of an operation, so that it can be judged together."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.observation import LineKind, Observation, ObservedStatus, Provenance
from payments.reconciliation.coverage import StatedFile, first, newest
from payments.reconciliation.facts import Booked, OperatorRecord, Unit

#: Fewer names for one question than this keep it short; a junk reference may still bring many lines.
LINES = text("""
    SELECT file_id, line_number, account, kind, status, amount_xof, fee_xof, payer_msisdn, our_reference,
           operator_transaction_id, occurred_at, raw_transaction_id, subject, reference, moved_xof, due_xof, counts_at,
           payment_id
      FROM statement_line JOIN statement_file ON statement_file.id = file_id
     WHERE statement_line.operator = :operator AND subject = ANY(CAST(:subjects AS text[]))
     ORDER BY file_id, line_number
""")

#: One look at the unique key for each name, whatever the planner believes of a table that has just grown.
PAYMENTS = text("""
    SELECT held.*
      FROM unnest(CAST(:subjects AS text[])) AS named(transaction_id)
     CROSS JOIN LATERAL (SELECT operator_transaction_id, id, party_id, amount_xof, occurred_at, payer_msisdn
                           FROM payment
                          WHERE operator = :operator AND operator_transaction_id = named.transaction_id
                          LIMIT 1) AS held
""")

FILES = text("""
    SELECT id, account, period_start, covered_until, opening_xof, closing_xof, gap_xof, collected_xof, fees_xof,
           printed_collected_xof, printed_fees_xof
      FROM statement_file
     WHERE operator = :operator AND covered_until >= :earliest AND period_start <= :latest
     ORDER BY id
""")

#: The account whose statements came first is the one that money belongs to which no statement names.
HOME_ACCOUNT = text("SELECT account FROM statement_file WHERE operator = :operator ORDER BY id LIMIT 1")


async def read_units(
    connection: AsyncConnection, operator: str, subjects: Collection[str], recovered_ids: Collection[int] = ()
) -> tuple[Unit, ...]:
    """Read these operations, one unit for each account that speaks of one or that its payment belongs to.

    ``recovered_ids`` are the payments that the lines at hand made us credit.
    """
    names = {"operator": operator, "subjects": sorted(subjects)}
    rows = (await connection.execute(LINES, names)).all()
    payments = {
        row.operator_transaction_id: Booked(
            row.id, row.party_id, row.amount_xof, row.occurred_at, row.payer_msisdn, row.id in recovered_ids
        )
        for row in (await connection.execute(PAYMENTS, names)).all()
    }
    moments = [*(row.counts_at for row in rows), *(booked.occurred_at for booked in payments.values())]
    files = await read_files(connection, operator, min(moments), max(moments)) if moments else {}
    home: str | None = (await connection.execute(HOME_ACCOUNT, {"operator": operator})).scalar_one_or_none()
    said: dict[tuple[str, str], list[OperatorRecord]] = defaultdict(list)
    homes: dict[str, str] = {}
    for row in rows:
        line = _line(operator, row, files.get(row.account, ()))
        said[line.subject, line.account].append(line)
        if line.is_collected:
            homes.setdefault(line.subject, line.account)
    for name in payments:
        homes.setdefault(name, home or "")
    places = sorted({*said, *((name, homes[name]) for name in payments)})
    return tuple(
        _unit(place, said.get(place, ()), payments.get(place[0]) if homes.get(place[0]) == place[1] else None, files)
        for place in places
    )


async def read_files(
    connection: AsyncConnection, operator: str, earliest: datetime, latest: datetime
) -> Mapping[str, Sequence[StatedFile]]:
    """Read, by account, the files that speak of a time or touch it."""
    found = await connection.execute(FILES, {"operator": operator, "earliest": earliest, "latest": latest})
    files: dict[str, list[StatedFile]] = defaultdict(list)
    for row in found.all():
        files[row.account].append(StatedFile(*row))
    return files


def _unit(
    place: tuple[str, str],
    lines: Sequence[OperatorRecord],
    payment: Booked | None,
    files: Mapping[str, Sequence[StatedFile]],
) -> Unit:
    subject, account = place
    expected = payment is not None and newest(files.get(account, ()), payment.occurred_at) is not None
    return Unit(subject, account, tuple(lines), payment, expected)


def _line(operator: str, row: Row[tuple[object, ...]], files: Sequence[StatedFile]) -> OperatorRecord:
    last, earliest = newest(files, row.counts_at), first(files, row.counts_at)
    return OperatorRecord(
        file_id=row.file_id,
        line_number=row.line_number,
        account=row.account,
        kind=LineKind(row.kind),
        observation=Observation(
            operator=operator,
            provenance=Provenance.STATEMENT,
            status=ObservedStatus(row.status),
            amount_xof=row.amount_xof,
            fee_xof=row.fee_xof,
            payer_msisdn=row.payer_msisdn,
            our_reference=row.our_reference,
            operator_transaction_id=row.operator_transaction_id,
            occurred_at=row.occurred_at,
            raw_transaction_id=row.raw_transaction_id,
        ),
        subject=row.subject,
        reference=row.reference,
        moved_xof=row.moved_xof,
        due_xof=row.due_xof,
        counts_at=row.counts_at,
        stands=last is None or last.id == row.file_id,
        was_first=earliest is None or earliest.id == row.file_id,
    )


def dated(line: OperatorRecord) -> Observation:
    """Return what a line says with the moment at which it counts, for books know no other date."""
    return replace(line.observation, occurred_at=line.counts_at)
