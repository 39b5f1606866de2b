"""Credits money once per operator transaction, for ever."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.booked import read_payments
from payments.ledger import chart
from payments.ledger.entry import Entry, LedgerTxn, movement
from payments.ledger.post import post, reserve_ids
from payments.match import BreakKind, Credit, ExistingPayment, FoundBreak, MatchedBy
from payments.msisdn import mask
from payments.observation import Provenance

RESERVE = text("SELECT nextval('payment_id_seq') FROM generate_series(1, :count)")

#: The unique index decides who credits; whoever comes second learns it here and writes nothing.
INSERT = text("""
    INSERT INTO payment (id, operator, operator_transaction_id, request_id, household_id, amount_xof, fee_xof,
                         payer_msisdn, our_reference, matched_by, provenance, occurred_at, posted_at, ledger_txn_id,
                         receipt_number, raw_transaction_id, held_because)
    SELECT id, operator, operator_transaction_id, request_id, household_id, amount_xof, fee_xof,
           payer_msisdn, our_reference, matched_by, provenance, occurred_at, :now, ledger_txn_id, receipt_number,
           raw_transaction_id, held_because
      FROM unnest(CAST(:ids AS bigint[]), CAST(:operators AS text[]), CAST(:transactions AS text[]),
                  CAST(:requests AS bigint[]), CAST(:households AS bigint[]), CAST(:amounts AS bigint[]),
                  CAST(:fees AS bigint[]), CAST(:payers AS text[]), CAST(:references AS text[]),
                  CAST(:matched AS text[]), CAST(:provenances AS text[]), CAST(:occurred AS timestamptz[]),
                  CAST(:txns AS bigint[]), CAST(:receipts AS text[]), CAST(:raws AS text[]), CAST(:held AS text[]))
           AS new(id, operator, operator_transaction_id, request_id, household_id, amount_xof, fee_xof,
                  payer_msisdn, our_reference, matched_by, provenance, occurred_at, ledger_txn_id, receipt_number,
                  raw_transaction_id, held_because)
        ON CONFLICT (operator, operator_transaction_id) DO NOTHING
    RETURNING id
""")

RECEIPT_DIGITS = 9

#: What a piece of evidence is, in the words of finance.
SOURCES: Final[Mapping[Provenance, str]] = {
    Provenance.SIGNED_CALLBACK: "l'avis signé",
    Provenance.UNBOUND_CALLBACK: "l'avis",
    Provenance.QUERY: "l'interrogation de l'opérateur",
    Provenance.STATEMENT: "le relevé",
    Provenance.MANUAL: "la saisie à la main",
}


@dataclass(frozen=True, slots=True)
class NewPayment:
    """A payment that this database transaction has just credited; its entries are still to be posted."""

    id: int
    ledger_txn_id: int
    receipt_number: str
    credit: Credit

    def booked(self) -> ExistingPayment:
        """Give it as whatever evidence comes next will find it."""
        one = self.credit
        return ExistingPayment(
            id=self.id,
            operator=one.operator,
            operator_transaction_id=one.operator_transaction_id,
            household_id=one.household_id,
            amount_xof=one.amount_xof,
            request_id=one.request_id,
            payer_msisdn=one.payer_msisdn,
            raw_transaction_id=one.raw_transaction_id,
            held_because=one.held_because,
        )


def receipt_number(payment_id: int) -> str:
    """Give the number that a person quotes, from the number that we count."""
    return f"Q{payment_id:0{RECEIPT_DIGITS}d}"


async def insert_payments(
    connection: AsyncConnection, credits_: Sequence[Credit], now: datetime
) -> tuple[list[NewPayment], list[ExistingPayment]]:
    """Write the payments that nobody wrote before and read the others.

    Rows go in by operator and transaction id, so that two batches with the same payments wait in one order.
    """
    if not credits_:
        return [], []
    ordered = sorted(credits_, key=lambda credit: (credit.operator, credit.operator_transaction_id))
    txn_ids = await reserve_ids(connection, len(ordered))
    ids = list((await connection.execute(RESERVE, {"count": len(ordered)})).scalars())
    made = [
        NewPayment(payment_id, txn_id, receipt_number(payment_id), credit)
        for payment_id, txn_id, credit in zip(ids, txn_ids, ordered, strict=True)
    ]
    written = set((await connection.execute(INSERT, _columns(made, now))).scalars())
    if len(written) == len(made):
        return made, []
    lost = [payment.credit.key for payment in made if payment.id not in written]
    return [payment for payment in made if payment.id in written], await read_payments(connection, lost)


def _columns(made: Sequence[NewPayment], now: datetime) -> dict[str, object]:
    credits_ = [payment.credit for payment in made]
    return {
        "ids": [payment.id for payment in made],
        "txns": [payment.ledger_txn_id for payment in made],
        "receipts": [payment.receipt_number for payment in made],
        "operators": [credit.operator for credit in credits_],
        "transactions": [credit.operator_transaction_id for credit in credits_],
        "requests": [credit.request_id for credit in credits_],
        "households": [credit.household_id for credit in credits_],
        "amounts": [credit.amount_xof for credit in credits_],
        "fees": [credit.fee_xof for credit in credits_],
        "payers": [credit.payer_msisdn for credit in credits_],
        "references": [credit.our_reference for credit in credits_],
        "raws": [credit.raw_transaction_id for credit in credits_],
        "held": [credit.held_because for credit in credits_],
        "matched": [credit.matched_by for credit in credits_],
        "provenances": [credit.provenance for credit in credits_],
        "occurred": [credit.occurred_at for credit in credits_],
        "now": now,
    }


async def post_payments(
    connection: AsyncConnection, payments: Sequence[NewPayment], advances_xof: Mapping[int, int], now: datetime
) -> None:
    """Post what was credited: to contributions, to advances (by payment id), or to suspense."""
    await post(connection, [(one.ledger_txn_id, _txn(one, advances_xof.get(one.id, 0))) for one in payments], now)


def _txn(payment: NewPayment, advance_xof: int) -> LedgerTxn:
    credit = payment.credit
    if credit.household_id is None:
        credited = [Entry(chart.suspense(credit.operator), -credit.amount_xof)]
    else:
        credited = [
            Entry(chart.CONTRIBUTIONS, advance_xof - credit.amount_xof, credit.household_id),
            Entry(chart.ADVANCES, -advance_xof, credit.household_id),
        ]
    return LedgerTxn(
        ref=f"payment/{credit.operator}/{credit.operator_transaction_id}",
        kind="payment",
        effective_at=credit.occurred_at,
        actor=f"operator/{credit.operator}",
        cause=f"{credit.provenance}: {credit.matched_by}",
        entries=movement(Entry(chart.clearing(credit.operator), credit.amount_xof), credited),
    )


def differing(credits_: Sequence[Credit], existing: Sequence[ExistingPayment]) -> list[FoundBreak]:
    """Find evidence that says something else than what was credited; nothing more is posted for it."""
    booked = {(one.operator, one.operator_transaction_id): one for one in existing}
    pairs = [(credit, booked[credit.key]) for credit in credits_ if credit.key in booked]
    return [found for credit, payment in pairs for found in _differences(credit, payment)]


def _differences(credit: Credit, payment: ExistingPayment) -> Iterator[FoundBreak]:
    source, transaction_id = SOURCES[credit.provenance], credit.operator_transaction_id
    held_as = payment.raw_transaction_id or transaction_id
    other_payer = None not in {credit.payer_said, payment.payer_msisdn} and credit.payer_said != payment.payer_msisdn
    if credit.written_as != held_as and (other_payer or credit.amount_xof != payment.amount_xof):
        detail = (
            f"« {held_as} » est créditée : {payment.amount_xof} F de {_payer(payment.payer_msisdn)} ; {source} donne "
            f"« {credit.written_as} » : {credit.amount_xof} F de {_payer(credit.payer_said)}, non crédité"
        )
        subject = f"{transaction_id}:{credit.written_as}:{credit.amount_xof}"
        yield _difference(BreakKind.COLLISION, credit, payment, detail, subject)
        return
    if credit.amount_xof != payment.amount_xof:
        detail = f"{source} dit {credit.amount_xof} F, nous avons crédité {payment.amount_xof} F"
        yield _difference(BreakKind.AMOUNT, credit, payment, detail, transaction_id)
    if other_payer:
        detail = f"{source} nomme le payeur {_payer(credit.payer_said)}, nous {_payer(payment.payer_msisdn)}"
        yield _difference(BreakKind.OTHER_PAYER, credit, payment, detail, transaction_id)
    # Only a reference outranks what was believed before; who paid says less than what was asked.
    named = credit.matched_by is MatchedBy.REFERENCE and credit.household_id is not None
    if named and payment.held_because is None and payment.household_id != credit.household_id:
        detail = f"{source} nomme le ménage {credit.household_id}, l'argent est {_place(payment.household_id)}"
        yield _difference(BreakKind.OTHER_HOUSEHOLD, credit, payment, detail, transaction_id)


def _difference(kind: BreakKind, credit: Credit, payment: ExistingPayment, detail: str, subject: str) -> FoundBreak:
    return FoundBreak(
        kind=kind,
        operator=credit.operator,
        subject=subject,
        occurred_at=credit.occurred_at,
        difference_xof=credit.amount_xof - payment.amount_xof,
        operator_says_xof=credit.amount_xof,
        we_say_xof=payment.amount_xof,
        detail=detail,
        transaction_id=credit.operator_transaction_id,
    )


def _payer(msisdn: str | None) -> str:
    return mask(msisdn) if msisdn else "payeur inconnu"


def _place(household_id: int | None) -> str:
    return "en attente d'affectation" if household_id is None else f"au ménage {household_id}"
