"""Point → grid: one million points by bins against a plain STRtree query, and one point at a time.

.venv/bin/python bench/regions_locate.py
"""

from time import perf_counter

import numpy as np
import shapely

from chengyun.regions import shapes
from chengyun.regions.locate import Layer, Locator


def main() -> None:
    """Print rates and ratios."""
    grids, communities = shapes.shipped("grids"), shapes.shipped("communities")
    locator = Locator([Layer(*grids, 0.001), Layer(*communities, 0.01)])
    began = perf_counter()
    locator.many([106.55], [29.56])
    print(f"building the bins of {len(grids[0]):,} grids and {len(communities[0]):,} communities: {perf_counter() - began:.2f} s")
    rng = np.random.default_rng(1)
    million = 1_000_000
    places = {
        "built-up core": (rng.normal(106.55, 0.06, million), rng.normal(29.55, 0.05, million)),
        "whole city, evenly": (rng.uniform(105.3, 110.2, million), rng.uniform(28.2, 32.2, million)),
    }
    trees = [shapely.STRtree(grids[1]), shapely.STRtree(communities[1])]
    for name, (lons, lats) in places.items():
        ours = min(timed(lambda x=lons, y=lats: locator.many(x, y)) for _ in range(3))
        plain = min(timed(lambda x=lons[:100_000], y=lats[:100_000]: by_tree(trees, x, y)) * 10 for _ in range(3))
        print(
            f"{name}: bins {million / ours / 1e6:.2f} M points/s, STRtree {million / plain / 1e6:.2f} M points/s, both to grid "
            f"and community; {plain / ours:.1f} times as fast"
        )
    lons, lats = places["built-up core"]
    began = perf_counter()
    for i in range(5000):
        locator.one(lons[i], lats[i])
    print(f"one point: {(perf_counter() - began) / 5000 * 1e6:.0f} µs")


def by_tree(trees, lons, lats):  # type: ignore[no-untyped-def]
    """The plain way: the finer tree for all points, the coarser for those left."""
    points = shapely.points(lons, lats)
    found = trees[0].query(points, predicate="intersects")[0]
    left = np.setdiff1d(np.arange(points.size), found)
    return trees[1].query(points[left], predicate="intersects")


def timed(work) -> float:  # type: ignore[no-untyped-def]
    """Seconds that a piece of work takes."""
    began = perf_counter()
    work()
    return perf_counter() - began


if __name__ == "__main__":
    main()
