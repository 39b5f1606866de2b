"""What operators' callers were refused since the last writing: kept in memory, so that a stranger costs no query."""

from dataclasses import replace
from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.infra.database import Database
from gateway.infra.metrics import CALLBACKS_REFUSED
from payments.evidence.refusals import OTHERS, Refused, record

log = structlog.stdlib.get_logger()

#: So often what was refused is written down and said; a crash loses the counts of at most so long.
WRITE_EVERY_S = 30
ROWS_MAX = 1000


class Refusals:
    """A tally of refused callbacks."""

    def __init__(self) -> None:
        self._rows: dict[object, Refused] = {}

    def note(self, refused: Refused) -> None:
        """Count one."""
        CALLBACKS_REFUSED.labels(refused.operator, refused.reason).inc()
        self._add(refused)

    async def write(self, database: Database, now: datetime) -> None:
        """Write down what was noted, and say it in one line for each operator; what cannot be written is kept."""
        rows, self._rows = list(self._rows.values()), {}
        if not rows:
            return
        for operator in sorted({row.operator for row in rows}):
            mine = [row for row in rows if row.operator == operator]
            senders, reasons = ({row.sender for row in mine}, sorted({row.reason for row in mine}))
            count = sum(row.count for row in mine)
            log.warning("callbacks.refused", operator=operator, count=count, senders=len(senders), reasons=reasons)
        try:
            await database.transact(lambda connection: record(connection, rows, now.date()))
        except SQLAlchemyError as failed:
            log.warning("callbacks.refusals_not_written", kind=type(failed).__name__)
            for row in rows:
                self._add(row)

    def _add(self, refused: Refused) -> None:
        if refused.key not in self._rows and len(self._rows) >= ROWS_MAX:
            refused = replace(refused, sender=OTHERS)
        before = self._rows.get(refused.key)
        self._rows[refused.key] = before.and_then(refused) if before else refused
