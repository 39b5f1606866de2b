"""Names and telephone numbers of people: masked on every page, until somebody who may says why, which is written down.

What is shown is the answer to the form itself: it stands in no address, in no cache, and is gone with the page.
"""

from collections.abc import Mapping
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.console.auth import audit
from gateway.console.deps import ConsoleDeps, PageRefused, Visit
from gateway.console.guard import field_of

#: Why people are looked up; what is none of these is said in words.
REASONS: Final[Mapping[str, str]] = {
    "joindre": "Joindre le payeur ou le ménage",
    "identite": "Vérifier qui appelle",
    "reclamation": "Répondre à une réclamation",
    "autre": "Autre raison, à écrire",
}
OTHER: Final = "autre"
WORDS_CHARS_MIN: Final = 5
WORDS_CHARS_MAX: Final = 150


async def note_shown(console: ConsoleDeps, visit: Visit, subject: str) -> None:
    """Read why somebody wants to see people whole and write it down; without a reason nothing is shown."""
    reason = _reason(field_of(visit.form, "motif"), field_of(visit.form, "precision"))

    async def note(connection: AsyncConnection) -> None:
        await audit.people_shown(connection, visit.now, audit.actor_of(visit.officer.login), subject, reason)

    await console.deps.console_db.transact(note)


def _reason(code: str, words: str) -> str:
    said = " ".join(words.split())
    if code not in REASONS or len(said) > WORDS_CHARS_MAX or not said.isprintable():
        raise PageRefused(400, "Motif manquant", f"Choisissez un motif, et {WORDS_CHARS_MAX} caractères au plus.")
    if code == OTHER and len(said) < WORDS_CHARS_MIN:
        sentence = f"Écrivez la raison, en {WORDS_CHARS_MIN} à {WORDS_CHARS_MAX} caractères. Rien n'a été montré."
        raise PageRefused(400, "Motif manquant", sentence)
    return f"{REASONS[code]} : {said}" if said else REASONS[code]
