"""The name of one turn of one dialogue, from which everything it brings about takes its key."""

from dataclasses import dataclass
from urllib.parse import quote

from gateway.ussd.sessions import SessionKey, StoredSession


@dataclass(frozen=True, slots=True)
class TurnKey:
    """One turn; the same turn, repeated by whomever, has the same name.

    ``started`` is the name that the dialogue was given when it began: a session id used again, by the same number or by
    another one, is another dialogue with other names.
    """

    session: SessionKey
    msisdn: str
    started: str
    turn_number: int

    @property
    def name(self) -> str:
        """Return the name of the turn."""
        return f"{self.dialogue}{self.turn_number}"

    @property
    def dialogue(self) -> str:
        """Return what the names of all turns of the dialogue begin with."""
        return f"{dialogues(self.session, self.msisdn)}{self.started}:"

    def effect(self, effect_number: int) -> str:
        """Return the idempotency key of one effect of the turn."""
        return f"{self.name}:{effect_number}"

    def made(self, key: str) -> bool:
        """Return whether something with this key was brought about by this turn."""
        return key.rpartition(":")[0] == self.name


def dialogues(session: SessionKey, msisdn: str) -> str:
    """Return what the names of all dialogues begin with that this number has had under this session id."""
    return f"ussd:{session.aggregator}:{quote(session.session_id, safe='')}:{msisdn}:"


def turn_number(stored: StoredSession | None, transcript: str | None) -> int:
    """Count the turns of a dialogue from 0.

    A path says by itself how far it has come, so its number survives the loss of the session. Otherwise we count.
    """
    if transcript is not None:
        return transcript.count("*") + 1 if transcript else 0
    return stored.turn_number + 1 if stored else 0
