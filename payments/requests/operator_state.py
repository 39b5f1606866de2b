"""What an operator gives us with its answer to a request to pay: stored with the request, and handed back to it.

Nobody here reads it. It is bounded, because it comes from outside, and changes nothing of what is known of the money.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

#: A few tokens; an answer that holds more holds something else.
STATE_BYTES_MAX = 4096
#: Longer ids than any operator's are not stored. Source: GSMA Mobile Money API 1.2.0, 256 characters.
REQUEST_ID_CHARS_MAX = 256

#: What a later answer leaves out stays as it was.
STORE = text("""
    UPDATE payment_request
       SET operator_request_id = coalesce(given.request_id, operator_request_id),
           operator_state = coalesce(CAST(given.state AS jsonb), operator_state)
      FROM unnest(CAST(:ids AS bigint[]), CAST(:request_ids AS text[]), CAST(:states AS text[]))
           AS given(id, request_id, state)
     WHERE payment_request.id = given.id
""")

BY_ADDRESS = text("""
    SELECT reference, operator_state FROM payment_request WHERE callback_token = :token AND operator = :operator
""")


@dataclass(frozen=True, slots=True)
class Given:
    """What an operator gave with its answer to one request."""

    request_id: int
    operator_request_id: str | None
    state: Mapping[str, object] | None


async def store_given(connection: AsyncConnection, given: Sequence[Given]) -> None:
    """Store what operators gave; the requests must be locked."""
    rows = [(one.request_id, _id(one.operator_request_id), _state(one.state)) for one in given]
    rows = [row for row in rows if row[1] is not None or row[2] is not None]
    if rows:
        ids, request_ids, states = ([*column] for column in zip(*rows, strict=True))
        await connection.execute(STORE, {"ids": ids, "request_ids": request_ids, "states": states})


async def tokens_at(
    connection: AsyncConnection, operator: str, token: str
) -> Mapping[str, Mapping[str, object]] | None:
    """Return, by our reference, the tokens of the request that has this address; None where none has it."""
    row = (await connection.execute(BY_ADDRESS, {"operator": operator, "token": token})).one_or_none()
    return None if row is None else {row.reference: row.operator_state or {}}


def is_storable(state: Mapping[str, object] | None) -> bool:
    """Return whether all that an operator gave can be stored."""
    return state is None or _state(state) is not None


def _id(given: str | None) -> str | None:
    return given if given and len(given) <= REQUEST_ID_CHARS_MAX and given.isprintable() else None


def _state(given: Mapping[str, object] | None) -> str | None:
    if not given:
        return None
    try:
        written = json.dumps(dict(given), ensure_ascii=False, allow_nan=False)
        size_bytes = len(written.encode())
    except (TypeError, ValueError, RecursionError):
        return None
    # PostgreSQL holds no NUL in a text.
    return written if size_bytes <= STATE_BYTES_MAX and "\\u0000" not in written else None
