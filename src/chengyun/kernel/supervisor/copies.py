"""Programs that run in a copy of this process (fork): what is loaded here need not be loaded again by each of them.

The copy starts with a session, signals, files and settings of its own. The copying process must have no threads and
no open connections at that moment; a test sees to that.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from chengyun.kernel import clock
from chengyun.kernel.embedded.child import bind_to_parent
from chengyun.kernel.settings import get_settings

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_NAME = 15
_ARGUMENTS_BEGIN, _ARGUMENTS_END = 45, 46  # in /proc/self/stat, counted after the name


class Copy:
    """A running copy; asked in the same words as `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The code with which it ended, negative for a signal; None while it runs."""
        if self.returncode is None:
            try:
                ended, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                self.returncode = 1
            else:
                self.returncode = os.waitstatus_to_exitcode(status) if ended else None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it ends; raises subprocess.TimeoutExpired after so many seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            time.sleep(0.02)
        return code

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)


def copy(main: Callable[[], None], *, title: str, output: Path, environment: Mapping[str, str], farewell: signal.Signals) -> Copy:
    """Run `main` in a copy of this process; what it prints is appended to `output`. Call it from the main thread.

    The copy gets `farewell` when this process ends, even by `kill -9`.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    log = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
    try:
        pid = os.fork()
        if pid == 0:
            _live(lambda: _detach(parent, log, title, environment, farewell), main)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(log)
    return Copy(pid)


def _live(prepare: Callable[[], None], main: Callable[[], None]) -> None:
    """The copy's whole life: it never returns to the code that it was copied from."""
    code = 1
    try:
        prepare()
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _detach(parent: int, log: int, title: str, environment: Mapping[str, str], farewell: signal.Signals) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    # The data folder's lock among them: it must not outlive the supervisor.
    os.closerange(3, max(int(name) for name in os.listdir("/proc/self/fd")) + 1)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDINGS)
    bind_to_parent(parent, farewell)
    os.environ.clear()
    os.environ.update(environment)
    get_settings.cache_clear()
    clock.set_clock(None)
    _rename(title)


def _rename(title: str) -> None:
    """Show the program's own name in `ps` and `top`, where the copied command line would stand."""
    text = title.encode()
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_NAME, text[:15], 0, 0, 0)
    numbers = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
    begin, end = int(numbers[_ARGUMENTS_BEGIN]), int(numbers[_ARGUMENTS_END])
    if 0 < begin < end:
        ctypes.memset(begin, 0, end - begin)
        ctypes.memmove(begin, text, min(len(text), end - begin - 1))
