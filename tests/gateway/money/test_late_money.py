"""Money for a signed day is told once and carried by the next; every row behind a signed day is proved."""

import json
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from gateway.money import day_evidence
from gateway.money.close_day import DayToClose, close, verify_all
from gateway.money.import_statement import resume
from gateway.money.match_statement import ReconcilingDeps
from gateway.reports.break_sentences import sentence
from gateway.reports.day import OperatorDay, day_report
from gateway.reports.sealed_day import FIGURES, VERSION, canonical, has_moved
from payments.ledger.finding import Finding, FindingKind
from payments.reconciliation import late as late_money
from payments.reconciliation.close import DayNotClosable, DayRefusal, SealedDay
from payments.reconciliation.late import LATE, late_lines, late_of_day, late_of_file, late_payments
from tests.gateway.money.signed_days import DAY, NEXT, credit, state, two_days
from tests.world import World

pytestmark = pytest.mark.database

THIRD = NEXT + timedelta(days=1)


@pytest.fixture
def recon(world: World) -> ReconcilingDeps:
    return ReconcilingDeps(world.deps, world.jobs.catalog)


@pytest.fixture
def by_hand(superuser_url: str) -> Iterator[psycopg.Connection]:
    """Someone who holds the server and switches the guards off."""
    with psycopg.connect(superuser_url.replace("+psycopg", ""), autocommit=True) as connection:
        for table in ("payment", "allocation", "charge", "statement_file", "statement_chunk", "statement_line",
                      "statement_upload", "day_report"):  # fmt: skip
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        yield connection


async def sign(recon: ReconcilingDeps, day: object) -> SealedDay:
    return await close(recon, DayToClose(day, "staff/awa", remarks="essai"))  # type: ignore[arg-type]


async def told(world: World) -> list[tuple[object, ...]]:
    return await world.rows(
        "SELECT subject, day, ledger_amount_xof, operator_amount_xof, difference_xof FROM reconciliation_break"
        " WHERE kind = :kind ORDER BY subject",
        kind=LATE,
    )


def carried(sealed: SealedDay) -> list[str]:
    return [one["subject"] for one in json.loads(sealed.content)["late"]]


async def findings(world: World) -> list[Finding]:
    return list((await world.database.transact(verify_all)).findings)


async def test_a_payment_for_a_signed_day_is_told_once_and_carried_by_the_next_closing(
    world: World, recon: ReconcilingDeps
) -> None:
    first, second = await two_days(world, recon)
    before = len(await told(world))
    await credit(world, "late-1", 700, DAY)
    await credit(world, "late-1", 700, DAY)
    await credit(world, "on-time", 900, THIRD)
    assert [row for row in await told(world) if row[0] == "late-1"] == [("late-1", DAY, 700, None, 0)]
    assert len(await told(world)) == before + 1
    world.clock.forward(days=1)
    third = await sign(recon, THIRD)
    assert carried(third).count("late-1") == 1
    assert "on-time" not in carried(third)
    await credit(world, "late-2", 300, NEXT)
    world.clock.forward(days=1)
    fourth = await sign(recon, THIRD + timedelta(days=1))
    assert carried(fourth) == ["late-2"]
    assert json.loads(fourth.content)["late"] == [
        {"operator": "sandbox", "subject": "late-2", "day": str(NEXT), "amount_xof": 300}
    ]
    assert carried(first) == []
    assert second.seq == 2
    assert await findings(world) == []


async def test_the_page_and_the_proof_name_it_and_it_is_no_fault(world: World, recon: ReconcilingDeps) -> None:
    await two_days(world, recon)
    await credit(world, "late-1", 700, DAY)
    async with world.database.single() as connection:
        of_day = await late_of_day(connection, DAY)
        proved = await late_payments(connection, 50)
    assert [(one.subject, one.amount_xof) for one in of_day] == [("late-1", 700)]
    assert [(one.subject, one.day, one.amount_xof) for one in proved] == [("late-1", DAY, 700)]
    assert await findings(world) == []


async def test_the_proof_finds_it_though_its_break_was_removed(
    world: World, recon: ReconcilingDeps, by_hand: psycopg.Connection
) -> None:
    await two_days(world, recon)
    await credit(world, "late-1", 700, DAY)
    by_hand.execute("ALTER TABLE reconciliation_break DISABLE TRIGGER ALL")
    by_hand.execute("DELETE FROM reconciliation_break")
    async with world.database.single() as connection:
        assert [one.subject for one in await late_payments(connection, 50)] == ["late-1"]
    world.clock.forward(days=1)
    assert carried(await sign(recon, THIRD)) == ["late-1"]


async def test_what_a_line_took_from_a_signed_day_is_told_though_it_is_no_payment(
    world: World, recon: ReconcilingDeps, by_hand: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fee, a transfer and two parts taken back; not what is told again, is superseded or moved nothing."""
    monkeypatch.setattr(late_money, "LINES_PER_LOOK", 1)
    await credit(world, "A", 1_000, DAY)
    world.clock.forward(days=1)
    first = await sign(recon, DAY)
    world.clock.forward(hours=1)
    await state(world, DAY, "A")
    await resume(recon)
    lines = [
        ("fee", "F1", -25, "not_money"),
        ("fee", "F1", -25, "duplicate"),
        ("transfer", None, -900, "not_money"),
        ("other", "Z", 0, "not_money"),
        ("reversal", "B", -400, "reversal"),
        ("reversal", "B", -250, "reversal"),
        ("reversal", "C", -70, "superseded"),
    ]
    for number, (kind, name, moved_xof, bucket) in enumerate(lines, start=20):
        by_hand.execute(
            "INSERT INTO statement_line SELECT (jsonb_populate_record(line, jsonb_build_object('line_number', %s::int,"
            " 'kind', %s::text, 'operator_transaction_id', %s::text, 'moved_xof', %s::int, 'bucket', %s::text,"
            " 'payment_id', NULL))).* FROM statement_line line WHERE file_id = 1 AND line_number = 7",
            (number, kind, name, moved_xof, bucket),
        )
    opened = await world.database.transact(lambda one: late_money.record_lines(one, first.closed_at, world.clock.now()))
    assert opened == 4
    assert [(row[0], row[3], row[4]) for row in await told(world)] == [
        ("fee/F1/1:20", -25, 0),
        ("reversal/B/1:24", -400, 0),
        ("reversal/B/1:25", -250, 0),
        ("transfer/1:22", -900, 0),
    ]
    again = await world.database.transact(lambda one: late_money.record_lines(one, first.closed_at, world.clock.now()))
    assert again == 0
    async with world.database.single() as connection:
        told_by_the_proof = await late_lines(connection, 50)
    assert [(one.subject, one.day, one.amount_xof) for one in told_by_the_proof] == [
        (row[0], DAY, row[3]) for row in await told(world)
    ]


async def test_a_statement_for_a_signed_day_counts_what_is_late(world: World, recon: ReconcilingDeps) -> None:
    await credit(world, "A", 1_000, DAY)
    world.clock.forward(days=1)
    await sign(recon, DAY)
    world.clock.forward(hours=1)
    await state(world, DAY, "A", "NEW-1", "NEW-2")
    await resume(recon)
    [(file_id,)] = await world.rows("SELECT id FROM statement_file")
    async with world.database.single() as connection:
        late = await late_of_file(connection, file_id)  # type: ignore[arg-type]
    assert (late.count, late.amount_xof) == (2, 2_000)
    assert [row[0] for row in await told(world)] == ["NEW-1", "NEW-2"]


async def test_figures_of_a_later_release_have_not_moved_those_of_an_old_day(
    world: World, recon: ReconcilingDeps
) -> None:
    first, _ = await two_days(world, recon)
    async with world.database.single() as connection:
        report = await day_report(connection, DAY, world.deps.operators)
    assert not has_moved(first.content, report)
    content = json.loads(first.content)
    for row in content["rows"]:
        row["a_figure_that_was_dropped_later"] = 5
        del row["proved_by_hand_count"]
    assert not has_moved(json.dumps(content), report)
    for version in (VERSION + 1, None, "1"):
        assert has_moved(json.dumps({**content, "version": version}), report)
    assert has_moved("[]", report)
    assert has_moved("not json", report)
    assert has_moved(json.dumps({**content, "rows": []}), report)


@pytest.mark.parametrize("name", FIGURES[VERSION])
async def test_each_sealed_figure_that_moves_is_seen(world: World, recon: ReconcilingDeps, name: str) -> None:
    first, _ = await two_days(world, recon)
    assert name in OperatorDay.__dataclass_fields__
    async with world.database.single() as connection:
        report = await day_report(connection, DAY, world.deps.operators)
    content = json.loads(first.content)
    content["rows"][0][name] = "moved"
    assert has_moved(json.dumps(content), report)
    assert json.loads(canonical(report))["version"] == VERSION


async def refused(recon: ReconcilingDeps, day: object) -> tuple[DayRefusal, object]:
    with pytest.raises(DayNotClosable) as refusal:
        await sign(recon, day)
    return refusal.value.refusal, refusal.value.day


async def test_days_before_the_first_signed_one_are_chained_in_the_order_of_signing(
    world: World, recon: ReconcilingDeps
) -> None:
    early, gap = DAY - timedelta(days=3), DAY - timedelta(days=2)
    world.clock.forward(days=2)
    await credit(world, "A", 1_000, DAY)
    first = await sign(recon, DAY)
    assert await refused(recon, early) == (DayRefusal.BEFORE_ANY_ACTIVITY, early)
    await credit(world, "OLD", 500, early)
    second = await sign(recon, early)
    assert (second.seq, second.previous_sha256) == (2, first.sha256)
    assert await refused(recon, early) == (DayRefusal.ALREADY_CLOSED, early)
    assert await refused(recon, gap + timedelta(days=1)) == (DayRefusal.EARLIER_DAY_OPEN, gap)
    third = await sign(recon, NEXT)
    fourth = await sign(recon, gap)
    fifth = await sign(recon, gap + timedelta(days=1))
    assert [one.seq for one in (third, fourth, fifth)] == [3, 4, 5]
    assert (fourth.previous_sha256, fifth.previous_sha256) == (third.sha256, fourth.sha256)
    assert await findings(world) == []


ATTACKS = [
    ("a payment's amount", "UPDATE payment SET amount_xof = 999 WHERE id = 1", "PAYMENT_NOT_POSTED"),
    (
        "a payment's moment",
        "UPDATE payment SET occurred_at = occurred_at + interval '1 s' WHERE id = 1",
        "PAYMENT_MOVED",
    ),
    ("a payment's id", "UPDATE payment SET operator_transaction_id = 'X' WHERE id = 1", "PAYMENT_RENAMED"),
    ("a payment's payer", "UPDATE payment SET payer_msisdn = '+22370000009' WHERE id = 1", "EVIDENCE_CHANGED"),
    ("a receipt's number", "UPDATE payment SET receipt_number = 'Q0' WHERE id = 1", "EVIDENCE_CHANGED"),
    ("how it was proved", "UPDATE payment SET provenance = 'manual' WHERE id = 1", "EVIDENCE_CHANGED"),
    ("an allocation's date", "UPDATE allocation SET allocated_on = allocated_on - 1 WHERE id = 1", "ALLOCATION_MOVED"),
    ("an allocation's amount", "UPDATE allocation SET amount_xof = 999 WHERE id = 1", "ALLOCATION_NOT_POSTED"),
    ("a charge's amount", "UPDATE charge SET amount_xof = amount_xof - 1 WHERE id = {item}", "EVIDENCE_CHANGED"),
    ("a charge below what it got", "UPDATE charge SET amount_xof = 1 WHERE id = {item}", "CHARGE_EXCEEDED"),
    ("a share", "UPDATE charge SET amount_xof = 8000 WHERE amount_xof = 9000", "CHARGE_NOT_POSTED"),
    ("a share's date", "UPDATE charge SET due_on = due_on + 1 WHERE amount_xof = 9000", "EVIDENCE_CHANGED"),
    ("a charge's date", "UPDATE charge SET due_on = due_on + 1 WHERE id = {item}", "EVIDENCE_CHANGED"),
    ("a charge's period", "UPDATE charge SET period_end = period_end + 1 WHERE id = {item}", "EVIDENCE_CHANGED"),
    (
        "a statement's bytes",
        "UPDATE statement_chunk SET content = content || '\\x00' WHERE upload_id = 1",
        "STATEMENT_CHANGED",
    ),
    (
        "a statement's bytes and their hash",
        (
            "WITH changed AS (UPDATE statement_chunk SET content = '\\x00' WHERE upload_id = 1 RETURNING content) "
            "UPDATE statement_upload SET sha256 = sha256(changed.content) FROM changed WHERE id = 1"
        ),
        "EVIDENCE_CHANGED",
    ),
    ("a statement's line", "UPDATE statement_line SET amount_xof = 5 WHERE file_id = 1", "EVIDENCE_CHANGED"),
    ("a line removed", "DELETE FROM statement_line WHERE file_id = 1", "EVIDENCE_CHANGED"),
    ("a payment removed", "DELETE FROM payment WHERE id = 1", "EVIDENCE_CHANGED"),
    ("an allocation removed", "DELETE FROM allocation WHERE id = 1", "EVIDENCE_CHANGED"),
]


@pytest.mark.parametrize(("change", "kind"), [row[1:] for row in ATTACKS], ids=[row[0] for row in ATTACKS])
async def test_whatever_is_changed_behind_a_signed_day_is_named(
    world: World, recon: ReconcilingDeps, by_hand: psycopg.Connection, change: str, kind: str
) -> None:
    await two_days(world, recon)
    assert await findings(world) == []
    [(item,)] = await world.rows("SELECT min(charge_id) FROM allocation")
    assert by_hand.execute(change.format(item=item).encode()).rowcount > 0
    found = await findings(world)
    assert FindingKind[kind] in {one.kind for one in found}
    assert all(sentence(one.detail) for one in found)


#: Columns of evidence in which any value is another only under conditions; the others are changed by their type.
OTHERWISE = {
    "payment.matched_by": "CASE matched_by WHEN 'payer' THEN 'reference' ELSE 'payer' END",
    "payment.provenance": "CASE provenance WHEN 'query' THEN 'statement' ELSE 'query' END",
    "payment.hold_reason": "'reversed', party_id = NULL, matched_by = 'suspense'",
    "statement_line.kind": "'fee'",
    "statement_line.status": "'failed'",
    "charge.amount_xof": "amount_xof - 1",
    "charge.period_start": "period_start - 1",
    "charge.kind": "'exemption'",
    "charge.enrolment_id": "(SELECT max(id) FROM enrolment)",
    "charge.payer_party_id": "2",
}
BY_TYPE = {
    "text": "coalesce({0}, '') || 'x'",
    "bigint": "coalesce({0}, 0) + 1000",
    "integer": "coalesce({0}, 0) + 1000",
    "date": "{0} + 1",
    "timestamp with time zone": "coalesce({0}, '2026-01-01Z') + interval '1 s'",
    "bytea": "{0} || '\\x00'",
    "boolean": "NOT {0}",
}
#: What follows from matching, which people and later files may change, is not behind the signature.
NOT_PROVED = {"statement_line": {"bucket", "matched_at", "payment_id"}}


@pytest.mark.parametrize("table", ["payment", "allocation", "charge", "statement_file", "statement_line"])
async def test_no_column_behind_a_signed_day_can_be_changed_unseen(
    world: World, recon: ReconcilingDeps, by_hand: psycopg.Connection, table: str
) -> None:
    await two_days(world, recon)
    assert await findings(world) == []
    for other_rule in ("receivable_is_posted", "has_days_or_a_number"):
        by_hand.execute(f"ALTER TABLE charge DROP CONSTRAINT ck_charge_{other_rule}".encode())
    columns = by_hand.execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s", (table,)
    ).fetchall()
    by_hand.execute(f"CREATE TEMP TABLE kept AS SELECT * FROM {table}".encode())  # noqa: S608 - names of our own tables
    first = "charge_id FROM allocation" if table == "charge" else "min(ctid) FROM " + table
    unseen = []
    for name, kind in columns:
        value = OTHERWISE.get(f"{table}.{name}") or BY_TYPE[kind].format(name)
        key = "id" if table == "charge" else "ctid"
        change = f"UPDATE {table} SET {name} = {value} WHERE {key} = (SELECT {first} LIMIT 1)"  # noqa: S608 - as above
        assert by_hand.execute(change.encode()).rowcount == 1
        if not await findings(world):
            unseen.append(name)
        by_hand.execute(f"DELETE FROM {table}".encode())  # noqa: S608 - as above
        by_hand.execute(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM kept".encode())  # noqa: S608 - as above
    assert set(unseen) == NOT_PROVED.get(table, set())
    assert await findings(world) == []


async def test_a_day_of_many_slices_is_proved_slice_by_slice(
    world: World, recon: ReconcilingDeps, by_hand: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_evidence, "SLICE", 2)
    for number in range(7):
        await credit(world, f"P{number}", 100, DAY)
    world.clock.forward(days=1)
    await state(world, DAY, *(f"P{number}" for number in range(7)))
    sealed = await sign(recon, DAY)
    evidence = json.loads(sealed.content)["evidence"]
    assert (evidence["slice"], evidence["rows"]["payments"]["count"]) == (2, 7)
    assert [file["lines"]["count"] for file in evidence["files"]] == [7]
    monkeypatch.setattr(day_evidence, "SLICE", 20_000)
    assert await findings(world) == []
    by_hand.execute("UPDATE payment SET fee_xof = 1 WHERE operator_transaction_id = 'P6'")
    by_hand.execute("UPDATE statement_line SET raw = 'x' WHERE operator_transaction_id = 'P5'")
    assert [one.kind for one in await findings(world)] == [FindingKind.EVIDENCE_CHANGED] * 2


async def test_a_report_that_was_spoilt_keeps_neither_the_proof_nor_the_next_closing(
    world: World, recon: ReconcilingDeps, by_hand: psycopg.Connection
) -> None:
    await two_days(world, recon)
    for spoilt in ("", "[]", '{"evidence": {"files": [1]}}', '{"late": 3}'):
        by_hand.execute("UPDATE day_report SET content = %s WHERE day = %s", (spoilt, NEXT))
        assert [one.kind for one in await findings(world)] == [FindingKind.DAY_CHANGED]
    world.clock.forward(days=1)
    assert (await sign(recon, THIRD)).seq == 3


async def test_rows_that_nobody_signed_yet_are_proved_by_the_ledger_alone(
    world: World, recon: ReconcilingDeps, by_hand: psycopg.Connection
) -> None:
    """The limit of the proof, as README says it: who paid is sealed with the day, its amount with the ledger."""
    await two_days(world, recon)
    await credit(world, "C", 1_000, THIRD)
    by_hand.execute("UPDATE payment SET payer_msisdn = '+22370000009' WHERE operator_transaction_id = 'C'")
    assert await findings(world) == []
    by_hand.execute("UPDATE payment SET amount_xof = 1 WHERE operator_transaction_id = 'C'")
    assert [one.kind for one in await findings(world)] == [FindingKind.PAYMENT_NOT_POSTED]
