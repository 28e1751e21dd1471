"""Programs as copies of the supervising process: what they keep, what they must not keep, how they end."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAD = """
import os, pathlib, signal, subprocess, sys
from chengyun.kernel.supervisor.copies import copy
here = pathlib.Path(sys.argv[1])
def start(main, **environment):
    return copy(main, title="chengyun trial", output=here / "log", environment={**os.environ, **environment}, farewell=signal.SIGTERM)
"""
Script = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Runs lines in a fresh Python: a test's own process has threads and must not be copied."""

    def run(lines: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", HEAD + lines, str(tmp_path)], capture_output=True, text=True, check=False, cwd=ROOT, timeout=60
        )

    return run


def test_what_it_prints_goes_to_its_log_and_its_code_is_told(script: Script, tmp_path: Path) -> None:
    done = script("""
codes = []
for main in (lambda: print("well"), lambda: sys.exit(3), lambda: sys.exit("no"), lambda: 1 / 0):
    codes.append(start(main).wait(20))
hangs = start(signal.pause)
try:
    hangs.wait(0.1)
except subprocess.TimeoutExpired:
    hangs.send_signal(signal.SIGKILL)
codes.append(hangs.wait(20))
print(codes)
""")
    assert done.stdout.strip() == "[0, 3, 1, 1, -9]", done.stderr
    log = (tmp_path / "log").read_text()
    assert log.startswith("well\n")
    assert "ZeroDivisionError" in log


def test_it_has_session_signals_files_name_and_settings_of_its_own(script: Script, tmp_path: Path) -> None:
    done = script("""
from chengyun.kernel.settings import get_settings
os.environ["CHENGYUN_CITY_NAME"] = "before"
get_settings()
signal.signal(signal.SIGTERM, lambda *_: print("parent's"))
kept = open(here / "kept", "w")
def main():
    print(os.getsid(0) == os.getpid(), sorted(os.listdir("/proc/self/fd"))[:3], os.path.exists(f"/proc/self/fd/{kept.fileno()}"))
    print(get_settings().city_name, signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
    print(pathlib.Path("/proc/self/cmdline").read_bytes().strip(b"\\0").decode(), sys.stdin.read() == "")
print(start(main, CHENGYUN_CITY_NAME="after").wait(20))
""")
    assert done.stdout.strip() == "0", done.stderr + (tmp_path / "log").read_text()
    first, second, third = (tmp_path / "log").read_text().splitlines()
    assert first == "True ['0', '1', '2'] False"
    assert second == "after True"
    assert third == "chengyun trial True"


def test_it_ends_with_its_parent_however_that_ends(script: Script, tmp_path: Path) -> None:
    done = script("""
def main():
    signal.signal(signal.SIGTERM, lambda *_: (print("farewell", flush=True), sys.exit(0)))
    print(os.getpid(), flush=True)
    os.kill(os.getppid(), signal.SIGUSR1)
    signal.pause()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
child = start(main)
signal.sigwait([signal.SIGUSR1])
os.kill(os.getpid(), signal.SIGKILL)
""")
    assert done.returncode == -signal.SIGKILL
    from tests.support import eventually

    eventually(lambda: "farewell" in (tmp_path / "log").read_text())
    pid = int((tmp_path / "log").read_text().split()[0])
    eventually(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text())


def test_loading_the_programs_opens_nothing_and_starts_no_thread_of_python(tmp_path: Path) -> None:
    """What is copied has to be quiet: a lock held by a thread that is not copied would never be let go."""
    lines = """
import os, threading
from chengyun.cli.run import load_programs
from chengyun.sim.main import simulate
before = {f: os.readlink(f"/proc/self/fd/{f}") for f in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{f}")}
load_programs()
after = {f: os.readlink(f"/proc/self/fd/{f}") for f in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{f}")}
print(threading.enumerate() == [threading.main_thread()], {k: v for k, v in after.items() if k not in before})
"""
    environment = {**os.environ, "CHENGYUN_DATA_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=False, env=environment, timeout=60)
    assert done.stdout.strip() == "True {}", done.stderr
