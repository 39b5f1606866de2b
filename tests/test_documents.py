import re
from pathlib import Path

import pytest

from gateway.config.adapter_settings import variables
from gateway.config.settings import FOREIGN_NAMES, Settings
from gateway.tables import SchemeRow
from payments.tables import PaymentRequest

PROJECT = Path(__file__).parents[1]
README = PROJECT / "README.md"
DOCUMENTS = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")])
TESTS = {
    name
    for path in (PROJECT / "tests").rglob("test_*.py")
    for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
}


def path_of(document: Path) -> str:
    return str(document.relative_to(PROJECT))


def test_the_readme_names_every_setting_and_no_other() -> None:
    known = {FOREIGN_NAMES.get(name, f"RAMU_{name.upper()}") for name in Settings.model_fields}
    table = README.read_text().partition("## Settings")[2].partition("\n## ")[0]
    named = set(re.findall(r"`((?:RAMU_|DATABASE_|REDIS_)[A-Z_]+)`", table))
    # Those of a folder are described in it, and at the start; the table need not grow with every folder.
    assert known <= named <= known | variables().keys()


@pytest.mark.parametrize("document", DOCUMENTS, ids=path_of)
def test_every_test_that_a_document_calls_a_proof_exists(document: Path) -> None:
    assert set(re.findall(r"`(test_\w+)`", document.read_text())) <= TESTS


@pytest.mark.parametrize("document", DOCUMENTS, ids=path_of)
def test_every_link_to_a_file_leads_there(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=path_of)
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    named = re.findall(r"`((?:gateway|payments|ussd_flows|migrations|tests|docs)/[\w/.-]*)`", document.read_text())
    assert [name for name in named if not (PROJECT / name).exists()] == []


def test_every_picture_has_the_text_of_its_page_beside_it_and_stands_in_a_document() -> None:
    folder = PROJECT / "docs" / "screenshots"
    pictures = {path.stem for path in folder.glob("*.png")}
    assert len(pictures) > 3
    assert pictures == {path.stem for path in folder.glob("*.txt")}
    written = "\n".join(document.read_text() for document in DOCUMENTS)
    assert pictures == set(re.findall(r"screenshots/([\w-]+)\.png", written))
    made = (PROJECT / "tests/e2e/test_screenshots.py").read_text()
    assert pictures == set(re.findall(r'shown\(\w+, "([\w-]+)"', made))


NAMES = set(
    re.findall(
        r"[A-Za-z_]\w*",
        "\n".join(
            path.read_text()
            for package in ("gateway", "ussd_flows", "payments", "sandbox_operator", "migrations")
            for path in sorted((PROJECT / package).rglob("*"))
            if path.suffix in {".py", ".sql"}
        ),
    )
)


def unknown_terms(glossary: str) -> list[str]:
    """Return what the first column of a glossary calls a name in code and no code calls so."""
    terms = [
        term for row in re.findall(r"^\| (`[^|]+`) \|", glossary, re.MULTILINE) for term in re.findall(r"`(.+?)`", row)
    ]
    return [term for term in terms if term.replace(" ", "_") not in NAMES and f"_{term}" not in NAMES]


def test_every_name_of_the_glossary_is_one_in_code() -> None:
    glossary = (PROJECT / "docs" / "glossary.md").read_text()
    assert len(re.findall(r"^\| `", glossary, re.MULTILINE)) > 80
    assert unknown_terms(glossary) == []
    assert unknown_terms("| `payment`, `settled_at` | paiement | planted |") == ["settled_at"]


def test_every_decision_stands_in_the_list() -> None:
    decisions = {path.name for path in (PROJECT / "docs" / "adr").glob("0*.md")}
    assert decisions == set(
        re.findall(r"\]\((0\d{3}-[\w-]+\.md)\)", (PROJECT / "docs" / "adr" / "README.md").read_text())
    )


def named_in_rows(section: str) -> list[str]:
    return [
        name for row in re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    ]


def test_every_table_is_said_to_be_bounded_or_has_a_day_on_which_it_may_leave() -> None:
    runbook = (PROJECT / "docs/runbooks/what-may-leave.md").read_text()
    bounded, _, unbounded = runbook.partition("\n## Bounded")[2].partition("\n## Unbounded")
    named = named_in_rows(bounded) + named_in_rows(unbounded.partition("\n## ")[0])
    # Both packages write into one schema.
    tables = set(SchemeRow.metadata.tables) | set(PaymentRequest.metadata.tables)
    assert len(tables) > 25
    assert sorted(named) == sorted(tables), "name it in docs/runbooks/what-may-leave.md, once"


def test_what_the_application_may_delete_is_what_the_service_forgets() -> None:
    migration = next((PROJECT / "migrations/versions").glob("*_initial.py")).read_text()
    deletable = set(
        re.findall(r"^ +\"(\w+)\",$", migration.partition("FORGETTABLE = (")[2].partition(")")[0], re.MULTILINE)
    )
    runbook = (PROJECT / "docs/runbooks/what-may-leave.md").read_text()
    bounded = runbook.partition("\n## Bounded")[2].partition("\n## Unbounded")[0]
    assert "ussd_session" in deletable
    assert deletable <= set(named_in_rows(bounded))
