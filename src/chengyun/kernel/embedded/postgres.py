"""PostgreSQL run by the platform itself: a Unix socket, a password, checksums, and its own system user under root."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from chengyun.kernel.embedded import child
from chengyun.kernel.embedded.binaries import PostgresPrograms, can_reach, postgres_programs, programs_for
from chengyun.kernel.embedded.child import CannotStart
from chengyun.kernel.embedded.owner import database_owner, give, socket_folder
from chengyun.kernel.embedded.secrets import kept_secret
from chengyun.kernel.security import new_token

USER = DATABASE = "chengyun"
_SETTINGS_FILE = "chengyun.conf"
_LOCAL_FILE = "local.conf"
_ORPHANS_PATIENCE = 3.0


class EmbeddedPostgres:
    """One server over `<data_dir>/postgres`. `durable=False` leaves out waiting for the disk: for tests only."""

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": roll back what is open, checkpoint, end
    stop_patience = 60.0

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self.folder = data_dir / "postgres"
        self.log = data_dir / "logs" / "postgres.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._data_dir = data_dir
        self._durable = durable
        self._password = kept_secret(data_dir, "postgres", new_token)
        self._owner = database_owner(self.folder)
        self._programs = programs_for(self._owner, postgres_programs(self._made_by_version()))
        self._socket = socket_folder(data_dir, self._owner)

    @property
    def url(self) -> str:
        """The address for psycopg and SQLAlchemy: over the socket, with the password."""
        return f"postgresql://{USER}:{quote(self._password, safe='')}@/{DATABASE}?host={quote(str(self._socket), safe='')}"

    @property
    def is_new(self) -> bool:
        """Whether there is no database in the folder yet."""
        return self._made_by_version() is None

    @property
    def programs(self) -> PostgresPrograms:
        """The folder of the server's programs, `pg_dump` and `psql` among them."""
        return self._programs

    def start(self, patience: float | None = None) -> None:
        """Start, and wait as long as recovery takes (or `patience` seconds); raises CannotStart with the log's end."""
        self.spawn()
        self.wait(patience)

    def wait(self, patience: float | None = None) -> None:
        """Wait until the started server answers; raises CannotStart when it is not to be."""
        until = None if patience is None else time.monotonic() + patience
        pause = 0.01
        while not self.ready():
            if self.process is None or self.process.poll() is not None:
                raise CannotStart(f"PostgreSQL did not start; the end of {self.log}:\n{child.tail(self.log)}")
            if until is not None and time.monotonic() > until:
                raise CannotStart(f"PostgreSQL is not ready after {patience:.0f} s; see {self.log}")
            time.sleep(pause)
            pause = min(0.2, pause * 1.5)

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start without waiting: a new folder is initialised, remains of a killed server are cleared away first."""
        self._socket = socket_folder(self._data_dir, self._owner)
        if not (self.folder / "PG_VERSION").exists():
            self._initialise()
        self._clear_remains()
        self._write_settings()
        with self._visible(self.folder) as (path, fds):
            self.process = child.spawn(
                [self._programs.program("postgres"), "-D", path, "-k", self._socket],
                output=self.log,
                farewell=self.stop_signal,
                owner=self._owner,
                environment=_environment(),
                keep_fds=fds,
            )
        return self.process

    def ready(self) -> bool:
        """Whether the database answers a query; makes the platform's database the first time."""
        try:
            with psycopg.connect(self.url, connect_timeout=3) as connection:
                connection.execute("SELECT 1")
            return True
        except psycopg.OperationalError as failure:
            if f'database "{DATABASE}" does not exist' in str(failure):
                self._create_database()
            return False

    def stop(self) -> None:
        """Stop as quickly as is clean."""
        if self.process is not None:
            child.stop(self.process, self.stop_signal, self.stop_patience)
            self.process = None
            with contextlib.suppress(OSError):
                self._socket.rmdir()

    def _made_by_version(self) -> int | None:
        try:
            return int((self.folder / "PG_VERSION").read_text())
        except (OSError, ValueError):
            return None

    def _initialise(self) -> None:
        """initdb into a folder beside, then rename: a half-made folder is never taken for a database."""
        fresh = self.folder.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        give(fresh, self._owner)
        words = self._socket / "password"
        words.touch(mode=0o600)
        words.write_text(self._password)
        give(words, self._owner)
        try:
            with self._visible(fresh) as (path, fds):
                self._initdb(path, words, fds)
        finally:
            words.unlink(missing_ok=True)
        with (fresh / "postgresql.conf").open("a") as conf:
            conf.write(f"\ninclude_if_exists = '{_SETTINGS_FILE}'\ninclude_if_exists = '{_LOCAL_FILE}'\n")
        fresh.rename(self.folder)

    def _initdb(self, path: str, words: Path, fds: tuple[int, ...]) -> None:
        command = [str(self._programs.program("initdb")), "-D", path, f"--username={USER}", "--encoding=UTF8"]
        command += [f"--pwfile={words}", "--auth=scram-sha-256", "--data-checksums"]
        if self._programs.major >= 17:
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        else:
            command += ["--locale=C.UTF-8"]
        command += [] if self._durable else ["--no-sync"]
        done = subprocess.run(  # noqa: S603
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            pass_fds=fds,
            env=_environment(),
            start_new_session=True,  # Ctrl-C does not reach it: it ends well, and then everything stops
            user=self._owner.uid if self._owner else None,
            group=self._owner.gid if self._owner else None,
            extra_groups=[] if self._owner else None,
        )
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise CannotStart(f"initdb failed: {' '.join(said[-3:])}")

    @contextlib.contextmanager
    def _visible(self, folder: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
        """The folder's path as its owner may use it.

        Below a closed folder such as /root the server gets the open folder itself instead of a path to it.
        """
        if self._owner is None or can_reach(self._owner, folder):
            yield str(folder), ()
            return
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield f"/proc/self/fd/{descriptor}", (descriptor,)
        finally:
            os.close(descriptor)

    def _write_settings(self) -> None:
        path = self.folder / _SETTINGS_FILE
        path.write_text(_settings(self._durable))
        give(path, self._owner)

    def _create_database(self) -> None:
        with (
            psycopg.connect(self.url, dbname="postgres", autocommit=True) as connection,
            contextlib.suppress(psycopg.errors.DuplicateDatabase),
        ):
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _clear_remains(self) -> None:
        """After `kill -9` of the postmaster its backends may still end; a new one must not start beside them.

        Only the holder of the data folder's lock comes here, so whatever runs over this folder is a remnant.
        """
        farewell = signal.SIGINT if self.process is None else signal.SIGQUIT
        until = time.monotonic() + (self.stop_patience if self.process is None else _ORPHANS_PATIENCE)
        remains = list(_servers_over(self.folder))
        for pid in remains:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, farewell)
        while remains := [pid for pid in remains if _is_alive(pid)]:
            if time.monotonic() > until:
                for pid in remains:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        # The number in it may belong to another program by now, which PostgreSQL would take for a living server.
        (self.folder / "postmaster.pid").unlink(missing_ok=True)


def _environment() -> dict[str, str]:
    """PG* variables of the operator's shell must not reach the server."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _servers_over(folder: Path) -> Iterator[int]:
    """Processes whose working folder is this one: the server and its backends."""
    try:
        wanted = folder.stat()
    except FileNotFoundError:
        return
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            here = (entry / "cwd").stat()
            if (here.st_dev, here.st_ino) == (wanted.st_dev, wanted.st_ino) and (entry / "exe").readlink().name in (
                "postgres",
                "postgres (deleted)",
            ):
                yield int(entry.name)


def _is_alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _settings(durable: bool) -> str:
    """Sized by the machine's memory; `local.conf` beside it is the operator's and wins."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024**2
    shared = max(64, min(memory // 8, 4096))
    lines = [
        "# Written at each start. Put your own settings into local.conf in this folder: they win.",
        "listen_addresses = ''",
        "unix_socket_permissions = 0700",
        "password_encryption = 'scram-sha-256'",
        "max_connections = 200",
        f"shared_buffers = {shared}MB",
        f"effective_cache_size = {max(128, memory // 2)}MB",
        "work_mem = 16MB",
        f"maintenance_work_mem = {max(64, min(memory // 32, 512))}MB",
        "wal_compression = on",
        "max_wal_size = 2GB",
        "min_wal_size = 128MB",
        "checkpoint_timeout = 10min",
        "random_page_cost = 1.1",
        "jit = off",
        "timezone = 'UTC'",
        "log_timezone = 'UTC'",
        "log_line_prefix = '%m [%p] '",
        "log_checkpoints = off",
        "idle_in_transaction_session_timeout = '5min'",
    ]
    with contextlib.suppress(OSError):
        if shutil.disk_usage("/dev/shm").total < 256 * 1024**2:  # noqa: S108 - containers give 64 MB
            lines.append("dynamic_shared_memory_type = mmap")
    if not durable:
        # A commit still reaches the operating system before it is told: it survives any kill, only not a power cut.
        lines += ["fsync = off", "full_page_writes = off"]
    return "\n".join(lines) + "\n"
