"""Why the system refused something, in words for the person who started us."""

import errno
import os
from collections.abc import Mapping
from typing import Final

_REASONS: Final[Mapping[int, str]] = {
    errno.EACCES: "accès refusé",
    errno.EPERM: "accès refusé",
    errno.EADDRINUSE: "déjà pris par un autre programme",
    errno.EADDRNOTAVAIL: "cette machine n'a pas cette adresse",
    errno.EDQUOT: "quota de disque atteint",
    errno.EEXIST: "un fichier porte déjà ce nom",
    errno.EMFILE: "trop de fichiers ouverts",
    errno.ENOENT: "introuvable",
    errno.ENOSPC: "disque plein",
    errno.ENOTDIR: "un fichier se trouve à la place d'un dossier",
    errno.EROFS: "lecture seule",
}


def reason(number: int | None) -> str:
    """Return what an error number of the system means; a rare one keeps the system's own words."""
    if number is None:
        return "cause inconnue"
    return _REASONS.get(number) or os.strerror(number)
