"""The life of an alarm on the real database: what the watch writes, what officers do, what others are told."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from chengyun.accounts import service as accounts
from chengyun.alarms import service, storms
from chengyun.alarms.api import router
from chengyun.alarms.evaluator import AlarmEvaluator
from chengyun.alarms.schemas import RuleSpec
from chengyun.devices import service as devices
from chengyun.devices.fleet import Fleet
from chengyun.devices.schemas import ModelSpec
from chengyun.devices.service import NewDevice
from chengyun.kernel import clock
from chengyun.kernel.clock import ManualClock
from chengyun.kernel.db import Scope, raw_transaction, read_only, transaction
from chengyun.kernel.http import Actor
from chengyun.regions import service as regions
from chengyun.telemetry.batch import Batch
from tests.support.rooms import signed_in

T0 = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
RIGHTS = frozenset({"alarm.read", "alarm.acknowledge", "alarm.close"})
CHIEF = Actor(name="陈立新", user_id=UUID(int=1), permissions=RIGHTS, scope=Scope.everything())
OTHER = Actor(name="李敏", user_id=UUID(int=2), permissions=RIGHTS, scope=Scope.everything())
FOREIGN = Actor(name="外区", user_id=UUID(int=3), permissions=RIGHTS, scope=Scope.of([("500106", "500107")]))
READER = Actor(name="读者", user_id=UUID(int=4), permissions=frozenset({"alarm.read"}), scope=Scope.everything())
MODEL = ModelSpec.model_validate(
    {
        "key": "tank",
        "name_zh": "气体监测仪",
        "name_en": "Gas monitor",
        "expected_interval_seconds": 60,
        "metrics": [{"key": "ch4", "name_zh": "甲烷", "name_en": "Methane", "unit": "%LEL", "low": 0, "high": 200}],
        "commands": [{"key": "fan", "name_zh": "风机", "name_en": "Fan", "arguments": [{"key": "on", "kind": "boolean"}]}],
    }
)


def rule(**more: Any) -> RuleSpec:
    plain = {"key": "gas", "name_zh": "甲烷超限", "name_en": "Methane high", "model": "tank", "metric": "ch4", "kind": "above"}
    levels = [{"level": level, "threshold": limit} for level, limit in ((4, 10), (3, 25), (2, 50), (1, 100))]
    actions = [
        {"on": "raised", "from_level": 3, "command": "fan", "arguments": {"on": True}},
        {"on": "cleared", "from_level": 3, "command": "fan", "arguments": {"on": False}},
    ]
    return RuleSpec.model_validate({**plain, "levels": levels, "hysteresis": 2, "source": "GB/T 50493-2019", "actions": actions, **more})


SILENCE = RuleSpec.model_validate(
    {"key": "silent", "name_zh": "无数据", "name_en": "No data", "model": "tank", "kind": "no_data", "source": "own default",
     "levels": [{"level": 4, "threshold": 600}, {"level": 3, "threshold": 3600}]}
)  # fmt: skip


class Watch:
    """An evaluator with the database behind it, as the watch runs it."""

    def __init__(self) -> None:
        self.evaluator = AlarmEvaluator()
        self.sequence = 0
        self.reload()

    def reload(self) -> None:
        with raw_transaction(Scope.everything()) as connection:
            self.evaluator.load(connection, Fleet.load(connection))

    def read(self, key: str, value: float, minute: float) -> None:
        self.read_many([(key, value)], minute)

    def read_many(self, values: list[tuple[str, float]], minute: float) -> None:
        fleet = self.evaluator.fleet
        assert fleet is not None
        self.sequence += 1
        rows = [fleet.row_of[key] for key, _ in values]
        metric = fleet.metric_of[int(fleet.model[rows[0]]), "ch4"]
        at = int((T0 + timedelta(minutes=minute)).timestamp() * 1000)
        n = len(rows)
        batch = Batch.of([self.sequence] * n, rows, [metric] * n, [at] * n, np.array([v for _, v in values]))
        changes = self.evaluator.evaluate(batch)
        with raw_transaction(Scope.everything()) as connection:
            self.evaluator.commit(connection, changes)

    def sweep(self) -> None:
        with raw_transaction(Scope.everything()) as connection:
            self.evaluator.sweep(connection, clock.now())


@pytest.fixture(scope="module")
def city(database: str) -> str:
    with transaction(Scope.everything()) as session:
        regions.seed(session)
        accounts.seed(session)
    with transaction(Scope.everything()) as session:
        devices.put_model(session, "septic", MODEL)
        service.put_rules(session, "septic", [rule(), SILENCE])
        keys = [f"T{i:03d}" for i in range(200)]
        devices.register_many(session, [NewDevice(key=k, name=f"{k} 号池", model_key="tank", lon=106.5745, lat=29.5587) for k in keys])
    return database


@pytest.fixture
def moment() -> ManualClock:
    manual = ManualClock(T0)
    clock.set_clock(manual)
    storms._recent.clear()
    return manual


@pytest.fixture
def watch(city: str, moment: ManualClock) -> Watch:
    return Watch()


@pytest.fixture
def chief(city: str) -> Iterator[TestClient]:
    with signed_in(CHIEF, router) as (client, _):
        yield client


def alarms(client: TestClient, key: str, **more: Any) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/alarms", params={"q": key, **more})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def only(client: TestClient, key: str) -> dict[str, Any]:
    (alarm,) = alarms(client, key)
    return alarm


def events(subject: str, key: str) -> list[dict[str, Any]]:
    with read_only(Scope.everything()) as session:
        rows = session.execute(text("SELECT data FROM outbox WHERE subject = :s ORDER BY position"), {"s": subject}).scalars().all()
    return [row for row in rows if row.get("device_key") == key]


def commands(key: str) -> list[tuple[str, dict[str, Any]]]:
    statement = "SELECT c.command, c.arguments FROM device_command c JOIN device d ON d.id = c.device_id WHERE d.key = :k ORDER BY c.id"
    with read_only(Scope.everything()) as session:
        return [(row[0], row[1]) for row in session.execute(text(statement), {"k": key})]


def worst(key: str) -> int | None:
    statement = "SELECT s.worst_alarm_level FROM device_state s JOIN device d ON d.id = s.device_id WHERE d.key = :k"
    with read_only(Scope.everything()) as session:
        return session.execute(text(statement), {"k": key}).scalar()  # type: ignore[no-any-return]


def test_one_alarm_changes_level_clears_and_comes_back(watch: Watch, chief: TestClient) -> None:
    watch.read("T001", 12.0, 0)
    first = only(chief, "T001")
    assert (first["level"], first["state"], first["value"], first["threshold"], first["unit"]) == (4, "raised", 12.0, 10.0, "%LEL")
    assert first["rule"]["name_en"] == "Methane high"
    assert "渝中区" in first["area_name"]
    for minute, value, level in ((1, 60.0, 2), (2, 49.0, 2), (3, 30.0, 3)):
        watch.read("T001", value, minute)
        assert (only(chief, "T001")["id"], only(chief, "T001")["level"]) == (first["id"], level)
    assert worst("T001") == 3
    watch.read("T001", 5.0, 4)
    assert only(chief, "T001")["state"] == "cleared"
    assert worst("T001") is None
    watch.read("T001", 120.0, 5)
    back = only(chief, "T001")
    assert (back["id"], back["state"], back["level"], back["recurrences"]) == (first["id"], "raised", 1, 1)
    kinds = [e["kind"] for e in chief.get(f"/api/v1/alarms/{first['id']}/timeline").json()]
    assert kinds == ["raised", "level", "level", "cleared", "raised"]
    assert len(events("ev.alarm.raised", "T001")) == 2
    assert len(events("ev.alarm.cleared", "T001")) == 1


def test_the_fan_goes_on_with_the_level_and_off_when_it_is_over(watch: Watch) -> None:
    watch.read("T002", 12.0, 0)
    assert commands("T002") == []
    watch.read("T002", 30.0, 1)
    watch.read("T002", 60.0, 2)
    watch.read("T002", 12.0, 3)
    assert commands("T002") == [("fan", {"on": True})]
    watch.read("T002", 1.0, 4)
    assert commands("T002") == [("fan", {"on": True}), ("fan", {"on": False})]
    watch.read("T002", 12.0, 5)
    watch.read("T002", 1.0, 6)
    assert len(commands("T002")) == 2


def test_silence_raises_and_a_voice_clears(watch: Watch, chief: TestClient, moment: ManualClock) -> None:
    def heard(minute: float) -> None:
        at = T0 + timedelta(minutes=minute)
        statement = text(
            "UPDATE device_state SET last_seen = :t, connection = 'online' WHERE device_id = (SELECT id FROM device WHERE key = 'T007')"
        )
        with transaction(Scope.everything()) as session:
            session.execute(statement, {"t": at})

    heard(0)
    moment.advance(9 * 60)
    watch.sweep()
    assert alarms(chief, "T007") == []
    moment.advance(2 * 60)
    watch.sweep()
    watch.sweep()
    assert (only(chief, "T007")["level"], only(chief, "T007")["metric"]) == (4, None)
    moment.advance(3600)
    watch.sweep()
    assert only(chief, "T007")["level"] == 3
    heard(72)
    watch.sweep()
    assert only(chief, "T007")["state"] == "cleared"


def test_a_storm_is_told_once_and_red_alarms_singly(watch: Watch, chief: TestClient) -> None:
    keys = [f"T{i:03d}" for i in range(100, 160)]
    watch.read_many([(key, 12.0) for key in keys[:31]], 0)
    watch.read_many([(key, 12.0) for key in keys[31:58]], 0.1)
    watch.read_many([(keys[58], 120.0), (keys[59], 60.0)], 0.2)
    (storm,) = chief.get("/api/v1/alarms/storms").json()
    assert (storm["region_code"], storm["count"], storm["worst_level"]) == ("500103", 60, 1)
    joined = chief.get("/api/v1/alarms", params={"storm_id": storm["id"], "limit": 200}).json()["items"]
    assert len(joined) == 60
    assert [len(events("ev.alarm.raised", key)) for key in (keys[40], keys[58], keys[59])] == [0, 1, 1]
    with read_only(Scope.everything()) as session:
        told = session.execute(text("SELECT count(*) FROM outbox WHERE subject = 'ev.alarm.storm'")).scalar()
    assert told == 1


def test_a_storm_ends_in_calm(watch: Watch, chief: TestClient, moment: ManualClock) -> None:
    moment.advance(11 * 60)
    watch.sweep()
    assert chief.get("/api/v1/alarms/storms").json() == []
    assert len(chief.get("/api/v1/alarms/storms", params={"lasting": False}).json()) == 1


def test_a_changed_rule_is_a_new_version_and_an_ended_one_closes_its_alarms(watch: Watch, chief: TestClient) -> None:
    watch.read("T008", 12.0, 0)
    with transaction(Scope.everything()) as session:
        assert service.put_rules(session, "septic", [rule(), SILENCE]) == []
        extra = rule(key="extra", levels=[{"level": 3, "threshold": 5}], actions=[])
        assert service.put_rules(session, "septic", [rule(hysteresis=1), SILENCE, extra]) == ["gas", "extra"]
    with raw_transaction(Scope.everything()) as connection:
        assert watch.evaluator.is_stale(connection)
    watch.reload()
    watch.read("T008", 60.0, 1)
    by_rule = {a["rule"]["key"]: a for a in alarms(chief, "T008")}
    assert (by_rule["gas"]["rule"]["version"], by_rule["gas"]["level"], by_rule["gas"]["recurrences"]) == (2, 2, 0)
    with transaction(Scope.everything()) as session:
        service.put_rules(session, "septic", [rule(hysteresis=1), SILENCE])
    assert {a["rule"]["key"]: a["state"] for a in alarms(chief, "T008")} == {"gas": "raised", "extra": "closed"}
    versions = chief.get("/api/v1/alarms/rules/gas").json()
    assert [(v["version"], v["hysteresis"], v["valid_to"] is None) for v in versions] == [(2, 1.0, True), (1, 2.0, False)]


def test_lists_are_by_severity_then_age_page_by_page_and_in_a_fixed_number_of_queries(watch: Watch, chief: TestClient) -> None:
    seen: list[tuple[int, str]] = []
    cursor = None
    while True:
        page = chief.get("/api/v1/alarms", params={"limit": 7, **({"cursor": cursor} if cursor else {})}).json()
        seen += [(a["level"], a["id"]) for a in page["items"]]
        cursor = page["next"]
        if not cursor:
            break
    assert len({i for _, i in seen}) == len(seen) > 60
    assert [level for level, _ in seen] == sorted(level for level, _ in seen)
    counts = chief.get("/api/v1/alarms/summary").json()
    total = len(chief.get("/api/v1/alarms", params={"state": "open", "limit": 200}).json()["items"])
    assert sum(counts["by_level"].values()) == total == counts["by_district"][0]["total"]


def test_foreigners_and_readers_are_kept_out(watch: Watch, chief: TestClient) -> None:
    watch.read("T009", 60.0, 0)
    alarm = only(chief, "T009")
    with signed_in(FOREIGN, router) as (foreign, _):
        assert alarms(foreign, "T") == []
        assert foreign.get(f"/api/v1/alarms/{alarm['id']}").status_code == 404
        assert foreign.post(f"/api/v1/alarms/{alarm['id']}/acknowledge", json={}).status_code == 404
        assert foreign.get("/api/v1/alarms/summary").json()["by_district"] == []
    with signed_in(READER, router) as (reader, _):
        assert reader.post(f"/api/v1/alarms/{alarm['id']}/acknowledge", json={}).json()["code"] == "access.denied"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("acknowledge", {"note": "a\u0000b"}, "note"),
        ("acknowledge", {"note": "x" * 501}, "note"),
        ("acknowledge", {"revision": "first"}, "revision"),
        ("acknowledge", {"who": "me"}, "who"),
        ("close", {"reason": ["x"]}, "reason"),
        ("notes", {"text": ""}, "text"),
    ],
)
def test_bad_input_is_named_and_changes_nothing(watch: Watch, chief: TestClient, path: str, body: dict[str, Any], field: str) -> None:
    watch.read("T010", 60.0, 0)
    alarm = only(chief, "T010")
    answer = chief.post(f"/api/v1/alarms/{alarm['id']}/{path}", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert only(chief, "T010")["revision"] == alarm["revision"]


def test_html_and_sql_in_a_note_are_kept_as_text(watch: Watch, chief: TestClient) -> None:
    watch.read("T011", 60.0, 0)
    alarm = only(chief, "T011")
    words = "<script>alert(1)</script>'; DROP TABLE alarm; --"
    assert chief.post(f"/api/v1/alarms/{alarm['id']}/notes", json={"text": words}).status_code == 200
    assert chief.get(f"/api/v1/alarms/{alarm['id']}/timeline").json()[-1]["text"] == words


def test_a_watch_without_a_readable_memory_still_ends_open_alarms(watch: Watch, chief: TestClient) -> None:
    watch.read("T012", 60.0, 0)
    fresh = Watch()
    fresh.evaluator.restore(b"of another version")
    fresh.read("T012", 55.0, 1)
    assert (only(chief, "T012")["level"], only(chief, "T012")["recurrences"]) == (2, 0)
    fresh.read("T012", 1.0, 2)
    assert only(chief, "T012")["state"] == "cleared"
