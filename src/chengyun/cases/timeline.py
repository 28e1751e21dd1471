"""The hash chain of a case: each event's hash covers its own text and the hash before it.

A changed, removed or moved event breaks the chain at its place; the case keeps count and hash of the last event, so a
missing tail is seen as well.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

START = b""
"""What the first event's hash covers before its body; the body names the case."""


@dataclass(frozen=True)
class Event:
    """One line of a timeline, ready to be stored."""

    case_id: UUID
    sequence: int
    time: datetime
    operation: str
    body: str
    hash: bytes


def body_of(
    case_id: UUID,
    sequence: int,
    time: datetime,
    operation: str,
    states: tuple[str | None, str],
    actor: tuple[str, UUID | None],
    data: dict[str, Any],
) -> bytes:
    """Canonical JSON: keys sorted, no blanks, time in UTC with microseconds."""
    content = {
        "case": str(case_id),
        "n": sequence,
        "time": time.astimezone(UTC).isoformat(timespec="microseconds"),
        "operation": operation,
        "from": states[0],
        "to": states[1],
        "actor": actor[0],
        "actor_id": str(actor[1]) if actor[1] else None,
        "data": data,
    }
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def next_hash(before: bytes, body: bytes) -> bytes:
    """The hash of an event after one with the hash `before`."""
    return hashlib.sha256(before + body).digest()


def append(
    before: bytes,
    case_id: UUID,
    sequence: int,
    time: datetime,
    operation: str,
    states: tuple[str | None, str],
    actor: tuple[str, UUID | None],
    data: dict[str, Any],
) -> Event:
    """The event that follows one with the hash `before`."""
    body = body_of(case_id, sequence, time, operation, states, actor, data)
    return Event(case_id, sequence, time, operation, body.decode(), next_hash(before, body))


def read_body(body: str) -> dict[str, Any]:
    """What an event says."""
    content: dict[str, Any] = orjson.loads(body)
    return content
