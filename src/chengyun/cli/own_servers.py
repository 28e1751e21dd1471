"""Servers that settings name: whether they answer, before anything else is started."""

import asyncio
import socket
from urllib.parse import urlsplit

import nats
import psycopg
from nats.errors import Error as BusError

from chengyun.kernel.embedded import CannotStart
from chengyun.kernel.embedded.binaries import OLDEST_POSTGRES

_PATIENCE = 10


def require_database(url: str) -> None:
    """Raise CannotStart when PostgreSQL does not answer there, or is too old."""
    try:
        with psycopg.connect(url, connect_timeout=_PATIENCE) as connection:
            if connection.info.server_version < OLDEST_POSTGRES * 10_000:
                raise CannotStart(f"the database of CHENGYUN_DATABASE_URL is older than PostgreSQL {OLDEST_POSTGRES}")
    except psycopg.Error as failure:
        raise CannotStart(f"CHENGYUN_DATABASE_URL does not answer: {str(failure).strip().splitlines()[0]}") from None


def require_bus(url: str) -> None:
    """Raise CannotStart when NATS does not answer there, refuses the user, or has no JetStream."""
    try:
        # The client itself would try again and again where nobody listens.
        parts = urlsplit(url.split(",")[0])
        socket.create_connection((parts.hostname or "", parts.port or 4222), timeout=_PATIENCE).close()
        asyncio.run(asyncio.wait_for(_ask(url), _PATIENCE))
    except (BusError, OSError, ValueError) as failure:
        why = " ".join(str(failure).split()) or type(failure).__name__
        raise CannotStart(f"CHENGYUN_NATS_URL does not answer as NATS with JetStream: {why}") from None


async def _ask(url: str) -> None:
    connection = await nats.connect(url, allow_reconnect=False, max_reconnect_attempts=0, connect_timeout=5, error_cb=_quiet)
    try:
        await connection.jetstream().account_info()
    finally:
        await connection.close()


async def _quiet(_failure: Exception) -> None:
    """The failure is raised anyway."""
