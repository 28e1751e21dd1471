"""NATS JetStream: the streams, and consumers that apply each event once."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import nats
import orjson
import psycopg
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamSource,
    SubjectTransform,
)
from nats.js.errors import NotFoundError
from psycopg_pool import PoolTimeout
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session

from chengyun.kernel import addresses, clock
from chengyun.kernel.db import Scope, transaction
from chengyun.kernel.logs import get_logger
from chengyun.kernel.models import InboxEvent

log = get_logger(__name__)

STREAM_UP = "UP"
STREAM_EVENTS = "EVENTS"

# What devices send with MQTT QoS 1. The server confirms (PUBACK) once a message is stored here, and only here: a stream
# that listened on the topic itself would be filled beside the confirmation, and measured with `sync_interval: always`
# and kill -9 it lacked up to 121 of 5,476 confirmed readings. So UP takes its readings from this stream, in order and
# once each. The server would make it with interest retention, which keeps nothing for a source; we make it first.
STREAM_MQTT = "$MQTT_msgs"

# The limits leave days of headroom; `watch` and `archive` raise an alert when they fall behind the oldest message.
STREAMS = (
    StreamConfig(
        name=STREAM_MQTT,
        subjects=["$MQTT.msgs.>"],
        storage=StorageType.FILE,
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.OLD,
        max_bytes=2 * 1024**3,
    ),
    StreamConfig(
        name=STREAM_UP,
        # What comes by another door (HTTP, MQTT QoS 0) is published to `intake_subject`; stored subjects are all alike.
        subjects=["in.*.up", "in.*.ack"],
        subject_transform=SubjectTransform("in.*.*", "cy.{{wildcard(1)}}.{{wildcard(2)}}"),
        sources=[
            StreamSource(
                name=STREAM_MQTT,
                subject_transforms=[
                    SubjectTransform(f"$MQTT.msgs.cy.*.{kind}", f"cy.{{{{wildcard(1)}}}}.{kind}") for kind in ("up", "ack")
                ],
            )
        ],
        storage=StorageType.FILE,
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.OLD,
        max_age=7 * 86_400,
        max_bytes=20 * 1024**3,
        duplicate_window=120,
    ),
    StreamConfig(
        name=STREAM_EVENTS,
        subjects=["ev.>"],
        storage=StorageType.FILE,
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.OLD,
        max_age=7 * 86_400,
        max_bytes=2 * 1024**3,
        duplicate_window=600,
    ),
)


@dataclass
class Bus:
    """A connection to the bus."""

    nc: Client
    js: JetStreamContext

    async def close(self) -> None:
        """Send what waits and leave; without waiting long for a server that has gone."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(3):
                await self.nc.drain()
        with contextlib.suppress(Exception):
            await self.nc.close()


@dataclass(frozen=True)
class Event:
    """An event as consumers see it."""

    id: UUID
    subject: str
    time: datetime
    home: str
    region_code: str
    data: dict[str, Any]

    @classmethod
    def parse(cls, payload: bytes) -> "Event":
        """Read an envelope."""
        raw = orjson.loads(payload)
        return cls(
            UUID(raw["id"]),
            raw["subject"],
            datetime.fromisoformat(raw["time"]),
            raw["home"],
            raw["region_code"],
            raw["data"],
        )


Handler = Callable[[Session, Event], None]


@dataclass(frozen=True)
class Consumer:
    """A named reader of events."""

    name: str
    subjects: tuple[str, ...]
    handle: Handler


_CONSUMERS: dict[str, Consumer] = {}


def consumer(name: str, subjects: Sequence[str]) -> Callable[[Handler], Handler]:
    """Register a function that is run once for each event of the subjects, in a transaction of its own over the whole city."""

    def register(handle: Handler) -> Handler:
        if name in _CONSUMERS and _CONSUMERS[name].handle is not handle:
            raise ValueError(f"two consumers are called {name}")
        _CONSUMERS[name] = Consumer(name, tuple(subjects), handle)
        return handle

    return register


def consumers() -> list[Consumer]:
    """All registered consumers."""
    return list(_CONSUMERS.values())


async def connect(name: str) -> Bus:
    """Connect with endless, calm retries; `name` is shown in the server's connection list."""

    async def on_error(error: Exception) -> None:
        log.warning("bus connection", error=str(error))

    nc = await nats.connect(
        addresses.nats_url(),
        name=name,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.25,
        error_cb=on_error,
        pending_size=64 * 1024 * 1024,
    )
    return Bus(nc, nc.jetstream(timeout=10, publish_async_max_pending=8000))


def intake_subject(key: str, kind: str = "up") -> str:
    """Where the platform itself publishes what a device sent by HTTP; it is stored in UP as `cy.<key>.<kind>`."""
    return f"in.{key}.{kind}"


async def run_unconfirmed(bus: Bus, stop: asyncio.Event) -> None:
    """Bring readings sent with MQTT QoS 0 into UP. The server stores only QoS 1; any number of processes share this."""

    async def forward(message: Msg) -> None:
        if message.headers and message.headers.get("Nmqtt-Pub") == "0":
            _, key, kind = message.subject.split(".")
            await bus.nc.publish(intake_subject(key, kind), message.data)

    for kind in ("up", "ack"):
        await bus.nc.subscribe(f"cy.*.{kind}", queue="unconfirmed", cb=forward)
    await stop.wait()


async def ensure_streams(js: JetStreamContext, streams: Sequence[StreamConfig] = STREAMS) -> None:
    """Create the streams, or bring them to the configuration of this version."""
    for config in streams:
        try:
            await js.stream_info(str(config.name))
            await js.update_stream(config)
        except NotFoundError:
            await js.add_stream(config)


def apply_once(handler: Consumer, event: Event) -> bool:
    """Apply an event to the database unless this consumer has done so before; returns whether it was new."""
    with transaction(Scope.everything()) as session:
        row = {"consumer": handler.name, "event_id": event.id, "applied_at": clock.now()}
        fresh = session.execute(insert(InboxEvent).values(row).on_conflict_do_nothing().returning(InboxEvent.event_id)).scalar()
        if fresh is None:
            return False
        handler.handle(session, event)
        return True


async def run_consumer(bus: Bus, handler: Consumer, stop: asyncio.Event) -> None:
    """Fetch and apply events until told to stop. Several processes with the same consumer share the work."""
    subscription: JetStreamContext.PullSubscription | None = None
    while not stop.is_set():
        try:
            if subscription is None:
                subscription = await _subscribe(bus, handler)
            for message in await subscription.fetch(50, timeout=1):
                await _deliver(handler, message)
        except TimeoutError:  # nothing came; the bus's own kind of it, or the client's
            continue
        except Exception as failure:
            log.warning("consumer waits", consumer=handler.name, error=str(failure))
            subscription = None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1)


async def _subscribe(bus: Bus, handler: Consumer) -> JetStreamContext.PullSubscription:
    # The bus allows no dots in such a name.
    name = handler.name.replace(".", "-")
    config = ConsumerConfig(
        durable_name=name,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=30,
        max_ack_pending=50,
        filter_subjects=list(handler.subjects),
    )
    await bus.js.add_consumer(STREAM_EVENTS, config=config)
    return await bus.js.pull_subscribe_bind(name, STREAM_EVENTS)


MAX_TRIES = 20
# Not the event's fault: a server is away or busy. Such an event is tried again for as long as it takes.
PASSING = (OSError, TimeoutError, NatsError, psycopg.OperationalError, PoolTimeout, OperationalError, InterfaceError, NoConnection)


def forget_applied(before: datetime) -> int:
    """Drop marks of events applied before a moment, which the stream no longer holds; returns how many."""
    with transaction(Scope.everything()) as session:
        gone = session.execute(delete(InboxEvent).where(InboxEvent.applied_at < before))
        return int(getattr(gone, "rowcount", 0))


async def _deliver(handler: Consumer, message: Msg) -> None:
    """Apply one message; a failure is retried with growing pauses, and one of its own after many tries put aside, told in the log."""
    try:
        event = Event.parse(message.data)
        await asyncio.to_thread(apply_once, handler, event)
    except PASSING as failure:
        log.warning("an event waits", consumer=handler.name, subject=message.subject, error=str(failure))
        await message.nak(delay=_pause(message.metadata.num_delivered))
        return
    except Exception:
        tries = message.metadata.num_delivered
        given_up = tries >= MAX_TRIES
        log.exception("event could not be applied", consumer=handler.name, subject=message.subject, tries=tries, given_up=given_up)
        if given_up:
            await message.term()
        else:
            await message.nak(delay=_pause(tries))
        return
    await message.ack()


def _pause(tries: int) -> float:
    return min(30.0, 0.2 * 2.0 ** min(tries, 10))
