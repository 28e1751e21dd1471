"""Each process is killed during load: no confirmed reading, alarm or case step is lost or doubled."""

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import httpx
import paho.mqtt.client as mqtt
import psycopg
import pytest
from deltalake import DeltaTable
from paho.mqtt.enums import CallbackAPIVersion

from tests.support import eventually
from tests.support.city import City
from tests.support.platform import running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DISTRICTS = ("500103", "500106", "500107", "500108")
CHILDREN = 8
STEPS = 400
STEP_MS = 10_000
CROSSES = 120  # the step at which every second tank's methane rises and stays
VICTIMS = ("watch", "archive", "nats", "worker", "postgres", "backend", "api", "watch", "nats", "archive")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with running(tmp_path_factory.mktemp("crash")) as platform:
        yield City(platform)


def value(child: int, step: int) -> float:
    """What a tank sends: calm, or high from a step on; each a little different."""
    return (60.0 if child % 2 == 0 and step >= CROSSES else 2.0) + step / 1000


class Gateway:
    """A device that sends a fixed number of messages and knows which were confirmed; what is not is sent again."""

    def __init__(self, city: City, district: str, begun_ms: int) -> None:
        known = city.gateway(district)
        self.children = [key for key, *_ in known["children"][:CHILDREN]]
        self.confirmed = 0
        self._begun = begun_ms
        self._topic = f"cy/{known['key']}/up"
        self._changed = threading.Condition()
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=known["key"], clean_session=False)
        client.username_pw_set(known["key"], known["secret"])
        client.max_inflight_messages_set(20)
        client.reconnect_delay_set(1, 2)
        client.on_publish = self._on_publish
        client.connect_async("127.0.0.1", city.mqtt_port, keepalive=10)
        self._client = client
        self._thread = threading.Thread(target=self._work, daemon=True)

    def _on_publish(self, *_: Any) -> None:
        with self._changed:
            self.confirmed += 1
            self._changed.notify_all()

    def start(self) -> None:
        self._client.loop_start()
        self._thread.start()

    def _work(self) -> None:
        for step in range(STEPS):
            body = [
                {"device": key, "ts": self._begun + step * STEP_MS, "values": {"ch4": value(child, step)}}
                for child, key in enumerate(self.children)
            ]
            self._client.publish(self._topic, json.dumps(body), qos=1)
            with self._changed:
                self._changed.wait_for(lambda sent=step: sent - self.confirmed < 20, 120)

    def finish(self) -> None:
        self._thread.join(240)
        eventually(lambda: self.confirmed == STEPS, timeout=120)
        self._client.disconnect()
        self._client.loop_stop()


@dataclass
class Officer:
    """Somebody who reports and accepts cases all the time, and tries again until each step is answered."""

    city: City
    ended: threading.Event = field(default_factory=threading.Event)
    accepted: list[str] = field(default_factory=list)
    fault: str | None = None

    def run(self) -> None:
        try:
            client = self.city.person("yuzhong")
            while not self.ended.is_set():
                self._case(client)
        except Exception as failure:
            self.fault = repr(failure)

    def _case(self, client: httpx.Client) -> None:
        body = {"source": "public", "description": "井盖移位", "place": {"lon": 106.5623, "lat": 29.5555}}
        made = self._answered(client, "POST", "/cases", json=body, headers={"Idempotency-Key": str(uuid4())})
        assert made.status_code in (200, 201), made.text
        case = made.json()
        taken = self._answered(client, "POST", f"/cases/{case['id']}/accept", json={"revision": case["revision"]})
        if taken.status_code == 409:
            # The first try was done and its answer lost.
            taken = self._answered(client, "GET", f"/cases/{case['id']}")
        assert taken.json()["state"] == "accepted", taken.text
        self.accepted.append(case["id"])

    def _answered(self, client: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response:
        pause = threading.Event()
        until = time.monotonic() + 120
        while True:
            with suppress(httpx.HTTPError):
                answer = client.request(method, path, **options)
                if answer.status_code < 500:
                    return answer
            assert time.monotonic() < until, f"{method} {path} is not answered"
            pause.wait(0.1)


def kill(city: City, victim: str) -> None:
    """kill -9, then wait until all is well again."""
    platform = city.platform
    if victim == "backend":
        url = json.loads((platform.data_dir / "run" / "services.json").read_text())["database_url"]
        # PostgreSQL then ends all connections, this one too.
        with suppress(psycopg.OperationalError, ProcessLookupError), psycopg.connect(url) as mine:
            others = mine.execute(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
                " ORDER BY state_change DESC"
            ).fetchall()
            os.kill(others[0][0], signal.SIGKILL)
    else:
        before = platform.pid_of(victim)
        os.kill(before, signal.SIGKILL)
        eventually(lambda: platform.pid_of(victim) != before, timeout=60)
    eventually(lambda: platform.is_ready(city.address), timeout=90)


def raw(city: City, keys: list[str]) -> list[tuple[Any, ...]]:
    """The history files themselves, read by another engine."""
    table = DeltaTable(str(city.platform.data_dir / "history" / "readings"))
    names = [f["name"] if isinstance(f, dict) else f.name for f in json.loads(table.schema().to_json())["fields"]]
    assert {"device", "metric", "time", "value", "sequence"} <= set(names)
    files = table.file_uris()
    if not files:
        return []  # the first readings have not been written yet
    return duckdb.execute(
        "SELECT device, time, value, sequence FROM read_parquet(?, hive_partitioning = true)"
        " WHERE list_contains(?, device) AND metric = 'ch4'",
        [files, keys],
    ).fetchall()


def test_nothing_confirmed_is_lost_or_doubled(city: City) -> None:
    begun = int(time.time() * 1000) - (STEPS + 60) * STEP_MS
    gateways = [Gateway(city, district, begun) for district in DISTRICTS]
    officer = Officer(city)
    working = threading.Thread(target=officer.run, daemon=True)
    working.start()
    for gateway in gateways:
        gateway.start()
    pace = random.Random(5)
    for number, victim in enumerate(VICTIMS):
        share = (number + pace.random() * 0.5) / (len(VICTIMS) + 1)
        eventually(lambda share=share: sum(g.confirmed for g in gateways) >= share * STEPS * len(gateways), timeout=180)
        kill(city, victim)
    for gateway in gateways:
        gateway.finish()
    officer.ended.set()
    working.join(130)
    assert officer.fault is None
    reader = city.person("wulian")
    keys = [key for gateway in gateways for key in gateway.children]
    for gateway in gateways:
        for child, key in enumerate(gateway.children):
            city.watched(reader, key, "ch4", value(child, STEPS - 1))
    expected = {(key, step, value(child, step)) for g in gateways for child, key in enumerate(g.children) for step in range(STEPS)}
    eventually(lambda: len({row[:2] for row in raw(city, keys)}) >= len(expected), timeout=60)
    rows = raw(city, keys)
    found = {(device, round((int(moment.timestamp() * 1000) - begun) / STEP_MS), number) for device, moment, number, _ in rows}
    assert found == expected
    assert max(Counter((device, moment, sequence) for device, moment, _, sequence in rows).values()) == 1
    _alarms_once(city, gateways)
    _steps_once(city, officer)


def _alarms_once(city: City, gateways: list[Gateway]) -> None:
    chief = city.person("zhiban")
    for gateway in gateways:
        for child, key in enumerate(gateway.children):
            alarms = [a for a in city.alarms(chief, key) if a["metric"] == "ch4"]
            assert len(alarms) == (1 if child % 2 == 0 else 0), key
            for alarm in alarms:
                steps = chief.get(f"/alarms/{alarm['id']}/timeline").raise_for_status().json()
                steps = steps["items"] if isinstance(steps, dict) else steps
                assert [s["kind"] for s in steps].count("raised") == 1
    cases = chief.get("/cases", params={"queue": "all", "source": "alarm", "limit": 200}).raise_for_status().json()["items"]
    assert max(Counter(case["alarm_id"] for case in cases).values()) == 1


def _steps_once(city: City, officer: Officer) -> None:
    chief = city.person("zhiban")
    assert len(officer.accepted) > 20
    for case in officer.accepted:
        steps = chief.get(f"/cases/{case}/timeline").raise_for_status().json()
        steps = steps["items"] if isinstance(steps, dict) else steps
        assert sorted(s["operation"] for s in steps) == ["accept", "report"]
    assert "every timeline is as it was written" in city.chengyun("cases", "verify")


def test_the_history_files_are_plain_parquet(city: City) -> None:
    files = list(Path(city.platform.data_dir, "history", "readings").rglob("*.parquet"))
    assert files
