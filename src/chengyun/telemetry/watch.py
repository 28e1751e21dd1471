"""Follows the readings: rules, latest state, dead letters, acknowledgements of commands.

Messages are applied in micro-batches: whatever has come while the last one was worked on. What a batch causes and the
place reached go into one transaction, so that after any crash the watch goes on exactly where its effects end. Rules' state
and latest values are stored a little later, off the hot path; after a crash the messages since then are read again, for
their state only. One watch works at a time; it holds a lock in the database, on the connection on which it commits.
"""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
from nats.errors import Error as NatsError
from nats.js.errors import Error as StreamError
from psycopg_pool import PoolTimeout
from sqlalchemy.exc import DBAPIError

from chengyun.kernel.bus import Bus, connect
from chengyun.kernel.logs import get_logger
from chengyun.kernel.process import Health
from chengyun.telemetry.batch import Batch
from chengyun.telemetry.message import Message
from chengyun.telemetry.reader import Reader, StreamBroken, StreamState, lost, stream_state
from chengyun.telemetry.repository import position as positions
from chengyun.telemetry.repository.position import LostPlace

if TYPE_CHECKING:
    from chengyun.devices.fleet import Fleet

log = get_logger(__name__)

SWITCH_SECONDS = 0.0005
STANDBY_SECONDS = 0.5
IDLE_SECONDS = 0.25
RETRY_SECONDS = 0.5
TELL_LOSS_SECONDS = 600.0
PASSING = (NatsError, StreamError, StreamBroken, LostPlace, OSError, TimeoutError, psycopg.Error, DBAPIError, PoolTimeout)


class Evaluator(Protocol):
    """What judges the readings. All calls come from one thread at a time.

    What `evaluate` returns is handed to `commit` as it is. It must be false (`__bool__` or `__len__`) when there is
    nothing to write: the watch then commits less often.
    """

    def load(self, connection: psycopg.Connection[Any], fleet: "Fleet") -> None:
        """Read the rules, and take a fleet into use; called again when either has changed. State of each slot is kept."""

    def is_stale(self, connection: psycopg.Connection[Any]) -> bool:
        """Whether rules have changed since the last load."""

    def restore(self, state: bytes | None) -> None:
        """Take back the state of a snapshot; None: start empty. Called after `load`."""

    def replayed(self, connection: psycopg.Connection[Any]) -> None:
        """What was evaluated since `restore` was a replay whose findings are not committed; what follows is."""

    def snapshot(self) -> bytes:
        """The state after all readings evaluated so far."""

    def evaluate(self, batch: Batch) -> Any:
        """Judge readings. Deterministic, and independent of where batches begin and end; no database."""

    def commit(self, connection: psycopg.Connection[Any], changes: Any) -> None:
        """Write what `evaluate` found, in the watch's transaction over the whole city."""

    def sweep(self, connection: psycopg.Connection[Any], now: datetime) -> None:
        """What is due without any reading; called every few seconds in a transaction of its own."""


async def run_watch(stop: asyncio.Event, health: Health, evaluator: Evaluator) -> None:
    """Follow the readings until told to stop, through lost connections; stands by while another watch is active."""
    # The thread that merges latest values must not hold up the one that judges for longer than this.
    sys.setswitchinterval(SWITCH_SECONDS)
    while not stop.is_set():
        try:
            await _attempt(stop, health, evaluator)
        except PASSING as failure:
            log.warning("watch begins again", error=str(failure), kind=type(failure).__name__)
            health.trouble("watch", f"begins again: {failure}")
        except Exception:
            log.exception("watch failed and begins again")
            health.trouble("watch", "failed and begins again; see the log")
        if not stop.is_set():
            await pause(stop, RETRY_SECONDS)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait, but not longer than until told to stop."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def _attempt(stop: asyncio.Event, health: Health, evaluator: Evaluator) -> None:
    """Become the active watch and work until something breaks."""
    connection = await asyncio.to_thread(positions.connect, "chengyun watch")
    try:
        while not await asyncio.to_thread(positions.try_lock, connection):
            health.trouble("watch", None)
            health.ready()
            await pause(stop, STANDBY_SECONDS)
            if stop.is_set():
                return
        bus = await connect("watch")
        try:
            await _active(stop, health, evaluator, connection, bus)
        finally:
            await bus.close()
    finally:
        await asyncio.to_thread(connection.close)


async def _active(stop: asyncio.Event, health: Health, evaluator: Evaluator, connection: positions.Connection, bus: Bus) -> None:
    from chengyun.telemetry.follow import Follower

    place = await _place(connection, await stream_state(bus), health)
    follower = await asyncio.to_thread(Follower, evaluator, connection, place)
    failed = asyncio.Event()
    async with Reader(bus, "watch", place.snapshot_sequence) as reader:
        health.trouble("watch", None)
        health.ready()
        works = [
            asyncio.create_task(_guard(failed, _follow(stop, failed, health, reader, follower))),
            asyncio.create_task(_guard(failed, _store(stop, failed, bus, follower))),
        ]
        # Both end by themselves: a thread that still uses the connection must not be left behind.
        await asyncio.wait(works)
        for work in works:
            work.result()
    await asyncio.to_thread(follower.farewell)


async def _guard(failed: asyncio.Event, work: Any) -> None:
    try:
        await work
    finally:
        failed.set()


async def _place(connection: positions.Connection, state: StreamState, health: Health) -> positions.Position:
    """Where to begin: after the snapshot, or at the first message of a stream never seen before."""
    stored = await asyncio.to_thread(positions.read, connection)
    if stored is None or stored.stream != state.born or stored.committed > state.last:
        if stored is not None:
            log.error("the stream of readings is a new one; the watch begins at its first message", before=stored.committed)
        begin = max(0, state.first - 1)
        await asyncio.to_thread(positions.begin, connection, state.born, begin)
        return positions.Position(state.born, begin, begin, stored.snapshot if stored else None)
    if state.first > stored.committed + 1:
        report_loss("watch", state.first - stored.committed - 1, health)
        await asyncio.to_thread(positions.begin, connection, state.born, state.first - 1)
        return positions.Position(state.born, state.first - 1, state.first - 1, stored.snapshot)
    snapshot = max(stored.snapshot_sequence, state.first - 1)
    return positions.Position(state.born, stored.committed, snapshot, stored.snapshot)


def report_loss(reader: str, count: int, health: Health) -> None:
    """The stream has thrown away messages before they were read: for people to know, in log, figures and health."""
    lost.labels(reader).inc(count)
    log.error("the stream dropped messages before they were read", reader=reader, count=count)
    health.trouble("loss", f"the stream dropped {count} messages before they were read")
    loop = asyncio.get_running_loop()
    loop.call_later(TELL_LOSS_SECONDS, health.trouble, "loss", None)


async def _follow(stop: asyncio.Event, failed: asyncio.Event, health: Health, reader: Reader, follower: Any) -> None:
    step: Callable[[list[Message], int], str | None] = follower.step
    while not stop.is_set() and not failed.is_set():
        messages = await reader.next(IDLE_SECONDS)
        health.trouble("behind", await asyncio.to_thread(step, messages, reader.pending))


async def _store(stop: asyncio.Event, failed: asyncio.Event, bus: Bus, follower: Any) -> None:
    """Latest state and snapshots, once a second; then the live view."""
    while not stop.is_set() and not failed.is_set():
        for subject, payload in await asyncio.to_thread(follower.store):
            await bus.nc.publish(subject, payload)
        await _first(stop, failed, 1.0)


async def _first(one: asyncio.Event, other: asyncio.Event, seconds: float) -> None:
    waits = [asyncio.create_task(one.wait()), asyncio.create_task(other.wait())]
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
