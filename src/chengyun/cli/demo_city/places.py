"""Where the devices of the demo city stand: septic tanks and transfer stations spread over the unit grids of all districts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from chengyun.regions import shapes
from chengyun.regions.tree import Division, DivisionTree

# More of everything where more people live; the nine districts of the city's core first.
CORE = ("500103", "500104", "500105", "500106", "500107", "500108", "500109", "500113")
SIZES = {"small": (400, 30), "city": (10_000, 445)}


@dataclass(frozen=True)
class Spot:
    """A place for one device."""

    key: str
    name: str
    address: str
    grid: str
    district: str
    lon: float
    lat: float


def spots(tree: DivisionTree, today: date, scale: str, seed: int) -> tuple[list[Spot], list[Spot]]:
    """Tanks and stations, the same for the same seed."""
    rng = np.random.default_rng(seed)
    codes, polygons = shapes.shipped("grids")
    homes = tree.homes(np.array(codes), today)
    weight = np.where(np.isin(homes, CORE), 3.0, 1.0) * (homes != "")
    tanks, stations = SIZES[scale]
    chosen = rng.choice(len(codes), tanks + stations, replace=False, p=weight / weight.sum())
    points = _inside(polygons[chosen], rng)
    places = [(codes[i], str(homes[i]), *points[n].round(6).tolist()) for n, i in enumerate(chosen)]
    return (
        _named(places[:tanks], "HF", "号化粪池", tree, today),
        _named(places[tanks:], "ZZ", "垃圾中转站", tree, today),
    )


def _inside(polygons: Any, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """A random point in each polygon; the middle where a few tries fail."""
    bounds = shapely.bounds(polygons)
    result: npt.NDArray[np.float64] = shapely.get_coordinates(shapely.point_on_surface(polygons))
    missing = np.arange(len(polygons))
    for _ in range(8):
        share = rng.random((missing.size, 2))
        tries = bounds[missing, :2] + share * (bounds[missing, 2:] - bounds[missing, :2])
        hit = shapely.contains_xy(polygons[missing], tries[:, 0], tries[:, 1])
        result[missing[hit]] = tries[hit]
        missing = missing[~hit]
    return result


def _named(places: Sequence[tuple[str, str, float, float]], prefix: str, what: str, tree: DivisionTree, today: date) -> list[Spot]:
    """Keys and names by district and community, counted from west to east."""
    found: list[Spot] = []
    of_district: dict[str, int] = {}
    of_community: dict[str, int] = {}
    for grid, district, lon, lat in sorted(places, key=lambda p: (p[1], p[2])):
        of_district[district] = number = of_district.get(district, 0) + 1
        of_community[grid[:12]] = house = of_community.get(grid[:12], 0) + 1
        community = _short(tree.find(grid[:12], today))
        street = _short(tree.find(grid[:9], today))
        name = f"{community}{house}{what}" if prefix == "HF" else f"{community}{what}" + (f"{house}号" if house > 1 else "")
        address = f"{street}{community}{house * 7 % 180 + 1}号附近"
        found.append(Spot(f"{prefix}{district[2:]}-{number:05d}", name, address, grid, district, lon, lat))
    return found


def _short(division: Division | None) -> str:
    return division.short_name if division else ""
