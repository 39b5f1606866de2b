"""What a finance officer reads in place of the kind of a break, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass

from payments.break_kind import BreakKind
from payments.reconciliation.breaks import OTHER_HALF_ARRIVED, SAID_BY_STATEMENT


@dataclass(frozen=True, slots=True)
class BreakLabel:
    """A kind of break in words, and what to do about it."""

    label: str
    advice: str


#: Why a break closed by itself.
CLOSINGS: Mapping[str, str] = {
    OTHER_HALF_ARRIVED: "le dernier relevé ne le dit plus ainsi",
    SAID_BY_STATEMENT: "le relevé dit la même différence",
}

BREAKS: Mapping[str, BreakLabel] = {
    BreakKind.AMOUNT: BreakLabel(
        "Montants différents",
        "Demander à l'opérateur le montant exact, puis corriger par une écriture nouvelle, à deux personnes.",
    ),
    BreakKind.ASKED_OTHER_AMOUNT: BreakLabel(
        "Montant payé différent du montant demandé",
        "Rien à corriger : le montant payé fait foi. Vérifier si le cas se répète chez cet opérateur.",
    ),
    BreakKind.LEDGER_ONLY: BreakLabel(
        "Passé chez nous, absent du relevé",
        "Attendre le relevé suivant ; absent deux fois de suite, suspendre les droits et ouvrir une enquête.",
    ),
    BreakKind.STATEMENT_ONLY: BreakLabel(
        "Au relevé, absent chez nous",
        "Faire confirmer l'opération par l'opérateur, puis la passer à deux personnes.",
    ),
    BreakKind.STATUS: BreakLabel(
        "États contradictoires",
        "Interroger l'opérateur sur cette opération ; ne rien corriger avant sa réponse.",
    ),
    BreakKind.OTHER_HOUSEHOLD: BreakLabel(
        "Affecté à un autre ménage que celui de la demande",
        "Comparer la demande et le payeur ; déplacer l'argent à deux personnes si la demande fait foi.",
    ),
    BreakKind.LATE_FOR_SEALED_DAY: BreakLabel(
        "Arrivé après la clôture de sa journée",
        "La journée close ne change pas ; celle signée ensuite porte ce montant. Chercher pourquoi l'avis a tardé.",
    ),
    BreakKind.OTHER_REQUEST: BreakLabel(
        "Une opération pour deux demandes",
        "La seconde demande n'a pas d'argent à elle : demander à l'opérateur si elle a été payée.",
    ),
    BreakKind.OTHER_PAYER: BreakLabel(
        "Payeurs différents pour une opération",
        "Demander à l'opérateur qui a payé ; l'argent reste où il est jusqu'à sa réponse.",
    ),
    BreakKind.DOUBLE_PAYMENT: BreakLabel(
        "Une demande payée deux fois",
        "Les deux paiements sont passés au ménage ; demander au payeur s'il voulait payer deux fois.",
    ),
    BreakKind.REVERSAL: BreakLabel(
        "Annulé par l'opérateur",
        "Vérifier la contestation, puis contre-passer à deux personnes et recalculer les droits.",
    ),
    BreakKind.DUPLICATE: BreakLabel(
        "Opération répétée",
        "Comparer les deux opérations ; la seconde est rendue ou gardée en avance, selon le payeur.",
    ),
    BreakKind.COLLISION: BreakLabel(
        "Une référence pour plusieurs opérations",
        "Demander à l'opérateur la référence exacte de chaque versement ; n'affecter qu'après sa réponse.",
    ),
    BreakKind.UNKNOWN_SERVICE: BreakLabel(
        "Mouvement d'un service inconnu",
        "Demander à l'opérateur ce qui a été versé ou repris, puis le passer à deux personnes.",
    ),
    BreakKind.ADDED: BreakLabel(
        "Ajouté par un relevé plus récent",
        "Vérifier auprès de l'opérateur pourquoi le premier relevé ne le donnait pas.",
    ),
    BreakKind.DROPPED: BreakLabel(
        "Retiré par un relevé plus récent",
        "Demander à l'opérateur si l'argent est bien chez lui ; ne rien contre-passer avant sa réponse.",
    ),
    BreakKind.CORRECTED: BreakLabel(
        "Relevé rectifié",
        "Comparer les deux relevés avec l'opérateur ; le plus récent compte.",
    ),
    BreakKind.DATE: BreakLabel(
        "Date impossible chez l'opérateur",
        "Demander à l'opérateur la vraie date ; nos livres gardent celle de l'arrivée, ou celle du relevé.",
    ),
    BreakKind.CONTINUITY: BreakLabel(
        "Solde qui ne suit pas le relevé précédent",
        "Demander à l'opérateur ce qui a changé entre les deux relevés, ou un relevé corrigé.",
    ),
    BreakKind.TOTALS: BreakLabel(
        "Chiffres du relevé qui se contredisent",
        "Demander à l'opérateur un relevé dont le solde et les totaux suivent les lignes.",
    ),
    BreakKind.TIMING: BreakLabel(
        "Passage de minuit, jour de l'opérateur",
        "Rien à corriger : le même montant est compté chez nous un autre jour, en sens contraire.",
    ),
    BreakKind.TIMING_BOOKED: BreakLabel(
        "Passage de minuit, notre jour",
        "Rien à corriger : le même montant est compté chez l'opérateur un autre jour, en sens contraire.",
    ),
    BreakKind.UNIDENTIFIED: BreakLabel(
        "Payeur ou référence inconnus",
        "Joindre le payeur pour savoir pour quel ménage il a payé, puis affecter à deux personnes.",
    ),
}
