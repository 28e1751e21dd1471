"""The plain connection below a session, so that one statement serves requests and hot paths alike."""

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
