"""Signing in and out through HTTP: cookies, lock, expiry, the second cookie, one's own password."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from statistics import median
from time import perf_counter
from typing import Any

import psycopg
import pytest

from chengyun.kernel import clock
from chengyun.kernel.clock import ManualClock, ScaledClock
from chengyun.kernel.security import token_digest
from chengyun.kernel.settings import get_settings
from tests.support.accounts import PASSWORD, City

NOON = datetime(2026, 11, 25, 4, tzinfo=UTC)
Maker = Callable[..., str]


def test_me_has_the_shape_that_the_web_client_knows(city: City) -> None:
    chief = city.browser("chief")
    me = chief("GET", "/session")
    assert me["user"] == {
        "id": str(city.users["chief"]),
        "username": "chief",
        "name": "chief 姓名",
        "posts": ["duty_chief"],
        "language": "zh-CN",
        "must_change_password": False,
    }
    assert me["organisation"] == {
        "id": str(city.units["yuzhong"]),
        "name": "渝中区",
        "name_en": "Yuzhong",
        "kind": "district",
        "area_code": "500103",
        "area_name": "渝中区",
    }
    assert "case.file" in me["permissions"]
    assert "user.manage" not in me["permissions"]
    assert me["areas"] == ["500103"]
    assert chief.sign_in("chief").json() == me


def test_the_whole_city_has_a_name(city: City) -> None:
    assert city.browser("system")("GET", "/session")["organisation"]["area_name"] == "重庆市"


def test_cookies_are_kept_from_scripts_and_from_other_sites(city: City) -> None:
    answer = city.browser().sign_in("chief")
    first, second = answer.headers.get_list("set-cookie")
    assert first.startswith("cy_session=")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(first.split("; "))
    assert second.startswith("cy_csrf=")
    assert "HttpOnly" not in second
    assert "SameSite=strict" in second
    assert "Secure" not in first
    assert answer.headers["cache-control"] == "no-store"


def test_cookies_are_secure_where_the_operator_says_so(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_settings(), "secure_cookies", True)
    assert all("; Secure" in line for line in city.browser().sign_in("chief").headers.get_list("set-cookie"))


def test_only_digests_are_stored(city: City, database: str) -> None:
    chief = city.browser("chief")
    token = chief.http.cookies["cy_session"]
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT token_digest FROM user_session WHERE token_digest = %s", (token_digest(token),)).fetchall()
        hashes = [row[0] for row in connection.execute("SELECT password_hash FROM app_user")]
    assert len(found) == 1
    assert all(h.startswith("$argon2id$") for h in hashes)


def test_a_user_name_is_not_case_sensitive(city: City) -> None:
    assert city.browser().sign_in(" CHIEF ").status_code == 200


@pytest.mark.parametrize("username", ["nobody-has-this", "chief", "' OR 1=1 --", "<b>chief</b>", "管理员", "a", "x" * 100])
def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(city: City, fresh_user: Maker, username: str) -> None:
    name = fresh_user() if username == "chief" else username
    answer = city.browser().sign_in(name, "not the password")
    assert answer.status_code == 401
    body = answer.json()
    assert {k: body[k] for k in ("code", "detail", "errors")} == {
        "code": "session.invalid",
        "detail": "用户名或密码不正确",
        "errors": [],
    }
    assert "set-cookie" not in answer.headers


def test_an_unknown_name_takes_as_long_as_a_wrong_password(city: City, fresh_user: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_settings(), "lockout_attempts", 1000)
    browser, known = city.browser(), fresh_user()
    times: dict[str, list[float]] = {known: [], "nobody.at.all": []}
    for _ in range(12):
        for name, spent in times.items():
            started = perf_counter()
            assert browser.sign_in(name, "not the password").status_code == 401
            spent.append(perf_counter() - started)
    a, b = median(times[known]), median(times["nobody.at.all"])
    assert max(a, b) < 1.6 * min(a, b)


@pytest.mark.parametrize("exists", [True, False])
def test_five_wrong_passwords_lock_and_the_lock_doubles(city: City, fresh_user: Maker, exists: bool) -> None:
    time = ManualClock(NOON)
    clock.set_clock(time)
    name = fresh_user() if exists else f"ghost{NOON.timestamp():.0f}"
    browser = city.browser()
    for minutes in (5, 10, 20):
        for _ in range(5):
            assert browser.sign_in(name, "not the password").status_code == 401
        answer = browser.sign_in(name)
        assert (answer.status_code, answer.json()["code"]) == (423, "session.locked")
        assert f"{minutes} 分钟" in answer.json()["detail"]
        assert answer.headers["retry-after"] == str(minutes * 60)
        time.advance(minutes * 60 - 1)
        assert browser.sign_in(name).status_code == 423
        time.advance(1)
    assert browser.sign_in(name).status_code == (200 if exists else 401)


def test_a_right_password_forgets_the_wrong_ones(city: City, fresh_user: Maker) -> None:
    name, browser = fresh_user(), city.browser()
    for _ in range(3):
        for _ in range(4):
            assert browser.sign_in(name, "not the password").status_code == 401
        assert browser.sign_in(name).status_code == 200


def test_many_guesses_at_once_get_no_more_looks_than_one_after_the_other(city: City, fresh_user: Maker) -> None:
    name = fresh_user()
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: city.browser().sign_in(name, "not the password").status_code, range(40)))
    assert statuses.count(401) == 5
    assert statuses.count(423) == 35


def test_a_security_administrator_unlocks(city: City, fresh_user: Maker) -> None:
    name, browser = fresh_user(), city.browser()
    for _ in range(6):
        browser.sign_in(name, "not the password")
    assert browser.sign_in(name).status_code == 423
    security = city.browser("security")
    locked = security("GET", "/users", state="locked", q=name)["items"]
    assert [u["username"] for u in locked] == [name]
    assert locked[0]["locked_until"]
    unlocked = security("POST", f"/users/{city.users[name]}/unlock")
    assert unlocked["locked_until"] is None
    assert browser.sign_in(name).status_code == 200


def test_a_log_in_ends_when_it_is_idle_and_in_any_case_after_its_hours(city: City) -> None:
    time = ManualClock(NOON)
    clock.set_clock(time)
    browser = city.browser("chief")
    time.advance(119 * 60)
    browser("GET", "/session")
    time.advance(121 * 60)
    browser.refused("GET", "/session", None, 401, "session.expired")

    browser.sign_in("chief")
    for _ in range(7):
        time.advance(100 * 60)
        browser("GET", "/session")
    time.advance(21 * 60)
    browser.refused("GET", "/session", None, 401, "session.expired")


def test_an_ended_cookie_does_not_stand_in_the_way_of_signing_in_or_out(city: City) -> None:
    browser = city.browser()
    browser.http.cookies.set("cy_session", "nonsense")
    browser.refused("GET", "/session", None, 401, "session.expired")
    browser("GET", "/about")
    browser("DELETE", "/session", status=204)
    browser.http.cookies.set("cy_session", "nonsense")
    assert browser.sign_in("chief").status_code == 200


def test_signing_out_ends_the_log_in_on_the_server(city: City) -> None:
    browser = city.browser("chief")
    token = browser.http.cookies["cy_session"]
    browser("DELETE", "/session", status=204)
    assert "cy_session" not in browser.http.cookies
    browser.refused("GET", "/session", None, 401, "access.sign_in")
    browser.http.cookies.set("cy_session", token)
    browser.refused("GET", "/session", None, 401, "session.expired")


def test_signing_in_again_ends_the_log_in_before(city: City) -> None:
    browser = city.browser("chief")
    before = browser.http.cookies["cy_session"]
    browser.sign_in("chief")
    other = city.browser()
    other.http.cookies.set("cy_session", before)
    other.refused("GET", "/session", None, 401, "session.expired")


def test_changes_need_the_second_cookie_as_a_header(city: City) -> None:
    browser = city.browser("chief")
    good = browser.http.cookies["cy_csrf"]
    body = {"current_password": "wrong", "new_password": "wrong"}
    for value in (None, "", "nonsense", good[:-1]):
        headers = {"X-CSRF-Token": value} if value is not None else {}
        answer = browser.http.post("/api/v1/session/password", json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "access.csrf")
    assert browser.http.get("/api/v1/session").status_code == 200
    # A pair that somebody else planted is equal in itself but does not belong to the log-in.
    browser.http.cookies.set("cy_csrf", "planted", domain="testserver.local")
    planted = city.browser()
    planted.http.cookies.set("cy_session", browser.http.cookies["cy_session"])
    planted.http.cookies.set("cy_csrf", "planted")
    planted.refused("POST", "/session/password", body, 403, "access.csrf")


def test_somebody_disabled_is_out_with_the_next_request(city: City, fresh_user: Maker) -> None:
    name = fresh_user()
    browser = city.browser(name)
    browser("GET", "/session")
    system = city.browser("system")
    system("PATCH", f"/users/{city.users[name]}", {"state": "disabled"})
    browser.refused("GET", "/session", None, 401, "session.expired")
    answer = city.browser().sign_in(name)
    assert (answer.status_code, answer.json()["code"]) == (403, "session.disabled")
    assert city.browser().sign_in(name, "not the password").json()["code"] == "session.invalid"
    system("PATCH", f"/users/{city.users[name]}", {"state": "active"})
    assert city.browser(name)("GET", "/session")["user"]["username"] == name


def test_a_post_taken_away_is_gone_with_the_next_request(city: City, fresh_user: Maker) -> None:
    name = fresh_user("engineer", posts=("system_admin",))
    browser = city.browser(name)
    browser("GET", "/users")
    city.browser("security")("PATCH", f"/users/{city.users[name]}", {"posts": ["handler"]})
    browser.refused("GET", "/users", None, 403, "access.denied")


def test_one_changes_ones_own_password_and_log_ins_elsewhere_end(city: City, fresh_user: Maker) -> None:
    name, new = fresh_user(), "Blumen am Ufer 44"
    here, elsewhere = city.browser(name), city.browser(name)
    body = {"current_password": PASSWORD, "new_password": new}
    here.refused("POST", "/session/password", {**body, "current_password": "wrong"}, 422, "password.wrong", "current_password")
    here.refused("POST", "/session/password", {**body, "new_password": PASSWORD}, 422, "password.same", "new_password")
    here("POST", "/session/password", body, status=204)
    here("GET", "/session")
    elsewhere.refused("GET", "/session", None, 401, "session.expired")
    assert city.browser().sign_in(name).status_code == 401
    assert city.browser().sign_in(name, new).status_code == 200


def test_guessing_the_present_password_locks_too(city: City, fresh_user: Maker) -> None:
    name = fresh_user()
    browser = city.browser(name)
    body = {"current_password": "wrong", "new_password": "Blumen am Ufer 44"}
    for _ in range(5):
        browser.refused("POST", "/session/password", body, 422, "password.wrong")
    browser.refused("POST", "/session/password", {**body, "current_password": PASSWORD}, 423, "session.locked")


@pytest.mark.parametrize(
    ("new", "code"),
    [
        ("Kurz-7!x", "password.short"),
        ("x7" * 70, "password.long"),
        ("1234567890", "password.simple"),
        ("qwertyuiop[]", "password.common"),
        ("qwertyuioplkjhgf", "password.simple"),
        ("abababababab", "password.simple"),
        ("zxcvbnmasdfghjkl", "password.simple"),
        ("1qaz2wsx3edc", "password.simple"),
        ("Password2026!", "password.common"),
        ("P@ssw0rd2026", "password.common"),
        ("Chongqing@2026", "password.common"),
        ("changeme12345", "password.common"),
    ],
)
def test_weak_passwords_are_refused_and_the_reason_named(city: City, fresh_user: Maker, new: str, code: str) -> None:
    browser = city.browser(fresh_user())
    body = {"current_password": PASSWORD, "new_password": new}
    browser.refused("POST", "/session/password", body, 422, code, "new_password")


def test_the_user_name_is_no_password(city: City, fresh_user: Maker) -> None:
    name = fresh_user()
    browser = city.browser(name)
    for new in (f"xx{name.upper()}yy", name[::-1] + "77"):
        browser.refused("POST", "/session/password", {"current_password": PASSWORD, "new_password": new}, 422, "password.username")


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"username": "chief"}, "password", "field.missing"),
        ({"username": "chief", "password": "x", "admin": True}, "admin", "field.unknown"),
        ({"username": "chief", "password": ["x"]}, "password", "field.type"),
        ({"username": "x" * 101, "password": "x"}, "username", "field.too_long"),
        ({"username": "chief", "password": "x" * 201}, "password", "field.too_long"),
        ({"username": "chief\u0000", "password": "x"}, "username", "field.control_characters"),
        ({"username": "chief", "password": "a\u0000b"}, "password", "field.control_characters"),
        ({"username": "", "password": "x"}, "username", "field.too_short"),
    ],
)
def test_malformed_log_ins_are_refused_field_by_field(city: City, body: dict[str, Any], field: str, code: str) -> None:
    answer = city.browser()("POST", "/session", body, status=None)
    assert answer.status_code == 422
    assert [(e["field"], e["code"]) for e in answer.json()["errors"]] == [(field, code)]


def test_a_log_in_that_is_no_json_is_refused(city: City) -> None:
    http = city.browser().http
    assert http.post("/api/v1/session", content=b"{", headers={"content-type": "application/json"}).status_code == 400
    assert http.post("/api/v1/session", data={"username": "chief", "password": PASSWORD}).status_code == 422
    plain = http.post("/api/v1/session", content=b'{"username":"chief"}', headers={"content-type": "text/plain"})
    assert plain.status_code == 422


def test_basic_credentials_belong_to_devices(city: City) -> None:
    browser = city.browser()
    answer = browser.http.get("/api/v1/session", headers={"Authorization": "Basic Y2hpZWY6eA=="})
    assert answer.json()["code"] == "access.sign_in"


def test_signing_in_and_out_is_recorded(city: City, fresh_user: Maker) -> None:
    name = fresh_user()
    browser = city.browser()
    browser.sign_in(name, "not the password")
    number = browser.sign_in(name).headers["x-request-id"]
    browser("DELETE", "/session", status=204)
    lines = city.browser("audit")("GET", "/audit", actor=name)["items"]
    assert [line["action"] for line in lines] == ["session.close", "session.open", "session.refuse"]
    assert all(line["actor"]["username"] == name and line["ip"] == "testclient" and line["region_code"] == "500103" for line in lines)
    assert lines[1]["request_id"] == number
    assert lines[2]["detail"] == {"reason": "password", "locked": False}


def test_an_unknown_name_is_not_written_into_the_log_because_it_may_be_a_password(city: City) -> None:
    city.browser().sign_in("hunter2-my-secret", "whatever it is")
    lines = city.browser("audit")("GET", "/audit", action="session.refuse")["items"]
    assert any(line["detail"]["reason"] == "unknown" for line in lines)
    assert "hunter2" not in str(lines)


def test_the_hourly_job_drops_what_has_ended(city: City, database: str) -> None:
    from chengyun.accounts.jobs import purge_sessions

    time = ManualClock(NOON)
    clock.set_clock(time)
    city.browser("chief")
    city.browser().sign_in("ghost-for-purge", "not the password")
    time.advance(13 * 3600)
    stays = city.browser("chief")
    purge_sessions()
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM user_session WHERE expires_at <= %s", (time.now(),)).fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM login_attempt WHERE username = 'ghost-for-purge'").fetchone() == (1,)
    stays("GET", "/session")
    time.advance(48 * 3600)
    purge_sessions()
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM login_attempt WHERE username = 'ghost-for-purge'").fetchone() == (0,)


def test_what_stays_open_for_long_asks_whether_its_log_in_still_stands(city: City, fresh_user: Maker) -> None:
    from starlette.requests import Request

    from chengyun.accounts.service import authenticate, is_current

    def actor_of(cookie: str) -> Any:
        headers = [(b"cookie", f"cy_session={cookie}".encode())]
        return authenticate(Request({"type": "http", "method": "GET", "path": "/api/v1/stream", "headers": headers, "query_string": b""}))

    name = fresh_user()
    browser = city.browser(name)
    actor = actor_of(browser.http.cookies["cy_session"])
    assert is_current(actor)
    city.browser("system")("PATCH", f"/users/{city.users[name]}", {"state": "disabled"})
    assert not is_current(actor)
    time = ManualClock(clock.now())
    clock.set_clock(time)
    other = city.browser("chief")
    actor = actor_of(other.http.cookies["cy_session"])
    assert is_current(actor)
    time.advance(121 * 60)
    assert not is_current(actor)


def test_a_demonstration_with_a_fast_clock_does_not_shorten_a_log_in(city: City, database: str) -> None:
    real = datetime.now(UTC)
    clock.set_clock(ScaledClock(real, NOON, 60.0))
    browser = city.browser("chief")
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT extract(epoch FROM expires_at - created_at)::float FROM user_session WHERE token_digest = %s",
            (token_digest(browser.http.cookies["cy_session"]),),
        ).fetchone()
    assert row == (12 * 3600 * 60.0,)


def test_a_request_costs_one_query_to_know_its_caller_and_one_more_in_a_district(city: City) -> None:
    from sqlalchemy import event

    from chengyun.kernel.db import get_engine

    system, chief = city.browser("system"), city.browser("chief")
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "set_config" not in statement:
            seen.append(statement)

    engine = get_engine()
    event.listen(engine, "before_cursor_execute", note)
    try:
        system("GET", "/roles/permissions")
        assert len(seen) == 1
        seen.clear()
        chief("GET", "/roles/permissions")
        assert len(seen) == 2
    finally:
        event.remove(engine, "before_cursor_execute", note)
