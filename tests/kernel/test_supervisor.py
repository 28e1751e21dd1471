"""The supervisor with real child processes: what ends comes back, what is stopped stays stopped, nothing is left over."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from chengyun.kernel.embedded import CannotStart, child, locked, require_port, require_space
from chengyun.kernel.supervisor import Supervisor
from chengyun.kernel.supervisor.backoff import FIRST, LONGEST, STABLE_AFTER, Backoff
from tests.support import eventually


class Sleeper:
    """A service that writes its process number when it is ready and then waits."""

    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path, name: str = "sleeper", program: str = "sleep 600") -> None:
        self.name = name
        self.log = folder / "logs" / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.stopped_at = 0
        self._program = program

    def spawn(self) -> subprocess.Popen[bytes]:
        self.process = child.spawn(["/bin/sh", "-c", f"echo $$; {self._program}"], output=self.log)
        return self.process

    def ready(self) -> bool:
        return self.process is not None and f"{self.process.pid}" in self.log.read_text().split()

    def stop(self) -> None:
        if self.process is not None:
            child.stop(self.process, self.stop_signal, 5)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path, said.append)
    yield supervisor
    supervisor.end()


def watching(supervisor: Supervisor) -> threading.Thread:
    """Children are started again from the main thread of a real program; here the test looks on from it."""
    thread = threading.Thread(target=supervisor.run, daemon=True)
    thread.start()
    return thread


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_killed_child_comes_back_and_the_person_is_told(supervisor: Supervisor, tmp_path: Path, said: list[str]) -> None:
    service = Sleeper(tmp_path)
    supervisor.start([service])
    assert service.process is not None
    first = service.process.pid
    thread = watching(supervisor)
    os.kill(first, signal.SIGKILL)
    eventually(lambda: service.process is not None and service.process.pid != first and service.ready())
    assert any("sleeper ended (SIGKILL)" in line for line in said)
    supervisor.end()
    thread.join(5)
    assert not thread.is_alive()


def test_what_a_killed_child_had_started_is_ended_too(supervisor: Supervisor, tmp_path: Path) -> None:
    service = Sleeper(tmp_path, program="sleep 601 & echo child $!; wait")
    supervisor.start([service])
    grandchild = int(eventually(lambda: service.log.read_text().partition("child ")[2]).split()[0])
    assert service.process is not None
    watching(supervisor)
    os.kill(service.process.pid, signal.SIGKILL)
    eventually(lambda: not is_running(grandchild))


def test_children_stop_in_reverse_order(supervisor: Supervisor, tmp_path: Path) -> None:
    services = [Sleeper(tmp_path, name) for name in ("first", "second", "third")]
    supervisor.start(services)
    supervisor.end()
    notes = (tmp_path / "logs" / "supervisor.log").read_text().splitlines()
    stopped = [line for line in notes if '"stopping"' in line]
    assert [name for line in stopped for name in ("first", "second", "third") if f'"{name}"' in line] == [
        "third",
        "second",
        "first",
    ]
    assert all(service.process is not None and service.process.poll() is not None for service in services)


def test_a_child_that_ends_while_starting_is_told_with_the_end_of_its_log(supervisor: Supervisor, tmp_path: Path) -> None:
    broken = Sleeper(tmp_path, "broken", program="echo no such luck; exit 3")
    broken.ready = lambda: False  # type: ignore[method-assign]
    with pytest.raises(CannotStart, match=r"(?s)broken ended while starting.*no such luck"):
        supervisor.start([broken])


def test_a_child_that_does_not_listen_to_the_stop_signal_is_killed(tmp_path: Path) -> None:
    process = child.spawn(["/bin/sh", "-c", "trap '' TERM; echo deaf; sleep 602"], output=tmp_path / "log")
    eventually(lambda: "deaf" in child.tail(tmp_path / "log"))
    child.stop(process, signal.SIGTERM, 0.3)
    assert process.poll() == -signal.SIGKILL


def test_nothing_is_left_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys; from chengyun.kernel.embedded import child\n"
        "p = child.spawn(['sleep', '603'], output=pathlib.Path(sys.argv[1]) / 'log')\n"
        "print(p.pid, flush=True); sys.stdin.read()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert is_running(pid)
    parent.kill()
    parent.wait()
    eventually(lambda: not is_running(pid))


def test_the_pause_doubles_and_starts_anew_after_a_stable_while() -> None:
    backoff = Backoff()
    moment = 1000.0
    pauses = []
    for _ in range(10):
        backoff.begun(moment)
        again = backoff.ended(moment + 0.1)
        pauses.append(round(again - moment - 0.1, 3))
        moment = again
    assert pauses[:4] == [FIRST, FIRST * 2, FIRST * 4, FIRST * 8]
    assert pauses[-1] == LONGEST
    backoff.begun(moment)
    assert backoff.ended(moment + STABLE_AFTER + LONGEST + 1) - moment - STABLE_AFTER - LONGEST - 1 == pytest.approx(FIRST)


def test_a_second_instance_on_the_same_folder_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(CannotStart, match=f"another chengyun .process {os.getpid()}."), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_a_taken_port_is_told_with_the_setting_to_change() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=f"port {port} .* CHENGYUN_PORT"):
            require_port("127.0.0.1", port, "web client", "CHENGYUN_PORT")


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"the disk of .* is full: \d+ MB are free"):
        require_space(tmp_path, least=10**18)


def test_long_logs_are_put_aside_without_disturbing_the_writer(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chengyun.kernel.supervisor.loop._LOG_BYTES", 2000)
    monkeypatch.setattr("chengyun.kernel.supervisor.loop._CHECK_EVERY", 0.1)
    service = Sleeper(tmp_path, "chatty", program="while :; do echo a line of the log; sleep 0.01; done")
    supervisor.start([service])
    watching(supervisor)
    eventually(lambda: (tmp_path / "logs" / "chatty.log.2").exists(), timeout=20)
    before = service.log.stat().st_size
    eventually(lambda: service.log.stat().st_size != before)
    assert b"\0" not in service.log.read_bytes()
