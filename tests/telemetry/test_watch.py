"""The watch on the real bus and database: what is sent has its effect once, whatever breaks in between."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import orjson
import psycopg
import pytest

from chengyun.kernel import addresses, clock
from chengyun.kernel.bus import STREAM_UP, connect
from chengyun.kernel.embedded.services import Services
from chengyun.telemetry.message import to_ms
from chengyun.telemetry.watch import run_watch
from tests.support import eventually
from tests.telemetry.conftest import Ledger, Program, device, program, put, rows, say


@pytest.fixture(scope="module", autouse=True)
def ledger(fleet: dict[str, str]) -> None:
    with psycopg.connect(addresses.database_url()) as connection:
        connection.execute("CREATE TABLE ledger (sequence bigint, device text, value float8)")
        connection.execute("GRANT ALL ON ledger TO chengyun_app")


@pytest.fixture
def evaluator() -> Iterator[Ledger]:
    judge = Ledger()
    with program(lambda stop, health: run_watch(stop, health, judge)):
        yield judge


def now() -> int:
    return to_ms(clock.now())


def latest(key: str) -> dict[str, tuple[float, str]]:
    found = rows("SELECT metric, value, quality FROM latest_reading JOIN device d ON d.id = device_id WHERE d.key = %s", key)
    return {metric: (value, quality) for metric, value, quality in found}


def committed() -> int:
    return rows("SELECT committed_sequence FROM watch_position")[0][0]


def snapshot() -> int:
    return rows("SELECT snapshot_sequence FROM watch_position")[0][0]


def ledger_of(key: str) -> list[float]:
    return [v for (v,) in rows("SELECT value FROM ledger WHERE device = %s ORDER BY sequence", key)]


def test_a_reading_sent_by_mqtt_is_judged_and_becomes_the_latest_state(services: Services, evaluator: Ledger) -> None:
    client = device(services, "one")
    say(client, "a", {"ts": now(), "values": {"ch4": 61.5, "h2s": 0.25}})
    eventually(lambda: ledger_of("a") == [61.5])
    eventually(lambda: latest("a") == {"ch4": (61.5, "good"), "h2s": (0.25, "good")})
    state = rows("SELECT connection FROM device_state JOIN device d ON d.id = device_id WHERE d.key = 'a'")
    assert state == [("online",)]
    client.loop_stop()


def test_the_newest_reading_wins_whatever_comes_when(evaluator: Ledger) -> None:
    t = now()
    put(("b", {"ts": t, "values": {"ch4": 2}}), ("b", {"ts": t - 60_000, "values": {"ch4": 1}}), ("b", {"ts": t, "values": {"ch4": 2}}))
    put(("b", {"values": {"fan": 1}, "ts": t - 10 * 86_400_000}))
    eventually(lambda: latest("b") == {"ch4": (2, "good"), "fan": (1, "late")})


def test_a_late_reading_raises_nothing(evaluator: Ledger) -> None:
    put(("far", {"values": {"ch4": 99}, "ts": now() - 8 * 86_400_000}), ("far", {"values": {"h2s": 60}}))
    eventually(lambda: ledger_of("far") == [60])


def connection(key: str) -> str:
    return rows("SELECT connection FROM device_state JOIN device d ON d.id = device_id WHERE d.key = %s", key)[0][0]


def test_a_gateway_speaks_for_its_own_children_and_for_no_others(evaluator: Ledger) -> None:
    put(("gw1", [{"device": "gw1-1", "values": {"ch4": 71}}, {"device": "gw2-1", "values": {"ch4": 72}}, {"device": "no", "values": {}}]))
    eventually(lambda: ledger_of("gw1-1") == [71])
    # It measures nothing itself, and is heard all the same.
    eventually(lambda: connection("gw1") == "online")
    assert (latest("gw1"), connection("gw1-2")) == ({}, "unknown")
    assert ledger_of("gw2-1") == []
    letters = eventually(lambda: rows("SELECT reason, detail->>'device' FROM dead_letter WHERE device_key = 'gw1' ORDER BY item"))
    assert letters == [("device.not_child", "gw2-1"), ("device.stranger", "no")]


def test_a_device_is_heard_also_by_what_is_refused(evaluator: Ledger) -> None:
    assert connection("gw1-2") == "unknown"
    put(("gw1-2", b"nonsense"))
    eventually(lambda: connection("gw1-2") == "online")


def test_a_broken_device_does_not_fill_the_database(evaluator: Ledger) -> None:
    put(*[("gw2", {"values": {"ch4": "high", "h2s": 1}}) for _ in range(100)])
    last = put(("gw2", {"values": {"ch4": 75}}))
    eventually(lambda: committed() >= last)
    ((count, kept),) = rows("SELECT sum(count), sum(kept) FROM dead_letter_count WHERE device_key = 'gw2' AND reason = 'value.not_number'")
    assert count == 100
    assert 20 <= kept <= 40  # the clock may pass a full minute meanwhile
    assert rows("SELECT count(*) FROM dead_letter WHERE device_key = 'gw2'") == [(kept,)]
    eventually(lambda: latest("gw2") == {"ch4": (75, "good"), "h2s": (1, "good")})


def test_what_fails_to_commit_is_done_again_and_only_once(evaluator: Ledger) -> None:
    evaluator.fail_once.set()
    put(("gw2-2", {"values": {"ch4": 81}}))
    put(("gw2-2", {"values": {"ch4": 82}, "ts": now() + 1000}))
    eventually(lambda: ledger_of("gw2-2") == [81, 82], 20)


def test_an_orderly_end_leaves_nothing_to_read_again() -> None:
    judge = Ledger()
    with program(lambda stop, health: run_watch(stop, health, judge)):
        put(("gw2-1", {"values": {"ch4": 10}}))
        eventually(lambda: latest("gw2-1"))
    assert committed() == snapshot()
    again = Ledger()
    with program(lambda stop, health: run_watch(stop, health, again)):
        last = put(("gw2-1", {"values": {"ch4": 55}, "ts": now() + 2000}))
        eventually(lambda: ledger_of("gw2-1") == [55])
        assert committed() >= last
    assert again.judged == judge.judged + 1


def test_one_watch_works_and_the_next_takes_over() -> None:
    first, second = Ledger(), Ledger()
    active = Program(lambda stop, health: run_watch(stop, health, first))
    eventually(lambda: not active.health.reasons)
    with program(lambda stop, health: run_watch(stop, health, second)) as standby:
        put(("a", {"values": {"ch4": 91}, "ts": now() + 3000}))
        eventually(lambda: 91.0 in ledger_of("a"))
        assert not standby.health.reasons
        assert second.fleet is None
        active.end()
        put(("a", {"values": {"ch4": 92}, "ts": now() + 4000}))
        eventually(lambda: 92.0 in ledger_of("a"))
        assert ledger_of("a").count(91.0) == 1
        assert second.fleet is not None


def test_a_device_registered_a_moment_ago_is_no_stranger(evaluator: Ledger) -> None:
    from chengyun.devices import service as devices
    from chengyun.kernel.db import Scope, transaction

    with transaction(Scope.everything()) as session:
        devices.register_many(session, [devices.NewDevice("fresh", "fresh", "gas", region_code="500103001")])
    put(("fresh", {"values": {"ch4": 77}}))
    eventually(lambda: ledger_of("fresh") == [77])
    assert rows("SELECT count(*) FROM dead_letter WHERE device_key = 'fresh'") == [(0,)]


def test_a_loss_is_told_and_the_watch_goes_on() -> None:
    with program(lambda stop, health: run_watch(stop, health, Ledger())):
        first = put(("a", {"values": {"ch4": 1}}))
        eventually(lambda: committed() >= first)
    last = put(("a", {"values": {"ch4": 1}}), ("a", {"values": {"ch4": 2}}), ("a", {"values": {"ch4": 93}, "ts": now() + 5000}))

    async def drop() -> None:
        bus = await connect("tests")
        await bus.js.purge_stream(STREAM_UP, seq=last)
        await bus.close()

    asyncio.run(drop())
    running = Program(lambda stop, health: run_watch(stop, health, Ledger()))
    try:
        eventually(lambda: 93.0 in ledger_of("a"))
        assert "dropped 2 messages" in running.health.reasons["loss"]
    finally:
        running.end()


WATCH = """
from chengyun.kernel.process import run_process
from chengyun.telemetry.watch import run_watch
from tests.telemetry.conftest import Ledger
run_process("watch", lambda stop, health: run_watch(stop, health, Ledger()))
"""


def test_killed_again_and_again_everything_has_its_effect_once(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHENGYUN_TELEMETRY_SNAPSHOT_SECONDS", "0.3")
    client, start = device(services, "load"), now() - 3_600_000
    expected: list[float] = []
    for turn in range(4):
        running = subprocess.Popen([sys.executable, "-c", WATCH], stderr=subprocess.DEVNULL)
        for n in range(turn * 400, turn * 400 + 400):
            value = 51 + n / 100 if n % 2 else 1.0
            content = {"device": "gw1-2", "ts": start + n, "values": {"h2s": value}}
            last = client.publish("cy/gw1/up", orjson.dumps(content), qos=1)
            expected += [value] if value > 50 else []
        eventually(lambda goal=len(expected) - 150: len(ledger_of("gw1-2")) >= goal, 60)
        running.kill()
        running.wait()
    last.wait_for_publish(20)
    judge = Ledger()
    with program(lambda stop, health: run_watch(stop, health, judge)):
        eventually(lambda: len(ledger_of("gw1-2")) >= len(expected), 60)
        eventually(lambda: latest("gw1-2").get("h2s") == (expected[-1], "good"))
    assert ledger_of("gw1-2") == expected
    client.loop_stop()


def test_the_watch_comes_back_by_itself_after_the_bus_and_the_database_were_gone(services: Services, evaluator: Ledger) -> None:
    put(("gw1-1", {"values": {"ch4": 61}, "ts": now() + 10_000}))
    eventually(lambda: 61.0 in ledger_of("gw1-1"))
    process = services.nats.process
    assert process is not None
    process.kill()
    process.wait()
    services.nats.start()
    put(("gw1-1", {"values": {"ch4": 62}, "ts": now() + 11_000}))
    eventually(lambda: 62.0 in ledger_of("gw1-1"), 20)
    with psycopg.connect(services.database_url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename IS NOT NULL")
    put(("gw1-1", {"values": {"ch4": 63}, "ts": now() + 12_000}))
    eventually(lambda: 63.0 in ledger_of("gw1-1"), 20)
    assert [v for v in ledger_of("gw1-1") if v in (61, 62, 63)] == [61, 62, 63]
