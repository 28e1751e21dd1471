"""Device models, and the mark that tells of every change to models and devices."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from sqlalchemy.orm import Session

from chengyun.kernel.ids import uuid7
from chengyun.kernel.raw import Connection, raw

_COLUMNS = "key, version, number, pack, name_zh, name_en, icon, expected_interval_seconds, metrics, commands"
_INSERT = f"""
INSERT INTO device_model ({_COLUMNS}, current, created_at)
VALUES (%(key)s, %(version)s, %(number)s, %(pack)s, %(name_zh)s, %(name_en)s, %(icon)s, %(expected_interval_seconds)s,
        %(metrics)s, %(commands)s, true, %(created_at)s)
"""  # noqa: S608


def hold(session: Session) -> tuple[int, int]:
    """Keep others from adding devices and models until commit; returns the next numbers of a device and of a model.

    Numbers are given in the order of commits and without gaps, so a fleet in memory only ever grows at its end.
    """
    statement = "SELECT next_device, next_model FROM device_revision WHERE name = 'devices' FOR UPDATE"
    row = raw(session).execute(statement).fetchone()
    if row is None:
        raise RuntimeError("device_revision is empty; run the migration")
    return row[0], row[1]


def bump(session: Session, devices: int = 0, models: int = 0) -> None:
    """Tell all processes that devices or models have changed, and how many were added."""
    raw(session).execute(
        "UPDATE device_revision SET revision = %s, next_device = next_device + %s, next_model = next_model + %s WHERE name = 'devices'",
        (uuid7(), devices, models),
    )


def current_models(target: Session | Connection, keys: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Models in force, in the order in which they came; all, or those with some keys."""
    where = "" if keys is None else " AND key = ANY(%(keys)s)"
    with raw(target).cursor(row_factory=dict_row) as cursor:
        cursor.execute(f"SELECT {_COLUMNS} FROM device_model WHERE current{where} ORDER BY number".encode(), {"keys": keys})  # noqa: S608
        return cursor.fetchall()


def add_version(session: Session, values: dict[str, Any], at: datetime) -> None:
    """Put a new version of a model in force."""
    connection = raw(session)
    connection.execute("UPDATE device_model SET current = false WHERE key = %s AND current", (values["key"],))
    wrapped = values | {"metrics": Jsonb(values["metrics"]), "commands": Jsonb(values["commands"]), "created_at": at}
    connection.execute(_INSERT, wrapped)


def revision(target: Session | Connection) -> UUID | None:
    """Mark of the last change to devices or models."""
    row = raw(target).execute("SELECT revision FROM device_revision WHERE name = 'devices'").fetchone()
    return row[0] if row else None
