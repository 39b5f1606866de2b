"""The sandbox operator as its own process, whose payers have all paid already and whose callbacks have all gone out."""

import argparse
import os
from datetime import UTC, datetime, timedelta
from uuid import UUID

import uvicorn

from sandbox_operator.actions import WalletOperator
from sandbox_operator.app import create_operator
from sandbox_operator.model import Prompt, PromptState, Transaction
from tests.benchmarks.ground import MERCHANT, Paid
from tests.benchmarks.servers import HOST


def fill(operator: WalletOperator, payments: list[Paid], at: datetime) -> None:
    """Write the books of payments that were asked for and approved."""
    for one in payments:
        server_id = UUID(int=one.correlation_id.int | 1 << 100)
        paid = Transaction(
            reference=one.transaction,
            type="merchantpay",
            status="completed",
            amount_xof=one.amount_xof,
            fee_xof=5,
            payer=one.msisdn,
            merchant_reference=one.reference,
            original=None,
            at=at,
            prompt=server_id,
        )
        prompt = Prompt(
            server_id=server_id,
            client_id=one.correlation_id,
            digest="",
            payer=one.msisdn,
            amount_xof=one.amount_xof,
            reference=one.reference,
            callback_url=None,
            opened_at=at,
            expires_at=at + timedelta(hours=1),
            state=PromptState.COMPLETED,
            transaction=one.transaction,
        )
        operator.books.write(prompt, paid)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, required=True)
    told = arguments.parse_args()
    app = create_operator(None, lambda: datetime.now(UTC), merchant=MERCHANT)
    payments, households = int(os.environ["FILLED_PAYMENTS"]), int(os.environ["FILLED_HOUSEHOLDS"])
    fill(app.state.operator, [Paid(number, households) for number in range(payments)], datetime.now(UTC))
    # The same as `ramu sandbox`.
    uvicorn.run(app, host=HOST, port=told.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
