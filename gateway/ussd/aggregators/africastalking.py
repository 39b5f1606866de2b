"""Africa's Talking: a form with the whole path typed so far, answered with a text that begins with CON or END.

Source: Africa's Talking USSD documentation and help articles 1284071, 1284096 and 484351, and captures of its sandbox.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl

from gateway.ussd.aggregators.contract import Turn, TurnEvent, TurnRejected
from payments.errors import MsisdnInvalid
from payments.msisdn import parse_msisdn
from payments.wire import RawRequest, RawResponse
from ussd_flows.screen import Screen, flat

NAME = "africastalking"
FORM = "application/x-www-form-urlencoded"
#: Without a blank or a mark before it: the first four characters decide whether the dialogue goes on.
TEXT_PLAIN = {"content-type": "text/plain; charset=utf-8"}

TURN_FIELDS = ("sessionId", "phoneNumber", "networkCode", "serviceCode", "text")
END_FIELDS = ("sessionId", "phoneNumber", "status")
#: A turn has five fields and an end notification thirteen; an address full of them is no telephone.
FIELDS_MAX = 40
CHARS_MAX: Mapping[str, int] = {
    "sessionId": 100,
    "phoneNumber": 16,
    "networkCode": 20,
    "serviceCode": 40,
    "text": 2_000,
    "status": 40,
}
END_EVENTS = {"Incomplete": TurnEvent.TIMEOUT, "Failed": TurnEvent.ABORT}

_BROKEN_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SESSION_ID = re.compile(r"[\x21-\x7e]+")
#: E.164 as our tables keep it; the country's own rules are asked of ``parse_msisdn``.
_E164 = re.compile(r"\+[1-9][0-9]{7,14}")


class _Unreadable(Exception):
    """What is wrong with a form, in the words of the sentence that answers it."""


@dataclass(frozen=True, slots=True)
class AfricasTalking:
    """The wire format of Africa's Talking."""

    name: str = NAME

    def parse(self, request: RawRequest) -> Turn:
        """Read a turn, or the notification that a dialogue has ended."""
        match request.path:
            case "/":
                status = HTTPStatus.OK
            case "/end":
                status = HTTPStatus.UNPROCESSABLE_ENTITY
            case _:
                raise TurnRejected(HTTPStatus.NOT_FOUND, "Adresse inconnue.")
        if request.method != "POST":
            raise TurnRejected(HTTPStatus.METHOD_NOT_ALLOWED, "Seule la méthode POST est admise.")
        try:
            return _turn(request) if request.path == "/" else _end(request)
        except _Unreadable as fault:
            raise TurnRejected(status, f"Demande refusée: {fault}. Recomposez le code.") from None

    def render(self, screen: Screen | None, turn: Turn) -> RawResponse:
        """Write a screen the way the gateway shows it to the phone."""
        del turn
        if screen is None:
            return RawResponse(HTTPStatus.OK, TEXT_PLAIN)
        verb = "END" if screen.ends else "CON"
        return RawResponse(HTTPStatus.OK, TEXT_PLAIN, f"{verb} {flat(screen)}".encode())

    def refuse(self, sentence: str) -> RawResponse:
        """Write a last sentence; any other status would show the caller nothing of it."""
        return RawResponse(HTTPStatus.OK, TEXT_PLAIN, f"END {sentence}".encode())


def _turn(request: RawRequest) -> Turn:
    fields = _read(request, TURN_FIELDS)
    return Turn(
        aggregator=NAME,
        session_id=_session_id(fields),
        msisdn=_msisdn(fields),
        service_code=fields["serviceCode"],
        event=TurnEvent.CONTINUE if fields["text"] else TurnEvent.BEGIN,
        text=None,
        transcript=fields["text"],
        operator=fields["networkCode"] or None,
    )


def _end(request: RawRequest) -> Turn:
    fields = _read(request, END_FIELDS)
    return Turn(
        aggregator=NAME,
        session_id=_session_id(fields),
        msisdn=_msisdn(fields),
        service_code="",
        event=END_EVENTS.get(fields["status"], TurnEvent.END),
        text=None,
        transcript=None,
        operator=None,
    )


def _read(request: RawRequest, wanted: tuple[str, ...]) -> dict[str, str]:
    """Read the wanted fields of a form, each exactly once; fields we do not know are none of our business."""
    _check_type(request.headers.get("content-type", ""))
    found: dict[str, str] = {}
    for name, value in _pairs(request.body):
        if name not in wanted:
            continue
        if name in found:
            raise _Unreadable(f"champ {name} en double")
        if len(value) > CHARS_MAX[name]:
            raise _Unreadable(f"champ {name} trop long")
        if _CONTROL.search(value):
            raise _Unreadable(f"champ {name} illisible")
        found[name] = value
    for name in wanted:
        if name not in found:
            raise _Unreadable(f"champ {name} absent")
    return found


def _check_type(content_type: str) -> None:
    kind, _, parameters = content_type.partition(";")
    if kind.strip().lower() != FORM:
        raise _Unreadable("ce n'est pas un formulaire")
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in {"utf-8", "utf8"}:
            raise _Unreadable("jeu de caractères non admis")


def _pairs(body: bytes) -> list[tuple[str, str]]:
    if _BROKEN_PERCENT.search(body):
        raise _Unreadable("formulaire mal codé")
    try:
        return parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=FIELDS_MAX,
        )
    except ValueError:
        raise _Unreadable("formulaire mal codé") from None


def _session_id(fields: Mapping[str, str]) -> str:
    session_id = fields["sessionId"]
    if not _SESSION_ID.fullmatch(session_id):
        raise _Unreadable("champ sessionId illisible")
    return session_id


def _msisdn(fields: Mapping[str, str]) -> str:
    number = fields["phoneNumber"]
    if not _E164.fullmatch(number):
        raise _Unreadable("champ phoneNumber illisible")
    try:
        return parse_msisdn(number)
    except MsisdnInvalid:
        raise _Unreadable("champ phoneNumber illisible") from None
