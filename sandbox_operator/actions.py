"""What people and time do to the books: open, approve, refuse, ignore, repeat, reverse, pay unasked, expire."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sandbox_operator import gsma
from sandbox_operator.books import Books
from sandbox_operator.model import (
    MAX_AMOUNT_XOF,
    Delivery,
    Prompt,
    PromptAnswer,
    PromptState,
    Row,
    Transaction,
    UnaskedPayment,
)

PROMPT_LIFETIME_S = 600

#: One franc in a hundred, rounded down, taken from the merchant for each collection.
MERCHANT_FEE_BP = 100


class ActionRefused(Exception):
    """Something asked for that the books do not allow; the text is for the person who asked."""


@dataclass(frozen=True, slots=True)
class WalletOperator:
    """The books and the two facts about the merchant that every action needs."""

    books: Books
    merchant: str
    notify_url: str | None


def open_prompt(operator: WalletOperator, order: gsma.Order, now: datetime) -> Prompt:
    """Take an order: the phone rings once, however often the same order comes."""
    books = operator.books
    known = books.prompt_of_client.get(order.client_id)
    if known is not None:
        prompt = books.prompts[known]
        if prompt.digest != order.digest:
            raise gsma.OrderRefused("duplicateRequest", "X-CorrelationID was used for another order")
        return prompt
    auto_s = books.switches.auto_approve_s
    prompt = Prompt(
        server_id=uuid4(),
        client_id=order.client_id,
        digest=order.digest,
        payer=order.payer,
        amount_xof=order.amount_xof,
        reference=order.reference,
        callback_url=order.callback_url,
        opened_at=now,
        expires_at=now + timedelta(seconds=PROMPT_LIFETIME_S),
        planned=PromptAnswer(do="approve") if auto_s is not None else None,
        planned_at=now + timedelta(seconds=auto_s) if auto_s is not None else None,
    )
    books.write(prompt)
    return prompt


def decide(operator: WalletOperator, server_id: UUID, decision: PromptAnswer, now: datetime) -> Prompt:
    """Let the payer answer a prompt, now or later."""
    prompt = _pending(operator, server_id)
    if decision.after_s:
        planned = decision.model_copy(update={"after_s": 0})
        due = now + timedelta(seconds=decision.after_s)
        prompt = prompt.model_copy(update={"planned": planned, "planned_at": due, "ignored": False})
        operator.books.write(prompt)
        return prompt
    return _complete(operator, prompt, decision, now)


def ignore(operator: WalletOperator, server_id: UUID) -> Prompt:
    """Leave a prompt unanswered until it expires."""
    prompt = _pending(operator, server_id).model_copy(update={"ignored": True, "planned": None, "planned_at": None})
    operator.books.write(prompt)
    return prompt


def repeat_callback(operator: WalletOperator, reference: str, times: int, now: datetime) -> int:
    """Send the callback of a completed operation again, the same bytes each time."""
    transaction = _transaction(operator, reference)
    deliveries = _deliveries(operator, transaction, times, now)
    if not deliveries:
        raise ActionRefused("Aucune adresse d'avis pour cette opération.")
    operator.books.write(*deliveries)
    return len(deliveries)


def pay_unasked(operator: WalletOperator, payment: UnaskedPayment, now: datetime) -> Transaction:
    """Let a payer dial the merchant's code: money comes that nobody asked for."""
    debited = _debited(operator, payment.payer_msisdn, payment.amount_xof)
    transaction = _movement(payment.payer_msisdn, payment.amount_xof, payment.reference, now)
    operator.books.write(transaction, debited, *_deliveries(operator, transaction, payment.callbacks, now))
    return transaction


def reverse(operator: WalletOperator, reference: str, callbacks: int, now: datetime) -> Transaction:
    """Return the money of one operation back, once."""
    original = _transaction(operator, reference)
    if original.type != "merchantpay" or original.status != "completed":
        raise ActionRefused("Seule une opération réussie et non annulée peut être annulée.")
    reversal = _movement(original.payer, original.amount_xof, original.merchant_reference, now).model_copy(
        update={"type": "reversal", "fee_xof": 0, "original": reference, "prompt": original.prompt}
    )
    wallet = operator.books.wallet(original.payer)
    refunded = min(wallet.balance_xof + original.amount_xof, MAX_AMOUNT_XOF)
    operator.books.write(
        original.model_copy(update={"status": "reversed"}),
        reversal,
        wallet.model_copy(update={"balance_xof": refunded}),
        *_deliveries(operator, reversal, callbacks, now),
    )
    return reversal


def run_due(operator: WalletOperator, now: datetime) -> None:
    """Perform what has fallen due: planned answers, then prompts that nobody answered."""
    for prompt in operator.books.open_prompts():
        if prompt.planned is not None and prompt.planned_at is not None and prompt.planned_at <= now:
            _complete(operator, prompt, prompt.planned, now)
        elif prompt.expires_at <= now:
            _complete(operator, prompt, PromptAnswer(do="refuse", code="genericError"), now)


def callback_body(
    transaction: Transaction, error_code: str | None, merchant: str, now: datetime
) -> Mapping[str, object]:
    """Return what a callback says: the transaction, or on failure an error object alone."""
    return gsma.error(error_code, now) if error_code is not None else gsma.transaction(transaction, merchant)


def _pending(operator: WalletOperator, server_id: UUID) -> Prompt:
    prompt = operator.books.prompts.get(server_id)
    if prompt is None:
        raise ActionRefused("Aucune demande de ce numéro.")
    if prompt.state is not PromptState.PENDING:
        raise ActionRefused("Cette demande a déjà reçu sa réponse.")
    return prompt


def _transaction(operator: WalletOperator, reference: str) -> Transaction:
    found = operator.books.transactions.get(reference)
    if found is None:
        raise ActionRefused("Aucune opération de cette référence.")
    return found


def _complete(operator: WalletOperator, prompt: Prompt, decision: PromptAnswer, now: datetime) -> Prompt:
    amount_xof = decision.amount_xof or prompt.amount_xof
    error_code = decision.code if decision.do == "refuse" else None
    wallet_rows: list[Row] = []
    if error_code is None:
        try:
            wallet_rows = [_debited(operator, prompt.payer, amount_xof)]
        except ActionRefused:
            error_code = "insufficientFunds"
    transaction = _movement(prompt.payer, amount_xof, prompt.reference, now).model_copy(
        update={"prompt": prompt.server_id, **({"status": "failed", "fee_xof": 0} if error_code is not None else {})}
    )
    completed = prompt.model_copy(
        update={
            "state": PromptState.COMPLETED if error_code is None else PromptState.FAILED,
            "transaction": transaction.reference,
            "error_code": error_code,
            "planned": None,
            "planned_at": None,
        }
    )
    told = _deliveries(operator, transaction, decision.callbacks, now, completed)
    operator.books.write(completed, transaction, *wallet_rows, *told)
    return completed


def _movement(payer: str, amount_xof: int, reference: str | None, now: datetime) -> Transaction:
    # The tail keeps references unique for an operator that forgets its books between two starts.
    return Transaction(
        reference=f"MP{now:%y%m%d.%H%M}.{secrets.token_hex(4).upper()}",
        type="merchantpay",
        status="completed",
        amount_xof=amount_xof,
        fee_xof=amount_xof * MERCHANT_FEE_BP // 10_000,
        payer=payer,
        merchant_reference=reference,
        original=None,
        at=now,
    )


def _debited(operator: WalletOperator, payer: str, amount_xof: int) -> Row:
    wallet = operator.books.wallet(payer)
    if wallet.balance_xof < amount_xof:
        raise ActionRefused("Le solde de ce numéro ne suffit pas.")
    return wallet.model_copy(update={"balance_xof": wallet.balance_xof - amount_xof})


def _deliveries(
    operator: WalletOperator, transaction: Transaction, times: int, now: datetime, prompt: Prompt | None = None
) -> list[Delivery]:
    if prompt is None and transaction.prompt is not None:
        prompt = operator.books.prompts[transaction.prompt]
    url = prompt.callback_url if prompt is not None else operator.notify_url
    if url is None:
        return []
    error_code = prompt.error_code if prompt is not None else None
    body = json.dumps(callback_body(transaction, error_code, operator.merchant, now), ensure_ascii=False)
    correlation_id = prompt.client_id if prompt is not None else uuid4()
    return [
        Delivery(
            id=uuid4(),
            url=url,
            correlation_id=correlation_id,
            body=body,
            next_at=now,
            made_at=now,
            transaction=transaction.reference,
        )
        for _ in range(times)
    ]
