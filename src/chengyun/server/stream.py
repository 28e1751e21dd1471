"""Live changes by server-sent events, each person seeing only what happens in its area.

One ordered reader per process follows the event stream; device states come from plain bus subjects, because only the
latest one matters. A browser that was away names the last event it saw (`Last-Event-ID`) and gets what it missed.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, DeliverPolicy

from chengyun.kernel.bus import STREAM_EVENTS, Bus
from chengyun.kernel.db import Scope
from chengyun.kernel.errors import FieldError, Problem
from chengyun.kernel.http import Actor, SignedIn
from chengyun.kernel.logs import get_logger
from chengyun.kernel.metrics import counter, gauge

log = get_logger(__name__)
listeners = gauge("chengyun_live_listeners", "Browsers that follow live changes")
dropped = counter("chengyun_live_dropped_total", "Live messages not sent because a browser reads too slowly")

# What may be followed, and the permission that it needs.
TOPICS = {"alarm": "alarm.read", "case": "case.read", "device": "device.read"}
REMEMBERED = 2000
QUEUE = 1000


class Listener:
    """One browser."""

    def __init__(self, actor: Actor, topics: frozenset[str]) -> None:
        self.scope: Scope = actor.scope
        self.topics = topics
        self.queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUE)

    def offer(self, topic: str, region_code: str, frame: bytes) -> None:
        """Queue a message if it concerns this browser; a browser that reads too slowly loses the message and is told."""
        if topic not in self.topics or not self.scope.contains(region_code):
            return
        try:
            self.queue.put_nowait(frame)
        except asyncio.QueueFull:
            dropped.inc()
            while not self.queue.empty():
                self.queue.get_nowait()
            self.queue.put_nowait(b"event: lost\ndata: {}\n\n")


class Live:
    """The reader of this process and the browsers that listen to it."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._listeners: set[Listener] = set()
        self._recent: deque[tuple[UUID, str, str, bytes]] = deque(maxlen=REMEMBERED)
        self._subscriptions: list[Any] = []

    async def start(self) -> None:
        """Begin to follow."""
        events = await self._bus.js.subscribe(
            "ev.>",
            stream=STREAM_EVENTS,
            cb=self._on_event,
            ordered_consumer=True,
            config=ConsumerConfig(deliver_policy=DeliverPolicy.NEW),
        )
        states = await self._bus.nc.subscribe("live.device.>", cb=self._on_state)
        self._subscriptions = [events, states]

    async def stop(self) -> None:
        """Stop to follow."""
        for subscription in self._subscriptions:
            with contextlib.suppress(Exception):
                await subscription.unsubscribe()

    async def _on_event(self, message: Msg) -> None:
        raw = orjson.loads(message.data)
        topic = raw["subject"].split(".")[1]
        if topic not in TOPICS:
            return
        name = raw["subject"].removeprefix("ev.")
        frame = b"id: %s\nevent: %s\ndata: %s\n\n" % (raw["id"].encode(), name.encode(), message.data)
        self._recent.append((UUID(raw["id"]), topic, raw["region_code"], frame))
        for listener in self._listeners:
            listener.offer(topic, raw["region_code"], frame)

    async def _on_state(self, message: Msg) -> None:
        """A bundle of device states of one area: `{"region_code": …, "states": […]}`."""
        region = orjson.loads(message.data)["region_code"]
        frame = b"event: device.state\ndata: %s\n\n" % message.data
        for listener in self._listeners:
            listener.offer("device", region, frame)

    def _missed(self, last: str | None) -> list[tuple[str, str, bytes]]:
        if not last:
            return []
        seen = [i for i, item in enumerate(self._recent) if str(item[0]) == last]
        if not seen:
            return []
        return [item[1:] for item in list(self._recent)[seen[0] + 1 :]]

    async def follow(self, actor: Actor, topics: frozenset[str], last: str | None, request: Request) -> AsyncIterator[bytes]:
        """The bytes for one browser, with a heart-beat every 15 seconds."""
        listener = Listener(actor, topics)
        for topic, region, frame in self._missed(last):
            listener.offer(topic, region, frame)
        self._listeners.add(listener)
        listeners.inc()
        try:
            yield b"retry: 2000\nevent: hello\ndata: {}\n\n"
            while not await request.is_disconnected():
                try:
                    yield await asyncio.wait_for(listener.queue.get(), 15)
                except TimeoutError:
                    yield b": beat\n\n"
        finally:
            self._listeners.discard(listener)
            listeners.dec()


router = APIRouter()


@router.get("/stream", response_class=StreamingResponse)
async def stream(
    request: Request,
    actor: SignedIn,
    topics: Annotated[str, Query(description="alarm, case, device; separated by commas")] = "alarm,case,device",
) -> StreamingResponse:
    """Follow live changes in your area (`text/event-stream`)."""
    asked = frozenset(topics.split(","))
    unknown = asked - TOPICS.keys()
    if unknown:
        raise Problem(
            "request.invalid",
            count=1,
            errors=[FieldError("topics", "field.value", {"reason": ", ".join(sorted(TOPICS))})],
        )
    allowed = frozenset(t for t in asked if actor.can(TOPICS[t]))
    live: Live = request.app.state.live
    body = live.follow(actor, allowed, request.headers.get("last-event-id"), request)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(body, media_type="text/event-stream", headers=headers)
