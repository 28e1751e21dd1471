"""What the maps room does: keep the layers that packs declare, and answer what they show in a part of the map."""

import math
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy.orm import Session

import chengyun.maps.errors  # noqa: F401  (registers the sentences)
from chengyun.kernel.errors import Problem
from chengyun.maps import repository
from chengyun.maps.models import MapLayer
from chengyun.maps.repository import Box, Row
from chengyun.maps.schemas import LayerOut, LayerSpec
from chengyun.regions import service as regions

DISTRICT_ZOOM = 8
"""Up to this zoom of the map one number stands for each district."""
MOST_POINTS = 1500
"""When more points lie in the box they are counted together, whatever the zoom."""
_CELL_PIXELS = 48
_TILE_PIXELS = 512
_MOST_CELLS = 64


def put_layers(session: Session, pack: str, specs: Sequence[LayerSpec]) -> None:
    """Make a pack's layers these; layers that it no longer declares go. Safe to repeat."""
    for key, owner in repository.owners(session, [spec.key for spec in specs]).items():
        if owner != pack:
            raise Problem("layer.taken", field="key", layer=key, pack=owner)
    rows = [
        spec.model_dump(mode="json", exclude={"filter", "style"})
        | {"pack": pack, "position": position}
        | {"filter": spec.filter.model_dump(exclude_none=True), "style": spec.style.model_dump(exclude_none=True)}
        for position, spec in enumerate(specs)
    ]
    repository.put(session, pack, rows)


def owners(session: Session) -> dict[str, str]:
    """Which pack each layer belongs to."""
    return {layer.key: layer.pack for layer in repository.layers(session)}


def layers(session: Session) -> list[LayerOut]:
    """Layers in force."""
    return [LayerOut.model_validate(layer) for layer in repository.layers(session)]


def features(session: Session, key: str, bbox: str, zoom: float, lang: str) -> bytes:
    """GeoJSON of what a layer shows in a box: single points, or counts with the worst level, which add up to `total`."""
    layer = repository.layer(session, key)
    if layer is None:
        raise Problem("object.not_found")
    box = parse_box(bbox)
    by, rows = _read(session, layer, box, zoom)
    names = regions.names(session, {row["district"] for row in rows}, lang) if by == "district" else {}
    found = [_feature(row, names) for row in rows]
    total = sum(int(row.get("count", 1)) for row in rows)
    return orjson.dumps({"type": "FeatureCollection", "total": total, "by": by, "features": found})


def _read(session: Session, layer: MapLayer, box: Box, zoom: float) -> tuple[str, list[Row]]:
    if zoom <= DISTRICT_ZOOM:
        return "district", repository.by_district(session, layer.filter, box)
    if zoom >= int(layer.style.get("min_zoom", 0)):
        rows = repository.points(session, layer.filter, box, MOST_POINTS + 1)
        if len(rows) <= MOST_POINTS:
            return "point", rows
    return "cell", repository.by_cell(session, layer.filter, box, cell_size(zoom, box))


def cell_size(zoom: float, box: Box) -> float:
    """Sides in degrees of the squares in which points are counted together: on the screen about as large as a thumb.

    Doubled until no more than `_MOST_CELLS` lie side by side in the box, so that no question makes an endless answer.
    """
    size = 360.0 / 2.0 ** math.floor(zoom) * _CELL_PIXELS / _TILE_PIXELS
    most = max(box[2] - box[0], box[3] - box[1]) / _MOST_CELLS
    return float(size * 2.0 ** max(0, math.ceil(math.log2(most / size))))


def parse_box(bbox: str) -> Box:
    """Read `west,south,east,north`; what reaches beyond the world is cut off, what is no box is refused."""
    try:
        west, south, east, north = (float(part) for part in bbox.split(","))
    except ValueError:
        raise Problem("map.bbox", field="bbox") from None
    if not all(math.isfinite(side) for side in (west, south, east, north)):
        raise Problem("map.bbox", field="bbox")
    west, east = max(west, -180.0), min(east, 180.0)
    south, north = max(south, -90.0), min(north, 90.0)
    if west >= east or south >= north:
        raise Problem("map.bbox", field="bbox")
    return west, south, east, north


def _feature(row: Row, names: dict[str, str]) -> dict[str, Any]:
    single = row.get("count", 1) == 1
    properties = {
        "id": row["id"] if single else None,
        "key": row["key"] if single else None,
        "name": row["name"] if single else names.get(row.get("district", "")),
        "connection": (row["connection"] or "unknown") if single else None,
        "count": None if single else row["count"],
        "online": None if single else row["online"],
        "code": row.get("district"),
        "level": row["level"],
    }
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [round(row["lon"], 6), round(row["lat"], 6)]},
        "properties": {name: value for name, value in properties.items() if value is not None},
    }
