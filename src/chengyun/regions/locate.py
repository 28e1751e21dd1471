"""Point → unit grid, community, street, district. One point by an R-tree, a million by bins.

Layers are asked from the finest to the coarsest; a point that no polygon of a layer holds falls through to the next,
so a city that has loaded only street outlines is still located that far. On a common border the lower code wins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.str_]


class Layer:
    """Polygons of one level in the order of their codes. `bin_degrees` is the side of a bin, about the size of a polygon's inside."""

    def __init__(self, codes: Sequence[str], polygons: Any, bin_degrees: float) -> None:
        order = np.argsort(np.array(codes, "U15"), kind="stable") if len(codes) else np.zeros(0, np.int64)
        self.codes: Codes = np.array(codes, "U15")[order]
        self.polygons = np.asarray(polygons, dtype=object)[order]
        self._side = bin_degrees
        self._tree = shapely.STRtree(self.polygons)
        self._bins: _Bins | None = None

    def one(self, lon: float, lat: float) -> str:
        """Code of the polygon that holds a point, or an empty text."""
        found = self._tree.query(shapely.Point(lon, lat), predicate="intersects")
        return str(self.codes[found.min()]) if found.size else ""

    def many(self, lons: Floats, lats: Floats) -> Codes:
        """Codes of the polygons that hold the points; empty where none does."""
        if self._bins is None:
            self._bins = _Bins.build(self.polygons, self._side)
        rows = self._bins.search(self.polygons, lons, lats)
        return np.where(rows >= 0, self.codes[np.maximum(rows, 0)] if self.codes.size else "", "")


@dataclass(frozen=True)
class _Bins:
    """Square bins with the polygons that touch each, in compressed rows by bin; `full` where the polygon covers the whole bin."""

    side: float
    west: float
    south: float
    width: int
    height: int
    keys: Ints
    first: Ints
    polygon: Ints
    full: npt.NDArray[np.bool_]

    @classmethod
    def build(cls, polygons: Any, side: float) -> "_Bins":
        """Put polygons into bins."""
        if not len(polygons):
            nothing = np.zeros(0, np.int64)
            return cls(side, 0, 0, 1, 1, nothing, np.zeros(1, np.int64), nothing, np.zeros(0, np.bool_))
        bounds = shapely.bounds(polygons)
        west, south = bounds[:, 0].min(), bounds[:, 1].min()
        width, height = (int((high - low) / side) + 1 for low, high in ((west, bounds[:, 2].max()), (south, bounds[:, 3].max())))
        low = np.floor((bounds[:, :2] - [west, south]) / side).astype(np.int64)
        high = np.floor((bounds[:, 2:] - [west, south]) / side).astype(np.int64)
        spans = high - low + 1
        counts = spans[:, 0] * spans[:, 1]
        owner = np.repeat(np.arange(len(polygons)), counts)
        step = np.arange(owner.size) - np.repeat(counts.cumsum() - counts, counts)
        x = low[owner, 0] + step % spans[owner, 0]
        y = low[owner, 1] + step // spans[owner, 0]
        boxes = shapely.box(west + x * side, south + y * side, west + (x + 1) * side, south + (y + 1) * side)
        shapely.prepare(polygons)
        touching = shapely.intersects(polygons[owner], boxes)
        owner, x, y, boxes = owner[touching], x[touching], y[touching], boxes[touching]
        full = shapely.contains_properly(polygons[owner], boxes)
        key = y * width + x
        order = np.lexsort((owner, key))
        keys, first = np.unique(key[order], return_index=True)
        return cls(side, float(west), float(south), width, height, keys, np.append(first, key.size), owner[order], full[order])

    def search(self, polygons: Any, lons: Floats, lats: Floats) -> Ints:
        """Row of the first polygon that holds each point; -1 where none does."""
        result = np.full(lons.shape, -1, np.int64)
        with np.errstate(invalid="ignore"):
            x = np.floor((lons - self.west) / self.side)
            y = np.floor((lats - self.south) / self.side)
            inside = (x >= 0) & (x < self.width) & (y >= 0) & (y < self.height)
        points = np.flatnonzero(inside)
        key = y[points].astype(np.int64) * self.width + x[points].astype(np.int64)
        place = np.searchsorted(self.keys, key)
        known = self.keys[np.minimum(place, self.keys.size - 1)] == key if self.keys.size else np.zeros(key.size, np.bool_)
        points, place = points[known], place[known]
        start, count = self.first[place], self.first[place + 1] - self.first[place]
        sure = self.full[start]
        result[points[sure]] = self.polygon[start[sure]]
        self._test(polygons, lons, lats, points[~sure], start[~sure], count[~sure], result)
        return result

    def _test(self, polygons: Any, lons: Floats, lats: Floats, points: Ints, start: Ints, count: Ints, result: Ints) -> None:
        """Try the candidates of each doubtful point in turn, the lowest code first."""
        turn = 0
        while points.size:
            row = self.polygon[start + turn]
            # Points of one polygon in a row keep it in the processor's cache.
            order = np.argsort(row, kind="stable")
            hit = np.empty(points.size, np.bool_)
            hit[order] = shapely.intersects_xy(polygons[row[order]], lons[points[order]], lats[points[order]])
            result[points[hit]] = row[hit]
            turn += 1
            left = ~hit & (count > turn)
            points, start, count = points[left], start[left], count[left]


class Locator:
    """Layers of polygons from the finest to the coarsest."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = list(layers)

    def one(self, lon: float, lat: float) -> str:
        """The longest code known for a point: grid, community, street or district; empty outside the city."""
        for layer in self._layers:
            code = layer.one(lon, lat)
            if code:
                return code
        return ""

    def many(self, lons: npt.ArrayLike, lats: npt.ArrayLike) -> Codes:
        """The longest code known for each point; empty outside the city and for what is not a number."""
        x, y = np.asarray(lons, np.float64).ravel(), np.asarray(lats, np.float64).ravel()
        result = np.zeros(x.shape, "U15")
        open_rows = np.arange(x.size)
        for layer in self._layers:
            if not open_rows.size:
                break
            codes = layer.many(x[open_rows], y[open_rows])
            result[open_rows] = codes
            open_rows = open_rows[codes == ""]
        return result
