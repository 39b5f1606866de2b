"""The aggregators there are: the folders beside this file; ``config.py`` of each has ``Config`` and ``build``."""

from collections.abc import Iterable, Mapping

from gateway.ussd.aggregators.contract import Aggregator, Aggregators
from payments.adapters import AdapterConfig, Adapters

ADAPTERS = Adapters(__package__)


def get(name: str) -> Aggregator:
    """Return the aggregator of that name with the settings it has of itself; ``KeyError`` when there is none."""
    return built({name: ADAPTERS.config(name)()})[name]


def built(configs: Mapping[str, AdapterConfig]) -> Aggregators:
    """Build aggregators from their settings."""
    found: dict[str, Aggregator] = {name: ADAPTERS.part(name).build(config) for name, config in configs.items()}
    return found


def built_in(names: Iterable[str] | None = None) -> Aggregators:
    """Return aggregators by name, all of those that need no settings when none are named."""
    wanted = [name for name in ADAPTERS.names() if not ADAPTERS.needs(name)] if names is None else names
    return {name: get(name) for name in wanted}
