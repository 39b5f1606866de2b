"""The aggregators we speak with, by name; a new one is one file and one line here."""

from gateway.ussd.aggregators.africastalking import AfricasTalking
from gateway.ussd.aggregators.contract import Aggregator, Aggregators


def get(name: str) -> Aggregator:
    """Give the aggregator of that name; ``KeyError`` when there is none."""
    return built_in()[name]


def built_in() -> Aggregators:
    """Give every aggregator of this package."""
    return {aggregator.name: aggregator for aggregator in (AfricasTalking(),)}
