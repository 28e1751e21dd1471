"""Readings from the devices' door to committed state and alarms, beside the bare broker and bare COPY in the same run.

`python -m bench.ingest --seconds 20` starts servers, watch, archive and API in a folder of their own, sends messages of 100
readings by MQTT (QoS 1) and bodies of 1,000 readings by HTTP, and waits until the watch's stored place is the end of the
stream. Then it sends at half that rate and times single readings until their alarm is committed.
"""

import argparse
import asyncio
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import paho.mqtt.client as mqtt
import psycopg

GATEWAYS, CHILDREN, RECORDS = 100, 25, 25
METRICS = ("ch4", "h2s", "co", "o2")
READINGS = RECORDS * len(METRICS)
PROBES = 400
CONNECTIONS = 4
IN_FLIGHT = 300


def payload(gateway: int, moment: int) -> bytes:
    """One message: 25 devices with four readings each, none of them alarming."""
    values = {"ch4": 1.25, "h2s": 0.5, "co": 3.1, "o2": 20.9}
    return orjson.dumps([{"device": f"gw{gateway}-{n}", "ts": moment, "values": values} for n in range(CHILDREN)])


def publish(own: tuple[str, str, str, int], topic: str, seconds: float, per_second: float, result: Any) -> None:
    """Send messages for a while, as fast as confirmations allow or at a rate; put how many were confirmed and in what time."""
    user, password, host, port = own
    clients, room = [], threading.Semaphore(IN_FLIGHT)
    for n in range(CONNECTIONS):
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=f"{topic}{n}", protocol=mqtt.MQTTv311)
        client.username_pw_set(user, password)
        client.max_inflight_messages_set(IN_FLIGHT)
        client.on_publish = lambda *_: room.release()
        client.connect(host, port)
        client.loop_start()
        clients.append(client)
    while not all(c.is_connected() for c in clients):
        time.sleep(0.01)
    began, sent = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < seconds:
        if per_second and sent >= passed * per_second:
            time.sleep(0.001)
            continue
        room.acquire()
        gateway = sent % GATEWAYS
        clients[sent % CONNECTIONS].publish(f"{topic}/gw{gateway}/up", payload(gateway, int(time.time() * 1000)), qos=1)
        sent += 1
    for _ in range(IN_FLIGHT):
        room.acquire()
    result.put((sent, time.perf_counter() - began))
    for client in clients:
        client.disconnect()


def load(own: tuple[str, str, str, int], topic: str, seconds: float, per_second: float = 0) -> tuple[Any, Any]:
    """Start to send in a process of its own, so that the sender takes no time of the measuring one."""
    context = multiprocessing.get_context("spawn")
    result = context.Queue()
    process = context.Process(target=publish, args=(own, topic, seconds, per_second, result))
    process.start()
    return process, result


def finished(work: tuple[Any, Any]) -> tuple[int, float]:
    """Messages sent, and seconds until all were confirmed."""
    answer: tuple[int, float] = work[1].get()
    work[0].join()
    return answer


def prepare(database_url: str) -> str:
    """Tables, devices, one rule, a key; returns the key's secret."""
    from chengyun.accounts import service as accounts
    from chengyun.alarms import service as alarms
    from chengyun.alarms.schemas import LevelSpec, RuleSpec
    from chengyun.devices import service as devices
    from chengyun.devices.schemas import MetricSpec, ModelSpec
    from chengyun.kernel.db import Scope, transaction
    from chengyun.kernel.migrate import upgrade
    from chengyun.regions import service as regions
    from chengyun.server.rooms import import_models

    import_models()
    upgrade(database_url)
    metrics = [MetricSpec(key=m, name_zh=m, name_en=m, unit="", low=0, high=100) for m in METRICS]
    model = ModelSpec(key="bench", name_zh="试验", name_en="Bench", expected_interval_seconds=60, metrics=metrics)
    levels = [LevelSpec(level=1, threshold=50)]
    rules = [
        RuleSpec(key=f"bench-{m}", name_zh=m, name_en=m, model="bench", metric=m, kind="above", levels=levels, source="own default")
        for m in METRICS
    ]
    rows = [devices.NewDevice(f"gw{g}", f"gw{g}", "bench", region_code="500103001") for g in range(GATEWAYS)]
    rows += [
        devices.NewDevice(f"gw{g}-{n}", f"gw{g}-{n}", "bench", region_code="500103001", gateway_key=f"gw{g}")
        for g in range(GATEWAYS)
        for n in range(CHILDREN)
    ]
    rows += [devices.NewDevice(f"probe{n}", f"probe{n}", "bench", region_code="500103001") for n in range(PROBES)]
    with transaction(Scope.everything()) as session:
        regions.seed(session)
        accounts.seed(session)
        devices.put_model(session, "bench", model)
        devices.register_many(session, rows, with_secrets=False)
        alarms.put_rules(session, "bench", rules)
        return accounts.create_api_key(session, None, name="bench", permissions=["telemetry.write"], area_codes=[])[1]


async def _end() -> int:
    from chengyun.kernel.bus import connect
    from chengyun.telemetry.reader import stream_state

    bus = await connect("bench")
    try:
        return (await stream_state(bus)).last
    finally:
        await bus.close()


def place(connection: psycopg.Connection[Any]) -> int:
    """How far the watch has committed."""
    row = connection.execute("SELECT committed_sequence FROM watch_position").fetchone()
    return row[0] if row else -1


def wait_until_committed(connection: psycopg.Connection[Any], at_least: int) -> None:
    """Wait until the stream holds so many messages and the watch has committed them all."""
    while place(connection) < at_least:
        time.sleep(0.005)


@contextmanager
def programs(folder: Path) -> Iterator[None]:
    """Watch and archive as an operator runs them."""
    running = [
        subprocess.Popen([sys.executable, "-c", f"from chengyun.server.processes import run_{name}; run_{name}()"], env=os.environ)
        for name in ("watch", "archive")
    ]
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


@contextmanager
def api(port: int) -> Iterator[str]:
    """One process of the HTTP API."""
    command = f"from chengyun.server.processes import run_api; run_api({port})"
    process = subprocess.Popen([sys.executable, "-c", command], env=os.environ)
    address = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                if httpx.get(f"{address}/readyz").status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait()


def bare_copy(url: str, count: int) -> float:
    """Readings a second of a binary COPY into a table without index, from buffers that numpy has built."""
    rows = np.zeros(
        count,
        np.dtype(
            [
                *(("n", ">i2"), ("l1", ">i4"), ("sequence", ">i8"), ("l2", ">i4"), ("device", ">i4"), ("l3", ">i4"), ("metric", ">i4")),
                *(("l4", ">i4"), ("time", ">i8"), ("l5", ">i4"), ("value", ">f8")),
            ]
        ),
    )
    for name, fill in (("n", 5), ("l1", 8), ("l2", 4), ("l3", 4), ("l4", 8), ("l5", 8)):
        rows[name] = fill
    rows["sequence"], rows["device"], rows["value"] = np.arange(count), np.arange(count) % 2500, 1.25
    data = b"PGCOPY\n\xff\r\n\x00" + bytes(8) + rows.tobytes() + b"\xff\xff"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE bare (sequence int8, device int4, metric int4, time int8, value float8)")
        began = time.perf_counter()
        with connection.cursor().copy("COPY bare FROM STDIN (FORMAT binary)") as copy:
            for at in range(0, len(data), 1 << 20):
                copy.write(data[at : at + (1 << 20)])
        passed = time.perf_counter() - began
        connection.execute("DROP TABLE bare")
    return count / passed


def by_http(address: str, secret: str, seconds: float, connection: psycopg.Connection[Any]) -> float:
    """Readings a second by bodies of 1,000 readings on four connections, up to their commit."""
    counts = [0] * CONNECTIONS
    began = time.perf_counter()

    def send(n: int) -> None:
        with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {secret}"}, timeout=60) as client:
            while time.perf_counter() - began < seconds:
                moment = int(time.time() * 1000)
                values = {"ch4": 1.25, "h2s": 0.5, "co": 3.1, "o2": 20.9}
                body = [{"device": f"gw{(n + i) % GATEWAYS}-{i % CHILDREN}", "ts": moment, "values": values} for i in range(250)]
                answer = client.post("/api/v1/telemetry", content=orjson.dumps(body), headers={"Content-Type": "application/json"})
                counts[n] += answer.json()["accepted"]

    threads = [threading.Thread(target=send, args=(n,)) for n in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until_committed(connection, asyncio.run(_end()))
    return sum(counts) / (time.perf_counter() - began)


def latencies(own: tuple[str, str, str, int], url: str, seconds: float, probes: range) -> list[float]:
    """Seconds from publishing a single alarming reading to its alarm in the database, as another connection sees it."""
    user, password, host, port = own
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="probe", protocol=mqtt.MQTTv311)
    client.username_pw_set(user, password)
    client.connect(host, port)
    client.loop_start()
    while not client.is_connected():
        time.sleep(0.01)
    found = []
    with psycopg.connect(url, autocommit=True) as connection:
        query = "SELECT 1 FROM alarm a JOIN device d ON d.id = a.device_id WHERE d.key = %s"
        until, pause = time.perf_counter() + seconds, seconds / len(probes)
        for n in probes:
            began = time.perf_counter()
            client.publish(f"cy/probe{n}/up", orjson.dumps({"values": {"ch4": 90.0}}), qos=1)
            while connection.execute(query, (f"probe{n}",)).fetchone() is None:
                time.sleep(0.0005)
            found.append(time.perf_counter() - began)
            if time.perf_counter() >= until:
                break
            time.sleep(max(0.0, pause - found[-1]))
    client.loop_stop()
    return found


def measure(folder: Path, seconds: float, sync: str) -> None:
    """Everything in one run, so that the ratios hold."""
    from chengyun.kernel.embedded.nats import free_port
    from chengyun.kernel.embedded.services import start_services
    from chengyun.kernel.settings import get_settings

    os.environ["CHENGYUN_DATA_DIR"] = str(folder)
    get_settings.cache_clear()
    with start_services(folder, sync=sync) as services:
        secret = prepare(services.database_url)
        asyncio.run(_streams())
        credentials = services.credentials()
        own = (credentials.user, credentials.password, credentials.mqtt_host, credentials.mqtt_port)
        sent, passed = finished(load(own, "bare", seconds / 2))
        broker = sent * READINGS / passed
        print(f"bare broker, bus_sync {sync}: {sent / passed:,.0f} messages/s confirmed = {broker:,.0f} readings/s")
        copied = bare_copy(services.database_url, 1_000_000)
        print(f"bare COPY into a table without index: {copied:,.0f} readings/s")
        with programs(folder), psycopg.connect(services.database_url, autocommit=True) as connection:
            while place(connection) < 0:
                time.sleep(0.05)
            before, began = place(connection), time.perf_counter()
            sent, _ = finished(load(own, "cy", seconds))
            confirmed = time.perf_counter()
            wait_until_committed(connection, before + sent)
            ended = time.perf_counter()
            rate = sent * READINGS / (ended - began)
            print(
                f"MQTT to committed: {sent * READINGS:,} readings, {rate:,.0f} readings/s; {rate / broker:.2f} of the bare broker, "
                f"{rate / copied:.2f} of bare COPY; committed {1000 * (ended - confirmed):.0f} ms after the last confirmation"
            )
            with api(free_port()) as address:
                http = by_http(address, secret, seconds / 2, connection)
            print(f"HTTP to committed: {http:,.0f} readings/s; {http / broker:.2f} of the bare broker, {http / copied:.2f} of bare COPY")
            tell("an idle platform", latencies(own, services.database_url, min(5, seconds), range(PROBES // 4)))
            work = load(own, "cy", seconds, rate / 2 / READINGS)
            time.sleep(2)
            found = latencies(own, services.database_url, seconds - 3, range(PROBES // 4, PROBES))
            sent, passed = finished(work)
            tell(f"{sent * READINGS / passed:,.0f} readings/s", found)


def tell(load_name: str, found: list[float]) -> None:
    """Print how long alarms took."""
    p50, p99 = np.percentile(found, [50, 99]) * 1000
    print(
        f"publish to alarm committed at {load_name}: p50 {p50:.1f} ms, p99 {p99:.1f} ms, "
        f"longest {1000 * max(found):.1f} ms ({len(found)} alarms)"
    )


async def _streams() -> None:
    from chengyun.kernel.bus import connect, ensure_streams

    bus = await connect("bench")
    await ensure_streams(bus.js)
    await bus.close()


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--sync", default="both", help="`always`, a pause such as `10s`, or `both` one after the other")
    given = parser.parse_args()
    for sync in ("always", "10s") if given.sync == "both" else (given.sync,):
        with tempfile.TemporaryDirectory(prefix="chengyun-bench-") as folder:
            measure(Path(folder), given.seconds, sync)


if __name__ == "__main__":
    main()
