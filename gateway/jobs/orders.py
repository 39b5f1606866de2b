"""How a leased request is put to an operator."""

from gateway.infra.deps import Deps
from payments.operators.contract import PushOrder
from payments.requests.dispatch import LeasedRequest


def order_for(deps: Deps, leased: LeasedRequest) -> PushOrder:
    """Return the order of a request; its ids were made and kept before, and are the same at every repetition."""
    return PushOrder(
        reference=leased.reference,
        correlation_id=leased.correlation_id,
        amount_xof=leased.amount_xof,
        payer_msisdn=leased.payer_msisdn,
        operator_request_id=leased.operator_request_id,
        operator_state=leased.operator_state or {},
        callback_url=f"{deps.public_url}/webhooks/{leased.operator}/{leased.callback_token}",
    )
