"""`chengyun up` as a whole: every process may be killed, nothing is left behind, and refusals are sentences."""

import os
import pwd
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from chengyun.kernel.embedded.binaries import can_reach
from chengyun.kernel.embedded.child import Owner
from tests.support import eventually
from tests.support.platform import Platform, descendants, is_running, running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with running(tmp_path_factory.mktemp("platform")) as platform:
        assert platform.address
        yield platform


@pytest.mark.parametrize("child", ["api", "watch", "archive", "worker", "nats", "postgres"])
def test_a_killed_process_comes_back_by_itself(platform: Platform, child: str) -> None:
    before = platform.pid_of(child)
    os.kill(before, signal.SIGKILL)
    eventually(lambda: platform.pid_of(child) != before, timeout=20)
    eventually(lambda: platform.is_ready(platform.address), timeout=40)
    assert platform.process.poll() is None
    assert any(f"{child} ended (SIGKILL)" in line for line in platform.output)


def test_a_killed_database_backend_disturbs_nobody_for_long(platform: Platform) -> None:
    import json

    url = json.loads((platform.data_dir / "run" / "services.json").read_text())["database_url"]
    with psycopg.connect(url) as victim:
        os.kill(victim.info.backend_pid, signal.SIGKILL)
        eventually(lambda: platform.is_ready(platform.address), timeout=40)


def test_programs_give_health_and_figures(platform: Platform) -> None:
    for path, content in (("/healthz", b"ok"), ("/readyz", b"ready"), ("/metrics", b"# HELP")):
        with urllib.request.urlopen(platform.address + path, timeout=5) as answer:
            assert content in answer.read()


def test_a_second_watch_can_be_started_alone(platform: Platform) -> None:
    given = {**os.environ, "CHENGYUN_DATA_DIR": str(platform.data_dir)}
    process = subprocess.Popen([sys.executable, "-m", "chengyun.cli.main", "watch"], env=given, stderr=subprocess.PIPE)
    note = platform.data_dir / "run" / f"watch-{process.pid}.json"
    eventually(note.exists, timeout=30)
    process.terminate()
    assert process.wait(20) == 0
    assert not note.exists()


def test_a_second_instance_is_refused_with_a_sentence(platform: Platform) -> None:
    with running(platform.data_dir) as second:
        assert second.process.wait(20) == 2
        assert second.process.stderr is not None
        said = second.process.stderr.read().strip()
    assert f"another chengyun (process {platform.process.pid}) already runs on the data folder" in said
    assert len(said.splitlines()) == 1


def test_a_taken_port_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with running(tmp_path, "up", "--port", str(port)) as refused:
            assert refused.process.wait(20) == 2
            assert refused.process.stderr is not None
            said = refused.process.stderr.read().strip()
    assert f"web client: port {port} on 127.0.0.1 is not free" in said
    assert len(said.splitlines()) == 1


def test_no_secret_is_in_a_command_line_or_a_log(platform: Platform) -> None:
    secrets = [path.read_text().strip() for path in (platform.data_dir / "secrets").iterdir()]
    lines = [
        Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace") for pid in descendants(platform.process.pid) if is_running(pid)
    ]
    logs = [path.read_text(errors="replace") for path in (platform.data_dir / "logs").iterdir()]
    assert len(secrets) >= 3
    assert not [secret for secret in secrets for text in lines + logs if secret in text]


def test_ctrl_c_stops_everything(tmp_path: Path) -> None:
    with running(tmp_path) as platform:
        assert platform.address
        below = descendants(platform.process.pid)
        assert len(below) > 6
        platform.process.send_signal(signal.SIGINT)
        assert platform.process.wait(40) == 0
        assert not [pid for pid in below if is_running(pid)]
        assert not (tmp_path / "run" / "services.json").exists()


def test_nothing_is_left_when_the_supervisor_is_killed_and_it_starts_again(tmp_path: Path) -> None:
    with running(tmp_path) as platform:
        assert platform.address
        below = descendants(platform.process.pid)
        platform.process.kill()
        platform.process.wait()
        eventually(lambda: not [pid for pid in below if is_running(pid)], timeout=30)
    with running(tmp_path) as again:
        assert again.address


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests already run as an ordinary user")
def test_works_as_an_ordinary_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Root becomes `nobody` and starts the program with the packages of this environment."""
    nobody = pwd.getpwnam("nobody")
    python = next(filter(None, (_python_for(name, nobody) for name in (sys.executable, "/usr/bin/python3"))), None)
    if python is None:
        pytest.skip("nobody cannot run this Python")
    import tempfile

    with tempfile.TemporaryDirectory(prefix="chengyun-") as folder:
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        given = {"HOME": folder, "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        given |= {"CHENGYUN_DATA_DIR": f"{folder}/var", "CHENGYUN_MQTT_PORT": "0"}
        process = subprocess.Popen(
            [python, "-m", "chengyun.cli.main", "up", "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=given,
            cwd="/",
            user=nobody.pw_uid,
            group=nobody.pw_gid,
            extra_groups=[],
        )
        platform = Platform(process, Path(folder) / "var")
        try:
            assert platform.address
            below = descendants(process.pid)
            assert {Path(f"/proc/{pid}").stat().st_uid for pid in below if is_running(pid)} == {nobody.pw_uid}
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(40)
        assert not [pid for pid in below if is_running(pid)]


def _python_for(name: str, user: pwd.struct_passwd) -> str | None:
    """This interpreter, or the system's of the same version, if the user can run it and read the packages."""
    owner = Owner(user.pw_uid, user.pw_gid, user.pw_name)
    real = Path(name).resolve()
    if not real.exists() or not can_reach(owner, real):
        return None
    packages = next(p for p in sys.path if p.endswith("site-packages"))
    version = subprocess.run([name, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True)
    same = version.stdout.strip() == str(sys.version_info[:2])
    return name if same and can_reach(owner, Path(packages)) else None
