"""What a linter cannot know about this house. Every rule also meets a planted violation, so none can be empty."""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData
from sqlalchemy import Table as SqlTable
from sqlmodel import Field

import gateway.staff.tables
import gateway.tables
import payments.tables
from payments.columns import CountedId, OptionalText, Table

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("gateway", "ussd_flows", "payments", "sandbox_operator")
NEAR_MONEY = ("payments/", "ussd_flows/", "gateway/contributions/")
#: What tells the time by itself, unlike a clock that was handed over.
TIME_SOURCES = {"datetime", "date", "func"}
FORBIDDEN_STEMS = {"utils", "util", "helpers", "helper", "common", "base", "manager", "service", "misc"}
READ_BY_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
PURE = (
    "payments.requests.lifecycle",
    "payments.ledger.entry",
    "payments.ledger.chart",
    "payments.evidence.facts",
    "payments.observation",
    "payments.reconciliation.match",
    "payments.money",
    "payments.msisdn",
    "gateway.contributions.scheme",
    "gateway.contributions.period_rules",
    "gateway.contributions.schedule",
    "gateway.contributions.allocation",
    "gateway.contributions.rights",
    "gateway.sms.texts",
    "gateway.members.number",
    "ussd_flows.step",
)

#: Words of French prose that English has not.
FRENCH = re.compile(r"(?i)\b(le|la|les|des|du|une|est|pas|que|qui|dans|avec|sur|nous|cette|ses|elle|il)\b")
#: An operator's own words stand in its folder, and nowhere else below the edge.
SPEAKS_FRENCH = re.compile("payments/operators/[^/]+/")

#: What docstrings that name a thing or ask a question begin with.
NO_VERBS = re.compile(
    "An?|The|This|That|These|Those|It|Its|One|Any|All|Every|Each|No|None|Nothing|Everything|Everyone|Nobody|Whoever|"
    "Who|Whom|Whose|What|Which|When|Where|Why|How|Whether|If|As|For|From|In|On|Of|To|With|Without|True|False"
)
#: Verbs that end as other words do.
IMPERATIVES = {
    "Pass",
    "Process",
    "Address",
    "Express",
    "Compress",
    "Press",
    "Guess",
    "Dismiss",
    "Cross",
    "Bring",
    "Need",
}

Rule = Callable[[str, str, ast.Module], Iterator[str]]


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def texts(tree: ast.Module) -> Iterator[ast.Constant]:
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, READ_BY_DOCSTRING) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node


def receiver(node: ast.Attribute) -> str:
    return ast.unparse(node.value).split("(")[0].rsplit(".", 1)[-1]


def function_sizes(path: str, _text: str, tree: ast.Module) -> Iterator[str]:
    if path.startswith("migrations/versions/"):
        return
    for function in functions(tree):
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines > 50:
            yield f"{function.lineno}: {function.name} has {lines} lines"


def file_sizes(path: str, text: str, _tree: ast.Module) -> Iterator[str]:
    most = 500 if path.startswith("tests/") or path.endswith("/tables.py") else 300
    if not path.startswith("migrations/versions/") and len(text.splitlines()) > most:
        yield f"has {len(text.splitlines())} lines, {most} are allowed"


def floats(path: str, _text: str, tree: ast.Module) -> Iterator[str]:
    if not path.startswith(NEAR_MONEY):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            yield f"{node.lineno}: float literal {node.value}"
        if isinstance(node, ast.Name) and node.id in {"float", "Decimal", "Fraction"}:
            yield f"{node.lineno}: {node.id}"
        # A path is joined with the same sign, always with a text on one side.
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not _joins_path(node):
            yield f"{node.lineno}: true division"


def _joins_path(node: ast.BinOp) -> bool:
    return any(isinstance(side, ast.Constant) and isinstance(side.value, str) for side in (node.left, node.right))


def commits(path: str, _text: str, tree: ast.Module) -> Iterator[str]:
    if path == "gateway/infra/database.py" or not path.startswith(PACKAGES):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in {"commit", "rollback"}:
            yield f"{node.lineno}: .{node.attr}"


def clocks(path: str, _text: str, tree: ast.Module) -> Iterator[str]:
    if path == "gateway/infra/clock.py" or path.startswith("tests/"):
        return
    banned = {"time", "time_ns", "localtime", "gmtime"}
    # The launcher of private servers waits for processes, which know no clock of ours.
    banned |= set() if path.startswith("gateway/local/") else {"monotonic", "monotonic_ns", "sleep"}
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    renamed = {name.asname or "" for node in imports for name in node.names if name.name in TIME_SOURCES}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        if node.attr in {"now", "utcnow", "today"} and receiver(node) in TIME_SOURCES | renamed:
            yield f"{node.lineno}: {ast.unparse(node)}"
        if node.attr in banned and receiver(node) == "time":
            yield f"{node.lineno}: {ast.unparse(node)}"


def sql_clocks(path: str, _text: str, tree: ast.Module) -> Iterator[str]:
    # Readiness compares the two clocks, which is the one reason to ask for the other.
    if path.startswith("tests/") or path == "gateway/health.py":
        return
    for node in texts(tree):
        if re.search(
            r"(?i)\b(now|clock_timestamp|statement_timestamp)\(\)|\bcurrent_(timestamp|date)\b", str(node.value)
        ):
            yield f"{node.lineno}: the database's clock"


def hidden_imports(_path: str, _text: str, tree: ast.Module) -> Iterator[str]:
    for function in functions(tree):
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield f"{node.lineno}: import inside {function.name}"


def relationships(_path: str, _text: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        if name.lower() == "relationship":
            yield f"{getattr(node, 'lineno', 0)}: {name}"


def names(path: str, text: str, _tree: ast.Module) -> Iterator[str]:
    for part in Path(path).with_suffix("").parts:
        if part in FORBIDDEN_STEMS:
            yield f"is called {part}"
    if path.endswith("__init__.py") and text:
        yield "is not empty"


def honest_columns(path: str, _text: str, tree: ast.Module) -> Iterator[str]:
    if not path.endswith(("/tables.py", "/columns.py")):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "Any":
            yield f"{node.lineno}: Any"
        if isinstance(node, ast.keyword) and node.arg == "default":
            yield f"{node.value.lineno}: a default that hides what the column must have"
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant) and node.value.value is None:
            kind = ast.unparse(node.annotation)
            if not kind.startswith("Optional") and not kind.endswith("| None"):
                yield f"{node.lineno}: {ast.unparse(node.target)} is never empty and may be left out"


def stubs(path: str, text: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "NotImplementedError":
            yield f"{node.lineno}: NotImplementedError"
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Constant):
            yield f"{node.lineno}: assert {node.test.value!r}"
    if path.startswith("tests/"):
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if re.search(r"#\s*noqa\b(?!: [A-Z0-9, ]+ - \w)|#\s*type: ignore(?!\[[a-z, -]+\]  # \w)", line):
            yield f"{number}: an exception without its reason"


def sources(path: str, _text: str, tree: ast.Module) -> Iterator[str]:
    foreign = re.fullmatch(r"payments/operators/\w+/(client|callback|statement)\.py", path)
    if not foreign and path not in {
        "payments/money.py",
        "payments/msisdn.py",
        "payments/numbering.py",
        "ussd_flows/gsm7.py",
    }:
        return
    documented = (node for node in ast.walk(tree) if isinstance(node, READ_BY_DOCSTRING))
    if not any("Source:" in (ast.get_docstring(node) or "") for node in documented):
        yield "says no Source: for what someone else decided"


TURNED_ROUND = ("Return up ", "Return back ")


def moods(path: str, _text: str, tree: ast.Module) -> Iterator[str]:
    """Docstrings of functions begin with a verb in the imperative, which ruff's D401 sees only of verbs it knows."""
    if not path.startswith(PACKAGES):
        return
    for function in functions(tree):
        said = ast.get_docstring(function) or ""
        first = said.partition(" ")[0].rstrip(",.:;")
        ends = first.endswith(("s", "ing", "ed")) and first not in IMPERATIVES
        # "Give up" is no "Return up": what was once turned round by rote says the contrary.
        if first and (NO_VERBS.fullmatch(first) or ends or not first[0].isupper() or said.startswith(TURNED_ROUND)):
            yield f"{function.lineno}: the docstring of {function.name} begins with {first}"


def prose(path: str, text: str, tree: ast.Module) -> Iterator[str]:
    """Report words for people in payments: codes and values stand there, sentences where people read them."""
    if not path.startswith("payments/") or SPEAKS_FRENCH.match(path):
        return
    for node in texts(tree):
        written = ast.get_source_segment(text, node) or str(node.value)
        if any(one.isalpha() and not one.isascii() for one in written) or FRENCH.search(str(node.value)):
            yield f"{node.lineno}: words for people: {node.value!r:.60}"


#: Each rule with the file that must break it.
RULES: dict[str, tuple[Rule, str, str]] = {
    "function sizes": (function_sizes, "payments/x.py", "def f():\n" + "    g()\n" * 50),
    "file sizes": (file_sizes, "payments/x.py", "x = 1\n" * 301),
    "tables sizes": (file_sizes, "payments/tables.py", "x = 1\n" * 501),
    "float literal": (floats, "gateway/contributions/x.py", "x = 0.5"),
    "float call": (floats, "payments/x.py", "x = float('1')"),
    "division": (floats, "ussd_flows/x.py", "x = y / 2"),
    "commit": (commits, "payments/x.py", "async def f(c):\n    await c.commit()"),
    "rollback": (commits, "gateway/jobs/x.py", "c.rollback()"),
    "clock": (clocks, "gateway/jobs/x.py", "from datetime import UTC, datetime\nx = datetime.now(UTC)"),
    "clock by name": (clocks, "gateway/tables.py", "f(default_factory=dt.datetime.utcnow)"),
    "renamed clock": (clocks, "payments/x.py", "from datetime import date as day\nx = day.today()"),
    "time": (clocks, "gateway/local/x.py", "import time\ntime.time()"),
    "monotonic": (clocks, "gateway/jobs/x.py", "import time\ntime.monotonic()"),
    "database function": (clocks, "payments/x.py", "select(func.now())"),
    "database clock": (sql_clocks, "payments/x.py", "q = 'UPDATE payment SET posted_at = now()'"),
    "database date": (sql_clocks, "migrations/versions/x.py", "q = 'DEFAULT CURRENT_TIMESTAMP'"),
    "hidden import": (hidden_imports, "gateway/x.py", "def f():\n    import os"),
    "relationship": (relationships, "gateway/tables.py", "x = Relationship(back_populates='y')"),
    "module name": (names, "gateway/utils.py", ""),
    "folder name": (names, "payments/common/x.py", ""),
    "full package": (names, "payments/__init__.py", "from payments.money import x"),
    "column of anything": (honest_columns, "payments/tables.py", "class X(Table):\n    headers: dict[str, Any]"),
    "hidden default": (honest_columns, "gateway/tables.py", "class X(Table):\n    at: int = Field(default=None)"),
    "left out": (honest_columns, "gateway/tables.py", "class X(Table):\n    at: Instant = None"),
    "stub": (stubs, "gateway/x.py", "def f():\n    raise NotImplementedError"),
    "empty assertion": (stubs, "tests/test_x.py", "def test_x():\n    assert True"),
    "bare exception": (stubs, "gateway/x.py", "x = 1  # noqa: S105"),
    "bare ignore": (stubs, "gateway/x.py", "x = 1  # type: ignore[misc]"),
    "docstring of a question": (moods, "payments/x.py", 'def f():\n    """What is owed."""'),
    "docstring of a thing": (moods, "ussd_flows/x.py", 'async def f():\n    """The amount."""'),
    "docstring that was turned round": (moods, "payments/x.py", 'def f():\n    """Return up what waits."""'),
    "docstring that reports": (moods, "gateway/x.py", 'class X:\n    def f(self):\n        """Gives the amount."""'),
    "sentence in French": (
        prose,
        "payments/ledger/x.py",
        'why = f"{amount_xof} F sont en attente : {reason}, pas sur le compte"',
    ),
    "word with an accent": (prose, "payments/x.py", "label = 'créditée'"),
    "source": (sources, "payments/operators/x/callback.py", '"""Reads callbacks."""'),
}


def source_files() -> list[str]:
    folders = (*PACKAGES, "migrations", "tests")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(path.relative_to(ROOT).as_posix() for path in found if "__pycache__" not in path.parts)


@cache
def parsed(path: str) -> tuple[str, ast.Module]:
    """Read a file once for all rules."""
    text = (ROOT / path).read_text(encoding="utf-8")
    return text, ast.parse(text)


@pytest.mark.parametrize("name", RULES)
def test_a_planted_violation_is_reported(name: str) -> None:
    rule, path, text = RULES[name]
    assert list(rule(path, text, ast.parse(text)))


CLEAN = {
    "gateway/x.py": "async def f(clock, deps):\n    return clock.now(), deps.clock.now(), f.now",
    "payments/x.py": '"""Never uses now() of the database."""\nx = Path("a") / "b"\ny = 7 // 2',
    "gateway/y.py": "x = f()  # noqa: S105 - the word is public\ny = g()  # type: ignore[misc]  # the library lies",
    "gateway/infra/database.py": "async def f(c):\n    await c.commit()",
    "payments/__init__.py": "",
    "payments/z.py": 'MARKS = "\\u00e9"\nq = "SELECT id FROM payment WHERE state = 1"\nwhy = "never sent: too late"',
    "payments/y.py": 'class X:\n    """What is owed."""\n\ndef f():\n    """Return what is owed."""',
    "payments/operators/x/client.py": '"""Calls.\n\nSource:  the operator\'s guide.\n"""',
}


@pytest.mark.parametrize("path", CLEAN)
def test_clean_code_is_not_reported(path: str) -> None:
    tree = ast.parse(CLEAN[path])
    assert not [fault for rule, _, _ in RULES.values() for fault in rule(path, CLEAN[path], tree)]


@pytest.mark.parametrize("rule", dict.fromkeys(rule for rule, _, _ in RULES.values()))
def test_the_whole_house_keeps_the_rule(rule: Rule) -> None:
    files = source_files()
    assert len(files) > 50
    faults = []
    for path in files:
        faults += [f"{path}:{fault}" for fault in rule(path, *parsed(path))]
    assert not faults, "\n".join(faults)


def dishonest_columns(tables: Iterable[type[Table]]) -> list[str]:
    """Columns whose annotation does not say whether they may be empty, or that may be left out though they may not."""
    return [
        f"{table.__name__}.{name}"
        for table in tables
        for name, field in table.model_fields.items()
        for column in [Table.metadata.tables[str(table.__tablename__)].columns[name]]
        if bool(column.nullable) != (type(None) in get_args(field.annotation))
        or (not column.nullable and field.default is None)
    ]


def test_a_column_holds_what_its_annotation_says() -> None:
    tables = Table.__subclasses__()
    assert len(tables) > 25
    assert dishonest_columns(tables) == []

    class Planted(Table, table=True):
        id: CountedId
        amount_xof: int = Field(default=None)
        moment: int = Field(nullable=True)
        remark: OptionalText = None

    try:
        assert dishonest_columns([Planted]) == ["Planted.amount_xof", "Planted.moment"]
    finally:
        Table.metadata.remove(Planted.__table__)  # type: ignore[attr-defined]  # SQLModel hides it


#: Names that several classes may have: each folder has its own, and none is ever used beside another.
OF_EACH_FOLDER = {"Config", "Clock"}


def names_of_two_things(files: dict[str, str]) -> dict[str, list[str]]:
    """Public classes by name, where more than one file has one so called."""
    found: dict[str, list[str]] = {}
    for path, text in files.items():
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(path)
    return {name: paths for name, paths in found.items() if len(paths) > 1 and name not in OF_EACH_FOLDER}


def test_one_name_stands_for_one_thing() -> None:
    files = [path for path in source_files() if path.startswith(PACKAGES)]
    assert names_of_two_things({path: (ROOT / path).read_text(encoding="utf-8") for path in files}) == {}
    planted = {"payments/x.py": "class Account:\n    x = 1", "gateway/y.py": "class Account:\n    y = 1"}
    assert names_of_two_things(planted) == {"Account": ["payments/x.py", "gateway/y.py"]}


def upward_keys(tables: dict[str, str], metadata: MetaData) -> list[str]:
    """Foreign keys of payments that point at a table of someone else; ``tables`` says whose each table is."""
    return [
        f"{table.name} -> {key.column.table.name}"
        for table in metadata.tables.values()
        for key in table.foreign_keys
        if tables[table.name] == "payments" and tables[key.column.table.name] != "payments"
    ]


def test_foreign_keys_point_the_same_way_as_imports() -> None:
    owners = {cls.__tablename__: cls.__module__.split(".")[0] for cls in Table.__subclasses__()}
    assert {payments.tables.__name__, gateway.tables.__name__, gateway.staff.tables.__name__} <= {
        cls.__module__ for cls in Table.__subclasses__()
    }
    assert upward_keys({str(name): owner for name, owner in owners.items()}, Table.metadata) == []
    planted = MetaData()
    SqlTable("household", planted, Column("id", Integer, primary_key=True))
    SqlTable("payment", planted, Column("household_id", ForeignKey("household.id")))
    assert upward_keys({"household": "gateway", "payment": "payments"}, planted) == ["payment -> household"]


def loaded_with(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return set(told.stdout.split()) & {
        "sqlalchemy",
        "sqlmodel",
        "httpx",
        "fastapi",
        "starlette",
        "pydantic",
        "structlog",
    }


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_loads_no_framework(module: str) -> None:
    # A scheme is its document: pydantic reads one strictly and does no I/O. No other decision is a document's.
    allowed = {"pydantic"} if module.startswith("gateway.contributions.") else set()
    assert loaded_with(module) <= allowed


def test_a_module_that_loads_a_framework_would_be_seen() -> None:
    assert {"sqlalchemy", "sqlmodel"} <= loaded_with("payments.tables")
