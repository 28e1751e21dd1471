"""A small fleet, programs that follow its readings, and ways to send them."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import numpy as np
import orjson
import paho.mqtt.client as mqtt
import psycopg
import pytest

from chengyun.devices import service as devices
from chengyun.devices.fleet import Fleet
from chengyun.devices.schemas import MetricSpec, ModelSpec
from chengyun.kernel import addresses
from chengyun.kernel.bus import STREAM_UP, connect, intake_subject
from chengyun.kernel.db import Scope, transaction
from chengyun.kernel.embedded.services import Services
from chengyun.kernel.process import Health
from chengyun.regions import service as regions
from chengyun.telemetry.batch import Batch
from tests.support import eventually

YUZHONG, WANZHOU = "500103001", "500101001"


def gas_model() -> ModelSpec:
    """A model with three metrics."""
    ranges = {"ch4": ("%LEL", 0, 100), "h2s": ("mg/m3", 0, 200), "fan": ("", 0, 1)}
    metrics = [MetricSpec(key=k, name_zh=k, name_en=k, unit=u, low=a, high=b, precision=2) for k, (u, a, b) in ranges.items()]
    return ModelSpec(key="gas", name_zh="气体", name_en="Gas", expected_interval_seconds=60, metrics=metrics)


@pytest.fixture(scope="module")
def fleet(database: str) -> dict[str, str]:
    """Two gateways with two devices each and three devices of their own; the secret of each by key."""
    with transaction(Scope.everything()) as session:
        regions.seed(session)
        devices.put_model(session, "tests", gas_model())
        rows = [devices.NewDevice(key, key, "gas", region_code=YUZHONG) for key in ("gw1", "gw2", "a", "b")]
        rows.append(devices.NewDevice("far", "far", "gas", region_code=WANZHOU))
        children = [(g, f"{g}-{n}") for g in ("gw1", "gw2") for n in (1, 2)]
        rows += [devices.NewDevice(key, key, "gas", region_code=YUZHONG, gateway_key=g) for g, key in children]
        return devices.register_many(session, rows)


class Ledger:
    """An evaluator that writes one row for each value above 50, and remembers the sum of all that it has judged."""

    def __init__(self) -> None:
        self.fleet: Fleet | None = None
        self.newest: dict[tuple[int, int], int] = {}
        self.judged = 0
        self.fail_once = threading.Event()

    def load(self, _connection: Any, fleet: Fleet) -> None:
        self.fleet = fleet

    def is_stale(self, _connection: Any) -> bool:
        return False

    def restore(self, state: bytes | None) -> None:
        found = orjson.loads(state) if state else {"newest": [], "judged": 0}
        self.newest = {(d, m): t for d, m, t in found["newest"]}
        self.judged = found["judged"]

    def snapshot(self) -> bytes:
        return orjson.dumps({"newest": [(d, m, t) for (d, m), t in self.newest.items()], "judged": self.judged})

    def evaluate(self, batch: Batch) -> list[tuple[int, str, float]]:
        assert self.fleet is not None
        found = []
        columns = (batch.sequence, batch.device, batch.metric, batch.time, batch.value)
        for s, d, m, t, v in zip(*(c.tolist() for c in columns), strict=True):
            if t <= self.newest.get((d, m), -1):
                continue
            self.newest[(d, m)] = t
            self.judged += 1
            if v > 50:
                found.append((s, self.fleet.keys[d], v))
        return found

    def commit(self, connection: psycopg.Connection[Any], changes: list[tuple[int, str, float]]) -> None:
        for row in changes:
            connection.execute("INSERT INTO ledger VALUES (%s, %s, %s)", row)
        if self.fail_once.is_set():
            self.fail_once.clear()
            raise psycopg.OperationalError("the server has gone away")

    def replayed(self, _connection: Any) -> None:
        pass

    def sweep(self, _connection: Any, _now: datetime) -> None:
        return


class Program:
    """A watch or archive in a thread with its own loop, as its process would run it."""

    def __init__(self, main: Any) -> None:
        self.health = Health()
        self._ready = threading.Event()
        self._main = main
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        self._ready.wait(10)

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        await self._main(self._stop, self.health)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        assert not self._thread.is_alive()


@contextmanager
def program(main: Any) -> Iterator[Program]:
    """Run a program's main until the block ends."""
    running = Program(main)
    try:
        eventually(lambda: not running.health.reasons, 15)
        yield running
    finally:
        running.end()


def device(services: Services, name: str) -> mqtt.Client:
    """A client of the MQTT door, with the platform's own user: nobody answers the call-out here."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv311)
    own = services.credentials()
    client.username_pw_set(own.user, own.password)
    client.max_inflight_messages_set(500)
    client.connect(own.mqtt_host, own.mqtt_port)
    client.loop_start()
    eventually(client.is_connected)
    return client


def say(client: mqtt.Client, key: str, content: Any, kind: str = "up") -> None:
    """Send one message as a device and wait until it is confirmed."""
    payload = content if isinstance(content, bytes) else orjson.dumps(content)
    client.publish(f"cy/{key}/{kind}", payload, qos=1).wait_for_publish(10)


def put(*messages: tuple[str, Any]) -> int:
    """Store messages in the stream at once; returns the last one's sequence."""

    async def work() -> int:
        bus = await connect("tests")
        try:
            last = 0
            for key, content in messages:
                payload = content if isinstance(content, bytes) else orjson.dumps(content)
                last = (await bus.js.publish(intake_subject(key), payload, stream=STREAM_UP)).seq
            return last
        finally:
            await bus.close()

    return asyncio.run(work())


def rows(query: str, *values: Any) -> list[tuple[Any, ...]]:
    """What the database says, over the whole city."""
    with psycopg.connect(addresses.database_url()) as connection:
        connection.execute("SELECT set_config('chengyun.scope', 'all', true), set_config('chengyun.scope_high', '~', true)")
        return connection.execute(query.encode(), values).fetchall()


def small_fleet() -> Fleet:
    """A fleet that is in no database, for the decoder alone."""
    from uuid import UUID

    from chengyun.devices.fleet import FleetMetric, FleetModel

    keys = ["gw1", "gw2", "gw1-1", "gw1-2", "gw2-1", "old"]
    metrics = [FleetMetric(0, m.key, m.unit, m.low, m.high) for m in gas_model().metrics]
    return Fleet(
        ids=[UUID(int=i) for i in range(len(keys))],
        keys=keys,
        names=keys,
        regions=[YUZHONG] * len(keys),
        model=np.zeros(len(keys), np.int32),
        gateway=np.array([-1, -1, 0, 0, 1, -1], np.int32),
        active=np.array([True] * 5 + [False]),
        row_of={k: i for i, k in enumerate(keys)},
        models=[FleetModel("gas", 1, "tests", "气体", "Gas", 60, (0, 1, 2))],
        metrics=metrics,
        metric_of={(0, m.key): i for i, m in enumerate(metrics)},
    )
