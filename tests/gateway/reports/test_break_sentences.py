"""Every detail that money can have is a French sentence, made of the values that it has and of nothing else."""

from string import Formatter

import pytest

from gateway.reports.break_sentences import SENTENCES, SOURCES, STATES, STATUSES, sentence, sentence_of, subject_of
from payments.detail import VALUES, DetailCode, Value, detail, read_any_detail
from payments.observation import ObservedStatus, Provenance
from payments.requests.lifecycle import State

#: Values as their names promise them; whatever else is an amount, a number or a name.
WRITTEN: dict[str, Value] = {
    "provenance": "query",
    "state": "failed",
    "status": "succeeded",
    "forms": (("T1", 3000, None), ("t1", 4500, "+223 ** ** *0 01")),
    "holder": "R7",
    "rows": "payments",
}


def value(name: str) -> Value:
    if name.endswith("_day"):
        return "2026-11-23"
    return "2026-11-23T08:00:00+00:00" if name.endswith("_at") else WRITTEN.get(name, f"<{name}>")


def test_every_code_has_its_sentence_and_every_sentence_uses_all_of_its_values_and_only_those() -> None:
    assert set(SENTENCES) == set(DetailCode)
    for code, written in SENTENCES.items():
        assert {name for _, name, _, _ in Formatter().parse(written) if name} == set(VALUES[code]), code


@pytest.mark.parametrize("code", DetailCode)
def test_a_sentence_shows_its_values_and_no_code(code: DetailCode) -> None:
    shown = sentence(detail(code, **{name: value(name) for name in VALUES[code]}))
    assert "{" not in shown
    assert all(f"<{name}>" in shown for name in VALUES[code] if value(name) == f"<{name}>")
    assert not any(word in shown for word in ("query", "failed", "succeeded", "2026-11"))


@pytest.mark.parametrize("code", [code for code in DetailCode if VALUES[code]])
def test_a_value_that_is_missing_is_said_to_be(code: DetailCode) -> None:
    assert "None" not in sentence(detail(code, **dict.fromkeys(VALUES[code])))


def test_every_word_of_evidence_and_of_requests_is_french() -> None:
    assert (set(SOURCES), set(STATUSES), set(STATES)) == (set(Provenance), set(ObservedStatus), set(State))


def test_what_has_no_reference_is_said_to_have_none() -> None:
    assert (subject_of("unreferenced:0123456789ab"), subject_of("T1")) == ("sans référence 0123456789ab", "T1")


def test_a_detail_of_a_later_release_is_shown_by_its_code() -> None:
    assert sentence_of({"code": "of_a_later_release", "amount_xof": 1}) == "of_a_later_release"


def test_a_refusal_of_a_later_release_is_read_and_shown_by_its_code() -> None:
    found = read_any_detail({"code": "file_of_the_moon", "phase": 1})
    assert sentence(found) == sentence_of({"code": "file_of_the_moon"}) == "file_of_the_moon"
    kept = detail(DetailCode.FILE_DATE_CUT, text="44527")
    assert read_any_detail(kept.document()) == kept
