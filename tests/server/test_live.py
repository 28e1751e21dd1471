"""The live stream over a real connection: who gets what, and that nothing outlives its log-in or its browser."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn

from chengyun.kernel.bus import connect
from chengyun.server import stream
from tests.server.conftest import PASSWORD, World
from tests.support import eventually


@dataclass
class Served:
    """The application behind a real port."""

    world: World
    port: int
    app: Any

    @property
    def listeners(self) -> int:
        return len(self.app.state.live._listeners)

    def login(self, username: str) -> dict[str, str]:
        answer = self.world.http.post("/api/v1/session", json={"username": username, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        token, csrf = self.world.http.cookies["cy_session"], self.world.http.cookies["cy_csrf"]
        self.world.http.cookies.clear()
        return {"Cookie": f"cy_session={token}; cy_csrf={csrf}", "X-CSRF-Token": csrf}

    def connection(self, headers: dict[str, str], path: str = "/api/v1/stream", buffer: int | None = None) -> socket.socket:
        """A browser's bare connection, after its request."""
        s = socket.socket()
        if buffer is not None:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        s.settimeout(10)
        s.connect(("127.0.0.1", self.port))
        lines = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
        return s


@pytest.fixture(scope="module")
def served(world: World) -> Iterator[Served]:
    from chengyun.server.app import create_app

    app = create_app()
    config = uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started, 30)
    yield Served(world, server.servers[0].sockets[0].getsockname()[1], app)
    server.should_exit = True
    thread.join(20)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "BEAT_SECONDS", 0.2)


@pytest.fixture
def person(world: World) -> Callable[..., tuple[str, str]]:
    """Makes a user with a post and an area; name and identity."""
    from uuid import uuid4

    from chengyun.accounts import service as accounts
    from chengyun.kernel.db import Scope, transaction

    def make(posts: tuple[str, ...] = ("duty_chief",), areas: tuple[str, ...] = ("500103",)) -> tuple[str, str]:
        name = f"u{uuid4().hex[:10]}"
        with transaction(Scope.everything()) as session:
            made = accounts.ensure_user(
                session, username=name, password=PASSWORD, name=name, org_id=world.unit, posts=posts, area_codes=areas
            )
        return name, str(made)

    return make


def read_until(s: socket.socket, wanted: bytes) -> bytes:
    found = b""
    while wanted not in found:
        piece = s.recv(65536)
        if not piece:
            raise EOFError(found[-500:])
        found += piece
    return found


def ended(s: socket.socket) -> bytes:
    """All that still comes until the other side ends the connection's answer."""
    found = b""
    while not found.endswith(b"0\r\n\r\n"):
        piece = s.recv(65536)
        if not piece:
            break
        found += piece
    return found


def tell(region: str, words: str = "", times: int = 1) -> None:
    async def work() -> None:
        bus = await connect("tests")
        try:
            for _ in range(times):
                await bus.nc.publish("live.device.x", json.dumps({"region_code": region, "states": [words]}).encode())
            await bus.nc.flush()
        finally:
            await bus.close()

    asyncio.run(work())


def test_each_one_gets_what_happens_in_its_area(served: Served, person: Callable[..., tuple[str, str]]) -> None:
    with served.connection(served.login(person()[0])) as here, served.connection(served.login(person(areas=("500104",))[0])) as there:
        read_until(here, b"event: hello")
        read_until(there, b"event: hello")
        tell("500103001", "in-yuzhong")
        tell("500104001", "in-dadukou")
        assert b"in-dadukou" not in read_until(here, b"in-yuzhong")
        assert b"in-yuzhong" not in read_until(there, b"in-dadukou")


def test_events_come_with_a_number_from_which_one_can_go_on(served: Served, person: Callable[..., tuple[str, str]]) -> None:
    from datetime import UTC, datetime
    from uuid import uuid4

    def event(number: str) -> bytes:
        raw = {
            "id": number,
            "subject": "ev.case.reported",
            "time": datetime.now(UTC).isoformat(),
            "home": "city",
            "region_code": "500103001",
            "data": {},
        }
        return json.dumps(raw).encode()

    async def publish(numbers: list[str]) -> None:
        bus = await connect("tests")
        try:
            for number in numbers:
                await bus.js.publish("ev.case.reported", event(number))
        finally:
            await bus.close()

    headers = served.login(person()[0])
    first, second, third = (str(uuid4()) for _ in range(3))
    with served.connection(headers) as s:
        read_until(s, b"event: hello")
        asyncio.run(publish([first, second, third]))
        read_until(s, third.encode())
    with served.connection({**headers, "Last-Event-ID": first}) as s:
        text = read_until(s, third.encode())
        assert second.encode() in text
        assert b"id: " + first.encode() not in text
        assert b"event: lost" not in text
    with served.connection({**headers, "Last-Event-ID": str(uuid4())}) as s:
        read_until(s, b"event: lost")


def test_a_stream_ends_with_its_log_in(served: Served, person: Callable[..., tuple[str, str]]) -> None:
    headers = served.login(person()[0])
    with served.connection(headers) as s:
        read_until(s, b": beat")
        assert served.world.http.delete("/api/v1/session", headers=headers).status_code < 300
        tell("500103001", "x" * 10)
        ended(s)
        tell("500103001", "after-the-end")
        eventually(lambda: served.listeners == 0)


@pytest.mark.parametrize("change", [{"posts": ["inspector"]}, {"area_codes": ["500104"]}, {"state": "disabled"}])
def test_a_stream_ends_when_rights_change(served: Served, person: Callable[..., tuple[str, str]], change: dict[str, Any]) -> None:
    name, user_id = person()
    with served.connection(served.login(name)) as s:
        read_until(s, b": beat")
        served.world.made(f"/users/{user_id}", change, "PATCH")
        ended(s)
    eventually(lambda: served.listeners == 0)


def test_a_busy_stream_ends_too(served: Served, person: Callable[..., tuple[str, str]]) -> None:
    """No pause comes in which it could be asked for."""
    name, user_id = person()
    stop = threading.Event()

    def talk() -> None:
        while not stop.is_set():
            tell("500103001", "talk", 20)

    talker = threading.Thread(target=talk)
    with served.connection(served.login(name)) as s:
        talker.start()
        try:
            read_until(s, b"talk")
            served.world.made(f"/users/{user_id}", {"state": "disabled"}, "PATCH")
            ended(s)
        finally:
            stop.set()
            talker.join()


def test_a_vanished_browser_leaves_nothing_behind(served: Served, person: Callable[..., tuple[str, str]]) -> None:
    headers = served.login(person()[0])
    for _ in range(5):
        s = served.connection(headers)
        read_until(s, b"event: hello")
        s.close()
    eventually(lambda: served.listeners == 0)


def test_a_browser_that_takes_nothing_is_let_go(
    served: Served, person: Callable[..., tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "STUCK_SECONDS", 0.5)
    with served.connection(served.login(person()[0]), buffer=4096) as s:
        eventually(lambda: served.listeners == 1)
        tell("500103001", "x" * 500_000, 40)
        eventually(lambda: served.listeners == 0, 20)
        assert s.fileno() > 0


def test_a_browser_that_reads_too_slowly_is_told_that_it_missed_something(served: Served) -> None:
    from chengyun.kernel.http import Actor

    listener = stream.Listener(Actor(name="x", scope=stream.Scope.everything()), frozenset({"device"}))
    for n in range(stream.QUEUE + 1):
        listener.offer("device", "500103", b"%d" % n)
    assert [listener.queue.get_nowait()] == [stream.LOST]
    assert listener.queue.empty()


def test_nobody_opens_streams_without_end(served: Served, person: Callable[..., tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST_OF_ONE", 2)
    headers, other = served.login(person()[0]), served.login(person()[0])
    with served.connection(headers) as a, served.connection(headers) as b, served.connection(other) as c:
        for s in (a, b, c):
            read_until(s, b"event: hello")
        answer = httpx.get(f"http://127.0.0.1:{served.port}/api/v1/stream", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (429, "live.too_many")
        assert answer.headers["Retry-After"] == "30"
    eventually(lambda: served.listeners == 0)


@pytest.mark.parametrize("topics", ["", "x", "alarm,x", "alarm;case", "%00", "a" * 200, ","])
def test_topics_that_do_not_exist(served: Served, person: Callable[..., tuple[str, str]], topics: str) -> None:
    answer = served.world.send("GET", "/stream", params={"topics": topics})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "topics")
    assert served.world.http.get("/api/v1/stream").status_code == 401


def test_what_one_may_not_see_does_not_come(served: Served, person: Callable[..., tuple[str, str]]) -> None:
    """An audit administrator has no business with devices."""
    with served.connection(served.login(person(posts=("audit_admin",))[0])) as s:
        read_until(s, b"event: hello")
        tell("500103001", "a-state")
        assert b"a-state" not in read_until(s, b": beat") + read_until(s, b": beat")
