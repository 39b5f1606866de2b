"""One payment as page and terminal show it: what was asked and received, what proves it, its entries, what it pays."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.reports.break_sentences import sentence_of

#: Two operators may call two operations alike; more than a few found payments are a question that names too little.
FOUND_MAX: Final = 10
#: An operator may tell of one payment very often.
EVIDENCE_MAX: Final = 50

PAYMENT = text("""
    SELECT payment.id, payment.receipt_number, payment.operator, payment.operator_transaction_id, payment.amount_xof,
           payment.fee_xof, payment.payer_msisdn, payment.our_reference, payment.matched_by, payment.provenance,
           payment.occurred_at, payment.posted_at, payment.ledger_txn_id, payment.hold_reason, household.ramu_number,
           request.reference AS request_reference, request.state AS request_state, request.created_at AS asked_at,
           request.amount_xof AS asked_xof, request.submitted_at AS sent_at, request.submissions, request.inquiries,
           request.finalised_at AS ended_at,
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
    SELECT observed_at, provenance, status, amount_xof, occurred_at, remarks, callback_id FROM observation
     WHERE operator = :operator AND operator_transaction_id = :operator_transaction_id ORDER BY id LIMIT :most
""")

#: Its own, what takes it back, and whatever gave it to a household later or undid that.
TXNS = text("""
    SELECT id, kind, posted_at, actor FROM ledger_txn
     WHERE id IN (SELECT CAST(:txn_id AS bigint)
                   UNION SELECT id FROM ledger_txn WHERE reverses_id = :txn_id
                   UNION SELECT ledger_txn_id FROM suspense_assignment WHERE payment_id = :payment_id)
     ORDER BY id
""")

ENTRIES = text("""
    SELECT txn_id, account, amount_xof FROM ledger_entry WHERE txn_id = ANY(CAST(:txn_ids AS bigint[]))
     ORDER BY txn_id, line
""")

PAYS = text("""
    SELECT period_start, period_end, CAST(sum(allocation.amount_xof) AS bigint) AS amount_xof
      FROM allocation JOIN charge_with_days AS charge ON charge.id = allocation.charge_id
     WHERE allocation.ledger_txn_id = ANY(CAST(:txn_ids AS bigint[]))
     GROUP BY period_start, period_end, number ORDER BY period_start, number
""")

MESSAGES = text("""
    SELECT outbox_sms.id, queued_at, sent_at, kind, state, msisdn FROM sms_key
      JOIN outbox_sms ON outbox_sms.id = sms_key.sms_id
     WHERE sms_key.key = ANY(CAST(:keys AS text[])) ORDER BY outbox_sms.id
""")

#: What stands, open or closed, of the operation or of the request that it answers.
BREAKS = text("""
    SELECT kind, day, operator_amount_xof, ledger_amount_xof, difference_xof, detail, closed_at, close_reason
      FROM reconciliation_break
     WHERE operator = :operator AND superseded_at IS NULL
       AND about IN (:operator_transaction_id, CAST(:reference AS text))
     ORDER BY id LIMIT :most
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
    callback_id: int | None


@dataclass(frozen=True, slots=True)
class EntryOfPayment:
    """One line of the books."""

    account: str
    amount_xof: int


@dataclass(frozen=True, slots=True)
class TxnOfPayment:
    """Entries that were made together, by whom and when."""

    id: int
    kind: str
    posted_at: datetime
    actor: str
    entries: tuple[EntryOfPayment, ...]


@dataclass(frozen=True, slots=True)
class SmsOfPayment:
    """A message that told of it; the number is whole, whoever shows it masks it."""

    sms_id: int
    queued_at: datetime
    sent_at: datetime | None
    kind: str
    state: str
    msisdn: str


@dataclass(frozen=True, slots=True)
class BreakOfPayment:
    """A difference that was found about it; ``detail`` is a sentence."""

    kind: str
    day: date
    operator_amount_xof: int | None
    ledger_amount_xof: int | None
    difference_xof: int
    detail: str
    closed_at: datetime | None
    close_reason: str | None


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
    asked_at: datetime | None
    asked_xof: int | None
    sent_at: datetime | None
    submissions: int | None
    inquiries: int | None
    ended_at: datetime | None
    is_reversed: bool
    evidence: tuple[EvidenceOfPayment, ...]
    txns: tuple[TxnOfPayment, ...]
    pays: tuple[PeriodOfPayment, ...]
    messages: tuple[SmsOfPayment, ...]
    breaks: tuple[BreakOfPayment, ...]


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
    return tuple([await _card(connection, row) for row in (await connection.execute(PAYMENT, wanted)).all()])


async def _card(connection: AsyncConnection, row: Row[Any]) -> PaymentCard:
    asked: dict[str, object] = {
        "operator": row.operator,
        "operator_transaction_id": row.operator_transaction_id,
        "reference": row.request_reference,
        "payment_id": row.id,
        "txn_id": row.ledger_txn_id,
        "keys": [f"payment/{row.id}", f"payment/{row.id}/payer", f"moved/{row.id}"],
        "most": EVIDENCE_MAX,
    }
    txns = (await connection.execute(TXNS, asked)).all()
    asked["txn_ids"] = [txn.id for txn in txns]
    entries = (await connection.execute(ENTRIES, asked)).all()
    by_txn = {
        txn.id: tuple(EntryOfPayment(one.account, one.amount_xof) for one in entries if one.txn_id == txn.id)
        for txn in txns
    }
    breaks = (await connection.execute(BREAKS, asked)).all()
    return PaymentCard(
        **row._asdict(),
        evidence=tuple(EvidenceOfPayment(*one) for one in (await connection.execute(EVIDENCE, asked)).all()),
        txns=tuple(TxnOfPayment(txn.id, txn.kind, txn.posted_at, txn.actor, by_txn[txn.id]) for txn in txns),
        pays=tuple(PeriodOfPayment(*one) for one in (await connection.execute(PAYS, asked)).all()),
        messages=tuple(SmsOfPayment(*one) for one in (await connection.execute(MESSAGES, asked)).all()),
        breaks=tuple(BreakOfPayment(**{**one._asdict(), "detail": sentence_of(one.detail)}) for one in breaks),
    )
