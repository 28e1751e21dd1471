"""The fleet's columns, read in one query per table."""

from typing import Any
from uuid import UUID

import psycopg

from chengyun.kernel.raw import in_bulk

Rows = list[tuple[Any, ...]]

_DEVICES = """
SELECT d.number, d.id, d.key, d.name, d.region_code, m.number, coalesce(g.number, -1), d.retired_at IS NULL
  FROM device d
  JOIN device_model m ON m.key = d.model_key AND m.current
  LEFT JOIN device g ON g.id = d.gateway_id
 ORDER BY d.number
"""
_MODELS = """
SELECT number, key, version, pack, name_zh, name_en, expected_interval_seconds, metrics
  FROM device_model WHERE current ORDER BY number
"""


def revision(connection: psycopg.Connection[Any]) -> UUID | None:
    """Mark of the last change to devices or models."""
    row = connection.execute("SELECT revision FROM device_revision WHERE name = 'devices'").fetchone()
    return row[0] if row else None


def counted(connection: psycopg.Connection[Any]) -> int:
    """How many devices there are, whoever asks."""
    row = connection.execute("SELECT next_device FROM device_revision WHERE name = 'devices'").fetchone()
    return int(row[0]) if row else 0


def models(connection: psycopg.Connection[Any]) -> Rows:
    """Models in force, in the order in which they came."""
    return connection.execute(_MODELS).fetchall()


def devices(connection: psycopg.Connection[Any]) -> Rows:
    """All devices by number."""
    with in_bulk(connection), connection.cursor(binary=True) as cursor:
        return cursor.execute(_DEVICES).fetchall()
