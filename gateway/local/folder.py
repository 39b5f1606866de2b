"""Where local mode keeps its data."""

from collections.abc import Mapping
from pathlib import Path

_PROJECT = Path(__file__).parents[2]


def local_dir(environ: Mapping[str, str]) -> Path:
    """Return the folder: with the checkout, or where the command is given when the package is installed elsewhere."""
    home = _PROJECT if (_PROJECT / "pyproject.toml").is_file() else Path.cwd()
    return Path(environ.get("RAMU_LOCAL_DIR") or home / ".ramu").expanduser().resolve()
