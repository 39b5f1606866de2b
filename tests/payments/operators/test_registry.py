import pytest

from payments.errors import OperatorUnknown
from payments.operators.registry import built_in, get


def test_every_operator_is_found_under_its_own_name() -> None:
    operators = built_in()
    assert set(operators) == {"sandbox"}
    for name in operators:
        assert get(name, operators).name == name


@pytest.mark.parametrize("name", ["", "Sandbox", "orange", "sandbox/..", "x" * 500])
def test_an_unknown_operator_is_refused_by_name(name: str) -> None:
    with pytest.raises(OperatorUnknown) as caught:
        get(name, built_in())
    assert len(caught.value.name) <= 40


def test_the_sandbox_operator_is_answered_as_the_standard_wants() -> None:
    sandbox = get("sandbox", built_in())
    assert sandbox.capabilities.acknowledgement.status == 204
    assert sandbox.label.isascii()
    assert sandbox.capabilities.refund is False
