from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.members.places import rows
from tests.ussd_flows.callers import PLACES
from ussd_flows.gsm7 import septets
from ussd_flows.places import place_of, places_from, search


def names(typed: str) -> list[str]:
    return [place.name for place in search(PLACES, typed)]


def test_each_cercle_is_found_by_its_first_three_letters() -> None:
    cercles = [row for row in rows() if row.region != "Bamako"]
    assert len(cercles) == 159
    for row in cercles:
        assert row.code in {place.code for place in search(PLACES, row.name[:3])}, row


def test_each_other_spelling_finds_its_cercle_first() -> None:
    spelled = [(alias, row.code) for row in rows() for alias in row.aliases]
    assert len(spelled) > 10
    for alias, code in spelled:
        assert search(PLACES, alias)[0].code == code


def test_the_exact_name_comes_first_whatever_its_accents_and_marks() -> None:
    for row in rows():
        for typed in (row.name, row.name.upper(), row.name_gsm7.replace("-", " "), row.name.replace(" ", "")):
            assert search(PLACES, typed)[0].code == row.code, typed


@dataclass(frozen=True)
class Row:
    code: str
    name_gsm7: str
    aliases: tuple[str, ...] = ()
    region: str = "Kita"
    old_region: str | None = None
    localities: tuple[str, ...] = ()


def test_exact_comes_before_begun_and_a_name_before_a_spelling_before_a_region() -> None:
    rows_by_rank = [
        Row("name", "Kita", region="Zzz"),
        Row("spelling", "Bafing", ("Kita",)),
        Row("name begun", "Kitaba", region="Zzz"),
        Row("spelling begun", "Ansongo", ("Kita-Nord",)),
        Row("region", "Aaa"),
    ]
    found = search(places_from(reversed(rows_by_rank)), "kita")
    assert [place.code for place in found] == [row.code for row in rows_by_rank]


def test_a_name_comes_before_a_region() -> None:
    assert names("kita")[0] == "Kita"
    found = search(PLACES, "Kayes")
    assert found[0].name == "Kayes"
    assert [place.region for place in found[1:]].count("Kayes") == 9


def test_a_former_region_still_finds_its_cercles() -> None:
    assert "Kita" in names("kayes")
    assert "Ménaka" in names("Gao")


def test_bamako_is_a_place() -> None:
    assert names("bamako") == ["Bamako"]


@pytest.mark.parametrize("typed", ["", " ", "-", "?!", "zzz", "日本", "\x00"])
def test_what_names_no_place_finds_none(typed: str) -> None:
    assert search(PLACES, typed) == ()


@given(st.text())
def test_any_text_finds_distinct_places(typed: str) -> None:
    found = search(PLACES, typed)
    assert len({place.code for place in found}) == len(found)


def test_a_stored_code_gives_its_place_back() -> None:
    for row in rows():
        place = place_of(PLACES, row.code)
        assert place is not None
        assert place.name == row.name_gsm7
        assert septets(place.name) is not None
    assert place_of(PLACES, "nowhere") is None
    assert place_of(places_from([]), "0101") is None
