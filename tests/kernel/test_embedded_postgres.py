"""The embedded PostgreSQL: how it is set up, and that it comes back from every kind of death."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from chengyun.kernel.embedded import EmbeddedPostgres
from chengyun.kernel.embedded.binaries import postgres_programs
from tests.support import eventually


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path, durable=False)
    server.start(30)
    yield server
    server.stop()


def ask(server: EmbeddedPostgres, query: str) -> object:
    with psycopg.connect(server.url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
        return row[0] if row else None


def test_listens_only_on_a_private_socket_and_wants_the_password(server: EmbeddedPostgres) -> None:
    assert ask(server, "SHOW listen_addresses") == ""
    assert ask(server, "SHOW data_checksums") == "on"
    assert ask(server, "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = 'chengyun'") == ("bC.UTF-8")
    assert ask(server, "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256'") == 0
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url, password="wrong")


def test_secrets_are_readable_by_their_owner_only(server: EmbeddedPostgres, tmp_path: Path) -> None:
    kept = list((tmp_path / "secrets").iterdir())
    assert kept
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in kept)
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    password = (tmp_path / "secrets" / "postgres").read_text().strip()
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert all(password.encode() not in command for command in commands)
    assert password not in (tmp_path / "logs" / "postgres.log").read_text()


def test_root_does_not_run_the_database(server: EmbeddedPostgres) -> None:
    assert server.process is not None
    assert Path(f"/proc/{server.process.pid}").stat().st_uid == server.folder.stat().st_uid != 0


def test_data_survives_stop_and_start(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    server.stop()
    server.start(30)
    assert ask(server, "SELECT n FROM kept") == 7


def test_comes_back_after_kill_of_the_postmaster_beside_busy_backends(server: EmbeddedPostgres) -> None:
    assert server.process is not None
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE steps (n int)")
        connection.execute("INSERT INTO steps SELECT generate_series(1, 1000)")
        busy = psycopg.connect(server.url)
        busy.execute("INSERT INTO steps VALUES (-1)")
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
    server.start(30)
    assert ask(server, "SELECT count(*) FROM steps") == 1000
    busy.close()


def test_comes_back_after_kill_of_a_backend(server: EmbeddedPostgres) -> None:
    victim = psycopg.connect(server.url)
    os.kill(victim.info.backend_pid, signal.SIGKILL)
    eventually(server.ready)
    assert server.process is not None
    assert server.process.poll() is None
    victim.close()


def test_a_stale_pid_file_naming_another_living_program_does_not_stop_the_start(server: EmbeddedPostgres) -> None:
    server.stop()
    other = os.getppid()
    (server.folder / "postmaster.pid").write_text(f"{other}\n{server.folder}\n1\n5432\n\n\n")
    server.start(30)
    assert ask(server, "SELECT 1") == 1


def test_a_half_made_folder_is_not_taken_for_a_database(tmp_path: Path) -> None:
    (tmp_path / "postgres.new" / "base").mkdir(parents=True)
    server = EmbeddedPostgres(tmp_path, durable=False)
    assert server.is_new
    server.start(30)
    server.stop()
    assert not server.is_new


def test_works_below_a_folder_with_a_very_long_path(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 60) / ("城" * 30)
    deep.mkdir(parents=True)
    server = EmbeddedPostgres(deep, durable=False)
    server.start(30)
    assert ask(server, "SELECT 1") == 1
    server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a folder closed to the database's user")
def test_works_below_a_folder_that_the_database_user_cannot_enter(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "var", durable=False)
    server.start(30)
    server.stop()
    server.start(30)
    assert ask(server, "SELECT 1") == 1
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    server.start(30)
    assert ask(server, "SELECT 1") == 1
    server.stop()


def test_the_operators_own_settings_win(server: EmbeddedPostgres) -> None:
    (server.folder / "local.conf").write_text("work_mem = '7MB'\n")
    (server.folder / "local.conf").chmod(0o644)
    server.stop()
    server.start(30)
    assert ask(server, "SHOW work_mem") == "7MB"


def test_an_older_postgresql_of_the_system_does_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chengyun.kernel.embedded.binaries._wheel", lambda: None)
    postgres_programs.cache_clear()
    try:
        try:
            programs = postgres_programs()
        except RuntimeError:
            pytest.skip("no PostgreSQL 15 or later in the system")
        server = EmbeddedPostgres(tmp_path, durable=False)
        server.start(30)
        assert int(str(ask(server, "SHOW server_version_num"))) // 10000 == programs.major
        assert ask(server, "SELECT lower('ÄÖ') || length('重庆')::text") == "äö2"
        server.stop()
    finally:
        postgres_programs.cache_clear()


def test_the_server_ends_with_the_program_that_started_it(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib, time; from chengyun.kernel.embedded import start_services\n"
        "with start_services(pathlib.Path(sys.argv[1]), durable=False) as s:\n"
        "    print(s.postgres.process.pid, s.nats.process.pid, flush=True); sys.stdin.read()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    children = [int(word) for word in parent.stdout.readline().split()]
    assert len(children) == 2
    parent.kill()
    parent.wait()
    eventually(lambda: not any(is_running(pid) for pid in children))


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
