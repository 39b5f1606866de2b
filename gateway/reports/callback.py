"""One callback: what came, how it was judged, and what was made of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.infra.logs import HIDDEN, mask_text
from gateway.reports.shown_body import shown_body
from payments.errors import CallbackMalformed
from payments.http_messages import RawRequest
from payments.msisdn import E164, mask
from payments.operators.contract import Operators
from payments.operators.readers import read_callback

#: A larger body is not read again only to be looked at; its observations are found by its request alone.
READ_AGAIN_BYTES_MAX: Final = 256 * 1024
#: Enough of what one message led to; an operator's batch may hold a whole day.
SHOWN_MAX: Final = 50


class CallbackState(StrEnum):
    """Where a callback stands."""

    WAITING = "waiting"
    PUT_OFF = "put_off"
    PARKED = "parked"
    UNREAD = "unread"
    DISMISSED = "dismissed"
    HANDLED = "handled"


ONE = text("""
    SELECT callback.*, octet_length(callback.body) AS size_bytes, request.reference AS request_reference,
           request.state AS request_state, unread.callback_id IS NOT NULL AS is_listed, unread.closed_at,
           unread.dismissed_by, unread.dismiss_reason
      FROM callback
      LEFT JOIN payment_request AS request ON request.id = callback.request_id
      LEFT JOIN unreadable_callback AS unread ON unread.callback_id = callback.id
     WHERE callback.id = :id
""")

#: Found by what is in an index: the request of its address, and the transactions that its reader finds in it.
OBSERVATIONS = text("""
    SELECT status, provenance, amount_xof, payer_msisdn, our_reference, operator_transaction_id, observed_at
      FROM (SELECT * FROM observation WHERE request_id = :request_id
            UNION
            SELECT * FROM observation
             WHERE operator = :operator AND operator_transaction_id = ANY(CAST(:transactions AS text[]))) AS found
     WHERE callback_id = :id ORDER BY id LIMIT :most
""")

QUESTIONS = text("""
    SELECT operator_transaction_id, attempts, closed_at, parked_at, last_detail FROM inquiry
     WHERE operator = :operator
       AND (request_id = :request_id
            OR request_id IS NULL AND operator_transaction_id = ANY(CAST(:written AS text[])))
     ORDER BY id LIMIT :most
""")

PAYMENTS = text("""
    SELECT receipt_number, operator_transaction_id, amount_xof, matched_by, provenance, posted_at FROM payment
     WHERE operator = :operator AND operator_transaction_id = ANY(CAST(:transactions AS text[]))
     ORDER BY id LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class ReadInIt:
    """One observation that was kept of a callback."""

    status: str
    provenance: str
    amount_xof: int | None
    payer_masked: str | None
    our_reference: str | None
    operator_transaction_id: str | None
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class AskedAbout:
    """One question that stands about what a callback points at."""

    operator_transaction_id: str | None
    attempts: int
    closed_at: datetime | None
    parked_at: datetime | None
    last_detail: str | None


@dataclass(frozen=True, slots=True)
class BecameMoney:
    """One payment of a transaction that a callback names, whatever proved it."""

    receipt_number: str
    operator_transaction_id: str
    amount_xof: int
    matched_by: str
    provenance: str
    posted_at: datetime


@dataclass(frozen=True, slots=True)
class CallbackReport:
    """One callback; its address, headers and body are masked."""

    id: int
    operator: str
    sender: str | None
    state: CallbackState
    method: str
    address: str
    headers: Mapping[str, str]
    body_shown: str
    size_bytes: int
    verdict: str
    reason: str
    received_at: datetime
    attempts: int
    next_attempt_at: datetime | None
    ended_at: datetime | None
    remark: str | None
    dismissed_by: str | None
    dismiss_reason: str | None
    request_reference: str | None
    request_state: str | None
    reader_fault: str | None
    observations: tuple[ReadInIt, ...]
    questions: tuple[AskedAbout, ...]
    payments: tuple[BecameMoney, ...]

    @property
    def may_be_dismissed(self) -> bool:
        """Return whether it stands among those that came to nothing."""
        return self.state in {CallbackState.PARKED, CallbackState.UNREAD}


async def callback_report(connection: AsyncConnection, callback_id: int, operators: Operators) -> CallbackReport | None:
    """Return one callback with what was made of it; None where there is none, or it has left the database."""
    row = (await connection.execute(ONE, {"id": callback_id})).one_or_none()
    if row is None:
        return None
    transactions, written, fault = _named(row, operators)
    which = {
        "id": row.id,
        "operator": row.operator,
        "request_id": row.request_id,
        "transactions": transactions,
        "written": written,
        "most": SHOWN_MAX,
    }
    return CallbackReport(
        id=row.id,
        operator=row.operator,
        sender=row.sender,
        state=_state(row),
        method=row.method,
        address=_address(row),
        headers={name: mask_text(value) for name, value in row.headers.items()},
        body_shown=shown_body(row.body),
        size_bytes=row.size_bytes,
        verdict=row.verdict,
        reason=row.reason,
        received_at=row.received_at,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        ended_at=row.handled_at or row.parked_at,
        remark=row.last_error,
        dismissed_by=row.dismissed_by,
        dismiss_reason=row.dismiss_reason,
        request_reference=row.request_reference,
        request_state=row.request_state,
        reader_fault=fault,
        observations=tuple(_observation(one) for one in await connection.execute(OBSERVATIONS, which)),
        questions=tuple(AskedAbout(*one) for one in await connection.execute(QUESTIONS, which)),
        payments=tuple(BecameMoney(*one) for one in await connection.execute(PAYMENTS, which)),
    )


def _named(row: Row[tuple[object, ...]], operators: Operators) -> tuple[list[str], list[str], str | None]:
    """Read a callback once more: its transactions in normal form, as they were written, and why it cannot be read."""
    operator = operators.get(row.operator)
    if operator is None:
        return [], [], "no operator of this name is configured"
    if row.size_bytes > READ_AGAIN_BYTES_MAX:
        return [], [], None
    request = RawRequest(row.method, row.path, row.query, row.headers, row.body, row.received_at)
    try:
        said = read_callback(operator, request)
    except CallbackMalformed as malformed:
        return [], [], malformed.why
    except Exception as failure:  # noqa: BLE001 - a reader that fails is what this page is there to show
        return [], [], f"the reader failed: {type(failure).__name__}"
    normal = sorted({one.operator_transaction_id for one in said if one.operator_transaction_id})
    written = sorted({one.raw_transaction_id for one in said if one.raw_transaction_id})
    return normal, sorted({*normal, *written}), None


def _state(row: Row[tuple[object, ...]]) -> CallbackState:
    if row.dismissed_by is not None:
        return CallbackState.DISMISSED
    if row.handled_at is not None:
        return CallbackState.UNREAD if row.is_listed and row.closed_at is None else CallbackState.HANDLED
    if row.parked_at is not None:
        return CallbackState.PARKED
    return CallbackState.PUT_OFF if row.attempts else CallbackState.WAITING


def _address(row: Row[tuple[object, ...]]) -> str:
    """Return the address that was called; the token of a request opens it, and a query may hold anything."""
    path = mask_text(row.path)
    return f"{path}?{HIDDEN}" if row.query else path


def _observation(one: Row[tuple[object, ...]]) -> ReadInIt:
    payer = one.payer_msisdn
    return ReadInIt(
        one.status,
        one.provenance,
        one.amount_xof,
        mask(payer) if payer and E164.fullmatch(payer) else None,
        one.our_reference,
        one.operator_transaction_id,
        one.observed_at,
    )
