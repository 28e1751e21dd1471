"""The fleet in memory: rows that stay where they are, whatever happens to devices and models."""

import threading
import time
from typing import Any

import pytest

from chengyun.devices import service
from chengyun.devices.fleet import Fleet
from chengyun.devices.schemas import ModelSpec
from chengyun.devices.service import NewDevice
from chengyun.kernel.db import Scope, raw_transaction, transaction
from chengyun.kernel.errors import Problem
from tests.devices.conftest import COLLECTOR, DAPING, ENGINEER, JIEFANGBEI, TANK, add
from tests.support.rooms import signed_in

pytestmark = pytest.mark.usefixtures("city")


def load() -> Fleet:
    with raw_transaction(Scope.everything()) as connection:
        return Fleet.load(connection)


def is_stale(fleet: Fleet) -> bool:
    with raw_transaction(Scope.everything()) as connection:
        return fleet.is_stale(connection)


def test_a_fleet_holds_devices_as_columns_in_the_order_of_their_numbers() -> None:
    add("gw-1", model="collector")
    add("t-1", "t-2", gateway_key="gw-1")
    fleet = load()
    assert fleet.keys == ["gw-1", "t-1", "t-2"]
    assert fleet.gateway.tolist() == [-1, 0, 0]
    assert [fleet.models[m].key for m in fleet.model] == ["collector", "tank", "tank"]
    assert fleet.row_of == {"gw-1": 0, "t-1": 1, "t-2": 2}
    assert fleet.active.all()
    assert all(code.startswith("500103") for code in fleet.regions)
    assert [(fleet.models[m.model].key, m.key) for m in fleet.metrics] == [
        ("tank", "ch4"),
        ("tank", "h2s"),
        ("tank", "fan"),
        ("collector", "load"),
    ]
    assert fleet.metric_of[1, "load"] == 3
    assert fleet.models[0].metrics == (0, 1, 2)


def test_each_change_that_matters_makes_the_fleet_stale() -> None:
    from chengyun.devices.api import router

    with signed_in(ENGINEER, router) as (client, _):
        fleet = load()
        assert not is_stale(fleet)
        add("s-1")
        assert is_stale(fleet)
        fleet = load()
        device = client.get(f"/api/v1/devices/{fleet.ids[fleet.row_of['s-1']]}").json()
        place = {"lon": DAPING[0], "lat": DAPING[1]}
        assert client.patch(f"/api/v1/devices/{device['id']}", json={"place": place, "revision": 1}).status_code == 200
        assert is_stale(fleet)
        moved = load()
        assert moved.regions[moved.row_of["s-1"]] != fleet.regions[fleet.row_of["s-1"]]
        assert client.patch(f"/api/v1/devices/{device['id']}", json={"retired": True, "revision": 2}).status_code == 200
        assert is_stale(moved)
        assert not load().active[moved.row_of["s-1"]]


def test_a_model_gets_a_version_only_when_it_has_changed() -> None:
    fleet = load()
    with transaction(Scope.everything()) as session:
        assert service.put_model(session, "septic", TANK) == 1
    assert not is_stale(fleet)
    wider = TANK.model_dump() | {"expected_interval_seconds": 120}
    with transaction(Scope.everything()) as session:
        assert service.put_model(session, "septic", ModelSpec.model_validate(wider)) == 2
    assert is_stale(fleet)
    again = load()
    assert [m.key for m in again.models] == [m.key for m in fleet.models]
    assert again.models[0].expected_interval_seconds == 120
    with pytest.raises(Problem, match="belongs to the pack"), transaction(Scope.everything()) as session:
        service.put_model(session, "other", COLLECTOR)


def test_numbers_have_no_gaps_and_follow_the_order_of_commits() -> None:
    """A registration that fails or is slow must not leave a hole that a later start would fill in the middle."""
    before = len(load())
    with pytest.raises(Problem), transaction(Scope.everything()) as session:
        service.register_many(session, [NewDevice("lost-1", "x", "tank", *JIEFANGBEI), NewDevice("t-1", "x", "tank", *JIEFANGBEI)])
    entered = threading.Event()

    def second() -> None:
        entered.wait(10)
        add("late")

    thread = threading.Thread(target=second)
    thread.start()
    with transaction(Scope.everything()) as session:
        service.register_many(session, [NewDevice("early", "x", "tank", *JIEFANGBEI)])
        entered.set()
    thread.join(20)
    fleet = load()
    assert fleet.keys[before:] == ["early", "late"]
    assert fleet.keys[:before] == load().keys[:before]


def test_a_fleet_is_never_read_in_part() -> None:
    with pytest.raises(ValueError, match="whole city"), raw_transaction(Scope.of([("500101", "500102")])) as connection:
        Fleet.load(connection)


def test_ten_thousand_devices_are_registered_and_loaded_quickly(capsys: Any) -> None:
    rows = [NewDevice(f"bulk-{i}", f"第 {i} 号", "tank", 106.50 + i % 100 / 2000, 29.54 + i // 100 / 4000) for i in range(10_000)]
    begun = time.perf_counter()
    with transaction(Scope.everything()) as session:
        secrets = service.register_many(session, rows)
    registered = time.perf_counter() - begun
    assert len(secrets) == len(set(secrets.values())) == 10_000
    begun = time.perf_counter()
    fleet = load()
    loaded = time.perf_counter() - begun
    with capsys.disabled():
        print(f"\n10,000 devices: registered in {registered:.2f} s, {len(fleet)} loaded in {loaded:.3f} s")
    assert fleet.keys[-1] == "bulk-9999"
    assert registered < 60
    assert loaded < 20
    assert service.check_secret("bulk-17", secrets["bulk-17"])
    assert not service.check_secret("bulk-17", secrets["bulk-18"])
