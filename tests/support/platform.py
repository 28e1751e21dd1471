"""The whole program as an operator runs it: `chengyun up` on a folder of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support import eventually

PROGRAMS = ("api", "watch", "archive", "worker")


def is_running(pid: int) -> bool:
    """Whether a process is there and not just waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def descendants(pid: int) -> set[int]:
    """All processes below one."""
    found: set[int] = set()
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for word in (task / "children").read_text().split():
                found |= {int(word)} | descendants(int(word))
    return found


class Platform:
    """A running `chengyun up`."""

    def __init__(self, process: subprocess.Popen[str], data_dir: Path) -> None:
        self.process = process
        self.data_dir = data_dir
        self.output: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.output.extend(self.process.stdout)

    @property
    def address(self) -> str:
        """Where the web client is; waits until the platform says that it runs."""
        line = eventually(self._ready_line, timeout=90)
        return line.partition(" on ")[2].split()[0]

    def _ready_line(self) -> str | None:
        assert self.process.poll() is None, "".join(self.output) + (self.process.stderr.read() if self.process.stderr else "")
        return next((line for line in self.output if line.startswith("Chengyun runs on")), None)

    def pid_of(self, child: str) -> int:
        """The process of a child, by the supervisor's own notes."""
        notes = (self.data_dir / "logs" / "supervisor.log").read_text().splitlines()
        lines = [json.loads(line) for line in notes]
        return next(int(n["pid"]) for n in reversed(lines) if n["child"] == child and n["event"].startswith("started"))

    def is_ready(self, address: str) -> bool:
        """Whether the API with database and bus, and every other program, does its work."""
        for url in [f"{address}/readyz", *self._notes()]:
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    if answer.status != 200:
                        return False
            except OSError:
                return False
        return len(self._notes()) == len(PROGRAMS) - 1

    def _notes(self) -> list[str]:
        found = []
        for name in PROGRAMS[1:]:
            note = self.data_dir / "run" / f"{name}-{self.pid_of(name)}.json"
            if note.exists():
                found.append(f"http://127.0.0.1:{json.loads(note.read_text())['health_port']}/readyz")
        return found


@contextmanager
def running(data_dir: Path, *words: str, **environment: str) -> Iterator[Platform]:
    """Run `chengyun up`; at the end it is interrupted as by Ctrl-C, and killed if it does not listen."""
    given = {key: value for key, value in os.environ.items() if not key.startswith("CHENGYUN_")}
    given |= {"CHENGYUN_DATA_DIR": str(data_dir), "CHENGYUN_MQTT_PORT": "0", **environment}
    process = subprocess.Popen(
        [sys.executable, "-m", "chengyun.cli.main", *(words or ("up", "--port", "0"))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=given,
    )
    platform = Platform(process, data_dir)
    try:
        yield platform
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
