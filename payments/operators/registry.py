"""The operators we know how to read, by name."""

from payments.errors import OperatorUnknown
from payments.operators.contract import Operator, Operators
from payments.operators.sandbox import adapter as sandbox


def built_in() -> Operators:
    """Give every operator of this package; a new one is one folder and one line here.

    Source:  payments/operators/<name>/, where each adapter says whose document it follows.
    """
    return {"sandbox": sandbox.operator()}


def get(name: str, operators: Operators | None = None) -> Operator:
    """Give the operator of that name, among those of this package or among ``operators``.

    Errors:  OperatorUnknown.
    Source:  the names are ours; they stand in addresses, tables and settings.
    """
    try:
        return (built_in() if operators is None else operators)[name]
    except KeyError:
        raise OperatorUnknown(name) from None
