"""Divisions, outlines and places through HTTP, on a real database."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest
import shapely
from fastapi.testclient import TestClient

from chengyun.kernel.db import Scope, read_only, transaction
from chengyun.regions import service
from chengyun.regions.api import router
from tests.support.rooms import OPERATOR, READER, signed_in

BASE = "/api/v1/regions"


@pytest.fixture(scope="module", autouse=True)
def seeded(database: Any) -> None:
    service.forget()
    with transaction(Scope.everything()) as session:
        service.seed(session)


@pytest.fixture
def reader() -> Iterator[TestClient]:
    with signed_in(READER, router) as (client, _):
        yield client


@pytest.fixture
def operator() -> Iterator[tuple[TestClient, list[dict[str, Any]]]]:
    with signed_in(OPERATOR, router) as pair:
        yield pair


def get(client: TestClient, path: str, **params: Any) -> Any:
    answer = client.get(BASE + path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_nobody_reads_without_signing_in(database: Any) -> None:
    with signed_in(None, router) as (client, _):
        for path in ("", "/500103", "/districts.geojson", "/locate?lon=106&lat=29", "/grids?bbox=106,29,106.1,29.1"):
            assert client.get(BASE + path).json()["code"] == "access.sign_in"


def test_districts_of_today_and_of_a_day_before_the_change(reader: TestClient) -> None:
    today = get(reader, "")
    assert len(today) == 37
    assert len(get(reader, "", at="2025-11-05")) == 38
    new = next(d for d in today if d["name"] == "两江新区")
    assert (new["code"], new["valid_from"], new["confirmed"], new["parent"]["code"]) == ("500105", "2025-11-06", False, "500000")
    assert all(d["centroid"] for d in today)


def test_levels_below_a_parent(reader: TestClient) -> None:
    assert len(get(reader, "", parent="500105")) == 42
    assert len(get(reader, "", parent="500105", at="2025-01-01")) == 12
    assert len(get(reader, "", level=3)) == 1031
    communities = get(reader, "", parent="500103", level=4)
    assert {c["code"][:6] for c in communities} == {"500103"}
    assert {c["parent"]["code"] for c in get(reader, "", parent="500103013")} == {"500103013"}
    moved = {s["name"] for s in get(reader, "", parent="500109")}
    assert {"统景镇", "大湾镇", "兴隆镇", "茨竹镇", "大盛镇"} < moved
    for params in ({"level": 4}, {"level": 4, "parent": "500000"}):
        assert reader.get(BASE, params=params).json()["code"] == "region.parent_needed"


def test_a_dissolved_district_resolves_with_its_dates_and_heirs(reader: TestClient) -> None:
    yubei = get(reader, "/500112")
    assert (yubei["name"], yubei["valid_to"]) == ("渝北区", "2025-11-06")
    assert [(h["name"], h["main"]) for h in yubei["successors"]] == [("两江新区", True), ("北碚区", False)]
    assert get(reader, "/500105", at="2025-11-05")["name"] == "江北区"
    now = get(reader, "/500105")
    assert (now["name"], [o["name"] for o in now["also"]], now["children"]) == ("两江新区", ["江北区"], 42)
    assert {h["name"] for h in now["predecessors"]} == {"江北区", "渝北区", "北碚区"}
    assert ["500112134", "500112135"] in now["ranges"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/500999", 404, "region.unknown"),
        ("/abc", 422, "code.division_form"),
        ("/500103?at=yesterday", 422, "request.invalid"),
        ("?parent=5001", 422, "code.division_form"),
        ("?level=9", 422, "request.invalid"),
        ("/locate?lon=181&lat=0", 422, "request.invalid"),
        ("/locate?lon=nan&lat=0", 422, "request.invalid"),
        ("/grids?bbox=1,2,3", 422, "place.bbox"),
        ("/grids?bbox=106.6,29.5,106.5,29.6", 422, "place.bbox"),
        ("/grids?bbox=nan,29.5,106.5,29.6", 422, "place.bbox"),
        ("/grids?bbox=105,28,110,32", 422, "place.bbox_large"),
        ("/responsibility-grids?region=x", 422, "code.division_form"),
        ("/500103013006/children.geojson", 422, "region.code_level"),
    ],
)
def test_what_cannot_be_answered_is_refused_clearly(reader: TestClient, path: str, status: int, code: str) -> None:
    answer = reader.get(BASE + path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_district_outlines_for_the_web_are_small_and_fit_together(reader: TestClient) -> None:
    answer = reader.get(f"{BASE}/districts.geojson")
    assert answer.headers["content-type"].startswith("application/geo+json")
    features = answer.json()["features"]
    assert len(features) == 37
    assert len(__import__("gzip").compress(answer.content)) < 200_000
    polygons = [shapely.from_geojson(orjson.dumps(f["geometry"])) for f in features]
    assert shapely.is_valid(polygons).all()
    assert shapely.coverage_is_valid(polygons)
    for feature, polygon in zip(features, polygons, strict=True):
        assert polygon.contains(shapely.Point(feature["properties"]["centroid"]))
    again = reader.get(f"{BASE}/districts.geojson", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_outlines_of_streets_and_communities_say_that_they_are_generated(reader: TestClient) -> None:
    streets = get(reader, "/500109/children.geojson")["features"]
    assert len(streets) == 17
    assert {f["properties"]["source"] for f in streets} == {"generated"}
    communities = get(reader, "/500103013/children.geojson")["features"]
    assert {f["properties"]["code"][:9] for f in communities} == {"500103013"}


def test_a_point_is_located_down_to_its_unit_grid(reader: TestClient) -> None:
    found = get(reader, "/locate", lon=106.573, lat=29.557)
    assert found["district"] == {"code": "500103", "name": "渝中区", "name_en": "Yuzhong District"}
    assert len(found["grid"]["code"]) == 15
    assert found["grid"]["code"][:12] == found["community"]["code"]
    assert found["community"]["code"][:9] == found["street"]["code"]
    assert get(reader, "/locate", lon=116.4, lat=39.9) == {"grid": None, "community": None, "street": None, "district": None}


def test_a_point_in_a_moved_town_lies_in_todays_district(reader: TestClient) -> None:
    town = next(s for s in get(reader, "", parent="500109") if s["name"] == "统景镇")
    found = get(reader, "/locate", lon=town["centroid"][0], lat=town["centroid"][1])
    assert found["street"] == {"code": "500112133", "name": "统景镇", "name_en": "Tongjing Town"}
    assert found["district"] == {"code": "500109", "name": "北碚区", "name_en": "Beibei District"}


def test_unit_grids_of_a_rectangle(reader: TestClient) -> None:
    found = get(reader, "/grids", bbox="106.56,29.55,106.58,29.56")
    assert len(found["features"]) > 100
    assert not found["truncated"]
    view = shapely.box(106.56, 29.55, 106.58, 29.56)
    for feature in found["features"]:
        polygon = shapely.from_geojson(orjson.dumps(feature["geometry"]))
        assert polygon.envelope.intersects(view)
        assert feature["properties"]["source"] == "generated"
    assert get(reader, "/grids", bbox="106.45,29.45,106.6,29.6")["truncated"]


def test_patrol_areas_of_a_district(reader: TestClient) -> None:
    found = get(reader, "/responsibility-grids", region="500103")
    assert len(found) > 20
    assert all(g["grids"] > 0 and g["area_name"].startswith("渝中区 ") for g in found)


def test_names_of_many_areas_cost_one_small_query(database: Any) -> None:
    with read_only(Scope.nothing()) as session:
        codes = [d.code for d in service.tree(session).at_level(service.Level.STREET, service.today())]
        statements: list[str] = []
        from sqlalchemy import event

        event.listen(session.connection(), "before_cursor_execute", lambda *a: statements.append(a[2]))
        names = service.names(session, codes, "zh-CN")
        assert len(statements) == 1
    assert len(names) == 1031
    assert names["500112133"] == "北碚区 统景镇"


def test_scope_of_an_organisation_follows_the_streets_that_moved(database: Any) -> None:
    with read_only(Scope.nothing()) as session:
        beibei = service.scope(session, ["500109"])
        assert beibei.contains("500112133201001")
        assert not beibei.contains("500109008001")
        assert service.scope(session, ["500000"]).contains("500109008001")
        both = service.scope(session, ["500103013", "500103"])
        assert both.ranges == (("500103", "500104"),)
        assert service.homes(session, np.array(["500109008001", "500103", "1"])).tolist() == ["500105", "500103", ""]


def test_street_home_joins_each_street_with_todays_district(database: Any) -> None:
    with read_only(Scope.nothing()) as session:
        rows = session.connection().exec_driver_sql("SELECT code, district_code FROM street_home WHERE length(code) = 9").all()
    counts = Counter(district for _, district in rows)
    assert (len(rows), len(counts), counts["500105"], counts["500109"]) == (1031, 37, 42, 17)


def test_an_operator_corrects_the_code_of_the_new_district(operator: tuple[TestClient, list[dict[str, Any]]]) -> None:
    client, audit = operator
    new = get(client, "/500105")
    taken = client.patch(f"{BASE}/{new['id']}", json={"code": "500103"})
    assert (taken.status_code, taken.json()["code"]) == (409, "region.code_taken")
    assert client.patch(f"{BASE}/{new['id']}", json={"code": "500105001"}).json()["code"] == "region.code_level"
    assert client.patch(f"{BASE}/{new['id']}", json={"code": "5001"}).status_code == 422
    changed = client.patch(f"{BASE}/{new['id']}", json={"code": "500157", "confirmed": True, "note": ""})
    assert changed.status_code == 200, changed.text
    assert (changed.json()["code"], changed.json()["children"]) == ("500157", 42)
    assert ["500157", "500158"] in changed.json()["ranges"]
    old = get(client, "/500105")
    assert (old["name"], old["successors"][0]["code"]) == ("江北区", "500157")
    assert get(client, "/locate", lon=106.532, lat=29.574)["district"]["code"] == "500157"
    features = get(client, "/districts.geojson")["features"]
    assert "500157" in {f["properties"]["code"] for f in features}
    with read_only(Scope.nothing()) as session:
        homes = dict(session.connection().exec_driver_sql("SELECT code, district_code FROM street_home").all())
        assert homes["500105001"] == homes["500112016"] == homes["500109008"] == homes["500105"] == "500157"
    assert [line["action"] for line in audit] == ["region.correct"]
    assert audit[0]["detail"]["before"]["code"] == "500105"


def test_readers_may_not_correct_a_division(reader: TestClient) -> None:
    region = get(reader, "/500103")["id"]
    assert reader.patch(f"{BASE}/{region}", json={"name": "x"}).status_code == 403
    assert reader.patch(f"{BASE}/{region}", json={"name": "x"}).json()["code"] == "access.denied"
    # Codes decide who sees what: not even those of one's own district are changed by somebody of a district.
    with signed_in(replace(READER, permissions=OPERATOR.permissions), router) as (local, lines):
        assert local.patch(f"{BASE}/{region}", json={"name": "x"}).json()["code"] == "access.beyond_area"
        assert lines == []


def test_loading_again_keeps_what_an_operator_changed(operator: tuple[TestClient, list[dict[str, Any]]]) -> None:
    client, _ = operator
    street = get(client, "/500103013")
    assert client.patch(f"{BASE}/{street['id']}", json={"name_en": "Hualongqiao"}).status_code == 200
    with transaction(Scope.everything()) as session:
        session.connection().exec_driver_sql("UPDATE region_revision SET fingerprint = 'older release'")
        service.seed(session)
        counts = session.connection().exec_driver_sql("SELECT (SELECT count(*) FROM division), (SELECT count(*) FROM unit_grid)").one()
    assert get(client, "/500103013")["name_en"] == "Hualongqiao"
    assert counts[0] == 12388
    assert counts[1] > 30_000
