"""A statement brought in: what it recovers, what it opens, and what repetition, races and crashes leave unchanged."""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time
from io import BytesIO

import pytest
from sqlalchemy import event

from gateway.money.credit_evidence import CreditingContext, credit_evidence
from gateway.money.import_statement import import_statement, resume
from gateway.money.match_statement import BucketTotal, ImportOutcome, ReconcilingDeps, explain_day
from gateway.reports.break_sentences import sentence
from payments.errors import OperatorUnknown, StatementRejected
from payments.evidence.facts import Evidence
from payments.observation import Observation, ObservedStatus, Provenance
from tests.fixed import START
from tests.world import AMINATA, MOUSSA, World

pytestmark = pytest.mark.database

DAY = START.date()
STRANGER = "+22379999999"
EVERYTHING = {
    "ledger": "SELECT txn_id, line, account, party_id, amount_xof FROM ledger_entry ORDER BY 1, 2",
    "payments": "SELECT operator_transaction_id, party_id, amount_xof FROM payment ORDER BY 1",
    "lines": "SELECT file_id, line_number, bucket, payment_id FROM statement_line ORDER BY 1, 2",
    "breaks": "SELECT kind, subject, day, difference_xof, closed_at FROM reconciliation_break ORDER BY 1, 2",
    "sms": "SELECT key, body FROM outbox_sms ORDER BY 1",
    "allocations": "SELECT charge_id, amount_xof FROM allocation ORDER BY 1, 2",
}


@dataclass(frozen=True)
class Row:
    """One line of the sandbox operator's file."""

    name: str
    amount_xof: int
    payer: str = AMINATA
    service: str = "Paiement marchand"
    status: str = "Succès"
    reference: str = ""
    linked: str = ""
    hour: str = "07:30:00"

    @property
    def moved_xof(self) -> int:
        if self.status != "Succès":
            return 0
        return self.amount_xof if self.service == "Paiement marchand" else -self.amount_xof


def written(*rows: Row, opening_xof: int = 0) -> bytes:
    """Write a statement as the sandbox operator does."""
    lines = [
        ["Opérateur", "sandbox"],
        ["Compte", "RAMU"],
        ["Période début", "2026-11-23"],
        ["Période fin", "2026-11-24"],
        ["Solde ouverture", str(opening_xof)],
        ["N°", "Date", "Heure", "Référence", "Service", "Statut", "Payeur", "Référence marchand", "Débit", "Crédit"],
    ]
    lines[-1].append("Référence liée")
    for number, row in enumerate(rows, start=1):
        debit, credit = ("", str(row.amount_xof)) if row.service == "Paiement marchand" else (str(row.amount_xof), "")
        said = [row.name, row.service, row.status, row.payer, row.reference, debit, credit, row.linked]
        lines.append([str(number), str(DAY), row.hour, *said])
    lines += [
        ["Total lignes", str(len(rows))],
        ["Total encaissements", str(sum(row.moved_xof for row in rows if row.service == "Paiement marchand"))],
        ["Total frais", str(-sum(row.moved_xof for row in rows if row.service == "Commission"))],
        ["Solde clôture", str(opening_xof + sum(row.moved_xof for row in rows))],
    ]
    return "".join(";".join(cells) + "\n" for cells in lines).encode()


@pytest.fixture
def recon(world: World) -> ReconcilingDeps:
    return ReconcilingDeps(world.deps, world.jobs.catalog)


async def bring(recon: ReconcilingDeps, content: bytes, **more: object) -> ImportOutcome:
    return await import_statement(
        recon,
        operator="sandbox",
        filename="jour.csv",
        content=BytesIO(content),
        actor="staff/test",
        **more,  # type: ignore[arg-type]
    )


async def credited(world: World, name: str, amount_xof: int, **said: object) -> None:
    """Credit a payment by the answer to a query, as the poll does."""
    known = {"amount_xof": amount_xof, "operator_transaction_id": name, "payer_msisdn": AMINATA, "occurred_at": START}
    observation = Observation("sandbox", Provenance.QUERY, ObservedStatus.SUCCEEDED, **{**known, **said})  # type: ignore[arg-type]
    context = CreditingContext(world.jobs.catalog, world.clock.now(), "*123#")
    await world.database.transact(lambda connection: credit_evidence(connection, [Evidence(observation)], context))


async def snapshot(world: World) -> dict[str, list[tuple[object, ...]]]:
    return {name: await world.rows(query) for name, query in EVERYTHING.items()}


STORY = (
    Row("HELD", 1_000),
    Row("LOST", 700),
    Row("UNKNOWN", 400, payer=STRANGER),
    Row("LESS", 900),
    Row("FAILED", 5_000, status="Échec"),
    Row("FEE", 15, service="Commission", linked="HELD"),
    Row("BACK", 300, service="Annulation", linked="GONE"),
    Row("LOST", 700),
)


async def test_each_line_of_a_day_ends_where_it_should(world: World, recon: ReconcilingDeps) -> None:
    await credited(world, "HELD", 1_000)
    await credited(world, "LESS", 950)
    await credited(world, "OURS", 250)
    world.clock.forward(hours=17)
    outcome = await bring(recon, written(*STORY))
    assert outcome == ImportOutcome(
        filename="jour.csv",
        already_imported=False,
        line_count=8,
        buckets={
            "matched": BucketTotal(1, 1_000),
            "recovered": BucketTotal(1, 700),
            "suspense": BucketTotal(1, 400),
            "amount_differs": BucketTotal(1, 900),
            "not_money": BucketTotal(2, 0),
            "reversal": BucketTotal(1, 300),
            "doubled": BucketTotal(1, 700),
        },
        breaks_opened=5,
        collected_xof=3_700,
    )
    breaks = await world.rows("SELECT kind, subject, difference_xof FROM reconciliation_break ORDER BY kind, subject")
    assert breaks == [
        ("AMOUNT", "LESS", -50),
        ("DUPLICATE", "LOST", 700),
        ("LEDGER_ONLY", "OURS", -250),
        ("REVERSAL", "GONE", -300),
        ("UNIDENTIFIED", "UNKNOWN", 0),
    ]
    found = await world.rows("SELECT operator_transaction_id, amount_xof, provenance FROM payment ORDER BY 1")
    assert found == [
        ("HELD", 1_000, "query"),
        ("LESS", 950, "query"),
        ("LOST", 700, "statement"),
        ("OURS", 250, "query"),
        ("UNKNOWN", 400, "statement"),
    ]


async def test_a_recovered_payment_reaches_its_household_with_a_receipt(world: World, recon: ReconcilingDeps) -> None:
    world.clock.forward(hours=17)
    await bring(recon, written(Row("LOST", 700, payer=MOUSSA)))
    await world.work()
    assert len(await world.texts_to(MOUSSA)) == 1
    assert await world.rows("SELECT sum(amount_xof) FROM ledger_entry WHERE account NOT LIKE 'clearing/%'") == [(-700,)]


async def test_a_ramu_number_in_the_file_outranks_the_payer(world: World, recon: ReconcilingDeps) -> None:
    world.clock.forward(hours=17)
    number = (await world.rows("SELECT ramu_number FROM household ORDER BY id"))[1][0]
    await bring(recon, written(Row("LOST", 700, payer=STRANGER, reference=str(number))))
    assert await world.rows("SELECT party_id, matched_by FROM payment") == [(2, "reference")]


async def test_the_same_file_twice_changes_nothing(world: World, recon: ReconcilingDeps) -> None:
    content = written(*STORY)
    first = await bring(recon, content)
    before = await snapshot(world)
    world.clock.forward(days=1)
    again = await bring(recon, content)
    assert again.already_imported
    assert again.breaks_opened == 0
    assert again.buckets == first.buckets
    assert await snapshot(world) == before
    assert await world.count("statement_file") == 1


async def test_a_second_file_with_the_same_lines_moves_no_money(world: World, recon: ReconcilingDeps) -> None:
    await bring(recon, written(Row("A", 700)))
    before = await snapshot(world)
    outcome = await bring(recon, written(Row("A", 700), Row("B", 100, status="Échec")))
    assert outcome.buckets == {"duplicate": BucketTotal(1, 700), "not_money": BucketTotal(1, 0)}
    after = await snapshot(world)
    assert {**after, "lines": []} == {**before, "lines": []}


async def test_a_later_file_closes_what_only_we_knew(world: World, recon: ReconcilingDeps) -> None:
    await credited(world, "OURS", 250)
    world.clock.forward(hours=17)
    await bring(recon, written())
    query = "SELECT kind, close_reason FROM reconciliation_break ORDER BY kind"
    assert await world.rows(query) == [("LEDGER_ONLY", None)]
    await bring(recon, written(Row("OURS", 250)))
    assert await world.rows(query) == [("ADDED", None), ("LEDGER_ONLY", "the operator's statement names it now")]


async def test_one_operation_called_failed_and_successful_stays_open_for_somebody(
    world: World, recon: ReconcilingDeps
) -> None:
    small = ReconcilingDeps(recon.deps, recon.catalog, lines_per_run=1)
    await credited(world, "EVEN", 400)
    failed = {name: Row(name, xof, status="Échec") for name, xof in (("BOTH", 250), ("LATER", 300), ("EVEN", 400))}
    rows = (Row("BOTH", 250), failed["BOTH"], failed["LATER"], Row("LATER", 300), failed["EVEN"], Row("EVEN", 400))
    await bring(small, written(*rows))
    found = "SELECT kind, subject, difference_xof, closed_at, payment_id FROM reconciliation_break ORDER BY subject"
    assert await world.rows(found) == [
        ("STATUS", "BOTH:failed", 0, None, 2),
        ("STATUS", "EVEN:failed", 0, None, 1),
        ("STATUS", "LATER:failed", 0, None, 3),
    ]


async def test_a_payment_made_after_the_file_is_not_missed_in_it(world: World, recon: ReconcilingDeps) -> None:
    await bring(recon, written())
    world.clock.forward(hours=12)
    await credited(world, "LATER", 250, occurred_at=world.clock.now())
    assert await explain_day(recon, DAY) == 0
    assert await world.count("reconciliation_break") == 0


@pytest.mark.parametrize(
    ("content", "line_number"),
    [(b"\x89PNG\r\n", None), (b"", None), (written(Row("A", 5)).replace(b";5;", b";1e3;"), 7)],
    ids=["an image", "nothing", "an absurd amount"],
)
async def test_a_refused_file_leaves_nothing(
    world: World, recon: ReconcilingDeps, content: bytes, line_number: int | None
) -> None:
    with pytest.raises(StatementRejected) as refused:
        await bring(recon, content)
    assert refused.value.line_number == line_number
    assert await world.count("statement_file") == 0


async def test_an_unknown_operator_is_refused(recon: ReconcilingDeps) -> None:
    with pytest.raises(OperatorUnknown):
        await import_statement(recon, operator="nobody", filename="f", content=BytesIO(b"x"), actor="staff/test")


async def test_progress_ends_at_the_last_line(recon: ReconcilingDeps) -> None:
    told: list[tuple[int, int]] = []
    small = ReconcilingDeps(recon.deps, recon.catalog, lines_per_run=3)
    await bring(small, written(*STORY), progress=lambda done, total: told.append((done, total)))
    # Two lines left nothing to be said when they were kept; the second word on the second is judged with it.
    assert told == [(2, 8), (6, 8), (8, 8)]


async def test_four_importers_at_once_import_once(world: World, recon: ReconcilingDeps) -> None:
    small = ReconcilingDeps(recon.deps, recon.catalog, lines_per_run=2)
    content = written(*(Row(f"T{number}", 100 + number) for number in range(20)))
    outcomes = await asyncio.gather(*(bring(small, content) for _ in range(4)))
    assert sorted(outcome.already_imported for outcome in outcomes) == [False, True, True, True]
    assert await world.count("payment") == 20
    assert await world.rows("SELECT DISTINCT bucket FROM statement_line") == [("recovered",)]
    assert await world.count("reconciliation_break") == 0


async def test_a_statement_against_the_poll_credits_once(world: World, recon: ReconcilingDeps) -> None:
    small = ReconcilingDeps(recon.deps, recon.catalog, lines_per_run=3)
    rows = [Row(f"T{number:02d}", 100 + number) for number in range(24)]
    world.clock.forward(hours=17)

    async def poll(names: Sequence[Row]) -> None:
        for row in names:
            await credited(world, row.name, row.amount_xof)

    await asyncio.gather(bring(small, written(*rows)), poll(rows[::-1]), poll(rows[12:]))
    assert await world.count("payment") == 24
    assert await world.rows("SELECT count(*) FROM ledger_txn WHERE kind = 'payment'") == [(24,)]
    buckets = await world.rows("SELECT bucket, count(*) FROM statement_line GROUP BY bucket ORDER BY bucket")
    assert {str(bucket) for bucket, _ in buckets} <= {"matched", "recovered"}
    assert sum(int(str(count)) for _, count in buckets) == 24
    assert await world.count("reconciliation_break") == 0


class Crash(BaseException):
    """The process dies here."""


@contextmanager
def crashing_at(world: World, point: int) -> Iterator[None]:
    """Die before the n-th SQL statement or commit."""
    counted = itertools.count(1)

    def before(*_: object) -> None:
        if next(counted) == point:
            raise Crash

    engine = world.database.engine.sync_engine
    for boundary in ("before_cursor_execute", "commit"):
        event.listen(engine, boundary, before)
    try:
        yield
    finally:
        for boundary in ("before_cursor_execute", "commit"):
            event.remove(engine, boundary, before)


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("Compte;RAMU", "Compte;AUTRUI", "celui du compte AUTRUI, le nôtre est RAMU"),
        ("2026-11-2", "2099-11-2", "pas encore venu"),
        ("2026-11-2", "1999-11-2", "ouverture du service"),
    ],
)
async def test_a_statement_of_another_account_or_age_brings_no_money(
    world: World, recon: ReconcilingDeps, before: str, after: str, why: str
) -> None:
    ours = ReconcilingDeps(recon.deps, recon.catalog, {"sandbox": "RAMU"})
    content = written(*STORY)
    with pytest.raises(StatementRejected) as refused:
        await bring(ours, content.replace(before.encode(), after.encode()))
    assert why in sentence(refused.value.detail)
    assert await world.rows("SELECT count(*) FROM statement_file") == [(0,)]
    assert await world.rows("SELECT count(*) FROM payment") == [(0,)]
    assert (await bring(ours, content)).line_count == len(STORY)


async def test_a_crash_before_any_statement_or_commit_is_made_good_by_resuming(
    world: World, recon: ReconcilingDeps
) -> None:
    small = ReconcilingDeps(recon.deps, recon.catalog, lines_per_run=2)
    crashes = 0
    for point in itertools.count(1):
        rows = [Row(f"{point}-{row.name}", row.amount_xof, row.payer) for row in STORY[:5]]
        await credited(world, rows[0].name, 1_000, occurred_at=datetime.combine(DAY, time(7, 30), UTC))
        # An account for each, or every file would take the place of the one before.
        content = written(*rows).replace(b"Compte;RAMU", f"Compte;RAMU{point}".encode())
        finished = False
        with crashing_at(world, point):
            try:
                await bring(small, content)
                finished = True
            except Crash:
                crashes += 1
        # After a restart the jobs finish what was kept, and an operator who saw an error sends the file again.
        await resume(small)
        again = await bring(small, content)
        assert again.buckets == {
            "matched": BucketTotal(1, 1_000),
            "recovered": BucketTotal(3, 6_600),
            "suspense": BucketTotal(1, 400),
        }
        if finished:
            break
    assert crashes >= 40
    held = await world.rows("SELECT count(*), count(DISTINCT operator_transaction_id), sum(amount_xof) FROM payment")
    assert held == [(5 * (crashes + 1), 5 * (crashes + 1), 8_000 * (crashes + 1))]
    assert await world.rows("SELECT sum(amount_xof) FROM ledger_entry WHERE account LIKE 'clearing/%'") == [
        (8_000 * (crashes + 1),)
    ]
    assert await world.rows("SELECT kind, count(*) FROM reconciliation_break GROUP BY kind") == [
        ("UNIDENTIFIED", crashes + 1)
    ]
