"""The whole application over a small city, and one person who may do everything in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from chengyun.accounts import service as accounts
from chengyun.accounts.models import Role
from chengyun.accounts.permissions import PERMISSIONS
from chengyun.alarms.models import Alarm
from chengyun.alarms.repository import rules_in_force
from chengyun.cli.upkeep import migrate_database
from chengyun.devices import service as devices
from chengyun.kernel import clock
from chengyun.kernel.db import Scope, raw_transaction, transaction
from chengyun.server.app import create_app
from tests.support.cases import LITTER, PLACE, picture

PASSWORD = "Jialing-und-Yangtse-7"
EVERYWHERE = Scope.everything()
# The way of a case, with what each step needs besides the revision.
WAY = ("reported", "accepted", "filed", "dispatched", "handling", "handled", "checked", "closed")
STEPS = ("accept", "file", "dispatch", "sign", "handle", "check_pass", "close")


@dataclass
class World:
    """The application, and somebody who is signed in with all permissions."""

    app: FastAPI
    http: TestClient
    database: str
    unit: UUID
    token: str = ""
    csrf: str = ""
    fixed: dict[str, str] = field(default_factory=dict)
    counter: psycopg.Connection[Any] | None = None

    def headers(self, **more: str) -> dict[str, str]:
        """Cookies and the second secret, as the web client sends them."""
        cookies = f"cy_session={self.token}; cy_csrf={self.csrf}"
        return {"Cookie": cookies, "X-CSRF-Token": self.csrf, **more}

    def send(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> Any:
        """One request as the person; cookies that come back are not kept."""
        answer = self.http.request(method, f"/api/v1{path}", headers={**self.headers(), **(headers or {})}, **more)
        self.http.cookies.clear()
        return answer

    def quick(self, method: str, target: str, headers: dict[str, str], body: bytes) -> httpx.Response:
        """The same without a client in between, for thousands of requests; `target` is the path and query as they travel."""
        raw_path, _, query = target.encode().partition(b"?")
        raw = [
            (k.lower().encode(), v.encode("latin-1")) for k, v in {**self.headers(), "Content-Length": str(len(body)), **headers}.items()
        ]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(raw_path.decode("ascii")),
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": [(b"host", b"testserver"), *raw],
            "client": ("testclient", 50000),
            "server": ("testserver", 80),
            "state": {},
        }
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        assert self.http.portal is not None
        self.http.portal.call(self.app, scope, receive, send)
        content = b"".join(m.get("body", b"") for m in sent[1:])
        return httpx.Response(sent[0]["status"], headers=sent[0]["headers"], content=content)

    def made(self, path: str, body: dict[str, Any] | None = None, method: str = "POST") -> Any:
        """A request that has to succeed."""
        answer = self.send(method, path, json=body)
        assert answer.status_code < 300, (path, answer.text)
        return answer.json()

    def sign_in(self, username: str = "root") -> None:
        answer = self.http.post("/api/v1/session", json={"username": username, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        self.token, self.csrf = self.http.cookies["cy_session"], self.http.cookies["cy_csrf"]
        self.http.cookies.clear()

    def counts(self) -> dict[str, int]:
        """Rows of each table."""
        if self.counter is None:
            self.counter = psycopg.connect(self.database, autocommit=True)
        names = "SELECT relname FROM pg_stat_user_tables WHERE schemaname = 'public' ORDER BY 1"
        tables = [name for (name,) in self.counter.execute(names).fetchall()]
        query = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in tables)
        return dict(self.counter.execute(query.encode()).fetchall())

    def case(self, state: str) -> dict[str, Any]:
        """A new case that has come as far as a state."""
        reporter = {"name": "李四", "phone": "13800001234"}
        case = self.made("/cases", {"source": "public", "class": LITTER, "description": "暴露垃圾", "place": PLACE, "reporter": reporter})
        more: dict[str, dict[str, Any]] = {"dispatch": {"unit_id": str(self.unit)}, "handle": {"feedback": "已清运"}}
        for step in STEPS[: WAY.index(state)]:
            case = self.made(f"/cases/{case['id']}/{step}", {"revision": case["revision"], **more.get(step, {})})
        return dict(case)

    def alarm(self) -> str:
        """A new open alarm at a device of its own."""
        device_id, alarm_id, now = self.device()["id"], uuid4(), clock.now()
        with raw_transaction(EVERYWHERE) as connection:
            key, version, pack, spec = next(r for r in rules_in_force(connection) if r[3]["metric"])
        facts = {"rule_key": key, "rule_version": version, "pack": pack, "level": 2, "worst_level": 2, "state": "raised"}
        with transaction(EVERYWHERE) as session:
            session.add(
                Alarm(
                    id=alarm_id,
                    device_id=UUID(device_id),
                    region_code="500103001",
                    metric=spec["metric"],
                    inputs={},
                    first_raised_at=now,
                    raised_at=now,
                    sequence=0,
                    revision=1,
                    **PLACE,
                    **facts,
                )
            )
        return str(alarm_id)

    def device(self) -> dict[str, Any]:
        """A new device."""
        body = {"key": f"D{uuid4().hex[:12]}", "name": "设备", "model": "septic-gas", "place": PLACE}
        return dict(self.made("/devices", body))


@contextmanager
def _application(static: Path | None = None) -> Iterator[tuple[FastAPI, TestClient]]:
    app = create_app(static)
    with TestClient(app, raise_server_exceptions=False, base_url="http://testserver") as http:
        yield app, http


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built web client, and something beside it that is nobody's business."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.txt").write_text("the secret beside the pages")
    folder = outside / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>Chengyun</title>")
    (folder / "favicon.svg").write_text("<svg/>")
    (folder / "assets" / "app-1a2b.js").write_text("export {}")
    (folder / "link.txt").symlink_to(outside / "secret.txt")
    return folder


@pytest.fixture(scope="module")
def world(database: str, pages: Path) -> Iterator[World]:
    migrate_database()
    with transaction(EVERYWHERE) as session:
        accounts.ensure_organisation(
            session, key="tests-city", name="市城管局", name_en="City", kind="city", parent_key=None, area_code="500000"
        )
        unit = accounts.ensure_organisation(
            session, key="tests-unit", name="环卫所", name_en="Unit", kind="department", parent_key="tests-city", area_code="500103"
        )
        spare = accounts.ensure_organisation(
            session, key="tests-spare", name="备用", name_en="Spare", kind="department", parent_key="tests-city", area_code="500103"
        )
        session.add(
            Role(key="all_of_it", name="全部", name_en="All", description="", permissions=sorted(PERMISSIONS), changed_at=clock.now())
        )
        session.flush()
        people = {}
        for username, posts in (("root", ["all_of_it"]), ("victim", ["duty_chief"])):
            people[username] = accounts.ensure_user(
                session, username=username, password=PASSWORD, name=username, org_id=unit, posts=posts, area_codes=("500000",)
            )
    with _application(pages) as (app, http):
        made = World(app, http, database, unit)
        made.sign_in()
        made.fixed = {"user_id": str(people["victim"]), "org_id": str(spare)}
        _furnish(made)
        yield made
        if made.counter is not None:
            made.counter.close()


def _furnish(world: World) -> None:
    """What addresses of the API may name."""
    device = world.device()
    secret = world.made(f"/devices/{device['id']}/credentials", {"note": "x"})
    photo = world.send("POST", "/photos", files={"file": ("a.jpg", picture(), "image/jpeg")})
    key = world.made("/api-keys", {"name": "k", "permissions": ["case.read"], "area_codes": ["500103"]})
    world.made("/roles", {"key": "spare", "name": "备用", "permissions": ["case.read"]})
    world.fixed |= {
        "device_id": device["id"],
        "credential_id": secret["id"],
        "photo_id": photo.json()["id"],
        "key_id": key["id"],
        "alarm_id": world.alarm(),
        "case_id": world.case("reported")["id"],
        "code": "500103",
        "day": "2026-11-25",
        "letter_id": str(uuid4()),
        "region_id": str(world.made("/regions/500101", method="GET")["id"]),
    }
    with raw_transaction(EVERYWHERE) as connection:
        devices.merge_latest(
            connection,
            devices.Latest([UUID(device["id"])], ["ch4"], [int(clock.now().timestamp() * 1000)], [1.5], [1]),
        )
