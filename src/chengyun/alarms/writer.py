"""Brings what was found into the database: alarms, their history, events, orders to devices, storms. No statement per alarm."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chengyun.alarms import storms
from chengyun.alarms.compiled import Rule
from chengyun.alarms.models import Alarm
from chengyun.alarms.repository import writing
from chengyun.alarms.repository.writing import Connection, Device, Row
from chengyun.devices import service as devices
from chengyun.devices.fleet import Fleet
from chengyun.kernel import clock
from chengyun.kernel.errors import Problem
from chengyun.kernel.ids import uuid7
from chengyun.kernel.logs import get_logger
from chengyun.kernel.outbox import emit_many

if TYPE_CHECKING:
    from chengyun.alarms.evaluator import Change

log = get_logger(__name__)


@dataclass(frozen=True)
class Finding:
    """A device's alarm of one rule changes its level, whoever found it."""

    rule: Rule
    device_id: UUID
    metric: str | None
    unit: str | None
    old: int
    new: int
    time: datetime
    value: float | None
    inputs: dict[str, Any]
    sequence: int


def of_reading(change: "Change", fleet: Fleet) -> Finding:
    """A finding of the evaluator."""
    rule = change.rule
    model = int(fleet.model[change.row])
    metric = fleet.metrics[fleet.metric_of[model, rule.spec.metric or ""]]
    unit = f"{metric.unit}/min" if rule.spec.kind == "rate" else metric.unit
    readings = [
        {"time": _moment(change.since).isoformat(), "value": change.since_value},
        {"time": _moment(change.time).isoformat(), "value": change.value},
    ]
    if change.since == change.time:
        readings = readings[1:]
    inputs = {"readings": readings, "sequence": change.sequence, **_in_force(rule)}
    return Finding(
        rule, fleet.ids[change.row], metric.key, unit, change.old, change.new, _moment(change.time), change.value, inputs, change.sequence
    )


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _in_force(rule: Rule) -> dict[str, Any]:
    spec = rule.spec
    return {
        "levels": [level.model_dump(exclude_none=True) for level in spec.levels],
        "hysteresis": spec.hysteresis,
        "hold_seconds": spec.hold_seconds,
    }


@dataclass
class _Outcome:
    """What a batch of findings comes to."""

    rows: dict[tuple[UUID, str], Row]
    stored: set[UUID]
    devices: dict[UUID, Device]
    closed: dict[tuple[UUID, str], int]
    events: list[tuple[UUID, str, datetime, str, int | None, float | None, str]]
    told: list[tuple[UUID, str, dict[str, Any], str]]
    raised: dict[UUID, Row]
    orders: list[tuple[Rule, Row, str, int]]
    changed: dict[UUID, Row]


def write(connection: Connection, findings: Sequence[Finding]) -> None:
    """Apply findings in their order."""
    if not findings:
        return
    devices_of = writing.held_devices(connection, {f.device_id for f in findings})
    pairs = list({(f.device_id, f.rule.key) for f in findings})
    rows = writing.not_closed(connection, pairs)
    closed = writing.closed_while_lasting(connection, [pair for pair in pairs if pair not in rows])
    outcome = _Outcome(rows, {row.id for row in rows.values()}, devices_of, closed, [], [], {}, [], {})
    for finding in findings:
        if finding.device_id in devices_of:
            _apply(outcome, finding)
    quiet, storm_events = storms.join(connection, list(outcome.raised.values()), clock.now())
    changed = outcome.changed.values()
    writing.insert(connection, [row for row in changed if row.id not in outcome.stored])
    writing.update(connection, [row for row in changed if row.id in outcome.stored])
    writing.add_events(connection, outcome.events)
    set_worst(connection, {row.device_id for row in changed})
    emit_many(connection, [(subject, data, region) for alarm, subject, data, region in outcome.told if alarm not in quiet])
    emit_many(connection, storm_events)
    _give_orders(connection, outcome.orders)


def _apply(outcome: _Outcome, finding: Finding) -> None:
    key = (finding.device_id, finding.rule.key)
    row = outcome.rows.get(key)
    if finding.new == 0:
        if row is not None and row.state in ("raised", "acknowledged"):
            _clear(outcome, finding, row)
    elif row is None:
        # A level that changes without an open alarm: somebody closed it while its condition lasted. It stays closed until the
        # condition has gone, unless it becomes more severe than what that officer saw.
        if finding.old == 0 or finding.new < outcome.closed.get(key, 9):
            outcome.rows[key] = row = _new(finding, outcome.devices[finding.device_id])
            _raise(outcome, finding, row, from_level=0)
    elif row.state == "cleared":
        row.recurrences += 1
        row.acknowledged_at = row.acknowledged_by = row.cleared_at = None
        row.raised_at, row.worst_level = finding.time, finding.new
        _raise(outcome, finding, row, from_level=0)
    elif row.level != finding.new:
        from_level = row.worst_level
        _take(row, finding)
        row.worst_level = min(row.worst_level, finding.new)
        _note(outcome, finding, row, "level")
        if finding.new < from_level:
            outcome.orders.append((finding.rule, row, "raised", from_level))


def _new(finding: Finding, device: Device) -> Row:
    return Row(
        id=uuid7(), device_id=finding.device_id, region_code=device.region_code, rule_key=finding.rule.key,
        rule_version=finding.rule.version, pack=finding.rule.pack, level=finding.new, worst_level=finding.new, state="raised",
        metric=finding.metric, value=None, unit=finding.unit, threshold=None, inputs={}, lon=device.lon, lat=device.lat,
        first_raised_at=finding.time, raised_at=finding.time, acknowledged_at=None, acknowledged_by=None, cleared_at=None,
        closed_at=None, closed_reason=None, case_id=None, storm_id=None, recurrences=0, sequence=0, revision=0,
    )  # fmt: skip


def _take(row: Row, finding: Finding) -> None:
    row.level, row.rule_version = finding.new, finding.rule.version
    row.value, row.inputs, row.sequence = finding.value, finding.inputs, finding.sequence
    row.threshold = finding.rule.threshold(finding.new, finding.value or 0.0)
    row.revision += 1


def _raise(outcome: _Outcome, finding: Finding, row: Row, from_level: int) -> None:
    row.state = "raised"
    _take(row, finding)
    outcome.raised[row.id] = row
    _note(outcome, finding, row, "raised")
    outcome.orders.append((finding.rule, row, "raised", from_level))


def _clear(outcome: _Outcome, finding: Finding, row: Row) -> None:
    row.state, row.cleared_at, row.sequence = "cleared", finding.time, finding.sequence
    row.value = finding.value
    row.revision += 1
    outcome.raised.pop(row.id, None)
    _note(outcome, finding, row, "cleared")
    outcome.orders.append((finding.rule, row, "cleared", row.worst_level))


def _note(outcome: _Outcome, finding: Finding, row: Row, what: str) -> None:
    outcome.changed[row.id] = row
    outcome.events.append((row.id, row.region_code, finding.time, what, finding.new or None, finding.value, ""))
    outcome.told.append((row.id, f"ev.alarm.{what}", event_data(row, outcome.devices[row.device_id]), row.region_code))


def event_data(row: Row | Alarm, device: Device) -> dict[str, Any]:
    """What other rooms and browsers are told of an alarm."""
    return {
        "id": row.id, "device_id": row.device_id, "device_key": device.key, "device_name": device.name, "rule": row.rule_key,
        "rule_version": row.rule_version, "pack": row.pack, "level": row.level, "state": row.state, "metric": row.metric,
        "value": row.value, "unit": row.unit, "threshold": row.threshold, "lon": row.lon, "lat": row.lat, "raised_at": row.raised_at,
    }  # fmt: skip


def set_worst(connection: Connection, device_ids: Iterable[UUID]) -> None:
    """Bring the most severe level that devices carry up to date. They are held: two who change alarms of one device at the same
    time would not see each other's."""
    devices.set_worst_levels(connection, writing.worst_levels(connection, sorted(device_ids)))


def _give_orders(connection: Connection, orders: Sequence[tuple[Rule, Row, str, int]]) -> None:
    """Orders that rules declare. One that the device does not know must not hold up the alarms."""
    due = [
        (row, devices.Order(row.device_id, action.command, action.arguments, row.id))
        for rule, row, on, reached in orders
        for action in rule.spec.actions
        if action.on == on and _due(action.from_level, on, row, reached)
    ]
    if not due:
        return
    failed = []
    for (row, order), answer in zip(due, devices.request_commands(connection, [order for _, order in due]), strict=True):
        if isinstance(answer, Problem):
            log.warning("a rule's order was refused", rule=row.rule_key, device=str(row.device_id), error=str(answer))
            failed.append((row.id, row.region_code, clock.now(), "failed", row.level, None, f"{order.command}: {answer}"[:500]))
    writing.add_events(connection, failed)


def _due(from_level: int, on: str, row: Row, reached: int) -> bool:
    """Raised: now at the level and not before; cleared: it had reached the level."""
    if on == "cleared":
        return reached <= from_level
    return row.level <= from_level and not 0 < reached <= from_level
