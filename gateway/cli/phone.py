"""`ramu phone`: a basic phone in the terminal, in front of a gateway that runs."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from textwrap import wrap
from typing import Annotated, Final

import httpx
import typer

from gateway.cli.terminal import stop
from gateway.french import stamp
from payments.errors import MsisdnInvalid
from payments.numbering import parse_msisdn

TIMEOUT_S = 10
NETWORK_CODE = "99999"
CONTINUES, ENDS = "CON ", "END "
#: What a person types between two calls.
REDIAL: Final = "*"
BETWEEN_CALLS: Final = f"Entrée : relire les SMS ; {REDIAL} : rappeler ; Ctrl-D : finir"
#: As wide as a frame that every terminal shows whole.
SCREEN_CHARS: Final = 60
#: The latest messages, the newest last, as a small telephone has room for.
MESSAGES_SHOWN: Final = 5


@dataclass(slots=True)
class Dialogue:
    """One dialogue, spoken in the form of Africa's Talking."""

    client: httpx.Client
    address: str
    msisdn: str
    service_code: str
    session_id: str = field(default_factory=lambda: f"terminal-{secrets.token_hex(12)}")
    typed: list[str] = field(default_factory=list)

    def exchange(self) -> str:
        """Send everything typed so far and return the answer as it came."""
        answer = self.client.post(
            self.address,
            data={
                "sessionId": self.session_id,
                "phoneNumber": self.msisdn,
                "networkCode": NETWORK_CODE,
                "serviceCode": self.service_code,
                "text": "*".join(self.typed),
            },
        )
        if not answer.text.startswith((CONTINUES, ENDS)):
            raise NoScreen(f"la passerelle a répondu {answer.status_code} ; vérifiez l'adresse et la clé")
        return answer.text

    def hang_up(self, status: str) -> None:
        """Tell the gateway that the dialogue is over, as the aggregator does."""
        fields = {"sessionId": self.session_id, "phoneNumber": self.msisdn, "status": status}
        self.client.post(f"{self.address}/end", data=fields)


class NoScreen(Exception):
    """The gateway did not take this for a telephone."""


def command(
    number: Annotated[str, typer.Argument(metavar="NUMÉRO", help="Le numéro qui appelle.")] = "+22370000001",
    url: Annotated[
        str, typer.Option(envvar="RAMU_PUBLIC_URL", metavar="ADRESSE", help="L'adresse de la passerelle.")
    ] = "http://127.0.0.1:8000",
    key: Annotated[str, typer.Option(metavar="CLÉ", help="La clé de l'agrégateur.")] = "local",
    service_code: Annotated[
        str, typer.Option(envvar="RAMU_SERVICE_CODE", metavar="CODE", help="Le code composé.")
    ] = "*123#",
) -> None:
    """Dial the code of the service from this terminal, as on a phone with keys, and read the SMS that come."""
    try:
        msisdn = parse_msisdn(number)
    except MsisdnInvalid:
        stop(f"« {number} » n'est pas un numéro de téléphone : écrivez par exemple 76 00 00 02.")
    root = url.rstrip("/")
    try:
        with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client:
            while _talk(Dialogue(client, f"{root}/ussd/africastalking/{key}", msisdn, service_code)):
                if not _reads_sms(client, root, msisdn):
                    return
    except (httpx.HTTPError, NoScreen) as failure:
        reason = failure if isinstance(failure, NoScreen) else "elle ne répond pas ; lancez d'abord « ramu run »"
        stop(f"Pas de communication avec {url} : {reason}.")


def _talk(dialogue: Dialogue) -> bool:
    """Talk to the end of a dialogue; whoever leaves it before wants no more calls."""
    typer.echo(f"{dialogue.msisdn} compose {dialogue.service_code}")
    while True:
        text = dialogue.exchange()
        typer.echo(_framed(text[len(CONTINUES) :].split("\n")))
        if text.startswith(ENDS):
            dialogue.hang_up("Success")
            return True
        answer = _typed(">")
        if answer is None:
            dialogue.hang_up("Incomplete")
            typer.echo("\nRaccroché.")
            return False
        dialogue.typed.append(answer)


def _reads_sms(client: httpx.Client, root: str, msisdn: str) -> bool:
    """Show the SMS of the number, again and again; return whether to call once more."""
    typer.echo(BETWEEN_CALLS)
    while True:
        _show_sms(client, root, msisdn)
        answer = _typed("SMS>")
        if answer is None or answer == REDIAL:
            return answer == REDIAL


def _show_sms(client: httpx.Client, root: str, msisdn: str) -> None:
    answer = client.get(f"{root}/phone/inbox", params={"msisdn": msisdn})
    if answer.status_code != httpx.codes.OK:
        typer.echo("Les SMS se lisent ici en mode local seulement.")
        return
    messages = answer.json()["messages"][:MESSAGES_SHOWN]
    if not messages:
        typer.echo("Aucun SMS pour l'instant.")
    for message in reversed(messages):
        typer.echo(f"SMS du {stamp(datetime.fromisoformat(message['sent_at']))}")
        typer.echo(f"  {message['body']}")


def _typed(prompt: str) -> str | None:
    """Return a line, or nothing where the person leaves."""
    try:
        written: str = typer.prompt(prompt, prompt_suffix=" ", default="", show_default=False)
    except typer.Abort:
        return None
    return written


def _framed(screen: Sequence[str]) -> str:
    lines = [part for line in screen for part in wrap(line, SCREEN_CHARS) or [""]]
    width = max(len(line) for line in lines)
    edge = "─" * (width + 2)
    return "\n".join([f"┌{edge}┐", *(f"│ {line:<{width}} │" for line in lines), f"└{edge}┘"])
