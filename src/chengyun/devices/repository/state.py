"""What was heard last of each device: written in bulk by those who follow the readings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from chengyun.kernel import clock
from chengyun.kernel.outbox import emit_many
from chengyun.kernel.raw import Connection, in_bulk, raw

Change = tuple[UUID, str, str, str]
"""Identity, key, name and area of a device whose connection has changed."""

Speakers = Sequence[tuple[UUID, int]]
"""Devices that sent something themselves, whatever it was, and when last, in ms since 1970."""

# A great failure is told by street, a very great one by district: few events, each with its first devices by name.
_MOST_GROUPS = 100
_MOST_NAMED = 50


@dataclass(frozen=True)
class Latest:
    """Readings as equal-long columns, in any order. `time` is in ms since 1970, `quality` one word for all or one for each."""

    device_id: Sequence[UUID] | Sequence[str]
    metric: Sequence[str]
    time: npt.NDArray[np.int64] | Sequence[int]
    value: npt.NDArray[np.float64] | Sequence[float]
    sequence: npt.NDArray[np.int64] | Sequence[int]
    quality: Sequence[str] | str = "good"

    def lines(self, speakers: Speakers) -> bytes:
        """The rows as COPY's text form, those of speakers without a metric; keys and qualities hold nothing that needs escaping."""
        quality = [self.quality] * len(self.metric) if isinstance(self.quality, str) else self.quality
        times, values, sequences = (np.asarray(c).tolist() for c in (self.time, self.value, self.sequence))
        rows = zip(self.device_id, self.metric, times, values, quality, sequences, strict=True)
        lines = [f"{d}\t{m}\t{t}\t{v!r}\t{q}\t{s}\n" for d, m, t, v, q, s in rows]
        lines += [f"{d}\t\\N\t{t}\t\\N\t\\N\t\\N\n" for d, t in speakers]
        return "".join(lines).encode()


_TEMP = """
CREATE TEMP TABLE IF NOT EXISTS heard (device_id uuid, metric text COLLATE "C", time int8, value float8, quality text, sequence int8)
ON COMMIT DELETE ROWS
"""
# The area comes from the register, so that a device that was moved takes its readings with it.
_MERGE_READINGS = """
MERGE INTO latest_reading t
USING (SELECT h.*, d.region_code FROM
         (SELECT DISTINCT ON (device_id, metric) device_id, metric, to_timestamp(time / 1000.0) AS time, value, quality, sequence
            FROM heard WHERE metric IS NOT NULL ORDER BY device_id, metric, time DESC, sequence DESC) h
         JOIN device d ON d.id = h.device_id) s
ON t.device_id = s.device_id AND t.metric = s.metric
WHEN MATCHED AND (s.time, s.sequence) > (t.time, t.sequence) THEN
  UPDATE SET time = s.time, value = s.value, quality = s.quality, sequence = s.sequence, region_code = s.region_code
WHEN NOT MATCHED THEN
  INSERT (device_id, metric, time, value, quality, sequence, region_code)
  VALUES (s.device_id, s.metric, s.time, s.value, s.quality, s.sequence, s.region_code)
"""
# Rows that somebody else holds are left for the next time: this never waits for an alarm's transaction, nor it for us.
_HEARD = """
UPDATE device_state s SET last_seen = greatest(s.last_seen, h.seen)
  FROM (SELECT f.device_id, least(f.seen, %(now)s) AS seen
          FROM (SELECT device_id, to_timestamp(max(time) / 1000.0) AS seen FROM heard GROUP BY device_id) f
          JOIN device_state t ON t.device_id = f.device_id
         WHERE t.last_seen IS NULL OR t.last_seen < least(f.seen, %(now)s)
           FOR UPDATE OF t SKIP LOCKED) h
 WHERE s.device_id = h.device_id
"""
_BACK = """
UPDATE device_state s SET connection = 'online', since = %(now)s
  FROM (SELECT t.device_id FROM device_state t
          JOIN (SELECT DISTINCT device_id FROM heard) f ON f.device_id = t.device_id
          JOIN device d ON d.id = t.device_id
          JOIN device_model m ON m.key = d.model_key AND m.current
         WHERE t.connection <> 'online' AND t.last_seen >= %(now)s - 3 * m.expected_interval_seconds * interval '1 second'
           FOR UPDATE OF t SKIP LOCKED) b
  JOIN device d ON d.id = b.device_id
 WHERE s.device_id = b.device_id
RETURNING d.id, d.key, d.name, d.region_code
"""
_SILENT = """
UPDATE device_state s SET connection = 'offline', since = q.since
  FROM (SELECT t.device_id, t.last_seen + 3 * m.expected_interval_seconds * interval '1 second' AS since
          FROM device_state t
          JOIN device d ON d.id = t.device_id
          JOIN device_model m ON m.key = d.model_key AND m.current
         WHERE t.connection = 'online' AND d.retired_at IS NULL
           AND t.last_seen < %(now)s - 3 * m.expected_interval_seconds * interval '1 second'
           FOR UPDATE OF t SKIP LOCKED) q
  JOIN device d ON d.id = q.device_id
 WHERE s.device_id = q.device_id
RETURNING d.id, d.key, d.name, d.region_code
"""
_WORST = """
UPDATE device_state s SET worst_alarm_level = n.level
  FROM (SELECT t.device_id, u.level FROM unnest(%s::uuid[], %s::int[]) AS u (device_id, level)
          JOIN device_state t ON t.device_id = u.device_id ORDER BY t.device_id FOR UPDATE OF t) n
 WHERE s.device_id = n.device_id AND s.worst_alarm_level IS DISTINCT FROM n.level
"""


def merge_latest(connection: Connection, latest: Latest, speakers: Speakers = ()) -> int:
    """Keep the newest value of each metric and when each device was heard; tells which devices are back, returns how many.

    A gateway that measures nothing is heard as one of the `speakers`.

    Idempotent: the same rows again change nothing. Rows of unknown devices are passed over.
    """
    now = clock.now()
    values: dict[str, Any] = {"now": now}
    with connection.cursor() as cursor:
        cursor.execute(_TEMP)
        # Left from an earlier call in the same transaction.
        cursor.execute("DELETE FROM heard")
        with cursor.copy("COPY heard FROM STDIN") as copy:
            copy.write(latest.lines(speakers))
        cursor.execute("ANALYZE heard")
        with in_bulk(connection):
            cursor.execute(_MERGE_READINGS)
            cursor.execute(_HEARD, values)
            back = cursor.execute(_BACK, values).fetchall()
    emit_many(connection, bundles("ev.device.online", back, now))
    return len(back)


def mark_silent(target: Session | Connection, now: datetime) -> int:
    """Devices silent for three times their expected interval become offline; tells which, returns how many."""
    connection = raw(target)
    with in_bulk(connection):
        silent = connection.execute(_SILENT, {"now": now}).fetchall()
    emit_many(target, bundles("ev.device.offline", silent, now))
    return len(silent)


def bundles(subject: str, changes: Sequence[Change], now: datetime) -> list[tuple[str, dict[str, Any], str]]:
    """Few events for many devices: one for each street, or for each district when streets are many."""
    length = 9 if len({region[:9] for *_, region in changes}) <= _MOST_GROUPS else 6
    groups: dict[str, list[Change]] = {}
    for change in sorted(changes, key=lambda c: (c[3], c[1])):
        groups.setdefault(change[3][:length], []).append(change)
    told = []
    for area, members in groups.items():
        named = [{"id": i, "key": key, "name": name, "region_code": region} for i, key, name, region in members[:_MOST_NAMED]]
        told.append((subject, {"count": len(members), "devices": named, "at": now}, area if len(members) > 1 else members[0][3]))
    return told


def set_worst_levels(connection: Connection, levels: Sequence[tuple[UUID, int | None]]) -> None:
    """Write each device's most severe open alarm."""
    if levels:
        connection.execute(_WORST, ([d for d, _ in levels], [level for _, level in levels]))
