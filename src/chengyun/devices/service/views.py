"""Devices as callers see them: named in their language, with the newest values, at a fixed number of queries."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chengyun.accounts import service as accounts
from chengyun.devices.repository import registry as repository
from chengyun.devices.repository.registry import Filter
from chengyun.devices.schemas import DeviceOut, DeviceStateOut, DistrictOut, MetricValue, ModelName, Place, SummaryOut
from chengyun.devices.service.catalogue import label
from chengyun.devices.service.registry import require
from chengyun.kernel.paging import decode_cursor, encode_cursor
from chengyun.regions import service as regions
from chengyun.standards.codes import Level


def page(session: Session, wanted: Filter, cursor: str | None, limit: int, lang: str) -> tuple[list[DeviceOut], str | None]:
    """Devices by key, and the cursor of the next page."""
    after = decode_cursor(cursor, [str])[0] if cursor else None
    rows = repository.page(session, wanted, after, limit)
    shown = rows[:limit]
    following = encode_cursor([shown[-1]["key"]]) if len(rows) > limit else None
    return shapes(session, shown, lang), following


def one(session: Session, device_id: UUID, lang: str) -> DeviceOut:
    """One device."""
    return shapes(session, [require(session, device_id)], lang)[0]


def shapes(session: Session, rows: Sequence[dict[str, Any]], lang: str) -> list[DeviceOut]:
    """Rows of the register as callers see them."""
    if not rows:
        return []
    latest = repository.latest(session, [r["id"] for r in rows])
    areas = regions.names(session, [r["region_code"] for r in rows], lang)
    owners = {r["owner_org_id"] for r in rows if r["owner_org_id"]}
    units = accounts.organisations(session, owners)
    return [_shape(r, lang, areas, units, latest.get(r["id"], {})) for r in rows]


def _shape(
    row: dict[str, Any], lang: str, areas: dict[str, str], units: dict[UUID, accounts.Organisation], values: dict[str, dict[str, Any]]
) -> DeviceOut:
    unit = units.get(row["owner_org_id"])
    same = ("id", "key", "name", "pack", "region_code", "address", "component_code", "gateway_id", "owner_org_id")
    return DeviceOut(
        **{name: row[name] for name in (*same, "registered_at", "retired_at", "revision")},
        model=ModelName(key=row["model_key"], name=label(row, lang)),
        area_name=areas[row["region_code"]],
        place=None if row["lon"] is None else Place(lon=row["lon"], lat=row["lat"]),
        owner_unit=None if unit is None else (unit.name if lang.startswith("zh") else unit.name_en or unit.name),
        state=DeviceStateOut(
            connection=row["connection"] or "unknown",
            last_seen=row["last_seen"],
            since=row["since"],
            worst_alarm_level=row["worst_alarm_level"],
            metrics={metric: MetricValue(**v) for metric, v in values.items()},
        ),
    )


def by_model(session: Session, lang: str) -> list[SummaryOut]:
    """Devices in service counted by model."""
    return [SummaryOut(name=label(row, lang), **_without_names(row)) for row in repository.by_model(session)]


def _without_names(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("name_zh", "name_en")}


def by_district(session: Session, lang: str) -> list[DistrictOut]:
    """Devices in service counted by today's district."""
    rows = repository.by_district(session)
    names = regions.names(session, [r["code"] for r in rows], lang, Level.DISTRICT)
    return [DistrictOut(name=names[r["code"]], **r) for r in rows]
