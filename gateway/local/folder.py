"""Where local mode keeps its data, and what its last house wrote down there."""

import json
from collections.abc import Mapping
from pathlib import Path

#: How to reach a house from another terminal.
NOTE = "environment.json"

_PROJECT = Path(__file__).parents[2]


def local_dir(environ: Mapping[str, str]) -> Path:
    """Return the folder: with the checkout, or where the command is given when the package is installed elsewhere."""
    home = _PROJECT if (_PROJECT / "pyproject.toml").is_file() else Path.cwd()
    return Path(environ.get("RAMU_LOCAL_DIR") or home / ".ramu").expanduser().resolve()


def read_env(local_dir: Path) -> Mapping[str, str]:
    """Return what the last house of a directory wrote down; nothing where none ever lived."""
    try:
        note: dict[str, str] = json.loads((local_dir / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note
