"""Live changes by server-sent events, each person seeing only what happens in its area.

One ordered reader per process follows the event stream; device states come from plain bus subjects, because only the
latest one matters. A browser that was away names the last event it saw (`Last-Event-ID`) and gets what it missed.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator
from time import monotonic
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, DeliverPolicy
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from starlette.types import Send

from chengyun.accounts.service import is_current
from chengyun.kernel.bus import STREAM_EVENTS, Bus
from chengyun.kernel.db import Scope
from chengyun.kernel.errors import FieldError, Problem, register
from chengyun.kernel.http import Actor, SignedIn
from chengyun.kernel.logs import get_logger
from chengyun.kernel.metrics import counter, gauge

log = get_logger(__name__)
listeners = gauge("chengyun_live_listeners", "Browsers that follow live changes")
dropped = counter("chengyun_live_dropped_total", "Live messages not sent because a browser reads too slowly")

register(
    {
        "live.too_many": (
            429,
            "同一登录最多同时打开 {limit} 个实时连接",
            "At most {limit} live connections of one log-in can be open at once",
        )
    }
)

# What may be followed, and the permission that it needs.
TOPICS = {"alarm": "alarm.read", "case": "case.read", "device": "device.read"}
REMEMBERED = 2000
QUEUE = 1000
# So many at once of one log-in or key: a browser has one for all its tabs or one for each.
MOST_OF_ONE = 30
# How often a quiet stream gives a sign of life, and each stream asks whether its log-in still stands.
BEAT_SECONDS = 15.0
# A browser that takes nothing for so long has gone without saying so.
STUCK_SECONDS = 60.0
LOST = b"event: lost\ndata: {}\n\n"


class Listener:
    """One browser."""

    def __init__(self, actor: Actor, topics: frozenset[str]) -> None:
        self.actor = actor
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
            self.queue.put_nowait(LOST)


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

    def _missed(self, last: str | None) -> list[tuple[str, str, bytes]] | None:
        """What came after the last event that a browser saw; None when that one is not remembered here."""
        if not last:
            return []
        remembered = list(self._recent)
        seen = next((i for i, item in enumerate(remembered) if str(item[0]) == last), None)
        return None if seen is None else [item[1:] for item in remembered[seen + 1 :]]

    def check_room(self, actor: Actor) -> None:
        """Refuse one stream too many of the same log-in or key."""
        mine = sum(_same(listener.actor, actor) for listener in self._listeners)
        if mine >= MOST_OF_ONE:
            raise Problem("live.too_many", limit=MOST_OF_ONE, extra={"retry_after": 30})

    async def follow(self, actor: Actor, topics: frozenset[str], last: str | None) -> AsyncGenerator[bytes]:
        """The bytes for one browser, with a heart-beat when nothing happens; ends with the log-in, or when its rights change."""
        listener = Listener(actor, topics)
        missed = self._missed(last)
        for topic, region, frame in missed or []:
            listener.offer(topic, region, frame)
        self._listeners.add(listener)
        listeners.inc()
        try:
            yield b"retry: 2000\nevent: hello\ndata: {}\n\n"
            if missed is None:
                yield LOST
            asked = monotonic()
            while True:
                try:
                    yield await asyncio.wait_for(listener.queue.get(), BEAT_SECONDS)
                except TimeoutError:
                    yield b": beat\n\n"
                if monotonic() - asked >= BEAT_SECONDS:
                    if not await asyncio.to_thread(_stands, actor):
                        return
                    asked = monotonic()
        finally:
            self._listeners.discard(listener)
            listeners.dec()


def _same(one: Actor, other: Actor) -> bool:
    return (one.session_id, one.api_key_id) == (other.session_id, other.api_key_id)


def _stands(actor: Actor) -> bool:
    """Whether a stream may go on. While the database does not answer nothing changes, so nothing is cut."""
    try:
        return is_current(actor)
    except (DBAPIError, PoolExhausted) as failure:
        log.warning("a live stream could not be checked", error=str(failure)[:500])
        return True


class LiveResponse(StreamingResponse):
    """A stream that lets go of a browser that takes nothing any more, and of everything that was kept for it."""

    def __init__(self, frames: AsyncGenerator[bytes]) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(frames, media_type="text/event-stream", headers=headers)
        self._frames = frames

    async def stream_response(self, send: Send) -> None:
        """Send frame by frame, each within its time."""
        async with contextlib.aclosing(self._frames) as frames:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            try:
                async for frame in frames:
                    async with asyncio.timeout(STUCK_SECONDS):
                        await send({"type": "http.response.body", "body": frame, "more_body": True})
            except TimeoutError:
                dropped.inc()
                return
            await send({"type": "http.response.body", "body": b"", "more_body": False})


router = APIRouter()


@router.get("/stream", response_class=StreamingResponse)
async def stream(
    request: Request,
    actor: SignedIn,
    topics: Annotated[str, Query(max_length=100, description="alarm, case, device; separated by commas")] = "alarm,case,device",
) -> StreamingResponse:
    """Follow live changes in your area (`text/event-stream`)."""
    asked = frozenset(topics.split(","))
    if asked - TOPICS.keys():
        choices = ", ".join(sorted(TOPICS))
        raise Problem("request.invalid", count=1, errors=[FieldError("topics", "field.choice", {"choices": choices})])
    allowed = frozenset(t for t in asked if actor.can(TOPICS[t]))
    live: Live = request.app.state.live
    live.check_room(actor)
    return LiveResponse(live.follow(actor, allowed, request.headers.get("last-event-id")))
