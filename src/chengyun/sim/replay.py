"""`chengyun replay`: send a recorded series through MQTT as if the device sent it now or then."""

import argparse
import csv
import json
import math
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

PATIENCE = 30.0


class CannotReplay(Exception):
    """The message is the sentence for the person."""


@dataclass(frozen=True)
class Reading:
    """One row of the file: its line, milliseconds since the epoch, the value."""

    line: int
    ms: int
    value: float


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CannotReplay(message)


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = _Parser(prog="chengyun replay", description="Send a recorded series through MQTT.")
    parser.add_argument("--file", type=Path, required=True, help="CSV with a heading")
    parser.add_argument("--device", required=True, help="key of the device that it comes from")
    parser.add_argument("--secret", help="the device's secret; default: CHENGYUN_DEVICE_SECRET, else that of the demo city")
    parser.add_argument("--time-column", default="timestamp", help="column with the time")
    parser.add_argument("--value-column", default="value", help="column with the value")
    parser.add_argument("--metric", default="temperature", help="metric of the device's model")
    parser.add_argument("--zone", default="Asia/Shanghai", help="zone of times that name none")
    parser.add_argument("--until", help="move the series so that it ends at this time (ISO 8601) or `now`; default: times as they are")
    parser.add_argument("--speed", type=float, default=0.0, help="seconds of the series in a real second; 0: as fast as it goes")
    parser.add_argument("--batch", type=int, default=100, help="readings in one message when as fast as it goes")
    parser.add_argument("--host", default=None, help="MQTT host")
    parser.add_argument("--port", type=int, default=None, help="MQTT port")
    return parser.parse_args(list(words))


def read_series(path: Path, time_column: str, value_column: str, zone: str) -> tuple[list[Reading], list[str]]:
    """Rows in the order of their time, and a sentence for each row that could not be read."""
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise CannotReplay(f"there is no time zone {zone}") from None
    readings, bad = [], []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            missing = [c for c in (time_column, value_column) if c not in (rows.fieldnames or [])]
            if missing:
                raise CannotReplay(f"{path.name} has no column {missing[0]}; it has {', '.join(rows.fieldnames or ['none'])}")
            for row in rows:
                try:
                    readings.append(_reading(rows.line_num, row[time_column], row[value_column], place))
                except (ValueError, TypeError, OverflowError):
                    bad.append(f"line {rows.line_num}: not a time and a number: {row[time_column]!s:.40}, {row[value_column]!s:.40}")
    except OSError as failure:
        raise CannotReplay(f"{path}: {failure.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as failure:
        raise CannotReplay(f"{path.name} is not a CSV file in UTF-8: {failure}") from None
    return sorted(readings, key=lambda r: r.ms), bad


def _reading(line: int, moment: str, number: str, zone: ZoneInfo) -> Reading:
    at = datetime.fromisoformat(moment.strip())
    if at.tzinfo is None:
        at = at.replace(tzinfo=zone)
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(number)
    return Reading(line, int(at.timestamp() * 1000), value)


def moved(readings: Sequence[Reading], until: str | None) -> list[Reading]:
    """The series ending at another time."""
    if until is None or not readings:
        return list(readings)
    try:
        end = datetime.now(UTC) if until == "now" else datetime.fromisoformat(until)
    except ValueError:
        raise CannotReplay(f"--until is a time such as 2026-11-25T08:00+08:00, or now; not {until}") from None
    shift = int(end.timestamp() * 1000) - readings[-1].ms
    return [Reading(r.line, r.ms + shift, r.value) for r in readings]


class Sender:
    """The device's MQTT connection; each message is sent at least once and counted when it is confirmed."""

    def __init__(self, host: str, port: int, device: str, secret: str) -> None:
        self._confirmed = 0
        self._sent = 0
        self._changed = threading.Condition()
        self._refused: str | None = None
        self._up = threading.Event()
        self._topic = f"cy/{device}/up"
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"{device}-replay", protocol=mqtt.MQTTv311)
        client.username_pw_set(device, secret)
        client.max_inflight_messages_set(100)
        client.max_queued_messages_set(0)
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        try:
            client.connect(host, port, keepalive=60)
        except OSError as failure:
            raise CannotReplay(f"no MQTT at {host}:{port}: {failure.strerror or failure}") from None
        client.loop_start()
        self._client = client
        if not self._up.wait(PATIENCE) or self._refused:
            self.close()
            raise CannotReplay(f"the platform did not let {device} in: {self._refused or 'no answer'}; check --device and --secret")

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._refused = str(reason) if reason.is_failure else None
        self._up.set()

    def _on_publish(self, *_: Any) -> None:
        with self._changed:
            self._confirmed += 1
            self._changed.notify_all()

    def send(self, readings: Sequence[Reading], metric: str) -> None:
        """Queue one message."""
        body = [{"ts": r.ms, "values": {metric: r.value}} for r in readings]
        self._sent += 1
        self._client.publish(self._topic, json.dumps(body if len(body) > 1 else body[0]), qos=1)
        with self._changed:
            if not self._changed.wait_for(lambda: self._sent - self._confirmed < 500, PATIENCE):
                raise CannotReplay("the platform does not confirm any more")

    def finish(self) -> None:
        """Wait until everything is confirmed."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._confirmed >= self._sent, PATIENCE):
                raise CannotReplay(f"{self._sent - self._confirmed} messages were not confirmed")

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


def _chunks(readings: Sequence[Reading], size: int) -> Iterator[list[Reading]]:
    rows = iter(readings)
    while part := list(islice(rows, size)):
        yield part


def send_all(sender: Sender, readings: Sequence[Reading], metric: str, speed: float, batch: int) -> None:
    """As fast as it goes, or each at its time."""
    if speed <= 0:
        for part in _chunks(readings, batch):
            sender.send(part, metric)
    else:
        begun, first = time.monotonic(), readings[0].ms
        for reading in readings:
            ahead = (reading.ms - first) / 1000 / speed - (time.monotonic() - begun)
            if ahead > 0:
                time.sleep(ahead)
            sender.send([reading], metric)
    sender.finish()


def replay(wishes: argparse.Namespace, *, host: str, port: int, secret: str) -> str:
    """Send the series; returns the sentence for the person."""
    if wishes.batch < 1 or wishes.batch > 1000:
        raise CannotReplay("--batch lies between 1 and 1000")
    found, bad = read_series(wishes.file, wishes.time_column, wishes.value_column, wishes.zone)
    for sentence in bad[:10]:
        print(f"{wishes.file.name} {sentence}", file=sys.stderr)  # noqa: T201 - a command of a person
    if not found:
        raise CannotReplay(f"{wishes.file.name} holds no reading")
    readings = moved(found, wishes.until)
    sender = Sender(wishes.host or host, wishes.port or port, wishes.device, secret)
    begun = time.monotonic()
    try:
        send_all(sender, readings, wishes.metric, wishes.speed, wishes.batch)
    finally:
        sender.close()
    seconds = max(time.monotonic() - begun, 1e-3)
    first, last = (datetime.fromtimestamp(r.ms / 1000, UTC) for r in (readings[0], readings[-1]))
    left = f", {len(bad)} rows could not be read" if bad else ""
    return (
        f"{len(readings)} readings of {wishes.device} from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC confirmed"
        f" in {timedelta(seconds=round(seconds))} ({len(readings) / seconds:.0f}/s){left}"
    )
