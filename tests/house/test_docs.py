"""The documentation tells the truth: pages made from the code, and lists that a person keeps."""

import ast
import os
import re
import tomllib
from pathlib import Path

import pytest

import chengyun
from tools.write_docs import PAGES

ROOT = Path(__file__).resolve().parents[2]
SRC = Path(chengyun.__file__).parent
DOCS = ROOT / "docs"


@pytest.mark.parametrize("page", PAGES)
def test_pages_made_from_the_code_are_up_to_date(page: str) -> None:
    path = DOCS / page
    made = PAGES[page]()
    if os.environ.get("CHENGYUN_BLESS"):
        path.write_text(made)
    assert path.read_text() == made, "./chengyun bless tests/house/test_docs.py writes it anew"


def test_each_runtime_dependency_has_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {re.split(r"[\[;<>=! ]", entry)[0] for entry in project["dependencies"]}
    text = (DOCS / "dependencies.md").read_text()
    listed = set(re.findall(r"^\| `([a-z0-9-]+)`", text.split("## The web client")[0], re.MULTILINE))
    assert listed == named


def test_each_dependency_of_the_web_client_has_a_reason() -> None:
    import json

    named = set(json.loads((ROOT / "web" / "package.json").read_text())["dependencies"])
    text = (DOCS / "dependencies.md").read_text().split("## The web client")[1]
    assert set(re.findall(r"^\| `([@a-z0-9/-]+)`", text, re.MULTILINE)) == named


def emitted() -> set[str]:
    """Subjects of events as they stand in the code; a part that is filled in later reads `*`."""
    found = set()
    for path in SRC.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"ev(\.[a-z_]+){2,3}", node.value):
                found.add(node.value)
    return found


def test_each_event_is_documented() -> None:
    from chengyun.cases.workflow import EDGES

    text = (DOCS / "events.md").read_text()
    # Those of cases are made from the table of operations, those of officers' clicks on alarms from the click.
    made = {f"ev.case.{edge.event}" for edge in EDGES if edge.event} | {"ev.alarm.acknowledged"}
    missing = {subject for subject in emitted() | made if f"`{subject}`" not in text}
    assert not missing


def test_each_link_between_pages_leads_somewhere() -> None:
    pages = [*DOCS.rglob("*.md"), *ROOT.glob("*.md"), ROOT / "web" / "README.md"]
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target and not target.startswith("mailto:"):
                assert (page.parent / target).exists(), f"{page.name} → {target}"
