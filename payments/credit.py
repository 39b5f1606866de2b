"""Credits money once per operator transaction, for ever."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.break_kind import BreakKind
from payments.detail import Detail, DetailCode, detail
from payments.evidence.booked import read_payments
from payments.evidence.facts import ConfirmedPayment, ExistingPayment, FoundBreak, MatchedBy
from payments.ledger import chart
from payments.ledger.entry import Entry, LedgerTxn, movement
from payments.ledger.post import post, reserve_ids
from payments.msisdn import mask
from payments.observation import Provenance

RESERVE = text("SELECT nextval('payment_id_seq') FROM generate_series(1, :count)")

#: The unique index decides who credits; whoever comes second learns it here and writes nothing.
INSERT = text("""
    INSERT INTO payment (id, operator, operator_transaction_id, request_id, party_id, amount_xof, fee_xof,
                         payer_msisdn, our_reference, matched_by, provenance, occurred_at, posted_at, ledger_txn_id,
                         receipt_number, raw_transaction_id, hold_reason)
    SELECT id, operator, operator_transaction_id, request_id, party_id, amount_xof, fee_xof,
           payer_msisdn, our_reference, matched_by, provenance, occurred_at, :now, ledger_txn_id, receipt_number,
           raw_transaction_id, hold_reason
      FROM unnest(CAST(:ids AS bigint[]), CAST(:operators AS text[]), CAST(:transactions AS text[]),
                  CAST(:requests AS bigint[]), CAST(:parties AS bigint[]), CAST(:amounts AS bigint[]),
                  CAST(:fees AS bigint[]), CAST(:payers AS text[]), CAST(:references AS text[]),
                  CAST(:matched AS text[]), CAST(:provenances AS text[]), CAST(:occurred AS timestamptz[]),
                  CAST(:txns AS bigint[]), CAST(:receipts AS text[]), CAST(:raws AS text[]), CAST(:held AS text[]))
           AS new(id, operator, operator_transaction_id, request_id, party_id, amount_xof, fee_xof,
                  payer_msisdn, our_reference, matched_by, provenance, occurred_at, ledger_txn_id, receipt_number,
                  raw_transaction_id, hold_reason)
        ON CONFLICT (operator, operator_transaction_id) DO NOTHING
    RETURNING id
""")

RECEIPT_DIGITS = 9


@dataclass(frozen=True, slots=True)
class NewPayment:
    """A payment that this database transaction has just credited; its entries are still to be posted."""

    id: int
    ledger_txn_id: int
    receipt_number: str
    confirmed: ConfirmedPayment

    def booked(self) -> ExistingPayment:
        """Return it as whatever evidence comes next will find it."""
        one = self.confirmed
        return ExistingPayment(
            id=self.id,
            operator=one.operator,
            operator_transaction_id=one.operator_transaction_id,
            party_id=one.party_id,
            amount_xof=one.amount_xof,
            request_id=one.request_id,
            payer_msisdn=one.payer_msisdn,
            raw_transaction_id=one.raw_transaction_id,
            hold_reason=one.hold_reason,
        )


def receipt_number(payment_id: int) -> str:
    """Return the number that a person quotes, from the number that we count."""
    return f"Q{payment_id:0{RECEIPT_DIGITS}d}"


async def insert_payments(
    connection: AsyncConnection, confirmed_payments: Sequence[ConfirmedPayment], now: datetime
) -> tuple[list[NewPayment], list[ExistingPayment]]:
    """Write the payments that nobody wrote before and read the others.

    Rows go in by operator and transaction id, so that two batches with the same payments wait in one order.
    """
    if not confirmed_payments:
        return [], []
    ordered = sorted(confirmed_payments, key=lambda confirmed: (confirmed.operator, confirmed.operator_transaction_id))
    txn_ids = await reserve_ids(connection, len(ordered))
    ids = list((await connection.execute(RESERVE, {"count": len(ordered)})).scalars())
    made = [
        NewPayment(payment_id, txn_id, receipt_number(payment_id), confirmed)
        for payment_id, txn_id, confirmed in zip(ids, txn_ids, ordered, strict=True)
    ]
    written = set((await connection.execute(INSERT, _columns(made, now))).scalars())
    if len(written) == len(made):
        return made, []
    lost = [payment.confirmed.key for payment in made if payment.id not in written]
    return [payment for payment in made if payment.id in written], await read_payments(connection, lost)


def _columns(made: Sequence[NewPayment], now: datetime) -> dict[str, object]:
    confirmed_payments = [payment.confirmed for payment in made]
    return {
        "ids": [payment.id for payment in made],
        "txns": [payment.ledger_txn_id for payment in made],
        "receipts": [payment.receipt_number for payment in made],
        "operators": [confirmed.operator for confirmed in confirmed_payments],
        "transactions": [confirmed.operator_transaction_id for confirmed in confirmed_payments],
        "requests": [confirmed.request_id for confirmed in confirmed_payments],
        "parties": [confirmed.party_id for confirmed in confirmed_payments],
        "amounts": [confirmed.amount_xof for confirmed in confirmed_payments],
        "fees": [confirmed.fee_xof for confirmed in confirmed_payments],
        "payers": [confirmed.payer_msisdn for confirmed in confirmed_payments],
        "references": [confirmed.our_reference for confirmed in confirmed_payments],
        "raws": [confirmed.raw_transaction_id for confirmed in confirmed_payments],
        "held": [confirmed.hold_reason for confirmed in confirmed_payments],
        "matched": [confirmed.matched_by for confirmed in confirmed_payments],
        "provenances": [confirmed.provenance for confirmed in confirmed_payments],
        "occurred": [confirmed.occurred_at for confirmed in confirmed_payments],
        "now": now,
    }


async def post_payments(
    connection: AsyncConnection, payments: Sequence[NewPayment], advances_xof: Mapping[int, int], now: datetime
) -> None:
    """Post what was credited: to contributions, to advances (by payment id), or to suspense."""
    await post(connection, [(one.ledger_txn_id, _txn(one, advances_xof.get(one.id, 0))) for one in payments], now)


def _txn(payment: NewPayment, advance_xof: int) -> LedgerTxn:
    confirmed = payment.confirmed
    if confirmed.party_id is None:
        credited = [Entry(chart.suspense(confirmed.operator), -confirmed.amount_xof)]
    else:
        credited = [
            Entry(chart.CONTRIBUTIONS, advance_xof - confirmed.amount_xof, confirmed.party_id),
            Entry(chart.ADVANCES, -advance_xof, confirmed.party_id),
        ]
    return LedgerTxn(
        ref=f"payment/{confirmed.operator}/{confirmed.operator_transaction_id}",
        kind="payment",
        effective_at=confirmed.occurred_at,
        actor=f"operator/{confirmed.operator}",
        reason=f"{confirmed.provenance}: {confirmed.matched_by}",
        entries=movement(Entry(chart.clearing(confirmed.operator), confirmed.amount_xof), credited),
    )


def amount_mismatches(
    confirmed_payments: Sequence[ConfirmedPayment], existing: Sequence[ExistingPayment]
) -> list[FoundBreak]:
    """Find evidence that says something else than what was credited; nothing more is posted for it."""
    booked = {(one.operator, one.operator_transaction_id): one for one in existing}
    pairs = [(confirmed, booked[confirmed.key]) for confirmed in confirmed_payments if confirmed.key in booked]
    return [found for confirmed, payment in pairs for found in _differences(confirmed, payment)]


def _differences(confirmed: ConfirmedPayment, payment: ExistingPayment) -> Iterator[FoundBreak]:
    source, transaction_id = confirmed.provenance, confirmed.operator_transaction_id
    booked_as = payment.raw_transaction_id or transaction_id
    other_payer = (
        None not in {confirmed.payer_said, payment.payer_msisdn} and confirmed.payer_said != payment.payer_msisdn
    )
    stated_payer, booked_payer = _masked(confirmed.payer_said), _masked(payment.payer_msisdn)
    if confirmed.written_as != booked_as and (other_payer or confirmed.amount_xof != payment.amount_xof):
        said = detail(
            DetailCode.CREDITED_UNDER_OTHER_ID,
            provenance=source,
            booked_id=booked_as,
            booked_xof=payment.amount_xof,
            booked_payer=booked_payer,
            stated_id=confirmed.written_as,
            stated_xof=confirmed.amount_xof,
            stated_payer=stated_payer,
        )
        subject = f"{transaction_id}:{confirmed.written_as}:{confirmed.amount_xof}"
        yield _difference(BreakKind.COLLISION, confirmed, payment, said, subject)
        return
    if confirmed.amount_xof != payment.amount_xof:
        amounts = {"stated_xof": confirmed.amount_xof, "booked_xof": payment.amount_xof}
        said = detail(DetailCode.CREDITED_OTHER_AMOUNT, provenance=source, **amounts)
        yield _difference(BreakKind.AMOUNT, confirmed, payment, said, transaction_id)
    if other_payer:
        payers = {"stated_payer": stated_payer, "booked_payer": booked_payer}
        said = detail(DetailCode.CREDITED_OTHER_PAYER, provenance=source, **payers)
        yield _difference(BreakKind.OTHER_PAYER, confirmed, payment, said, transaction_id)
    # Only a reference outranks what was believed before; who paid says less than what was asked.
    named = confirmed.matched_by is MatchedBy.REFERENCE and confirmed.party_id is not None
    if named and payment.hold_reason is None and payment.party_id != confirmed.party_id:
        said = _other_party(source, confirmed.party_id, payment.party_id)
        yield _difference(BreakKind.OTHER_HOUSEHOLD, confirmed, payment, said, transaction_id)


def _other_party(source: Provenance, stated: int | None, booked: int | None) -> Detail:
    if booked is None:
        return detail(DetailCode.CREDITED_TO_SUSPENSE, provenance=source, stated_party_id=stated)
    return detail(DetailCode.CREDITED_OTHER_PARTY, provenance=source, stated_party_id=stated, booked_party_id=booked)


def _difference(
    kind: BreakKind, confirmed: ConfirmedPayment, payment: ExistingPayment, said: Detail, subject: str
) -> FoundBreak:
    return FoundBreak(
        kind=kind,
        operator=confirmed.operator,
        subject=subject,
        occurred_at=confirmed.occurred_at,
        difference_xof=confirmed.amount_xof - payment.amount_xof,
        operator_amount_xof=confirmed.amount_xof,
        ledger_amount_xof=payment.amount_xof,
        detail=said,
        transaction_id=confirmed.operator_transaction_id,
    )


def _masked(msisdn: str | None) -> str | None:
    return mask(msisdn) if msisdn else None
