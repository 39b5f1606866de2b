import re
from pathlib import Path

import pytest

from gateway.settings import FOREIGN_NAMES, Settings

PROJECT = Path(__file__).parents[1]
README = PROJECT / "README.md"
DOCUMENTS = sorted([README, PROJECT / "CHANGELOG.md", *(PROJECT / "docs").rglob("*.md")])
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
    assert set(re.findall(r"`((?:RAMU_|DATABASE_|REDIS_)[A-Z_]+)`", table)) == known


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


def test_every_decision_stands_in_the_list() -> None:
    decisions = {path.name for path in (PROJECT / "docs" / "adr").glob("0*.md")}
    assert decisions == set(
        re.findall(r"\]\((0\d{3}-[\w-]+\.md)\)", (PROJECT / "docs" / "adr" / "README.md").read_text())
    )
