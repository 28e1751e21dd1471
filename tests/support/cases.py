"""People of each post who work on cases through HTTP; for tests of the cases room."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from PIL import Image

from chengyun.cases.api import router
from chengyun.kernel import clock
from chengyun.kernel.http import Actor
from chengyun.server import problems

MONDAY = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # 10:00 in the city
PLACE = {"lon": 106.5516, "lat": 29.563}  # 渝中区
ELSEWHERE = {"lon": 106.46, "lat": 29.55}  # 沙坪坝区
YUZHONG, SHAPINGBA = "500103", "500106"
LITTER = {"edition": "47678.5-2026", "kind": "matter", "code": "06010"}
DESK = frozenset(
    {"case.read", "case.report", "case.accept", "case.file", "case.dispatch", "case.close", "case.supervise", "alarm.open_case"}
)
BASE = "/api/v1"


@dataclass
class Person:
    """Somebody who works on cases."""

    actor: Actor
    client: TestClient

    def post(self, path: str, status: int | None = None, **json: Any) -> Any:
        """Send JSON; the answer's content, after checking its status when one is named."""
        answer = self.client.post(BASE + path, json=json)
        if status is not None:
            assert answer.status_code == status, answer.text
        return answer.json()

    def get(self, path: str, status: int = 200, **params: Any) -> Any:
        answer = self.client.get(BASE + path, params=params)
        assert answer.status_code == status, answer.text
        return answer.json()

    def report(self, **more: Any) -> Any:
        """A report of litter in 渝中区."""
        body = {"source": "patrol", "class": LITTER, "description": "果皮箱外有暴露垃圾", "place": PLACE, **more}
        return self.post("/cases", 201, **{k: v for k, v in body.items() if v is not None})

    def do(self, case: dict[str, Any], operation: str, status: int | None = 200, **more: Any) -> Any:
        """An operation on a case as it was seen."""
        body = more if operation == "note" else {"revision": case["revision"], **more}
        return self.post(f"/cases/{case['id']}/{operation}", status, **body)

    def photo(self, data: bytes | None = None, status: int = 201, name: str = "a.jpg") -> Any:
        answer = self.client.post(f"{BASE}/photos", files={"file": (name, data or picture(), "image/jpeg")})
        assert answer.status_code == status, answer.text
        return answer.json()


@dataclass
class Office:
    """The people, the units, and the city's time."""

    units: dict[str, UUID]
    enter: Callable[[Actor], Person]
    time: clock.ManualClock
    people: dict[str, Person] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Person:
        try:
            return self.people[name]
        except KeyError:
            raise AttributeError(name) from None


def picture(size: tuple[int, int] = (64, 48), kind: str = "JPEG", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (90, 120, 60)).save(out, kind, **options)
    return out.getvalue()


def application(actor: Actor) -> FastAPI:
    """The room's routes for somebody who is signed in."""
    app = FastAPI()
    app.include_router(router, prefix=BASE)
    problems.install(app)

    @app.middleware("http")
    async def sign_in(request: Request, call_next: Any) -> Any:
        request.state.actor = actor
        return await call_next(request)

    return app


def walk(office: Office, case: dict[str, Any], until: str) -> dict[str, Any]:
    """Take a case further along the main way, to a state."""
    unit = str(office.units[f"unit-{YUZHONG}-sanitation"])
    steps: list[tuple[str, Person, str, dict[str, Any]]] = [
        ("accepted", office.desk, "accept", {}),
        ("filed", office.desk, "file", {}),
        ("dispatched", office.desk, "dispatch", {"unit_id": unit}),
        ("handling", office.handler, "sign", {}),
        ("handled", office.handler, "handle", {"feedback": "已清运"}),
        ("checked", office.supervisor, "check_pass", {}),
        ("closed", office.desk, "close", {}),
    ]
    passed = [state for state, *_ in steps]
    done = passed.index(case["state"]) + 1 if case["state"] in passed else 0
    for state, person, operation, more in steps[done:]:
        if case["state"] == until:
            return case
        case = person.do(case, operation, **more)
        assert case["state"] == state
    return case
