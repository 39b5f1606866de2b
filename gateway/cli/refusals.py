"""What a person reads where a command could not begin its work, whichever command it was."""

from sqlalchemy.exc import OperationalError

from gateway.config.settings import SettingsInvalid


def sentence_of(failure: Exception) -> str | None:
    """Return what to tell; None where the failure is a fault of ours."""
    if isinstance(failure, SettingsInvalid):
        return str(failure)
    if isinstance(failure, OperationalError):
        return "La base de données ne répond pas : lancez « ramu run », ou vérifiez DATABASE_URL."
    return None
