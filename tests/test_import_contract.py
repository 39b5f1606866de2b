import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("gateway", "ussd_flows", "payments")

#: An import that must not be, where it is planted, and the contract that must say so.
PLANTED = [
    ("payments/money.py", "import gateway.clock", "roots"),
    ("payments/match.py", "import ussd_flows.amounts", "roots"),
    ("ussd_flows/step.py", "import payments.money", "roots"),
    ("ussd_flows/screen.py", "import time", "ussd-pure"),
    ("ussd_flows/menus/pay.py", "import sqlalchemy", "ussd-pure"),
    ("payments/tables.py", "import payments.match", "payments-layers"),
    ("payments/stray.py", "", "payments-layers"),
    ("payments/operators/contract.py", "import payments.operators.sandbox.callback", "operators-layers"),
    ("payments/operators/sandbox/callback.py", "import payments.tables", "operators-no-db"),
    ("payments/lifecycle.py", "import random", "decisions-pure"),
    ("payments/msisdn.py", "def f():\n    import httpx", "decisions-pure"),
    ("gateway/contributions/rights.py", "import sqlalchemy", "decisions-pure"),
    ("payments/inbox.py", "import fastapi", "payments-no-web"),
    ("gateway/sms/outbox.py", "import payments.tables", "payments-tables-owned"),
    ("gateway/database.py", "import gateway.settings", "settings-at-the-root"),
    ("gateway/local/sandbox_operator/page.py", "import payments.money", "sandbox-operator-alone"),
    ("gateway/contributions/scheme.py", "import gateway.reports", "gateway-layers"),
    ("gateway/stray.py", "", "gateway-layers"),
    ("payments/errors.py", "import payments.money", "no-cycles"),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("house")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def lint(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).with_name("lint-imports")
    command = [str(tool), "--no-cache", "--no-logo", *options]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=60)


def test_the_contract_is_kept() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


@pytest.mark.parametrize(("path", "line", "contract"), PLANTED)
def test_a_planted_import_breaks_the_contract(copy: Path, path: str, line: str, contract: str) -> None:
    file = copy / path
    before = file.read_text(encoding="utf-8") if file.exists() else None
    # The folder may be one that has nothing in it yet but its own name.
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{before or ''}\n{line}\n", encoding="utf-8")
    try:
        done = lint(copy, "--contract", contract)
    finally:
        file.unlink() if before is None else file.write_text(before, encoding="utf-8")
    assert done.returncode == 1, done.stdout + done.stderr
    stray = path.endswith("stray.py")
    assert (path.removesuffix(".py").replace("/", ".") in done.stdout) if stray else " 1 broken" in done.stdout
