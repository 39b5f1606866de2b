"""How a claimed request is put to an operator."""

from gateway.deps import Deps
from payments.dispatch import ClaimedRequest
from payments.operators.contract import PushOrder


def order_for(deps: Deps, claimed: ClaimedRequest) -> PushOrder:
    """Give the order of a request; its ids were made and kept before, and are the same at every repetition."""
    return PushOrder(
        reference=claimed.reference,
        correlation_id=claimed.correlation_id,
        amount_xof=claimed.amount_xof,
        payer_msisdn=claimed.payer_msisdn,
        callback_url=f"{deps.public_url}/webhooks/{claimed.operator}/{claimed.callback_token}",
    )
