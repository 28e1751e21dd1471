"""All SQL of the regions room."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chengyun.kernel.ids import uuid7
from chengyun.kernel.raw import raw
from chengyun.regions.models import (
    DivisionChange,
    DivisionRow,
    DivisionShape,
    RegionRevision,
    ResponsibilityGrid,
    ResponsibilityGridMember,
    StreetHome,
    UnitGrid,
)
from chengyun.regions.tree import Change, Division
from chengyun.standards.codes import Level

_SEED_LOCK = 0x726567696F6E


@dataclass(frozen=True)
class GridRow:
    """A unit grid to be stored."""

    code: str
    community: str
    area_m2: float
    bounds: tuple[float, float, float, float]
    geometry: bytes
    source: str
    valid_from: date


def lock_seed(session: Session) -> None:
    """Let one program at a time load the shipped data."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SEED_LOCK})


def fingerprint(session: Session) -> str | None:
    """Digest of the shipped data loaded last."""
    return session.execute(select(RegionRevision.fingerprint).where(RegionRevision.name == "divisions")).scalar()


def revision(session: Session) -> UUID | None:
    """Mark of the last change to divisions or shapes; None before the first load."""
    return session.execute(select(RegionRevision.revision).where(RegionRevision.name == "divisions")).scalar()


def bump(session: Session, at: datetime, digest: str | None = None) -> None:
    """Tell all processes that something has changed."""
    stamp = uuid7()
    values: dict[str, Any] = {"name": "divisions", "revision": stamp, "fingerprint": digest or "", "changed_at": at}
    changes: dict[str, Any] = {"revision": stamp, "changed_at": at}
    if digest is not None:
        changes["fingerprint"] = digest
    session.execute(insert(RegionRevision).values(values).on_conflict_do_update(index_elements=["name"], set_=changes))


def _copy_new(session: Session, table: str, columns: Sequence[str], types: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Insert rows that are not there yet, by way of a temporary table; returns how many were new."""
    names = ", ".join(columns)
    with raw(session).cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE new_rows ON COMMIT DROP AS SELECT {names} FROM {table} WITH NO DATA".encode())  # noqa: S608
        with cursor.copy(f"COPY new_rows ({names}) FROM STDIN (FORMAT binary)".encode()) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)
        cursor.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM new_rows ON CONFLICT DO NOTHING".encode())  # noqa: S608
        added = cursor.rowcount
        cursor.execute("DROP TABLE new_rows")
    return added


def load_divisions(session: Session, rows: Sequence[Division]) -> int:
    """Insert divisions that are not there yet, parents first; those that an operator changed stay as they are."""
    columns = ("id", "code", "level", "name", "name_en", "short_name", "parent_id", "valid_from", "valid_to", "lon", "lat")
    types = ["uuid", "varchar", "int4", "varchar", "varchar", "varchar", "uuid", "date", "date", "float8", "float8", "bool", "varchar"]
    ordered = sorted(rows, key=lambda d: (d.level, d.code))
    values = (
        (
            d.id,
            d.code,
            int(d.level),
            d.name,
            d.name_en,
            d.short_name,
            d.parent_id,
            d.valid_from,
            d.valid_to,
            d.lon,
            d.lat,
            d.confirmed,
            d.note,
        )
        for d in ordered
    )
    return _copy_new(session, "division", (*columns, "confirmed", "note"), types, values)


def load_changes(session: Session, rows: Sequence[Change]) -> None:
    """Insert what went to whom."""
    values = [{"from_id": c.from_id, "to_id": c.to_id, "on_day": c.on, "share": c.share, "main": c.main, "source": c.source} for c in rows]
    session.execute(insert(DivisionChange).on_conflict_do_nothing(), values)


def load_shapes(session: Session, rows: Iterable[tuple[UUID, str, bytes]]) -> int:
    """Insert outlines of divisions that have none yet."""
    return _copy_new(session, "division_shape", ("division_id", "source", "geometry"), ["uuid", "varchar", "bytea"], rows)


def load_grids(session: Session, rows: Iterable[GridRow]) -> int:
    """Insert unit grids that are not there yet."""
    columns = ("code", "community", "area_m2", "min_lon", "min_lat", "max_lon", "max_lat", "geometry", "source", "valid_from", "note")
    types = ["varchar", "varchar", *["float8"] * 5, "bytea", "varchar", "date", "varchar"]
    values = ((g.code, g.community, g.area_m2, *g.bounds, g.geometry, g.source, g.valid_from, "") for g in rows)
    return _copy_new(session, "unit_grid", columns, types, values)


def load_responsibility(session: Session, grids: Sequence[tuple[UUID, str, str, date]], members: Iterable[tuple[str, UUID]]) -> None:
    """Insert responsibility grids (id, division, name, valid from) and their unit grids."""
    _copy_new(session, "responsibility_grid", ("id", "code", "name", "valid_from"), ["uuid", "varchar", "varchar", "date"], grids)
    _copy_new(session, "responsibility_grid_member", ("grid_code", "responsibility_id"), ["varchar", "uuid"], members)


def replace_homes(session: Session, rows: Sequence[tuple[str, str, UUID]]) -> None:
    """Put today's districts of streets in place of the former ones."""
    stmt = insert(StreetHome)
    changed = {c: stmt.excluded[c] for c in ("district_code", "district_id")}
    differs = or_(StreetHome.district_code != stmt.excluded.district_code, StreetHome.district_id != stmt.excluded.district_id)
    upsert = stmt.on_conflict_do_update(index_elements=["code"], set_=changed, where=differs)
    session.execute(upsert, [{"code": a, "district_code": b, "district_id": c} for a, b, c in rows])


def divisions(session: Session) -> list[Division]:
    """All divisions, for the tree in memory."""
    d = DivisionRow
    columns = (d.id, d.code, d.level, d.name, d.name_en, d.short_name, d.parent_id, d.valid_from, d.valid_to)
    stmt = select(*columns, d.lon, d.lat, d.confirmed, d.note)
    return [Division(r[0], r[1], Level(r[2]), *r[3:]) for r in session.execute(stmt)]


def changes(session: Session) -> list[Change]:
    """What went to whom."""
    c = DivisionChange
    stmt = select(c.on_day, c.from_id, c.to_id, c.share, c.main, c.source)
    return [Change(*r) for r in session.execute(stmt)]


def division_row(session: Session, division_id: UUID) -> DivisionRow | None:
    """One division, to be changed."""
    return session.get(DivisionRow, division_id, with_for_update=True)


def update_division(session: Session, division_id: UUID, values: dict[str, Any]) -> None:
    """Change a division."""
    session.execute(update(DivisionRow).where(DivisionRow.id == division_id).values(values))


def shapes(session: Session, level: Level) -> list[tuple[UUID, str, bytes]]:
    """Outlines of one level: division, source, WKB."""
    s, d = DivisionShape, DivisionRow
    stmt = select(s.division_id, s.source, s.geometry).join(d, d.id == s.division_id).where(d.level == int(level))
    return [(r[0], r[1], r[2]) for r in session.execute(stmt)]


def grid_shapes(session: Session, on: date) -> list[tuple[str, bytes]]:
    """Codes and WKB of the unit grids in force on a day."""
    g = UnitGrid
    stmt = select(g.code, g.geometry).where(g.valid_from <= on, (g.valid_to.is_(None)) | (g.valid_to > on))
    return [(r[0], r[1]) for r in session.execute(stmt)]


def grids_in(session: Session, west: float, south: float, east: float, north: float, on: date, limit: int) -> list[UnitGrid]:
    """Unit grids in force whose rectangle meets a rectangle, by code."""
    g = UnitGrid
    overlap = text("box(point(min_lon, min_lat), point(max_lon, max_lat)) && box(point(:west, :south), point(:east, :north))").bindparams(
        west=west, south=south, east=east, north=north
    )
    stmt = select(g).where(overlap, g.valid_from <= on, (g.valid_to.is_(None)) | (g.valid_to > on)).order_by(g.code).limit(limit)
    return list(session.scalars(stmt))


def grid(session: Session, code: str) -> UnitGrid | None:
    """One unit grid, in force or ended."""
    return session.get(UnitGrid, code)


def grid_counts(session: Session, on: date) -> dict[str, int]:
    """Unit grids in force by street."""
    g = UnitGrid
    street = func.left(g.code, 9)
    stmt = select(street, func.count()).where(g.valid_from <= on, (g.valid_to.is_(None)) | (g.valid_to > on)).group_by(street)
    return {r[0]: r[1] for r in session.execute(stmt)}


def responsibility_grids(session: Session, low: str, high: str, limit: int) -> list[tuple[ResponsibilityGrid, int]]:
    """Responsibility grids of a range of codes, with the number of their unit grids."""
    r, m = ResponsibilityGrid, ResponsibilityGridMember
    size = select(func.count()).where(m.responsibility_id == r.id).scalar_subquery()
    stmt = select(r, size).where(r.code >= low, r.code < high).order_by(r.code, r.id).limit(limit)
    return [(row[0], row[1]) for row in session.execute(stmt)]
