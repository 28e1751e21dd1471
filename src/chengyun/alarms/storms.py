"""Very many alarms in one district within a minute are a storm: told once and as it grows, red alarms still one by one."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from chengyun.alarms.repository import writing
from chengyun.alarms.repository.writing import Connection, Row, Storm
from chengyun.kernel.ids import uuid7
from chengyun.kernel.settings import get_settings

Events = list[tuple[str, dict[str, Any], str]]

GROWTH = 10
ALWAYS_TOLD = 2  # red and orange alarms open cases: they are told one by one in a storm too

# Alarms raised in the last minute by district. Only the active watch counts; after a restart it counts anew.
_recent: dict[str, deque[tuple[datetime, int]]] = {}


def join(connection: Connection, raised: Sequence[Row], now: datetime) -> tuple[set[UUID], Events]:
    """Let newly raised alarms join storms. Returns those that are not told singly, and what is told instead."""
    if not raised:
        return set(), []
    district_of = writing.districts(connection, [row.region_code for row in raised])
    by_district: dict[str, list[Row]] = {}
    for row in raised:
        by_district.setdefault(district_of[row.region_code], []).append(row)
    busy = {d: _count(d, len(rows), now) for d, rows in by_district.items()}
    lasting = writing.storms(connection, list(by_district))
    limit = get_settings().alarm_storm_per_minute
    quiet: set[UUID] = set()
    events: Events = []
    for district, rows in by_district.items():
        storm = lasting.get(district)
        if storm is None and busy[district] > limit:
            storm = lasting[district] = Storm(uuid7(), district, now, now, 0, 0, 4)
        if storm is not None:
            _take_in(storm, rows, now)
            quiet |= {row.id for row in rows if row.level > ALWAYS_TOLD}
            if storm.told == 0 or storm.count >= storm.told * GROWTH:
                storm.told = storm.count
                events.append(event(storm, "lasts"))
    writing.save_storms(connection, lasting.values())
    return quiet, events


def _count(district: str, more: int, now: datetime) -> int:
    counts = _recent.setdefault(district, deque())
    counts.append((now, more))
    while counts and counts[0][0] < now - timedelta(minutes=1):
        counts.popleft()
    return sum(n for _, n in counts)


def _take_in(storm: Storm, rows: Sequence[Row], now: datetime) -> None:
    storm.count += len(rows)
    storm.last_at = now
    storm.worst_level = min([storm.worst_level, *(row.level for row in rows)])
    for row in rows:
        row.storm_id = storm.id


def event(storm: Storm, state: str) -> tuple[str, dict[str, Any], str]:
    """What is told of a storm: that it lasts, or that it has ended."""
    data = {"id": storm.id, "state": state, "count": storm.count, "worst_level": storm.worst_level, "started_at": storm.started_at}
    return "ev.alarm.storm", data, storm.region_code


def end(connection: Connection, now: datetime) -> Events:
    """End storms in which nothing has joined for some minutes."""
    calm = now - timedelta(minutes=get_settings().alarm_storm_calm_minutes)
    return [event(storm, "ended") for storm in writing.end_storms(connection, now, calm)]


def forget() -> None:
    """Count alarms anew, as after a restart."""
    _recent.clear()
