"""docs/accounts.md tells administrators the truth."""

import ast
import re
from pathlib import Path

import chengyun.accounts
from chengyun.accounts.permissions import KEY_PERMISSIONS, PERMISSIONS, POSTS
from chengyun.kernel.settings import Settings

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "accounts.md").read_text()
ROOM = Path(chengyun.accounts.__file__).parent


def rows(heading: str) -> list[list[str]]:
    """Cells of the table below a heading."""
    part = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line.startswith("| `")]


def test_each_permission_is_documented_as_it_is() -> None:
    told = {row[0].strip("`"): (row[1], row[2], row[3]) for row in rows("Permissions")}
    assert told == {key: (zh, en[0].lower() + en[1:], "yes" if key in KEY_PERMISSIONS else "no") for key, (zh, en) in PERMISSIONS.items()}


def test_each_post_is_documented_with_its_permissions() -> None:
    told = {row[0]: (row[1], re.findall(r"`([^`]+)`", row[2])) for row in rows("Posts")}
    assert told == {f"`{post.key}` {post.name_en}": (post.name, list(post.permissions)) for post in POSTS}


def test_each_permission_of_a_post_exists_and_each_permission_is_in_a_post() -> None:
    assert {p for post in POSTS for p in post.permissions} == set(PERMISSIONS)


def test_each_action_in_the_audit_log_is_documented() -> None:
    written = set()
    for path in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("audit", "trail.write") and isinstance(node.args[2], ast.Constant):
                written.add(node.args[2].value)
    told = set(re.findall(r"`([a-z_]+\.[a-z]+)`", " ".join(row[0] for row in rows("Audit log"))))
    assert told == written


def test_settings_are_called_by_their_names_and_defaults() -> None:
    for name, default in re.findall(r"`CHENGYUN_([A-Z_]+)`, (\d+)", PAGE):
        assert Settings.model_fields[name.lower()].default == int(default)
