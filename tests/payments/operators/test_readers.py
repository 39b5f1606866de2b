"""Whatever an operator's reader forgets, its words leave the doors in normal form."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import BinaryIO

import pytest

from payments.errors import StatementRejected
from payments.http_messages import RawRequest
from payments.identity import IdentityRule, identified
from payments.observation import Observation, ObservedStatus, Provenance
from payments.operators.contract import LineKind, StatementLine, StatementPart, StatementTotals
from payments.operators.readers import read_callback
from payments.remarks import Remark
from tests.invented_operators import CAPABILITIES, CAURI, InventedOperator, event, message
from tests.statements import Statement, parts_of, read_whole

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
CAPITALS = replace(CAPABILITIES, identity=IdentityRule(case_counts=False))


@dataclass(frozen=True, slots=True)
class Careless(InventedOperator):
    """An operator whose reader gives ids as they stand in the file."""

    ids: Sequence[str] = ()

    def parse_statement(self, content: BinaryIO, filename: str) -> Iterator[StatementPart]:
        """Return a line for each id, whatever the file holds."""
        del content, filename
        lines = [
            StatementLine(
                number,
                LineKind.COLLECTION,
                observed(one, Provenance.STATEMENT),
                one,
                1000,
                one,
            )
            for number, one in enumerate(self.ids, 1)
        ]
        return parts_of(Statement(self.name, "C", NOW, NOW, None, None, lines, StatementTotals(None, None, None)))


def observed(written: str, provenance: Provenance = Provenance.QUERY) -> Observation:
    return Observation(
        CAURI, provenance, ObservedStatus.SUCCEEDED, 1000, operator_transaction_id=written, our_reference="7k3m-9qpa"
    )


def careless(*ids: str, capitals: bool = False) -> Careless:
    return Careless(CAURI, "Cauri", signs=True, capabilities=CAPITALS if capitals else CAPABILITIES, ids=ids)


def by_callback(operator: Careless) -> list[Observation]:
    body = message(*(event(one, 1000) for one in operator.ids))
    return list(read_callback(operator, RawRequest("POST", "/", "", {}, body, NOW)))


def by_statement(operator: Careless) -> list[Observation]:
    return [line.observation for line in read_whole(operator, b"").lines]


@pytest.mark.parametrize("door", [by_callback, by_statement])
def test_case_is_kept_where_the_operator_uses_it_and_folded_where_it_never_does(
    door: Callable[[Careless], list[Observation]],
) -> None:
    kept = [one.operator_transaction_id for one in door(careless("aB1", "'Ab1\u00a0"))]
    assert kept == ["aB1", "Ab1"]
    folded = door(careless("aB1", "'Ab1\u00a0", capitals=True))
    assert [one.operator_transaction_id for one in folded] == ["AB1", "AB1"]
    assert [one.raw_transaction_id for one in folded] == ["aB1", "'Ab1\u00a0"]
    assert all(Remark.ID_CLEANED in one.remarks for one in folded)


def test_a_line_and_what_it_is_about_have_the_same_id() -> None:
    (line,) = read_whole(careless("= 'mp1 ", capitals=True), b"").lines
    assert (line.reference, line.observation.operator_transaction_id) == ("MP1", "MP1")
    assert line.observation.our_reference == "7K3M9QPA"
    assert line.raw == "= 'mp1 "


@pytest.mark.parametrize(
    "ids", [("2,5593E+14", "A1"), ("1234567890123450", "1234567890123460", "A1"), ("123456789012345000",)]
)
def test_no_operator_brings_a_file_whose_ids_were_cut(ids: tuple[str, ...]) -> None:
    with pytest.raises(StatementRejected) as caught:
        read_whole(careless(*ids), b"")
    assert caught.value.line_numbers == tuple(number for number, one in enumerate(ids, 1) if one != "A1")


def test_a_cut_id_of_a_message_names_no_operation() -> None:
    said = identified(observed("2,5593E+14"), IdentityRule())
    assert (said.operator_transaction_id, said.raw_transaction_id) == (None, "2,5593E+14")
    assert said.remarks == (Remark.ID_MISSING,)


def test_evidence_in_normal_form_is_left_alone() -> None:
    plain = replace(observed("AB1"), our_reference="7K3M9QPA")
    assert identified(plain, IdentityRule()) is plain
    once = identified(observed(" ab1"), IdentityRule(case_counts=False))
    assert identified(once, IdentityRule(case_counts=False)) is once
