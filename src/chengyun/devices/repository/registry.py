"""The registry: devices added in bulk, found, listed, changed, counted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row
from sqlalchemy.orm import Session

from chengyun.kernel.raw import Connection, in_bulk, raw

Row = dict[str, Any]

_NEW = (
    "id",
    "number",
    "key",
    "name",
    "model_key",
    "pack",
    "lon",
    "lat",
    "address",
    "component_code",
    "gateway_id",
    "owner_org_id",
    "region_code",
    "credential_id",
    "digest",
)
_TYPES = ["uuid", "int4", "text", "text", "text", "text", "float8", "float8", "text", "text", "uuid", "uuid", "text", "uuid", "bytea"]
_INSERT_DEVICES = """
INSERT INTO device (id, number, key, name, model_key, pack, lon, lat, address, component_code, gateway_id, owner_org_id,
                    region_code, registered_at, revision)
SELECT id, number, key, name, model_key, pack, lon, lat, address, component_code, gateway_id, owner_org_id,
       region_code, %s, 1 FROM new_device ORDER BY number
ON CONFLICT (key) DO NOTHING RETURNING key
"""
_INSERT_STATES = """
INSERT INTO device_state (device_id, connection, since, region_code) SELECT id, 'unknown', %s, region_code FROM new_device
"""
_INSERT_CREDENTIALS = """
INSERT INTO device_credential (id, device_id, digest, note, created_at, created_by, region_code)
SELECT credential_id, id, digest, '', %s, %s, region_code FROM new_device WHERE digest IS NOT NULL
"""


def add_many(session: Session, rows: Iterable[Sequence[Any]], at: datetime, by: str) -> set[str]:
    """Insert devices with their states and first secrets (columns of `_NEW`); returns the keys that were free.

    When a key was taken, nothing but the other devices is inserted: the caller refuses and rolls back.
    """
    with raw(session).cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE new_device (id uuid, number int, key text, name text, model_key text, pack text, lon float8,"
            " lat float8, address text, component_code text, gateway_id uuid, owner_org_id uuid, region_code text,"
            " credential_id uuid, digest bytea) ON COMMIT DROP"
        )
        expected = 0
        with cursor.copy(f"COPY new_device ({', '.join(_NEW)}) FROM STDIN (FORMAT binary)".encode()) as copy:
            copy.set_types(_TYPES)
            for row in rows:
                copy.write_row(row)
                expected += 1
        added = {row[0] for row in cursor.execute(_INSERT_DEVICES, (at,))}
        if len(added) == expected:
            cursor.execute(_INSERT_STATES, (at,))
            cursor.execute(_INSERT_CREDENTIALS, (at, by))
        cursor.execute("DROP TABLE new_device")
    return added


def taken(session: Session, keys: Sequence[str]) -> set[str]:
    """Which of some keys belong to a device that the caller can see."""
    return {row[0] for row in raw(session).execute("SELECT key FROM device WHERE key = ANY(%s)", (list(keys),))}


def gateways(session: Session, keys: Sequence[str]) -> dict[str, tuple[UUID, bool]]:
    """Devices in service by key: identity, and whether they are themselves behind a gateway."""
    statement = "SELECT key, id, gateway_id IS NOT NULL FROM device WHERE key = ANY(%s) AND retired_at IS NULL"
    return {row[0]: (row[1], row[2]) for row in raw(session).execute(statement, (list(keys),))}


def gateway(session: Session, device_id: UUID) -> tuple[str, bool] | None:
    """Key of a device in service, and whether it is itself behind a gateway."""
    statement = "SELECT key, gateway_id IS NOT NULL FROM device WHERE id = %s AND retired_at IS NULL"
    return raw(session).execute(statement, (device_id,)).fetchone()


def has_children(session: Session, device_id: UUID) -> bool:
    """Whether other devices speak through this one."""
    return raw(session).execute("SELECT 1 FROM device WHERE gateway_id = %s LIMIT 1", (device_id,)).fetchone() is not None


_DEVICE = """
SELECT d.id, d.key, d.name, d.model_key, d.pack, d.region_code, d.lon, d.lat, d.address, d.component_code, d.gateway_id,
       d.owner_org_id, d.registered_at, d.retired_at, d.revision, m.name_zh, m.name_en,
       s.connection, s.last_seen, s.since, s.worst_alarm_level
  FROM device d
  JOIN device_model m ON m.key = d.model_key AND m.current
  LEFT JOIN device_state s ON s.device_id = d.id
"""


def find(session: Session, device_id: UUID) -> Row | None:
    """One device with its state."""
    with raw(session).cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_DEVICE + " WHERE d.id = %s", (device_id,)).fetchone()


@dataclass(frozen=True)
class Filter:
    """What a list is to hold; every part is optional."""

    q: str | None = None
    model: str | None = None
    pack: str | None = None
    connection: str | None = None
    ranges: Sequence[tuple[str, str]] | None = None
    alarm: bool = False
    gateway_id: UUID | None = None
    retired: bool = False

    def conditions(self) -> tuple[list[str], dict[str, Any]]:
        """Conditions and their values."""
        found = ["d.retired_at IS NOT NULL" if self.retired else "d.retired_at IS NULL"]
        values: dict[str, Any] = {"model": self.model, "pack": self.pack, "connection": self.connection, "gateway": self.gateway_id}
        if self.model:
            found.append("d.model_key = %(model)s")
        if self.pack:
            found.append("d.pack = %(pack)s")
        if self.connection:
            found.append("coalesce(s.connection, 'unknown') = %(connection)s")
        if self.alarm:
            found.append("s.worst_alarm_level IS NOT NULL")
        if self.gateway_id:
            found.append("d.gateway_id = %(gateway)s")
        if self.ranges is not None:
            found.append('d.region_code::text COLLATE "C" <@ %(ranges)s::code_multirange')
            values["ranges"] = "{" + ",".join(f"[{low},{high})" for low, high in self.ranges) + "}"
            found.append("d.region_code >= %(low)s AND d.region_code < %(high)s")
            values |= {"low": self.ranges[0][0] if self.ranges else "", "high": self.ranges[-1][1] if self.ranges else ""}
        if self.q:
            found.append(
                "(d.key ILIKE %(starts)s OR d.component_code LIKE %(starts)s OR d.name ILIKE %(contains)s OR d.address ILIKE %(contains)s)"
            )
            pattern = self.q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            values |= {"starts": f"{pattern}%", "contains": f"%{pattern}%"}
        return found, values


def page(session: Session, wanted: Filter, after: str | None, limit: int) -> list[Row]:
    """Devices by key after a key; one more than `limit`, to know whether another page follows."""
    conditions, values = wanted.conditions()
    if after is not None:
        conditions.append("d.key > %(after)s")
    statement = f"{_DEVICE} WHERE {' AND '.join(conditions)} ORDER BY d.key LIMIT %(limit)s"
    with raw(session).cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement.encode(), values | {"after": after, "limit": limit + 1}).fetchall()


def latest(session: Session, device_ids: Sequence[UUID]) -> dict[UUID, dict[str, Row]]:
    """Newest values of some devices by metric."""
    statement = "SELECT device_id, metric, value, time, quality FROM latest_reading WHERE device_id = ANY(%s) ORDER BY device_id, metric"
    found: dict[UUID, dict[str, Row]] = {}
    for device_id, metric, value, time, quality in raw(session).execute(statement, (list(device_ids),)):
        found.setdefault(device_id, {})[metric] = {"value": value, "time": time, "quality": quality}
    return found


_COUNTS = """
count(*) AS total, count(*) FILTER (WHERE s.connection = 'online') AS online,
count(*) FILTER (WHERE s.connection = 'offline') AS offline, count(*) FILTER (WHERE s.worst_alarm_level IS NOT NULL) AS alarm
"""
_BY_MODEL = f"""
SELECT m.pack, m.key AS model, m.name_zh, m.name_en, c.total, c.online, c.offline, c.alarm
  FROM device_model m
  JOIN (SELECT d.model_key, {_COUNTS} FROM device d LEFT JOIN device_state s ON s.device_id = d.id
         WHERE d.retired_at IS NULL GROUP BY d.model_key) c ON c.model_key = m.key
 WHERE m.current ORDER BY m.number
"""  # noqa: S608
_BY_DISTRICT = f"""
SELECT coalesce(h.district_code, left(p.place, 6)) AS code, sum(p.total)::int AS total, sum(p.online)::int AS online,
       sum(p.offline)::int AS offline, sum(p.alarm)::int AS alarm
  FROM (SELECT left(d.region_code, 9) AS place, {_COUNTS} FROM device d LEFT JOIN device_state s ON s.device_id = d.id
         WHERE d.retired_at IS NULL GROUP BY 1) p
  LEFT JOIN street_home h ON h.code = p.place
 GROUP BY 1 ORDER BY 1
"""  # noqa: S608


def by_model(session: Session) -> list[Row]:
    """Devices in service counted by model."""
    connection = raw(session)
    with in_bulk(connection), connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_BY_MODEL).fetchall()


def by_district(session: Session) -> list[Row]:
    """Devices in service counted by today's district."""
    connection = raw(session)
    with in_bulk(connection), connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_BY_DISTRICT).fetchall()


_FIELDS = ("name", "lon", "lat", "address", "component_code", "gateway_id", "owner_org_id", "region_code", "retired_at")


def change(session: Session, device_id: UUID, revision: int, values: Mapping[str, Any]) -> bool:
    """Change a device that still has the revision; False when somebody else was faster."""
    assignments = "".join(f"{name} = %({name})s, " for name in _FIELDS if name in values)
    statement = f"UPDATE device SET {assignments}revision = revision + 1 WHERE id = %(id)s AND revision = %(revision)s"  # noqa: S608
    return raw(session).execute(statement.encode(), {**values, "id": device_id, "revision": revision}).rowcount == 1


def move(session: Session, device_id: UUID, region_code: str) -> None:
    """Let everything that hangs on a device follow it to another area."""
    for table in ("device_state", "latest_reading", "device_credential", "device_command"):
        statement = f"UPDATE {table} SET region_code = %s WHERE device_id = %s"  # noqa: S608
        raw(session).execute(statement.encode(), (region_code, device_id))


def key_of(connection: Connection, device_id: UUID) -> str | None:
    """Key of a device."""
    row = connection.execute("SELECT key FROM device WHERE id = %s", (device_id,)).fetchone()
    return str(row[0]) if row else None
