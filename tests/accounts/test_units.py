"""The tree of units through HTTP, and what other rooms ask of it."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from chengyun.accounts import service
from chengyun.kernel.db import Scope, read_only, transaction
from tests.support.accounts import City

Maker = Callable[..., str]


def unit(city: City, **more: Any) -> dict[str, Any]:
    return {
        "key": f"k{uuid4().hex[:10]}",
        "name": "渝中环卫",
        "kind": "department",
        "parent_id": str(city.units["yuzhong"]),
        "area_code": "500103",
        **more,
    }


def test_everybody_signed_in_sees_all_units(city: City) -> None:
    found = {o["key"]: o for o in city.browser("ddk.handler")("GET", "/organisations")}
    assert {"city", "yuzhong", "dadukou", "yuzhong-street", "yuzhong-gas"} <= set(found)
    assert found["yuzhong-street"]["parent_id"] == found["yuzhong"]["id"]
    assert found["city"]["parent_id"] is None
    streets = city.browser("chief")("GET", "/organisations", kind="street", area_code="500103001")
    assert [o["name"] for o in streets] == ["七星岗街道"]
    assert [o["key"] for o in city.browser("chief")("GET", "/organisations", q="燃气")] == ["yuzhong-gas"]
    assert city.browser("chief")("GET", "/organisations", q="%") == []


def test_a_unit_is_made_changed_and_dissolved_and_each_step_recorded(city: City) -> None:
    system = city.browser("system")
    made = system("POST", "/organisations", unit(city), status=201)
    path = f"/organisations/{made['id']}"
    assert system("PATCH", path, {"name": "渝中环卫中心", "kind": "member"})["name"] == "渝中环卫中心"
    assert system("PATCH", path, {"active": False})["active"] is False
    assert made["key"] not in [o["key"] for o in system("GET", "/organisations")]
    assert made["key"] in [o["key"] for o in system("GET", "/organisations", dissolved=True)]
    lines = city.browser("audit")("GET", "/audit", object_type="organisation", object_id=made["id"])["items"]
    assert [x["action"] for x in lines] == ["organisation.change", "organisation.change", "organisation.add"]
    assert lines[1]["detail"] == {"name": ["渝中环卫", "渝中环卫中心"], "kind": ["department", "member"]}
    assert {x["region_code"] for x in lines} == {"500103"}


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"key": "city"}, 409, "org.exists", "key"),
        ({"key": "With Space"}, 422, "request.invalid", "key"),
        ({"name": ""}, 422, "request.invalid", "name"),
        ({"name": "a\u0007"}, 422, "request.invalid", "name"),
        ({"name": "x" * 81}, 422, "request.invalid", "name"),
        ({"kind": "village"}, 422, "request.invalid", "kind"),
        ({"area_code": "50010"}, 422, "request.invalid", "area_code"),
        ({"area_code": "5001031"}, 422, "code.division_form", "area_code"),
        ({"area_code": "599999"}, 404, "region.unknown", "area_code"),
        ({"area_code": "500104"}, 422, "org.area", "area_code"),
        ({"parent_id": "00000000-0000-0000-0000-000000000000"}, 422, "org.unknown", "parent_id"),
        ({"secret": 1}, 422, "request.invalid", "secret"),
    ],
)
def test_malformed_units_are_refused(city: City, change: dict[str, Any], status: int, code: str, field: str) -> None:
    city.browser("system").refused("POST", "/organisations", unit(city, **change), status, code, field)


def test_a_unit_cannot_stand_below_itself(city: City) -> None:
    system = city.browser("system")
    upper = system("POST", "/organisations", unit(city), status=201)
    lower = system("POST", "/organisations", unit(city, parent_id=upper["id"]), status=201)
    system.refused("PATCH", f"/organisations/{upper['id']}", {"parent_id": lower["id"]}, 409, "org.cycle", "parent_id")
    system.refused("PATCH", f"/organisations/{upper['id']}", {"parent_id": upper["id"]}, 409, "org.cycle", "parent_id")
    system.refused("PATCH", f"/organisations/{upper['id']}", {"active": False}, 409, "org.in_use")
    system("PATCH", f"/organisations/{lower['id']}", {"active": False})
    system("PATCH", f"/organisations/{upper['id']}", {"active": False})
    system.refused("PATCH", f"/organisations/{lower['id']}", {"active": True}, 422, "org.closed")


def test_a_unit_with_people_is_not_dissolved(city: City, fresh_user: Maker) -> None:
    fresh_user(unit="yuzhong-gas")
    system = city.browser("system")
    answer = system.refused("PATCH", f"/organisations/{city.units['yuzhong-gas']}", {"active": False}, 409, "org.in_use")
    assert "0 个下级机构" in answer["detail"]


def test_people_follow_the_area_of_their_unit(city: City) -> None:
    system = city.browser("system")
    made = system("POST", "/organisations", unit(city, parent_id=str(city.units["city"])), status=201)
    body = {"username": f"u{uuid4().hex[:10]}", "name": "李娜", "organisation_id": made["id"]}
    user = system("POST", "/users", body, status=201)
    person = city.browser(user["username"], user["password"])
    assert person("GET", "/session")["areas"] == ["500103"]
    system("PATCH", f"/organisations/{made['id']}", {"area_code": "500104"})
    assert person("GET", "/session")["areas"] == ["500104"]
    assert system("GET", f"/users/{user['id']}")["region_code"] == "500104"
    assert city.browser("yz.system")("GET", f"/users/{user['id']}", status=None).status_code == 404


def test_a_district_changes_its_own_units_only(city: City) -> None:
    system = city.browser("yz.system")
    made = system("POST", "/organisations", unit(city), status=201)
    system("PATCH", f"/organisations/{made['id']}", {"name": "新名"})
    system.refused("POST", "/organisations", unit(city, area_code="500104", parent_id=None), 403, "area.outside", "area_code")
    system.refused("PATCH", f"/organisations/{made['id']}", {"area_code": "500000"}, 403, "area.outside", "area_code")
    for foreign in ("city", "dadukou"):
        system.refused("PATCH", f"/organisations/{city.units[foreign]}", {"name": "x"}, 403, "area.outside")
    system.refused("PATCH", f"/organisations/{uuid4()}", {"name": "x"}, 404, "object.not_found")


def test_a_unit_keeps_the_area_that_its_units_below_need(city: City) -> None:
    path = f"/organisations/{city.units['yuzhong']}"
    city.browser("system").refused("PATCH", path, {"area_code": "500104"}, 422, "org.area", "area_code")


def test_ensuring_a_unit_twice_changes_nothing_that_an_operator_changed(city: City) -> None:
    key = f"k{uuid4().hex[:10]}"

    def ensure(name: str) -> Any:
        with transaction(Scope.everything()) as session:
            return service.ensure_organisation(
                session, key=key, name=name, name_en="", kind="member", parent_key="city", area_code="500103"
            )

    first = ensure("城安办")
    city.browser("system")("PATCH", f"/organisations/{first}", {"name": "城市运行安全办公室"})
    assert ensure("城安办") == first
    with read_only(Scope.nothing()) as session:
        found = service.organisation_by_key(session, key)
        assert found is not None
        assert found.name == "城市运行安全办公室"
        assert service.organisations(session, [first])[first].area_code == "500103"
        assert service.organisations(session, []) == {}
        assert [o.key for o in service.find_units(session, kind="street", area_code="500103001")] == ["yuzhong-street"]
        assert found.id in [o.id for o in service.find_units(session, q="运行安全")]
        assert service.organisation_by_key(session, "no-such-unit") is None
