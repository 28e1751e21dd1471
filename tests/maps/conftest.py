"""Devices scattered over the city, some with alarms, and layers for them."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from fastapi.testclient import TestClient

from chengyun.accounts import service as accounts
from chengyun.devices import service as devices
from chengyun.devices.schemas import ModelSpec
from chengyun.devices.service import NewDevice
from chengyun.kernel.db import Scope, transaction
from chengyun.kernel.http import Actor
from chengyun.maps import api, service
from chengyun.maps.schemas import LayerSpec
from chengyun.regions import service as regions
from tests.support.rooms import signed_in

COUNT = 10_000
CITY = "105.2,28.1,110.3,32.3"
READER = Actor(name="张三", user_id=UUID(int=1), permissions=frozenset({"map.read"}), scope=Scope.everything())
YUZHONG = Actor(name="李四", user_id=UUID(int=2), permissions=frozenset({"map.read"}), scope=Scope.of([("500103", "500104")]))
STRANGER = Actor(name="王五", user_id=UUID(int=3), scope=Scope.everything())


def model(key: str) -> ModelSpec:
    return ModelSpec(key=key, name_zh=key, name_en=key)


def layer(key: str, **more: Any) -> LayerSpec:
    return LayerSpec.model_validate({"key": key, "name_zh": f"图层 {key}", "name_en": f"Layer {key}", **more})


@pytest.fixture(scope="module")
def city(database: str) -> str:
    with transaction(Scope.everything()) as session:
        regions.seed(session)
        accounts.seed(session)
        for key in ("tank", "lamp", "hut"):
            devices.put_model(session, "septic", model(key))
        grids = regions.locator(session)
        rng = np.random.default_rng(7)
        lon, lat = rng.uniform(106.2, 106.9, 60_000), rng.uniform(29.3, 29.9, 60_000)
        inside = np.flatnonzero(grids.many(lon, lat) != "")[:COUNT]
        assert inside.size == COUNT
        rows = [
            NewDevice(key=f"T{i}", name=f"池 {i}", model_key="tank", lon=float(lon[row]), lat=float(lat[row]))
            for i, row in enumerate(inside)
        ]
        devices.register_many(session, rows, with_secrets=False)
        lamps = [
            NewDevice(key="L0", name="灯", model_key="lamp", lon=106.5745, lat=29.5587),
            NewDevice(key="L1", name="灯", model_key="lamp", region_code="500103"),
        ]
        devices.register_many(session, lamps, with_secrets=False)
        service.put_layers(
            session, "septic",
            [layer("tanks", filter={"model": "tank"}, style={"letter": "池", "min_zoom": 13}), layer("lamps", filter={"model": "lamp"}),
             layer("all", filter={"pack": "septic"}), layer("none", filter={"model": "hut"})],
        )  # fmt: skip
    return database


@pytest.fixture
def client(city: str) -> Iterator[Any]:
    """A client for each actor."""
    with ExitStack() as stack:
        yield lambda actor=READER: Map(stack.enter_context(signed_in(actor, api.router))[0])


class Map:
    """Questions to the map."""

    def __init__(self, http: TestClient) -> None:
        self.http = http

    def get(self, path: str, status: int = 200, **params: Any) -> Any:
        answer = self.http.get(f"/api/v1/map/{path}", params=params)
        assert answer.status_code == status, answer.text
        return answer.json()

    def features(self, key: str = "tanks", bbox: str = CITY, zoom: float = 6, **more: Any) -> Any:
        return self.get(f"layers/{key}/features", bbox=bbox, zoom=zoom, **more)
