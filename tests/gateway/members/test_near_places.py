"""Names as people really type them find the place they mean, or the few that it may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.members.near_places import PLACES_MAX, near_places
from gateway.members.places import all_places, cercle_name, rows
from ussd_flows.places import place_of, search

PLACES = all_places()


def first_of(typed: str) -> str | None:
    """Return what a caller is shown first: what begins so, else what is written nearly so."""
    begun = [place.code for place in search(PLACES, typed)]
    return cercle_name((begun or [*near_places(typed), ""])[0])


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Lafiabougou", "Bamako"),
        ("lafia", "Bamako"),
        ("bko", "Bamako"),
        ("commune 4", "Bamako"),
        ("Commune IV", "Bamako"),
        ("commune4 bamako", "Bamako"),
        ("c4", "Bamako"),
        ("kalaban coura aci", "Bamako"),
        ("l'hippodrome", "Bamako"),
        ("ACI 2000", "Bamako"),
        ("point g", "Bamako"),
        ("sebenikoro", "Bamako"),
        ("yirimadjo", "Bamako"),
        ("kalaban coro", "Kati"),
        ("kalaban koro", "Kati"),
        ("sikaso", "Sikasso"),
        ("sikasou", "Sikasso"),
        ("sikasso medine", "Sikasso"),
        ("segu", "Ségou"),
        ("segou ville", "Ségou"),
        ("mopti ville", "Mopti"),
        ("sevare", "Mopti"),
        ("kayes ville", "Kayes"),
        ("ville de kayes", "Kayes"),
        ("cercle de kita", "Kita"),
        ("commune de zegoua", "Kadiolo"),
        ("kulikoro", "Koulikoro"),
        ("koulikr", "Koulikoro"),
        ("buguni", "Bougouni"),
        ("bougouny", "Bougouni"),
        ("tombouktou", "Tombouctou"),
        ("timbuktu", "Tombouctou"),
        ("jenne", "Djenné"),
        ("kutiala", "Koutiala"),
        ("koutialla", "Koutiala"),
        ("bandiagra", "Bandiagara"),
        ("yanfolia", "Yanfolila"),
        ("gouma rharous", "Gourma-Rharous"),
        ("nioro sahel", "Nioro du Sahel"),
        ("SIKASSO!!", "Sikasso"),
    ],
)
def test_what_people_type_is_shown_the_place_they_mean_first(typed: str, name: str) -> None:
    assert first_of(typed) == name


@pytest.mark.parametrize("typed", ["", "zz", "xyzxyz", "qwertyuiop", "日本", "\x00", "?", "0"])
def test_what_is_like_no_place_is_near_to_none(typed: str) -> None:
    assert near_places(typed) == ()


def test_each_name_with_a_letter_left_out_doubled_or_exchanged_is_among_the_near_ones() -> None:
    tried = missed = 0
    for row in rows():
        name = row.name_gsm7
        if len(name) < 6:
            continue
        for place in range(1, len(name) - 1):
            spellings = (
                name[:place] + name[place + 1 :],
                name[:place] + name[place] + name[place:],
                name[:place] + name[place + 1] + name[place] + name[place + 2 :],
            )
            for spelled in spellings:
                tried += 1
                found = [one.code for one in search(PLACES, spelled)] or near_places(spelled)
                missed += row.code not in found
    assert tried > 2_000
    # Among places whose names differ by two letters, a slip may be as near to five others.
    assert missed * 200 < tried, (missed, tried)


def test_every_locality_finds_its_place_and_is_written_as_phones_can_show_it() -> None:
    named = [(name, row.code) for row in rows() for name in row.localities]
    assert len(named) > 150
    for name, code in named:
        assert code in {place.code for place in search(PLACES, name)}, name
        assert code in {place.code for place in search(PLACES, name.upper().replace("-", " "))}, name


def test_no_locality_bears_the_name_of_another_cercle() -> None:
    by_key = {key: places for key, places in PLACES.by_key.items() if len(places) > 1}
    assert by_key == {}


@given(st.text(max_size=60))
def test_any_text_is_near_to_a_few_places_that_exist(typed: str) -> None:
    codes = near_places(typed)
    assert len(set(codes)) == len(codes) <= PLACES_MAX
    assert all(place_of(PLACES, code) for code in codes)
