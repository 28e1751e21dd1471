"""Anything at all at every door: a refusal in words, never a failure of ours, and a refused request leaves no row behind."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest

from chengyun.server.app import openapi
from tests.server.conftest import World
from tests.server.doors import CUNNING, CUNNING_QUERIES, NUMBERS, QUERIES, THINGS, WORDS, Door, Request, doors, opening

CHINESE = re.compile(r"[\u4e00-\u9fff]")
LEAKS = re.compile(r"Traceback|psycopg|sqlalchemy|SELECT |INSERT |/site-packages/", re.IGNORECASE)
LANGUAGES = ("zh-CN", "en")
# What a refusal may leave behind: wrong passwords are counted and recorded, so are readings that could not be used.
KEPT = {
    "sign_in": {"login_attempt", "audit_log"},
    "change_password": {"login_attempt", "audit_log"},
    "send_readings": {"dead_letter", "dead_letter_count"},
}


@cache
def all_doors() -> list[Door]:
    # The stream does not end, and whoever signs out is out: these have tests of their own.
    return [door for door in doors(openapi()) if door.name not in ("stream", "sign_out")]


def with_body() -> list[Door]:
    return [door for door in all_doors() if door.schema]


def check(answer: Any, lang: str, what: Any) -> None:
    """What holds for every answer, and for each refusal."""
    assert answer.status_code < 500, (what, answer.status_code, answer.text[:2000])
    assert answer.headers["X-Request-Id"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    if answer.status_code < 400:
        return
    assert answer.headers["Content-Type"] == "application/problem+json", what
    body = answer.json()
    assert {"type", "title", "status", "code", "detail", "request_id"} <= body.keys(), what
    assert body["status"] == answer.status_code
    assert not LEAKS.search(answer.text), (what, answer.text[:2000])
    for sentence in [body["detail"], *(error["detail"] for error in body["errors"])]:
        # What was sent may be quoted; those letters are not the platform's.
        assert bool(CHINESE.search(sentence.replace("长", ""))) == (lang == "zh-CN"), (what, sentence)
    for error in body["errors"]:
        assert error["code"] != error["detail"], (what, "a code without a sentence", error)


class Attack:
    """Throws requests at one door, each in the other language than the one before."""

    def __init__(self, world: World, door: Door) -> None:
        self.world = world
        self.door = door
        self.sent = 0
        self.statuses: dict[int, int] = {}
        self.request = opening(world, door)
        self.before = world.counts()
        self.accepted = False

    def path(self, **other: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda m: quote(other.get(m[1], self.request.path.get(m[1], "none")), safe=""), self.door.path)

    def throw(
        self, what: Any, path: str | None = None, body: Any = None, content: bytes = b"", headers: dict[str, str] | None = None
    ) -> Any:
        lang = LANGUAGES[self.sent % 2]
        self.sent += 1
        headers = {"Accept-Language": lang, **(headers or {})}
        if body is not None:
            content, headers = json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
        answer = self.world.quick(self.door.method, "/api/v1" + (path or self.path()), headers, content)
        check(answer, lang, (self.door.name, what))
        self.statuses[answer.status_code] = self.statuses.get(answer.status_code, 0) + 1
        if answer.status_code < 400:
            self.accepted = True
            if self.door.method != "GET":
                self.request = opening(self.world, self.door)
        return answer

    def raw(self, body: str | bytes, what: Any = None) -> Any:
        content = body if isinstance(body, bytes) else body.encode()
        return self.throw(what or content[:200], content=content, headers={"Content-Type": "application/json"})

    def over(self) -> None:
        """A refused request has left nothing behind."""
        if self.accepted:
            return
        after = self.world.counts()
        changed = {name for name in after if after[name] != self.before[name]} - KEPT.get(self.door.name, set())
        assert not changed, (self.door.name, changed)


@pytest.fixture
def attack(world: World) -> Iterator[Callable[[Door], Attack]]:
    running: list[Attack] = []

    def begin(door: Door) -> Attack:
        running.append(Attack(world, door))
        return running[-1]

    yield begin
    for one in running:
        one.over()


def name(door: Door) -> str:
    return door.name


def written(request: Request, key: str, value: str) -> str:
    """The body with one field as it is written in JSON."""
    fields = {k: json.dumps(v) for k, v in (request.body or {}).items()} | {key: value}
    return "{" + ",".join(f"{json.dumps(k)}: {v}" for k, v in fields.items()) + "}"


@pytest.mark.parametrize("door", all_doors(), ids=name)
def test_the_door_opens_as_described(world: World, door: Door, attack: Callable[[Door], Attack]) -> None:
    """Else the requests below would all be refused for the same dull reason."""
    one = attack(door)
    answer = one.throw("as described", body=one.request.body)
    if door.schema:
        assert answer.status_code not in (400, 403, 404, 422) or door.name in ("change_password", "check_pack"), answer.text


@pytest.mark.parametrize("door", with_body(), ids=name)
def test_every_field_with_every_thing(world: World, door: Door, attack: Callable[[Door], Attack]) -> None:
    one = attack(door)
    for value in WORDS + NUMBERS + THINGS:
        one.raw("{" + ",".join(f"{json.dumps(key)}: {value}" for key in door.schema["properties"]) + "}")
    for key in door.schema["properties"]:
        for value in _fitting(door.schema["properties"][key]):
            one.raw(written(one.request, key, value), (key, value[:100]))


def _fitting(shape: dict[str, Any]) -> list[str]:
    """Things that a field may take for its own kind."""
    kinds = {part.get("type", "object") for part in shape.get("anyOf", [shape])}
    found = ["{}", "null"]
    if "string" in kinds:
        found += CUNNING
    if kinds & {"integer", "number"}:
        found += NUMBERS
    if kinds & {"array", "object"}:
        found += THINGS
        found += [f"[{word}]" for word in CUNNING[:4]]
    return found


@pytest.mark.parametrize("door", with_body(), ids=name)
def test_bodies_that_are_none(world: World, door: Door, attack: Callable[[Door], Attack]) -> None:
    one = attack(door)
    deep = 5000
    for body in (
        b"",
        b"{",
        b"nothing",
        b"\xff\xfe\x00",
        b'{"a": "\xff"}',
        b"[]",
        b"null",
        b"3",
        b'"text"',
        b"[" * deep,
        b"[" * deep + b"]" * deep,
        b'{"a":' * deep + b"1" + b"}" * deep,
        b'{"a": ' + b"9" * 5000 + b"}",
        b"\xef\xbb\xbf{}",
    ):
        one.raw(body)
    stranger = json.dumps({**(one.request.body or {}), "\ud800": 1, "unknown": {"x": 1}, "n" * 5000: 1, **{f"f{i}": i for i in range(500)}})
    answer = one.raw(stranger)
    assert answer.status_code == 422
    assert len(answer.text) < 60_000
    for kind in (
        "text/plain",
        "application/xml",
        "multipart/form-data",
        "application/x-www-form-urlencoded",
        "nonsense",
        "application/json; charset=utf-16",
    ):
        one.throw(kind, content=b'{"a": 1}', headers={"Content-Type": kind})
    assert 500 not in one.statuses


@pytest.mark.parametrize("door", [d for d in all_doors() if d.query], ids=name)
def test_every_query_with_every_thing(world: World, door: Door, attack: Callable[[Door], Attack]) -> None:
    one = attack(door)
    base = {"device_id": world.fixed["device_id"], "metric": "ch4", "lon": "106.5", "lat": "29.5", "class_code": "06010"}
    kind = {"kind": "matter"} if door.path.startswith(("/cases/units", "/standards/mapping")) else {}
    usual = {
        key: value
        for key, value in {**base, **kind}.items()
        if key in door.query and door.path.startswith(("/telemetry", "/regions", "/cases/units"))
    }
    for value in QUERIES:
        wild = quote(value.encode("utf-8", "surrogatepass"))
        one.throw((value[:50],), f"{one.path()}?" + "&".join(f"{key}={wild}" for key in door.query))
        for key in door.query if value in CUNNING_QUERIES else []:
            rest = "".join(f"&{k}={quote(v)}" for k, v in usual.items() if k != key)
            one.throw((key, value[:50]), f"{one.path()}?{key}={wild}{rest}")
    one.throw("twice", f"{one.path()}?" + "&".join(f"{key}=1&{key}=2&{key}[]=3" for key in door.query))


@pytest.mark.parametrize("door", [d for d in all_doors() if d.names], ids=name)
def test_every_address_with_every_thing(world: World, door: Door, attack: Callable[[Door], Attack]) -> None:
    one = attack(door)
    for key in door.names:
        for value in QUERIES:
            if value not in ("", "../..") and not (door.method == "DELETE" and value == "2026-02-30"):
                path = self_path(one, key, value)
                one.throw((key, value[:50]), path, body=one.request.body)


def self_path(one: Attack, key: str, value: str) -> str:
    """The door's path with one part replaced, in whatever bytes."""
    marked = one.path(**{key: "MARK-HERE"})
    return marked.replace("MARK-HERE", quote(value.encode("utf-8", "surrogatepass"), safe=""))


CURSORS: list[Any] = [
    [1, 2],
    ["x", "y"],
    ["x"],
    [None, None],
    [[], {}],
    [{"t": "2026-11-25T00:00:00+00:00"}, {"u": "00000000-0000-4000-8000-000000000000"}],
    [{"t": "2026-11-25T00:00:00"}, {"u": "x"}],
    [{"t": 5}, {"u": 5}],
    [{"u": 5}],
    ["a\x00b"],
    ["\ud800"],
    [10**30, {"t": "9999-12-31T23:59:59+00:00"}, {"u": "00000000-0000-4000-8000-000000000000"}],
    [True, {"t": "2026-11-25T00:00:00+00:00"}, {"u": "00000000-0000-4000-8000-000000000000"}],
    [99_999, {"t": "2026-11-25T00:00:00+00:00"}, {"u": "00000000-0000-4000-8000-000000000000"}],
    [1e308, "x", 1],
    {"t": 1},
    "text",
    7,
]
BYTES = [b"[" * 1400, b"\xff", b"", b"[1" + b"0" * 1300 + b"]", b"{}"]


@pytest.mark.parametrize("door", [d for d in all_doors() if "cursor" in d.query], ids=name)
def test_made_up_cursors(world: World, door: Door, attack: Callable[[Door], Attack]) -> None:
    one = attack(door)
    good = 0
    for raw in [*(json.dumps(c).encode() for c in CURSORS), *BYTES]:
        answer = one.throw(raw[:80], f"{one.path()}?cursor={base64.urlsafe_b64encode(raw).decode().rstrip('=')}")
        if answer.status_code == 200:
            good += 1
        else:
            assert (answer.status_code, answer.json()["code"]) == (400, "request.cursor"), raw[:80]
    for text in ("x", "%%%", "====", "é", "a b", "x" * 2001):
        one.throw(text, f"{one.path()}?cursor={quote(text)}")
    # Those that happen to be of the right types are places like any other.
    assert good <= 3


@pytest.mark.parametrize("door", [d for d in all_doors() if d.method != "GET"], ids=name)
def test_without_the_second_secret_nothing_is_done(world: World, door: Door, attack: Callable[[Door], Attack]) -> None:
    one = attack(door)
    more = {} if one.request.body is None else {"json": one.request.body}
    for token in ("", "x", world.csrf[:-1], world.csrf + "0", "é".encode().decode("latin-1")):
        answer = world.http.request(
            door.method, f"/api/v1{one.path()}", headers={**world.headers(), "X-CSRF-Token": token.encode("latin-1")}, **more
        )
        world.http.cookies.clear()
        if door.name == "sign_in":
            continue
        assert (answer.status_code, answer.json()["code"]) == (403, "access.csrf")
    nobody = world.http.request(door.method, f"/api/v1{one.path()}", **more)
    world.http.cookies.clear()
    if door.name not in ("sign_in", "sign_out"):
        assert (nobody.status_code, nobody.json()["code"]) == (401, "access.sign_in")


@pytest.mark.parametrize("door", [d for d in all_doors() if d.name not in ("about", "sign_in", "sign_out")], ids=name)
def test_nobody_sees_anything(world: World, door: Door) -> None:
    answer = world.http.request(door.method, "/api/v1" + re.sub(r"\{\w+\}", world.fixed["device_id"], door.path))
    assert (answer.status_code, answer.json()["code"]) == (401, "access.sign_in")
