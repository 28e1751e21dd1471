"""Child processes that never outlive their parent."""

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class CannotStart(RuntimeError):
    """Something that the operator has to put right before the platform can start; the message is one clear sentence."""


class Running(Protocol):
    """A child process, however it was started."""

    @property
    def pid(self) -> int:
        """Its number."""

    def poll(self) -> int | None:
        """The code with which it ended; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it ends."""

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""


@dataclass(frozen=True)
class Owner:
    """The unprivileged system user that owns the database's folder when the platform is started by root."""

    uid: int
    gid: int
    name: str


def bind_to_parent(parent: int, farewell: int) -> None:
    """In a child: get `farewell` when the parent ends; end at once when it has ended already."""
    _libc.prctl(_PR_SET_PDEATHSIG, farewell, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _prepare(parent: int, farewell: int, owner: Owner | None) -> Callable[[], None]:
    def in_child() -> None:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        if owner is not None:
            os.setgroups([])
            os.setgid(owner.gid)
            os.setuid(owner.uid)
        # After the change of user: the kernel forgets the signal when credentials change.
        bind_to_parent(parent, farewell)

    return in_child


def spawn(
    command: Sequence[str | Path],
    *,
    output: Path,
    farewell: signal.Signals = signal.SIGTERM,
    owner: Owner | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    keep_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own; it gets `farewell` when this process ends, even by `kill -9`.

    Call it from a thread that lives as long as the program shall: the kernel watches the starting thread.
    What the program prints is appended to `output`.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - programs of this platform, without a shell
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=None if environment is None else dict(environment),
            cwd=folder or "/",
            pass_fds=tuple(keep_fds),
            preexec_fn=_prepare(os.getpid(), farewell, owner),
        )


def stop(process: Running, first: signal.Signals, patience: float) -> None:
    """Ask a program to end; after `patience` seconds end it and all of its group."""
    if process.poll() is None:
        process.send_signal(first)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    if process.poll() is None:
        kill_group(process.pid)
        process.wait()


def kill_group(pid: int) -> None:
    """End a program and everything that it started in its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def tail(path: Path, lines: int = 12) -> str:
    """The last lines of a log file."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 16_384))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])
    except OSError:
        return ""
