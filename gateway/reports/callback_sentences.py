"""The French words for a callback: where it stands, how it was judged, and what was read in it."""

from collections.abc import Mapping
from typing import Final

from gateway.reports.callback import CallbackState
from payments.observation import ObservedStatus, Provenance, VerdictKind

CALLBACK_STATES: Final[Mapping[str, str]] = {
    CallbackState.WAITING: "attend d'être lu",
    CallbackState.PUT_OFF: "n'a pas pu être pris, sera relu",
    CallbackState.PARKED: "mis de côté pour une personne",
    CallbackState.UNREAD: "lu sans rien y trouver que l'on puisse vérifier",
    CallbackState.DISMISSED: "classé",
    CallbackState.HANDLED: "lu",
}

#: How the reasons begin that our own readers and jobs give; an adapter may have others, of which the code is shown.
_REASONS: Final[Mapping[str, str]] = {
    "the message names nothing": "ne désigne rien que l'on puisse demander à l'opérateur",
    "no operator of this name": "aucun opérateur de ce nom n'est en usage ici",
    "its readers ended": "la lecture s'est arrêtée sans dire pourquoi",
    "the reader failed": "la lecture a échoué",
    "not written": "lu, mais n'a pas pu être écrit",
    "not strict JSON": "ce n'est pas du JSON que l'on puisse lire",
    "not a JSON object": "du JSON, mais pas un objet",
    "neither a transaction": "ni une opération, ni l'état d'une demande, ni une erreur",
    "body above": "trop grand",
    "amount": "le montant ne se lit pas",
    "currency": "pas en francs CFA",
}

VERDICTS: Final[Mapping[str, str]] = {
    VerdictKind.ACCEPT: "signé",
    VerdictKind.ACCEPT_UNVERIFIED: "non signé, à vérifier auprès de l'opérateur",
    VerdictKind.REJECT: "refusé",
}

OBSERVED: Final[Mapping[str, str]] = {
    ObservedStatus.PENDING: "en attente",
    ObservedStatus.SUCCEEDED: "réussie",
    ObservedStatus.FAILED: "échouée",
    ObservedStatus.EXPIRED: "expirée",
    ObservedStatus.REVERSED: "annulée",
    ObservedStatus.UNKNOWN: "inconnue",
}

PROVENANCES: Final[Mapping[str, str]] = {
    Provenance.SIGNED_CALLBACK: "avis signé",
    Provenance.UNVERIFIED_CALLBACK: "avis non vérifié",
    Provenance.QUERY: "interrogation de l'opérateur",
    Provenance.STATEMENT: "relevé",
    Provenance.MANUAL: "saisie à la main",
}


def reason_words(why: str) -> str:
    """Say in French why a callback came to nothing; what has no French words is said by nobody but its code."""
    return next((words for begins, words in _REASONS.items() if why.startswith(begins)), "")
