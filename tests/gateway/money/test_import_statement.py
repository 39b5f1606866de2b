"""A file that cannot be read or matched stands aside with its motive, and holds no other file and no closing up."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from gateway.infra.reading import ReadingTooLong, in_thread
from gateway.money import import_statement as importing
from gateway.money import match_statement as reconciling
from gateway.money.close_day import DayToClose, DayUnexplained, close
from gateway.money.import_statement import (
    FIRST_DAY,
    LEASE_S,
    StatementPutOff,
    import_statement,
    match_due,
    read_due,
    receive,
    require_ours,
    resume,
)
from gateway.money.match_statement import STUCK_MAX, ReconcilingDeps
from gateway.reports.break_sentences import sentence
from payments.detail import DetailCode, detail
from payments.errors import StatementRejected
from payments.operators.contract import Operator, StatementHeader, StatementPart
from payments.reconciliation import uploads
from payments.reconciliation.facts import Unit
from payments.reconciliation.match import Judged
from payments.reconciliation.upload import RETRY_AFTER_S, TRIES
from payments.reconciliation.uploads import Whose, new_upload
from payments.rejection import rejected
from tests.gateway.money.test_match_statement import Row, written
from tests.world import World

pytestmark = pytest.mark.database


@dataclass(frozen=True)
class Reader:
    """The sandbox operator, with a way of its own to read files whose name says so."""

    real: Operator
    reads: Callable[[BinaryIO], Iterator[StatementPart]]

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)

    def parse_statement(self, content: BinaryIO, filename: str) -> Iterator[StatementPart]:
        return self.reads(content) if filename == "strange.csv" else self.real.parse_statement(content, filename)


def reading(world: World, reads: Callable[[BinaryIO], Iterator[StatementPart]]) -> ReconcilingDeps:
    reader = Reader(world.deps.operators["sandbox"], reads)
    deps = replace(world.deps, operators={"sandbox": reader})  # type: ignore[dict-item]
    return ReconcilingDeps(deps, world.jobs.catalog)


@pytest.fixture
def recon(world: World) -> ReconcilingDeps:
    return ReconcilingDeps(world.deps, world.jobs.catalog, lines_per_run=4)


async def hand_in(recon: ReconcilingDeps, filename: str, *rows: Row, content: bytes = b"") -> int:
    new = new_upload("sandbox", filename, BytesIO(content or written(*rows)), "staff/test")
    upload, _ = await receive(recon.deps.worker_db, new, recon.deps.clock.now())
    return upload.id


async def states(world: World) -> list[tuple[object, ...]]:
    return await world.rows("SELECT filename, state, attempts FROM statement_upload ORDER BY id")


async def work(recon: ReconcilingDeps) -> None:
    """Do all that is due of statements at this instant."""
    while await read_due(recon):
        pass
    await match_due(recon)


async def test_a_file_whose_reading_raises_is_put_off_then_aside_and_the_others_go_on(world: World) -> None:
    def raises(_: BinaryIO) -> Iterator[StatementPart]:
        raise ZeroDivisionError

    recon = reading(world, raises)
    await hand_in(recon, "strange.csv", Row("A", 100))
    await hand_in(recon, "jour.csv", Row("B", 200))
    await work(recon)
    assert await states(world) == [("strange.csv", "received", 1), ("jour.csv", "matched", 0)]
    for wait_s in RETRY_AFTER_S:
        world.clock.forward(seconds=wait_s - 1)
        assert await read_due(recon) == 0
        world.clock.forward(seconds=1)
        assert await read_due(recon) == 1
    ((state, motive),) = await world.rows("SELECT state, motive FROM statement_upload WHERE filename = 'strange.csv'")
    assert (state, motive) == ("quarantined", {"code": "reading_failed", "failure": "ZeroDivisionError"})
    world.clock.forward(days=1)
    assert await read_due(recon) == 0
    assert await world.rows(
        "SELECT content = :bytes FROM statement_chunk JOIN statement_upload ON id = upload_id"
        " WHERE state = 'quarantined'",
        bytes=written(Row("A", 100)),
    ) == [(True,)]


async def test_a_reader_that_goes_nowhere_in_the_stream_is_given_the_file_from_its_first_byte(world: World) -> None:
    def reads_on(content: BinaryIO) -> Iterator[StatementPart]:
        return world.deps.operators["sandbox"].parse_statement(BytesIO(content.read()), "jour.csv")

    await hand_in(reading(world, reads_on), "strange.csv", Row("A", 100))
    await work(reading(world, reads_on))
    assert await states(world) == [("strange.csv", "matched", 0)]


async def test_a_file_that_never_ends_to_be_read_holds_no_worker_and_no_other_file(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "READ_DEADLINE_S", 0.2)
    over = threading.Event()

    def endless(_: BinaryIO) -> Iterator[StatementPart]:
        over.wait()
        raise rejected(DetailCode.FILE_TOTALS_MISSING)

    recon = reading(world, endless)
    await hand_in(recon, "strange.csv", Row("A", 100))
    await hand_in(recon, "jour.csv", Row("B", 200))
    await work(recon)
    over.set()
    assert await states(world) == [("strange.csv", "received", 1), ("jour.csv", "matched", 0)]
    ((motive,),) = await world.rows("SELECT motive FROM statement_upload WHERE id = 1")
    assert motive == {"code": "reading_too_long", "seconds": 0.2}


async def test_a_computation_says_its_own_time_limit_apart_from_ours() -> None:
    def raises() -> None:
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        await in_thread(raises, 60)
    over = threading.Event()
    with pytest.raises(ReadingTooLong):
        await in_thread(over.wait, 0.01)
    over.set()
    assert await in_thread(lambda: 7, 60) == 7


async def killed(world: World, upload_id: int, times: int) -> None:
    """Let a reader die with its process so many times."""
    for attempt in range(1, times + 1):
        await world.database.transact(
            lambda connection: uploads.begin(connection, upload_id, world.clock.now(), LEASE_S)
        )
        assert await states(world) == [("jour.csv", "reading", attempt)]
        world.clock.forward(seconds=LEASE_S)


async def test_a_file_whose_reader_dies_with_the_process_is_taken_again_after_its_lease(
    world: World, recon: ReconcilingDeps
) -> None:
    upload_id = await hand_in(recon, "jour.csv", Row("A", 100))
    await killed(world, upload_id, TRIES - 1)
    assert await read_due(recon) == 1
    assert await states(world) == [("jour.csv", "stored", 0)]


async def test_a_file_that_kills_its_readers_is_put_aside_unread_until_a_person_asks(
    world: World, recon: ReconcilingDeps
) -> None:
    upload_id = await hand_in(recon, "jour.csv", Row("A", 100))
    await killed(world, upload_id, TRIES)
    assert await read_due(recon) == 1
    [(state, motive)] = await world.rows("SELECT state, motive FROM statement_upload")
    assert (state, motive) == ("quarantined", {"code": "reading_ended_process", "tries": TRIES})
    world.clock.forward(days=1)
    assert await read_due(recon) == 0
    await world.database.transact(lambda connection: uploads.retry(connection, upload_id, world.clock.now()))
    await work(recon)
    assert await states(world) == [("jour.csv", "matched", 0)]


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The numbers of lines whose matching raises."""
    poisonous: set[int] = set()
    real = reconciling.judge

    def judge(unit: Unit) -> Judged:
        if any(line.line_number in poisonous and line.file_id == 1 for line in unit.lines):
            raise OverflowError("this line")
        return real(unit)

    monkeypatch.setattr(reconciling, "judge", judge)
    return poisonous


async def buckets(world: World) -> dict[object, int]:
    rows = await world.rows("SELECT coalesce(bucket, 'waits'), count(*) FROM statement_line GROUP BY 1")
    return {bucket: int(str(count)) for bucket, count in rows}


async def test_a_line_that_cannot_be_matched_holds_no_other_line_and_no_other_file(
    world: World, recon: ReconcilingDeps, poison: set[int]
) -> None:
    poison |= {9, 14}
    await hand_in(recon, "jour.csv", *(Row(f"T{number}", 100 + number) for number in range(20)))
    await hand_in(recon, "autre.csv", Row("B", 200))
    await work(recon)
    assert await states(world) == [("jour.csv", "stored", 1), ("autre.csv", "matched", 0)]
    assert await buckets(world) == {"recovered": 19, "waits": 2}
    for wait_s in RETRY_AFTER_S:
        world.clock.forward(seconds=wait_s)
        await work(recon)
    assert await world.rows("SELECT state, motive_lines FROM statement_upload WHERE id = 1") == [("parked", [9, 14])]
    # The software was mended: a person has it tried again.
    poison.clear()
    await world.database.transact(lambda connection: uploads.retry(connection, 1, world.clock.now()))
    await work(recon)
    assert await states(world) == [("jour.csv", "matched", 0), ("autre.csv", "matched", 0)]
    assert await buckets(world) == {"recovered": 21}
    assert await world.count("payment") == 21


async def test_a_fault_of_ours_on_every_line_stops_after_some_of_them(
    world: World, recon: ReconcilingDeps, poison: set[int]
) -> None:
    poison |= set(range(100))
    await hand_in(recon, "jour.csv", *(Row(f"T{number}", 100 + number) for number in range(40)))
    await work(recon)
    ((lines,),) = await world.rows("SELECT motive_lines FROM statement_upload")
    assert lines == list(range(7, 7 + STUCK_MAX))


async def test_who_imports_a_file_that_stops_is_told_that_it_is_safe(
    world: World, recon: ReconcilingDeps, poison: set[int]
) -> None:
    poison |= {7}
    content = written(Row("A", 100), Row("B", 200))
    for _ in range(2):
        with pytest.raises(StatementPutOff) as told:
            await import_statement(
                recon, operator="sandbox", filename="j.csv", content=BytesIO(content), actor="staff/test"
            )
        assert told.value.upload.motive is not None
        assert told.value.upload.motive.line_numbers == (7,)
    assert await buckets(world) == {"recovered": 1, "waits": 1}


async def test_a_half_matched_file_holds_the_closing_of_its_own_days_only_and_is_named(
    world: World, recon: ReconcilingDeps, poison: set[int]
) -> None:
    poison |= {7}
    day = world.clock.now().date()
    earlier = written(Row("E", 500)).replace(b"2026-11-24", b"2026-11-21").replace(b"2026-11-23", b"2026-11-21")
    await hand_in(recon, "jour.csv", Row("A", 100), Row("B", 200))
    await hand_in(recon, "avant.csv", content=earlier)
    await work(recon)
    world.clock.forward(days=3)
    for open_day in range(21, 23):
        await close(recon, DayToClose(date(2026, 11, open_day), "staff/awa", "essai" if open_day == 22 else None))
    with pytest.raises(DayUnexplained) as refused:
        await close(recon, DayToClose(day, "staff/awa"))
    assert [file.filename for file in refused.value.unfinished] == ["jour.csv"]
    assert refused.value.unfinished[0].motive == detail(DetailCode.MATCHING_FAILED, failure="OverflowError")
    assert (await close(recon, DayToClose(day, "staff/awa", "un relevé reste à reprendre"))).day == day


async def test_a_file_in_quarantine_holds_no_closing(world: World, recon: ReconcilingDeps) -> None:
    world.clock.forward(days=2)
    await hand_in(recon, "photo.png", content=b"\x89PNG\r\n\x1a\n")
    await hand_in(recon, "jour.csv", Row("A", 100))
    await work(recon)
    assert (await close(recon, DayToClose(date(2026, 11, 23), "staff/awa"))).day == date(2026, 11, 23)


async def test_quarantine_answers_the_same_bytes_with_the_same_motive_until_it_is_tried_again(world: World) -> None:
    answers: list[Callable[[], Iterator[StatementPart]]] = []

    def reads(_: BinaryIO) -> Iterator[StatementPart]:
        return answers[-1]()

    def refuses() -> Iterator[StatementPart]:
        raise StatementRejected(detail(DetailCode.FILE_FIELD_COUNT, count=12, expected=11), line_numbers=(12, 15))

    recon, content = reading(world, reads), written(Row("A", 100))
    asked = {"operator": "sandbox", "filename": "strange.csv", "content": BytesIO(content), "actor": "staff/test"}
    answers.append(refuses)
    for _ in range(2):
        with pytest.raises(StatementRejected) as refused:
            await import_statement(recon, **asked)  # type: ignore[arg-type]
        assert sentence(refused.value.detail) == "12 champs au lieu de 11"
        assert (refused.value.line_number, tuple(refused.value.line_numbers)) == (12, (12, 15))
    answers.append(lambda: world.deps.operators["sandbox"].parse_statement(BytesIO(content), "mended"))
    with pytest.raises(StatementRejected):
        await import_statement(recon, **asked)  # type: ignore[arg-type]
    await world.database.transact(lambda connection: uploads.retry(connection, 1, world.clock.now()))
    await work(recon)
    assert await states(world) == [("strange.csv", "matched", 0)]
    assert await world.rows("SELECT upload_id, number, content FROM statement_chunk") == [(1, 0, content)]
    assert await world.rows("SELECT file_id FROM statement_upload") == [(1,)]


async def test_only_what_stands_aside_can_be_tried_again(world: World, recon: ReconcilingDeps) -> None:
    await hand_in(recon, "jour.csv", Row("A", 100))

    async def retried(upload_id: int) -> object:
        return await world.database.transact(lambda connection: uploads.retry(connection, upload_id, world.clock.now()))

    assert await retried(1) is None
    await resume(recon)
    assert await retried(1) is None
    assert await retried(77) is None


async def test_looking_for_work_does_not_read_the_lines_that_are_done(world: World, recon: ReconcilingDeps) -> None:
    await hand_in(recon, "jour.csv", Row("A", 100))
    await resume(recon)
    async with world.database.unit_of_work() as connection:
        await connection.execute(
            text("""
            INSERT INTO statement_line (file_id, line_number, operator, kind, status, raw, moved_xof, remarks, subject,
                                        counts_at, due_xof, running_xof, bucket, matched_at)
            SELECT 1, number, 'sandbox', 'other', 'failed', '', 0, '', 'T', now(), 0, 0, 'not_money', now()
              FROM generate_series(1000, 30000) AS number
        """)
        )
        asked = {**Whose(("sandbox",), others=False).values(), "now": world.clock.now(), "ignoring_leases": False}
        plan = (await connection.execute(text(f"EXPLAIN {uploads.FILES_DUE.text}"), asked)).scalars().all()
    # The name that PostgreSQL gives to the part of ix_statement_line_unmatched on the first partition.
    assert any("statement_line_1_file_id_line_number_idx" in row for row in plan), plan
    assert not any("Seq Scan on statement_line" in row for row in plan), plan


ARRIVED_AT = datetime(2026, 11, 23, 8, tzinfo=UTC)


def header_of(start: datetime, end: datetime, account: str = "RAMU") -> StatementHeader:
    return StatementHeader("sandbox", account, start, end, None)


MOMENTS = st.one_of(
    st.datetimes(timezones=st.just(UTC)),
    st.timedeltas(timedelta(days=-4), timedelta(days=4)).map(lambda span: ARRIVED_AT + span),
)


@given(start=MOMENTS, end=MOMENTS)
def test_a_period_lies_between_the_first_day_of_service_and_the_arrival(start: datetime, end: datetime) -> None:
    start, end = sorted((start, end + timedelta(seconds=1) if end.year < 9999 else end))
    sane = start.date() >= FIRST_DAY and start <= ARRIVED_AT and end <= datetime(2026, 11, 25, tzinfo=UTC)
    try:
        require_ours(header_of(start, end), "RAMU", ARRIVED_AT)
    except StatementRejected:
        assert not sane
    else:
        assert sane


def test_a_period_that_never_ends_is_refused_with_its_day() -> None:
    with pytest.raises(StatementRejected) as refused:
        require_ours(header_of(ARRIVED_AT, datetime(9999, 1, 1, tzinfo=UTC)), None, ARRIVED_AT)
    assert sentence(refused.value.detail) == "la période finit le 31/12/9998, qui n'est pas encore venu"
