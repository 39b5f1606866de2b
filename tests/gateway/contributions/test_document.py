"""A scheme's document: what is refused, under which path, all at once; and what a person reads about it."""

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.contributions.document import DOCUMENT_CHARS_MAX, SchemeFault, SchemeInvalid, scheme_from, scheme_from_text
from gateway.contributions.fault_labels import FIELDS, SENTENCES, sentence
from gateway.contributions.scheme import Scheme

ReadScheme = Callable[[str], dict[str, object]]
Place = tuple[str | int, ...]
CODES = ("ARTISAN", "COTON", "ARTISAN-2", "COTON-2")
#: Rules that came later: a document that leaves them out means what it meant before there were any.
MAY_BE_LEFT_OUT = {("seasons",), ("rights", "warn_below_days"), ("period", "late_joiner")}
WRONG = (True, 12.5, "1000", -1, [], {}, "31/12/2026", 10**12, None, 10**400, "\x00", [[]], [{}], {"kind": "NONE"})


def places(data: object, place: Place = ()) -> Iterator[Place]:
    if place:
        yield place
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in entries:
        yield from places(value, (*place, key))


def at(data: object, place: Place) -> object:
    for key in place:
        data = data[key]  # type: ignore[index]
    return data


def changed(data: dict[str, object], place: Place, value: object) -> dict[str, object]:
    copied = copy.deepcopy(data)
    at(copied, place[:-1])[place[-1]] = value  # type: ignore[index]
    return copied


def without(data: dict[str, object], place: Place) -> dict[str, object]:
    copied = copy.deepcopy(data)
    del at(copied, place[:-1])[place[-1]]  # type: ignore[attr-defined]
    return copied


def written(place: Place) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place).removeprefix(".")


def refusal_of(data: object) -> tuple[SchemeFault, ...]:
    try:
        scheme_from(data)
    except SchemeInvalid as refused:
        return refused.faults
    return ()


def faults_of(data: object) -> list[str]:
    faults = [str(fault) for fault in refusal_of(data)]
    assert faults, "nothing was refused"
    assert len(set(faults)) == len(faults)
    return faults


def read_by(kind: object) -> set[type]:
    """Every class that a document is read into, from one of them downwards."""
    found = {kind} if is_dataclass(kind) and isinstance(kind, type) else set()
    inner = get_type_hints(kind, include_extras=True).values() if found else get_args(kind)
    return found.union(*(read_by(part) for part in inner))


@pytest.mark.parametrize("code", CODES)
def test_no_field_of_a_scheme_has_a_silent_default(code: str, scheme_data: ReadScheme) -> None:
    data = scheme_data(code)
    tried = 0
    for place in places(data):
        if place in MAY_BE_LEFT_OUT or isinstance(place[-1], int):
            continue
        assert any(fault.startswith(f"{written(place)}: ") for fault in faults_of(without(data, place))), place
        tried += 1
    assert tried > 25


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: str(wrong)[:12])
def test_a_value_of_the_wrong_kind_is_refused_under_the_path_where_it_stands(
    code: str, wrong: object, scheme_data: ReadScheme
) -> None:
    data = scheme_data(code)
    refused = 0
    for place in places(data):
        value = at(data, place)
        if type(value) is type(wrong) and not (isinstance(value, int) and not isinstance(value, bool)):
            continue
        if wrong is None and place in {("amount_rule", "tiers", 2, "people_to"), ("valid_to",)}:
            continue
        if wrong == [] and place == ("seasons",):
            continue
        found = faults_of(changed(data, place, wrong))
        # A part that decides about others is refused with them: the list of tiers, the kind of a rule.
        above = [written(place[:depth]) for depth in range(1, len(place) + 1)]
        assert any(fault.partition(":")[0].startswith(tuple(above)) for fault in found), (place, found)
        refused += 1
    assert refused > 15


def test_an_unknown_field_is_refused_in_every_object(scheme_data: ReadScheme) -> None:
    data = scheme_data("COTON")
    objects = [(), *(place for place in places(data) if isinstance(at(data, place), dict))]
    assert len(objects) > 8
    for place in objects:
        misspelt = (*place, "minimun_xof")
        assert faults_of(changed(data, misspelt, 1)) == [f"{written(misspelt)}: Unexpected keyword argument"]


def test_every_fault_is_listed_at_once(scheme_data: ReadScheme) -> None:
    data = scheme_data("COTON")
    data["code"] = "MUCH_TOO_LONG"
    data["label"] = "Île de coton ©"
    data["valid_to"] = "2020-01-01"
    data["amount_rule"]["tiers"][1]["people_from"] = 7  # type: ignore[index]
    data["rights"]["grace"]["day"] = "02-29"  # type: ignore[index]
    data["shares"][1]["share_bp"] = 2_999  # type: ignore[index]
    data["advance"]["max_periods"] = 0  # type: ignore[index]
    data["seasons"][0]["reminder"] = "oui"  # type: ignore[index]
    found = faults_of(data)
    assert sorted(fault.split(":")[0] for fault in found) == [
        "advance.max_periods",
        "amount_rule.tiers",
        "code",
        "label",
        "rights.grace.day",
        "seasons[0].reminder",
        "shares",
        "valid_to",
    ]
    assert "rights.grace.day: is not a day of every year" in found


@pytest.mark.parametrize(
    ("place", "value", "fault"),
    [
        (("legal", "status"), "LEGAL", "legal.reference: must name the text, unless the scheme is an illustration"),
        (("period", "months"), 5, "period.months: must be one of 1, 3, 6, 12"),
        (("period", "late_joiner"), "HALF", "period.late_joiner: Input should be 'FULL', 'PRO_RATA_MONTHS' or 'NEXT_"),
        (("valid_from",), "2026-02-30", "valid_from: is not a day of the calendar"),
        (("valid_from",), "2206-01-01", "valid_from: must lie between the years 2000 and 2100"),
        (("valid_from",), "20260101", "valid_from: must be a date YYYY-MM-DD"),
        (("sectors",), ["coton", "coton"], "sectors: must not repeat a word"),
        (("advance", "max_periods"), 0, "advance.max_periods: must be above 0 exactly when allowed"),
        (("rights", "grace_days"), 10, "rights.grace_days: Unexpected keyword argument"),
        (("shares", 1), {"payer_kind": "MEMBER", "share_bp": 3_000, "posted": "WHEN_PAID"}, "shares: must name each"),
        (("shares", 1, "payer_kind"), "EMPLOYER", "shares[1].payer_kind: must be somebody whom the household's place"),
        (("shares", 0, "posted"), "WHEN_CHARGED", "shares[0].posted: a member's contribution is no debt"),
        (("shares", 1, "posted"), "WHEN_DUE", "shares[1].posted: Input should be 'WHEN_CHARGED' or 'WHEN_PAID'"),
        (
            ("amount_rule", "tiers", 1, "amount_xof"),
            10**9,
            "amount_rule.tiers[1].amount_xof: Input should be less than",
        ),
        (("seasons", 1, "code"), "COTON", "seasons: must name each season once"),
        (("seasons", 1, "expected_share_bp"), 1, "seasons: must expect 10000 at most"),
        (("code",), "coton", "code: String should match pattern"),
    ],
)
def test_rules_that_contradict_each_other_are_refused(
    place: Place, value: object, fault: str, scheme_data: ReadScheme
) -> None:
    assert any(found.startswith(fault) for found in faults_of(changed(scheme_data("COTON"), place, value)))


@pytest.mark.parametrize("code", CODES)
def test_a_document_is_read_the_same_as_text(code: str, scheme_data: ReadScheme) -> None:
    assert scheme_from_text(json.dumps(scheme_data(code))) == scheme_from(scheme_data(code))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "json"),
        ('{"code": }', "json"),
        ("[" * 100_000, "json_depth"),
        ('{"version": ' + "9" * 10_000 + "}", "json_depth"),
        (" " * (DOCUMENT_CHARS_MAX + 1), "document_long"),
        ('{"code": "\\ud800"}', "json_invalid"),
        ("[]", "dataclass_type"),
    ],
    ids=lambda value: value[:12],
)
def test_a_text_that_is_no_document_is_one_fault(text: str, kind: str) -> None:
    with pytest.raises(SchemeInvalid) as refused:
        scheme_from_text(text)
    assert [fault.kind for fault in refused.value.faults] == [kind]
    assert "{" not in sentence(refused.value.faults[0]).replace("{ }", "")


def test_a_field_that_stands_twice_is_refused_with_the_other_faults(scheme_data: ReadScheme) -> None:
    text = json.dumps(scheme_data("ARTISAN")).replace('"months": 1', '"months": 1, "months": 5')
    with pytest.raises(SchemeInvalid) as refused:
        scheme_from_text(text)
    assert [str(fault).split(":")[0] for fault in refused.value.faults] == ["months", "period.months"]


def test_every_field_of_every_document_has_a_name_in_french() -> None:
    classes = read_by(Scheme)
    assert len(classes) > 12
    names = {name.name for cls in classes for name in fields(cls)}
    # A day of the year is one text in the document.
    assert names - {"month"} == set(FIELDS)


def test_whatever_is_wrong_has_a_sentence_of_its_own(scheme_data: ReadScheme) -> None:
    met: Counter[str] = Counter()
    values = st.one_of(
        st.sampled_from(WRONG),
        st.none(),
        st.text(max_size=30),
        st.integers(),
        st.sampled_from(({}, [], [{}], {"kind": "FLAT"}, {"kind": 3}, {"anchor": "FIXED"}, [1], "é" * 401)),
    )

    @settings(max_examples=400, deadline=None)
    @given(st.sampled_from(CODES), st.data())
    def check(code: str, data: st.DataObject) -> None:
        document = scheme_data(code)
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.sampled_from(sorted(places(document), key=str)))
            document = (
                without(document, place) if data.draw(st.booleans()) else changed(document, place, data.draw(values))
            )
        for fault in refusal_of(document):
            met[fault.kind] += 1
            assert fault.kind in SENTENCES, fault
            said = sentence(fault)
            assert said.endswith(".")
            assert fault.path in said

    check()
    assert len(met) > 12, met


def test_a_finance_officer_reads_every_fault_in_french(scheme_data: ReadScheme, tmp_path: Path) -> None:
    data = scheme_data("COTON")
    data["shares"][1]["share_bp"] = "3000"  # type: ignore[index]
    data["period"]["months"] = 5  # type: ignore[index]
    data["amount_rule"]["tiers"][0]["amount_xof"] = 10**10  # type: ignore[index]
    del data["legal"]
    data["bareme"] = 1
    document = tmp_path / "bareme.json"
    document.write_text(json.dumps(data), encoding="utf-8-sig")
    told = CliRunner().invoke(app, ["scheme", "check", str(document)])
    assert told.exit_code == 1
    assert told.stderr.splitlines() == [
        "Ce document n'est pas un barème :",
        "- Base légale (legal) : ce champ manque.",
        "- Montant en francs (amount_rule.tiers[0].amount_xof) : il faut au plus 999\u202f999\u202f999.",
        "- Durée en mois (period.months) : il faut une durée de 1, 3, 6, 12 mois.",
        "- Part, en points de base (shares[1].share_bp) : il faut un nombre entier, sans guillemets ni virgule.",
        "- bareme : ce champ n'existe pas : vérifiez son orthographe.",
    ]


def test_a_document_without_fault_is_said_to_be_one(scheme_data: ReadScheme, tmp_path: Path) -> None:
    document = tmp_path / "bareme.json"
    document.write_text(json.dumps(scheme_data("ARTISAN")), encoding="utf-8")
    told = CliRunner().invoke(app, ["scheme", "check", str(document)])
    assert (told.exit_code, told.stdout) == (0, "Rien à redire : ARTISAN v1, Artisans et commerce.\n")
    document.write_bytes(b'{"code": "\xff"}')
    assert (
        CliRunner().invoke(app, ["scheme", "check", str(document)]).stderr == "Le document n'est pas écrit en UTF-8.\n"
    )
