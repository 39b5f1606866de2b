"""The French sentence of each detail of a break, a proof or a refusal, for pages, files and the command.

Codes and values come from ``payments``; every word that a person reads stands here, once.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from gateway.reports.proof_sentences import DIGESTED_ROWS, PROOF_SENTENCES
from gateway.reports.refusal_sentences import AMOUNT_FAULTS, FORMATS, REFUSAL_SENTENCES
from payments.detail import Detail, DetailCode, Value, read_any_detail
from payments.observation import ObservedStatus, Provenance
from payments.reconciliation.facts import UNREFERENCED
from payments.requests.lifecycle import State

#: What a piece of evidence is.
SOURCES: Final[Mapping[str, str]] = {
    Provenance.SIGNED_CALLBACK: "l'avis signé",
    Provenance.UNVERIFIED_CALLBACK: "l'avis",
    Provenance.QUERY: "l'interrogation de l'opérateur",
    Provenance.STATEMENT: "le relevé",
    Provenance.MANUAL: "la saisie à la main",
}

#: What an operator says of one operation.
STATUSES: Final[Mapping[str, str]] = {
    ObservedStatus.PENDING: "en cours",
    ObservedStatus.SUCCEEDED: "réussie",
    ObservedStatus.FAILED: "échouée",
    ObservedStatus.EXPIRED: "expirée",
    ObservedStatus.REVERSED: "annulée",
    ObservedStatus.UNKNOWN: "d'état inconnu",
}

#: Where a request of ours stands.
STATES: Final[Mapping[str, str]] = {
    State.CREATED: "à envoyer",
    State.SUBMITTED: "envoyée",
    State.UNKNOWN: "sans réponse",
    State.PENDING: "en attente du payeur",
    State.SUCCEEDED: "payée",
    State.FAILED: "refusée ou abandonnée",
    State.EXPIRED: "expirée",
    State.REVERSED: "annulée",
}

#: Where the line stands that a detail is about.
_PLACE: Final = "ligne {line_number} du relevé n° {file_id} : "

SENTENCES: Final[Mapping[DetailCode, str]] = {
    **PROOF_SENTENCES,
    **REFUSAL_SENTENCES,
    DetailCode.REQUESTED_OTHER_AMOUNT: (
        "la demande {reference} était de {requested_xof} F, l'opérateur a pris {taken_xof} F"
    ),
    DetailCode.REQUEST_PAID_TWICE: (
        "la demande {reference} était déjà payée ; cette seconde opération de {amount_xof} F est passée au même ménage"
    ),
    DetailCode.REQUEST_PAID_BY_ANOTHERS_MONEY: (
        "l'opérateur dit la demande {reference} payée par une opération {holder} ; elle n'a pas d'argent à elle"
    ),
    DetailCode.REQUEST_CONTRADICTED: "la demande {reference} était {state}, l'opérateur la dit maintenant {status}",
    DetailCode.REQUEST_REVERSED: (
        "l'opérateur dit la demande {reference} annulée ; le grand livre attend deux personnes"
    ),
    DetailCode.TRANSACTION_REVERSED: (
        "l'opérateur dit l'opération {transaction_id} annulée ; le grand livre attend deux personnes"
    ),
    DetailCode.IMPOSSIBLE_DAY: (
        "l'opérateur la date du {stated_day}, ce qui ne se peut pas ; nos livres la datent du {booked_day}"
    ),
    DetailCode.IMPOSSIBLE_MOMENT: (
        "l'opérateur la date du {stated_at}, ce qui ne se peut pas ; nos livres la datent du {booked_at}"
    ),
    DetailCode.TAKEN_BACK_ON_HOLD: (
        "l'opérateur avait déjà repris {taken_xof} F sur {amount_xof} F ; "
        "elle est passée en attente et bloquée : deux personnes décident"
    ),
    DetailCode.TAKEN_BACK_IN_PART: (
        "l'opérateur avait déjà repris {taken_xof} F sur {amount_xof} F ; "
        "elle est créditée entière, {taken_xof} F attendent deux personnes"
    ),
    DetailCode.ONE_ID_SEVERAL_PAYMENTS: (
        "une même référence pour des opérations différentes, aucune n'est créditée d'office : {forms}"
    ),
    DetailCode.CREDITED_UNDER_OTHER_ID: (
        "« {booked_id} » est créditée : {booked_xof} F de {booked_payer} ; {provenance} donne "
        "« {stated_id} » : {stated_xof} F de {stated_payer}, non crédité"
    ),
    DetailCode.CREDITED_OTHER_AMOUNT: "{provenance} dit {stated_xof} F, nous avons crédité {booked_xof} F",
    DetailCode.CREDITED_OTHER_PAYER: "{provenance} nomme le payeur {stated_payer}, nous {booked_payer}",
    DetailCode.CREDITED_OTHER_PARTY: (
        "{provenance} nomme le ménage {stated_party_id}, l'argent est au ménage {booked_party_id}"
    ),
    DetailCode.CREDITED_TO_SUSPENSE: (
        "{provenance} nomme le ménage {stated_party_id}, l'argent est en attente d'affectation"
    ),
    DetailCode.FAILED_AT_OPERATOR: "nous l'avons créditée, l'opérateur dit qu'elle a échoué",
    DetailCode.NO_LONGER_IN_STATEMENT: (
        "un premier relevé la donnait, le dernier ne la donne plus ; nous l'avons créditée"
    ),
    DetailCode.IN_NO_STATEMENT: "aucun relevé ne la nomme",
    DetailCode.LINE_WITHOUT_REFERENCE: (
        _PLACE + "aucune référence d'opération ; elle ne peut pas être créditée telle quelle"
    ),
    DetailCode.LINE_WITHOUT_AMOUNT: _PLACE + "aucun montant lisible ; elle ne peut pas être créditée telle quelle",
    DetailCode.LINE_AMOUNT_OUT_OF_RANGE: (
        _PLACE + "montant de {amount_xof} F, hors de 1 à {largest_xof} F ; elle ne peut pas être créditée telle quelle"
    ),
    DetailCode.LINE_NOT_CREDITABLE: _PLACE + "opération {status} ; elle ne peut pas être créditée telle quelle",
    DetailCode.LINE_OTHER_PAYER: (
        _PLACE + "le relevé nomme le payeur {stated_payer}, nous avons crédité un autre payeur sous cette référence"
    ),
    DetailCode.LINE_OTHER_AMOUNT: (
        _PLACE + "le relevé dit {stated_xof} F et a mû {moved_xof} F, nous avons crédité {booked_xof} F"
    ),
    DetailCode.LINE_STATUS: _PLACE + "opération {status}",
    DetailCode.LINE_OUTSIDE_PERIOD: (
        _PLACE + "datée du {stated_at}, hors de la période du relevé : comptée le {counted_day}"
    ),
    DetailCode.LINE_CORRECTED: _PLACE + "le dernier relevé corrige ce qu'un premier disait",
    DetailCode.LINE_ADDED: _PLACE + "le dernier relevé ajoute ce qu'un premier ne disait pas",
    DetailCode.LINE_DROPPED: _PLACE + "le dernier relevé ne dit plus ce qu'un premier disait",
    DetailCode.LINE_OTHER_DAY: _PLACE + "l'opérateur la date du {stated_at}, nous du {booked_at}",
    DetailCode.LINE_REVERSED: (
        _PLACE + "l'opérateur a repris {taken_xof} F ({own_reference}) ; le grand livre attend deux personnes"
    ),
    DetailCode.LINE_UNKNOWN_SERVICE: _PLACE + "le solde a bougé sous un service que nous ne connaissons pas",
    DetailCode.LINE_SEVERAL_OPERATIONS: (
        _PLACE + "la même référence désigne plusieurs opérations (payeur, montant ou moment différent)"
    ),
    DetailCode.LINE_MOVED_TWICE: _PLACE + "le relevé la donne deux fois et son solde a bougé deux fois",
    DetailCode.LINE_MOVED_WITHOUT_SUCCESS: _PLACE + "elle n'est pas dite réussie, et pourtant le solde a bougé",
    DetailCode.BALANCE_JUMPS: (
        "le relevé n° {later_file_id} reprend le {resumed_at} avec {jump_xof} F d'écart "
        "sur le solde où s'arrête le relevé n° {earlier_file_id}"
    ),
    DetailCode.BALANCE_NOT_IN_LINES: (
        "le relevé n° {of_file_id} : son solde bouge de {gap_xof} F que ses lignes ne donnent pas"
    ),
    DetailCode.TOTAL_COLLECTED_DIFFERS: (
        "le relevé n° {of_file_id} : total des encaissements {printed_xof} F, ses lignes donnent {lines_xof} F"
    ),
    DetailCode.TOTAL_FEES_DIFFERS: (
        "le relevé n° {of_file_id} : total des frais {printed_xof} F, ses lignes donnent {lines_xof} F"
    ),
    DetailCode.PAYMENT_AFTER_CLOSING: "{amount_xof} F connus après la clôture du {closed_day}",
    DetailCode.LINE_AFTER_CLOSING: "ligne {number} : {moved_xof} F connus après la clôture du {closed_day}",
}

#: What is read where a value is missing, by its name.
_MISSING: Final[Mapping[str, str]] = {
    "stated_payer": "payeur inconnu",
    "booked_payer": "payeur inconnu",
    "own_reference": "sans référence propre",
    "holder": "d'une autre demande",
    "party_id": "aucune partie",
    "entry_party_id": "aucune partie",
    "ref": "absente",
    "figure": "",
    "bound_xof": "",
}

_CODES: Final[Mapping[str, Mapping[str, str]]] = {
    "provenance": SOURCES,
    "status": STATUSES,
    "state": STATES,
    "rows": DIGESTED_ROWS,
    "format": FORMATS,
    "fault": AMOUNT_FAULTS,
}

#: What stands before a value that has no name of its own in its sentence.
_BEFORE: Final[Mapping[str, str]] = {
    "holder": "de la demande ",
    "party_id": "partie ",
    "entry_party_id": "partie ",
    "figure": "« ",
    "bound_xof": " ",
}

#: What stands behind it.
_AFTER: Final[Mapping[str, str]] = {"figure": " » : "}


def sentence(found: Detail) -> str:
    """Return what a person reads of one detail."""
    return SENTENCES[found.code].format(**{name: _words(name, value) for name, value in found.values})


def subject_of(name: str) -> str:
    """Return what a person reads of what a break is about; only what has no reference has no name of its own."""
    return f"sans référence {name.removeprefix(UNREFERENCED)}" if name.startswith(UNREFERENCED) else name


def sentence_of(document: Mapping[str, object]) -> str:
    """Return what a person reads of a stored detail; one of a later release is shown by its code."""
    return sentence(read_any_detail(document))


def _words(name: str, value: Value) -> str:
    if value is None:
        return _MISSING.get(name, "?")
    if isinstance(value, tuple):
        return " ; ".join(map(_form, value))
    if name in _CODES:
        return _CODES[name].get(str(value), str(value))
    if name.endswith("_day"):
        return _day(date.fromisoformat(str(value)))
    if name.endswith("_at"):
        moment = datetime.fromisoformat(str(value))
        return f"{_day(moment)} à {moment:%H:%M:%S} (UTC)"
    return f"{_BEFORE.get(name, '')}{value}{_AFTER.get(name, '')}"


def _form(written: Value) -> str:
    name, amount_xof, payer = written if isinstance(written, tuple) else (written, None, None)
    return f"« {name} » : {amount_xof} F de {payer or _MISSING['stated_payer']}"


def _day(moment: date) -> str:
    # A year below 1000 is written as it is: it is the oddest thing that finance can be told.
    return f"{moment.day:02d}/{moment.month:02d}/{moment.year:04d}"
