"""What becomes of alarms by time and circumstances: silence, calm, retirement, the end of a rule."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from chengyun.alarms import storms, writer
from chengyun.alarms.compiled import Rule
from chengyun.alarms.repository import writing
from chengyun.alarms.repository.writing import Connection
from chengyun.kernel.outbox import emit_many
from chengyun.kernel.settings import get_settings


def sweep(connection: Connection, silence: Sequence[Rule], now: datetime) -> None:
    """Raise and clear alarms of silence, end storms that have calmed. Safe to repeat."""
    findings = [finding for rule in silence for finding in _silent(connection, rule, now)]
    writer.write(connection, findings)
    emit_many(connection, storms.end(connection, now))


def _silent(connection: Connection, rule: Rule, now: datetime) -> list[writer.Finding]:
    limits = sorted(((float(level.threshold or 0), level.level) for level in rule.spec.levels), reverse=True)
    found = []
    for device_id, last_seen, old, closed in writing.silent(connection, rule.key, rule.spec.model, limits[-1][0], now):
        seconds = (now - last_seen).total_seconds()
        new = next((level for limit, level in limits if seconds >= limit), 0)
        if new != old and not (closed is not None and new >= closed):
            levels = [level.model_dump(exclude_none=True) for level in rule.spec.levels]
            inputs: dict[str, Any] = {"last_seen": last_seen.isoformat(), "levels": levels}
            found.append(writer.Finding(rule, device_id, None, "s", old, new, now, round(max(seconds, 0.0)), inputs, 0))
    return found


def close_quiet(connection: Connection, now: datetime) -> int:
    """Close alarms that have been cleared for some time, and those of retired devices; returns how many."""
    before = now - timedelta(minutes=get_settings().alarm_close_minutes)
    closed = _close(connection, writing.CLEARED_BEFORE, {"before": before}, now, "恢复后自动关闭 closed after clearing")
    return closed + _close(connection, writing.OF_RETIRED_DEVICES, {}, now, "设备已退役 device retired")


def close_of_rules(connection: Connection, keys: Sequence[str], now: datetime) -> int:
    """Close the alarms of rules that are no longer in force."""
    closed = 0
    while more := _close(connection, writing.OF_RULES, {"rules": list(keys)}, now, "规则已停用 rule ended"):
        closed += more
    return closed


def _close(connection: Connection, condition: str, values: dict[str, Any], now: datetime, reason: str) -> int:
    known = writing.held_devices(connection, writing.devices_where(connection, condition, values))
    rows = writing.close_where(connection, condition, values, list(known), now, reason) if known else []
    if rows:
        writing.add_events(connection, [(row.id, row.region_code, now, "closed", row.level, None, reason) for row in rows])
        writer.set_worst(connection, {row.device_id for row in rows})
        emit_many(connection, [("ev.alarm.closed", writer.event_data(row, known[row.device_id]), row.region_code) for row in rows])
    return len(rows)
