"""Devices with rules, and readings as the watch judges them: evaluated, and written in one transaction."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from fastapi.testclient import TestClient
from psycopg.rows import dict_row

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
from chengyun.kernel.db import Scope, raw_transaction, transaction
from chengyun.kernel.http import Actor
from chengyun.regions import service as regions
from chengyun.telemetry.batch import Batch
from tests.support.rooms import signed_in

OFFICER = frozenset({"alarm.read", "alarm.acknowledge", "alarm.close"})
EVERYTHING = Scope.everything()
JIEFANGBEI = (106.5745, 29.5587)
START = 1_795_572_000_000
"""2026-11-25 10:00 in the city."""

MODEL = {
    "key": "tank",
    "name_zh": "气体监测仪",
    "name_en": "Gas monitor",
    "expected_interval_seconds": 60,
    "metrics": [
        {"key": "ch4", "name_zh": "甲烷", "name_en": "Methane", "unit": "%LEL", "low": 0, "high": 100},
        {"key": "o2", "name_zh": "氧气", "name_en": "Oxygen", "unit": "%VOL", "low": 0, "high": 30},
    ],
    "commands": [
        {"key": "fan", "name_zh": "风机", "name_en": "Fan", "arguments": [{"key": "on", "kind": "boolean"}], "timeout_seconds": 20}
    ],
}
METHANE = {
    "key": "tank-ch4",
    "name_zh": "甲烷浓度过高",
    "name_en": "Methane too high",
    "model": "tank",
    "metric": "ch4",
    "kind": "above",
    "levels": [{"level": 3, "threshold": 10}, {"level": 2, "threshold": 20}, {"level": 1, "threshold": 40}],
    "hysteresis": 2,
    "source": "own default",
    "actions": [
        {"on": "raised", "from_level": 2, "command": "fan", "arguments": {"on": True}},
        {"on": "cleared", "from_level": 2, "command": "fan", "arguments": {"on": False}},
    ],
}
SILENCE = {
    "key": "tank-silent",
    "name_zh": "设备离线",
    "name_en": "Device silent",
    "model": "tank",
    "kind": "no_data",
    "levels": [{"level": 4, "threshold": 600}, {"level": 3, "threshold": 3600}],
    "source": "own default",
}


def spec(base: dict[str, Any], **more: Any) -> RuleSpec:
    return RuleSpec.model_validate({**base, **more})


class Watch:
    """What the watch does with readings, without a stream."""

    def __init__(self) -> None:
        self.evaluator = AlarmEvaluator()
        self.sequence = 0
        self.renew()

    def renew(self) -> None:
        """Take devices and rules into use."""
        with raw_transaction(EVERYTHING) as connection:
            self.fleet = Fleet.load(connection)
            self.evaluator.load(connection, self.fleet)

    def judge(self, *readings: tuple[str, float, float], metric: str = "ch4") -> Any:
        """Changes by readings: device, seconds since ten o'clock, value."""
        first, self.sequence = self.sequence + 1, self.sequence + len(readings)
        rows = [self.fleet.row_of[key] for key, _, _ in readings]
        metrics = [self.fleet.metric_of[int(self.fleet.model[row]), metric] for row in rows]
        times = [START + int(second * 1000) for _, second, _ in readings]
        batch = Batch.of(range(first, self.sequence + 1), rows, metrics, times, [v for _, _, v in readings])
        return self.evaluator.evaluate(batch)

    def read(self, *readings: tuple[str, float, float], metric: str = "ch4") -> int:
        """Judge readings and write what came of them; how many changes."""
        changes = self.judge(*readings, metric=metric)
        with raw_transaction(EVERYTHING) as connection:
            self.evaluator.commit(connection, changes)
        return len(changes)

    def sweep(self) -> None:
        """What is due by the clock."""
        with raw_transaction(EVERYTHING) as connection:
            self.evaluator.sweep(connection, clock.now())


def add(*keys: str, place: tuple[float, float] = JIEFANGBEI, region_code: str = "") -> None:
    """Register tanks."""
    lon, lat = (None, None) if region_code else place
    rows = [NewDevice(key=k, name=f"化粪池 {k}", model_key="tank", lon=lon, lat=lat, region_code=region_code) for k in keys]
    with transaction(EVERYTHING) as session:
        devices.register_many(session, rows, with_secrets=False)


def put(*specs: RuleSpec, pack: str = "septic") -> list[str]:
    """Bring a pack's rules into force."""
    with transaction(EVERYTHING) as session:
        return service.put_rules(session, pack, specs)


@pytest.fixture(scope="module")
def city(database: str) -> str:
    """Divisions, and a model of device."""
    with transaction(EVERYTHING) as session:
        regions.seed(session)
        accounts.seed(session)
    with transaction(EVERYTHING) as session:
        devices.put_model(session, "septic", ModelSpec.model_validate(MODEL))
    return database


@pytest.fixture
def rules(city: str) -> None:
    """The usual rules, and no storm from another test."""
    put(spec(METHANE), spec(SILENCE))
    storms.forget()


Rows = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def rows(city: str) -> Iterator[Rows]:
    """Look into the database."""
    with psycopg.connect(city, autocommit=True, row_factory=dict_row) as connection:

        def ask(query: str, *values: Any) -> list[dict[str, Any]]:
            return connection.execute(query.encode(), values).fetchall()

        yield ask


@contextmanager
def officers(*actors: Actor) -> Iterator[list[TestClient]]:
    """Clients of people; what they do is audited."""
    with ExitStack() as stack:
        yield [stack.enter_context(signed_in(actor, router))[0] for actor in actors]


def officer(name: str = "李勇", permissions: frozenset[str] = OFFICER, scope: Scope = EVERYTHING, lang: str = "zh-CN") -> Actor:
    return Actor(name=name, user_id=UUID(int=5), permissions=permissions, scope=scope, lang=lang)
