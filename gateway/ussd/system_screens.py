"""The few sentences that no menu says; GSM-7, and true whatever went wrong."""

from ussd_flows.screen import InputKind, Screen

NOTHING_DONE = "Service indisponible. Aucune opération lancée. Réessayez dans un moment."
DONE = "Service perturbé. Votre demande est bien enregistrée: un SMS suivra. Ne recommencez pas."
UNCERTAIN = (
    "Service perturbé. Si votre demande est enregistrée, un SMS suivra. Rappelez pour vérifier avant de recommencer."
)
NOT_YOURS = "Session refusée. Recomposez le code."
PROMPT_OPEN = (
    "Un paiement, réf {reference}, attend déjà votre code sur ce téléphone. Aucun autre paiement lancé. "
    "Réessayez plus tard."
)
NOT_LINKED = "Ce numéro n'est plus lié à ce ménage. Aucun paiement lancé."


def with_help(sentence: str, help_number: str) -> str:
    """Return a sentence with the number of those who help behind it, where there is one."""
    return f"{sentence} Aide: {help_number}" if help_number else sentence


def ending(sentence: str, name: str) -> Screen:
    """Return a screen that ends the dialogue."""
    return Screen(sentence, (), InputKind.NONE, ends=True, name=f"system.{name}")
