"""Users, posts and roles through HTTP: who may change whom, and who may grant what."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from chengyun.accounts.permissions import POSTS
from tests.support.accounts import PASSWORD, City

Maker = Callable[..., str]
ODD = ["'; DROP TABLE app_user; --", "<script>alert(1)</script>", "名字 “引号” 𠮷 é", "100% _ \\ {x}", "null", "=1+1"]


def body(city: City, **more: Any) -> dict[str, Any]:
    return {"username": f"u{uuid4().hex[:12]}", "name": "李娜", "organisation_id": str(city.units["yuzhong"]), **more}


def user_path(city: City, username: str) -> str:
    return f"/users/{city.users[username]}"


def lines(city: City, **filters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = city.browser("audit")("GET", "/audit", **filters)["items"]
    return found


def test_a_new_user_can_sign_in_and_do_nothing_until_a_post_is_granted(city: City) -> None:
    system, security = city.browser("system"), city.browser("security")
    made = system("POST", "/users", body(city), status=201)
    assert made["posts"] == []
    assert made["must_change_password"] is True
    assert made["state"] == "active"
    assert made["organisation"]["name"] == "渝中区"
    person = city.browser(made["username"], made["password"])
    assert person("GET", "/session")["permissions"] == []
    assert person("GET", "/session")["user"]["must_change_password"] is True
    person.refused("GET", "/users", None, 403, "access.denied")
    granted = security("PATCH", f"/users/{made['id']}", {"posts": ["dispatcher", "handler"]})
    assert granted["posts"] == ["dispatcher", "handler"]
    assert "case.dispatch" in person("GET", "/session")["permissions"]
    added = next(x for x in lines(city, object_id=made["id"], action="user.add"))
    unit = str(city.units["yuzhong"])
    assert added["detail"] == {"username": made["username"], "name": "李娜", "organisation_id": unit, "phone": False}
    assert added["actor"]["username"] == "system"
    change = next(x for x in lines(city, object_id=made["id"], action="user.change"))
    assert change["detail"] == {"posts": [[], ["dispatcher", "handler"]]}
    assert change["actor"]["username"] == "security"


def test_each_administrator_keeps_to_the_own_duty(city: City, fresh_user: Maker) -> None:
    name = fresh_user()
    system, security, audit = (city.browser(n) for n in ("system", "security", "audit"))
    system.refused("PATCH", user_path(city, name), {"posts": ["leader"]}, 403, "access.denied", "posts")
    system.refused("PATCH", user_path(city, name), {"area_codes": []}, 403, "access.denied", "area_codes")
    system.refused("POST", "/roles", {"key": "mine", "name": "x", "permissions": []}, 403, "access.denied")
    system.refused("POST", f"{user_path(city, name)}/unlock", None, 403, "access.denied")
    system.refused("GET", "/audit", None, 403, "access.denied")
    system.refused("GET", "/api-keys", None, 403, "access.denied")
    security.refused("POST", "/users", body(city), 403, "access.denied")
    security.refused("PATCH", user_path(city, name), {"name": "x"}, 403, "access.denied", "name")
    security.refused("PATCH", user_path(city, name), {"posts": [], "state": "disabled"}, 403, "access.denied", "state")
    security.refused("GET", "/audit", None, 403, "access.denied")
    for method, path in (("GET", "/users"), ("POST", "/users"), ("GET", "/api-keys"), ("PATCH", user_path(city, name))):
        audit.refused(method, path, {} if method != "GET" else None, 403, "access.denied")
    for method, path in (("GET", "/users"), ("GET", "/organisations"), ("GET", "/roles"), ("GET", "/api-keys"), ("GET", "/audit")):
        city.browser().refused(method, path, None, 401, "access.sign_in")


def test_nobody_grants_to_himself(city: City) -> None:
    security = city.browser("security")
    own = user_path(city, "security")
    security.refused("PATCH", own, {"posts": ["security_admin", "leader"]}, 403, "user.own_rights", "posts")
    security.refused("PATCH", own, {"area_codes": ["500103"]}, 403, "user.own_rights", "area_codes")
    security.refused("POST", f"{own}/password", {}, 403, "user.own_state")
    system = city.browser("system")
    system.refused("PATCH", user_path(city, "system"), {"state": "disabled"}, 403, "user.own_state", "state")


def test_nobody_comes_to_a_right_by_way_of_a_role_that_he_holds(city: City, fresh_user: Maker) -> None:
    security = city.browser("security")
    security("POST", "/roles", {"key": "granting", "name": "授权员", "permissions": ["role.manage"]}, status=201)
    name = fresh_user(posts=())
    security("PATCH", user_path(city, name), {"posts": ["granting"]})
    grantor = city.browser(name)
    grantor.refused("PATCH", "/roles/granting", {"permissions": ["role.manage", "case.close"]}, 403, "role.own")


def test_the_three_duties_stay_in_three_hands(city: City, fresh_user: Maker) -> None:
    security, name = city.browser("security"), fresh_user(posts=("system_admin",))
    path = user_path(city, name)
    security.refused("PATCH", path, {"posts": ["system_admin", "audit_admin"]}, 409, "user.duties", "posts")
    security.refused("PATCH", path, {"posts": ["security_admin", "audit_admin"]}, 409, "user.duties", "posts")
    two = {"key": "two_hands", "name": "两手", "permissions": ["user.manage", "audit.read"]}
    security.refused("POST", "/roles", two, 409, "user.duties", "permissions")
    security("POST", "/roles", {**two, "permissions": ["case.read"]}, status=201)
    security("PATCH", path, {"posts": ["system_admin", "two_hands"]})
    security.refused("PATCH", "/roles/two_hands", {"permissions": ["audit.read"]}, 409, "user.duties", "permissions")
    security("PATCH", "/roles/two_hands", {"permissions": ["case.read", "case.report"]})
    # The account from the command line holds two duties: one can be taken away, none added.
    both = fresh_user(posts=("system_admin", "security_admin"))
    security.refused("PATCH", user_path(city, both), {"posts": ["system_admin", "security_admin", "leader"]}, 409, "user.duties")
    security("PATCH", user_path(city, both), {"posts": ["system_admin"]})


def test_the_last_administrators_stay(city: City, database: str) -> None:
    from chengyun.accounts import service
    from chengyun.kernel.db import Scope, transaction

    everybody = "UPDATE app_user SET state = %s WHERE username NOT IN ('system', 'security', 'yz.system', 'yz.security', 'both')"
    with transaction(Scope.everything()) as session:
        service.ensure_user(
            session,
            username="both",
            password=PASSWORD,
            name="Both",
            org_id=city.units["city"],
            posts=["system_admin", "security_admin"],
        )
    both = city.browser("both")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(everybody, ("disabled",))
        try:
            for name in ("system", "yz.system", "yz.security"):
                both("PATCH", user_path(city, name), {"state": "disabled"})
            security = city.browser("security")
            path = f"/users/{both('GET', '/session')['user']['id']}"
            security.refused("PATCH", path, {"posts": ["security_admin"]}, 409, "user.last_admin", "posts")
            security("PATCH", path, {"posts": ["system_admin"]})
            both.refused("PATCH", user_path(city, "security"), {"state": "disabled"}, 409, "user.last_admin", "state")
            move = {"organisation_id": str(city.units["yuzhong"])}
            answer = both.refused("PATCH", user_path(city, "security"), move, 409, "user.last_admin", "organisation_id")
            assert "安全管理员" in answer["detail"]
        finally:
            connection.execute("UPDATE app_user SET state = 'active' WHERE username <> 'both'")
            connection.execute("UPDATE app_user SET state = 'disabled' WHERE username = 'both'")


def test_a_password_is_no_way_around_the_three_hands(city: City, fresh_user: Maker) -> None:
    system, security = city.browser("system"), city.browser("security")
    for who, target in ((system, "security"), (system, "audit"), (security, "system"), (security, "audit")):
        who.refused("POST", f"{user_path(city, target)}/password", {}, 403, "password.above")
    colleague = fresh_user(posts=("system_admin",))
    assert system("POST", f"{user_path(city, colleague)}/password", {})["password"]


def test_a_password_set_by_another_ends_log_ins_and_is_to_be_changed(city: City, fresh_user: Maker) -> None:
    name = fresh_user()
    person, system = city.browser(name), city.browser("system")
    made = system("POST", f"{user_path(city, name)}/password", {})["password"]
    assert len(made) >= 20
    person.refused("GET", "/session", None, 401, "session.expired")
    person = city.browser(name, made)
    assert person("GET", "/session")["user"]["must_change_password"] is True
    person("POST", "/session/password", {"current_password": made, "new_password": "Blumen am Ufer 44"}, status=204)
    assert person("GET", "/session")["user"]["must_change_password"] is False
    assert system("POST", f"{user_path(city, name)}/password", {"password": " Ufer und Blumen 44 "}) == {"password": None}
    assert city.browser().sign_in(name, " Ufer und Blumen 44 ").status_code == 200
    system.refused("POST", f"{user_path(city, name)}/password", {"password": "short"}, 422, "password.short", "password")
    actions = [(x["action"], x["actor"]["username"]) for x in lines(city, object_id=str(city.users[name]))]
    assert actions.count(("password.set", "system")) == 2
    assert ("password.change", name) in actions
    assert made not in str(lines(city, object_id=str(city.users[name])))


def test_who_moves_to_another_unit_loses_posts_and_areas(city: City, fresh_user: Maker) -> None:
    name = fresh_user(posts=("duty_chief",), area_codes=("500103001",))
    system = city.browser("system")
    moved = system("PATCH", user_path(city, name), {"organisation_id": str(city.units["dadukou"])})
    assert (moved["region_code"], moved["posts"], moved["area_codes"]) == ("500104", [], [])
    person = city.browser(name)("GET", "/session")
    assert (person["areas"], person["permissions"]) == (["500104"], [])
    change = lines(city, object_id=str(city.users[name]), action="user.change")[0]["detail"]
    assert change["posts"] == [["duty_chief"], []]


def test_own_areas_take_the_place_of_the_units(city: City, fresh_user: Maker) -> None:
    name, security = fresh_user(unit="city", posts=("leader",)), city.browser("security")
    assert city.browser(name)("GET", "/session")["areas"] == ["500000"]
    security("PATCH", user_path(city, name), {"area_codes": ["500104", "500103"]})
    assert city.browser(name)("GET", "/session")["areas"] == ["500103", "500104"]
    security.refused("PATCH", user_path(city, name), {"area_codes": ["599999"]}, 404, "region.unknown", "area_codes.0")
    security.refused("PATCH", user_path(city, name), {"area_codes": ["5001035"]}, 422, "code.division_form", "area_codes.0")
    district = city.browser("yz.security")
    person = fresh_user()
    district.refused("PATCH", user_path(city, person), {"area_codes": ["500104"]}, 403, "area.outside", "area_codes.0")
    district.refused("PATCH", user_path(city, person), {"area_codes": ["500000"]}, 403, "area.outside", "area_codes.0")
    district("PATCH", user_path(city, person), {"area_codes": ["500103001"]})


def test_a_district_administrates_its_own_people_only(city: City, fresh_user: Maker) -> None:
    own, foreign = fresh_user(), fresh_user(unit="dadukou")
    system, security = city.browser("yz.system"), city.browser("yz.security")
    found = [u["username"] for u in system("GET", "/users", limit=200)["items"]]
    assert own in found
    assert not {foreign, "system", "ddk.handler"} & set(found)
    for who, method, path, data in (
        (system, "GET", user_path(city, foreign), None),
        (system, "PATCH", user_path(city, foreign), {"name": "x"}),
        (system, "POST", f"{user_path(city, foreign)}/password", {}),
        (security, "PATCH", user_path(city, foreign), {"posts": ["leader"]}),
        (security, "POST", f"{user_path(city, foreign)}/unlock", None),
    ):
        who.refused(method, path, data, 404, "object.not_found")
    elsewhere = {"organisation_id": str(city.units["dadukou"])}
    system.refused("POST", "/users", body(city, **elsewhere), 403, "area.outside", "organisation_id")
    system.refused("POST", "/users", body(city, organisation_id=str(city.units["city"])), 403, "area.outside", "organisation_id")
    system.refused("PATCH", user_path(city, own), elsewhere, 403, "area.outside", "organisation_id")
    # The name is taken, although the district cannot see by whom.
    system.refused("POST", "/users", body(city, username=foreign), 409, "user.exists", "username")


def test_the_telephone_number_is_shortened_and_each_look_recorded(city: City) -> None:
    system, security = city.browser("system"), city.browser("security")
    made = system("POST", "/users", body(city, phone="+86 138-0000 1234"), status=201)
    path = f"/users/{made['id']}"
    assert made["phone"] == "***************34"
    assert system("GET", path)["phone"] == "***************34"
    assert security("GET", "/users", q=made["username"])["items"][0]["phone"] == "***************34"
    assert lines(city, object_id=made["id"], action="user.look") == []
    assert security("GET", path)["phone"] == "+86 138-0000 1234"
    look = lines(city, object_id=made["id"], action="user.look")
    assert [(x["actor"]["username"], x["detail"], x["region_code"]) for x in look] == [("security", {"fields": ["phone"]}, "500103")]
    system("PATCH", path, {"phone": "023-6300 0000"})
    assert security("GET", "/users", q="6300")["items"] == []
    assert system("PATCH", path, {"phone": None})["phone"] is None
    assert "6300" not in str(lines(city, object_id=made["id"]))
    assert "1380000" not in str(lines(city, object_id=made["id"]))


@pytest.mark.parametrize("text", ODD)
def test_odd_text_comes_back_as_it_went(city: City, text: str) -> None:
    system, security = city.browser("system"), city.browser("security")
    made = system("POST", "/users", body(city, name=text), status=201)
    assert made["name"] == text
    assert made["id"] in [u["id"] for u in system("GET", "/users", q=text, limit=200)["items"]]
    assert system("PATCH", f"/users/{made['id']}", {"name": text[::-1]})["name"] == text[::-1]
    key = f"r{uuid4().hex[:10]}"
    role = security("POST", "/roles", {"key": key, "name": text, "name_en": text, "description": text, "permissions": []}, status=201)
    assert (role["name"], role["name_en"], role["description"]) == (text, text, text)
    unit = {"key": key, "name": text, "name_en": text, "kind": "member", "area_code": "500103"}
    assert system("POST", "/organisations", unit, status=201)["name_en"] == text
    secret = security("POST", "/api-keys", {"name": text, "permissions": ["case.read"], "area_codes": ["500103"]}, status=201)
    assert secret["name"] == text
    assert lines(city, object_id=made["id"], action="user.add")[0]["detail"]["name"] == text


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"username": "x"}, "username", "user.username"),
        ({"username": "name with spaces"}, "username", "user.username"),
        ({"username": "名字"}, "username", "user.username"),
        ({"username": "../etc"}, "username", "user.username"),
        ({"username": "x" * 101}, "username", "field.too_long"),
        ({"name": ""}, "name", "field.too_short"),
        ({"name": "   "}, "name", "field.too_short"),
        ({"name": "x" * 61}, "name", "field.too_long"),
        ({"name": "a\u0000b"}, "name", "field.control_characters"),
        ({"name": "a\nb"}, "name", "field.control_characters"),
        ({"name": "a\u001bb"}, "name", "field.control_characters"),
        ({"name": "a\u2028b"}, "name", "field.control_characters"),
        ({"name": 7}, "name", "field.type"),
        ({"phone": "not a number"}, "phone", "field.telephone"),
        ({"phone": "1" * 31}, "phone", "field.too_long"),
        ({"phone": "１３８００００１２３４"}, "phone", "field.telephone"),
        ({"language": "de"}, "language", "field.choice"),
        ({"organisation_id": "nonsense"}, "organisation_id", "field.type"),
        ({"organisation_id": "00000000-0000-0000-0000-000000000000"}, "organisation_id", "org.unknown"),
        ({"password": "short"}, "password", "password.short"),
        ({"posts": ["system_admin"]}, "posts", "field.unknown"),
        ({"state": "active"}, "state", "field.unknown"),
        ({"region_code": "500000"}, "region_code", "field.unknown"),
    ],
)
def test_malformed_users_are_refused_field_by_field(city: City, change: dict[str, Any], field: str, code: str) -> None:
    answer = city.browser("system")("POST", "/users", body(city, **change), status=None)
    assert answer.status_code == 422, answer.text
    assert [(e["field"], e["code"]) for e in answer.json()["errors"]] == [(field, code)]


def test_a_change_is_whole_or_not_at_all(city: City, fresh_user: Maker) -> None:
    name = fresh_user()
    path, security = user_path(city, name), city.browser("security")
    security.refused("PATCH", path, {"area_codes": ["500104"], "posts": ["leader", "no_such_post"]}, 422, "user.unknown_post", "posts")
    seen = security("GET", path)
    assert (seen["posts"], seen["area_codes"]) == (["duty_chief"], [])
    assert lines(city, object_id=str(city.users[name]), action="user.change") == []


def test_a_change_that_changes_nothing_is_not_recorded(city: City, fresh_user: Maker) -> None:
    name = fresh_user()
    security = city.browser("security")
    before = security("GET", user_path(city, name))
    assert security("PATCH", user_path(city, name), {"posts": ["duty_chief"], "area_codes": []}) == before
    assert lines(city, object_id=str(city.users[name]), action="user.change") == []


def test_unknown_users_and_malformed_identities(city: City) -> None:
    system = city.browser("system")
    system.refused("GET", f"/users/{uuid4()}", None, 404, "object.not_found")
    system.refused("PATCH", f"/users/{uuid4()}", {"name": "x"}, 404, "object.not_found")
    system.refused("GET", "/users/nonsense", None, 422, "request.invalid", "user_id")
    system.refused("GET", "/users", None, 422, "request.invalid", "state", state="deleted")
    system.refused("GET", "/users", None, 422, "request.invalid", "limit", limit=1000)
    system.refused("GET", "/users", None, 422, "request.invalid", "q", q="a\u0000")
    system.refused("GET", "/users", None, 400, "request.cursor", "cursor", cursor="nonsense")


def test_the_list_of_users_has_pages_filters_and_a_fixed_number_of_queries(city: City, fresh_user: Maker) -> None:
    from sqlalchemy import event

    from chengyun.kernel.db import get_engine

    made = {fresh_user("page", unit="yuzhong-gas", posts=("handler", "dispatcher")) for _ in range(7)}
    system = city.browser("system")
    seen: list[str] = []
    cursor = None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = system("GET", "/users", organisation_id=str(city.units["yuzhong-gas"]), post="handler", limit=3, **more)
        seen += [u["username"] for u in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == sorted(seen)
    assert set(seen) >= made
    counts = []
    for limit in (2, 7):
        statements: list[str] = []

        def note(_c: Any, _cursor: Any, statement: str, *_: Any, into: list[str] = statements) -> None:
            into.append(statement)

        event.listen(get_engine(), "before_cursor_execute", note)
        system("GET", "/users", organisation_id=str(city.units["yuzhong-gas"]), limit=limit)
        event.remove(get_engine(), "before_cursor_execute", note)
        counts.append(len(statements))
    # Caller and its scope; scope and read-only of the request; users, posts, locks, units.
    assert counts == [8, 8]


def test_the_built_in_posts_are_there_and_cannot_be_changed(city: City) -> None:
    security = city.browser("security")
    roles = {r["key"]: r for r in security("GET", "/roles")}
    for post in POSTS:
        assert roles[post.key]["built_in"] is True
        assert roles[post.key]["permissions"] == list(post.permissions)
    security.refused("PATCH", "/roles/leader", {"permissions": ["case.read"]}, 409, "role.built_in")
    security.refused("PATCH", "/roles/no_such_role", {"name": "x"}, 404, "object.not_found")
    security.refused("POST", "/roles", {"key": "leader", "name": "x", "permissions": []}, 409, "role.exists", "key")
    wrong = {"key": "wrong", "name": "x", "permissions": ["case.read", "case.destroy"]}
    security.refused("POST", "/roles", wrong, 422, "role.permission", "permissions.1")
    for bad in ("X", "1a", "a-b", "a" * 41, ""):
        security.refused("POST", "/roles", {"key": bad, "name": "x", "permissions": []}, 422, "request.invalid", "key")


def test_a_role_of_the_citys_own_works_and_its_change_is_recorded(city: City, fresh_user: Maker) -> None:
    security, name = city.browser("security"), fresh_user(posts=())
    key = f"night_{uuid4().hex[:8]}"
    security("POST", "/roles", {"key": key, "name": "夜班", "permissions": ["case.read", "alarm.read", "case.read"]}, status=201)
    security("PATCH", user_path(city, name), {"posts": [key]})
    person = city.browser(name)
    assert person("GET", "/session")["permissions"] == ["alarm.read", "case.read"]
    security("PATCH", f"/roles/{key}", {"permissions": ["alarm.read"]})
    assert person("GET", "/session")["permissions"] == ["alarm.read"]
    found = lines(city, object_type="role", object_id=key)
    assert [(x["action"], x["detail"].get("permissions")) for x in found] == [
        ("role.change", [["alarm.read", "case.read"], ["alarm.read"]]),
        ("role.add", ["alarm.read", "case.read"]),
    ]


def test_a_role_holds_in_the_whole_city_so_nobody_of_a_district_changes_one(city: City) -> None:
    own = {"key": f"r_{uuid4().hex[:8]}", "name": "协管", "permissions": ["case.read"]}
    city.browser("security")("POST", "/roles", own, status=201)
    district = city.browser("yz.security")
    district.refused("PATCH", f"/roles/{own['key']}", {"permissions": ["case.read", "case.void"]}, 403, "access.beyond_area")
    district.refused("PATCH", f"/roles/{own['key']}", {"permissions": ["case.read", "pack.apply"]}, 403, "access.beyond_area")
    district.refused("POST", "/roles", {**own, "key": f"{own['key']}x"}, 403, "access.beyond_area")


def test_a_role_by_which_the_last_one_administers_keeps_its_permission(city: City, fresh_user: Maker, database: str) -> None:
    key, name = f"keeper_{uuid4().hex[:8]}", fresh_user(posts=())
    security = city.browser("security")
    security("POST", "/roles", {"key": key, "name": "建账员", "permissions": ["user.manage", "case.read"]}, status=201)
    security("PATCH", user_path(city, name), {"posts": [key]})
    others = (
        "UPDATE app_user u SET state = %s FROM user_role ur JOIN role r ON r.key = ur.role_key"
        " WHERE ur.user_id = u.id AND 'user.manage' = ANY(r.permissions) AND r.key <> %s AND u.state <> %s"
    )
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(others, ("disabled", key, "disabled"))
        try:
            security.refused("PATCH", f"/roles/{key}", {"permissions": ["case.read"]}, 409, "user.last_admin", "permissions")
            security("PATCH", f"/roles/{key}", {"permissions": ["user.manage"]})
        finally:
            connection.execute(others, ("active", key, "active"))


def test_all_permissions_are_listed_in_both_languages(city: City) -> None:
    found = {p["key"]: p for p in city.browser("chief")("GET", "/roles/permissions")}
    assert len(found) == 31
    assert found["case.file"]["name"] == "立案、不予立案"
    assert found["telemetry.write"]["for_api_keys"] is True
    assert not any(found[p]["for_api_keys"] for p in ("user.manage", "role.manage", "apikey.manage", "audit.read", "org.manage"))
