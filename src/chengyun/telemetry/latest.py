"""Newest values: gathered beside the hot path, merged into the database every second, shown live."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import orjson

from chengyun.telemetry.batch import Batch, Int32s, Int64s
from chengyun.telemetry.decode import Decoded
from chengyun.telemetry.message import Message

if TYPE_CHECKING:
    from chengyun.devices.fleet import Fleet

# A live message holds so many devices, so that it stays far below the largest message of the bus.
DEVICES_IN_MESSAGE = 400


@dataclass(frozen=True)
class Newest:
    """The newest reading of each metric of each device among some, and when each device was heard last (ms, city time).

    `speakers` are the devices that sent messages themselves: a gateway that only passes on what others measured is one.
    """

    batch: Batch
    late: npt.NDArray[np.bool_]
    device: Int32s
    seen: Int64s
    speakers: dict[int, int]


class Latest:
    """Gathers what was decoded until it is taken."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parts: list[Decoded] = []
        self._speakers: dict[int, int] = {}

    def add(self, decoded: Decoded, speakers: dict[int, int]) -> None:
        """Keep for the next merge; `speakers` says which devices (rows) sent something, and when last."""
        with self._lock:
            self._speakers |= speakers
            if len(decoded.batch):
                self._parts.append(decoded)

    def take(self) -> Newest | None:
        """What came since the last time, reduced to the newest; None when nothing came."""
        with self._lock:
            parts, self._parts = self._parts, []
            speakers, self._speakers = self._speakers, {}
        return newest(parts, speakers) if parts or speakers else None


def speakers_of(messages: Sequence[Message], fleet: "Fleet") -> dict[int, int]:
    """Rows of the devices that sent messages, with the time of the last one; the bus has let in nobody under another's name."""
    found = {message.sender: message.arrival for message in messages}
    rows = {fleet.row_of.get(sender, -1): arrival for sender, arrival in found.items()}
    return {row: arrival for row, arrival in rows.items() if row >= 0 and fleet.active[row]}


def newest(parts: Sequence[Decoded], speakers: dict[int, int]) -> Newest:
    """Reduce: the greatest time of a slot, of equal times the one that came last."""
    rows, times = np.array(list(speakers), np.int32), np.array(list(speakers.values()), np.int64)
    if not parts:
        return Newest(Batch.empty(), np.zeros(0, np.bool_), rows, times, speakers)
    batch = Batch.join([p.batch for p in parts])
    late = np.concatenate([p.late for p in parts])
    arrival = np.concatenate([p.arrival for p in parts])
    slot = batch.device.astype(np.int64) * (int(batch.metric.max()) + 1) + batch.metric
    # Stable: within a slot and a time the order of the stream remains.
    order = np.lexsort((batch.time, slot))
    last = np.flatnonzero(np.diff(slot[order], append=-1))
    chosen = order[last]
    heard, times = np.concatenate([batch.device, rows]), np.concatenate([arrival, times])
    by_device = np.lexsort((times, heard))
    ends = by_device[np.flatnonzero(np.diff(heard[by_device], append=-1))]
    return Newest(batch.take(chosen), late[chosen], heard[ends], times[ends], speakers)


def live_messages(found: Newest, fleet: "Fleet", homes: dict[str, str]) -> list[tuple[str, bytes]]:
    """Subjects and payloads for those who watch: devices bundled by street; `homes` names the district of each street code."""
    metrics: dict[int, dict[str, Any]] = {}
    b = found.batch
    for row, metric, time, value in zip(b.device.tolist(), b.metric.tolist(), b.time.tolist(), b.value.tolist(), strict=True):
        metrics.setdefault(row, {})[fleet.metrics[metric].key] = {"value": value, "time": iso(time)}
    # By street, not by district: who sees one street only gets that street.
    streets: dict[str, list[dict[str, Any]]] = {}
    for row, seen in zip(found.device.tolist(), found.seen.tolist(), strict=True):
        state = {"id": str(fleet.ids[row]), "connection": "online", "last_seen": iso(seen), "metrics": metrics.get(row, {})}
        streets.setdefault(fleet.regions[row][:9], []).append(state)
    messages = []
    for street, states in streets.items():
        subject = f"live.device.{homes.get(street) or street[:6] or 'none'}"
        for first in range(0, len(states), DEVICES_IN_MESSAGE):
            body = {"region_code": street, "states": states[first : first + DEVICES_IN_MESSAGE]}
            messages.append((subject, orjson.dumps(body)))
    return messages


def iso(ms: int) -> str:
    """A time as the API writes it."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
