"""Writes the tables of the finance guide from what the console says; ``--check`` only says whether one is old."""

import sys
from collections.abc import Iterable
from pathlib import Path

from gateway.console.auth.roles import RIGHTS, Right, Role
from gateway.console.break_labels import BREAKS
from gateway.console.labels import ROLES
from payments.break_kind import BreakKind

GUIDE = Path(__file__).parent / "guides" / "finance.md"

#: What each right is called at the head of its column.
RIGHT_TITLES = {
    Right.READ: "Lire",
    Right.EXPORT: "Exporter",
    Right.IMPORT: "Importer un relevé",
    Right.CLOSE: "Clore une journée",
}


def tables() -> dict[str, str]:
    """Return each table by the word that marks its place in the guide."""
    breaks = ((BREAKS[kind].label, BREAKS[kind].advice) for kind in BreakKind)
    rights = ((ROLES[role], *(_yes(right in RIGHTS[role]) for right in RIGHT_TITLES)) for role in Role)
    return {
        "breaks": _table(("Écart", "Que faire"), breaks),
        "rights": _table(("Rôle", *RIGHT_TITLES.values()), rights),
    }


def written(guide: str) -> str:
    """Return the guide with every table in its place, between two marks."""
    for name, table in tables().items():
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
        before, _, rest = guide.partition(start)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"{GUIDE.name} has no place for the table «{name}»")
        guide = f"{before}{start}{table}{end}{after}"
    return guide


def _yes(holds: bool) -> str:
    return "oui" if holds else "non"


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [titles, tuple("---" for _ in titles), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main(arguments: list[str]) -> int:
    """Write the guide, or with ``--check`` fail when it is not what the console says."""
    guide = GUIDE.read_text(encoding="utf-8")
    if "--check" not in arguments:
        GUIDE.write_text(written(guide), encoding="utf-8")
        return 0
    if guide == written(guide):
        return 0
    sys.stderr.write(f"{GUIDE.name} is old: run python -m docs.guide_tables\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
