"""Hostile input at every door of the room: answered with a refusal, never with a failure of ours."""

import base64
import json
from typing import Any

import pytest

from tests.support.accounts import City

STRANGE = ["\x00", "a\x00b", "\ud800", "\u202e", "%00", "'", '"', "\\", "{}", "${x}", "../..", "x" * 5000, "\uffff", "0" * 40, "-1", "NaN"]


def cursor(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


@pytest.mark.parametrize("text", STRANGE)
def test_strange_words_in_bodies(city: City, text: str) -> None:
    system, security = city.browser("system"), city.browser("security")
    unit = str(city.units["yuzhong"])
    doors = [
        (system, "POST", "/session", {"username": text, "password": text}),
        (system, "POST", "/session/password", {"current_password": text, "new_password": text}),
        (system, "POST", "/users", {"username": text, "name": text, "organisation_id": text, "phone": text, "password": text}),
        (system, "PATCH", f"/users/{city.users['chief']}", {"language": text, "state": text}),
        (system, "POST", "/organisations", {"key": text, "name": text, "kind": "member", "area_code": text, "parent_id": unit}),
        (security, "PATCH", f"/users/{city.users['chief']}", {"posts": [text], "area_codes": [text]}),
        (security, "POST", "/roles", {"key": text, "name": text, "permissions": [text]}),
        (security, "POST", "/api-keys", {"name": text, "permissions": [text], "area_codes": [text], "expires_at": text}),
    ]
    for caller, method, path, body in doors:
        raw = json.dumps(body).encode()
        headers = {"content-type": "application/json", "X-CSRF-Token": caller.http.cookies["cy_csrf"]}
        answer = caller.http.request(method, f"/api/v1{path}", content=raw, headers=headers)
        assert 400 <= answer.status_code < 500, (path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("text", [t for t in STRANGE if t != "\ud800"])
def test_strange_words_in_addresses(city: City, text: str) -> None:
    callers = {name: city.browser(name) for name in ("system", "security", "audit")}
    doors = [
        ("system", "/users", {"q": text}),
        ("system", "/users", {"post": text}),
        ("system", "/users", {"organisation_id": text}),
        ("system", "/users", {"cursor": text}),
        ("system", "/organisations", {"q": text}),
        ("system", "/organisations", {"area_code": text}),
        ("audit", "/audit", {"actor": text}),
        ("audit", "/audit", {"action": text, "object_type": text, "object_id": text}),
        ("audit", "/audit", {"since": text}),
        ("audit", "/audit", {"cursor": text}),
        ("security", "/api-keys", {"cursor": text, "limit": text}),
    ]
    for name, path, query in doors:
        answer = callers[name].http.get(f"/api/v1{path}", params=query)
        assert answer.status_code < 500, (path, query, answer.text)
    answer = callers["security"].http.patch(
        f"/api/v1/roles/{'a%00b' if text == chr(0) else 'nothing'}",
        json={"name": "x"},
        headers={"X-CSRF-Token": callers["security"].http.cookies["cy_csrf"]},
    )
    assert 400 <= answer.status_code < 500, answer.text


@pytest.mark.parametrize(
    "values",
    [("x", "y"), (None, None), ([], {}), ({"t": "no time"}, {"u": "x"}), ({"x": 1}, 2), ("x",), ("x", "y", "z")],
)
def test_made_up_cursors(city: City, values: tuple[Any, ...]) -> None:
    assert city.browser("audit")("GET", "/audit", status=None, cursor=cursor(*values)).status_code in (200, 400, 422)
    assert city.browser("security")("GET", "/api-keys", status=None, cursor=cursor(values[0])).status_code in (200, 400, 422)
    assert city.browser("system")("GET", "/users", status=None, cursor=cursor(values[0])).status_code in (200, 400, 422)


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "bearer cyk_x", "Digest x", "cyk_x", "Bearer cyk_ü", "Basic", ""])
def test_strange_authorizations(city: City, header: str) -> None:
    answer = city.browser().http.get("/api/v1/session", headers={"Authorization": header.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.json()["code"] in ("apikey.invalid", "access.sign_in")


@pytest.mark.parametrize("token", ["x", "x" * 4000, "ü", '"', "a=b", "%00"])
def test_strange_cookies(city: City, token: str) -> None:
    http = city.browser().http
    headers = {"Cookie": b"cy_session=" + token.encode("latin-1"), "X-CSRF-Token": b"\xff"}
    assert http.get("/api/v1/session", headers=headers).status_code == 401
    assert http.post("/api/v1/users", json={}, headers=headers).status_code == 401
