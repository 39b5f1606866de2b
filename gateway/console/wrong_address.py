"""What a person reads who came to an address that leads nowhere, or where something failed."""

from http import HTTPStatus

from starlette.responses import Response

from gateway.console.deps import ConsoleDeps, PageRefused
from gateway.console.guard import UNAVAILABLE, refusal, with_security_headers


def page_for_people(console: ConsoleDeps, status: int, code: str) -> Response:
    """Return the page for an answer of this status; ``code`` names what only our log explains, empty for nothing."""
    return with_security_headers(console, refusal(console, _refused(status, code), None))


def _refused(status: int, code: str) -> PageRefused:
    match status:
        case HTTPStatus.NOT_FOUND:
            sentence = "Cette adresse ne mène nulle part : vérifiez-la, ou repartez de la première page."
            return PageRefused(status, "Page introuvable", sentence)
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return PageRefused(status, "Page introuvable", "Cette adresse ne s'ouvre pas dans un navigateur.")
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return UNAVAILABLE
        case _ if code:
            sentence = f"Réessayez ; si cela se répète, donnez le code {code} à l'équipe technique."
            return PageRefused(status, "Quelque chose a échoué", sentence)
        case _:
            return PageRefused(status, "Demande refusée", "Revenez à la page précédente et recommencez.")
