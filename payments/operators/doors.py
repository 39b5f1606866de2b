"""The doors through which an operator's words come in: whatever its reader gives, ids leave here in normal form."""

from collections.abc import Sequence
from dataclasses import replace

from payments.identity import identified, transaction_id
from payments.observation import Observation
from payments.operators.contract import Operator, Statement, StatementLine
from payments.operators.whole_ids import require_whole_ids
from payments.wire import RawRequest


def read_callback(operator: Operator, request: RawRequest) -> tuple[Observation, ...]:
    """Read a callback.

    Errors:  CallbackMalformed, as the operator's own reader.
    Source:  the operator's rule of identity, ``Capabilities.identity``.
    """
    rule = operator.capabilities.identity
    return tuple(identified(one, rule) for one in operator.parse_callback(request))


def read_statement(operator: Operator, content: bytes, filename: str) -> Statement:
    """Read a statement whole.

    Errors:  StatementRejected, as the operator's own reader, and where a spreadsheet has cut the ids.
    Source:  see read_callback.
    """
    statement = operator.parse_statement(content, filename)
    lines = _identified(operator, statement.lines)
    require_whole_ids(lines)
    return replace(statement, lines=lines)


def _identified(operator: Operator, lines: Sequence[StatementLine]) -> list[StatementLine]:
    rule = operator.capabilities.identity
    found = []
    for line in lines:
        observation = identified(line.observation, rule)
        reference = observation.operator_transaction_id
        if line.reference != reference:
            reference = transaction_id(line.reference, rule) if line.reference else None
        unchanged = observation is line.observation and reference == line.reference
        found.append(line if unchanged else replace(line, observation=observation, reference=reference))
    return found
