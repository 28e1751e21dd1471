"""`./chengyun test`: lint, types, floors, the web client's checks, and all tests with coverage.

With options or paths, only pytest runs, with these. The checks come first, so that the last lines are those of pytest.
"""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import build_web

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
    modules = ROOT / "web" / "node_modules"
    if modules.is_dir():
        node, _ = build_web.commands()
        steps.append(("web types", [*node, str(modules / "vue-tsc" / "bin" / "vue-tsc.js"), "--noEmit"], ROOT / "web"))
        steps.append(("web tests", [*node, str(modules / "vitest" / "vitest.mjs"), "run"], ROOT / "web"))
    return steps


def run(step: tuple[str, list[str], Path]) -> bool:
    """Run a check; its output is shown only when it fails."""
    name, command, folder = step
    begun = time.monotonic()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    well = done.returncode == 0
    said = "" if well else done.stdout + done.stderr
    # One write: two checks run at once.
    sys.stdout.write(f"{name:<10} {'ok' if well else 'FAILED'} ({time.monotonic() - begun:.0f} s)\n{said}")
    sys.stdout.flush()
    return well


def main() -> int:
    """Run everything and say how it went."""
    wishes = sys.argv[1:]
    found = browser()
    if found:
        os.environ["CHENGYUN_BROWSER"] = found
    else:
        sys.stderr.write(
            "chengyun: there is no browser here and it could not be installed: the browser tests are left out"
            " (Debian: apt-get install chromium; CHENGYUN_BROWSER names another one)\n"
        )
    well = True
    if not wishes and not os.environ.get("CHENGYUN_BLESS"):
        steps = checks()
        with ThreadPoolExecutor(2) as pool:
            outcome = dict(zip((name for name, *_ in steps), pool.map(run, steps), strict=True))
        failed = [name for name, passed in outcome.items() if not passed]
        well = not failed
        sys.stdout.write(f"checks: {'FAILED: ' + ', '.join(failed) if failed else 'all passed'}; now the tests\n")
        sys.stdout.flush()
        wishes = ["--cov=chengyun", "--cov-report=term:skip-covered", "-q"]
    tests = subprocess.run([sys.executable, "-m", "pytest", *wishes], cwd=ROOT, check=False)
    return tests.returncode if tests.returncode or well else 1


if __name__ == "__main__":
    sys.exit(main())
