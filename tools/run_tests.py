"""`./chengyun test`: lint, types, floors, the web client's checks, and all tests with coverage.

With options or paths, only pytest runs, with these.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def browser() -> str | None:
    """A browser for the end-to-end tests; Debian's chromium is installed where that is possible without asking."""
    named = os.environ.get("CHENGYUN_BROWSER")
    if named:
        return named
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found or not (os.geteuid() == 0 and shutil.which("apt-get")):
        return found
    sys.stderr.write("chengyun: installing Debian's chromium for the browser tests\n")
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium", "fonts-noto-cjk"]
    for command in (install, ["apt-get", "update", "-q"], install):
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if command is install and done.returncode == 0:
            break
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def checks() -> list[tuple[str, list[str], Path]]:
    """What runs before the tests: name, command, folder."""
    steps = [
        ("lint", [str(BIN / "ruff"), "check", "."], ROOT),
        ("format", [str(BIN / "ruff"), "format", "--check", "--quiet", "."], ROOT),
        ("types", [str(BIN / "mypy")], ROOT),
        ("floors", [str(BIN / "lint-imports")], ROOT),
    ]
    node = shutil.which("node")
    modules = ROOT / "web" / "node_modules"
    if node and modules.is_dir():
        steps.append(("web types", [node, str(modules / "vue-tsc" / "bin" / "vue-tsc.js"), "--noEmit"], ROOT / "web"))
        steps.append(("web tests", [node, str(modules / "vitest" / "vitest.mjs"), "run"], ROOT / "web"))
    return steps


def run(name: str, command: list[str], folder: Path) -> bool:
    """Run a check; its output is shown only when it fails."""
    begun = time.monotonic()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    well = done.returncode == 0
    sys.stdout.write(f"{name:<10} {'ok' if well else 'FAILED'} ({time.monotonic() - begun:.0f} s)\n")
    if not well:
        sys.stdout.write(done.stdout + done.stderr)
    sys.stdout.flush()
    return well


def main() -> int:
    """Run everything and say how it went."""
    wishes = sys.argv[1:]
    found = browser()
    if found:
        os.environ["CHENGYUN_BROWSER"] = found
    else:
        sys.stderr.write("chengyun: no browser here, its tests are left out (Debian: apt-get install chromium)\n")
    failed = []
    if not wishes and not os.environ.get("CHENGYUN_BLESS"):
        failed = [name for name, command, folder in checks() if not run(name, command, folder)]
        wishes = ["--cov=chengyun", "--cov-report=term:skip-covered", "-q"]
    tests = subprocess.run([sys.executable, "-m", "pytest", *wishes], cwd=ROOT, check=False)
    if tests.returncode != 0:
        failed.append("tests")
    sys.stdout.write(f"\n{'FAILED: ' + ', '.join(failed) if failed else 'all checks and tests passed'}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
