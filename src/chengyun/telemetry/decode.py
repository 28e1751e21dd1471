"""Bytes of messages to columns of readings. One bad value never costs the good ones beside it; no bytes raise anything.

Messages in the usual form are read with a typed parser and turned into columns without looking at single values; bounds
are checked on whole arrays. Only a message that does not fit is read a second time, value by value, to say what is wrong.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt
import orjson

from chengyun.kernel.db import Scope
from chengyun.kernel.settings import get_settings
from chengyun.telemetry import senml
from chengyun.telemetry.batch import Batch, Int64s
from chengyun.telemetry.message import TRUSTED, Message, Refusal

if TYPE_CHECKING:
    from chengyun.devices.fleet import Fleet

DAY_MS = 86_400_000
# So many faults of one message are told singly; the rest is counted.
TOLD_SINGLY = 20
_MOST_MS = 2**53


class Record(msgspec.Struct, gc=False):
    """One object of a message in the platform's own form."""

    values: dict[str, float]
    ts: Annotated[int, msgspec.Meta(ge=0, le=_MOST_MS)] | str | None = None
    device: str | None = None


_parse = msgspec.json.Decoder(Record | list[Record]).decode


@dataclass(frozen=True)
class Decoded:
    """What some messages held. `arrival` (milliseconds, city time) and `late` stand beside the readings of `batch`."""

    batch: Batch
    arrival: Int64s
    late: npt.NDArray[np.bool_]
    refusals: list[Refusal]


@dataclass
class _Columns:
    """Lists that grow while messages are read: one entry for each object of a message, or for each reading."""

    message: list[int] = field(default_factory=list)
    index: list[int] = field(default_factory=list)
    row: list[int] = field(default_factory=list)
    time: list[int] = field(default_factory=list)
    count: list[int] = field(default_factory=list)
    metric: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)

    def add(self, message: int, index: int, row: int, time: int, count: int) -> None:
        self.message.append(message)
        self.index.append(index)
        self.row.append(row)
        self.time.append(time)
        self.count.append(count)


class _Refusals:
    """Collects what is refused, so many for each message and one that counts the rest."""

    def __init__(self, messages: Sequence[Message], fleet: "Fleet", told_singly: int) -> None:
        self._messages = messages
        self._fleet = fleet
        self._most = told_singly
        self._told: dict[int, int] = {}
        self.found: list[Refusal] = []

    def add(self, message: int, code: str, params: dict[str, Any], index: int = -1, where: str = "", row: int = -1) -> None:
        told = self._told[message] = self._told.get(message, 0) + 1
        if told <= self._most:
            self.found.append(self._refusal(message, code, params, index, where, row))

    def _refusal(self, message: int, code: str, params: dict[str, Any], index: int, where: str, row: int) -> Refusal:
        came = self._messages[message]
        if row < 0:
            row = self._fleet.row_of.get(came.sender, -1)
        return Refusal(came, index, where, row, self._fleet.keys[row] if row >= 0 else came.sender, code, params)

    def closed(self) -> list[Refusal]:
        for message, told in self._told.items():
            if told > self._most:
                self.found.append(self._refusal(message, "message.more", {"count": told - self._most}, -1, "", -1))
        return self.found


class Decoder:
    """Reads messages for one load of the fleet.

    `within` bounds the platform's own door to devices of some areas; others are strangers to it.
    """

    def __init__(self, fleet: "Fleet", within: Scope | None = None, told_singly: int = TOLD_SINGLY) -> None:
        settings = get_settings()
        self.fleet = fleet
        self._within = within or Scope.everything()
        self._told_singly = told_singly
        self._future = settings.telemetry_future_seconds
        self._past_days = settings.telemetry_past_days
        self._late_ms = settings.telemetry_late_days * DAY_MS
        self._model: list[int] = np.asarray(fleet.model).tolist()
        self._gateway: list[int] = np.asarray(fleet.gateway).tolist()
        self._active: list[bool] = np.asarray(fleet.active).tolist()
        self._metrics: list[dict[str, int]] = [{} for _ in fleet.models]
        for (model, key), number in fleet.metric_of.items():
            self._metrics[model][key] = number
        self._low = np.array([_bound(m.low, -math.inf) for m in fleet.metrics], np.float64)
        self._high = np.array([_bound(m.high, math.inf) for m in fleet.metrics], np.float64)
        self._voices: dict[str, dict[str, int]] = {}
        self._children = self._by_gateway()

    def _by_gateway(self) -> dict[int, dict[str, int]]:
        found: dict[int, dict[str, int]] = {}
        for row, gateway in enumerate(self._gateway):
            if gateway >= 0 and self._active[row]:
                found.setdefault(gateway, {})[self.fleet.keys[row]] = row
        return found

    def _voice(self, sender: str) -> dict[str, int]:
        """The devices that a sender may speak for."""
        voice = self._voices.get(sender)
        if voice is None:
            if sender == TRUSTED:
                voice = {k: r for k, r in self.fleet.row_of.items() if self._active[r] and self._sees(r)}
            else:
                row = self.fleet.row_of.get(sender, -1)
                voice = {sender: row, **self._children.get(row, {})} if row >= 0 and self._active[row] else {}
            if voice:
                self._voices[sender] = voice
        return voice

    def _sees(self, row: int) -> bool:
        return self._within.contains(self.fleet.regions[row])

    def decode(self, messages: Sequence[Message]) -> Decoded:
        """Readings and refusals of messages in the order of the stream."""
        columns, refused = _Columns(), _Refusals(messages, self.fleet, self._told_singly)
        for number, message in enumerate(messages):
            try:
                parsed = _parse(message.data)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                self._slow(number, message, columns, refused)
                continue
            records = parsed if type(parsed) is list else [parsed]
            self._quick(number, message, records, columns, refused)
        return self._finish(messages, columns, refused)

    def _quick(self, number: int, message: Message, records: list[Record], columns: _Columns, refused: _Refusals) -> None:
        voice, own = self._voice(message.sender), message.sender
        metrics, values, arrival = columns.metric, columns.value, message.arrival
        for index, record in enumerate(records):
            row = voice.get(record.device or own)
            moment = record.ts
            given = record.values
            if type(moment) is not int:
                moment = arrival if moment is None else read_time(moment, arrival)
            if row is None or moment is None:
                self._careful(number, message, index, msgspec.to_builtins(record), columns, refused)
                continue
            before = len(metrics)
            try:
                metrics.extend(map(self._metrics[self._model[row]].__getitem__, given))
            except KeyError:
                del metrics[before:]
                self._careful(number, message, index, msgspec.to_builtins(record), columns, refused)
                continue
            values.extend(given.values())
            columns.add(number, index, row, moment, len(given))
        if not records:
            refused.add(number, "message.empty", {})

    def _slow(self, number: int, message: Message, columns: _Columns, refused: _Refusals) -> None:
        try:
            content = loads(message.data)
        except ValueError as failure:
            refused.add(number, "message.json", {"error": str(failure)[:200]})
            return
        items = content if isinstance(content, list) else [content]
        if senml.is_pack(items):
            self._senml(number, message, items, columns, refused)
            return
        for index, item in enumerate(items):
            self._careful(number, message, index, item, columns, refused)

    def _careful(self, number: int, message: Message, index: int, item: Any, columns: _Columns, refused: _Refusals) -> None:
        """One object of a message, value by value."""
        given = item.get("values") if isinstance(item, dict) else None
        if not isinstance(given, dict):
            refused.add(number, "message.shape", {"index": index}, index)
            return
        row = self._row(number, message, index, item.get("device"), refused)
        if row < 0:
            return
        moment = read_time(item.get("ts"), message.arrival)
        if moment is None:
            refused.add(number, "time.format", {"ts": str(item["ts"])[:64]}, index, "ts", row)
            return
        kept = [(name, value) for name, value in given.items() if self._fits(number, index, row, name, value, refused)]
        self._keep(number, index, row, moment, kept, columns)

    def _keep(self, number: int, index: int, row: int, moment: int, kept: list[tuple[str, float]], columns: _Columns) -> None:
        numbers = self._metrics[self._model[row]]
        columns.metric.extend(numbers[name] for name, _ in kept)
        columns.value.extend(float(value) for _, value in kept)
        columns.add(number, index, row, moment, len(kept))

    def _row(self, number: int, message: Message, index: int, named: Any, refused: _Refusals) -> int:
        """The row of the device that an object speaks of; -1 after a refusal."""
        if named is None or named == "":
            if message.sender == TRUSTED:
                refused.add(number, "device.missing", {}, index, "device")
                return -1
            named = message.sender
        row = self._voice(message.sender).get(named) if isinstance(named, str) else None
        if row is not None:
            return row
        known = self.fleet.row_of.get(named, -1) if isinstance(named, str) else -1
        shown = str(named)[:64]
        if known < 0 or not self._sees(known):
            refused.add(number, "device.stranger", {"device": shown}, index, "device")
        elif not self._active[known]:
            refused.add(number, "device.ended", {"device": shown}, index, "device")
        else:
            refused.add(number, "device.not_child", {"device": shown, "gateway": message.sender}, index, "device")
        return -1

    def _fits(self, number: int, index: int, row: int, name: str, value: Any, refused: _Refusals) -> bool:
        where = f"values.{name[:64]}"
        if name not in self._metrics[self._model[row]]:
            params = {"model": self.fleet.models[self._model[row]].key, "metric": name[:64]}
            refused.add(number, "metric.unknown", params, index, where, row)
            return False
        if isinstance(value, bool) or not isinstance(value, int | float):
            refused.add(number, "value.not_number", {"metric": name, "kind": senml.type_name(value)}, index, where, row)
            return False
        # An integer beyond 2**53 has no exact place in the history.
        if isinstance(value, int) and abs(value) > _MOST_MS:
            refused.add(number, "value.not_number", {"metric": name, "kind": "integer > 2^53"}, index, where, row)
            return False
        if not math.isfinite(value):
            refused.add(number, "value.not_finite", {"metric": name}, index, where, row)
            return False
        return True

    def _senml(self, number: int, message: Message, items: list[Any], columns: _Columns, refused: _Refusals) -> None:
        entries, faults = senml.resolve(items, message.arrival)
        for fault in faults:
            refused.add(number, fault.code, fault.params, fault.index)
        voice = self._voice(message.sender)
        for entry in entries:
            row = voice.get(entry.child or message.sender, -1)
            if row < 0:
                row = self._row(number, message, entry.item, entry.child, refused)
            place = self._metrics[self._model[row]].get(entry.name, -1) if row >= 0 else -1
            if place < 0 or not math.isfinite(entry.value):
                # Refuses, with the reason.
                _ = row >= 0 and self._fits(number, entry.item, row, entry.name, entry.value, refused)
                continue
            expected = self.fleet.metrics[place].unit
            if entry.unit is not None and not same_unit(entry.unit, expected):
                params = {"metric": entry.name, "unit": entry.unit[:20], "expected": expected}
                refused.add(number, "senml.unit", params, entry.item, "u", row)
            elif not 0 <= entry.time <= _MOST_MS:
                refused.add(number, "time.format", {"ts": f"{entry.time:g}"}, entry.item, "t", row)
            else:
                columns.metric.append(place)
                columns.value.append(entry.value)
                columns.add(number, entry.item, row, round(entry.time), 1)

    def _finish(self, messages: Sequence[Message], columns: _Columns, refused: _Refusals) -> Decoded:
        """Lists to arrays; what is out of bounds goes to the refusals."""
        counts = np.array(columns.count, np.int64)
        of_record = np.array(columns.message, np.int64)
        arrivals = np.array([m.arrival for m in messages], np.int64)
        sequences = np.array([m.sequence for m in messages], np.int64)
        moments = np.array(columns.time, np.int64)
        came = arrivals[of_record] if len(of_record) else np.empty(0, np.int64)
        wrong_time = (moments > came + self._future * 1000) | (moments < came - self._past_days * DAY_MS)
        for place in np.flatnonzero(wrong_time).tolist():
            self._refuse_time(place, int(came[place]), columns, refused)
        record = np.repeat(np.arange(len(counts)), counts)
        batch = Batch(
            sequences[of_record[record]] if len(record) else np.empty(0, np.int64),
            np.array(columns.row, np.int32)[record],
            np.array(columns.metric, np.int32),
            moments[record],
            np.array(columns.value, np.float64),
        )
        outside = ~wrong_time[record] & self._outside(batch)
        for place in np.flatnonzero(outside).tolist():
            self._refuse_value(batch, place, int(record[place]), columns, refused)
        keep = ~(wrong_time[record] | outside)
        arrival = came[record]
        late = batch.time < arrival - self._late_ms
        if not keep.all():
            batch, arrival, late = batch.take(keep), arrival[keep], late[keep]
        return Decoded(batch, arrival, late, refused.closed())

    def _outside(self, batch: Batch) -> npt.NDArray[np.bool_]:
        if not len(batch):
            return np.empty(0, np.bool_)
        inside: npt.NDArray[np.bool_] = (batch.value >= self._low[batch.metric]) & (batch.value <= self._high[batch.metric])
        return ~(inside & np.isfinite(batch.value))

    def _refuse_time(self, record: int, came: int, columns: _Columns, refused: _Refusals) -> None:
        moment = columns.time[record]
        place = columns.message[record], columns.index[record], columns.row[record]
        if moment > came:
            params = {"ts": show_time(moment), "ahead": (moment - came) // 1000, "limit": round(self._future)}
            refused.add(place[0], "time.future", params, place[1], "ts", place[2])
        else:
            refused.add(place[0], "time.past", {"ts": show_time(moment), "days": self._past_days}, place[1], "ts", place[2])

    def _refuse_value(self, batch: Batch, reading: int, record: int, columns: _Columns, refused: _Refusals) -> None:
        metric = self.fleet.metrics[int(batch.metric[reading])]
        value = float(batch.value[reading])
        params = {"metric": metric.key, "value": value, "low": metric.low, "high": metric.high, "unit": metric.unit}
        code = "value.range"
        if not math.isfinite(value):
            code, params = "value.not_finite", {"metric": metric.key}
        refused.add(columns.message[record], code, params, columns.index[record], f"values.{metric.key}", columns.row[record])


def loads(data: bytes) -> Any:
    """JSON, also with the NaN and Infinity that some libraries write; raises ValueError for all else."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as failure:
        try:
            return json.loads(data.decode())
        except (ValueError, RecursionError):
            raise ValueError(str(failure)) from None


def read_time(given: Any, arrival: int) -> int | None:
    """Milliseconds of a `ts`: a number, or ISO 8601 with a zone; the arrival where there is none; None where it cannot be read."""
    if given is None:
        return arrival
    if isinstance(given, bool):
        return None
    if isinstance(given, int | float):
        return round(given) if math.isfinite(given) and 0 <= given <= _MOST_MS else None
    if not isinstance(given, str) or len(given) > 64:
        return None
    try:
        moment = datetime.fromisoformat(given)
        # Without a zone it would be a guess, and a wrong guess is eight hours off.
        return None if moment.tzinfo is None else max(0, round(moment.timestamp() * 1000))
    except (ValueError, OverflowError):
        return None


def show_time(moment: int) -> str:
    """A time for people; the bare number where it is none of this era."""
    try:
        return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return str(moment)


# SenML's names of units against what model descriptions commonly write.
_UNITS = {"Cel": {"℃", "°C"}, "deg": {"°"}, "/": {"1", ""}, "%RH": {"%"}, "%EL": {"%"}, "m3/s": {"m³/s"}, "m3": {"m³"}, "m2": {"m²"}}


def same_unit(given: str, expected: str) -> bool:
    """Whether two names mean the same unit."""
    return given == expected or expected in _UNITS.get(given, ()) or given in _UNITS.get(expected, ())


def _bound(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else float(value)
