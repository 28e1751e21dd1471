"""Alarms open cases: by policy through the bus, once, and by hand."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import pytest

from chengyun.alarms import service as alarms
from chengyun.alarms import storms
from chengyun.alarms.api import router as alarms_router
from chengyun.alarms.evaluator import AlarmEvaluator
from chengyun.alarms.schemas import RuleSpec
from chengyun.cases.api import router as cases_router
from chengyun.cases.events import on_alarm
from chengyun.cases.schemas import CasePolicySpec
from chengyun.cases.service import put_policies, unit_for
from chengyun.devices import service as devices
from chengyun.devices.fleet import Fleet
from chengyun.devices.schemas import ModelSpec
from chengyun.devices.service import NewDevice
from chengyun.kernel import bus as buses
from chengyun.kernel import clock
from chengyun.kernel.db import Scope, raw_transaction, transaction
from chengyun.kernel.errors import Problem
from chengyun.kernel.outbox import relay_once
from chengyun.kernel.settings import get_settings
from chengyun.telemetry.batch import Batch
from tests.support.cases import MONDAY, YUZHONG, Office

MODEL = ModelSpec.model_validate(
    {"key": "tank", "name_zh": "气体监测仪", "name_en": "Gas monitor", "expected_interval_seconds": 60,
     "metrics": [{"key": "ch4", "name_zh": "甲烷", "name_en": "Methane", "unit": "%LEL", "low": 0, "high": 200}]}
)  # fmt: skip
LEVELS = [{"level": level, "threshold": limit} for level, limit in ((4, 10), (3, 25), (2, 50), (1, 100))]
RULES = [
    RuleSpec.model_validate(
        {"key": key, "name_zh": "甲烷超限", "name_en": "Methane high", "model": "tank", "metric": "ch4", "kind": "above",
         "levels": LEVELS if key == "gas" else LEVELS[:1], "source": "GB/T 50493-2019"}
    )
    for key in ("gas", "gas-quiet")
]  # fmt: skip


def policy(**more: Any) -> CasePolicySpec:
    plain = {"rule": "gas", "from_level": 2, "class": {"kind": "component", "code": "01018"}, "title_zh": "化粪池气体超限",
             "title_en": "Septic gas", "urgency": "urgent",
             "department": "sanitation", "limit": {"amount": 3, "unit": "urgent_hour"}}  # fmt: skip
    return CasePolicySpec.model_validate({**plain, **more})


class Tank:
    """A device whose readings the alarm rules judge."""

    def __init__(self, key: str) -> None:
        self.key, self.sequence = key, 0
        with transaction(Scope.everything()) as session:
            devices.register_many(session, [NewDevice(key=key, name=f"{key} 号池", model_key="tank", lon=106.5516, lat=29.563)])
        self.evaluator = AlarmEvaluator()
        with raw_transaction(Scope.everything()) as connection:
            self.evaluator.load(connection, Fleet.load(connection))

    def read(self, value: float) -> None:
        """One reading, a minute after the one before; then all events reach the consumers."""
        fleet = self.evaluator.fleet
        assert fleet is not None
        self.sequence += 1
        row = fleet.row_of[self.key]
        at = int((MONDAY + timedelta(minutes=self.sequence)).timestamp() * 1000)
        metric = fleet.metric_of[int(fleet.model[row]), "ch4"]
        batch = Batch.of([self.sequence], [row], [metric], [at], np.array([value]))
        with raw_transaction(Scope.everything()) as connection:
            self.evaluator.commit(connection, self.evaluator.evaluate(batch))
        deliver()


def deliver() -> None:
    """Relay what waits and let the cases room hear it, from the bus."""

    async def run() -> None:
        bus = await buses.connect("tests")
        try:
            while await relay_once(bus):
                pass
            handler = next(c for c in buses.consumers() if c.handle is on_alarm)
            subscription = await buses._subscribe(bus, handler)
            while True:
                try:
                    messages = await subscription.fetch(50, timeout=0.3)
                except TimeoutError:
                    return
                for message in messages:
                    await buses._deliver(handler, message)
        finally:
            await bus.nc.close()

    asyncio.run(run())


@pytest.fixture(scope="module")
def plant(city: dict[str, UUID]) -> dict[str, UUID]:
    with transaction(Scope.everything()) as session:
        devices.put_model(session, "septic", MODEL)
        alarms.put_rules(session, "septic", RULES)
        put_policies(session, "septic", [policy()])
    return city


@pytest.fixture(autouse=True)
def calm() -> None:
    storms._recent.clear()


def cases_of(office: Office, tank: Tank) -> list[dict[str, Any]]:
    return list(office.desk.get("/cases", queue="all", q=tank.key)["items"])


def test_a_platform_in_english_writes_its_cases_in_english(office: Office, plant: dict[str, UUID], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_settings(), "language", "en")
    tank = Tank("HF0090")
    tank.read(60.0)
    tank.read(120.0)
    (case,) = cases_of(office, tank)
    assert case["title"] == "Septic gas · HF0090 号池"
    assert case["description"] == "Orange alarm: HF0090 号池, Methane 60 %LEL, threshold 50 %LEL (rule “Methane high”, version 1)"
    notes = [e["data"]["note"] for e in office.desk.get(f"/cases/{case['id']}/timeline") if e["operation"] == "note"]
    assert notes == ["The alarm is now red"]


def test_an_alarm_opens_one_case_and_is_followed(office: Office, plant: dict[str, UUID]) -> None:
    tank = Tank("HF0001")
    tank.read(30.0)
    assert cases_of(office, tank) == [], "level 3 is less severe than the policy asks for"
    tank.read(60.0)
    (case,) = cases_of(office, tank)
    assert (case["source"], case["state"], case["urgency"], case["class"]["code"]) == ("alarm", "reported", "urgent", "01018")
    assert case["title"] == "化粪池气体超限 · HF0001 号池"
    assert case["description"] == "橙色告警:HF0001 号池 的甲烷为 60 %LEL,阈值 50 %LEL(规则“甲烷超限”第 1 版)"
    assert case["place"] == {"lon": 106.5516, "lat": 29.563}
    assert case["area_name"].startswith("渝中区")
    tank.read(120.0)
    tank.read(1.0)
    tank.read(70.0)
    (same,) = cases_of(office, tank)
    assert same["id"] == case["id"]
    notes = [e["data"]["note"] for e in office.desk.get(f"/cases/{case['id']}/timeline") if e["operation"] == "note"]
    assert notes == ["告警级别变为红色", "告警已解除", "告警再次触发"]
    with transaction(Scope.everything()) as session:
        assert alarms.get(session, UUID(case["alarm_id"])).case_id == UUID(case["id"])
    detail = office.desk.get(f"/cases/{case['id']}")
    for operation in ("accept", "file"):
        detail = office.desk.do(detail, operation)
    units = office.desk.get("/cases/units", kind="component", class_code="01018", region_code=case["region_code"])
    detail = office.desk.do(detail, "dispatch", unit_id=units[0]["id"])
    assert (detail["handling_deadline"]["limit"], detail["handling_deadline"]["unit"]) == (3, "urgent_hour")
    assert detail["unit"]["name"] == "渝中sanitation"


def test_an_event_that_comes_twice_is_applied_once(office: Office, plant: dict[str, UUID], database: str) -> None:
    tank = Tank("HF0002")
    tank.read(60.0)
    (case,) = cases_of(office, tank)
    with transaction(Scope.everything()) as session:
        for name, level in (("raised", 2), ("level", 1)):
            data = {"id": case["alarm_id"], "rule": "gas", "level": level, "device_name": "x", "device_id": case["device_id"]}
            on_alarm(session, buses.Event(UUID(int=1), f"ev.alarm.{name}", clock.now(), "city", case["region_code"], data))
    assert len(cases_of(office, tank)) == 1
    with psycopg.connect(database) as connection:
        opened = connection.execute("SELECT count(*) FROM case_record WHERE alarm_id = %s", (case["alarm_id"],)).fetchone()
    assert opened == (1,)


def test_a_case_is_opened_by_hand_where_no_policy_does(office: Office, plant: dict[str, UUID]) -> None:
    tank = Tank("HF0003")
    tank.read(12.0)
    tank.read(130.0)  # also raises the rule without a policy
    (with_policy,) = cases_of(office, tank)
    listed = open_alarms(office, tank)
    quiet = next(a for a in listed if a["rule"]["key"] == "gas-quiet")
    path = f"/alarms/{quiet['id']}/case"
    assert office.leader.post(path, 403)["code"] == "access.denied"
    assert office.desk.post(path, 422)["code"] == "case.class_needed"
    made = office.desk.post(path, 201, **{"class": {"kind": "component", "code": "01018"}}, description="值班员判断需现场处置")
    assert (made["alarm_id"], made["class"]["code"], made["source"]) == (quiet["id"], "01018", "alarm")
    assert made["title"].startswith("化粪池井盖 · HF0003")
    assert made["description"].startswith("值班员判断需现场处置\n蓝色告警")
    again = office.desk.post(path, 409, **{"class": {"kind": "component", "code": "01018"}})
    assert (again["code"], again["case_id"]) == ("case.alarm_taken", made["id"])
    assert office.desk.post("/alarms/00000000-0000-0000-0000-000000000001/case", 404)["code"] == "object.not_found"
    assert with_policy["id"] != made["id"]


def open_alarms(office: Office, tank: Tank) -> list[dict[str, Any]]:
    from tests.support.rooms import signed_in

    reader = office.desk.actor.__class__(**{**vars(office.desk.actor), "permissions": frozenset({"alarm.read"})})
    with signed_in(reader, alarms_router, cases_router) as (client, _):
        return list(client.get("/api/v1/alarms", params={"q": tank.key}).json()["items"])


def test_policies_are_versioned_and_end_when_no_longer_declared(plant: dict[str, UUID], database: str) -> None:
    def in_force() -> list[tuple[Any, ...]]:
        query = "SELECT pack, rule, from_level, valid_to IS NULL FROM case_policy WHERE pack = 'own' ORDER BY valid_from, rule"
        with psycopg.connect(database) as connection:
            return connection.execute(query).fetchall()

    def put(*specs: CasePolicySpec) -> None:
        with transaction(Scope.everything()) as session:
            put_policies(session, "own", specs)

    put(policy(rule="a"), policy(rule="b"))
    put(policy(rule="a"), policy(rule="b"))
    assert in_force() == [("own", "a", 2, True), ("own", "b", 2, True)]
    put(policy(rule="a", from_level=1))
    assert in_force() == [("own", "a", 2, False), ("own", "b", 2, False), ("own", "a", 1, True)]
    with pytest.raises(Problem, match="06031"):
        put(policy(rule="c", **{"class": {"kind": "matter", "code": "06031"}}))
    put()
    assert [row[3] for row in in_force()] == [False, False, False]


def test_the_unit_of_a_trade_is_found_in_the_district(plant: dict[str, UUID]) -> None:
    with transaction(Scope.everything()) as session:
        found = unit_for(session, "500103013006", "department", "sanitation")
        assert found is not None
        assert found.id == plant[f"unit-{YUZHONG}-sanitation"]
        assert unit_for(session, "500103013006", "department", "none") is None
        assert unit_for(session, "500103013006", "district", None).id == plant[f"district-{YUZHONG}"]  # type: ignore[union-attr]
