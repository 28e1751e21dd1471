"""Keeps the platform's processes running: starts them in order, brings back what ends, stops them in reverse order."""

import json
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from chengyun.kernel.embedded import child
from chengyun.kernel.embedded.child import CannotStart, Running
from chengyun.kernel.embedded.services import LEAST_FREE_BYTES
from chengyun.kernel.supervisor.backoff import Backoff
from chengyun.kernel.supervisor.program import Program

_STEP = 0.1
_CHECK_EVERY = 5.0
_DEAF_CHECKS = 6  # half a minute without an answer
_LOG_BYTES = 20 * 1024**2
_LOG_FILES = 3
_FIRST_START = 60.0


class Service(Protocol):
    """What can be supervised: a program of the platform, PostgreSQL or NATS."""

    name: str
    log: Path

    @property
    def process(self) -> Running | None:
        """The process as it was last started; None before and after."""

    def spawn(self) -> Running:
        """Start without waiting."""

    def ready(self) -> bool:
        """Whether it does its work."""

    def stop(self) -> None:
        """Stop it."""


@dataclass
class _Watched:
    service: Service
    backoff: Backoff = field(default_factory=Backoff)
    again_at: float | None = None
    deaf: int = 0


class Supervisor:
    """Children in the order in which they were added. Use it from the main thread: children live as long as that."""

    def __init__(self, data_dir: Path, report: Callable[[str], None]) -> None:
        self._data_dir = data_dir
        self._report = report
        self._watched: list[_Watched] = []
        self._stop = threading.Event()
        self._next_check = 0.0
        self._disk_warned = False

    def catch_signals(self) -> None:
        """End on Ctrl-C, SIGTERM and a closed terminal; a second one ends at once."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: object) -> None:
        if self._stop.is_set():
            for watched in self._watched:
                if watched.service.process is not None:
                    child.kill_group(watched.service.process.pid)
        self._stop.set()

    @property
    def stopping(self) -> bool:
        """Whether a signal asked to end."""
        return self._stop.is_set()

    def start(
        self, services: Sequence[Service], patience: float | None = _FIRST_START, meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        """Start services side by side and wait until all are ready; raises CannotStart with the end of a log.

        `meanwhile` is work that can be done while they get ready.
        """
        begun = []
        for service in services:
            watched = _Watched(service)
            self._watched.append(watched)
            watched.backoff.begun(time.monotonic())
            service.spawn()
            begun.append(watched)
        meanwhile()
        until = None if patience is None else time.monotonic() + patience
        waiting = begun
        while waiting and not self._stop.is_set():
            waiting = [watched for watched in waiting if not watched.service.ready()]
            self._fail_if_ended(waiting, late=until is not None and time.monotonic() > until)
            if waiting:
                self._stop.wait(0.05)
        for watched in begun:
            self._note(watched.service, "started")

    def _fail_if_ended(self, waiting: Iterable[_Watched], *, late: bool) -> None:
        for watched in waiting:
            service = watched.service
            if service.process is None or service.process.poll() is not None:
                raise CannotStart(f"{service.name} ended while starting; the end of {service.log}:\n{child.tail(service.log)}")
            if late:
                raise CannotStart(f"{service.name} is not ready; the end of {service.log}:\n{child.tail(service.log)}")

    def run(self, also: Callable[[], None] = lambda: None) -> None:
        """Watch until told to stop; `also` is called now and then."""
        while not self._stop.wait(_STEP):
            now = time.monotonic()
            for watched in self._watched:
                self._look_after(watched, now)
            if now >= self._next_check:
                self._next_check = now + _CHECK_EVERY
                self._check_health()
                self._check_disk()
                self._rotate_logs()
                also()

    def end(self) -> None:
        """Stop all children, the last started first. Programs take their leave side by side, servers one after the other."""
        self._stop.set()
        for watched in reversed(self._watched):
            if isinstance(watched.service, Program):
                watched.service.ask_to_end()
        for watched in reversed(self._watched):
            self._note(watched.service, "stopping")
            watched.service.stop()
        self._watched.clear()

    def _look_after(self, watched: _Watched, now: float) -> None:
        service = watched.service
        if watched.again_at is not None:
            if now >= watched.again_at:
                watched.again_at = None
                self._again(watched)
        elif service.process is not None and (code := service.process.poll()) is not None:
            child.kill_group(service.process.pid)
            watched.deaf = 0
            watched.again_at = watched.backoff.ended(now)
            why = signal.Signals(-code).name if code < 0 else f"code {code}"
            pause = watched.again_at - now
            self._report(f"{service.name} ended ({why}); starting it again in {pause:.1f} s; log: {service.log}")
            self._note(service, "ended", why=why, tail=child.tail(service.log))

    def _again(self, watched: _Watched) -> None:
        watched.backoff.begun(time.monotonic())
        try:
            watched.service.spawn()
            self._note(watched.service, "started again")
        except (CannotStart, OSError) as failure:
            watched.again_at = watched.backoff.ended(time.monotonic())
            self._report(f"{watched.service.name} could not be started again: {failure}")

    def _check_health(self) -> None:
        """A program that is there but answers nobody is ended, and so comes back."""
        for watched in self._watched:
            service = watched.service
            if not isinstance(service, Program) or service.process is None or watched.again_at is not None:
                continue
            watched.deaf = 0 if service.alive() else watched.deaf + 1
            if watched.deaf >= _DEAF_CHECKS:
                self._report(f"{service.name} does not answer any more and is started anew")
                child.kill_group(service.process.pid)

    def _check_disk(self) -> None:
        free = shutil.disk_usage(self._data_dir).free
        if free < LEAST_FREE_BYTES and not self._disk_warned:
            self._report(f"the disk of {self._data_dir} is nearly full: {free // 1024**2} MB are free; make room")
        self._disk_warned = free < LEAST_FREE_BYTES

    def _rotate_logs(self) -> None:
        """Copy a long log aside and empty it: the writer keeps its open file (it appends)."""
        for log in (self._data_dir / "logs").glob("*.log"):
            if log.stat().st_size < _LOG_BYTES:
                continue
            for number in range(_LOG_FILES - 1, 0, -1):
                older = log.with_name(f"{log.name}.{number}")
                if older.exists():
                    older.replace(log.with_name(f"{log.name}.{number + 1}"))
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            with log.open("r+b") as file:
                file.truncate(0)

    def _note(self, service: Service, event: str, **more: str) -> None:
        """One line about a child in the supervisor's own log."""
        pid = service.process.pid if service.process else None
        line = {"time": datetime.now(UTC).isoformat(), "event": event, "child": service.name, "pid": pid, **more}
        with (self._data_dir / "logs" / "supervisor.log").open("a") as log:
            log.write(json.dumps(line, ensure_ascii=False) + "\n")
