"""Questions to the history: DuckDB over the files of the days asked for, and over readings that are in no file yet."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
from deltalake import DeltaTable
from sqlalchemy import select
from sqlalchemy.orm import Session

from chengyun.devices.models import Device
from chengyun.telemetry.repository import lake

_READINGS = """
  SELECT metric, epoch_ms(time) AS time, arg_max(value, sequence) AS value, arg_max(quality, sequence) AS quality
    FROM (SELECT metric, time, value, quality, sequence FROM {source}
           WHERE device = $device AND metric IN (SELECT unnest($metrics))
             AND time >= make_timestamptz($since * 1000) AND time < make_timestamptz($until * 1000)
          UNION ALL
          SELECT metric, time, value, quality, sequence FROM tail)
   GROUP BY metric, time
"""
# Few readings are given as they are; many as buckets that keep the extremes.
_SERIES = """
WITH found AS ({readings}), counted AS (SELECT metric, count(*) AS n FROM found GROUP BY metric)
SELECT metric, n <= $points AS raw, CASE WHEN n <= $points THEN time ELSE $since + ((time - $since) // $width) * $width END AS t,
       min(value), max(value), avg(value), count(*)
  FROM found JOIN counted USING (metric)
 GROUP BY metric, raw, t ORDER BY metric, t
"""
_ROWS = "SELECT metric, time, value, quality FROM ({readings}) ORDER BY metric, time"
_NOTHING = """(SELECT NULL::VARCHAR AS device, NULL::VARCHAR AS metric, NULL::TIMESTAMPTZ AS time, NULL::DOUBLE AS value,
                   NULL::VARCHAR AS quality, NULL::BIGINT AS sequence WHERE false)"""

TAIL = pa.schema([f for f in lake.SCHEMA if f.name not in ("device", "day")])


@dataclass(frozen=True)
class Question:
    """Readings of a device and some of its metrics, from `since` to before `until` (milliseconds since 1970)."""

    device: str
    metrics: Sequence[str]
    since: int
    until: int

    def days(self) -> tuple[date, date]:
        """First and last day of the city that it touches."""
        first, last = ((ms + lake.CITY_OFFSET_MS) // lake.DAY_MS for ms in (self.since, max(self.since, self.until - 1)))
        return date.fromordinal(_EPOCH + first), date.fromordinal(_EPOCH + last)


_EPOCH = date(1970, 1, 1).toordinal()


class Shelf:
    """The table of history files as this process knows it, brought up to date for each question."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._table: DeltaTable | None = None

    def look(self, stream: str, question: Question) -> tuple[int | None, list[str]]:
        """Up to which sequence of a stream readings are in files, and the files that may hold the answer; both of one moment."""
        with self._lock:
            table = self._fresh()
            if table is None:
                return None, []
            first, last = question.days()
            pruned = f"day >= '{first}' AND day <= '{last}' AND device = '{question.device}'"
            return lake.position(table, stream), table.file_uris(file_pruning_predicate=pruned)

    def _fresh(self) -> DeltaTable | None:
        path = lake.folder()
        if self._table is None or self._path != path:
            if not DeltaTable.is_deltatable(str(path)):
                return None
            self._path, self._table = path, DeltaTable(path)
        else:
            self._table.update_incremental()
        return self._table

    def forget(self) -> None:
        """Open the table anew next time."""
        with self._lock:
            self._table = None


@lru_cache(maxsize=1)
def _engine() -> duckdb.DuckDBPyConnection:
    return lake.engine()


def _ask(question: Question, files: Sequence[str], tail: pa.Table, query: str, more: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    source = "read_parquet($files, hive_partitioning = false)" if files else _NOTHING
    cursor = _engine().cursor()
    cursor.register("tail", tail)
    values = {"device": question.device, "metrics": list(question.metrics), "since": question.since, "until": question.until, **more}
    if files:
        values["files"] = list(files)
    return cursor.execute(query.format(readings=_READINGS.format(source=source)), values)


def series(question: Question, files: Sequence[str], tail: pa.Table, points: int) -> list[tuple[Any, ...]]:
    """Rows of (metric, raw, time in ms, least, greatest, mean, count), by metric and time."""
    width = max(1, -(-(question.until - question.since) // points))
    return _ask(question, files, tail, _SERIES, {"points": points, "width": width}).fetchall()


def rows(question: Question, files: Sequence[str], tail: pa.Table, batch: int = 10_000) -> Iterator[list[tuple[Any, ...]]]:
    """All readings as lists of (metric, time in ms, value, quality), by metric and time."""
    found = _ask(question, files, tail, _ROWS, {})
    while part := found.fetchmany(batch):
        yield part


def device(session: Session, device_id: UUID) -> tuple[str, str, str] | None:
    """Key, name and area of a device in the caller's scope."""
    found = session.execute(select(Device.key, Device.name, Device.region_code).where(Device.id == device_id)).one_or_none()
    return None if found is None else (found[0], found[1], found[2])
