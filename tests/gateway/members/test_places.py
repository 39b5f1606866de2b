from collections import Counter

from gateway.members.places import cercle_name, rows
from ussd_flows.gsm7 import septets


def test_the_district_and_the_159_cercles_of_19_regions_are_there() -> None:
    district, *cercles = rows()
    assert (district.code, district.name, district.old_region) == ("0000", "Bamako", None)
    assert len(cercles) == 159
    assert len({cercle.region_code for cercle in cercles}) == len({cercle.region for cercle in cercles}) == 19
    by_region = Counter(cercle.region for cercle in cercles)
    assert (by_region["Gao"], by_region["Tombouctou"], by_region["Kita"]) == (16, 13, 6)


def test_every_code_is_one_of_its_region_and_of_nobody_else() -> None:
    codes = [row.code for row in rows()]
    assert len(set(codes)) == len(codes)
    assert all(len(row.code) == 4 and row.code.startswith(row.region_code) for row in rows())
    assert codes == sorted(codes)


def test_every_name_can_be_shown_on_a_phone_and_is_spelt_fully_on_pages() -> None:
    assert all((septets(row.name_gsm7) or 99) <= 20 for row in rows())
    differing = {row.name: row.name_gsm7 for row in rows() if row.name != row.name_gsm7}
    assert differing == {"Abeïbara": "Abeibara", "Dioïla": "Dioila"}


def test_a_name_in_a_region_belongs_to_one_place() -> None:
    named = Counter((row.region, name) for row in rows() for name in {row.name, *row.aliases})
    assert max(named.values()) == 1


def test_other_spellings_and_the_old_region_are_kept() -> None:
    by_name = {row.name: row for row in rows()}
    assert by_name["Niéna"].aliases == ("Niéma", "Nièna")
    assert by_name["Sagabari"].old_region == "Kayes"
    assert {row.old_region for row in rows() if row.region == "Ménaka"} == {"Gao"}


def test_national_region_numbers_are_used_not_iso_ones() -> None:
    assert {row.region_code for row in rows() if row.region == "Taoudénit"} == {"09"}
    assert {row.region_code for row in rows() if row.region == "Ménaka"} == {"10"}


def test_a_code_gives_the_name_and_an_unknown_one_none() -> None:
    assert cercle_name("1301") == "Dioïla"
    assert cercle_name("9999") is None
    assert rows() is rows()
