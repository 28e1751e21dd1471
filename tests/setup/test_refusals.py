"""What cannot be is refused before anything is started: one sentence, code 2, and nothing left running."""

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.setup.test_commands import run


def listening() -> socket.socket:
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    return taken


def refused(said: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert said.returncode == 2, said.stdout + said.stderr
    assert len(said.stderr.strip().splitlines()) == 1, said.stderr
    assert not [part for part in parts if part not in said.stderr], said.stderr


def test_a_taken_mqtt_port(tmp_path: Path) -> None:
    with listening() as taken:
        port = str(taken.getsockname()[1])
        said = run("up", "--port", "0", data_dir=tmp_path, CHENGYUN_MQTT_PORT=port)
    refused(said, f"MQTT: port {port} on 127.0.0.1 is not free", "CHENGYUN_MQTT_PORT")


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("CHENGYUN_HOST", "192.0.2.7", "CHENGYUN_HOST=192.0.2.7 is no address of this machine"),
        ("CHENGYUN_CLOCK", "yesterday", "the setting clock (CHENGYUN_CLOCK) is not valid"),
        ("CHENGYUN_BUS_SYNC", "never", "the setting bus_sync (CHENGYUN_BUS_SYNC) is not valid"),
        ("CHENGYUN_CONFIG", "/nowhere.toml", "there is no file /nowhere.toml, which CHENGYUN_CONFIG names"),
        ("CHENGYUN_DATABASE_URL", "nonsense", "CHENGYUN_DATABASE_URL does not answer"),
        ("CHENGYUN_DATABASE_URL", "postgresql://127.0.0.1:1/x", "CHENGYUN_DATABASE_URL does not answer"),
        ("CHENGYUN_NATS_URL", "nats://127.0.0.1:1", "CHENGYUN_NATS_URL does not answer"),
        ("CHENGYUN_NATS_URL", "nonsense:x", "CHENGYUN_NATS_URL does not answer"),
    ],
)
def test_a_setting_that_cannot_be(setting: str, value: str, sentence: str, tmp_path: Path) -> None:
    refused(run("up", "--port", "0", data_dir=tmp_path, **{"CHENGYUN_MQTT_PORT": "0", setting: value}), sentence)


def test_a_settings_file_that_is_no_toml(tmp_path: Path) -> None:
    (tmp_path / "chengyun.toml").write_text("port = = 1\n")
    refused(run("up", data_dir=tmp_path), "chengyun.toml is not valid TOML", "line 1")


def test_a_database_folder_of_another_version(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("14\n")
    said = run("up", "--port", "0", data_dir=tmp_path, CHENGYUN_MQTT_PORT="0")
    refused(said, "the data folder was made by PostgreSQL 14, whose programs are not here", "Upgrade")


def test_a_damaged_database_folder_is_told_with_the_servers_own_words(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("18\n")
    said = run("up", "--port", "0", data_dir=tmp_path, CHENGYUN_MQTT_PORT="0")
    assert said.returncode == 2
    assert said.stderr.startswith("chengyun: postgres ended while starting; the end of ")
    assert "Traceback" not in said.stderr


def test_a_data_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        refused(run("up", "--port", "0", data_dir=folder, CHENGYUN_MQTT_PORT="0"), f"cannot make the data folder {folder}")


@pytest.fixture
def disk(tmp_path: Path) -> Callable[[str], Path]:
    """A small disk of its own, mounted with options; needs the right to mount."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options: str) -> Path:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False)
        if os.geteuid() != 0 or done.returncode != 0:
            pytest.skip("no disk can be mounted here")
        return folder

    yield mount  # type: ignore[misc]
    subprocess.run(["umount", folder], capture_output=True, check=False)


def test_a_full_disk(disk: Callable[[str], Path]) -> None:
    folder = disk("size=60m")
    said = run("up", "--port", "0", data_dir=folder / "data", CHENGYUN_MQTT_PORT="0")
    refused(said, f"the disk of {folder / 'data'} is full", "512 MB are needed")


def test_a_disk_that_cannot_be_written(disk: Callable[[str], Path]) -> None:
    folder = disk("ro")
    refused(run("up", "--port", "0", data_dir=folder / "data", CHENGYUN_MQTT_PORT="0"), "Read-only file system")
