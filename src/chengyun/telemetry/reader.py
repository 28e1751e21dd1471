"""Reads the stream of readings in order, from a place that the reader itself keeps, and notices every gap.

No acknowledgements: what has been applied is known from the sequence that is stored together with its effects. A consumer
on the bus is made for each connection and thrown away; when anything looks wrong, a new one starts after the last message
that came in order.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import orjson
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import Error as StreamError

from chengyun.kernel import clock
from chengyun.kernel.bus import STREAM_UP, Bus
from chengyun.kernel.ids import uuid7
from chengyun.kernel.logs import get_logger
from chengyun.kernel.metrics import counter
from chengyun.kernel.settings import get_settings
from chengyun.telemetry.message import Message, city_ms

log = get_logger(__name__)
lost = counter("chengyun_stream_lost_total", "Messages that the stream had dropped before they were read", ("reader",))

ASKED = 2000  # messages asked for at once
ASKED_BYTES = 16 * 1024**2
HEARTBEAT = 1.0  # seconds; the server tells so often that it is there
WAITING = 30.0


@dataclass(frozen=True)
class StreamState:
    """What the bus says of the stream. `born` names this stream among earlier ones of the same name."""

    born: str
    first: int
    last: int


class StreamBroken(Exception):
    """The flow of messages is not as it should be; begin again after the last good one."""


async def stream_state(bus: Bus) -> StreamState:
    """The stream's first and last sequence at this moment; raises NatsError while the bus does not answer."""
    answer = await bus.nc.request(f"$JS.API.STREAM.INFO.{STREAM_UP}", b"", timeout=5)
    info = orjson.loads(answer.data)
    if "error" in info:
        raise StreamBroken(str(info["error"].get("description", "no stream")))
    return StreamState(info["created"], info["state"]["first_seq"], info["state"]["last_seq"])


def parse(message: Msg) -> tuple[Message, int]:
    """A delivered message, and how many follow it in the stream. The reply's parts: § JetStream acknowledgement subject."""
    parts = message.reply.split(".")
    if len(parts) > 9:  # the long form names a domain and an account first
        parts = parts[2:]
    sequence, nanoseconds, pending = int(parts[5]), int(parts[7]), int(parts[8])
    subject = message.subject.split(".")
    sender, kind = (subject[1], subject[2]) if len(subject) == 3 else ("", "")
    return Message(sequence, sender, kind, city_ms(nanoseconds), message.data), pending


class Reader:
    """Messages after a place in the stream, gathered while nobody looks. Use `async with`."""

    def __init__(self, bus: Bus, name: str, after: int, subjects: tuple[str, ...] = ()) -> None:
        self._bus = bus
        self._name = name
        self._after = after
        self._subjects = subjects
        self._most_bytes = max(ASKED_BYTES, 2 * get_settings().bus_max_payload)
        self._subscription: Subscription | None = None
        self._consumer = ""
        self._outstanding = 0
        self._gathered: list[Message] = []
        self._arrived = asyncio.Event()
        self._heard = 0.0
        self._broken: str | None = None
        self._pending = 0

    async def __aenter__(self) -> "Reader":
        config = ConsumerConfig(
            name=f"{self._name}-{uuid7().hex}",
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self._after + 1,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=60,
            mem_storage=True,
            filter_subjects=list(self._subjects) or None,
        )
        made = await self._bus.js.add_consumer(STREAM_UP, config=config)
        self._consumer, self._pending = made.name, made.num_pending or 0
        inbox = self._bus.nc.new_inbox()
        self._subscription = await self._bus.nc.subscribe(inbox, cb=self._take, pending_msgs_limit=-1, pending_bytes_limit=-1)
        await self._ask()
        return self

    async def __aexit__(self, *_: Any) -> None:
        with contextlib.suppress(NatsError, StreamError, OSError, TimeoutError):
            if self._subscription is not None:
                await self._subscription.unsubscribe()
            await asyncio.wait_for(self._bus.js.delete_consumer(STREAM_UP, self._consumer), 2)

    async def _ask(self) -> None:
        if self._subscription is None:
            raise StreamBroken("not started")
        wish = {"batch": ASKED, "max_bytes": self._most_bytes, "expires": int(WAITING * 1e9), "idle_heartbeat": int(HEARTBEAT * 1e9)}
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM_UP}.{self._consumer}"
        self._outstanding, self._heard = ASKED, clock.monotonic()
        await self._bus.nc.publish(subject, orjson.dumps(wish), reply=self._subscription.subject)

    @property
    def pending(self) -> int:
        """Messages that are in the stream, or gathered here, and have not been handed out."""
        return self._pending + len(self._gathered)

    async def next(self, wait: float) -> list[Message]:
        """All messages that are there, or none after `wait` seconds; raises StreamBroken when the flow has broken."""
        if self._outstanding <= 0 and len(self._gathered) < ASKED and self._broken is None:
            await self._ask()
        if not self._gathered and self._broken is None:
            self._arrived.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), wait)
        found, self._gathered = self._gathered, []
        if not found:
            if self._broken is not None:
                raise StreamBroken(self._broken)
            if clock.monotonic() - self._heard > 3 * HEARTBEAT:
                raise StreamBroken("the bus is silent")
        return found

    async def _take(self, message: Msg) -> None:
        self._heard = clock.monotonic()
        if self._broken is not None:
            return
        if not message.reply.startswith("$JS.ACK"):
            headers = message.headers or {}
            self._heed(headers.get("Status", ""), headers.get("Description", ""))
            return
        came, self._pending = parse(message)
        self._outstanding -= 1
        if not self._subjects and came.sequence != self._after + 1:
            self._break(f"message {came.sequence} came after {self._after}")
            return
        self._after = came.sequence
        self._gathered.append(came)
        self._arrived.set()
        if self._outstanding <= 0 and len(self._gathered) < ASKED:
            await self._ask()

    def _heed(self, status: str, said: str) -> None:
        """What the server says of a request: 100 it lives, 404/408 or a full measure: it is over."""
        if status == "100":
            return
        if status in ("404", "408") or "max" in said.lower() or "batch completed" in said.lower():
            self._outstanding = 0
            self._arrived.set()
            return
        self._break(f"the bus says {status} {said}")

    def _break(self, reason: str) -> None:
        self._broken = reason
        self._arrived.set()


async def tail(bus: Bus, after: int, subjects: tuple[str, ...], most: int) -> AsyncIterator[list[Message]]:
    """Messages of some subjects from `after` to what is the end of the stream now, at most `most` of them."""
    end = (await stream_state(bus)).last
    if end <= after:
        return
    count = 0
    async with Reader(bus, "tail", after, subjects) as reader:
        while count < most and reader.pending:
            messages = await reader.next(0.5)
            if not messages:
                return
            count += len(messages)
            yield messages
            if messages[-1].sequence >= end:
                return
