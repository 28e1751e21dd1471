"""A program of the platform as the supervisor sees it."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from chengyun.kernel.embedded import child
from chengyun.kernel.supervisor.copies import Copy, copy


class Program:
    """A long-running program as a child process, with the address at which it says that it is well."""

    stop_signal = signal.SIGTERM
    stop_patience = 15.0

    def __init__(
        self,
        name: str,
        data_dir: Path,
        main: Callable[[], None],
        *,
        environment: Mapping[str, str] | None = None,
        address: tuple[str, int] | None = None,
    ) -> None:
        self.name = name
        self.log = data_dir / "logs" / f"{name}.log"
        self.process: Copy | None = None
        self._run = data_dir / "run"
        self._main = main
        self._environment = {**os.environ, **(environment or {})}
        self._address = address

    def spawn(self) -> Copy:
        """Start without waiting."""
        self.process = copy(
            self._main,
            title=f"chengyun {self.name}",
            output=self.log,
            environment=self._environment,
            farewell=self.stop_signal,
        )
        return self.process

    def ready(self) -> bool:
        """Whether it does its work."""
        return self._answers("/readyz")

    def alive(self) -> bool:
        """Whether it answers at all; a program that never does is killed and started again."""
        return self._answers("/healthz")

    def ask_to_end(self) -> None:
        """Tell it to stop, without waiting."""
        if self.process is not None:
            self.process.send_signal(self.stop_signal)

    def stop(self) -> None:
        """Stop it and what it started."""
        if self.process is not None:
            child.stop(self.process, self.stop_signal, self.stop_patience)
            self._forget()
            self.process = None

    def _forget(self) -> None:
        """A killed program could not remove its own note."""
        if self.process is not None:
            (self._run / f"{self.name}-{self.process.pid}.json").unlink(missing_ok=True)

    def _where(self) -> tuple[str, int] | None:
        if self._address is not None or self.process is None:
            return self._address
        with contextlib.suppress(OSError, ValueError, KeyError):
            note = json.loads((self._run / f"{self.name}-{self.process.pid}.json").read_text())
            return "127.0.0.1", int(note["health_port"])
        return None

    def _answers(self, path: str) -> bool:
        where = self._where()
        if where is None:
            return False
        connection = http.client.HTTPConnection(*where, timeout=3)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class OneShot:
    """A step that has to end well before the next children start."""

    def __init__(self, name: str, data_dir: Path, main: Callable[[], None]) -> None:
        self.name = name
        self.log = data_dir / "logs" / f"{name}.log"
        self._main = main

    def run(self, stopping: Callable[[], bool] = lambda: False) -> None:
        """Run to the end, or until `stopping`; raises CannotStart with the log's end when it fails."""
        process = copy(
            self._main,
            title=f"chengyun {self.name}",
            output=self.log,
            environment={**os.environ, "CHENGYUN_DEBUG": "1"},
            farewell=signal.SIGTERM,
        )
        try:
            while process.poll() is None and not stopping():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.1)
        finally:
            ended = process.poll()
            child.stop(process, signal.SIGTERM, 5)
        if ended:
            raise child.CannotStart(f"{self.name} failed; the end of {self.log}:\n{child.tail(self.log)}")
