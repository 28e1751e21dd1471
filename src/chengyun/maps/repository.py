"""All SQL of the maps room."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chengyun.maps.models import MapLayer

Box = tuple[float, float, float, float]
Row = dict[str, Any]

# Written with `>=` and `<=` on plain columns: these are leakproof, so the planner may use the index before it checks the
# scope of each row. The operators of `point` and `box` are not, and would read the whole table under row-level security.
_IN_BOX = """
d.retired_at IS NULL AND d.lon BETWEEN :west AND :east AND d.lat BETWEEN :south AND :north
"""
_STATE = "LEFT JOIN device_state s ON s.device_id = d.id"
# A group of one is told as that very device, so that a click finds it.
_GROUPED = """
WITH g AS (
  SELECT {group}, count(*) AS count, min(s.worst_alarm_level) AS level, count(*) FILTER (WHERE s.connection = 'online') AS online,
         avg(d.lon) AS lon, avg(d.lat) AS lat, min(d.number) AS number
    FROM device d {state} {join}
   WHERE {where}
   GROUP BY {columns}
)
SELECT g.*, d.id::text AS id, d.key, d.name, s.connection
  FROM g LEFT JOIN device d ON g.count = 1 AND d.number = g.number {state}
 ORDER BY {columns}
"""
_BY_DISTRICT = "coalesce(h.district_code, left(d.region_code, 6)) AS district"
_HOME = "LEFT JOIN street_home h ON h.code = left(d.region_code, 9)"
_BY_CELL = "floor(d.lon / :cell)::int AS x, floor(d.lat / :cell)::int AS y"
_POINTS = """
SELECT d.id::text AS id, d.key, d.name, d.lon, d.lat, coalesce(s.connection, 'unknown') AS connection, s.worst_alarm_level AS level
  FROM device d {state}
 WHERE {where}
 LIMIT :limit
"""


def layers(session: Session) -> list[MapLayer]:
    """All layers, by pack and in the pack's order."""
    return list(session.scalars(select(MapLayer).order_by(MapLayer.pack, MapLayer.position).execution_options(populate_existing=True)))


def layer(session: Session, key: str) -> MapLayer | None:
    """One layer."""
    return session.get(MapLayer, key)


def owners(session: Session, keys: Sequence[str]) -> dict[str, str]:
    """Which pack each of these layers belongs to, where it is there already."""
    rows = session.execute(select(MapLayer.key, MapLayer.pack).where(MapLayer.key.in_(keys)))
    return {key: pack for key, pack in rows}


def put(session: Session, pack: str, rows: Sequence[Row]) -> None:
    """Make a pack's layers these."""
    session.execute(delete(MapLayer).where(MapLayer.pack == pack, MapLayer.key.not_in([row["key"] for row in rows])))
    if rows:
        stmt = insert(MapLayer)
        changes = {name: stmt.excluded[name] for name in rows[0] if name != "key"}
        session.execute(stmt.on_conflict_do_update(index_elements=["key"], set_=changes), list(rows))


def by_district(session: Session, wanted: Row, box: Box) -> list[Row]:
    """Devices in a box, counted by today's district."""
    return _grouped(session, wanted, box, _BY_DISTRICT, _HOME, "district", {})


def by_cell(session: Session, wanted: Row, box: Box, cell: float) -> list[Row]:
    """Devices in a box, counted by squares with sides of `cell` degrees."""
    return _grouped(session, wanted, box, _BY_CELL, "", "x, y", {"cell": cell})


def points(session: Session, wanted: Row, box: Box, limit: int) -> list[Row]:
    """Devices in a box, at most `limit`."""
    where, values = _where(wanted, box)
    found = session.execute(text(_POINTS.format(state=_STATE, where=where)), values | {"limit": limit})
    return [dict(row) for row in found.mappings()]


def _grouped(session: Session, wanted: Row, box: Box, group: str, join: str, columns: str, more: Row) -> list[Row]:
    where, values = _where(wanted, box)
    query = _GROUPED.format(group=group, state=_STATE, join=join, where=where, columns=columns)
    return [dict(row) for row in session.execute(text(query), values | more).mappings()]


def _where(wanted: Row, box: Box) -> tuple[str, Row]:
    values: Row = dict(zip(("west", "south", "east", "north"), box, strict=True))
    where = _IN_BOX
    if wanted.get("model"):
        where += " AND d.model_key = :model"
        values["model"] = wanted["model"]
    if wanted.get("pack"):
        where += " AND d.pack = :pack"
        values["pack"] = wanted["pack"]
    return where, values
