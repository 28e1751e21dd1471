"""The plan of the house: same anatomy in each room, SQL in one place, sizes that a person can read."""

import ast
import re
from pathlib import Path

import pytest

import chengyun

SRC = Path(chengyun.__file__).parent
ROOMS = ("standards", "regions", "accounts", "devices", "telemetry", "alarms", "cases", "maps", "packs")
ANATOMY = {"__init__", "models", "schemas", "repository", "service", "api", "jobs", "events", "errors", "data"}
MODULES = sorted(p for p in SRC.rglob("*.py") if "static" not in p.parts)
LONGEST_FILE = 500
LONGEST_FUNCTION = 50
_QUERY = re.compile(r"^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|MERGE INTO|WITH|COPY|CREATE TEMP|TRUNCATE|LOCK TABLE)\s", re.IGNORECASE)
_BUILDERS = {"select", "insert", "update", "delete", "text"}


def name(path: Path) -> str:
    return str(path.relative_to(SRC))


@pytest.mark.parametrize("room", ROOMS)
def test_a_module_beyond_the_common_anatomy_is_introduced_by_the_room(room: str) -> None:
    introduction = ast.get_docstring(ast.parse((SRC / room / "__init__.py").read_text())) or ""
    entries = {p.stem if p.suffix == ".py" else p.name for p in (SRC / room).iterdir() if not p.name.startswith("__pycache__")}
    strangers = {entry for entry in entries - ANATOMY if f"`{entry}`" not in introduction}
    assert not strangers, f"{room}: say in its docstring what these are for"


def is_sql_place(path: Path) -> bool:
    parts = path.relative_to(SRC).parts
    return "repository" in parts or path.stem == "repository"


@pytest.mark.parametrize("path", [p for p in MODULES if p.relative_to(SRC).parts[0] in ROOMS], ids=name)
def test_sql_stands_only_in_repositories(path: Path) -> None:
    if is_sql_place(path):
        return
    tree = ast.parse(path.read_text())
    docs = {id(n.body[0].value) for n in ast.walk(tree) if isinstance(n, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
            and n.body and isinstance(n.body[0], ast.Expr)}  # fmt: skip
    for node in ast.walk(tree):
        # Conditions of partial indexes are text of a table's declaration.
        if isinstance(node, ast.ImportFrom) and node.module == "sqlalchemy" and path.stem != "models":
            assert not _BUILDERS & {alias.name for alias in node.names}, f"line {node.lineno}: builds SQL"
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            assert not _QUERY.match(node.value), f"line {node.lineno}: {node.value[:60]}"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_files_and_functions_stay_readable(path: Path) -> None:
    source = path.read_text()
    assert source.count("\n") <= LONGEST_FILE
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_modules_and_public_functions_say_what_they_are_for(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "the module has no docstring"
    public = (n for n in tree.body if isinstance(n, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and not n.name.startswith("_"))
    silent = [n.name for n in public if not ast.get_docstring(n)]
    assert not silent


@pytest.mark.parametrize("path", [p for p in MODULES if p.relative_to(SRC).parts[0] in ROOMS], ids=name)
def test_the_clock_is_asked_never_the_system(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            call = f"{node.func.value.id}.{node.func.attr}"
            assert call not in {"datetime.now", "datetime.utcnow", "date.today", "time.time"}, f"line {node.lineno}: {call}"
