"""What is different when the program runs from a clone: the web client is built from its sources while the rest starts."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from chengyun.kernel.embedded import CannotStart, child


class WebBuild:
    """The build of the web client beside the start; nothing when there is nothing to build."""

    def __init__(self, process: subprocess.Popen[bytes] | None, log: Path) -> None:
        self._process = process
        self._log = log

    def wait(self, say: Callable[[str], None], stopping: Callable[[], bool]) -> None:
        """Wait for its end, or until `stopping`; raises CannotStart when it failed."""
        if self._process is None:
            return
        if self._process.poll() is None and not stopping():
            say("Web client: still building")
        while self._process.poll() is None and not stopping():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.1)
        if self._process.returncode and not stopping():
            raise CannotStart(f"the web client could not be built:\n{child.tail(self._log)}")

    def end(self) -> None:
        """Stop it and what it started."""
        if self._process is not None and self._process.poll() is None:
            child.kill_group(self._process.pid)
            self._process.wait()


@contextlib.contextmanager
def building_web_client(data_dir: Path) -> Iterator[WebBuild]:
    """In a clone: build the web client when its sources changed. An installed program carries it."""
    log = data_dir / "logs" / "web-build.log"
    build = WebBuild(_start(log), log)
    try:
        yield build
    finally:
        build.end()


def _start(log: Path) -> subprocess.Popen[bytes] | None:
    root = os.environ.get("CHENGYUN_BOOTSTRAP")
    tool = Path(root, "tools", "build_web.py") if root else None
    if tool is None or not tool.is_file():
        return None
    log.unlink(missing_ok=True)
    return child.spawn([sys.executable, tool], output=log, farewell=signal.SIGKILL, environment=os.environ)
