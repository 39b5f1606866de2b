"""The story that `ramu run` tells as it happens: one line for each thing, by reference, with no whole number."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from gateway.config.settings import load_settings
from gateway.console.labels import PUSH_STATES
from gateway.french import francs, short_date
from gateway.infra.database import Database, Pool, Timeouts, open_database
from gateway.infra.ids import shown_reference
from gateway.local.dials import Dial
from gateway.local.stack import Say
from gateway.local.supervisor import Supervisor
from gateway.reports.sms_words import SMS_KINDS, SMS_STATES
from gateway.reports.story import StoryEvent, StoryKind, Watched, begin, happened
from gateway.sms.kinds import SmsKind, SmsState

LOOK_EVERY_S: Final = 0.5
#: A database that does not answer is not asked again at once.
AFTER_FAILURE_S: Final = 5

SPEAKER: Final = "récit"
VERDICTS: Final[Mapping[str, str]] = {
    "accept": "signé",
    "accept_unverified": "on demande à l'opérateur si c'est vrai",
    "reject": "refusé",
}
#: What became of a message that needs no word.
ARRIVED: Final = frozenset({SmsState.SENT, SmsState.DELIVERED})
CREDITED: Final[Mapping[str, str]] = {
    "reference": "crédités au ménage de la demande ou de la référence",
    "payer": "crédités au ménage de ce numéro",
    "suspense": "en attente : ménage inconnu",
}


async def tell_story(supervisor: Supervisor, say: Say) -> None:
    """Tell what happens until the end begins; a database that does not answer is a story without lines."""
    url = load_settings(supervisor.environment).database_url.get_secret_value()
    database = open_database(url, Pool(size=1), Timeouts())
    watched: Watched | None = None
    pause_s: float = 0
    try:
        while not await supervisor.pause(pause_s):
            try:
                watched = await _tell_latest(database, watched, say)
                pause_s = LOOK_EVERY_S
            except (SQLAlchemyError, OSError):
                pause_s = AFTER_FAILURE_S
    finally:
        await database.close()


async def _tell_latest(database: Database, watched: Watched | None, say: Say) -> Watched:
    async with database.single() as connection:
        if watched is None:
            return await begin(connection)
        for event in await happened(connection, watched):
            say(SPEAKER, line(event))
    return watched


def line(event: StoryEvent) -> str:
    """Write one line."""
    return f"{_at(event.at)} {_told(event)}"


def dial_line(dial: Dial) -> str:
    """Write the line of a dial."""
    return f"{_at(dial.at)} {dial.masked} compose {dial.service_code or 'le code'}"


def _told(event: StoryEvent) -> str:
    amount = f"{francs(event.amount_xof)} F"
    match event.kind:
        case StoryKind.REQUEST:
            return f"Demande {shown_reference(event.reference)} : {amount} à {event.masked}, par {event.operator}"
        case StoryKind.ENDED:
            return f"Demande {shown_reference(event.reference)} : {PUSH_STATES[event.word][0]}"
        case StoryKind.NOTICE:
            about = f", demande {shown_reference(event.reference)}" if event.reference else ""
            return f"Avis n° {event.id} de {event.operator}{about} : {VERDICTS[event.word]}"
        case StoryKind.CREDIT:
            payer = f" de {event.masked}" if event.masked else ""
            return f"Quittance {event.reference} : {amount}{payer} {CREDITED[event.word]}"
        case StoryKind.SMS:
            state = SmsState(event.reference)
            fate = "" if state in ARRIVED else f", {SMS_STATES[state]}"
            return f"SMS n° {event.id} à {event.masked} : {SMS_KINDS[SmsKind(event.word)]}{fate}"


def _at(moment: datetime) -> str:
    return f"{short_date(moment)} {moment:%H:%M:%S}"
