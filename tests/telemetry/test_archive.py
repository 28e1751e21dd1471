"""History files: each reading once, whenever the archive is killed; sorted, rewritten, vacuumed."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import duckdb
import orjson
import pytest
from deltalake import DeltaTable

from chengyun.kernel import clock
from chengyun.kernel.bus import STREAM_UP, connect
from chengyun.kernel.embedded.services import Services
from chengyun.kernel.settings import get_settings
from chengyun.telemetry.archive import run_archive
from chengyun.telemetry.message import to_ms
from chengyun.telemetry.repository import lake
from tests.support import eventually
from tests.telemetry.conftest import device, program, put

ARCHIVE = """
from chengyun.kernel.process import run_process
from chengyun.telemetry.archive import run_archive
run_process("archive", run_archive)
"""


@pytest.fixture(autouse=True)
def no_history(fleet: dict[str, str]) -> Iterator[None]:
    asyncio.run(empty())
    shutil.rmtree(get_settings().data_dir / "history", ignore_errors=True)
    os.environ |= {"CHENGYUN_ARCHIVE_FLUSH_SECONDS": "0.2", "CHENGYUN_ARCHIVE_FLUSH_ROWS": "1000"}
    get_settings.cache_clear()
    yield
    del os.environ["CHENGYUN_ARCHIVE_FLUSH_SECONDS"], os.environ["CHENGYUN_ARCHIVE_FLUSH_ROWS"]
    get_settings.cache_clear()


async def empty() -> None:
    bus = await connect("tests")
    await bus.js.purge_stream(STREAM_UP)
    await bus.close()


@contextmanager
def process() -> Iterator[subprocess.Popen[bytes]]:
    running = subprocess.Popen([sys.executable, "-c", ARCHIVE], stderr=subprocess.DEVNULL)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def stored(columns: str = "device, metric, value", where: str = "true") -> list[tuple]:
    if not DeltaTable.is_deltatable(str(lake.folder())):
        return []
    files = DeltaTable(lake.folder()).file_uris()
    if not files:
        return []
    query = f"SELECT {columns} FROM read_parquet(?, hive_partitioning = false) WHERE {where} ORDER BY ALL"
    return duckdb.execute(query, [files]).fetchall()


def test_killed_again_and_again_the_archive_loses_nothing_and_doubles_nothing(services: Services) -> None:
    client, sent = device(services, "load"), Counter()
    done = threading.Event()

    def load() -> None:
        confirmed = []
        for number in range(3000):
            values = {"ch4": round(number / 40, 3), "h2s": number % 200}
            content = [{"device": f"gw1-{n}", "values": values, "ts": to_ms(clock.now()) + number} for n in (1, 2)]
            confirmed.append(client.publish("cy/gw1/up", orjson.dumps(content), qos=1))
            for n in (1, 2):
                sent.update((f"gw1-{n}", metric, float(value)) for metric, value in values.items())
        confirmed[-1].wait_for_publish(60)
        done.set()

    work = threading.Thread(target=load)
    work.start()
    for kill in range(8):
        with process():
            before = len(stored())
            goal = before + 1 if kill % 2 else before
            eventually(lambda goal=goal: len(stored()) >= goal or done.is_set(), 30)
    work.join()
    with process() as last:
        eventually(lambda: len(stored()) >= 12_000, 30)
        last.send_signal(signal.SIGTERM)
        assert last.wait(15) == 0
    assert Counter(stored()) == sent
    client.loop_stop()


def test_late_readings_lie_in_the_files_of_their_own_day() -> None:
    moment = clock.now()
    with program(run_archive):
        for days in (0, 3, 40):
            put(("a", {"values": {"ch4": days}, "ts": to_ms(moment - timedelta(days=days))}))
        eventually(lambda: len(stored()) == 3)
    assert stored("value, quality") == [(0, "good"), (3, "good"), (40, "late")]
    for file in lake.files(DeltaTable(lake.folder())):
        query = "SELECT DISTINCT (time AT TIME ZONE 'Asia/Shanghai')::date FROM read_parquet(?)"
        inside = duckdb.execute(query, [str(lake.folder() / file.path)])
        assert inside.fetchall() == [(file.day,)]


def test_many_small_files_become_one_sorted_file_with_the_same_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chengyun.telemetry.archive.TEND_SECONDS", 0.0)
    os.environ["CHENGYUN_ARCHIVE_SMALL_FILES"] = "5"
    get_settings.cache_clear()
    try:
        with program(run_archive):
            for number in range(12):
                put(*[(key, {"values": {"ch4": number, "fan": 1}, "ts": to_ms(clock.now())}) for key in ("b", "a", "far")])
                eventually(lambda number=number: len(stored()) == (number + 1) * 6)
            eventually(lambda: len(lake.files(DeltaTable(lake.folder()))) < 5)
    finally:
        del os.environ["CHENGYUN_ARCHIVE_SMALL_FILES"]
        get_settings.cache_clear()
    sent = Counter({(key, "ch4", float(n)): 1 for key in ("a", "b", "far") for n in range(12)})
    assert Counter(stored()) == sent + Counter({(key, "fan", 1.0): 12 for key in ("a", "b", "far")})
    largest = max(lake.files(DeltaTable(lake.folder())), key=lambda f: f.size)
    order = duckdb.execute("SELECT device, metric, time FROM read_parquet(?)", [str(lake.folder() / largest.path)]).fetchall()
    assert order == sorted(order)


def test_replaced_files_are_deleted_after_their_time_and_not_before() -> None:
    with program(run_archive):
        for number in range(3):
            put(("a", {"values": {"ch4": number}}))
            eventually(lambda number=number: len(stored()) == number + 1)
    table = lake.open_table()
    by_day = lake.files(table)
    lake.compact(table, by_day[0].day, by_day)
    on_disk = lambda: len(list(lake.folder().rglob("*.zstd.parquet")))  # noqa: E731
    assert on_disk() == 4
    lake.vacuum(table, 24)
    assert on_disk() == 4
    lake.vacuum(table, 0)
    assert on_disk() == 1
    assert len(stored()) == 3


def test_a_torn_last_entry_of_the_log_is_dropped_and_its_readings_come_again() -> None:
    with program(run_archive):
        put(("a", {"values": {"ch4": 1}}))
        eventually(lambda: len(stored()) == 1)
        put(("a", {"values": {"ch4": 2}}))
        eventually(lambda: len(stored()) == 2)
    newest = max((lake.folder() / "_delta_log").glob("*.json"))
    Path(newest).write_bytes(newest.read_bytes()[:100])
    with program(run_archive):
        eventually(lambda: [v for (v,) in stored("value")] == [1, 2])


def test_a_second_archive_stands_by_and_takes_over() -> None:
    with process() as first:
        put(("a", {"values": {"ch4": 1}}))
        eventually(lambda: len(stored()) == 1, 20)
        with program(run_archive):
            put(("a", {"values": {"ch4": 2}}))
            eventually(lambda: len(stored()) == 2)
            first.kill()
            put(("a", {"values": {"ch4": 3}}))
            eventually(lambda: len(stored()) == 3)
