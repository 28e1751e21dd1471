"""The watch's place in the stream, and the lock that lets one watch work at a time."""

from dataclasses import dataclass
from typing import Any

import psycopg

from chengyun.kernel import addresses
from chengyun.kernel.db import APP_ROLE, Scope

_LOCK = 0x74656C656D0000
PARTITION = 0
WATCH = 1 << 16
ARCHIVE = 2 << 16

Connection = psycopg.Connection[Any]


class LostPlace(Exception):
    """Somebody else has moved the watch's position: this process must not write any more."""


@dataclass(frozen=True)
class Position:
    """A stored place in a stream, and the rules' state at an earlier one."""

    stream: str
    committed: int
    snapshot_sequence: int
    snapshot: bytes | None


def connect(name: str) -> Connection:
    """A connection of its own with the scope of the whole city; it holds the lock, so what commits on it is never a ghost's."""
    connection = psycopg.connect(
        addresses.database_url(),
        autocommit=True,
        options=f"-c role={APP_ROLE} -c timezone=UTC",
        application_name=name,
        connect_timeout=5,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
    )
    connection.execute(
        "SELECT set_config('chengyun.scope', %s, false), set_config('chengyun.scope_low', %s, false),"
        " set_config('chengyun.scope_high', %s, false)",
        Scope.everything().parameters(),
    )
    return connection


def try_lock(connection: Connection, who: int = WATCH) -> bool:
    """Become the active watch or archive, unless another is; the lock lasts as long as the connection."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK + who + PARTITION,)).fetchone()
    return bool(row and row[0])


def read(connection: Connection) -> Position | None:
    """The stored position; None before the first start."""
    row = connection.execute(
        "SELECT stream, committed_sequence, snapshot_sequence, snapshot FROM watch_position WHERE partition = %s", (PARTITION,)
    ).fetchone()
    return None if row is None else Position(row[0], row[1], row[2], None if row[3] is None else bytes(row[3]))


def begin(connection: Connection, stream: str, sequence: int) -> None:
    """Start to count in a stream; the rules' state stays."""
    connection.execute(
        "INSERT INTO watch_position (partition, stream, committed_sequence, snapshot_sequence) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (partition) DO UPDATE SET stream = excluded.stream, committed_sequence = excluded.committed_sequence,"
        " snapshot_sequence = excluded.snapshot_sequence",
        (PARTITION, stream, sequence, sequence),
    )


def advance(connection: Connection, before: int, after: int) -> None:
    """Move the position in the running transaction; raises LostPlace when it is not where this process left it."""
    moved = connection.execute(
        "UPDATE watch_position SET committed_sequence = %s WHERE partition = %s AND committed_sequence = %s", (after, PARTITION, before)
    )
    if moved.rowcount != 1:
        raise LostPlace(f"the position is no longer {before}")


def store_snapshot(connection: Connection, sequence: int, state: bytes) -> None:
    """Keep the rules' state after a sequence; an older one never replaces a newer one."""
    connection.execute(
        "UPDATE watch_position SET snapshot_sequence = %s, snapshot = %s WHERE partition = %s AND snapshot_sequence <= %s"
        " AND committed_sequence >= %s",
        (sequence, state, PARTITION, sequence, sequence),
    )
