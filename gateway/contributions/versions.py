"""Under which version of its scheme a household stands when a period begins."""

from collections.abc import Sequence
from datetime import date

from gateway.contributions.scheme import Scheme


def version_on(versions: Sequence[Scheme], start: date) -> Scheme:
    """Return the newest version that is in force when a period begins; the first, which it stands under, if none is.

    ``versions`` begin with the one that the household stands under, and go on in order: nobody goes back.
    """
    in_force = (one for one in reversed(versions) if one.valid_from <= start <= (one.valid_to or start))
    return next(in_force, versions[0])
