"""A city, and who puts packs into force."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from chengyun.accounts import service as accounts
from chengyun.alarms import api as alarms_api
from chengyun.kernel.db import Scope, transaction
from chengyun.kernel.http import Actor
from chengyun.maps import api as maps_api
from chengyun.packs import api
from chengyun.packs.loading import builtin
from chengyun.regions import service as regions
from chengyun.standards import service as standards
from tests.support.rooms import signed_in

ALL = frozenset({"pack.read", "pack.apply", "map.read", "alarm.read"})
CITY = Scope.of([("500000", "510000")])
APPLIER = Actor(name="管理员", user_id=UUID(int=1), permissions=ALL, scope=CITY)
ENGLISH = Actor(name="Admin", user_id=UUID(int=1), permissions=ALL, scope=CITY, lang="en")
READER = Actor(name="张三", user_id=UUID(int=2), permissions=frozenset({"pack.read"}), scope=CITY)
DISTRICT = Actor(name="李四", user_id=UUID(int=3), permissions=ALL, scope=Scope.of([("500103", "500104")]))
STRANGER = Actor(name="王五", user_id=UUID(int=4), scope=CITY)

SEPTIC = builtin()["septic"].text
SMALL = """\
pack: {key: lamps, version: '1', name_zh: 路灯, name_en: Street lamps}
models:
  - key: lamp
    name_zh: 路灯
    name_en: Lamp
    metrics:
      - {key: current, name_zh: 电流, name_en: Current, unit: A, low: 0, high: 50}
rules:
  - key: lamp-current
    name_zh: 电流过大
    name_en: Too much current
    model: lamp
    metric: current
    kind: above
    levels:
      - {level: 3, threshold: 10}
      - {level: 2, threshold: 20}
    source: own default
layers:
  - {key: lamps, name_zh: 路灯, name_en: Street lamps, filter: {model: lamp}}
"""


@pytest.fixture(scope="module")
def city(database: str) -> str:
    with transaction(Scope.everything()) as session:
        standards.seed(session)
        regions.seed(session)
        accounts.seed(session)
    return database


class Desk:
    """A person in front of the packs."""

    def __init__(self, http: TestClient, lines: list[dict[str, Any]]) -> None:
        self.http, self.lines = http, lines

    def get(self, path: str, status: int = 200, **params: Any) -> Any:
        answer = self.http.get(f"/api/v1{path}", params=params)
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, path: str, body: Any, status: int = 200) -> Any:
        answer = self.http.post(f"/api/v1{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
def desk(city: str) -> Iterator[Any]:
    """A client for each actor; the last one made signs the audit lines."""
    with ExitStack() as stack:

        def enter(actor: Actor | None = APPLIER) -> Desk:
            return Desk(*stack.enter_context(signed_in(actor, api.router, alarms_api.router, maps_api.router)))

        yield enter
