"""What the telemetry room does for its routes and for others: the fleet at hand, history with its newest readings, refusals."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pyarrow as pa
from sqlalchemy.orm import Session

import chengyun.telemetry.errors  # noqa: F401  (registers the sentences)
from chengyun.devices.fleet import Fleet
from chengyun.kernel import clock
from chengyun.kernel.bus import Bus
from chengyun.kernel.db import Scope, raw_transaction
from chengyun.kernel.errors import Problem
from chengyun.kernel.settings import get_settings
from chengyun.telemetry.decode import Decoder
from chengyun.telemetry.message import TRUSTED, Message, to_ms
from chengyun.telemetry.reader import stream_state, tail
from chengyun.telemetry.repository import dead_letters
from chengyun.telemetry.repository import history as repository
from chengyun.telemetry.repository.history import Question, Shelf

MOST_DAYS = 732
EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
# Beyond so many messages that are in no file yet, an answer says that it is not complete.
MOST_TAIL = 20_000
LOOK_SECONDS = 1.0
MOST_DECODERS = 64


class _Fleets:
    """The fleet of this process, as fresh as a second, with a decoder for each scope that asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fleet: Fleet | None = None
        self._looked = 0.0
        self._decoders: dict[Scope, Decoder] = {}

    def decoder(self, within: Scope, told_singly: int, fresh: bool) -> Decoder:
        with self._lock:
            if fresh or self._fleet is None or clock.monotonic() - self._looked >= LOOK_SECONDS:
                self._look()
            if within not in self._decoders:
                if len(self._decoders) >= MOST_DECODERS:
                    self._decoders.clear()
                assert self._fleet is not None
                self._decoders[within] = Decoder(self._fleet, within, told_singly)
            return self._decoders[within]

    def _look(self) -> None:
        with raw_transaction(Scope.everything()) as connection:
            if self._fleet is None or self._fleet.is_stale(connection):
                self._fleet = Fleet.load(connection)
                self._decoders = {}
        self._looked = clock.monotonic()

    def forget(self) -> None:
        with self._lock:
            self._fleet, self._decoders = None, {}


_fleets = _Fleets()
_shelf = Shelf()
TOLD_SINGLY = 1000


def decoder(within: Scope | None = None, fresh: bool = False) -> Decoder:
    """A decoder with the devices of at most a second ago, or of now; `within` bounds whom the platform's own door may speak for."""
    return _fleets.decoder(within or Scope.everything(), TOLD_SINGLY, fresh)


def forget() -> None:
    """Drop what is kept in memory; for tests that change databases."""
    _fleets.forget()
    _shelf.forget()


@dataclass(frozen=True)
class Asked:
    """A question about a device that its asker may see."""

    device_id: UUID
    name: str
    region: str
    gateway: str | None
    question: Question
    units: dict[str, str]
    names: dict[str, tuple[str, str]]


@dataclass(frozen=True)
class Found:
    """Where the answer lies: files, readings in no file yet, and up to which message of the stream that reaches."""

    files: list[str]
    tail: pa.Table
    until_sequence: int
    complete: bool


def ask(session: Session, device_id: UUID, metrics: list[str], since: datetime | None, until: datetime | None) -> Asked:
    """Check a question; refuses devices outside the asker's area, unknown metrics, and spans out of order or too long."""
    found = repository.device(session, device_id)
    if found is None:
        raise Problem("object.not_found", field="device_id")
    key, name, region = found
    fleet = decoder().fleet
    if key not in fleet.row_of:
        fleet = decoder(fresh=True).fleet
    row = fleet.row_of.get(key, -1)
    if row < 0:
        raise Problem("object.not_found", field="device_id")
    known = {fleet.metrics[i].key: fleet.metrics[i] for i in fleet.models[int(fleet.model[row])].metrics}
    for metric in metrics:
        if metric not in known:
            raise Problem("telemetry.metric", field="metric", metric=metric[:64])
    chosen = list(dict.fromkeys(metrics)) or list(known)
    start, end = span(since, until)
    gateway = int(fleet.gateway[row])
    return Asked(
        device_id,
        name,
        region,
        fleet.keys[gateway] if gateway >= 0 else None,
        Question(key, chosen, to_ms(start), to_ms(end)),
        {k: known[k].unit for k in chosen},
        {k: (known[k].name_zh, known[k].name_en) for k in chosen},
    )


def span(since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    """From when to when; refuses what is out of order, too long, or at the edge of all dates, where nothing can be counted on."""
    latest = clock.now() + timedelta(seconds=get_settings().telemetry_future_seconds)
    end = until or latest
    if not EARLIEST <= end <= latest + timedelta(days=MOST_DAYS):
        raise Problem("telemetry.span", field="until", days=MOST_DAYS)
    start = since or end - timedelta(days=1)
    if start < EARLIEST or not start < end <= start + timedelta(days=MOST_DAYS):
        raise Problem("telemetry.span", field="since", days=MOST_DAYS)
    return start, end


async def gather(bus: Bus, asked: Asked) -> Found:
    """Find the files of an answer, and read what came after them from the stream."""
    state = await stream_state(bus)
    archived, files = await asyncio.to_thread(_shelf.look, state.born, asked.question)
    after = max(archived or 0, state.first - 1)
    senders = [asked.question.device, TRUSTED] + ([asked.gateway] if asked.gateway else [])
    subjects = tuple(f"cy.{sender}.up" for sender in senders)
    parts, seen = [], 0
    async for messages in tail(bus, after, subjects, MOST_TAIL):
        parts.append(await asyncio.to_thread(_of_device, messages, asked.question))
        seen += len(messages)
    complete = seen < MOST_TAIL
    return Found(files, pa.concat_tables(parts) if parts else repository.TAIL.empty_table(), state.last if complete else after, complete)


def _of_device(messages: list[Message], question: Question) -> pa.Table:
    """Readings of some messages that belong to a question."""
    reader = decoder()
    decoded = reader.decode(messages)
    b, fleet = decoded.batch, reader.fleet
    wanted = np.array([m.key in question.metrics for m in fleet.metrics])
    keep = (b.device == fleet.row_of[question.device]) & (b.time >= question.since) & (b.time < question.until)
    keep &= wanted[b.metric] if len(b) else keep
    return pa.table(
        {
            "metric": pa.array([fleet.metrics[m].key for m in b.metric[keep].tolist()], pa.string()),
            "time": pa.array(b.time[keep] * 1000, pa.timestamp("us", "UTC")),
            "value": pa.array(b.value[keep]),
            "quality": pa.array(np.where(decoded.late[keep], "late", "good").tolist(), pa.string()),
            "sequence": pa.array(b.sequence[keep]),
        },
        schema=repository.TAIL,
    )


def series(asked: Asked, found: Found, points: int) -> list[dict[str, object]]:
    """The answer as curves, one for each metric asked for."""
    curves: dict[str, list[list[float | int]]] = {metric: [] for metric in asked.question.metrics}
    raw = dict.fromkeys(asked.question.metrics, True)
    for metric, is_raw, moment, low, high, mean, count in repository.series(asked.question, found.files, found.tail, points):
        curves[metric].append([int(moment), low, high, mean, count])
        raw[metric] = bool(is_raw)
    return [{"metric": m, "unit": asked.units[m], "points": curve, "raw": raw[m]} for m, curve in curves.items()]


def rows(asked: Asked, found: Found) -> Iterator[list[tuple[str, int, float, str]]]:
    """The answer as single readings, in parts."""
    yield from repository.rows(asked.question, found.files, found.tail)


def forget_dead_letters(session: Session) -> int:
    """Delete refused readings older than the setting says."""
    return dead_letters.forget(session, clock.now() - timedelta(days=get_settings().dead_letter_days))
