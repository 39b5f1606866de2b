"""Reads what an operator says; whatever its own reader gives, ids leave here in normal form."""

from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from payments.http_messages import RawRequest
from payments.identity import IdentityRule, identified, transaction_id
from payments.observation import Observation
from payments.operators.contract import (
    Operator,
    StatementFooter,
    StatementHeader,
    StatementLine,
    StatementPart,
)
from payments.operators.control_totals import ControlTotals
from payments.operators.whole_ids import WholeIds


def read_callback(operator: Operator, request: RawRequest) -> tuple[Observation, ...]:
    """Read a callback.

    Errors:  CallbackMalformed, as the operator's own reader.
    Source:  the operator's rule of identity, ``Capabilities.identity``.
    """
    rule = operator.capabilities.identity
    return tuple(identified(one, rule) for one in operator.parse_callback(request))


def read_statement(operator: Operator, content: BinaryIO, filename: str) -> Iterator[StatementPart]:
    """Read a statement as it comes; what it says counts only when its last footer has passed.

    Errors:  StatementRejected, as the operator's own reader; where a printed figure is not what the lines give, and
             where a spreadsheet has cut the ids.
    Source:  see read_callback.
    """
    control, ids = ControlTotals(), WholeIds()
    rule = operator.capabilities.identity
    # Whoever wrote the bytes out or hashed them left the stream at its end.
    content.seek(0)
    for part in operator.parse_statement(content, filename):
        match part:
            case StatementLine():
                line = _identified(part, rule)
                ids.look(line)
                control.add(line)
                yield line
            case StatementHeader():
                control.begin(part)
                yield part
            case StatementFooter():
                # Ids first: a file that a spreadsheet has saved again is told so, whatever else it did to it.
                ids.require()
                control.end(part)
                yield part
    control.require_ended()


def _identified(line: StatementLine, rule: IdentityRule) -> StatementLine:
    observation = identified(line.observation, rule)
    reference = observation.operator_transaction_id
    if line.reference != reference:
        reference = transaction_id(line.reference, rule) if line.reference else None
    if observation is line.observation and reference == line.reference:
        return line
    return replace(line, observation=observation, reference=reference)
