"""The French sentences of what keeps a day from being closed, for the console and the command."""

from collections.abc import Iterable, Mapping
from typing import Final

from gateway.french import francs, short_date
from gateway.reports.break_sentences import sentence
from payments.detail import Detail
from payments.reconciliation.close import DayNotClosable, DayRefusal

_REFUSALS: Final[Mapping[DayRefusal, str]] = {
    DayRefusal.NOT_OVER: "La journée du {day} n'est pas finie : elle se clôt le lendemain.",
    DayRefusal.ALREADY_CLOSED: "La journée du {day} est déjà close.",
    DayRefusal.EARLIER_DAY_OPEN: "Les journées se closent dans l'ordre : celle du {day} est encore ouverte.",
    DayRefusal.BEFORE_ANY_ACTIVITY: "Rien à clore le {day} : l'activité commence plus tard.",
}


def refusal_sentence(refused: DayNotClosable) -> str:
    """Return why a day must stay open for now."""
    return _REFUSALS[refused.refusal].format(day=short_date(refused.day))


def missing_sentences(
    without_statement: Iterable[str],
    unexplained_xof: Mapping[str, int],
    unfinished: Iterable[tuple[str, Detail | None]],
    labels: Mapping[str, str],
) -> tuple[str, ...]:
    """Return what a day lacks, each in words without a full stop; ``labels`` names the operators."""
    return (
        *(f"le relevé de {labels.get(operator, operator)} manque" for operator in without_statement),
        *(
            f"{francs(xof)} F de {labels.get(operator, operator)} restent inexpliqués"
            for operator, xof in unexplained_xof.items()
        ),
        *(
            f"le relevé « {filename} » n'est pas rapproché jusqu'au bout{_because(motive)}"
            for filename, motive in unfinished
        ),
    )


def _because(motive: Detail | None) -> str:
    return f" ({sentence(motive)})" if motive else ", il est encore au travail"
