"""Newest values, who is heard and who is silent, the worst open alarm."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest

from chengyun.devices import jobs, service
from chengyun.devices.fleet import Fleet
from chengyun.devices.repository.state import bundles
from chengyun.devices.service import Latest, NewDevice
from chengyun.kernel import clock
from chengyun.kernel.clock import ManualClock
from chengyun.kernel.db import Scope, raw_transaction, transaction
from tests.devices.conftest import DAPING, JIEFANGBEI, add

pytestmark = pytest.mark.usefixtures("city")
NOON = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def at_noon() -> ManualClock:
    now = ManualClock(NOON)
    clock.set_clock(now)
    return now


def query(statement: str, *values: Any, scope: Scope | None = None) -> list[tuple[Any, ...]]:
    with raw_transaction(scope or Scope.everything()) as connection:
        return connection.execute(statement.encode(), values).fetchall()


def ids(*keys: str) -> list[UUID]:
    with raw_transaction(Scope.everything()) as connection:
        fleet = Fleet.load(connection)
    return [fleet.ids[fleet.row_of[k]] for k in keys]


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def hear(*readings: tuple[UUID, str, datetime, float, int]) -> int:
    columns = list(zip(*readings, strict=True))
    latest = Latest(columns[0], columns[1], [ms(t) for t in columns[2]], columns[3], columns[4])
    with raw_transaction(Scope.everything()) as connection:
        return service.merge_latest(connection, latest)


def state(device_id: UUID) -> tuple[Any, ...]:
    return query("SELECT connection, last_seen, since FROM device_state WHERE device_id = %s", device_id)[0]


def values(device_id: UUID) -> dict[str, tuple[Any, ...]]:
    rows = query("SELECT metric, value, time, sequence FROM latest_reading WHERE device_id = %s", device_id)
    return {r[0]: r[1:] for r in rows}


def events(subject: str) -> list[tuple[Any, ...]]:
    return query("DELETE FROM outbox WHERE subject = %s RETURNING data, region_code", subject)


def test_the_newest_value_by_time_is_kept_whatever_the_order_of_arrival() -> None:
    add("v-1")
    (device,) = ids("v-1")
    hear((device, "ch4", NOON, 3.0, 12), (device, "ch4", NOON - timedelta(seconds=5), 2.0, 13), (device, "h2s", NOON, 7.5, 12))
    hear((device, "ch4", NOON - timedelta(seconds=1), 1.0, 20))
    assert values(device) == {"ch4": (3.0, NOON, 12), "h2s": (7.5, NOON, 12)}
    hear((device, "ch4", NOON, 4.0, 21))
    assert values(device)["ch4"] == (4.0, NOON, 21), "of the same time the later message counts"


def test_merging_the_same_rows_again_changes_nothing() -> None:
    add("v-2")
    (device,) = ids("v-2")
    rows = [(device, "ch4", NOON, 0.1 + 0.2, 5), (device, "h2s", NOON, 1e-300, 5)]
    hear(*rows)
    before = query("SELECT *, xmin FROM latest_reading WHERE device_id = %s", device), query("SELECT *, xmin FROM device_state")
    assert hear(*rows) == 0
    assert before == (query("SELECT *, xmin FROM latest_reading WHERE device_id = %s", device), query("SELECT *, xmin FROM device_state"))
    assert values(device)["ch4"][0] == 0.1 + 0.2


def test_readings_of_unknown_devices_are_passed_over() -> None:
    add("v-3")
    (device,) = ids("v-3")
    hear((uuid4(), "ch4", NOON, 3.0, 1), (device, "ch4", NOON, 3.0, 1))
    assert values(device)["ch4"][0] == 3.0


def test_several_merges_in_one_transaction_do_not_mix() -> None:
    add("v-4", "v-5")
    first, second = ids("v-4", "v-5")
    with raw_transaction(Scope.everything()) as connection:
        service.merge_latest(connection, Latest([first], ["ch4"], np.array([ms(NOON)]), np.array([1.0]), np.array([1])))
        assert service.merge_latest(connection, Latest([second], ["ch4"], [ms(NOON)], [1.0], [2])) == 1


def test_a_device_is_online_when_heard_and_offline_after_three_intervals(at_noon: ManualClock) -> None:
    add("c-1")
    (device,) = ids("c-1")
    assert state(device)[0] == "unknown"
    events("ev.device.online")
    assert hear((device, "ch4", NOON, 1.0, 1)) == 1
    assert state(device) == ("online", NOON, NOON)
    ((data, region),) = events("ev.device.online")
    assert (data["count"], data["devices"][0]["key"]) == (1, "c-1")
    assert region.startswith("500103")
    at_noon.advance(180)
    jobs.mark_silent_devices()
    assert state(device)[0] == "online", "three times 60 s are not over"
    at_noon.advance(1)
    jobs.mark_silent_devices()
    assert state(device) == ("offline", NOON, NOON + timedelta(seconds=180))
    assert [e[0]["devices"][0]["key"] for e in events("ev.device.offline")] == ["c-1"]
    jobs.mark_silent_devices()
    assert events("ev.device.offline") == []
    assert hear((device, "ch4", clock.now(), 1.0, 2)) == 1
    assert state(device)[0] == "online"


def test_old_readings_sent_late_do_not_bring_a_device_back(at_noon: ManualClock) -> None:
    add("c-2")
    (device,) = ids("c-2")
    hear((device, "ch4", NOON, 1.0, 1))
    at_noon.advance(3600)
    jobs.mark_silent_devices()
    assert hear((device, "ch4", NOON + timedelta(minutes=5), 1.0, 2)) == 0
    assert state(device)[:2] == ("offline", NOON + timedelta(minutes=5))


def test_a_clock_that_runs_ahead_does_not_keep_a_device_online_for_ever(at_noon: ManualClock) -> None:
    add("c-3")
    (device,) = ids("c-3")
    hear((device, "ch4", NOON + timedelta(days=365), 1.0, 1))
    assert state(device)[1] == NOON
    at_noon.advance(600)
    jobs.mark_silent_devices()
    assert state(device)[0] == "offline"


def test_a_retired_device_does_not_go_offline(at_noon: ManualClock) -> None:
    add("c-4")
    (device,) = ids("c-4")
    hear((device, "ch4", NOON, 1.0, 1))
    query("UPDATE device SET retired_at = now() WHERE id = %s RETURNING id", device)
    at_noon.advance(600)
    jobs.mark_silent_devices()
    assert state(device)[0] == "online"


def test_many_silent_devices_are_told_in_few_events() -> None:
    street = [(uuid4(), f"k-{i}", "n", f"500103001{i % 1000:06d}") for i in range(700)]
    told = bundles("ev.device.offline", street, NOON)
    assert [(e[1]["count"], e[2]) for e in told] == [(700, "500103001")]
    assert len(told[0][1]["devices"]) == 50
    city = [(uuid4(), f"k-{i}", "n", f"{500101 + i % 38}{i % 900:03d}001001") for i in range(50_000)]
    told = bundles("ev.device.offline", city, NOON)
    assert len(told) == 38
    assert sum(e[1]["count"] for e in told) == 50_000
    assert bundles("ev.device.offline", [], NOON) == []


def test_the_worst_level_is_written_for_many_devices_at_once() -> None:
    add("w-1", "w-2", "w-3")
    first, second, third = ids("w-1", "w-2", "w-3")
    with raw_transaction(Scope.everything()) as connection:
        service.set_worst_levels(connection, [(first, 1), (second, 3), (uuid4(), 2)])
        service.set_worst_levels(connection, [])
    with raw_transaction(Scope.everything()) as connection:
        service.set_worst_levels(connection, [(second, None), (third, 4)])
    found = dict(query("SELECT device_id, worst_alarm_level FROM device_state WHERE device_id = ANY(%s)", [first, second, third]))
    assert found == {first: 1, second: None, third: 4}


def test_a_merge_does_not_wait_for_an_alarm_that_is_being_written() -> None:
    add("w-4", "w-5")
    held, free = ids("w-4", "w-5")
    with raw_transaction(Scope.everything()) as alarm:
        service.set_worst_levels(alarm, [(held, 2)])
        assert hear((held, "ch4", NOON, 1.0, 1), (free, "ch4", NOON, 1.0, 1)) == 1
    assert hear((held, "ch4", NOON, 1.0, 1)) == 1


def test_a_moved_device_takes_its_readings_along() -> None:
    add("x-1")
    (device,) = ids("x-1")
    hear((device, "ch4", NOON, 1.0, 1))
    query("UPDATE device SET region_code = '500101001' WHERE id = %s RETURNING id", device)
    hear((device, "ch4", NOON + timedelta(seconds=1), 1.0, 2))
    assert query("SELECT region_code FROM latest_reading WHERE device_id = %s", device) == [("500101001",)]
    elsewhere = Scope.of([("500103", "500104")])
    assert query("SELECT 1 FROM latest_reading WHERE device_id = %s", device, scope=elsewhere) == []


def test_fifty_thousand_newest_values_are_merged_quickly(capsys: Any, at_noon: ManualClock) -> None:
    rows = [NewDevice(f"bulk-{i}", "n", "tank", *(JIEFANGBEI if i % 2 else DAPING)) for i in range(50_000)]
    with transaction(Scope.everything()) as session:
        service.register_many(session, rows, with_secrets=False)
    with raw_transaction(Scope.everything()) as connection:
        fleet = Fleet.load(connection)
    chosen = [d for d, k in zip(fleet.ids, fleet.keys, strict=True) if k.startswith("bulk-")]
    figures = []
    for i in range(4):
        at_noon.advance(1)
        latest = Latest(
            chosen, ["ch4"] * 50_000, np.full(50_000, ms(clock.now())), np.random.default_rng(i).random(50_000), np.arange(50_000)
        )
        begun = time.perf_counter()
        with raw_transaction(Scope.everything()) as connection:
            back = service.merge_latest(connection, latest)
        figures.append(time.perf_counter() - begun)
        assert back == (50_000 if i == 0 else 0)
    begun = time.perf_counter()
    jobs.mark_silent_devices()
    silent = time.perf_counter() - begun
    begun = time.perf_counter()
    with raw_transaction(Scope.everything()) as connection:
        Fleet.load(connection)
    loaded = time.perf_counter() - begun
    with capsys.disabled():
        print(
            "\n50,000 rows merged in",
            ", ".join(f"{f:.2f}" for f in figures),
            f"s; look for silent ones {silent:.3f} s; fleet {loaded:.2f} s",
        )
    assert min(figures) < 20, "joined by nested loops?"
