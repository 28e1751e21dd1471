"""Events reach their consumers once, whatever the consumer is called and however often they come."""

import asyncio
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from chengyun.kernel import bus as buses
from chengyun.kernel import clock
from chengyun.kernel.bus import Consumer, Event, connect, run_consumer
from chengyun.kernel.db import Scope, read_only, transaction
from chengyun.kernel.ids import uuid7
from chengyun.kernel.outbox import emit, relay_once
from chengyun.kernel.upkeep import forget


def waiting() -> int:
    with read_only(Scope.everything()) as session:
        return int(session.execute(text("SELECT count(*) FROM outbox")).scalar_one())


def test_each_event_is_applied_once_also_after_a_failure(database: str) -> None:
    seen: list[tuple[str, str, int]] = []

    def handle(session: Session, event: Event) -> None:
        seen.append((event.subject, event.region_code, event.data["n"]))
        if event.data["n"] == 2 and len([s for s in seen if s[2] == 2]) == 1:
            raise ValueError("the first try fails")

    async def run() -> None:
        bus = await connect("test")
        stop = asyncio.Event()
        task = asyncio.create_task(run_consumer(bus, Consumer("test.things", ("ev.test.>",), handle), stop))
        try:
            with transaction(Scope.everything()) as session:
                for n in range(4):
                    emit(session, "ev.test.thing", {"n": n}, "500103")
            assert await relay_once(bus) == 4
            # A relay that died before it forgot publishes again; the bus knows the message ids.
            async with asyncio.timeout(20):
                while len(seen) < 5:
                    await asyncio.sleep(0.02)
        finally:
            stop.set()
            await task
            await bus.close()

    asyncio.run(run())
    assert sorted(n for _, _, n in seen) == [0, 1, 2, 2, 3]
    assert {(s, r) for s, r, _ in seen} == {("ev.test.thing", "500103")}
    assert waiting() == 0


def test_a_second_delivery_changes_nothing(database: str) -> None:
    calls: list[Any] = []
    consumer = Consumer("test.twice", ("ev.test.>",), lambda _session, event: calls.append(event.id))
    with transaction(Scope.everything()) as session:
        emit(session, "ev.test.twice", {}, "500103")
        row = session.execute(text("SELECT id, subject, time, home, region_code, data FROM outbox")).one()
    event = Event(*row)
    assert buses.apply_once(consumer, event) is True
    assert buses.apply_once(consumer, event) is False
    assert calls == [event.id]


def test_an_event_outlives_a_server_that_is_away_for_long(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a fault of the event itself is given up after some tries; while a server is away it waits."""
    monkeypatch.setattr(buses, "MAX_TRIES", 2)
    monkeypatch.setattr(buses, "_pause", lambda _tries: 0.01)
    tries: dict[str, int] = {"away": 0, "broken": 0}

    def handle(_session: Session, event: Event) -> None:
        kind = event.data["kind"]
        tries[kind] += 1
        if kind == "broken":
            raise ValueError("this event can never be applied")
        if tries[kind] < 6:
            raise psycopg.OperationalError("the server is away")

    async def run() -> None:
        bus = await connect("test")
        stop = asyncio.Event()
        task = asyncio.create_task(run_consumer(bus, Consumer("test.away", ("ev.away.>",), handle), stop))
        try:
            with transaction(Scope.everything()) as session:
                for kind in tries:
                    emit(session, "ev.away.thing", {"kind": kind}, "500103")
            await relay_once(bus)
            async with asyncio.timeout(20):
                while tries["away"] < 6:
                    await asyncio.sleep(0.02)
        finally:
            stop.set()
            await task
            await bus.close()

    asyncio.run(run())
    assert tries == {"away": 6, "broken": 2}


def test_marks_of_events_that_the_stream_has_dropped_are_forgotten(database: str) -> None:
    consumer = Consumer("test.old", ("ev.test.>",), lambda _session, _event: None)
    event = Event(uuid7(), "ev.test.old", clock.now(), "test", "500103", {})
    assert buses.apply_once(consumer, event) is True
    forget()
    assert buses.apply_once(consumer, event) is False
    clock.set_clock(clock.ManualClock(clock.now() + timedelta(days=9)))
    forget()
    assert buses.apply_once(consumer, event) is True
