"""Both servers together, and the file by which other programs find them."""

import contextlib
import fcntl
import json
import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chengyun.kernel.addresses import services_file
from chengyun.kernel.embedded.child import CannotStart
from chengyun.kernel.embedded.nats import BusCredentials, EmbeddedNats, free_port
from chengyun.kernel.embedded.postgres import EmbeddedPostgres
from chengyun.kernel.embedded.secrets import private_folder, write_private

LEAST_FREE_BYTES = 512 * 1024**2


@dataclass(frozen=True)
class Services:
    """The two servers of a data folder."""

    data_dir: Path
    postgres: EmbeddedPostgres
    nats: EmbeddedNats

    @property
    def database_url(self) -> str:
        """The address of PostgreSQL."""
        return self.postgres.url

    @property
    def nats_url(self) -> str:
        """The address of NATS with the platform's own user."""
        return self.nats.url

    @property
    def mqtt_port(self) -> int:
        """The port on which devices connect."""
        return self.nats.mqtt_port

    def credentials(self) -> BusCredentials:
        """What the platform's programs need of the bus."""
        return self.nats.credentials()

    def forget_addresses(self) -> None:
        """The servers are gone."""
        services_file(self.data_dir).unlink(missing_ok=True)


def publish_addresses(data_dir: Path, postgres: EmbeddedPostgres | None, nats: EmbeddedNats | None) -> None:
    """Write `run/services.json`, by which `kernel.addresses` of every program finds the embedded servers."""
    content: dict[str, object] = {"pid": os.getpid()}
    if postgres is not None:
        content["database_url"] = postgres.url
    if nats is not None:
        bus = nats.credentials()
        content |= {"nats_url": bus.url, "callout_seed": bus.callout_seed, "bus_account": bus.account}
        content |= {"mqtt_host": bus.mqtt_host, "mqtt_port": bus.mqtt_port}
    private_folder(data_dir / "run")
    write_private(services_file(data_dir), json.dumps(content))


@contextlib.contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold the data folder; a second program that wants it gets CannotStart. The lock dies with its holder."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise CannotStart(f"cannot make the data folder {data_dir}: {failure.strerror}") from None
    path = private_folder(data_dir / "run") / "lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as failure:
        raise CannotStart(f"cannot use the data folder {data_dir}: {failure.strerror}") from None
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = file.read().strip() or "?"
            raise CannotStart(
                f"another chengyun (process {holder}) already runs on the data folder {data_dir}; stop it, or set"
                " CHENGYUN_DATA_DIR to another folder"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def require_space(data_dir: Path, least: int = LEAST_FREE_BYTES) -> None:
    """Raise CannotStart when the disk below the data folder is nearly full."""
    free = shutil.disk_usage(data_dir).free
    if free < least:
        raise CannotStart(f"the disk of {data_dir} is full: {free // 1024**2} MB are free and {least // 1024**2} MB are needed")


def require_port(host: str, port: int, what: str, setting: str) -> None:
    """Raise CannotStart when somebody listens on a port that we shall open."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise CannotStart(f"{what}: port {port} needs root; set {setting} to one above 1023") from None
        except OSError as failure:
            raise CannotStart(
                f"{what}: port {port} on {host} is not free ({failure.strerror}); end the other program or set {setting}"
            ) from None


def earlier_port(data_dir: Path) -> int:
    """The port that NATS had last time if it is free, else any: programs left running in other shells find it again."""
    path = private_folder(data_dir / "run") / "nats.port"
    try:
        port = int(path.read_text())
        require_port("127.0.0.1", port, "NATS", "")
    except (OSError, ValueError, CannotStart):
        port = free_port()
    write_private(path, str(port))
    return port


@contextlib.contextmanager
def start_services(
    data_dir: Path, *, mqtt_host: str = "127.0.0.1", mqtt_port: int = 0, durable: bool = True, sync: str | None = None
) -> Iterator[Services]:
    """Lock the data folder, start both servers, publish their addresses; stop them at the end of the block.

    `durable=False` does not wait for the disk (tests). `mqtt_port=0` takes any free port.
    """
    data_dir = data_dir.absolute()
    with locked(data_dir), contextlib.ExitStack() as stack:
        require_space(data_dir)
        postgres = EmbeddedPostgres(data_dir, durable=durable)
        nats = EmbeddedNats(
            data_dir,
            mqtt_host=mqtt_host,
            mqtt_port=mqtt_port,
            port=earlier_port(data_dir),
            sync=sync or ("always" if durable else "2m"),
        )
        services = Services(data_dir, postgres, nats)
        stack.callback(nats.stop)
        nats.spawn()
        stack.callback(postgres.stop)
        postgres.start()
        nats.wait()
        publish_addresses(data_dir, postgres, nats)
        stack.callback(services.forget_addresses)
        yield services
