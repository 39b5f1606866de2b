"""A statement whose ids a spreadsheet has cut is refused whole: different operations would be one."""

from collections.abc import Sequence
from typing import Final

from payments import identity
from payments.errors import RejectedFor, StatementRejected
from payments.operators.contract import StatementLine

#: So many lines are named where every line of a file is damaged in the same way.
NAMED_LINES_MAX: Final = 20


def require_whole_ids(lines: Sequence[StatementLine]) -> None:
    """Refuse a file of which an id is a power of ten, or of which all long ids end in zeros.

    Errors:  StatementRejected, which names every such line.
    Source:  see identity.is_cut and identity.cut_together.
    """
    # An id that begins with a letter was never a number to any spreadsheet.
    lines = [line for line in lines if any(not one[0].isalpha() for one in _ids(line))]
    cut = [line.line_number for line in lines if any(identity.is_cut(one) for one in _ids(line))]
    if not cut:
        own = [line.reference for line in lines if line.reference]
        others = {one for line in lines for one in _ids(line)}.difference(own)
        if not identity.cut_together([*own, *others]):
            return
        cut = [line.line_number for line in lines if any(identity.is_long_number(one) for one in _ids(line))]
    listed = ", ".join(str(number) for number in cut[:NAMED_LINES_MAX])
    more = f" et {len(cut) - NAMED_LINES_MAX} autres" if len(cut) > NAMED_LINES_MAX else ""
    raise StatementRejected(
        "des références ont perdu leurs derniers chiffres : le fichier a été enregistré de nouveau par un tableur, "
        f"il faut celui que l'opérateur a donné (lignes {listed}{more})",
        code=RejectedFor.SAVED_AGAIN,
        line_numbers=cut,
    )


def _ids(line: StatementLine) -> tuple[str, ...]:
    own, about = line.reference, line.observation.operator_transaction_id
    if own == about:
        return (own,) if own else ()
    return tuple(one for one in (own, about) if one)
