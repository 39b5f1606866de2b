"""Where a command finds its settings: the environment, or the `ramu run` that goes on in this project."""

import os
from collections.abc import Mapping

from gateway.local.folder import local_dir, read_env


def environment() -> Mapping[str, str]:
    """Return the environment; where it names no database, the running house of local mode lends its own.

    So a second terminal beside `ramu run` needs nothing exported. Production is never guessed.
    """
    given = os.environ
    named = any(given.get(name) for name in ("DATABASE_URL", "DATABASE_URL_FILE"))
    if named or given.get("RAMU_MODE", "local") != "local":
        return given
    return {**read_env(local_dir(given)), **given}
