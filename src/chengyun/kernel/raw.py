"""The plain connection below a session, so that one statement serves requests and hot paths alike."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy.orm import Session

Connection = psycopg.Connection[Any]


def raw(target: Session | Connection) -> Connection:
    """The psycopg connection of a session's running transaction, or the connection itself."""
    if isinstance(target, psycopg.Connection):
        return target
    connection = target.connection().connection.driver_connection
    if not isinstance(connection, psycopg.Connection):
        raise TypeError("COPY needs psycopg")
    return connection


@contextmanager
def in_bulk(connection: Connection) -> Iterator[None]:
    """For statements over very many rows: no nested loops.

    The scope policy compares with values that the planner cannot know, so it expects one row where there are 50,000,
    and joins by going through all of them for each: measured, minutes in place of half a second.
    """
    connection.execute("SET LOCAL enable_nestloop = off")
    yield
    connection.execute("SET LOCAL enable_nestloop = on")
