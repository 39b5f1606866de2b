"""A detail has exactly the values of its code, whatever a database or a later release makes of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.detail import VALUES, Detail, DetailCode, DetailUnknown, Value, detail, read_detail

SCALARS = st.none() | st.integers(-(10**15), 10**15) | st.text(max_size=20)
WRITTEN: st.SearchStrategy[Value] = SCALARS | st.lists(st.tuples(SCALARS, SCALARS), max_size=3).map(tuple)


def test_every_code_names_its_values_and_no_other_is_named() -> None:
    assert set(VALUES) == set(DetailCode)
    assert all(len(set(names)) == len(names) and "code" not in names for names in VALUES.values())


@given(st.sampled_from(DetailCode), st.data())
def test_what_is_written_as_a_document_is_read_again(code: DetailCode, data: st.DataObject) -> None:
    values = {name: data.draw(WRITTEN) for name in data.draw(st.permutations(VALUES[code]))}
    made = detail(code, **values)
    assert dict(made.values) == values
    assert read_detail(json.loads(json.dumps(made.document()))) == made


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"code": "of a later release"},
        {"code": "line_status", "line_number": 1, "file_id": 1},
        {"code": "in_no_statement", "more": 1},
    ],
    ids=["nothing", "an unknown code", "a value too few", "a value too many"],
)
def test_what_is_no_detail_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(DetailUnknown):
        read_detail(document)


def test_values_in_another_order_than_their_code_has_are_refused() -> None:
    with pytest.raises(DetailUnknown):
        Detail(DetailCode.REQUEST_PAID_TWICE, (("amount_xof", 1), ("reference", "R")))
