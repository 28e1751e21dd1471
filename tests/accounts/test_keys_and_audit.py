"""API keys and the audit log through HTTP; what the database itself refuses."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from chengyun.accounts import service
from chengyun.kernel import clock
from chengyun.kernel.clock import ManualClock
from chengyun.kernel.db import Scope, open_session, raw_transaction, transaction
from chengyun.kernel.http import Actor, audit
from tests.support.accounts import Caller, City

NOON = datetime(2026, 11, 25, 4, tzinfo=UTC)
Maker = Callable[..., str]


def key_body(**more: Any) -> dict[str, Any]:
    return {"name": "网关", "permissions": ["telemetry.write", "device.read"], "area_codes": ["500103"], **more}


def call(city: City, secret: str, path: str = "/roles/permissions") -> Any:
    return city.browser().http.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {secret}"})


def test_a_key_is_shown_once_and_works_until_it_is_revoked(city: City, database: str) -> None:
    security = city.browser("security")
    made = security("POST", "/api-keys", key_body(), status=201)
    secret = made["secret"]
    assert secret.startswith("cyk_")
    assert made["hint"] == secret[:10]
    assert made["region_code"] == "500103"
    assert call(city, secret).status_code == 200
    listed = next(k for k in security("GET", "/api-keys")["items"] if k["id"] == made["id"])
    assert "secret" not in listed
    assert listed["last_used_at"] is not None
    with psycopg.connect(database) as connection:
        stored = connection.execute("SELECT api_key::text FROM api_key WHERE id = %s", (made["id"],)).fetchone()
        assert stored is not None
        assert secret not in stored[0]
        logged = connection.execute("SELECT string_agg(audit_log::text, '') FROM audit_log").fetchone()
        assert logged is not None
        assert secret not in logged[0]
    security("DELETE", f"/api-keys/{made['id']}", status=204)
    security("DELETE", f"/api-keys/{made['id']}", status=204)
    assert call(city, secret).json()["code"] == "apikey.invalid"
    actions = [x["action"] for x in city.browser("audit")("GET", "/audit", object_id=made["id"])["items"]]
    assert actions == ["api_key.revoke", "api_key.add"]


def test_a_key_ends_when_its_time_is_over(city: City) -> None:
    time = ManualClock(NOON)
    clock.set_clock(time)
    security = city.browser("security")
    end = (NOON + timedelta(hours=1)).isoformat()
    secret = security("POST", "/api-keys", key_body(expires_at=end), status=201)["secret"]
    assert call(city, secret).status_code == 200
    time.advance(3600)
    answer = call(city, secret)
    assert (answer.status_code, answer.json()["code"]) == (401, "apikey.expired")


@pytest.mark.parametrize("secret", ["cyk_nonsense", "nonsense", "", "cyk_" + "x" * 5000, "cyk_'; --"])
def test_a_key_that_is_none_is_refused(city: City, secret: str) -> None:
    answer = call(city, secret)
    assert (answer.status_code, answer.json()["code"]) == (401, "apikey.invalid")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_key_is_no_person_and_needs_no_second_cookie(city: City) -> None:
    secret = city.browser("security")("POST", "/api-keys", key_body(), status=201)["secret"]
    assert call(city, secret, "/session").json()["code"] == "session.needed"
    for path in ("/users", "/api-keys", "/audit"):
        assert call(city, secret, path).json()["code"] == "access.denied"
    http = city.browser().http
    answer = http.post(
        "/api/v1/session/password",
        json={"current_password": "x", "new_password": "y"},
        headers={"Authorization": f"Bearer {secret}"},
    )
    assert answer.json()["code"] == "session.needed"


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"permissions": ["user.manage"]}, 422, "apikey.permission", "permissions"),
        ({"permissions": ["role.manage"]}, 422, "apikey.permission", "permissions"),
        ({"permissions": ["personal.read"]}, 422, "apikey.permission", "permissions"),
        ({"permissions": ["no.such"]}, 422, "apikey.permission", "permissions"),
        ({"permissions": []}, 422, "request.invalid", "permissions"),
        ({"area_codes": []}, 422, "request.invalid", "area_codes"),
        ({"area_codes": ["599999"]}, 404, "region.unknown", "area_codes.0"),
        ({"area_codes": ["500103", "nonsense"]}, 422, "request.invalid", "area_codes.1"),
        ({"name": "a\u0000"}, 422, "request.invalid", "name"),
        ({"name": "x" * 81}, 422, "request.invalid", "name"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 422, "apikey.expiry", "expires_at"),
        ({"expires_at": "2199-01-01T00:00:00Z"}, 422, "apikey.expiry", "expires_at"),
        ({"expires_at": "2027-01-01T00:00:00"}, 422, "request.invalid", "expires_at"),
        ({"secret": "mine"}, 422, "request.invalid", "secret"),
    ],
)
def test_malformed_keys_are_refused(city: City, change: dict[str, Any], status: int, code: str, field: str) -> None:
    city.browser("security").refused("POST", "/api-keys", key_body(**change), status, code, field)


def test_a_district_gives_keys_for_its_own_area_only(city: City) -> None:
    security = city.browser("yz.security")
    for codes in (["500104"], ["500103", "500104"], ["500000"]):
        answer = security("POST", "/api-keys", key_body(area_codes=codes), status=None)
        assert (answer.status_code, answer.json()["code"]) == (403, "area.outside")
    own = security("POST", "/api-keys", key_body(area_codes=["500103001"]), status=201)
    foreign = city.browser("security")("POST", "/api-keys", key_body(area_codes=["500104"]), status=201)
    listed = {k["id"] for k in security("GET", "/api-keys", limit=200)["items"]}
    assert own["id"] in listed
    assert foreign["id"] not in listed
    security.refused("DELETE", f"/api-keys/{foreign['id']}", None, 404, "object.not_found")
    assert call(city, foreign["secret"]).status_code == 200


def test_the_operator_makes_keys_without_being_anybody(city: City) -> None:
    with transaction(Scope.everything()) as session:
        key_id, secret = service.create_api_key(session, None, name="seed", permissions=["case.read"], area_codes=())
    assert call(city, secret).status_code == 200
    mine = next(k for k in city.browser("security")("GET", "/api-keys", limit=200)["items"] if k["id"] == str(key_id))
    assert (mine["area_codes"], mine["created_by"]) == (["500000"], None)


def test_a_line_says_who_when_what_where_from_and_in_which_request(city: City, fresh_user: Maker) -> None:
    time = ManualClock(NOON)
    clock.set_clock(time)
    name = fresh_user()
    system = city.browser("system")
    answer = system("PATCH", f"/users/{city.users[name]}", {"name": "新名字"}, status=None)
    assert answer.status_code == 200
    line = city.browser("audit")("GET", "/audit", object_id=str(city.users[name]), action="user.change")["items"][0]
    assert line == {
        "id": line["id"],
        "time": "2026-11-25T04:00:00Z",
        "actor": {
            "name": "system 姓名",
            "user_id": str(city.users["system"]),
            "username": "system",
            "api_key_id": None,
            "org_id": str(city.units["city"]),
        },
        "action": "user.change",
        "object_type": "user",
        "object_id": str(city.users[name]),
        "detail": {"name": [name, "新名字"]},
        "region_code": "500103",
        "ip": "testclient",
        "request_id": answer.headers["x-request-id"],
    }
    UUID(line["request_id"])


def find(auditor: Caller, **filters: Any) -> list[Any]:
    found: list[Any] = auditor("GET", "/audit", limit=200, **filters)["items"]
    return found


def test_the_log_is_searched_by_actor_action_object_and_time(city: City) -> None:
    actor = Actor(name="巡查员 甲", user_id=city.users["chief"], area_code="500103", ip="10.1.2.3")
    time = ManualClock(NOON)
    clock.set_clock(time)
    kind = f"thing{uuid4().hex[:8]}"
    with transaction(Scope.everything()) as session:
        for i in range(5):
            audit(session, actor, "thing.move", kind, i, {"at": time.now(), "by": actor.user_id}, "500103001")
            time.advance(60)
    auditor = city.browser("audit")
    assert len(find(auditor, object_type=kind)) == 5
    assert [x["object_id"] for x in find(auditor, object_type=kind, object_id="3")] == ["3"]
    for who in ("chief", "巡查员 甲", str(city.users["chief"])):
        assert len(find(auditor, object_type=kind, actor=who)) == 5
    assert find(auditor, object_type=kind, actor="system") == []
    assert find(auditor, object_type=kind, action="thing.stay") == []
    since, until = (NOON + timedelta(seconds=60)).isoformat(), (NOON + timedelta(seconds=180)).isoformat()
    assert [x["object_id"] for x in find(auditor, object_type=kind, since=since, until=until)] == ["2", "1"]
    first = auditor("GET", "/audit", object_type=kind, limit=2)
    second = auditor("GET", "/audit", object_type=kind, limit=2, cursor=first["next"])
    third = auditor("GET", "/audit", object_type=kind, limit=2, cursor=second["next"])
    assert [x["object_id"] for page in (first, second, third) for x in page["items"]] == ["4", "3", "2", "1", "0"]
    assert third["next"] is None
    auditor.refused("GET", "/audit", None, 422, "request.invalid", "since", since="yesterday")
    auditor.refused("GET", "/audit", None, 422, "request.invalid", "since", since="2026-11-25T00:00:00")
    auditor.refused("GET", "/audit", None, 422, "request.invalid", "actor", actor="a\u0000")


def test_a_districts_auditor_reads_the_lines_of_the_district(city: City) -> None:
    actor = Actor(name="x", area_code="500104")
    kind = f"thing{uuid4().hex[:8]}"
    with transaction(Scope.of([("500104", "500105")])) as session:
        audit(session, actor, "thing.move", kind, "own")
        audit(session, actor, "thing.move", kind, "elsewhere", {}, "500103")
        audit(session, Actor(name="nobody"), "thing.move", kind, "city")
    assert [x["object_id"] for x in find(city.browser("yz.audit"), object_type=kind)] == ["elsewhere"]
    assert len(find(city.browser("audit"), object_type=kind)) == 3


def test_what_is_rolled_back_leaves_no_line_and_a_nul_no_failure(city: City) -> None:
    kind = f"thing{uuid4().hex[:8]}"
    actor = Actor(name="x" * 300, area_code="500104")
    with open_session(Scope.everything()) as session:
        audit(session, actor, "thing.move", kind, "1")
        session.rollback()
    with transaction(Scope.everything()) as session:
        audit(session, actor, "thing.move", kind, "a\0b" * 200, {"text": "a\0b", "odd": object, "deep": [{"x": {1: 2}}]})
    found = find(city.browser("audit"), object_type=kind)
    assert len(found) == 1
    assert found[0]["detail"]["text"] == "ab"
    assert found[0]["detail"]["deep"] == [{"x": {"1": 2}}]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor_name = 'somebody else'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "DROP TABLE audit_log",
        "ALTER TABLE audit_log DISABLE TRIGGER ALL",
        "CREATE OR REPLACE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
    ],
)
def test_the_application_cannot_change_the_log(city: City, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), raw_transaction(Scope.everything()) as connection:
        connection.execute(statement.encode())


@pytest.mark.parametrize("statement", ["UPDATE audit_log SET ip = ''", "DELETE FROM audit_log", "TRUNCATE audit_log"])
def test_even_the_owner_of_the_database_is_stopped_by_the_triggers(city: City, database: str, statement: str) -> None:
    with psycopg.connect(database) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_another_upgrade_does_not_give_the_rights_back(city: City, database: str) -> None:
    from chengyun.kernel.migrate import upgrade

    upgrade(database)
    test_the_application_cannot_change_the_log(city, "DELETE FROM audit_log")
