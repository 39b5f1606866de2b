"""Keeps what was observed, in one round trip however large the batch, inside what a database can hold."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.dating import storable_moment
from payments.evidence.facts import Evidence
from payments.money import MAX_BALANCE_XOF
from payments.observation import Provenance

#: Words that a payer typed are shorter; what is longer was not typed.
WORDS_MAX: Final = 500

INSERT = text("""
    INSERT INTO observation (operator, provenance, status, amount_xof, fee_xof, payer_msisdn, our_reference,
                             operator_transaction_id, occurred_at, observed_at, request_id, callback_id, detail,
                             raw_transaction_id, remarks)
    SELECT operator, provenance, status, amount_xof, fee_xof, payer_msisdn, our_reference,
           operator_transaction_id, occurred_at, :now, request_id, callback_id, detail, raw_transaction_id, remarks
      FROM unnest(CAST(:operators AS text[]), CAST(:provenances AS text[]), CAST(:statuses AS text[]),
                  CAST(:amounts AS bigint[]), CAST(:fees AS bigint[]), CAST(:payers AS text[]),
                  CAST(:references AS text[]), CAST(:transactions AS text[]), CAST(:occurred AS timestamptz[]),
                  CAST(:requests AS bigint[]), CAST(:callbacks AS bigint[]), CAST(:details AS text[]),
                  CAST(:raws AS text[]), CAST(:remarks AS text[]))
           AS seen(operator, provenance, status, amount_xof, fee_xof, payer_msisdn, our_reference,
                   operator_transaction_id, occurred_at, request_id, callback_id, detail, raw_transaction_id, remarks)
""")


def bounded(piece: Evidence) -> Evidence:
    """Return evidence whose every field a database can hold; what cannot be held as a value is kept as a word.

    No adapter lets such values through; one that is written later must not stop the batch of all others.
    """
    said = piece.observation
    kept_at = storable_moment(said.occurred_at)
    lost = () if kept_at is not None or said.occurred_at is None else (f"date={said.occurred_at.isoformat()}",)
    held: dict[str, Any] = {
        "amount_xof": _held(said.amount_xof),
        "fee_xof": _held(said.fee_xof),
        "payer_msisdn": _clean(said.payer_msisdn),
        "our_reference": _clean(said.our_reference),
        "operator_transaction_id": _clean(said.operator_transaction_id),
        "raw_transaction_id": _clean(said.raw_transaction_id),
        "remarks": (*said.remarks, *lost),
    }
    detail = _clean(piece.detail) or ""
    if detail == piece.detail and all(getattr(said, name) == value for name, value in held.items()):
        # Nearly always: millions of pieces come through here, and none is written anew for nothing.
        return piece
    return replace(piece, observation=replace(said, **held), detail=detail)


def _held(amount_xof: int | None) -> int | None:
    return amount_xof if amount_xof is not None and abs(amount_xof) <= MAX_BALANCE_XOF else None


def _clean(words: str | None) -> str | None:
    # PostgreSQL holds no NUL and no half of a surrogate pair; JSON can bring both.
    if words is None:
        return None
    return words[:WORDS_MAX].encode("utf-8", "replace").decode().replace("\0", "?")


async def insert_observations(connection: AsyncConnection, evidence: Sequence[Evidence], now: datetime) -> None:
    """Store every observation that has no home of its own; statement lines have theirs."""
    kept = [piece for piece in evidence if piece.observation.provenance is not Provenance.STATEMENT]
    if not kept:
        return
    await connection.execute(
        INSERT,
        {
            "operators": [piece.observation.operator for piece in kept],
            "provenances": [piece.observation.provenance for piece in kept],
            "statuses": [piece.observation.status for piece in kept],
            "amounts": [piece.observation.amount_xof for piece in kept],
            "fees": [piece.observation.fee_xof for piece in kept],
            "payers": [piece.observation.payer_msisdn for piece in kept],
            "references": [piece.observation.our_reference for piece in kept],
            "transactions": [piece.observation.operator_transaction_id for piece in kept],
            "occurred": [storable_moment(piece.observation.occurred_at) for piece in kept],
            "requests": [piece.request_id for piece in kept],
            "callbacks": [piece.callback_id for piece in kept],
            "details": [piece.detail for piece in kept],
            "raws": [piece.observation.raw_transaction_id for piece in kept],
            "remarks": [" ".join(piece.observation.remarks) for piece in kept],
            "now": now,
        },
    )
