"""The French sentence of each reason for which a statement file is refused, or waits for people."""

from collections.abc import Mapping
from typing import Final

from payments.detail import DetailCode
from payments.errors import AmountFault

#: What a file is instead of a statement.
FORMATS: Final[Mapping[str, str]] = {
    "zip": "une archive ZIP ou un classeur de tableur",
    "pdf": "un document PDF",
    "image": "une image",
    "old_workbook": "un ancien classeur de tableur",
    "compressed": "un fichier compressé",
    "markup": "une page HTML ou XML",
    "text_document": "un document de texte",
}

#: What is wrong with an amount; the largest one follows where there is one.
AMOUNT_FAULTS: Final[Mapping[str, str]] = {
    AmountFault.MISSING: "il manque",
    AmountFault.NOT_TEXT: "ce n'est pas un texte",
    AmountFault.NOT_DIGITS: "ce n'est pas un nombre entier de francs, en chiffres seuls",
    AmountFault.NOT_FRANCS: "ce n'est pas un nombre entier de francs",
    AmountFault.NOT_STANDARD: "il n'est pas écrit comme le veut la norme",
    AmountFault.CENTIMES: "le franc CFA n'a pas de centimes",
    AmountFault.POWER_OF_TEN: "un tableur l'a écrit en puissance de dix",
    AmountFault.TOO_LARGE: "il dépasse",
    AmountFault.TWO_READINGS: "il peut se lire de deux façons",
    AmountFault.BOTH_SIDES: "un seul du débit et du crédit doit être rempli",
    AmountFault.NO_SIDE: "ni le débit ni le crédit n'est rempli",
}

_SAVED_AGAIN: Final = "le fichier a été enregistré de nouveau par un tableur"

REFUSAL_SENTENCES: Final[Mapping[DetailCode, str]] = {
    DetailCode.FILE_TOO_LARGE: "le fichier dépasse {largest_mb} Mo",
    DetailCode.FILE_EMPTY: "le fichier « {filename} » est vide",
    DetailCode.FILE_OF_OTHER_FORMAT: "c'est {format}, pas un relevé en CSV",
    DetailCode.FILE_ENCODING_UNKNOWN: "le texte n'est ni en UTF-8 ni en Windows-1252",
    DetailCode.FILE_HOLDS_NUL: "le fichier contient des octets nuls (NUL) : ce n'est pas un relevé en CSV",
    DetailCode.FILE_LINE_TOO_LONG: "une ligne dépasse {largest_chars} caractères",
    DetailCode.FILE_TOO_SHORT: "le fichier est plus court qu'un relevé sans opération",
    DetailCode.FILE_COLUMNS_UNKNOWN: "les colonnes ne sont pas celles de cet opérateur",
    DetailCode.FILE_LABEL_MISSING: "« {label} » et sa valeur manquent",
    DetailCode.FILE_LABEL_VALUES: "« {label} » doit avoir une valeur, et une seule",
    DetailCode.FILE_FIELD_COUNT: "{count} champs au lieu de {expected}",
    DetailCode.FILE_LINE_BELOW_TOTALS: "une opération suit les totaux du fichier",
    DetailCode.FILE_ACCOUNT_CUT: "le compte « {account} » a été coupé : " + _SAVED_AGAIN,
    DetailCode.FILE_ACCOUNT_MALFORMED: "le compte doit s'écrire en 3 à 20 majuscules et chiffres",
    DetailCode.FILE_PERIOD_REVERSED: "la période finit avant de commencer",
    DetailCode.FILE_DATE_AMBIGUOUS: "la date « {text} » peut se lire {one_day} ou {other_day}",
    DetailCode.FILE_DATE_CUT: "la date « {text} » n'en est plus une : " + _SAVED_AGAIN,
    DetailCode.FILE_DATE_MALFORMED: "la date « {text} » ne s'écrit ni AAAA-MM-JJ ni JJ/MM/AAAA",
    DetailCode.FILE_AMOUNT_UNREADABLE: "{figure}montant « {text} » refusé : {fault}{bound_xof}",
    DetailCode.FILE_AMOUNT_AMBIGUOUS: (
        "{figure}montant « {text} » refusé : il peut se lire {whole_xof} ou {whole_xof} 000"
    ),
    DetailCode.FILE_AMOUNT_TOO_LARGE: "un montant de {amount_xof} F dépasse {largest_xof} F",
    DetailCode.FILE_STATES_TOO_MANY: "plus de {most} mots y disent l'état d'une opération",
    DetailCode.FILE_TOTAL_DIFFERS: "« {label} » dit {printed}, mais les lignes donnent {counted}",
    DetailCode.FILE_TOTALS_AMBIGUOUS: "les totaux ne se lisent pas",
    DetailCode.FILE_TOTALS_MISSING: "le relevé s'arrête avant ses totaux",
    DetailCode.FILE_TOTALS_ALONE: "des totaux n'appartiennent à aucun compte",
    DetailCode.FILE_LINE_ALONE: "une opération n'appartient à aucun compte",
    DetailCode.FILE_SEVERAL_ACCOUNTS: "le fichier parle de plusieurs comptes : un seul par fichier est pris",
    DetailCode.FILE_IDS_CUT: (
        f"des références ont perdu leurs derniers chiffres : {_SAVED_AGAIN}, il faut celui que l'opérateur a donné"
    ),
    DetailCode.FILE_OF_OTHER_ACCOUNT: "ce relevé est celui du compte {account}, le nôtre est {our_account}",
    DetailCode.FILE_PERIOD_TO_COME: "la période commence le {start_day}, qui n'est pas encore venu",
    DetailCode.FILE_PERIOD_NOT_OVER: "la période finit le {last_day}, qui n'est pas encore venu",
    DetailCode.FILE_PERIOD_BEFORE_SERVICE: "la période commence avant l'ouverture du service, le {first_day}",
    DetailCode.FILE_OPERATOR_UNKNOWN: "aucun opérateur « {operator} » n'est configuré",
    DetailCode.READING_ENDED_PROCESS: "sa lecture a arrêté le programme {tries} fois",
    DetailCode.READING_FAILED: "la lecture a échoué par une erreur du logiciel ({failure})",
    DetailCode.READING_TOO_LONG: "la lecture dépasse {seconds} secondes",
    DetailCode.MATCHING_FAILED: "le rapprochement a échoué par une erreur du logiciel ({failure})",
    DetailCode.OF_ANOTHER_RELEASE: "{reason}",
}
