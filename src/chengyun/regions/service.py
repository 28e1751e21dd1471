"""What the regions room does for the others: who lies where, what an area is called, which codes it has.

Divisions and outlines change rarely, so each process keeps them in memory and asks one small query per use whether
they are still fresh.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from threading import RLock
from typing import Any, TypeVar
from uuid import UUID

import numpy as np
import numpy.typing as npt
import orjson
import shapely
from sqlalchemy.orm import Session

import chengyun.regions.errors  # noqa: F401  (registers the sentences)
from chengyun.kernel import clock
from chengyun.kernel.db import Scope
from chengyun.kernel.errors import Problem
from chengyun.kernel.http import Actor, audit, require_area
from chengyun.kernel.outbox import emit
from chengyun.kernel.settings import get_settings
from chengyun.regions import repository, seeding
from chengyun.regions.locate import Codes, Layer, Locator
from chengyun.regions.models import UnitGrid
from chengyun.regions.tree import Division, DivisionTree
from chengyun.standards.codes import Level, code_range, parse_division

T = TypeVar("T")
_WEB_TOLERANCE = {Level.DISTRICT: 0.0015, Level.STREET: 0.0004, Level.COMMUNITY: 0.0}
_LARGEST_BBOX = 0.2
_MOST_GRIDS = 3000


@dataclass
class _Memory:
    """Divisions of one revision, and what has been worked out from them."""

    revision: UUID | None
    tree: DivisionTree
    day: date
    made: dict[str, Any] = field(default_factory=dict)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """Work something out the first time it is asked for."""
        with _lock:
            if name not in self.made:
                self.made[name] = make()
            result: T = self.made[name]
            return result


_lock = RLock()
_memory: _Memory | None = None


def forget() -> None:
    """Drop what is kept in memory; for tests that change databases."""
    global _memory
    _memory = None


def today() -> date:
    """The date in the city."""
    return clock.now().astimezone(clock.SHANGHAI).date()


def seed(session: Session) -> None:
    """Load the shipped divisions, outlines, unit grids and patrol areas. Safe to repeat; an operator's changes stay."""
    repository.lock_seed(session)
    digest = seeding.digest()
    if repository.fingerprint(session) == digest:
        return
    seeding.load(session, today())
    repository.bump(session, clock.now(), digest)
    refresh_homes(session)


def refresh_homes(session: Session) -> None:
    """Renew the table that joins street codes with today's districts."""
    found = tree(session).home_table(today())
    repository.replace_homes(session, [(code, d.code, d.id) for code, d in found])


def _fresh(session: Session) -> _Memory:
    global _memory
    revision, day = repository.revision(session), today()
    with _lock:
        if _memory is None or _memory.revision != revision:
            _memory = _Memory(revision, DivisionTree(repository.divisions(session), repository.changes(session)), day)
        elif _memory.day != day:
            _memory = _Memory(revision, _memory.tree, day)
        return _memory


def tree(session: Session) -> DivisionTree:
    """All divisions with their history, as fresh as the database; one small query to find out."""
    return _fresh(session).tree


def names(session: Session, codes: Iterable[str], lang: str, depth: Level = Level.STREET) -> dict[str, str]:
    """Areas in words for many codes at once: `渝中区 大坪街道`; named by today's districts."""
    divisions, day = tree(session), today()
    return {code: divisions.area_name(code, lang, day, depth) for code in set(codes)}


def name(session: Session, code: str, lang: str, depth: Level = Level.STREET) -> str:
    """An area in words."""
    return names(session, [code], lang, depth)[code]


def require(session: Session, code: str, at: date | None = None, field: str | None = None) -> Division:
    """What a code means on a day (today where none is named), or meant last before; refuses one that never meant anything.

    A unit grid is answered with its community.
    """
    parsed = parse_division(code, field)
    found = tree(session).resolve(parsed.text[:12], at or today())
    if found is None:
        raise Problem("region.unknown", field=field, region=code[:20])
    return found


def home(session: Session, code: str, at: date | None = None) -> Division | None:
    """The district in which a code lies today, or on a day."""
    return tree(session).home(code, at or today())


def homes(session: Session, codes: npt.NDArray[np.str_], at: date | None = None) -> npt.NDArray[np.str_]:
    """Codes of the districts in which an array of codes lies; empty where there is none."""
    return tree(session).homes(codes, at or today())


def scope_ranges(session: Session, code: str, at: date | None = None) -> list[tuple[str, str]]:
    """Half-open ranges of the codes that lie in a division; several where streets moved."""
    parsed = parse_division(code)
    if parsed.level is Level.GRID:
        return [code_range(parsed.text)]
    divisions, day = tree(session), at or today()
    found = divisions.resolve(parsed.text, day)
    return divisions.scope_ranges(found, day) if found else [code_range(parsed.text)]


def scope(session: Session, codes: Iterable[str], at: date | None = None) -> Scope:
    """What somebody in charge of these divisions may see: each division's land of today, wherever its codes come from."""
    return Scope.of(r for code in codes for r in scope_ranges(session, code, at))


def locator(session: Session) -> Locator:
    """Point → longest code, over the outlines in the database."""
    memory = _fresh(session)
    return memory.once("locator", lambda: _locator(session, memory))


def _locator(session: Session, memory: _Memory) -> Locator:
    grids = repository.grid_shapes(session, memory.day)
    layers = [Layer([c for c, _ in grids], shapely.from_wkb([w for _, w in grids]), 0.001)]
    for level, side in ((Level.COMMUNITY, 0.01), (Level.STREET, 0.02), (Level.DISTRICT, 0.05)):
        codes, polygons, _ = _outlines(session, memory, level)
        layers.append(Layer(codes, polygons, side))
    return Locator(layers)


def _outlines(session: Session, memory: _Memory, level: Level) -> tuple[list[str], Any, list[str]]:
    """Codes, polygons and sources of today's outlines of a level, by code."""
    found = []
    for division_id, source, wkb in repository.shapes(session, level):
        division = memory.tree.by_id(division_id)
        if division is not None and division.holds(memory.day):
            found.append((division.code, source, wkb))
    found.sort()
    return [c for c, _, _ in found], shapely.from_wkb([w for _, _, w in found]), [s for _, s, _ in found]


def locate(session: Session, lon: float, lat: float) -> str:
    """The longest code known for a point: unit grid, community, street or district; empty outside the city."""
    return locator(session).one(lon, lat)


def locate_many(session: Session, lons: npt.ArrayLike, lats: npt.ArrayLike) -> Codes:
    """`locate` for arrays; about a million points a second."""
    return locator(session).many(lons, lats)


def districts_geojson(session: Session) -> tuple[str, bytes]:
    """Tag and GeoJSON of today's districts, simplified for the web with common borders kept common."""
    memory = _fresh(session)
    return memory.once("districts", lambda: _feature_collection(session, memory, Level.DISTRICT, None))


def children_geojson(session: Session, division: Division) -> tuple[str, bytes]:
    """Tag and GeoJSON of the streets of a district or the communities of a street."""
    memory = _fresh(session)
    return _feature_collection(session, memory, Level(division.level + 1), division)


def _feature_collection(session: Session, memory: _Memory, level: Level, within: Division | None) -> tuple[str, bytes]:
    codes, polygons, sources = _outlines(session, memory, level)
    if within is not None:
        wanted = {d.code for d in memory.tree.children(within, memory.day)}
        keep = [i for i, c in enumerate(codes) if c in wanted]
        codes, polygons, sources = [codes[i] for i in keep], polygons[keep], [sources[i] for i in keep]
    if _WEB_TOLERANCE[level] and len(polygons):
        polygons = shapely.coverage_simplify(polygons, _WEB_TOLERANCE[level])
    features = []
    for code, polygon, source in zip(codes, polygons, sources, strict=True):
        division = memory.tree.find(code, memory.day)
        if division is not None:
            rounded = shapely.transform(polygon, lambda c: np.round(c, 5))
            features.append(_feature(division, rounded, source))
    body = orjson.dumps({"type": "FeatureCollection", "features": features})
    return f'"{hashlib.sha256(body).hexdigest()[:24]}"', body


def _feature(division: Division, polygon: Any, source: str) -> dict[str, Any]:
    return {
        "type": "Feature",
        "id": int(division.code),
        "geometry": orjson.Fragment(shapely.to_geojson(polygon)),
        "properties": {
            "code": division.code,
            "name": division.name,
            "name_en": division.name_en,
            "short_name": division.short_name,
            "centroid": [division.lon, division.lat],
            "source": source,
        },
    }


def parse_bbox(text: str) -> tuple[float, float, float, float]:
    """Read `west,south,east,north`; refuses what is no rectangle."""
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise Problem("place.bbox", field="bbox") from None
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise Problem("place.bbox", field="bbox")
    return west, south, east, north


def grids_geojson(session: Session, bbox: str) -> bytes:
    """GeoJSON of the unit grids in a rectangle; `truncated` when there were more than can be shown."""
    west, south, east, north = parse_bbox(bbox)
    if max(east - west, north - south) > _LARGEST_BBOX:
        raise Problem("place.bbox_large", field="bbox", limit=_LARGEST_BBOX)
    found = repository.grids_in(session, west, south, east, north, today(), _MOST_GRIDS + 1)
    features = [_grid_feature(g) for g in found[:_MOST_GRIDS]]
    return orjson.dumps({"type": "FeatureCollection", "truncated": len(found) > _MOST_GRIDS, "features": features})


def _grid_feature(grid: UnitGrid) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": orjson.Fragment(shapely.to_geojson(shapely.from_wkb(grid.geometry))),
        "properties": {"code": grid.code, "community": grid.community, "area_m2": grid.area_m2, "source": grid.source},
    }


def correct(session: Session, actor: Actor, division_id: UUID, values: dict[str, Any]) -> Division:
    """Correct a division, its code included: everything that hangs on it follows. Audited; tells `ev.region.changed`."""
    # A code decides who sees what, so it is nobody's own.
    require_area(actor)
    row = repository.division_row(session, division_id)
    if row is None:
        raise Problem("object.not_found")
    code = values.get("code")
    if code is not None and code != row.code:
        _check_code(session, code, division_id)
    before = {key: getattr(row, key) for key in values}
    if before != values:
        repository.update_division(session, division_id, values)
        repository.bump(session, clock.now())
        refresh_homes(session)
        audit(session, actor, "region.correct", "division", division_id, {"before": before, "after": values})
        data = {"id": str(division_id), "before": before, "after": values}
        emit(session, "ev.region.changed", data, get_settings().city_code)
    found = tree(session).by_id(division_id)
    if found is None:
        raise Problem("object.not_found")
    return found


def _check_code(session: Session, code: str, division_id: UUID) -> None:
    divisions = tree(session)
    division = divisions.by_id(division_id)
    if division is None or parse_division(code, "code").level is not division.level:
        raise Problem("region.code_level", field="code", region=code)
    for other in divisions.rows(code):
        apart = (other.valid_to is not None and other.valid_to <= division.valid_from) or (
            division.valid_to is not None and division.valid_to <= other.valid_from
        )
        if other.id != division_id and not apart:
            raise Problem("region.code_taken", field="code", region=code, name=other.name)
