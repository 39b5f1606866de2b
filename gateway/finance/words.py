"""What a finance officer reads in place of our codes; ``typeset`` gives French its apostrophes and its spaces."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from gateway.finance.roles import Role
from gateway.reports.day import DayReport, OperatorDay

NARROW_SPACE = "\u202f"
HARD_SPACE = "\u00a0"
MINUS = "\u2212"
APOSTROPHE = "\u2019"

WEEKDAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip

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
}

#: Who is no colleague and yet does something.
ACTORS: Mapping[str, str] = {"command-line": "ligne de commande", "command": "ligne de commande", "job": "automate"}

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
HELD: Mapping[str, str] = {"reversed": "bloqué : repris par l'opérateur, deux personnes décident"}


class Verdict(StrEnum):
    """Where the reconciliation of a day stands, the least settled first."""

    EMPTY = "empty"
    AWAITED = "awaited"
    MATCHING = "matching"
    PARTIAL = "partial"
    UNEXPLAINED = "unexplained"
    UNVERIFIABLE = "unverifiable"
    EXPLAINED = "explained"
    BALANCED = "balanced"


@dataclass(frozen=True, slots=True)
class VerdictWords:
    """A verdict in one word, in a title and in a sentence."""

    word: str
    title: str
    sentence: str


VERDICTS: Mapping[Verdict, VerdictWords] = {
    Verdict.EMPTY: VerdictWords(
        "vide",
        "Aucun opérateur",
        "Aucun opérateur n'est configuré et aucun encaissement n'est connu ce jour.",
    ),
    Verdict.AWAITED: VerdictWords(
        "relevé attendu",
        "Relevé attendu",
        "Sans le relevé de l'opérateur, rien n'est confirmé : les chiffres ci-dessous sont les nôtres seuls.",
    ),
    Verdict.PARTIAL: VerdictWords(
        "incomplète",
        "Journée incomplète",
        "Le relevé reçu ne couvre pas toute la journée ; le rapprochement sera définitif avec le relevé complet.",
    ),
    Verdict.MATCHING: VerdictWords(
        "en cours",
        "Rapprochement en cours",
        "Des lignes du relevé attendent encore d'être rapprochées ; revenez dans un instant.",
    ),
    Verdict.UNEXPLAINED: VerdictWords(
        "inexpliquée",
        "Différence inexpliquée",
        "L'opérateur et nous ne disons pas la même chose, et aucun écart connu n'explique la différence.",
    ),
    Verdict.UNVERIFIABLE: VerdictWords(
        "non vérifiable",
        "Non vérifiable par l'opérateur",
        "Le relevé ne donne ni soldes ni totaux : ses lignes sont les seuls chiffres, et rien ne dit qu'il est entier.",
    ),
    Verdict.EXPLAINED: VerdictWords(
        "à traiter",
        "Expliquée, avec des points à traiter",
        "Chaque franc est passé, en attente ou dans un écart ; ce qui n'est pas passé demande encore une décision.",
    ),
    Verdict.BALANCED: VerdictWords(
        "équilibrée",
        "Équilibrée au franc",
        "D'après les chiffres de l'opérateur lui-même, tout ce qu'il a encaissé est passé aux ménages.",
    ),
}


def verdict_of(row: OperatorDay) -> Verdict:
    """Judge the day of one operator."""
    judged = (
        (row.operator_says_xof is None, Verdict.AWAITED),
        (bool(row.lines_waiting_count), Verdict.MATCHING),
        (not row.statement_received, Verdict.PARTIAL),
        (bool(row.unexplained_xof), Verdict.UNEXPLAINED),
        (not row.is_verifiable, Verdict.UNVERIFIABLE),
        (bool(row.breaks_open_count or row.breaks_xof or row.suspense_xof), Verdict.EXPLAINED),
    )
    return next((verdict for holds, verdict in judged if holds), Verdict.BALANCED)


def verdict_of_day(report: DayReport) -> Verdict:
    """Judge a day by its least settled operator: the differences of two may add up to zero."""
    found = {verdict_of(row) for row in report.rows}
    return next((verdict for verdict in Verdict if verdict in found), Verdict.EMPTY)


def typeset(text: str) -> str:
    """Set a French sentence: curled apostrophes, and spaces that keep tall punctuation on its line."""
    text = text.replace("'", APOSTROPHE)
    for mark, space in (("« ", HARD_SPACE), (" »", HARD_SPACE), (" :", HARD_SPACE)):
        text = text.replace(mark, mark.replace(" ", space))
    for mark in (" ;", " !", " ?"):
        text = text.replace(mark, mark.replace(" ", NARROW_SPACE))
    return text


def francs(amount_xof: int | None) -> str:
    """Write an amount as French pages do; nothing known is a dash, never a zero."""
    if amount_xof is None:
        return "—"
    grouped = f"{abs(amount_xof):,}".replace(",", NARROW_SPACE)
    return f"{MINUS}{grouped}" if amount_xof < 0 else grouped


def counted(count: int, one: str, many: str) -> str:
    """Write a count with its noun; French keeps the singular for none."""
    return f"{francs(count)} {one if count in {0, 1} else many}"


def side(balance_xof: int) -> str:
    """Name the side on which an account stands; what is above zero is in debit."""
    return "débiteur" if balance_xof > 0 else "créditeur" if balance_xof < 0 else "soldé"


def author(actor: str) -> str:
    """Name who did something: a colleague by the login, the command line and the jobs in words."""
    kind, _, name = actor.partition("/")
    return name if kind == "staff" and name else ACTORS.get(kind, actor)


def long_date(day: date) -> str:
    """Write a day in full: samedi 22 novembre 2026."""
    first = "1er" if day.day == 1 else str(day.day)
    return f"{WEEKDAYS[day.weekday()]} {first} {MONTHS[day.month - 1]} {day.year}"


def moment(instant: datetime) -> str:
    """Write an instant: 22/11/2026 à 14 h 05, in Bamako's time, which is UTC."""
    return f"{instant:%d/%m/%Y} à {instant.hour}{HARD_SPACE}h{HARD_SPACE}{instant:%M}"


def age(days: int) -> str:
    """Write an age in days."""
    match days:
        case 0:
            return f"aujourd{APOSTROPHE}hui"
        case 1:
            return f"1{HARD_SPACE}jour"
        case _:
            return f"{days}{HARD_SPACE}jours"
