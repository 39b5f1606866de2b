import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("gateway", "ussd_flows", "payments", "sandbox_operator")

#: An import that must not be, where it is planted, and the contract that must say so.
PLANTED = [
    ("payments/money.py", "import gateway.infra.clock", "roots"),
    ("payments/evidence/facts.py", "import ussd_flows.amounts", "roots"),
    ("ussd_flows/step.py", "import payments.money", "roots"),
    ("ussd_flows/screen.py", "import time", "ussd-pure"),
    ("ussd_flows/menus/pay.py", "import sqlalchemy", "ussd-pure"),
    ("payments/requests/dispatch.py", "import payments.evidence.facts", "payments-layers"),
    ("payments/stray.py", "", "payments-layers"),
    ("payments/operators/contract.py", "import payments.operators.sandbox.callback", "operators-strangers"),
    ("payments/operators/registry.py", "import payments.operators.sandbox.adapter", "operators-strangers"),
    ("payments/operators/sandbox/client.py", "import payments.operators.readers", "operators-strangers"),
    ("payments/operators/another/__init__.py", "import payments.operators.sandbox.gsma", "operators-strangers"),
    ("payments/operators/contract.py", "import payments.operators.whole_ids", "operators-layers"),
    (
        "gateway/ussd/aggregators/forms.py",
        "import gateway.ussd.aggregators.africastalking.wire",
        "aggregators-strangers",
    ),
    ("gateway/sms/senders/sandbox/sender.py", "import gateway.sms.senders.africastalking.sender", "senders-strangers"),
    ("gateway/sms/senders/africastalking/answers.py", "import httpx", "decisions-pure"),
    ("gateway/infra/clock.py", "import gateway.config.setting_types", "gateway-layers"),
    ("payments/operators/sandbox/callback.py", "import payments.tables", "operators-no-db"),
    ("payments/requests/lifecycle.py", "import random", "decisions-pure"),
    ("payments/msisdn.py", "def f():\n    import httpx", "decisions-pure"),
    ("gateway/contributions/rights.py", "import sqlalchemy", "decisions-pure"),
    ("payments/evidence/callbacks.py", "import fastapi", "payments-no-web"),
    ("gateway/sms/outbox.py", "import payments.tables", "payments-tables-owned"),
    ("gateway/infra/database.py", "import gateway.config.settings", "settings-at-the-root"),
    ("sandbox_operator/page.py", "import payments.money", "roots"),
    ("gateway/jobs/tick.py", "import sandbox_operator.page", "sandbox-operator-alone"),
    ("sandbox_operator/books.py", "import sqlalchemy", "sandbox-operator-no-db"),
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


def test_a_new_folder_keeps_the_contract_without_a_line_of_it(copy: Path) -> None:
    """The invented folders of the tests, put where those of the product are."""
    homes = {
        "operators": "payments/operators",
        "aggregators": "gateway/ussd/aggregators",
        "senders": "gateway/sms/senders",
    }
    planted = [
        shutil.copytree(folder, copy / home / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
        for kind, home in homes.items()
        for folder in (ROOT / "tests" / "invented" / kind).iterdir()
        if folder.is_dir()
    ]
    try:
        done = lint(copy)
    finally:
        for folder in planted:
            shutil.rmtree(folder)
    assert len(planted) == 3
    assert done.returncode == 0, done.stdout + done.stderr


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
