"""From changes of level to alarms, history, events, orders and devices' worst levels in the database."""

import threading
from datetime import UTC, datetime, timedelta
from time import perf_counter
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Rollback

from chengyun.alarms import settle
from chengyun.alarms.events import on_moved
from chengyun.kernel import clock
from chengyun.kernel.bus import Event
from chengyun.kernel.clock import ManualClock
from chengyun.kernel.db import Scope, raw_transaction, transaction
from chengyun.kernel.settings import get_settings
from tests.alarms.conftest import EVERYTHING, METHANE, SILENCE, START, Rows, Watch, add, officer, officers, put, spec

NOW = datetime.fromtimestamp(START / 1000, UTC)
ALARM = "SELECT alarm.* FROM alarm JOIN device ON device.id = device_id WHERE device.key = %s ORDER BY alarm.id"
TOLD = "SELECT subject, data FROM outbox WHERE data->>'device_key' = %s AND subject LIKE 'ev.alarm.%%' ORDER BY position"


@pytest.fixture
def watch(rules: None) -> Watch:
    clock.set_clock(ManualClock(NOW))
    return Watch()


def fresh(watch: Watch, count: int = 1) -> list[str]:
    """New devices that the watch knows."""
    keys = [f"t{uuid4().hex[:10]}" for _ in range(count)]
    add(*keys)
    watch.renew()
    return keys


def worst(rows: Rows, key: str) -> int | None:
    (row,) = rows("SELECT worst_alarm_level FROM device_state s JOIN device d ON d.id = s.device_id WHERE d.key = %s", key)
    return row["worst_alarm_level"]  # type: ignore[no-any-return]


def test_an_alarm_from_the_first_reading_to_the_end(watch: Watch, rows: Rows) -> None:
    (key,) = fresh(watch)
    assert watch.read((key, 0, 5), (key, 60, 12)) == 1
    (alarm,) = rows(ALARM, key)
    assert (alarm["level"], alarm["state"], alarm["value"], alarm["threshold"], alarm["unit"]) == (3, "raised", 12, 10, "%LEL")
    assert alarm["raised_at"] == NOW + timedelta(seconds=60)
    assert alarm["region_code"].startswith("500103")
    assert worst(rows, key) == 3
    watch.read((key, 120, 45))
    watch.read((key, 180, 30))
    assert worst(rows, key) == 2
    watch.read((key, 240, 1))
    (alarm,) = rows(ALARM, key)
    assert (alarm["level"], alarm["worst_level"], alarm["state"], worst(rows, key)) == (2, 1, "cleared", None)
    history = rows("SELECT kind, level FROM alarm_event WHERE alarm_id = %s ORDER BY position", alarm["id"])
    assert [(h["kind"], h["level"]) for h in history] == [("raised", 3), ("level", 1), ("level", 2), ("cleared", None)]
    told = rows(TOLD, key)
    assert [(t["subject"], t["data"]["level"]) for t in told] == [
        ("ev.alarm.raised", 3), ("ev.alarm.level", 1), ("ev.alarm.level", 2), ("ev.alarm.cleared", 2)
    ]  # fmt: skip
    assert set(told[0]["data"]) == {
        "id", "device_id", "device_key", "device_name", "rule", "rule_version", "pack", "level", "state", "metric", "value", "unit",
        "threshold", "lon", "lat", "raised_at",
    }  # fmt: skip
    orders = rows("SELECT arguments FROM device_command c JOIN device d ON d.id = c.device_id WHERE d.key = %s ORDER BY c.id", key)
    assert [o["arguments"] for o in orders] == [{"on": True}, {"on": False}]


def test_one_that_comes_back_is_the_same_alarm(watch: Watch, rows: Rows) -> None:
    (key,) = fresh(watch)
    watch.read((key, 0, 12), (key, 60, 1), (key, 120, 25))
    (alarm,) = rows(ALARM, key)
    assert (alarm["state"], alarm["recurrences"], alarm["level"]) == ("raised", 1, 2)
    assert (alarm["first_raised_at"], alarm["raised_at"]) == (NOW, NOW + timedelta(seconds=120))
    said = [(t["subject"], t["data"]["state"], t["data"]["value"]) for t in rows(TOLD, key)]
    assert said == [("ev.alarm.raised", "raised", 12), ("ev.alarm.cleared", "cleared", 1), ("ev.alarm.raised", "raised", 25)]


def test_a_transaction_that_fails_leaves_nothing_and_can_be_repeated(watch: Watch, rows: Rows) -> None:
    (key,) = fresh(watch)
    changes = watch.judge((key, 0, 50))
    with raw_transaction(EVERYTHING) as connection:
        watch.evaluator.commit(connection, changes)
        raise Rollback
    assert rows(ALARM, key) == []
    for _ in range(2):
        with raw_transaction(EVERYTHING) as connection:
            watch.evaluator.commit(connection, changes)
    assert len(rows(ALARM, key)) == 1
    assert len(rows(TOLD, key)) == 1


def test_two_watches_at_once_make_one_alarm(watch: Watch, rows: Rows) -> None:
    (key,) = fresh(watch)
    changes = watch.judge((key, 0, 50))
    barrier, failures = threading.Barrier(4), []

    def write() -> None:
        barrier.wait()
        try:
            with raw_transaction(EVERYTHING) as connection:
                watch.evaluator.commit(connection, changes)
        except psycopg.errors.UniqueViolation as failure:
            failures.append(failure)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(rows(ALARM, key)), failures) == (1, [])


def test_a_thousand_alarms_in_one_transaction(watch: Watch, rows: Rows) -> None:
    keys = fresh(watch, 1000)
    statements = rows("SELECT count(*) AS n FROM alarm")[0]["n"]
    began = perf_counter()
    assert watch.read(*[(key, 0, 15) for key in keys]) == 1000
    taken = perf_counter() - began
    assert rows("SELECT count(*) AS n FROM alarm")[0]["n"] == statements + 1000
    assert taken < 2.0


def test_closed_by_a_person_it_stays_closed_until_the_condition_has_gone(watch: Watch, rows: Rows) -> None:
    (key,) = fresh(watch)
    watch.read((key, 0, 12))
    with officers(officer()) as (client,):
        alarm_id = rows(ALARM, key)[0]["id"]
        assert client.post(f"/api/v1/alarms/{alarm_id}/close", json={"reason": "检修中"}).status_code == 200
    assert worst(rows, key) is None
    watch.read((key, 60, 15), (key, 120, 1))
    assert [a["state"] for a in rows(ALARM, key)] == ["closed"]
    watch.read((key, 180, 15))
    assert [a["state"] for a in rows(ALARM, key)] == ["closed", "raised"]


def test_closed_by_a_person_it_is_raised_when_it_becomes_worse_than_that_person_saw(watch: Watch, rows: Rows) -> None:
    (key,) = fresh(watch)
    watch.read((key, 0, 25))
    with officers(officer()) as (client,):
        client.post(f"/api/v1/alarms/{rows(ALARM, key)[0]['id']}/close", json={"reason": "检修中"})
    watch.read((key, 60, 12), (key, 120, 25))
    assert [a["state"] for a in rows(ALARM, key)] == ["closed"]
    watch.read((key, 180, 60))
    assert [(a["state"], a["level"]) for a in rows(ALARM, key)] == [("closed", 2), ("raised", 1)]


def test_cleared_ones_close_themselves(watch: Watch, rows: Rows) -> None:
    (key,) = fresh(watch)
    watch.read((key, 0, 12), (key, 60, 1))
    minutes = get_settings().alarm_close_minutes
    with raw_transaction(EVERYTHING) as connection:
        settle.close_quiet(connection, NOW + timedelta(minutes=minutes))
    assert rows(ALARM, key)[0]["state"] == "cleared"
    with raw_transaction(EVERYTHING) as connection:
        settle.close_quiet(connection, NOW + timedelta(minutes=minutes + 2))
    assert rows(ALARM, key)[0]["state"] == "closed"
    assert rows(TOLD, key)[-1]["subject"] == "ev.alarm.closed"


def heard(rows: Rows, key: str, at: datetime) -> None:
    rows("UPDATE device_state SET last_seen = %s FROM device d WHERE d.id = device_id AND d.key = %s RETURNING 1", at, key)


def test_silence_is_noticed_by_the_clock(watch: Watch, rows: Rows) -> None:
    (key,) = fresh(watch)
    time = ManualClock(NOW)
    clock.set_clock(time)
    heard(rows, key, NOW)
    watch.sweep()
    assert rows(ALARM, key) == []
    time.advance(601)
    watch.sweep()
    watch.sweep()
    (alarm,) = rows(ALARM, key)
    assert (alarm["level"], alarm["state"], alarm["value"], alarm["metric"]) == (4, "raised", 601, None)
    time.advance(3000)
    watch.sweep()
    assert rows(ALARM, key)[0]["level"] == 3
    heard(rows, key, clock.now())
    watch.sweep()
    assert rows(ALARM, key)[0]["state"] == "cleared"
    # It spoke once and is silent again, longer than a cleared alarm stays open: that is a new alarm.
    time.advance(get_settings().alarm_close_minutes * 60 + 60)
    with raw_transaction(EVERYTHING) as connection:
        settle.close_quiet(connection, clock.now())
    watch.sweep()
    assert [a["state"] for a in rows(ALARM, key)] == ["closed", "raised"]
    with officers(officer()) as (client,):
        client.post(f"/api/v1/alarms/{rows(ALARM, key)[1]['id']}/close", json={"reason": "已停用"})
    watch.sweep()
    assert [a["state"] for a in rows(ALARM, key)] == ["closed", "closed"]


def test_a_storm_is_told_once_and_as_it_grows(watch: Watch, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_settings(), "alarm_storm_per_minute", 10)
    time = ManualClock(NOW)
    clock.set_clock(time)
    keys = fresh(watch, 140)
    watch.read(*[(key, 0, 15) for key in keys[:8]])
    assert rows("SELECT * FROM alarm_storm WHERE ended_at IS NULL") == []
    watch.read(*[(key, 0, 45 if i == 0 else 15) for i, key in enumerate(keys[8:20])])
    (storm,) = rows("SELECT * FROM alarm_storm WHERE ended_at IS NULL")
    assert (storm["count"], storm["worst_level"], storm["region_code"]) == (12, 1, "500103")
    told = [key for key in keys if rows(TOLD, key)]
    assert told == keys[:9]
    watch.read(*[(key, 0, 15) for key in keys[20:130]])
    events = rows("SELECT data FROM outbox WHERE subject = 'ev.alarm.storm' AND data->>'id' = %s ORDER BY position", str(storm["id"]))
    assert [(e["data"]["state"], e["data"]["count"]) for e in events] == [("lasts", 12), ("lasts", 122)]
    with officers(officer()) as (client,):
        (shown,) = client.get("/api/v1/alarms/storms").json()
        assert (shown["count"], shown["area_name"]) == (122, "渝中区")
        page = client.get("/api/v1/alarms", params={"storm_id": shown["id"], "limit": 200}).json()
        assert len(page["items"]) == 122
    time.advance(get_settings().alarm_storm_calm_minutes * 60 + 1)
    watch.sweep()
    (storm,) = rows("SELECT ended_at FROM alarm_storm WHERE id = %s", storm["id"])
    assert storm["ended_at"] == clock.now()


def test_a_changed_rule_is_a_new_version_and_an_ended_one_closes_its_alarms(watch: Watch, rows: Rows) -> None:
    (key,) = fresh(watch)
    watch.read((key, 0, 12))
    before = rows(ALARM, key)[0]["rule_version"]
    assert put(spec(METHANE), spec(SILENCE)) == []
    assert put(spec(METHANE, hysteresis=1), spec(SILENCE)) == ["tank-ch4"]
    with raw_transaction(EVERYTHING) as connection:
        assert watch.evaluator.is_stale(connection)
    watch.renew()
    assert watch.read((key, 60, 13)) == 0
    watch.read((key, 120, 22))
    (alarm,) = rows(ALARM, key)
    assert (alarm["rule_version"], alarm["level"]) == (before + 1, 2)
    assert put(spec(SILENCE)) == ["tank-ch4"]
    assert rows(ALARM, key)[0]["state"] == "closed"
    assert worst(rows, key) is None


def test_closing_one_while_another_is_raised_keeps_the_devices_worst_level(watch: Watch, rows: Rows) -> None:
    oxygen = spec(METHANE, key="tank-o2", metric="o2", kind="below", levels=[{"level": 1, "threshold": 18}], hysteresis=0, actions=[])
    put(spec(METHANE), spec(SILENCE), oxygen)
    (key,) = fresh(watch)
    watch.read((key, 0, 12))
    alarm_id: UUID = rows(ALARM, key)[0]["id"]
    answers = []

    def close() -> None:
        with officers(officer()) as (client,):
            answers.append(client.post(f"/api/v1/alarms/{alarm_id}/close", json={"reason": "误报"}).status_code)

    changes = watch.judge((key, 0, 10), metric="o2")
    thread = threading.Thread(target=close)
    with raw_transaction(EVERYTHING) as connection:
        watch.evaluator.commit(connection, changes)
        thread.start()
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        while not rows(waiting) and not answers:
            thread.join(0.01)
    thread.join()
    assert answers == [200]
    assert worst(rows, key) == 1


def test_alarms_and_their_histories_go_with_a_device_that_moves(watch: Watch, rows: Rows) -> None:
    (key,) = fresh(watch)
    watch.read((key, 0, 30), (key, 60, 1))
    (alarm,) = rows(ALARM, key)
    (device,) = rows("SELECT id, region_code FROM device WHERE key = %s", key)
    yubei = "500112001001"
    with raw_transaction(EVERYTHING) as connection:
        connection.execute("UPDATE device SET region_code = %s WHERE id = %s", (yubei, device["id"]))
    moved = Event(uuid4(), "ev.device.moved", NOW, "test", yubei, {"id": str(device["id"]), "key": key})
    with transaction(EVERYTHING) as session:
        on_moved(session, moved)
    assert [a["region_code"] for a in rows(ALARM, key)] == [yubei]
    assert {e["region_code"] for e in rows("SELECT region_code FROM alarm_event WHERE alarm_id = %s", alarm["id"])} == {yubei}
    there = officer(scope=Scope.of([("500112", "500113")]))
    here = officer(scope=Scope.of([("500103", "500104")]))
    with officers(there, here) as (new, old):
        assert new.get(f"/api/v1/alarms/{alarm['id']}").status_code == 200
        assert old.get(f"/api/v1/alarms/{alarm['id']}").status_code == 404


def test_what_a_changed_rule_finds_only_in_a_replay_is_raised_by_the_next_reading(watch: Watch, rows: Rows) -> None:
    """The watch died after the readings of its last snapshot were applied under the old rule, and comes back with the new one."""
    high, cleared, closed = fresh(watch, 3)
    mild = spec(METHANE, levels=[{"level": 3, "threshold": 30}], actions=[])
    put(mild, spec(SILENCE))
    watch.renew()
    watch.read((cleared, 0, 35), (closed, 0, 35))
    (alarm,) = rows(ALARM, closed)
    with officers(officer()) as (desk,):
        desk.post(f"/api/v1/alarms/{alarm['id']}/close", json={"reason": "现场确认"})
    stored = watch.evaluator.snapshot()
    since = [(high, 60, 15), (cleared, 60, 15), (closed, 60, 35)]
    watch.read(*since)
    assert rows(ALARM, high) == []
    assert rows(ALARM, cleared)[0]["state"] == "cleared"
    put(spec(METHANE), spec(SILENCE))
    risen = Watch()
    risen.evaluator.restore(stored)
    risen.judge(*since)
    with raw_transaction(EVERYTHING) as connection:
        risen.evaluator.replayed(connection)
    risen.sequence = watch.sequence
    assert risen.read((high, 120, 15), (cleared, 120, 15), (closed, 120, 35)) == 2
    assert [(a["level"], a["state"], a["rule_version"]) for a in rows(ALARM, high)] == [(3, "raised", rows(ALARM, high)[0]["rule_version"])]
    assert [(a["state"], a["recurrences"]) for a in rows(ALARM, cleared)] == [("raised", 1)]
    assert [a["state"] for a in rows(ALARM, closed)] == ["closed"]
