"""What is around every request: size, headers, numbers, languages, the pages of the web client, the log."""

import json
import logging
import time
from typing import Any

import pytest

from tests.server.conftest import PASSWORD, World

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
TEN_MEGABYTES = b'{"a": "' + b"x" * 10_000_000 + b'"}'


@pytest.mark.parametrize("path", ["/cases", "/session", "/users", "/alarms/x/close"])
def test_a_body_of_ten_megabytes_is_refused_at_once(world: World, path: str) -> None:
    begun = time.perf_counter()
    answer = world.send("POST", path, content=TEN_MEGABYTES, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")
    assert time.perf_counter() - begun < 3


def test_a_body_without_a_length_is_counted_while_it_comes(world: World) -> None:
    def pieces() -> Any:
        for _ in range(100):
            yield b" " * 100_000

    for path, limit in (("/cases", 2_000_000), ("/session", 2_000_000), ("/telemetry", 8_000_000)):
        answer = world.send("POST", path, content=pieces(), headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large"), path
        assert str(limit) in answer.json()["detail"]


@pytest.mark.parametrize("length", ["-1", "x", "²", "1e9", "9" * 40, "٣"])
def test_a_strange_length(world: World, length: str) -> None:
    headers = {**world.headers(), "Content-Type": "application/json"}
    raw = [(k.encode(), v.encode()) for k, v in headers.items()] + [(b"Content-Length", length.encode("utf-8"))]
    answer = world.http.request("POST", "/api/v1/cases", content=b"{}", headers=raw)
    assert 400 <= answer.status_code < 500


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/cases/7", 200),
        ("GET", "/favicon.svg", 200),
        ("GET", "/assets/app-1a2b.js", 200),
        ("GET", "/assets/none.js", 404),
        ("POST", "/", 405),
        ("BREW", "/", 405),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/api/v1/about", 200),
        ("GET", "/api/v1/openapi.json", 200),
        ("GET", "/api/v1/none", 404),
        ("GET", "/api/v1/users/", 404),
        ("DELETE", "/api/v1/about", 405),
        ("GET", "/api/v1/users", 200),
        ("POST", "/api/v1/users", 422),
    ],
)
def test_every_kind_of_answer_has_the_headers(world: World, method: str, path: str, status: int) -> None:
    answer = world.http.request(method, path, headers=world.headers())
    assert answer.status_code == status
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in answer.headers["Content-Security-Policy"]
    number = answer.headers["X-Request-Id"]
    if status >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["request_id"] == number
    if path.startswith("/api/"):
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_fault_of_ours_has_the_headers_too_and_tells_nothing_but_its_number(world: World) -> None:
    def fault() -> None:
        raise RuntimeError("the inner workings")

    world.app.add_api_route("/api/v1/fault", fault)
    world.app.router.routes.insert(0, world.app.router.routes.pop())
    for lang, word in (("zh-CN", "平台内部出错"), ("en", "The platform failed")):
        answer = world.http.get("/api/v1/fault", headers={"Accept-Language": lang})
        assert (answer.status_code, answer.json()["code"]) == (500, "server.failed")
        assert word in answer.json()["detail"]
        assert answer.json()["request_id"] == answer.headers["X-Request-Id"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "inner" not in answer.text
    del world.app.router.routes[0]


def test_request_numbers_are_all_different(world: World) -> None:
    assert len({world.http.get("/healthz").headers["X-Request-Id"] for _ in range(50)}) == 50


@pytest.mark.parametrize("host", ["[::1", "evil.example", "a b", "", "x" * 3000, "http://x/", "%00"])
def test_a_strange_host(world: World, host: str) -> None:
    for path in ("/api/v1/users", "/api/v1/none", "/api/v1/users/", "/", "/assets/none.js", "/assets"):
        answer = world.http.get(path, headers=world.headers(Host=host), follow_redirects=False)
        assert answer.status_code < 500
        assert host not in answer.headers.get("location", "nowhere") or not host


TRAVERSALS = [
    "/../secret.txt",
    "/..%2fsecret.txt",
    "/%2e%2e/secret.txt",
    "/%2e%2e%2fsecret.txt",
    "/..%5csecret.txt",
    "/assets/../../secret.txt",
    "/assets/..%2f..%2fsecret.txt",
    "/assets/%2e%2e/%2e%2e/secret.txt",
    "/assets/%2fetc/passwd",
    "/%2fetc%2fpasswd",
    "//etc/passwd",
    "/link.txt",
    "/%00",
    "/a%00b",
    "/assets/a%00b",
    "/" + "a" * 5000,
    "/assets/" + "a" * 5000,
    "/" + "a/" * 2000,
    "/%ff%fe",
    "/assets",
    "/assets/",
    "/.",
    "/api/../secret.txt",
    "/favicon.svg/x",
    "/assets/app-1a2b.js/../../../secret.txt",
]


@pytest.mark.parametrize("path", TRAVERSALS, ids=lambda p: p[:30])
def test_no_way_leads_out_of_the_pages(world: World, path: str) -> None:
    import httpx

    request = httpx.Request("GET", "http://testserver/")
    request.url = httpx.URL("http://testserver").copy_with(raw_path=path.encode())
    answer = world.http.send(request, follow_redirects=False)
    assert answer.status_code in (200, 404), answer.status_code
    assert "secret beside" not in answer.text
    assert "root:" not in answer.text


def test_assets_are_kept_for_ever_and_the_page_is_not(world: World) -> None:
    assert "immutable" in world.http.get("/assets/app-1a2b.js").headers["Cache-Control"]
    assert world.http.get("/").headers["Cache-Control"] == "no-cache"
    assert "no-cache" in world.http.get("/any/view").headers["Cache-Control"]


def test_figures_do_not_grow_with_made_up_methods_and_addresses(world: World) -> None:
    for i in range(30):
        world.http.request(f"VERB{i}", f"/made/up/{i}")
    text = world.http.get("/metrics").text
    assert "VERB" not in text
    assert "/made/up" not in text


def test_operations_have_names_of_their_own() -> None:
    from chengyun.server.app import openapi

    names = [operation["operationId"] for methods in openapi()["paths"].values() for operation in methods.values()]
    assert len(names) == len(set(names))


def test_secrets_do_not_reach_the_log(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    from chengyun.kernel import logs

    logs.configure("api", "DEBUG")
    # The client of the tests notes addresses; it is no part of the platform.
    for name in ("httpx", "httpcore"):
        monkeypatch.setattr(logging.getLogger(name), "disabled", True)
    with caplog.at_level(logging.DEBUG):
        bad = {"Content-Type": "application/json"}
        for body in (b"{", b'{"a": NaN}', json.dumps({"username": "root", "password": PASSWORD + "x"}).encode(), b"[" * 5000):
            for path in ("/session", "/session/password", "/users", "/cases", "/api-keys", "/devices"):
                world.send("POST", path, content=body, headers=bad)
        world.send("GET", "/users", params={"q": "\x00"})
        world.send("GET", f"/users?password={PASSWORD}&token={world.token}")
        world.http.get("/api/v1/users", headers={"Authorization": "Bearer cyk_verysecretindeed"})
        world.sign_in()

        def fault(body: dict[str, Any]) -> None:
            raise RuntimeError("a fault")

        world.app.add_api_route("/api/v1/fault", fault, methods=["POST"])
        world.app.router.routes.insert(0, world.app.router.routes.pop())
        assert world.send("POST", "/fault", json={"password": PASSWORD}).status_code == 500
        del world.app.router.routes[0]
    out, err = capfd.readouterr()
    text = out + err + caplog.text
    assert "a fault" in text
    for secret in (PASSWORD, world.token, world.csrf, "cyk_verysecret"):
        assert secret not in text
