"""Whether a database was already brought to the very code that runs: then a start need not look at it again."""

import hashlib
from functools import lru_cache
from pathlib import Path

import psycopg
from sqlalchemy import Connection

_LEFT_OUT = {"static", "__pycache__"}


@lru_cache(maxsize=1)
def of_code() -> str:
    """Digest of the whole package, its data and packs included."""
    root = Path(__file__).resolve().parents[1]
    whole = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file() and not _LEFT_OUT & set(p.parts)):
        whole.update(f"{path.relative_to(root)}\0".encode())
        whole.update(path.read_bytes())
    return whole.hexdigest()


def read(url: str) -> str | None:
    """The stamp that the last migration left; None where there is none."""
    try:
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT stamp FROM schema_stamp").fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    return str(row[0]) if row else None


def remove(connection: Connection) -> None:
    """A migration begins: should it be interrupted, the next start does it again."""
    connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS schema_stamp (stamp text NOT NULL)")
    connection.exec_driver_sql("DELETE FROM schema_stamp")


def leave(url: str) -> None:
    """Tables, standards, divisions and packs of this very code are there."""
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM schema_stamp")
        connection.execute("INSERT INTO schema_stamp VALUES (%s)", (of_code(),))
