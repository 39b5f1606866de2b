"""Refuses statement files, each time for a reason that is a code with its values."""

from payments.detail import DetailCode, Value, detail
from payments.errors import AmountAmbiguous, AmountInvalid, StatementRejected


def rejected(code: DetailCode, line_number: int | None = None, /, **values: Value) -> StatementRejected:
    """Return the refusal of a statement for a reason with its values.

    Errors:  DetailUnknown.
    """
    return StatementRejected(detail(code, **values), line_number)


def rejected_amount(invalid: AmountInvalid, line_number: int, figure: str | None = None) -> StatementRejected:
    """Return the refusal of a statement for an amount that cannot be read; ``figure`` is what it stands for."""
    if isinstance(invalid, AmountAmbiguous):
        values: dict[str, Value] = {"whole_xof": invalid.whole_xof}
        code = DetailCode.FILE_AMOUNT_AMBIGUOUS
    else:
        values = {"fault": invalid.fault.value, "bound_xof": invalid.largest_xof}
        code = DetailCode.FILE_AMOUNT_UNREADABLE
    return rejected(code, line_number, figure=figure, text=invalid.text, **values)
