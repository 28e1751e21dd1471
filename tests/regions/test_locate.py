"""District outlines, generated streets and unit grids, and which of them holds a point."""

from collections import Counter
from datetime import date
from functools import lru_cache
from time import perf_counter

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from chengyun.regions import catalogue, shapes
from chengyun.regions.locate import Layer, Locator
from chengyun.regions.tree import DivisionTree
from chengyun.standards.codes import Level, parse_grid

TODAY = date(2026, 11, 24)


@lru_cache(maxsize=1)
def locator() -> Locator:
    return Locator([Layer(*shapes.shipped("grids"), 0.001), Layer(*shapes.shipped("communities"), 0.01)])


@lru_cache(maxsize=1)
def tree() -> DivisionTree:
    return DivisionTree(*catalogue.shipped())


def test_wheel_has_the_37_districts_of_today() -> None:
    found = shapes.wheel_districts()
    assert {d.code for d in found} == {d.code for d in tree().districts(TODAY)}
    polygons = np.array([d.polygon for d in found])
    assert shapely.is_valid(polygons).all()
    assert shapely.coverage_is_valid(polygons)
    assert shapes.area_m2(polygons).sum() == pytest.approx(82_400e6, rel=0.005)
    by_name = {d.name: shapes.area_m2(np.array([d.polygon]))[0] / 1e6 for d in found}
    assert by_name["两江新区"] == pytest.approx(1360, rel=0.03)
    assert by_name["北碚区"] == pytest.approx(1100, rel=0.03)


def test_wheel_is_in_wgs84_not_in_the_shifted_system_of_the_map_provider() -> None:
    # GCJ-02 is off by about 400 m here; an independent CGCS2000 source lies within tens of metres.
    ours = {d.code: d.polygon for d in shapes.wheel_districts()}
    other = {d.code: d.polygon for d in shapes.wheel_districts(source="tianditu")}
    moved = {"500105", "500109"}
    offsets = []
    for code in ours.keys() - moved:
        a, b = ours[code].centroid, other[code].centroid
        offsets.append(((a.x - b.x) * 96_500, (a.y - b.y) * 110_900))
    east, north = np.median(np.array(offsets), axis=0)
    assert abs(east) < 60
    assert abs(north) < 60


def test_47678_3__unit_grids_have_no_gaps_or_overlaps_and_stay_in_their_community() -> None:
    codes, grids = shapes.shipped("grids")
    community_codes, communities = shapes.shipped("communities")
    assert 20_000 <= len(codes) <= 45_000
    assert shapely.coverage_is_valid(grids)
    assert (shapely.get_type_id(grids) == shapely.GeometryType.POLYGON).all()
    outline = dict(zip(community_codes, communities, strict=True))
    for community in sorted({c[:12] for c in codes})[::40]:
        mine = [g for c, g in zip(codes, grids, strict=True) if c[:12] == community]
        whole = shapely.union_all(mine, grid_size=1e-6)
        assert whole.symmetric_difference(outline[community]).area < 1e-10
    sizes = shapes.area_m2(grids)
    assert np.median(sizes) == pytest.approx(10_000, rel=0.05)
    assert np.percentile(sizes, 1) > 4_000
    assert sizes.max() < 25_000


def test_47678_3__grid_codes_are_numbered_from_west_to_east_and_north_to_south() -> None:
    codes, grids = shapes.shipped("grids")
    centres = shapely.get_coordinates(shapely.centroid(grids))
    for code in codes:
        parse_grid(code)
    assert len(set(codes)) == len(codes)
    for community in sorted({c[:12] for c in codes})[::60]:
        rows = [i for i, c in enumerate(codes) if c[:12] == community]
        assert [int(codes[i][12:]) for i in rows] == list(range(1, len(rows) + 1))
        assert centres[rows[0], 1] > np.median(centres[rows, 1])
        assert centres[rows[-1], 1] < np.median(centres[rows, 1])


def test_every_district_has_grids_and_every_community_an_outline() -> None:
    districts = Counter(tree().homes(np.array(shapes.shipped("grids")[0]), TODAY).tolist())
    assert set(districts) == {d.code for d in tree().districts(TODAY)}
    assert min(districts.values()) >= 100
    assert set(shapes.shipped("communities")[0]) == {d.code for d in tree().at_level(Level.COMMUNITY, TODAY)}


def test_communities_fill_the_districts_without_gaps_or_overlaps() -> None:
    codes, polygons = shapes.shipped("communities")
    assert shapely.coverage_is_valid(polygons)
    homes = tree().homes(np.array(codes), TODAY)
    for district in shapes.wheel_districts():
        whole = shapely.coverage_union_all(polygons[homes == district.code])
        assert whole.symmetric_difference(district.polygon).area / district.polygon.area < 1e-4


def test_packed_polygons_come_back_as_they_were() -> None:
    ring = shapely.Polygon([(106, 29), (106.5, 29), (106.5, 29.5), (106, 29.5)], [[(106.1, 29.1), (106.2, 29.1), (106.2, 29.2)]])
    two = shapely.MultiPolygon([shapely.box(-107, -28, -106.999999, -27), shapely.box(10, 10, 11, 11)])
    codes, back = shapes.unpack(shapes.pack(["a", "b"], [ring, two]))
    assert codes == ["a", "b"]
    assert back[0].equals(ring)
    assert back[1].equals(two)
    with pytest.raises(ValueError, match="not a file"):
        shapes.unpack(__import__("gzip").compress(b"something else"))


def test_known_places_lie_in_their_districts() -> None:
    # Jiefangbei, Guanyinqiao, Beibei's centre, Wanzhou's centre, Shapingba's centre, Liangping's centre
    places = [(106.573, 29.557), (106.532, 29.574), (106.437, 29.806), (108.40, 30.81), (106.457, 29.556), (107.80, 30.67)]
    names = [tree().home(locator().one(lon, lat), TODAY) for lon, lat in places]
    assert [d.name for d in names if d] == ["渝中区", "两江新区", "北碚区", "万州区", "沙坪坝区", "梁平区"]


def test_a_million_points_agree_with_asking_one_by_one_and_with_brute_force() -> None:
    rng = np.random.default_rng(5)
    lons = np.concatenate([rng.uniform(105.2, 110.3, 600_000), rng.normal(106.55, 0.05, 400_000)])
    lats = np.concatenate([rng.uniform(28.1, 32.3, 600_000), rng.normal(29.55, 0.04, 400_000)])
    codes = locator().many(lons, lats)
    began = perf_counter()
    again = locator().many(lons, lats)
    assert perf_counter() - began < 5
    assert (codes == again).all()
    sample = rng.choice(lons.size, 4000, replace=False)
    assert [locator().one(lons[i], lats[i]) for i in sample] == codes[sample].tolist()
    layers = [shapes.shipped("grids"), shapes.shipped("communities")]
    for i in sample[:300]:
        expected = ""
        for layer_codes, polygons in layers:
            hits = np.flatnonzero(shapely.intersects_xy(polygons, lons[i], lats[i]))
            if hits.size:
                expected = min(layer_codes[h] for h in hits)
                break
        assert codes[i] == expected


def test_one_point_takes_less_than_a_millisecond() -> None:
    locator().one(106.55, 29.56)
    rng = np.random.default_rng(6)
    points = rng.uniform([105.3, 28.2], [110.1, 32.1], (2000, 2))
    began = perf_counter()
    for lon, lat in points:
        locator().one(lon, lat)
    assert (perf_counter() - began) / len(points) < 0.001


@pytest.mark.parametrize("point", [(float("nan"), 29.5), (106.5, float("inf")), (0, 0), (-180, 90), (1e300, -1e300)])
def test_points_that_are_nowhere_have_no_code(point: tuple[float, float]) -> None:
    assert locator().many([point[0]], [point[1]]).tolist() == [""]
    assert locator().one(*point) == ""


def test_corners_and_borders_belong_to_the_lower_code() -> None:
    squares = [shapely.box(x, y, x + 1, y + 1) for y in range(3) for x in range(3)]
    codes = [f"50010300100{i}" for i in range(9)]
    for side in (0.3, 1.0, 2.5):
        layer = Layer(codes[::-1], squares[::-1], side)
        xs, ys = (a.ravel().astype(float) for a in np.meshgrid(np.arange(7) / 2, np.arange(7) / 2))
        many = layer.many(xs, ys)
        assert many.tolist() == [layer.one(x, y) for x, y in zip(xs, ys, strict=True)]
        assert layer.one(1, 1) == codes[0]
        assert layer.one(3, 3) == codes[8]


@given(st.lists(st.tuples(st.floats(-1, 12), st.floats(-1, 12)), min_size=1, max_size=50), st.sampled_from([0.4, 1.7, 30.0]))
@settings(max_examples=60, deadline=None)
def test_bins_of_any_size_give_the_same_answer(points: list[tuple[float, float]], side: float) -> None:
    rng = np.random.default_rng(3)
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(rng.uniform(0, 10, (40, 2)))))
    layer = Layer([f"{i:012d}" for i in range(len(cells))], cells, side)
    xs, ys = np.array(points).T
    assert layer.many(xs, ys).tolist() == [layer.one(x, y) for x, y in points]


def test_a_layer_without_polygons_holds_nothing() -> None:
    assert Locator([Layer([], [], 0.1)]).many([106.5], [29.5]).tolist() == [""]
    assert Locator([Layer([], [], 0.1)]).one(106.5, 29.5) == ""
