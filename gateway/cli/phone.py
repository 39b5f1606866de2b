"""`ramu phone`: a basic phone in the terminal, in front of a gateway that runs."""

import secrets
from dataclasses import dataclass, field
from typing import Annotated

import httpx
import typer

TIMEOUT_S = 10
NETWORK_CODE = "99999"
CONTINUES, ENDS = "CON ", "END "


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
            raise NoScreen(f"la passerelle a répondu {answer.status_code}; vérifiez l'adresse et la clé")
        return answer.text

    def hang_up(self, status: str) -> None:
        """Tell the gateway that the dialogue is over, as the aggregator does."""
        fields = {"sessionId": self.session_id, "phoneNumber": self.msisdn, "status": status}
        self.client.post(f"{self.address}/end", data=fields)


class NoScreen(Exception):
    """The gateway did not take this for a telephone."""


def command(
    msisdn: Annotated[str, typer.Option(help="Le numéro qui appelle.")] = "+22370000001",
    url: Annotated[str, typer.Option(envvar="RAMU_PUBLIC_URL", help="L'adresse de la passerelle.")] = (
        "http://127.0.0.1:8000"
    ),
    key: Annotated[str, typer.Option(help="La clé de l'agrégateur.")] = "local",
    service_code: Annotated[str, typer.Option(envvar="RAMU_SERVICE_CODE", help="Le code composé.")] = "*123#",
) -> None:
    """Dial the code of the service from this terminal, as on a phone with keys."""
    address = f"{url.rstrip('/')}/ussd/africastalking/{key}"
    try:
        with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client:
            _talk(Dialogue(client, address, msisdn, service_code))
    except (httpx.HTTPError, NoScreen) as failure:
        reason = failure if isinstance(failure, NoScreen) else "elle ne répond pas; lancez d'abord `ramu run`"
        typer.echo(f"Pas de communication avec {url}: {reason}.", err=True)
        raise typer.Exit(1) from None


def _talk(dialogue: Dialogue) -> None:
    typer.echo(f"{dialogue.msisdn} compose {dialogue.service_code}")
    while True:
        text = dialogue.exchange()
        typer.echo(_framed(text[len(CONTINUES) :]))
        if text.startswith(ENDS):
            dialogue.hang_up("Success")
            return
        try:
            dialogue.typed.append(typer.prompt(">", prompt_suffix=" ", default="", show_default=False))
        except typer.Abort:
            dialogue.hang_up("Incomplete")
            typer.echo("\nRaccroché.")
            return


def _framed(text: str) -> str:
    lines = text.split("\n")
    width = max(len(line) for line in lines)
    edge = "─" * (width + 2)
    return "\n".join([f"┌{edge}┐", *(f"│ {line:<{width}} │" for line in lines), f"└{edge}┘"])
