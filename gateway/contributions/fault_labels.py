"""What is wrong in a scheme's document, in French sentences for those who write and approve schemes."""

import re
from typing import Final

from gateway.contributions.document import SchemeFault
from gateway.french import francs

#: What each field is called by those who decide about it.
FIELDS: Final = {
    "code": "code",
    "version": "numéro de version",
    "label": "nom affiché",
    "legal": "base légale",
    "status": "statut juridique",
    "reference": "référence du texte",
    "note": "remarque",
    "valid_from": "premier jour d'application",
    "valid_to": "dernier jour d'application",
    "sectors": "activités concernées",
    "amount_rule": "règle de montant",
    "kind": "nature de la règle",
    "amount_xof": "montant en francs",
    "adult_xof": "montant par adulte, en francs",
    "child_xof": "montant par enfant, en francs",
    "charged_max": "nombre de personnes comptées au plus",
    "tiers": "tranches",
    "people_from": "début de la tranche, en personnes",
    "people_to": "fin de la tranche, en personnes",
    "period": "période",
    "months": "durée en mois",
    "anchor": "départ des périodes",
    "late_joiner": "première période de qui s'inscrit en cours de saison",
    "starts_on": "premier jour",
    "ends_on": "dernier jour",
    "instalments": "versements",
    "minimum_xof": "plus petit versement, en francs",
    "suggested_count": "nombre de parts proposé",
    "advance": "paiement d'avance",
    "allowed": "avance permise",
    "max_periods": "nombre de périodes d'avance",
    "rights": "ouverture des droits",
    "open_threshold_bp": "seuil d'ouverture, en points de base",
    "waiting_days_new": "jours d'attente à l'inscription",
    "waiting_days_after_lapse": "jours d'attente après une interruption",
    "lapse_after_days": "jours sans droits avant l'interruption",
    "grace": "délai de grâce",
    "warn_below_days": "jours de soins au-dessous desquels un paiement est signalé",
    "days": "nombre de jours",
    "day": "jour de l'année",
    "shares": "parts des payeurs",
    "payer_kind": "payeur",
    "share_bp": "part, en points de base",
    "posted": "moment de la comptabilisation",
    "seasons": "saisons",
    "expected_share_bp": "part attendue, en points de base",
    "reminder": "rappels",
}

# One sentence for each kind of fault; a limit stands in braces.
SENTENCES: Final = {
    "missing": "ce champ manque",
    "period_moved": "durée et premier jour sont les mêmes dans toutes les versions ; sinon c'est un autre barème",
    "unexpected_keyword_argument": "ce champ n'existe pas : vérifiez son orthographe",
    "field_twice": "ce champ est écrit deux fois dans le même objet",
    "int_type": "il faut un nombre entier, sans guillemets ni virgule",
    "greater_than_equal": "il faut au moins {ge}",
    "less_than_equal": "il faut au plus {le}",
    "string_type": "il faut un texte entre guillemets",
    "string_too_short": "il faut au moins {min_length} caractère",
    "string_too_long": "il faut au plus {max_length} caractères",
    "string_pattern_mismatch": "il faut une majuscule, puis des majuscules sans accent, des chiffres ou « _ »",
    "bool_type": "il faut true (oui) ou false (non), sans guillemets",
    "enum": "il faut l'un de ces mots : {expected}",
    "literal_error": "il faut l'une de ces valeurs : {expected}",
    "union_tag_invalid": "il faut l'un de ces mots : {expected_tags}",
    "union_tag_not_found": "ce champ manque",
    "tuple_type": "il faut une liste entre crochets [ ]",
    "too_short": "il faut au moins un élément dans la liste",
    "dict_type": "il faut un objet entre accolades {{ }}",
    "dataclass_type": "il faut un objet entre accolades {{ }}",
    "day_form": "il faut une date AAAA-MM-JJ, par exemple 2026-12-31",
    "day_missing": "ce jour n'existe pas au calendrier",
    "day_far": "il faut une année entre {first} et {last}",
    "year_day_form": "il faut un jour de l'année MM-JJ, par exemple 06-30",
    "year_day_missing": "ce jour n'existe pas chaque année",
    "not_gsm7": "un téléphone simple ne peut pas afficher tous ces caractères",
    "repeated": "un mot est répété",
    "no_reference": "le texte doit être nommé, sauf pour un barème d'exemple (ILLUSTRATIVE)",
    "months": "il faut une durée de {months} mois",
    "sizes": "les tranches doivent se suivre sans trou à partir de 1, et la dernière finir par null",
    "advance": "il faut plus de 0 si l'avance est permise, et 0 sinon",
    "payer_twice": "un payeur est nommé deux fois",
    "payer_unnamed": "rien ne dit encore de quel employeur, groupe ou donateur il s'agit pour chaque ménage",
    "voluntary": "la part de l'assuré est une cotisation volontaire, passée quand elle est payée (WHEN_PAID)",
    "shares_sum": "les parts doivent faire {all_bp} points de base en tout",
    "season_twice": "une saison est nommée deux fois",
    "seasons_sum": "les saisons attendent plus de {all_bp} points de base en tout",
    "ends_first": "ce jour vient avant le premier jour d'application",
    "json": "le document n'est pas du JSON : voir la ligne {line}, colonne {column}",
    "json_depth": "le document est trop profond ou contient un nombre trop long",
    "json_invalid": "le document contient un caractère qui n'existe pas",
    "document_long": "le document a plus de {chars_max} caractères",
    "of_another": "le document est celui du barème {code} version {version}",
}
_UNKNOWN: Final = "cette valeur est refusée"


def sentence(fault: SchemeFault) -> str:
    """Return, in French, what is wrong, naming the field in words and by its path."""
    template = SENTENCES.get(fault.kind, _UNKNOWN)
    said = template.format_map({name: _shown(limit) for name, limit in fault.limits.items()})
    if not fault.path:
        return f"{said[0].upper()}{said[1:]}."
    name = FIELDS.get(_last_name(fault.path))
    place = f"{name[0].upper()}{name[1:]} ({fault.path})" if name else fault.path
    return f"{place} : {said}."


def _last_name(path: str) -> str:
    return re.sub(r"\[[0-9]+\]", "", path).rpartition(".")[2]


def _shown(limit: object) -> str:
    if isinstance(limit, int):
        return francs(limit)
    return str(limit).replace("'", "").replace(" or ", " ou ")
