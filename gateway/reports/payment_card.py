"""One payment as the terminal shows it: what was received, what proves it, where it stands and what it pays."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

#: Two operators may call two operations alike; more than a few found payments are a question that names too little.
FOUND_MAX: Final = 10
#: An operator may tell of one payment very often.
EVIDENCE_MAX: Final = 50

PAYMENT = text("""
    SELECT payment.id, payment.receipt_number, payment.operator, payment.operator_transaction_id, payment.amount_xof,
           payment.fee_xof, payment.payer_msisdn, payment.our_reference, payment.matched_by, payment.provenance,
           payment.occurred_at, payment.posted_at, payment.ledger_txn_id, payment.hold_reason, household.ramu_number,
           request.reference AS request_reference, request.state AS request_state,
           EXISTS (SELECT FROM ledger_txn WHERE reverses_id = payment.ledger_txn_id) AS is_reversed
      FROM payment
      LEFT JOIN household ON household.id = payment.party_id
      LEFT JOIN payment_request request ON request.id = payment.request_id
     WHERE payment.id IN (SELECT id FROM payment WHERE receipt_number = :receipt_number
                           UNION ALL
                          SELECT payment.id FROM account
                            JOIN payment ON payment.operator = account.operator
                                        AND operator_transaction_id = ANY(CAST(:operator_ids AS text[]))
                           WHERE account.kind = 'clearing'
                           UNION ALL
                          SELECT payment.id FROM payment_request
                            JOIN payment ON payment.request_id = payment_request.id
                           WHERE payment_request.reference = :reference)
     ORDER BY payment.id LIMIT :most
""")

EVIDENCE = text("""
    SELECT observed_at, provenance, status, amount_xof, occurred_at, remarks FROM observation
     WHERE operator = :operator AND operator_transaction_id = :operator_transaction_id ORDER BY id LIMIT :most
""")

ENTRIES = text("SELECT account, amount_xof FROM ledger_entry WHERE txn_id = :txn_id ORDER BY line")

PAYS = text("""
    SELECT period_start, period_end, CAST(sum(allocation.amount_xof) AS bigint) AS amount_xof
      FROM allocation JOIN charge_with_days AS charge ON charge.id = allocation.charge_id
     WHERE allocation.ledger_txn_id = :txn_id
     GROUP BY period_start, period_end, number ORDER BY period_start, number
""")


@dataclass(frozen=True, slots=True)
class EvidenceOfPayment:
    """One piece of evidence: when it came, by which road, and what it said."""

    observed_at: datetime
    provenance: str
    status: str
    amount_xof: int | None
    occurred_at: datetime | None
    remarks: str


@dataclass(frozen=True, slots=True)
class EntryOfPayment:
    """One line of the books."""

    account: str
    amount_xof: int


@dataclass(frozen=True, slots=True)
class PeriodOfPayment:
    """What a payment gave to one period; a first one without days begins when it is paid."""

    period_start: date | None
    period_end: date | None
    amount_xof: int


@dataclass(frozen=True, slots=True)
class PaymentCard:
    """All that stands on the card; the payer's number is whole, whoever shows it masks it."""

    id: int
    receipt_number: str
    operator: str
    operator_transaction_id: str
    amount_xof: int
    fee_xof: int | None
    payer_msisdn: str | None
    our_reference: str | None
    matched_by: str
    provenance: str
    occurred_at: datetime
    posted_at: datetime
    ledger_txn_id: int
    hold_reason: str | None
    ramu_number: str | None
    request_reference: str | None
    request_state: str | None
    is_reversed: bool
    evidence: tuple[EvidenceOfPayment, ...]
    entries: tuple[EntryOfPayment, ...]
    pays: tuple[PeriodOfPayment, ...]


@dataclass(frozen=True, slots=True)
class PaymentNamed:
    """What a person may name a payment by; a reference that is None was not meant."""

    receipt_number: str
    reference: str | None
    operator_ids: tuple[str, ...]


async def payment_cards(connection: AsyncConnection, named: PaymentNamed) -> tuple[PaymentCard, ...]:
    """Return the cards of the payments with this receipt, this operator's number or this reference of ours."""
    wanted = {
        "receipt_number": named.receipt_number,
        "reference": named.reference,
        "operator_ids": list(named.operator_ids),
        "most": FOUND_MAX,
    }
    cards = []
    for row in (await connection.execute(PAYMENT, wanted)).all():
        asked = {
            "operator": row.operator,
            "operator_transaction_id": row.operator_transaction_id,
            "txn_id": row.ledger_txn_id,
            "most": EVIDENCE_MAX,
        }
        cards.append(
            PaymentCard(
                **row._asdict(),
                evidence=tuple(EvidenceOfPayment(*one) for one in (await connection.execute(EVIDENCE, asked)).all()),
                entries=tuple(EntryOfPayment(*one) for one in (await connection.execute(ENTRIES, asked)).all()),
                pays=tuple(PeriodOfPayment(*one) for one in (await connection.execute(PAYS, asked)).all()),
            )
        )
    return tuple(cards)
