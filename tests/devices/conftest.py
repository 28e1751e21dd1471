"""A registered handful of devices for the tests of the devices room."""

from typing import Any
from uuid import UUID

import pytest

from chengyun.accounts import service as accounts
from chengyun.devices import service
from chengyun.devices.schemas import ModelSpec
from chengyun.devices.service import NewDevice
from chengyun.kernel.db import Scope, transaction
from chengyun.kernel.http import Actor
from chengyun.regions import service as regions

EVERYTHING = frozenset({"device.read", "device.manage", "device.command", "device.credential"})
ENGINEER = Actor(name="李工", user_id=UUID(int=7), permissions=EVERYTHING, scope=Scope.everything())
YUZHONG = Actor(name="王工", user_id=UUID(int=8), permissions=EVERYTHING, scope=Scope.of([("500103", "500104")]))
ONLOOKER = Actor(name="赵某", user_id=UUID(int=9), permissions=frozenset(), scope=Scope.everything())

JIEFANGBEI = (106.5745, 29.5587)
"""In 渝中区."""
DAPING = (106.5180, 29.5460)
YUBEI = (106.63, 29.72)
"""In the part of 渝北区 that is 两江新区 or 渝北区 by date; outside 渝中区 at any rate."""


def metric(key: str, low: float = 0, high: float = 100) -> dict[str, Any]:
    return {"key": key, "name_zh": key, "name_en": key, "unit": "%", "low": low, "high": high}


TANK = ModelSpec.model_validate(
    {
        "key": "tank",
        "name_zh": "化粪池气体监测仪",
        "name_en": "Septic tank gas monitor",
        "expected_interval_seconds": 60,
        "icon": "tank",
        "metrics": [metric("ch4"), metric("h2s"), metric("fan", 0, 1)],
        "commands": [
            {"key": "fan", "name_zh": "风机", "name_en": "Fan", "arguments": [{"key": "on", "kind": "boolean"}], "timeout_seconds": 20},
            {
                "key": "set",
                "name_zh": "设置",
                "name_en": "Set",
                "arguments": [
                    {"key": "every", "kind": "number", "low": 1, "high": 3600},
                    {"key": "label", "kind": "text", "low": 1, "high": 8},
                ],
                "timeout_seconds": 5,
            },
        ],
    }
)
COLLECTOR = ModelSpec.model_validate(
    {"key": "collector", "name_zh": "采集网关", "name_en": "Collector", "expected_interval_seconds": 300, "metrics": [metric("load")]}
)


@pytest.fixture(scope="module")
def city(database: str) -> str:
    """Divisions, posts and two device models."""
    with transaction(Scope.everything()) as session:
        regions.seed(session)
        accounts.seed(session)
    with transaction(Scope.everything()) as session:
        service.put_model(session, "septic", TANK)
        service.put_model(session, "base", COLLECTOR)
    return database


def add(*keys: str, place: tuple[float, float] = JIEFANGBEI, model: str = "tank", **more: Any) -> dict[str, str]:
    """Register devices at a place; their secrets by key."""
    rows = [NewDevice(key=k, name=f"设备 {k}", model_key=model, lon=place[0], lat=place[1], **more) for k in keys]
    with transaction(Scope.everything()) as session:
        return service.register_many(session, rows)
