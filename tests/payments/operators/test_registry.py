from pathlib import Path
from pkgutil import iter_modules

import httpx
import pytest

import payments.operators
from payments.adapters import AdapterIncomplete, Adapters
from payments.errors import OperatorUnknown
from payments.operators.registry import ADAPTERS, build, built_in, get
from tests.fixed import TestClock


def test_every_operator_is_found_under_its_own_name() -> None:
    operators = built_in()
    assert set(operators) == {"sandbox"}
    for name in operators:
        assert get(name, operators).name == name
        assert get(name).name == name


@pytest.mark.parametrize(
    "name",
    ["", "Sandbox", "orange", "sandbox/..", "x" * 500, "contract", "sandbox.client", "."],
)
def test_an_unknown_operator_is_refused_by_name(name: str) -> None:
    for operators in (built_in(), None):
        with pytest.raises(OperatorUnknown) as caught:
            get(name, operators)
        assert len(caught.value.name) <= 40


def test_what_is_no_folder_of_an_operator_is_what_they_share() -> None:
    """The import contract lets folders in without a line; a stray module is seen here."""
    shared = {module.name for module in iter_modules(payments.operators.__path__) if not module.ispkg}
    assert shared == {"contract", "control_totals", "readers", "registry", "shared_secrets", "whole_ids"}
    for name in ADAPTERS.names():
        assert ADAPTERS.has(name, "adapter")
        assert ADAPTERS.config(name).model_fields


async def test_an_operator_built_of_its_settings_has_its_calls_and_its_account() -> None:
    config = ADAPTERS.config("sandbox")(operator_url="http://127.0.0.1:9", api_key="local", merchant="CANAM")
    async with httpx.AsyncClient(timeout=7) as http:
        built = build("sandbox", config, http, TestClock())
    assert (built.name, built.account) == ("sandbox", "CANAM")
    assert built.client is not None
    assert (get("sandbox").account, get("sandbox").client) == (None, None)


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (None, "has no config.py"),
        ("", "has no Config"),
        ("class Config: pass\ndef build(): pass", "has no Config"),
        ("from payments.adapters import AdapterConfig\nclass Config(AdapterConfig): pass", "no build"),
        (
            "from payments.adapters import AdapterConfig as A\nclass Config(A):\n    key: str\ndef build(): pass",
            "key have no description",
        ),
    ],
)
def test_a_folder_that_lacks_something_says_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str | None, why: str
) -> None:
    package = f"half_{abs(hash((config, why)))}"
    folder = tmp_path / package / "half"
    folder.mkdir(parents=True)
    (tmp_path / package / "__init__.py").touch()
    (folder / "__init__.py").touch()
    if config is not None:
        (folder / "config.py").write_text(config, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AdapterIncomplete, match=why):
        Adapters(package).config("half")


def test_the_sandbox_operator_is_answered_as_the_standard_wants() -> None:
    sandbox = get("sandbox", built_in())
    assert sandbox.capabilities.acknowledgement.status == 204
    assert sandbox.label.isascii()
    assert sandbox.capabilities.refund is False
