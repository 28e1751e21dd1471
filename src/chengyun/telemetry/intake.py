"""Readings by HTTP: checked at the door, so that the caller is told at once what is not taken; acknowledged once the bus has them."""

import asyncio
import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import Request

from chengyun.devices import service as devices
from chengyun.kernel import clock
from chengyun.kernel.bus import STREAM_UP, Bus, intake_subject
from chengyun.kernel.db import Scope, raw_transaction
from chengyun.kernel.errors import FieldError, Problem, sentence
from chengyun.kernel.http import Actor, language
from chengyun.kernel.logs import get_logger
from chengyun.telemetry import service
from chengyun.telemetry.batch import Batch
from chengyun.telemetry.dead_letters import Bounds
from chengyun.telemetry.decode import Decoded, Decoder
from chengyun.telemetry.message import TRUSTED, Message, Refusal, to_ms
from chengyun.telemetry.repository import dead_letters

log = get_logger(__name__)

JSON, SENML, NDJSON = "application/json", "application/senml+json", "application/x-ndjson"
# One message on the bus holds about so many bytes; well below the least that the bus may be set to.
CHUNK_BYTES = 48_000
MOST_LISTED = 100


@dataclass(frozen=True)
class Sender:
    """Who brings readings: a device by its secret, or a program that may speak for all devices of its area."""

    key: str
    scope: Scope


@dataclass(frozen=True)
class Lines:
    """A body as one JSON document: from which lines its objects came, the lines that are no JSON, how many more of these."""

    document: bytes
    numbers: list[int] | None
    broken: list[tuple[int, str]]
    more: int = 0


def sender(request: Request) -> Sender:
    """Who calls; refuses a wrong secret and callers without the permission."""
    actor: Actor | None = getattr(request.state, "actor", None)
    if actor is not None:
        if not actor.can("telemetry.write"):
            raise Problem("access.denied", permission="telemetry.write")
        return Sender(TRUSTED, actor.scope)
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        raise Problem("access.sign_in")
    try:
        key, _, secret = base64.b64decode(given.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Problem("access.sign_in") from None
    if "\x00" in key or key == TRUSTED or not devices.check_secret(key, secret):
        raise Problem("access.sign_in")
    return Sender(key, Scope.everything())


def read(body: bytes, content_type: str) -> Lines:
    """The body as one document; refuses other media types."""
    kind = content_type.split(";")[0].strip().lower()
    if kind in ("", JSON, SENML):
        return Lines(body, None, [])
    if kind not in (NDJSON, "application/ndjson", "application/jsonl"):
        raise Problem("telemetry.body")
    good: list[bytes] = []
    numbers: list[int] = []
    broken: list[tuple[int, str]] = []
    more = 0
    for number, line in enumerate(body.split(b"\n"), 1):
        text = line.strip()
        if not text:
            continue
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError as failure:
            if len(broken) < service.TOLD_SINGLY:
                broken.append((number, str(failure)[:200]))
            else:
                more += 1
        else:
            good.append(text)
            numbers.append(number)
    return Lines(b"[" + b",".join(good) + b"]", numbers, broken, more)


def take(request: Request, who: Sender, body: bytes) -> tuple[int, list[dict[str, Any]], list[tuple[str, bytes]]]:
    """How many readings of a body can be taken, what cannot, and the messages for the bus; refusals are kept for the engineers."""
    lines = read(body, request.headers.get("content-type", ""))
    reader, decoded = decode(who, lines)
    told = refused(lines, decoded.refusals, language(request))
    remember(decoded, reader)
    if not len(decoded.batch):
        raise nothing(told, lines, decoded.refusals)
    return len(decoded.batch), told, messages(who, lines, reader, decoded)


def decode(who: Sender, lines: Lines) -> tuple[Decoder, Decoded]:
    """Readings and refusals of a body."""
    message = Message(0, who.key, "up", to_ms(clock.now()), lines.document)
    reader = service.decoder(who.scope)
    decoded = reader.decode([message])
    if any(r.code.startswith(("device.", "metric.")) for r in decoded.refusals):
        reader = service.decoder(who.scope, fresh=True)
        decoded = reader.decode([message])
    return reader, decoded


def refused(lines: Lines, refusals: list[Refusal], lang: str) -> list[dict[str, Any]]:
    """What was not taken, as the caller is told: which object (from 0), which field, why; with the line of NDJSON."""
    found: list[dict[str, Any]] = []
    for number, error in lines.broken:
        detail = sentence("message.json", lang, {"error": error})
        found.append({"index": -1, "line": number, "field": "", "code": "message.json", "detail": detail})
    if lines.more:
        detail = sentence("message.more", lang, {"count": lines.more})
        found.append({"index": -1, "line": None, "field": "", "code": "message.more", "detail": detail})
    for r in refusals:
        if lines.numbers is not None and r.code == "message.empty" and lines.broken:
            continue
        line = lines.numbers[r.index] if lines.numbers is not None and 0 <= r.index < len(lines.numbers) else None
        found.append({"index": r.index, "line": line, "field": r.field, "code": r.code, "detail": sentence(r.code, lang, r.params)})
    return sorted(found, key=lambda f: (f["line"] or 0, f["index"]))


def nothing(told: list[dict[str, Any]], lines: Lines, refusals: list[Refusal]) -> Problem:
    """The refusal of a body of which nothing can be taken."""
    errors = [FieldError(f"line {number}", "message.json", {"error": error}) for number, error in lines.broken]
    errors += [FieldError(f"[{r.index}].{r.field}".rstrip("."), r.code, r.params) for r in refusals]
    status = 400 if told and all(t["code"] == "message.json" for t in told) else None
    problem = Problem("telemetry.nothing", status, extra={"accepted": 0, "refused": told[:MOST_LISTED]})
    problem.errors = errors[:MOST_LISTED]
    return problem


def messages(who: Sender, lines: Lines, reader: Decoder, decoded: Decoded) -> list[tuple[str, bytes]]:
    """Subjects and payloads for the bus: the body as it is when all of it is good and short, else what is good of it."""
    if not decoded.refusals and len(lines.document) <= CHUNK_BYTES:
        return [(intake_subject(who.key), lines.document)]
    return [(intake_subject(TRUSTED), chunk) for chunk in _chunks(_records(decoded.batch, reader))]


def _records(batch: Batch, reader: Decoder) -> Iterator[bytes]:
    """Objects in the platform's own form; neighbours of one device and time share one."""
    fleet = reader.fleet
    columns = (batch.device, batch.time, batch.metric, batch.value)
    last: tuple[int, int] | None = None
    values: dict[str, float] = {}
    for device, moment, metric, value in zip(*(c.tolist() for c in columns), strict=True):
        key = fleet.metrics[metric].key
        if last != (device, moment) or key in values:
            if last is not None:
                yield orjson.dumps({"device": fleet.keys[last[0]], "ts": last[1], "values": values})
            last, values = (device, moment), {}
        values[key] = value
    if last is not None:
        yield orjson.dumps({"device": fleet.keys[last[0]], "ts": last[1], "values": values})


def _chunks(records: Iterator[bytes]) -> Iterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    for record in records:
        if waiting and size + len(record) > CHUNK_BYTES:
            yield b"[" + b",".join(waiting) + b"]"
            waiting, size = [], 0
        waiting.append(record)
        size += len(record) + 1
    if waiting:
        yield b"[" + b",".join(waiting) + b"]"


async def publish(bus: Bus, parts: list[tuple[str, bytes]]) -> None:
    """Store in the stream; raises a refusal to be tried again when the bus does not confirm."""
    if not bus.nc.is_connected:
        # Else they would wait in memory for the bus to come back, and the sender would send them again.
        raise Problem("server.busy", extra={"retry_after": 1})
    try:
        async with asyncio.timeout(10):
            acks = [await bus.js.publish_async(subject, payload, stream=STREAM_UP) for subject, payload in parts]
            await asyncio.gather(*acks)
    except Exception as failure:
        log.warning("readings could not be stored", error=str(failure), kind=type(failure).__name__)
        raise Problem("server.busy", extra={"retry_after": 1}) from None


_bounds: list[Bounds] = []


def remember(decoded: Decoded, reader: Decoder) -> None:
    """Keep refusals for the engineers, like those of messages that come by MQTT."""
    if not decoded.refusals:
        return
    if not _bounds:
        _bounds.append(Bounds())
    letters = _bounds[0].sort(decoded.refusals, reader.fleet)
    with raw_transaction(Scope.everything()) as connection:
        dead_letters.write(connection, letters.kept, letters.counts)
