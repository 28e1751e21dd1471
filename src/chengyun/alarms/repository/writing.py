"""What the watch writes: many alarms with a handful of statements."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import psycopg

Connection = psycopg.Connection[Any]


@dataclass
class Row:
    """An alarm that is not closed, as the watch changes it."""

    id: UUID
    device_id: UUID
    region_code: str
    rule_key: str
    rule_version: int
    pack: str
    level: int
    worst_level: int
    state: str
    metric: str | None
    value: float | None
    unit: str | None
    threshold: float | None
    inputs: dict[str, Any]
    lon: float | None
    lat: float | None
    first_raised_at: datetime
    raised_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    cleared_at: datetime | None
    closed_at: datetime | None
    closed_reason: str | None
    case_id: UUID | None
    storm_id: UUID | None
    recurrences: int
    sequence: int
    revision: int


@dataclass(frozen=True)
class Device:
    """What an alarm says of its device."""

    id: UUID
    key: str
    name: str
    region_code: str
    lon: float | None
    lat: float | None


_COLUMNS = tuple(f.name for f in fields(Row))
_NAMES = ", ".join(_COLUMNS)
_FIXED = {"id", "device_id", "region_code", "rule_key", "pack", "metric", "unit", "lon", "lat", "first_raised_at", "case_id"}
_CHANGING = tuple(name for name in _COLUMNS if name not in _FIXED)
# Many rows as one JSON array: a single statement, whatever their number.
_INSERT = f"INSERT INTO alarm ({_NAMES}) SELECT {_NAMES} FROM jsonb_populate_recordset(NULL::alarm, %s::jsonb)"  # noqa: S608
_UPDATE = (
    f"UPDATE alarm a SET {', '.join(f'{name} = n.{name}' for name in _CHANGING)}"  # noqa: S608
    " FROM jsonb_populate_recordset(NULL::alarm, %s::jsonb) n WHERE a.id = n.id"
)
_EVENT = ("alarm_id", "region_code", "time", "kind", "level", "value", "text")
_EVENT_NAMES = ", ".join(_EVENT)
_INSERT_EVENTS = (
    f"INSERT INTO alarm_event ({_EVENT_NAMES}) SELECT {_EVENT_NAMES}"  # noqa: S608
    " FROM jsonb_populate_recordset(NULL::alarm_event, %s::jsonb)"
)


def _json(rows: Iterable[Mapping[str, Any]]) -> str | None:
    """Rows as a JSON array; None when there are none."""
    found = list(rows)
    return orjson.dumps(found).decode() if found else None


def devices(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, Device]:
    """Devices by identity."""
    rows = connection.execute("SELECT id, key, name, region_code, lon, lat FROM device WHERE id = ANY(%s)", (list(ids),))
    return {row[0]: Device(*row) for row in rows}


def held_devices(connection: Connection, ids: Iterable[UUID]) -> dict[UUID, Device]:
    """Devices by identity, held until the end of the transaction: who changes alarms of a device does so alone."""
    rows = connection.execute(
        "SELECT id, key, name, region_code, lon, lat FROM device WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", (sorted(ids),)
    )
    return {row[0]: Device(*row) for row in rows}


def closed_while_lasting(connection: Connection, pairs: Sequence[tuple[UUID, str]]) -> dict[tuple[UUID, str], int]:
    """Level of the last alarm of pairs of device and rule, where somebody closed it before it had cleared."""
    rows = connection.execute(
        "SELECT DISTINCT ON (a.device_id, a.rule_key) a.device_id, a.rule_key, a.level, a.cleared_at IS NULL"
        "  FROM unnest(%s::uuid[], %s::text[]) u(device_id, rule_key) JOIN alarm a USING (device_id, rule_key)"
        " WHERE a.state = 'closed' ORDER BY a.device_id, a.rule_key, a.raised_at DESC, a.id DESC",
        ([d for d, _ in pairs], [r for _, r in pairs]),
    )
    return {(row[0], row[1]): row[2] for row in rows if row[3]}


def not_closed(connection: Connection, pairs: Sequence[tuple[UUID, str]]) -> dict[tuple[UUID, str], Row]:
    """Alarms of pairs of device and rule that are not closed, held until the end of the transaction."""
    rows = connection.execute(
        f"SELECT {_NAMES} FROM alarm WHERE state <> 'closed' AND (device_id, rule_key) IN"  # noqa: S608
        " (SELECT * FROM unnest(%s::uuid[], %s::text[])) ORDER BY id FOR UPDATE",
        ([d for d, _ in pairs], [r for _, r in pairs]),
    )
    return {(row[1], row[3]): Row(*row) for row in rows}


def insert(connection: Connection, rows: Iterable[Row]) -> None:
    """New alarms."""
    if (data := _json({name: getattr(row, name) for name in _COLUMNS} for row in rows)) is not None:
        connection.execute(_INSERT, (data,))


def update(connection: Connection, rows: Iterable[Row]) -> None:
    """Changed alarms."""
    if (data := _json({name: getattr(row, name) for name in ("id", *_CHANGING)} for row in rows)) is not None:
        connection.execute(_UPDATE, (data,))


def add_events(connection: Connection, rows: Sequence[tuple[UUID, str, datetime, str, int | None, float | None, str]]) -> None:
    """Lines of histories: alarm, area, time, kind, level, value, text."""
    if (data := _json(dict(zip(_EVENT, row, strict=True)) for row in rows)) is not None:
        connection.execute(_INSERT_EVENTS, (data,))


def worst_levels(connection: Connection, device_ids: Sequence[UUID]) -> list[tuple[UUID, int | None]]:
    """Most severe open alarm of each device; None where none is open."""
    rows = connection.execute(
        "SELECT device_id, min(level) FROM alarm WHERE state IN ('raised', 'acknowledged') AND device_id = ANY(%s) GROUP BY device_id",
        (list(device_ids),),
    )
    worst = {row[0]: row[1] for row in rows}
    return [(device_id, worst.get(device_id)) for device_id in device_ids]


def follow_device(connection: Connection, device_id: UUID) -> None:
    """Bring a device's alarms and their histories to the area in which it is now."""
    for statement in (
        "UPDATE alarm a SET region_code = d.region_code FROM device d"
        " WHERE d.id = %(id)s AND a.device_id = d.id AND a.region_code <> d.region_code",
        "UPDATE alarm_event e SET region_code = d.region_code FROM device d JOIN alarm a ON a.device_id = d.id"
        " WHERE d.id = %(id)s AND e.alarm_id = a.id AND e.region_code <> d.region_code",
    ):
        connection.execute(statement, {"id": device_id})


def districts(connection: Connection, regions: Sequence[str]) -> dict[str, str]:
    """Today's district of each area code; the code's own beginning where it is not known."""
    rows = connection.execute(
        "SELECT u.code, coalesce(h.district_code, left(u.code, 6)) FROM unnest(%s::text[]) u(code)"
        " LEFT JOIN street_home h ON h.code = left(u.code, 9)",
        (list(set(regions)),),
    )
    return {row[0]: row[1] for row in rows}


@dataclass
class Storm:
    """A storm that lasts."""

    id: UUID
    region_code: str
    started_at: datetime
    last_at: datetime
    count: int
    told: int
    worst_level: int


def storms(connection: Connection, areas: Sequence[str]) -> dict[str, Storm]:
    """Storms that last, by district."""
    rows = connection.execute(
        "SELECT id, region_code, started_at, last_at, count, told, worst_level FROM alarm_storm"
        " WHERE ended_at IS NULL AND region_code = ANY(%s) FOR UPDATE",
        (list(areas),),
    )
    return {row[1]: Storm(*row) for row in rows}


def save_storms(connection: Connection, found: Iterable[Storm]) -> None:
    """Insert or change storms."""
    statement = (
        "INSERT INTO alarm_storm (id, region_code, started_at, last_at, count, told, worst_level) VALUES (%s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (id) DO UPDATE SET last_at = excluded.last_at, count = excluded.count, told = excluded.told,"
        " worst_level = excluded.worst_level"
    )
    rows = [(s.id, s.region_code, s.started_at, s.last_at, s.count, s.told, s.worst_level) for s in found]
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def end_storms(connection: Connection, now: datetime, calm_before: datetime) -> list[Storm]:
    """Storms in which nothing has joined since a moment are over."""
    rows = connection.execute(
        "UPDATE alarm_storm SET ended_at = %s WHERE ended_at IS NULL AND last_at < %s"
        " RETURNING id, region_code, started_at, last_at, count, told, worst_level",
        (now, calm_before),
    )
    return [Storm(*row) for row in rows]


def silent(
    connection: Connection, rule_key: str, model: str, least_seconds: float, now: datetime
) -> list[tuple[UUID, datetime, int, int | None]]:
    """Devices of a model that are silent for so long or have an open alarm of silence: identity, last heard, level now.

    Last, the level at which a person closed the alarm since the device was heard, for it is not raised again by that.
    """
    rows = connection.execute(
        "SELECT d.id, s.last_seen, CASE WHEN a.state IN ('raised', 'acknowledged') THEN a.level ELSE 0 END,"
        "       (SELECT min(c.level) FROM alarm c WHERE a.id IS NULL AND c.device_id = d.id AND c.rule_key = %(rule)s"
        "        AND c.state = 'closed' AND c.cleared_at IS NULL AND c.raised_at > s.last_seen)"
        "  FROM device d JOIN device_state s ON s.device_id = d.id"
        "  LEFT JOIN alarm a ON a.device_id = d.id AND a.rule_key = %(rule)s AND a.state <> 'closed'"
        " WHERE d.model_key = %(model)s AND d.retired_at IS NULL AND s.last_seen IS NOT NULL"
        "   AND (s.last_seen <= %(now)s - make_interval(secs => %(least)s) OR a.state IN ('raised', 'acknowledged'))",
        {"rule": rule_key, "model": model, "now": now, "least": least_seconds},
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def devices_where(connection: Connection, condition: str, values: dict[str, Any]) -> set[UUID]:
    """Devices with alarms that are not closed and meet a condition of this room's own; a few thousand at most."""
    statement = f"SELECT a.device_id FROM alarm a WHERE a.state <> 'closed' AND {condition} ORDER BY a.id LIMIT 5000"  # noqa: S608
    return {row[0] for row in connection.execute(statement, values)}


def close_where(
    connection: Connection, condition: str, values: dict[str, Any], held: Sequence[UUID], now: datetime, reason: str
) -> list[Row]:
    """Close alarms of held devices that are not closed and meet a condition."""
    rows = connection.execute(
        "UPDATE alarm a SET state = 'closed', closed_at = %(now)s, closed_reason = %(reason)s, revision = revision + 1"  # noqa: S608
        f" WHERE a.state <> 'closed' AND a.device_id = ANY(%(held)s) AND {condition} RETURNING {_NAMES}",
        {**values, "held": list(held), "now": now, "reason": reason},
    )
    return [Row(*row) for row in rows]


CLEARED_BEFORE = "a.state = 'cleared' AND a.cleared_at < %(before)s"
OF_RETIRED_DEVICES = "a.device_id IN (SELECT id FROM device WHERE retired_at IS NOT NULL)"
OF_RULES = "a.rule_key = ANY(%(rules)s)"
