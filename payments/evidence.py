"""Keeps what was observed, in one round trip however large the batch."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.match import Evidence
from payments.observation import Provenance

KEEP = text("""
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


async def keep(connection: AsyncConnection, evidence: Sequence[Evidence], now: datetime) -> None:
    """Keep every observation that has no home of its own; statement lines have theirs."""
    kept = [piece for piece in evidence if piece.observation.provenance is not Provenance.STATEMENT]
    if not kept:
        return
    await connection.execute(
        KEEP,
        {
            "operators": [piece.observation.operator for piece in kept],
            "provenances": [piece.observation.provenance for piece in kept],
            "statuses": [piece.observation.status for piece in kept],
            "amounts": [piece.observation.amount_xof for piece in kept],
            "fees": [piece.observation.fee_xof for piece in kept],
            "payers": [piece.observation.payer_msisdn for piece in kept],
            "references": [piece.observation.our_reference for piece in kept],
            "transactions": [piece.observation.operator_transaction_id for piece in kept],
            "occurred": [piece.observation.occurred_at for piece in kept],
            "requests": [piece.request_id for piece in kept],
            "callbacks": [piece.callback_id for piece in kept],
            "details": [piece.detail for piece in kept],
            "raws": [piece.observation.raw_transaction_id for piece in kept],
            "remarks": [" ".join(piece.observation.remarks) for piece in kept],
            "now": now,
        },
    )
