"""NATS run by the platform itself: the bus on loopback, and the MQTT door of the devices."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nkeys

from chengyun.kernel.embedded import child
from chengyun.kernel.embedded.binaries import nats_program
from chengyun.kernel.embedded.child import CannotStart
from chengyun.kernel.embedded.secrets import kept_secret, private_folder, write_private
from chengyun.kernel.security import new_token

ACCOUNT = "CITY"
APP_USER = "app"
# Room for what the streams reserve (kernel.bus); a reservation takes no disk until messages come.
_STORE_LIMIT = "256GB"
_STORE_CLOSED = b"[INF] JetStream Shutdown"


@dataclass(frozen=True)
class BusCredentials:
    """What the platform's own programs need to use the bus and to let devices in."""

    user: str
    password: str
    account: str
    callout_seed: str
    url: str
    mqtt_host: str
    mqtt_port: int


class EmbeddedNats:
    """One server over `<data_dir>/nats`.

    One account holds the platform (user `app`) and the devices, because MQTT sessions need JetStream there. Every
    other user name is asked of the auth call-out service on `$SYS.REQ.USER.AUTH`, signed with `callout_seed`.
    """

    name = "nats"
    stop_signal = signal.SIGTERM
    stop_patience = 20.0

    def __init__(
        self,
        data_dir: Path,
        *,
        mqtt_host: str = "127.0.0.1",
        mqtt_port: int = 0,
        port: int = 0,
        sync: str = "always",
        max_payload: int = 1024**2,
    ) -> None:
        self.folder = data_dir / "nats"
        self.log = data_dir / "logs" / "nats.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.host = "127.0.0.1"
        self.port = port or free_port()
        self.mqtt_host = mqtt_host
        self.mqtt_port = mqtt_port or free_port(mqtt_host)
        self._sync = sync
        self._max_payload = max_payload
        self._password = kept_secret(data_dir, "bus", new_token)
        self._seed = kept_secret(data_dir, "callout.nk", _account_seed)
        self._config = private_folder(data_dir / "run") / "nats.conf"

    @property
    def url(self) -> str:
        """The address with the platform's own user and password."""
        return f"nats://{APP_USER}:{quote(self._password, safe='')}@{self.host}:{self.port}"

    def credentials(self) -> BusCredentials:
        """User, key and addresses for the platform's own programs."""
        return BusCredentials(APP_USER, self._password, ACCOUNT, self._seed, self.url, self.mqtt_host, self.mqtt_port)

    def start(self, patience: float | None = 30.0) -> None:
        """Start and wait until JetStream answers; raises CannotStart with the log's end."""
        self.spawn()
        self.wait(patience)

    def wait(self, patience: float | None = 30.0) -> None:
        """Wait until the started server is ready; raises CannotStart when it is not to be."""
        until = None if patience is None else time.monotonic() + patience
        while not self.ready():
            if self.process is None or self.process.poll() is not None:
                raise CannotStart(f"NATS did not start; the end of {self.log}:\n{child.tail(self.log)}")
            if until is not None and time.monotonic() > until:
                raise CannotStart(f"NATS is not ready after {patience:.0f} s; see {self.log}")
            time.sleep(0.02)

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start without waiting."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self._config, self._configuration())
        self.process = child.spawn([nats_program(), "-c", self._config], output=self.log, farewell=self.stop_signal, folder=self.folder)
        return self.process

    def ready(self) -> bool:
        """Whether the server lets the platform in, JetStream answers and the MQTT door is open."""
        try:
            answer = jetstream_info(self.host, self.port, APP_USER, self._password)
            with socket.create_connection((self.mqtt_host, self.mqtt_port), timeout=2):
                return "error" not in answer
        except (OSError, ValueError):
            return False

    def stop(self) -> None:
        """Stop; what was acknowledged stays."""
        if self.process is not None:
            self._close_store(self.process)
            child.stop(self.process, self.stop_signal, self.stop_patience)
            self.process = None

    def _close_store(self, process: subprocess.Popen[bytes]) -> None:
        """Ask it to end; once its store is closed it is ended.

        The server itself would still wait for devices that are just signing in: until its time limit for that, because
        the workers that could answer have gone.
        """
        before = self.log.stat().st_size if self.log.exists() else 0
        process.send_signal(self.stop_signal)
        until = time.monotonic() + self.stop_patience
        while process.poll() is None and time.monotonic() < until:
            if _STORE_CLOSED in _bytes_after(self.log, before):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.5)
                process.kill()
                return
            time.sleep(0.02)

    def _configuration(self) -> str:
        """The server's configuration. JSON strings are valid NATS strings, so nothing needs escaping by hand."""
        issuer = nkeys.from_seed(self._seed.encode()).public_key.decode()
        text = json.dumps
        return f"""# Written at each start.
server_name: chengyun
listen: {text(f"{self.host}:{self.port}")}
max_payload: {self._max_payload}
max_connections: 65536
max_control_line: 4096
jetstream {{
  store_dir: {text(str(self.folder))}
  max_memory_store: 256MB
  max_file_store: {_STORE_LIMIT}
  sync_interval: {text(self._sync)}
}}
mqtt {{
  listen: {text(f"{self.mqtt_host}:{self.mqtt_port}")}
  ack_wait: "30s"
  max_ack_pending: 1024
}}
accounts {{
  {ACCOUNT} {{
    jetstream: enabled
    users: [ {{ user: {APP_USER}, password: {text(self._password)} }} ]
  }}
}}
authorization {{
  timeout: 10
  auth_callout {{
    issuer: {issuer}
    account: {ACCOUNT}
    auth_users: [ {APP_USER} ]
  }}
}}
"""


def _bytes_after(path: Path, start: int) -> bytes:
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(start)
        return file.read()
    return b""


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _account_seed() -> str:
    return bytes(nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_ACCOUNT)).decode()


def jetstream_info(host: str, port: int, user: str, password: str) -> dict[str, Any]:
    """Ask JetStream about itself in the plain client protocol; raises OSError or ValueError when it does not answer."""
    hello = {"user": user, "pass": password, "verbose": False, "pedantic": False, "name": "health"}
    hello |= {"lang": "python", "version": "1", "protocol": 1}
    with socket.create_connection((host, port), timeout=2) as connection, contextlib.closing(connection.makefile("rb")) as lines:
        if not lines.readline().startswith(b"INFO "):
            raise ValueError("not a NATS server")
        inbox = f"_INBOX.{new_token(12).replace('-', '_')}"
        request = f"SUB {inbox} 1\r\nPUB $JS.API.INFO {inbox} 0\r\n\r\nPING\r\n"
        connection.sendall(f"CONNECT {json.dumps(hello)}\r\n{request}".encode())
        for line in lines:
            if line.startswith(b"MSG "):
                return dict(json.loads(lines.read(int(line.split()[-1]))))
            if line.startswith(b"-ERR"):
                raise ValueError(line.decode().strip())
    raise ValueError("the server closed the connection")
