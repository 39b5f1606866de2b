"""The operators there are: the folders beside this file.

Each has ``adapter.py`` with ``operator()``, its pure half, and ``config.py`` with ``Config`` and ``build``.
"""

import httpx

from payments.adapters import AdapterConfig, Adapters
from payments.errors import OperatorUnknown
from payments.operators.contract import Clock, Operator, Operators

ADAPTERS = Adapters(__package__)


def built_in() -> Operators:
    """Return every operator of this package, without settings and so without calls.

    Source:  payments/operators/<name>/, where each adapter says whose document it follows.
    """
    return {name: get(name) for name in ADAPTERS.names()}


def get(name: str, operators: Operators | None = None) -> Operator:
    """Return the operator of that name, among those of this package or among ``operators``.

    Errors:  OperatorUnknown.
    Source:  the names are ours; they stand in addresses, tables and settings.
    """
    try:
        if operators is not None:
            return operators[name]
        operator: Operator = ADAPTERS.part(name, "adapter").operator()
    except KeyError:
        raise OperatorUnknown(name) from None
    return operator


def build(name: str, config: AdapterConfig, http: httpx.AsyncClient, clock: Clock) -> Operator:
    """Build the operator of that name from its settings, with its calls where it has any."""
    operator: Operator = ADAPTERS.part(name).build(config, http, clock)
    return operator
