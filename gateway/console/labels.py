"""What a finance officer reads in place of our codes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.console.auth.roles import Role
from gateway.reports.day import DaySummary, OperatorDay

ROLES: Mapping[Role, str] = {
    Role.DESK: "guichet",
    Role.FINANCE: "finance",
    Role.ACCOUNTANT: "agent comptable",
    Role.AUDITOR: "auditeur",
    Role.ADMIN: "administrateur",
}

#: Of one request, and of several.
PUSH_STATES: Mapping[str, tuple[str, str]] = {
    "created": ("à envoyer", "à envoyer"),
    "submitted": ("envoyée, réponse attendue", "envoyées, réponse attendue"),
    "unknown": ("sans réponse, on redemande", "sans réponse, on redemande"),
    "pending": ("en attente du payeur", "en attente du payeur"),
    "succeeded": ("payée", "payées"),
    "failed": ("refusée ou abandonnée", "refusées ou abandonnées"),
    "expired": ("expirée sans réponse du payeur", "expirées sans réponse du payeur"),
    "reversed": ("annulée par l'opérateur", "annulées par l'opérateur"),
}

#: The kinds of account of the chart.
ACCOUNTS: Mapping[str, str] = {
    "clearing": "Détenu par l'opérateur",
    "suspense": "Compte d'attente",
    "contributions": "Cotisations des ménages",
    "advances": "Cotisations payées d'avance",
    "receivables": "Quotes-parts à recevoir (État, communes, autres payeurs)",
    "quote_parts": "Quotes-parts appelées",
}

#: Who is no colleague and yet does something.
ACTORS: Mapping[str, str] = {
    "command-line": "ligne de commande",
    "command": "ligne de commande",
    "job": "automate",
    "operator": "preuve de l'opérateur",
}

#: What became of the lines of a statement.
BUCKETS: Mapping[str, str] = {
    "matched": "déjà passées, conformes",
    "recovered": "retrouvées par le relevé et passées",
    "suspense": "retrouvées, ménage inconnu : en attente",
    "amount_differs": "montant différent : écart ouvert",
    "status_differs": "état différent : écart ouvert",
    "collision": "même référence, autre opération : écart ouvert",
    "doubled": "données deux fois par le même relevé : écart ouvert",
    "reversal": "annulations par l'opérateur : écart ouvert",
    "unknown_service": "d'un service inconnu : écart ouvert",
    "duplicate": "déjà dites par un relevé antérieur, comptées une seule fois",
    "superseded": "remplacées par un relevé plus récent",
    "not_money": "sans argent reçu (échecs, frais, virements)",
    "unreadable": "incomplètes, à examiner",
}


#: Why money that waits may go to nobody yet.
HELD: Mapping[str, str] = {
    "reversed": "bloqué : repris par l'opérateur, deux personnes décident",
    "number_held": "bloqué : numéro peut-être passé à quelqu'un d'autre, à vérifier",
}


class DayStatus(StrEnum):
    """Where the reconciliation of a day stands, the least certain first."""

    EMPTY = "empty"
    AWAITED = "awaited"
    MATCHING = "matching"
    PARTIAL = "partial"
    UNEXPLAINED = "unexplained"
    UNVERIFIABLE = "unverifiable"
    EXPLAINED = "explained"
    BALANCED = "balanced"


@dataclass(frozen=True, slots=True)
class DayStatusLabel:
    """A verdict in one word, in a title and in a sentence."""

    word: str
    title: str
    sentence: str


DAY_STATUSES: Mapping[DayStatus, DayStatusLabel] = {
    DayStatus.EMPTY: DayStatusLabel(
        "vide",
        "Aucun opérateur",
        "Aucun opérateur n'est configuré et aucun encaissement n'est connu ce jour.",
    ),
    DayStatus.AWAITED: DayStatusLabel(
        "relevé attendu",
        "Relevé attendu",
        "Sans le relevé de l'opérateur, rien n'est confirmé : les chiffres ci-dessous sont les nôtres seuls.",
    ),
    DayStatus.PARTIAL: DayStatusLabel(
        "incomplète",
        "Journée incomplète",
        "Le relevé reçu ne couvre pas toute la journée ; le rapprochement sera définitif avec le relevé complet.",
    ),
    DayStatus.MATCHING: DayStatusLabel(
        "en cours",
        "Rapprochement en cours",
        "Des lignes du relevé attendent encore d'être rapprochées ; revenez dans un instant.",
    ),
    DayStatus.UNEXPLAINED: DayStatusLabel(
        "inexpliquée",
        "Différence inexpliquée",
        "L'opérateur et nous ne disons pas la même chose, et aucun écart connu n'explique la différence.",
    ),
    DayStatus.UNVERIFIABLE: DayStatusLabel(
        "non vérifiable",
        "Non vérifiable par l'opérateur",
        "Le relevé ne donne ni soldes ni totaux : ses lignes sont les seuls chiffres, et rien ne dit qu'il est entier.",
    ),
    DayStatus.EXPLAINED: DayStatusLabel(
        "à traiter",
        "Expliquée, avec des points à traiter",
        "Chaque franc est passé, en attente ou dans un écart ; ce qui n'est pas passé demande encore une décision.",
    ),
    DayStatus.BALANCED: DayStatusLabel(
        "équilibrée",
        "Équilibrée au franc",
        "D'après les chiffres de l'opérateur lui-même, tout ce qu'il a encaissé est passé aux ménages.",
    ),
}


#: What stands in the place of a colour.
MARKS: Mapping[str, str] = {DayStatus.BALANCED: "✓", DayStatus.EXPLAINED: "!", DayStatus.UNEXPLAINED: "≠"}


def status_of(row: OperatorDay) -> DayStatus:
    """Judge the day of one operator."""
    judged = (
        (row.operator_amount_xof is None, DayStatus.AWAITED),
        (bool(row.lines_waiting_count), DayStatus.MATCHING),
        (not row.statement_received, DayStatus.PARTIAL),
        (bool(row.unexplained_xof), DayStatus.UNEXPLAINED),
        (not row.is_verifiable, DayStatus.UNVERIFIABLE),
        (bool(row.breaks_open_count or row.breaks_xof or row.suspense_xof), DayStatus.EXPLAINED),
    )
    return next((status for holds, status in judged if holds), DayStatus.BALANCED)


def status_of_day(report: DaySummary) -> DayStatus:
    """Judge a day by its least certain operator: the differences of two may add up to zero."""
    found = {status_of(row) for row in report.rows}
    return next((status for status in DayStatus if status in found), DayStatus.EMPTY)


def side(balance_xof: int) -> str:
    """Name the side on which an account stands; what is above zero is in debit."""
    return "débiteur" if balance_xof > 0 else "créditeur" if balance_xof < 0 else "soldé"


def author(actor: str) -> str:
    """Name who did something: a colleague by the login, the command line and the jobs in words."""
    kind, _, name = actor.partition("/")
    return name if kind == "staff" and name else ACTORS.get(kind, actor)


def groups(hexadecimal: str, size: int = 8) -> list[str]:
    """Cut a hash into groups that a person can read out and compare."""
    return [hexadecimal[start : start + size] for start in range(0, len(hexadecimal), size)]
