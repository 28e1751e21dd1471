"""The parts of the documentation that are made from the code: settings, addresses of the HTTP interface, error codes.

`./chengyun bless` writes them; a test fails while they differ from the code.
"""

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_MADE = "<!-- Made from the code by `./chengyun bless`. -->"


def settings_page() -> str:
    """Every setting with its default and what it does."""
    from chengyun.kernel.settings import Settings

    lines = [
        "# Settings",
        "",
        _MADE,
        "",
        "Each setting is an environment variable, or a line in `chengyun.toml` in the data folder (in lower case, without",
        "`CHENGYUN_`). The environment wins. An unknown name in the file is refused, so that a typing mistake is seen.",
        "`chengyun settings` prints what is in force.",
        "",
        "| Setting | Default | What it does |",
        "| --- | --- | --- |",
    ]
    for name, field in sorted(Settings.model_fields.items()):
        default = field.get_default()
        shown = "" if default is None or field.default_factory else f"`{default}`"
        lines.append(f"| `CHENGYUN_{name.upper()}` | {shown} | {_cell(field.description or '')} |")
    return "\n".join(lines) + "\n"


def api_page() -> str:
    """Every address of the HTTP interface with its first sentence."""
    from chengyun.server.app import openapi

    description = openapi()
    lines = [
        "# HTTP interface",
        "",
        _MADE,
        "",
        "All addresses answer JSON; a refusal is an RFC 9457 problem document with a stable `code` ([errors](errors.md)).",
        "People sign in with `POST /api/v1/session` and send the cookie `cy_session`, and with each change the header",
        "`X-CSRF-Token` with the value of the cookie `cy_csrf`. Programs send `Authorization: Bearer <API key>`. Everybody",
        "sees and changes only what lies in their area. Lists come in pages: pass `next` of one page as `cursor` for the next.",
        "The machine-readable description is at `/api/v1/openapi.json`.",
    ]
    rooms: dict[str, list[str]] = {}
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            room = (operation.get("tags") or ["other"])[0]
            rooms.setdefault(room, []).append(f"| {method.upper()} | `{path}` | {_cell(_first(operation))} |")
    for room, rows in rooms.items():
        lines += ["", f"## {room.capitalize()}", "", "| | Address | What it does |", "| --- | --- | --- |", *rows]
    return "\n".join(lines) + "\n"


def errors_page() -> str:
    """Every error code with its status and sentences."""
    from chengyun.kernel.errors import catalogue
    from chengyun.server.app import create_app

    create_app()
    lines = ["# Error codes", "", _MADE, "", "| Code | Status | English | 中文 |", "| --- | --- | --- | --- |"]
    for code, (status, chinese, english) in sorted(catalogue().items()):
        lines.append(f"| `{code}` | {status} | {_cell(english)} | {_cell(chinese)} |")
    return "\n".join(lines) + "\n"


def _first(operation: dict[str, Any]) -> str:
    return str(operation.get("description") or operation.get("summary") or "").split("\n\n")[0]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


PAGES = {"settings.md": settings_page, "api.md": api_page, "errors.md": errors_page}


def main() -> None:
    """Write all pages."""
    for name, make in PAGES.items():
        (ROOT / "docs" / name).write_text(make())
        sys.stdout.write(f"docs/{name} written\n")


if __name__ == "__main__":
    main()
