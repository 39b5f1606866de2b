"""Africa's Talking: a form with the whole path typed so far, answered with a text that begins with CON or END.

Source: Africa's Talking USSD documentation and help articles 1284071, 1284096 and 484351, and captures of its sandbox.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from gateway.ussd.aggregators.contract import REPEAT_WITHIN, Turn, TurnEvent, TurnRejected
from gateway.ussd.aggregators.forms import FormUnreadable, caller_number, clean_path, read_form
from payments.http_messages import RawRequest, RawResponse
from ussd_flows.screen import Screen, render_text

NAME = "africastalking"
#: Without a blank or a mark before it: the first four characters decide whether the dialogue goes on.
TEXT_PLAIN = {"content-type": "text/plain; charset=utf-8"}

FIELDS = ("sessionId", "phoneNumber", "text")
HINTS = ("serviceCode", "networkCode", "status")
#: Longer than any that a gateway has given a dialogue.
SESSION_ID_CHARS_MAX = 200
#: All that a caller can type in the longest dialogue.
PATH_CHARS_MAX = 2_000
#: Longer than any code or network; what is longer is no hint.
HINT_CHARS_MAX = 40
END_EVENTS = {"incomplete": TurnEvent.TIMEOUT, "failed": TurnEvent.ABORT}

MANGLED = "Appel mal transmis par le réseau. Recomposez le code."
NO_NUMBER = "Votre numéro ne nous est pas parvenu. Recomposez le code."
TOO_LONG = "Appel trop long. Recomposez le code."


@dataclass(frozen=True, slots=True)
class AfricasTalking:
    """The wire format of Africa's Talking."""

    name: str = NAME
    repeat_within: timedelta = REPEAT_WITHIN

    def parse(self, request: RawRequest) -> Turn:
        """Read a turn, or the notification that a dialogue has ended."""
        path = request.path.rstrip("/")
        if path not in {"", "/end"}:
            raise TurnRejected(HTTPStatus.NOT_FOUND, "Adresse inconnue.")
        # The gateway posts; those that speak its dialect also put the fields into the address.
        if request.method != "POST" and not (request.method == "GET" and request.query):
            raise TurnRejected(HTTPStatus.METHOD_NOT_ALLOWED, "Seule la méthode POST est admise.")
        if path == "/end":
            return _turn(request, HTTPStatus.UNPROCESSABLE_ENTITY, ended=True)
        return _turn(request, HTTPStatus.OK, ended=False)

    def render(self, screen: Screen | None, turn: Turn) -> RawResponse:
        """Write a screen the way the gateway shows it to the phone."""
        del turn
        if screen is None:
            return RawResponse(HTTPStatus.OK, TEXT_PLAIN)
        verb = "END" if screen.ends else "CON"
        return RawResponse(HTTPStatus.OK, TEXT_PLAIN, f"{verb} {render_text(screen)}".encode())

    def refuse(self, sentence: str) -> RawResponse:
        """Write a last sentence; any other status would show the caller nothing of it."""
        return RawResponse(HTTPStatus.OK, TEXT_PLAIN, f"END {sentence}".encode())


def _turn(request: RawRequest, unreadable: HTTPStatus, *, ended: bool) -> Turn:
    """Read who calls in which dialogue, which must be there, and everything else, which may be missing."""
    try:
        form = read_form((request.body, request.query.encode()), FIELDS, HINTS)
    except FormUnreadable:
        raise TurnRejected(unreadable, MANGLED) from None
    fields, session_id = form.values, form.values.get("sessionId", "")
    # Who calls must be sure; what was answered can be asked again.
    if not 0 < len(session_id) <= SESSION_ID_CHARS_MAX or form.doubtful - {"text"}:
        raise TurnRejected(unreadable, MANGLED)
    msisdn = caller_number(fields.get("phoneNumber", ""))
    if msisdn is None:
        raise TurnRejected(unreadable, NO_NUMBER)
    path = clean_path(fields.get("text", ""))
    if len(path) > PATH_CHARS_MAX:
        raise TurnRejected(unreadable, TOO_LONG)
    event = TurnEvent.CONTINUE if path else TurnEvent.BEGIN
    if ended:
        event = END_EVENTS.get(fields.get("status", "").lower(), TurnEvent.END)
    return Turn(
        aggregator=NAME,
        session_id=session_id,
        turn_id=None,
        msisdn=msisdn,
        service_code=_hint(fields, "serviceCode"),
        event=event,
        text=None,
        transcript=None if ended else path,
        operator=_hint(fields, "networkCode") or None,
        received_at=request.received_at,
        is_garbled=bool(form.doubtful),
    )


def _hint(fields: Mapping[str, str], name: str) -> str:
    value = fields.get(name, "")
    return value if len(value) <= HINT_CHARS_MAX else ""
