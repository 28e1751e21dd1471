"""A program of the platform as the supervisor sees it."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from chengyun.kernel.embedded import child


class Program:
    """`chengyun <verb>` as a child process, with the address at which it says that it is well."""

    stop_signal = signal.SIGTERM
    stop_patience = 15.0

    def __init__(
        self,
        name: str,
        data_dir: Path,
        *,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        address: tuple[str, int] | None = None,
    ) -> None:
        self.name = name
        self.log = data_dir / "logs" / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._run = data_dir / "run"
        self._command = [sys.executable, "-m", "chengyun.cli.main", *(arguments or [name])]
        self._environment = {**os.environ, **(environment or {})}
        self._address = address

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start without waiting."""
        self.process = child.spawn(
            self._command,
            output=self.log,
            farewell=self.stop_signal,
            environment=self._environment,
            folder=Path.cwd(),
        )
        return self.process

    def ready(self) -> bool:
        """Whether it does its work."""
        return self._answers("/readyz")

    def alive(self) -> bool:
        """Whether it answers at all; a program that never does is killed and started again."""
        return self._answers("/healthz")

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
    """`chengyun <verb>` that has to end well before the next children start."""

    def __init__(self, name: str, data_dir: Path, *, arguments: Sequence[str]) -> None:
        self.name = name
        self.log = data_dir / "logs" / f"{name}.log"
        self._command = [sys.executable, "-m", "chengyun.cli.main", *arguments]

    def run(self) -> None:
        """Run to the end; raises CannotStart with the log's end when it fails."""
        process = child.spawn(self._command, output=self.log, folder=Path.cwd(), environment=os.environ)
        try:
            code = process.wait()
        except BaseException:
            child.stop(process, signal.SIGTERM, 5)
            raise
        if code != 0:
            raise child.CannotStart(f"{self.name} failed; the end of {self.log}:\n{child.tail(self.log)}")
