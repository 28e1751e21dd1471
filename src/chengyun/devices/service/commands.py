"""Orders to devices: checked against the model, written with their event, answered by the device."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.orm import Session

from chengyun.devices.repository import commands as repository
from chengyun.devices.schemas import ArgumentSpec, CommandSpec
from chengyun.devices.service.registry import require
from chengyun.kernel import clock
from chengyun.kernel.errors import FieldError, Problem
from chengyun.kernel.http import Actor, audit
from chengyun.kernel.ids import uuid7
from chengyun.kernel.outbox import emit_many
from chengyun.kernel.raw import Connection, raw
from chengyun.kernel.texts import has_control_characters

SUBJECTS = {
    "requested": "ev.device.command.requested",
    "sent": "ev.device.command.sent",
    "acknowledged": "ev.device.command.acknowledged",
    "failed": "ev.device.command.failed",
    "timed_out": "ev.device.command.timed_out",
}
_LONGEST_TEXT = 400
_LARGEST = 2**53
_TOLD = ("id", "device_id", "device_key", "command", "arguments", "state", "alarm_id", "message")


@dataclass(frozen=True)
class Order:
    """What a device is to do, and the alarm whose rule says so."""

    device_id: UUID
    command: str
    arguments: dict[str, Any]
    alarm_id: UUID | None = None


def request_command(
    target: Session | Connection,
    device_id: UUID,
    command: str,
    arguments: dict[str, Any],
    *,
    actor: Actor | None = None,
    alarm_id: UUID | None = None,
) -> UUID:
    """Order a device to do something, in the running transaction; a worker delivers it. A person's order is audited.

    Refuses orders and arguments that the device's model does not know.
    """
    if actor is not None and not actor.can("device.command"):
        raise Problem("access.denied", permission="device.command")
    (row,) = _request(target, [Order(device_id, command, arguments, alarm_id)], actor)
    if isinstance(row, Problem):
        raise row
    if actor is not None and isinstance(target, Session):
        detail = {"command_id": str(row["id"]), "command": command, "arguments": row["arguments"]}
        audit(target, actor, "device.command", "device", device_id, detail, row["region_code"])
    return row["id"]  # type: ignore[no-any-return]


def request_commands(target: Session | Connection, orders: Sequence[Order]) -> list[UUID | Problem]:
    """Give many orders with a handful of statements: the identity of each, or why it was refused. The others are given."""
    return [row if isinstance(row, Problem) else row["id"] for row in _request(target, orders, None)]


def _request(target: Session | Connection, orders: Sequence[Order], actor: Actor | None) -> list[dict[str, Any] | Problem]:
    connection = raw(target)
    devices = repository.targets(connection, [order.device_id for order in orders])
    specs: dict[tuple[str, str], CommandSpec] = {}
    rows: list[dict[str, Any] | Problem] = []
    for order in orders:
        try:
            rows.append(_row(devices.get(order.device_id), order, actor, specs))
        except Problem as problem:
            rows.append(problem)
    given = [row for row in rows if not isinstance(row, Problem)]
    repository.add(connection, given)
    tell(target, [row | {"device_key": devices[row["device_id"]]["key"]} for row in given])
    return rows


def _row(device: dict[str, Any] | None, order: Order, actor: Actor | None, specs: dict[tuple[str, str], CommandSpec]) -> dict[str, Any]:
    """An order as it is stored; refuses what the device cannot be ordered."""
    if device is None:
        raise Problem("object.not_found")
    if device["retired_at"] is not None:
        raise Problem("device.retired")
    known = (device["model_key"], order.command)
    if known not in specs:
        specs[known] = _spec(device["commands"], order.command)
    now = clock.now()
    return {
        "id": uuid7(),
        "device_id": device["id"],
        "command": order.command,
        "arguments": check_arguments(specs[known], order.arguments),
        "state": "requested",
        "requested_at": now,
        "requested_by": actor.user_id if actor else None,
        "requested_by_name": actor.name if actor else "",
        "alarm_id": order.alarm_id,
        "attempts": 0,
        "next_attempt_at": now,
        "expires_at": now + real_seconds(specs[known].timeout_seconds),
        "message": "",
        "region_code": device["region_code"],
    }


def real_seconds(seconds: float) -> timedelta:
    """City time that passes in some real seconds: a device answers in real time, however fast a demonstration runs."""
    return timedelta(seconds=seconds * clock.speed())


def _spec(commands: list[dict[str, Any]], command: str) -> CommandSpec:
    for raw_spec in commands:
        if raw_spec["key"] == command:
            return CommandSpec.model_validate(raw_spec)
    raise Problem("command.unknown", field="command", command=command[:64])


def check_arguments(spec: CommandSpec, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments in the order of the model; refuses what is missing, unknown, of another kind or out of range."""
    known = {a.key for a in spec.arguments}
    errors = [FieldError(f"arguments.{k[:64]}", "command.argument_unknown", {"argument": k[:64]}) for k in arguments if k not in known]
    for a in spec.arguments:
        if a.key not in arguments:
            errors.append(FieldError(f"arguments.{a.key}", "command.argument_missing", {"argument": a.key}))
        else:
            errors += _check(a, arguments[a.key])
    if errors:
        raise Problem(errors[0].code, errors=errors, **errors[0].params)
    return {a.key: arguments[a.key] for a in spec.arguments}


def _check(spec: ArgumentSpec, value: Any) -> list[FieldError]:
    where, name = f"arguments.{spec.key}", {"argument": spec.key}
    kind = FieldError(where, "command.argument_kind", name | {"kind": spec.kind})
    if spec.kind == "boolean":
        return [] if isinstance(value, bool) else [kind]
    if spec.kind == "number":
        # Beyond 2^53 a whole number is not exact any more on its way.
        if isinstance(value, bool) or not isinstance(value, int | float) or not -_LARGEST <= value <= _LARGEST:
            return [kind]
        size = float(value)
    else:
        if not isinstance(value, str) or len(value) > _LONGEST_TEXT or has_control_characters(value):
            return [kind]
        size = float(len(value))
    low = spec.low if spec.low is not None else -math.inf
    high = spec.high if spec.high is not None else math.inf
    return [] if low <= size <= high else [FieldError(where, "command.argument_range", name | {"low": low, "high": high})]


def tell(target: Session | Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Tell what became of orders."""
    events = [(SUBJECTS[row["state"]], {name: row[name] for name in _TOLD}, row["region_code"]) for row in rows]
    emit_many(target, events)


def acknowledge_commands(connection: Connection, answers: Sequence[tuple[str, bytes]]) -> int:
    """Note what devices answered on `cy/<key>/ack`; returns how many orders were finished by it.

    What is no answer, comes from another device or belongs to a finished order is passed over.
    """
    seen: dict[UUID, tuple[str, UUID, bool, str]] = {}
    for key, payload in answers:
        for answer in _answers(payload):
            seen.setdefault(answer[0], (key, *answer))
    if not seen:
        return 0
    finished = repository.answer(connection, list(seen.values()), clock.now())
    tell(connection, finished)
    return len(finished)


def _answers(payload: bytes) -> list[tuple[UUID, bool, str]]:
    try:
        found = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return []
    answers = []
    for entry in found if isinstance(found, list) else [found]:
        if not isinstance(entry, dict) or not isinstance(entry.get("ok"), bool):
            continue
        try:
            command_id = UUID(str(entry.get("id")))
        except ValueError:
            continue
        text = entry.get("message")
        message = "".join(c for c in text if not has_control_characters(c))[:400] if isinstance(text, str) else ""
        answers.append((command_id, entry["ok"], message))
    return answers


def history(session: Session, device_id: UUID, before: tuple[datetime, UUID] | None, limit: int) -> list[dict[str, Any]]:
    """Orders to a device, the newest first; one more than `limit`."""
    require(session, device_id)
    return repository.page(session, device_id, before, limit)


def get(session: Session, command_id: UUID) -> dict[str, Any]:
    """One order; refuses one that is not there or lies outside the caller's area."""
    found = repository.find(session, command_id)
    if found is None:
        raise Problem("object.not_found")
    return found
