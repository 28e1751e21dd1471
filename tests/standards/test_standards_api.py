"""Class lists and the working calendar through HTTP, on a real database."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from chengyun.kernel.db import Scope, read_only, transaction
from chengyun.standards import service
from chengyun.standards.api import router
from tests.support.rooms import OPERATOR, READER, signed_in


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
    answer = client.get(f"/api/v1/standards/{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_nobody_reads_without_signing_in(database: Any) -> None:
    with signed_in(None, router) as (client, _):
        assert client.get("/api/v1/standards/classes").json()["code"] == "access.sign_in"


def test_47678_5__all_403_classes_are_listed(reader: TestClient) -> None:
    found = get(reader, "classes")
    assert len(found["items"]) == 403
    assert len(found["majors"]) == 15
    components = get(reader, "classes", kind="component")["items"]
    assert len(components) == 153
    assert components[1] | {"code": "01002", "name": "污水井盖", "name_en": "Sewage manhole cover"} == components[1]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("化粪池", ["化粪池井盖", "化粪池"]),
        ("03003", ["化粪池"]),
        ("septic", ["化粪池井盖", "化粪池"]),
        ("%", []),
        ("_", []),
        ("'; DROP TABLE standard_class; --", []),
    ],
)
def test_classes_are_found_by_code_and_by_name_in_both_languages(reader: TestClient, query: str, names: list[str]) -> None:
    assert [c["name"] for c in get(reader, "classes", kind="component", q=query)["items"]] == names


def test_an_unknown_edition_is_refused_by_name(reader: TestClient) -> None:
    answer = reader.get("/api/v1/standards/classes", params={"edition": "30428.2-2005"}, headers={"Accept-Language": "en"})
    assert answer.status_code == 422
    assert answer.json()["code"] == "edition.unknown"
    assert answer.json()["errors"][0]["field"] == "edition"


def test_mapping_between_editions_in_both_directions(reader: TestClient) -> None:
    assert len(get(reader, "mapping")) == 187
    old = get(reader, "mapping", code="0508", kind="component")
    assert [(m["code_2026"], m["relation"], m["name_2026"]) for m in old] == [("01071", "moved", "防汛墙")]
    new = get(reader, "mapping", edition="47678.5-2026", code="10002", kind="matter")
    assert [(m["code_2013"], m["name_2013"]) for m in new] == [("0508", "架空线缆脱落")]
    assert get(reader, "mapping", code="9999", kind="matter")[0]["relation"] == "unknown"


def test_an_extension_class_gets_the_next_number_from_the_top_and_a_mark(operator: tuple[TestClient, list[dict[str, Any]]]) -> None:
    client, audit = operator
    body = {"kind": "component", "major": "01", "name": "爱心驿站", "name_en": "Rest stop for outdoor workers"}
    first = client.post("/api/v1/standards/classes", json=body).json()
    second = client.post("/api/v1/standards/classes", json=body | {"name": "供水压力柜"}).json()
    assert (first["code"], first["name"], first["area_code"]) == ("01999", "爱心驿站(自定义)", "500000")
    assert second["code"] == "01998"
    old = client.post("/api/v1/standards/classes", json=body | {"edition": "30428.2-2013"}).json()
    assert old["code"] == "0199"
    assert [line["action"] for line in audit] == ["class.add"] * 3
    assert client.post("/api/v1/standards/classes", json=body | {"major": "77"}).json()["code"] == "class.major_unknown"
    with read_only(Scope.nothing()) as session:
        table = service.class_table(session)
        assert table.require(*map_class("01999")).name == "爱心驿站(自定义)"


def map_class(code: str) -> tuple[Any, Any, str]:
    from chengyun.standards.codes import Edition, Kind

    return Edition.GB47678_2026, Kind.COMPONENT, code


def test_readers_may_not_change_anything(reader: TestClient) -> None:
    day = {"kind": "holiday", "name": "x", "source": "y"}
    attempts = [
        reader.post("/api/v1/standards/classes", json={"kind": "component", "major": "01", "name": "x"}),
        reader.put("/api/v1/standards/calendar/2026-10-10", json=day),
        reader.delete("/api/v1/standards/calendar/2026-10-10"),
        reader.put("/api/v1/standards/working-hours", json={"valid_from": "2026-01-01", "periods": "08:00-12:00"}),
    ]
    assert [a.status_code for a in attempts] == [403] * 4
    assert {a.json()["code"] for a in attempts} == {"access.denied"}


def test_calendar_of_2026_as_the_state_council_announced_it(reader: TestClient) -> None:
    year = get(reader, "calendar", year=2026)
    assert year["working_days"] == 248
    kinds = {d["day"]: d["kind"] for d in year["days"]}
    assert kinds["2026-10-10"] == "make_up"
    assert kinds["2026-02-16"] == "holiday"
    assert sum(k == "holiday" for k in kinds.values()) == 33
    assert reader.get("/api/v1/standards/calendar", params={"year": 1800}).json()["code"] == "calendar.year"


def due(client: TestClient, start: str, limit: float, unit: str, region: str = "") -> str:
    answer = client.post("/api/v1/standards/deadline", json={"start": start, "limit": limit, "unit": unit, "region_code": region})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["due_at"])


def test_a_changed_day_moves_deadlines_at_once_and_is_audited(operator: tuple[TestClient, list[dict[str, Any]]]) -> None:
    client, audit = operator
    start = "2027-04-02T17:00:00+08:00"
    assert due(client, start, 2, "work_hour") == "2027-04-05T01:00:00Z"
    day = {"kind": "holiday", "name": "清明节", "source": "国务院办公厅通知"}
    assert client.put("/api/v1/standards/calendar/2027-04-05", json=day).json()["kind"] == "holiday"
    assert due(client, start, 2, "work_hour") == "2027-04-06T01:00:00Z"
    assert client.put("/api/v1/standards/calendar/2027-04-05", json=day | {"kind": "ordinary", "area_code": "500103"}).status_code == 200
    assert due(client, start, 2, "work_hour", "500103013006") == "2027-04-05T01:00:00Z"
    assert due(client, start, 2, "work_hour", "500104") == "2027-04-06T01:00:00Z"
    assert client.delete("/api/v1/standards/calendar/2027-04-05").status_code == 204
    assert due(client, start, 2, "work_hour") == "2027-04-05T01:00:00Z"
    assert client.delete("/api/v1/standards/calendar/2027-04-05").json()["code"] == "object.not_found"
    assert [line["action"] for line in audit] == ["calendar.change"] * 3
    assert audit[0]["detail"]["after"]["name"] == "清明节"


def test_an_area_with_working_periods_of_its_own(operator: tuple[TestClient, list[dict[str, Any]]]) -> None:
    client, _ = operator
    start = "2026-11-23T08:00:00+08:00"
    hours = {"area_code": "500229", "valid_from": "2026-11-01", "periods": "09:00-12:00, 14:00-18:00"}
    assert client.put("/api/v1/standards/working-hours", json=hours).json()["periods"] == "09:00-12:00,14:00-18:00"
    assert due(client, start, 1, "work_hour", "500229") == "2026-11-23T02:00:00Z"
    assert due(client, start, 1, "work_hour", "500230") == "2026-11-23T01:00:00Z"
    shown = get(client, "calendar", year=2026, area="500229001")
    assert [h["area_code"] for h in shown["working_hours"]] == ["500229"]
    wrong = client.put("/api/v1/standards/working-hours", json=hours | {"periods": "18:00-09:00"})
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["errors"][0]["field"]) == (422, "calendar.periods", "periods")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"limit": -1}, "limit"),
        ({"limit": "NaN"}, "limit"),
        ({"unit": "week"}, "unit"),
        ({"start": "2026-11-23T08:00:00"}, "start"),
        ({"start": "yesterday"}, "start"),
        ({"region_code": "50010x"}, "region_code"),
        ({"extra": 1}, "extra"),
    ],
)
def test_wrong_deadlines_are_refused_field_by_field(reader: TestClient, change: dict[str, Any], field: str) -> None:
    body = {"start": "2026-11-23T08:00:00+08:00", "limit": 1, "unit": "work_hour", "region_code": ""} | change
    answer = reader.post("/api/v1/standards/deadline", json=body)
    assert answer.status_code == 422
    assert [e["field"] for e in answer.json()["errors"]] == [field]


def test_loading_again_keeps_what_an_operator_changed(operator: tuple[TestClient, list[dict[str, Any]]]) -> None:
    client, _ = operator
    body = {"kind": "ordinary", "name": "照常上班", "source": "市府通知"}
    assert client.put("/api/v1/standards/calendar/2026-05-05", json=body).status_code == 200
    with transaction(Scope.everything()) as session:
        session.connection().exec_driver_sql("UPDATE standard_revision SET fingerprint = 'older release'")
        service.seed(session)
    kinds = {d["day"]: d["kind"] for d in get(client, "calendar", year=2026)["days"]}
    assert kinds["2026-05-05"] == "ordinary"
    assert len(get(client, "classes", kind="matter")["items"]) == 250


def test_somebody_of_a_district_sets_the_calendar_of_the_district_only() -> None:
    local = replace(READER, permissions=OPERATOR.permissions)
    hours = {"valid_from": "2026-07-01", "periods": "08:30-12:00,14:00-18:00", "source": "渝中区通知"}
    holiday = {"kind": "holiday", "name": "区内活动", "source": "渝中区通知"}
    with signed_in(local, router) as (client, lines):
        for area in ("", "500104", "500000"):
            answers = [
                client.put("/api/v1/standards/calendar/2026-11-11", json={**holiday, "area_code": area}),
                client.delete("/api/v1/standards/calendar/2026-10-01", params={"area": area}),
                client.put("/api/v1/standards/working-hours", json={**hours, "area_code": area}),
            ]
            assert [a.json()["code"] for a in answers] == ["access.beyond_area"] * 3, area
        new = {"edition": "47678.5-2026", "kind": "matter", "major": "06", "name": "新类", "name_en": "New"}
        assert client.post("/api/v1/standards/classes", json=new).json()["code"] == "access.beyond_area"
        assert lines == []
        assert client.put("/api/v1/standards/calendar/2026-11-11", json={**holiday, "area_code": "500103"}).status_code == 200
