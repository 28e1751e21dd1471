"""The real servers for all tests, and a fresh database for each module that asks for one."""

import asyncio
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from chengyun.kernel import clock
from chengyun.kernel.bus import STREAMS, connect, ensure_streams
from chengyun.kernel.db import dispose
from chengyun.kernel.embedded.services import Services, start_services
from chengyun.kernel.settings import get_settings

_TEMPLATE = "chengyun_template"
_numbers = count(1)


def _settings_of(values: dict[str, str]) -> None:
    """Put settings into the environment and let every part read them anew."""
    os.environ.update(values)
    get_settings.cache_clear()
    dispose()


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """PostgreSQL and NATS for the whole run, on a folder of their own."""
    folder = tmp_path_factory.mktemp("city")
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("CHENGYUN_") and name != "CHENGYUN_BROWSER"]:
        del os.environ[name]
    _settings_of({"CHENGYUN_DATA_DIR": str(folder)})
    try:
        with start_services(folder, durable=False) as running:
            yield running
            dispose()
    finally:
        os.environ.clear()
        os.environ.update(before)
        get_settings.cache_clear()


@pytest.fixture(scope="session")
def template(services: Services) -> str:
    """The address of a database with all tables, copied for each module."""
    from chengyun.kernel.migrate import upgrade
    from chengyun.server.rooms import import_models

    with psycopg.connect(services.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {_TEMPLATE}".encode())
    import_models()
    url = _database(services.database_url, _TEMPLATE)
    upgrade(url)
    return url


@pytest.fixture(scope="module")
def database(services: Services, template: str) -> Iterator[str]:
    """A fresh database with all tables and empty streams; settings point to it."""
    name = f"chengyun_test_{next(_numbers)}"
    with psycopg.connect(services.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}".encode())
    url = _database(services.database_url, name)
    _settings_of({"CHENGYUN_DATABASE_URL": url})
    _forget_copies()
    asyncio.run(_empty_streams())
    yield url
    del os.environ["CHENGYUN_DATABASE_URL"]
    _settings_of({})
    _forget_copies()
    with psycopg.connect(services.database_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(autouse=True)
def _own_clock() -> Iterator[None]:
    """A test that moves the city's time does not move it for the next one."""
    yield
    clock.set_clock(None)


def _database(url: str, name: str) -> str:
    """The same server, another database."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    if "://" not in url:
        return make_conninfo(url, dbname=name)
    from sqlalchemy.engine import make_url

    assert conninfo_to_dict(url)
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _forget_copies() -> None:
    """What processes keep in memory belongs to one database."""
    from chengyun.regions import service as regions
    from chengyun.standards import service as standards

    regions.forget()
    standards.forget()


async def _empty_streams() -> None:
    bus = await connect("tests")
    try:
        await ensure_streams(bus.js)
        for config in STREAMS:
            await bus.js.purge_stream(str(config.name))
    finally:
        await bus.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of the test's own."""
    return tmp_path
