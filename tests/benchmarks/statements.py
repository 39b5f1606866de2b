"""Row 4: a statement, from the command to its breaks, beside COPY and a join into an equal table."""

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from tests.benchmarks import alone
from tests.benchmarks.bench import Bench
from tests.benchmarks.growth.books import Size, build
from tests.benchmarks.machine import ROOT, cores_at_start
from tests.benchmarks.report import Figure
from tests.benchmarks.servers import Broken, Server, plain, settings

ROW, OURS, FLOOR = "4 statement", "statement_ours", "statement_floor"
#: Of a hundred lines so many are payments that we hold; as many are their fees, and the others failed.
HELD_PER_100 = 42
#: As many for each household as in the books of growth; with more, what is recovered would be paid years ahead.
PAYMENTS_PER_HOUSEHOLD = 10

#: The books as if no statement had ever come.
UNSTATED = """
    SET session_replication_role = replica;
    ALTER TABLE statement_line DISABLE TRIGGER ALL; ALTER TABLE statement_file DISABLE TRIGGER ALL;
    ALTER TABLE statement_upload DISABLE TRIGGER ALL; ALTER TABLE statement_chunk DISABLE TRIGGER ALL;
    ALTER TABLE reconciliation_break DISABLE TRIGGER ALL; ALTER TABLE day_report DISABLE TRIGGER ALL;
    DELETE FROM statement_line; DELETE FROM statement_chunk; DELETE FROM statement_upload; DELETE FROM statement_file;
    DELETE FROM reconciliation_break; DELETE FROM day_report;
    ALTER TABLE statement_line ENABLE TRIGGER ALL;
    ALTER TABLE statement_file ENABLE TRIGGER ALL; ALTER TABLE statement_upload ENABLE TRIGGER ALL;
    ALTER TABLE statement_chunk ENABLE TRIGGER ALL; ALTER TABLE reconciliation_break ENABLE TRIGGER ALL;
    ALTER TABLE day_report ENABLE TRIGGER ALL
"""
HELD = """
    SELECT operator_transaction_id, payer_msisdn, our_reference, amount_xof, occurred_at FROM payment
     WHERE operator = 'sandbox' AND occurred_at < date_trunc('day', now()) ORDER BY occurred_at LIMIT %s
"""
RAW = """
    CREATE TABLE floor_raw (n int, d date, h time, ref text, service text, status text, payer text, ours text,
                            debit bigint, credit bigint, linked text)
"""
#: The same lines into an equal table with the same indexes and the same reference to payments, in one join.
JOINED = """
    INSERT INTO floor_line (file_id, line_number, operator, kind, status, amount_xof, fee_xof, payer_msisdn,
                            our_reference, operator_transaction_id, occurred_at, raw, raw_transaction_id, reference,
                            moved_xof, remarks, subject, counts_at, due_xof, running_xof, bucket, matched_at,
                            payment_id)
    SELECT 1, n, 'sandbox', CASE service WHEN 'Commission' THEN 'fee' ELSE 'collection' END,
           CASE status WHEN 'Succès' THEN 'succeeded' ELSE 'failed' END, credit, debit, payer, ours,
           coalesce(linked, ref), (d + h) AT TIME ZONE 'UTC',
           concat_ws(';', n, d, h, ref, service, status, payer, ours, debit, credit, linked), ref, ref,
           coalesce(credit, -debit), '', coalesce(linked, ref), (d + h) AT TIME ZONE 'UTC', coalesce(credit, 0), 0,
           CASE WHEN service = 'Commission' OR status <> 'Succès' THEN 'not_money' WHEN payment.id IS NULL
                THEN 'recovered' WHEN payment.amount_xof <> credit THEN 'amount_differs' ELSE 'matched' END,
           now(), payment.id
      FROM floor_raw
      LEFT JOIN payment ON operator = 'sandbox' AND operator_transaction_id = ref AND service = 'Paiement marchand'
"""
LEFT_OVER = """
    SELECT count(*) FROM payment
     WHERE operator = 'sandbox' AND occurred_at >= (SELECT min(d) FROM floor_raw)
       AND occurred_at < (SELECT max(d) + 1 FROM floor_raw)
       AND NOT EXISTS (SELECT FROM floor_line WHERE floor_line.payment_id = payment.id)
"""


def run(bench: Bench) -> list[Figure]:
    """Bring the same file in and bare, by turns; then once more what is in already."""
    server, lines = bench.server, bench.lines
    payments = lines * HELD_PER_100 // 100
    size = Size(payments // PAYMENTS_PER_HOUSEHOLD, payments)
    build(server, size, datetime.now(UTC).date(), bench.say)
    file = server.folder / "statement.csv"
    count = _write(server, size.name, file, lines)
    ours, floor, memory, again = [], [], [], []
    for _ in range(bench.repeats):
        for name in (OURS, FLOOR):
            server.create(name, size.name)
            with psycopg.connect(plain(server.url(name, "postgres")), autocommit=True) as connection:
                connection.execute(UNSTATED.encode())
            server.settle_down(name)
        floor.append(_floor(server, file))
        took_s, peak_mb = _import(server, file)
        ours.append(took_s)
        memory.append(peak_mb)
        _check(server, count)
        took_s, _ = _import(server, file)
        again.append(took_s)
        bench.say(
            f"{count} lines: {ours[-1]:.1f} s, {memory[-1]:.0f} MB; floor {floor[-1]:.1f} s; again {took_s:.2f} s"
        )
    for name in (OURS, FLOOR):
        server.drop(name)
    extra = {"lines": count}
    bare = "COPY + join, equal indexes"
    return [
        Figure(ROW, f"{count:,} lines, from the command to its breaks", "s", tuple(ours), tuple(floor), bare,
               "ratio <= 2.5", extra),
        Figure(ROW, "most memory of the command", "MB", tuple(memory), goal="< 300 MB", extra=extra),
        Figure(ROW, "the same file once more", "s", tuple(again), goal="< 2 s", extra=extra),
    ]  # fmt: skip


def _import(server: Server, file: Path) -> tuple[float, float]:
    """Run the command as a person would; give its seconds and the most megabytes that it had."""
    log, cores = server.folder / "statement.log", ",".join(map(str, cores_at_start))
    command = [sys.executable, "-m", "gateway.cli.main", "statement", "import", str(file)]
    with log.open("w") as said:
        began = time.perf_counter()
        ended = subprocess.run(
            [sys.executable, "-S", alone.__file__, cores, *command],
            cwd=ROOT, env=settings(server.url(OURS)), stdout=subprocess.PIPE, stderr=said, check=False,
        )  # fmt: skip
    if ended.returncode:
        raise Broken(f"the import failed; it said:\n{log.read_text()[-2000:]}")
    return time.perf_counter() - began, int(ended.stdout) / 1024


def _floor(server: Server, file: Path) -> float:
    body = file.read_bytes().decode().split("\r\n")[6:-5]
    with psycopg.connect(plain(server.url(FLOOR, "postgres"))) as connection:
        began = time.perf_counter()
        connection.execute(RAW.encode())
        with connection.cursor().copy("COPY floor_raw FROM STDIN WITH (FORMAT csv, DELIMITER ';', NULL '')") as copy:
            for start in range(0, len(body), 5_000):
                copy.write(("\n".join(body[start : start + 5_000]) + "\n").encode())
        connection.execute("CREATE TABLE floor_line (LIKE statement_line INCLUDING ALL)")
        connection.execute("ALTER TABLE floor_line ADD FOREIGN KEY (payment_id) REFERENCES payment (id)")
        connection.execute("ANALYZE floor_raw")
        connection.execute(JOINED.encode())
        connection.execute(LEFT_OVER.encode())
        connection.commit()
        return time.perf_counter() - began


def _check(server: Server, count: int) -> None:
    waiting = server.count(OURS, "statement_line WHERE matched_at IS NULL")
    kept, matched = server.count(OURS, "statement_line"), server.count(OURS, "statement_line WHERE bucket = 'matched'")
    breaks = server.count(OURS, "reconciliation_break")
    if waiting or kept != count or matched < count * HELD_PER_100 // 100 * 9 // 10 or not breaks:
        raise Broken(f"of {count} lines {kept} are kept, {waiting} wait, {matched} are matched, {breaks} breaks")


def _write(server: Server, name: str, file: Path, wanted: int) -> int:
    """Write a statement as the sandbox operator does, with all that goes wrong in one; give its lines."""
    with psycopg.connect(plain(server.url(name, "postgres"))) as connection:
        held = connection.execute(HELD.encode(), (wanted * HELD_PER_100 // 100,)).fetchall()
    rows = list(_rows(held, wanted))
    first, last = held[0][4].date(), held[-1][4].date()
    collected = sum(int(row[9]) for row in rows if row[5] == "Succès" and row[9])
    fees = sum(int(row[8]) for row in rows if row[8])
    head = (
        f"Opérateur;Argent Mobile (essai)\r\nCompte;RAMU\r\nPériode début;{first}\r\nPériode fin;{last}\r\n"
        "Solde ouverture;0\r\nN°;Date;Heure;Référence;Service;Statut;Payeur;Référence marchand;Débit;Crédit;"
        "Référence liée\r\n"
    )
    foot = (
        f"Total lignes;{len(rows)}\r\nTotal encaissements;{collected}\r\nTotal frais;{fees}\r\n"
        f"Solde clôture;{collected - fees}\r\n"
    )
    body = "".join(f"{number};{';'.join(row[1:])}\r\n" for number, row in enumerate(rows, 1))
    file.write_bytes((head + body + foot).encode())
    return len(rows)


def _rows(held: list[tuple[str, str | None, str | None, int, datetime]], wanted: int) -> Iterator[list[str]]:
    failed = max(0, wanted - 2 * len(held))
    for place, (name, payer, ours, amount_xof, at) in enumerate(held):
        if place % 2_000 == 7:
            # The operator left it out.
            continue
        said_xof = amount_xof + 100 if place % 5_000 == 11 else amount_xof
        yield _row(at, name, "Paiement marchand", payer=payer or "", ours=ours or "", credit=said_xof)
        yield _row(at, f"FR.{name}", "Commission", debit=5, linked=name)
        if place % 1_000 == 13:
            # Nobody had told us.
            yield _row(at, f"MX{place:08d}", "Paiement marchand", payer=payer or "", credit=1_500)
        if place % 2_000 == 17:
            yield _row(at, f"MY{place:08d}", "Paiement marchand", payer="+22320000001", credit=700)
        if place * failed // len(held) != (place + 1) * failed // len(held):
            yield _row(at, f"MF{place:08d}", "Paiement marchand", "Échec", payer=payer or "", credit=500)


def _row(at: datetime, name: str, service: str, status: str = "Succès", **cells: object) -> list[str]:
    utc = at.astimezone(UTC)
    debit, credit = (str(cells.get(side) or "") for side in ("debit", "credit"))
    payer, ours, linked = (str(cells.get(cell) or "") for cell in ("payer", "ours", "linked"))
    return ["", f"{utc:%Y-%m-%d}", f"{utc:%H:%M:%S}", name, service, status, payer, ours, debit, credit, linked]
