"""The server's description and the web client's types from it: web/openapi.json and web/src/api/schema.d.ts.

`./chengyun bless` writes them; a test fails while they differ from the code.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
DESCRIPTION = WEB / "openapi.json"
TYPES = WEB / "src" / "api" / "schema.d.ts"


def description() -> str:
    """The interface's description, the same on each machine."""
    from chengyun.server.app import openapi

    return json.dumps(openapi(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def types(source: Path) -> str | None:
    """TypeScript made from a description; None where the web client's tools are not installed."""
    tool = WEB / "node_modules" / "openapi-typescript" / "bin" / "cli.js"
    node = shutil.which("node")
    if node is None or not tool.is_file():
        return None
    done = subprocess.run([node, str(tool), str(source)], cwd=WEB, capture_output=True, text=True, check=True)
    return done.stdout


def main() -> None:
    """Write both."""
    DESCRIPTION.write_text(description())
    made = types(DESCRIPTION)
    if made is None:
        sys.exit("chengyun: the web client's tools are not installed; ./chengyun build does it")
    TYPES.write_text(made)
    sys.stdout.write("web/openapi.json and web/src/api/schema.d.ts written\n")


if __name__ == "__main__":
    main()
