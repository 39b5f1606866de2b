"""The settings of Africa's Talking as an aggregator: it needs none but the key of its address."""

from gateway.ussd.aggregators.africastalking.wire import AfricasTalking
from payments.adapters import AdapterConfig


class Config(AdapterConfig):
    """Nothing beside ``RAMU_USSD_KEYS``."""


def build(config: Config) -> AfricasTalking:
    """Return the aggregator."""
    del config
    return AfricasTalking()
