"""History files: one Delta table of Parquet files by day of the city, sorted by device, metric and time.

A commit carries the sequence of the stream up to which its readings reach, so data and place cannot part. Files are
written and flushed to disk here, then named in the table's log: after a power cut the log never names a file that is not whole.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.transaction import AddAction, RemoveAction

from chengyun.kernel import clock
from chengyun.kernel.ids import uuid7
from chengyun.kernel.settings import get_settings
from chengyun.telemetry.batch import Int64s

DAY_MS = 86_400_000
CITY_OFFSET_MS = 8 * 3_600_000
ROW_GROUP = 65_536
# A file beyond this size is left alone until its day is over.
SMALL_FILE = 64 * 1024**2
LARGE_FILE = 512 * 1024**2

SCHEMA = pa.schema(
    [
        ("device", pa.string()),
        ("metric", pa.string()),
        ("time", pa.timestamp("us", "UTC")),
        ("value", pa.float64()),
        ("quality", pa.string()),
        ("sequence", pa.int64()),
        ("day", pa.date32()),
    ]
)
_STORED = [name for name in SCHEMA.names if name != "day"]
_CONFIGURATION = {"delta.checkpointInterval": "50", "delta.logRetentionDuration": "interval 1 days"}
_LABELS = pa.array(["good", "late"])


@dataclass(frozen=True)
class Rows:
    """Readings on their way into files. Keys are places in `devices` and `metrics`; `time` in milliseconds since 1970."""

    devices: Sequence[str]
    metrics: Sequence[str]
    device: npt.NDArray[np.int32]
    metric: npt.NDArray[np.int32]
    time: Int64s
    value: npt.NDArray[np.float64]
    late: npt.NDArray[np.bool_]
    sequence: Int64s


@dataclass(frozen=True)
class DataFile:
    """A file of the table."""

    path: str
    size: int
    day: date


def folder() -> Path:
    """Where the table lies."""
    return get_settings().data_dir / "history" / "readings"


def open_table() -> DeltaTable:
    """The table; made when there is none. Only the archive calls this."""
    path = folder()
    if not DeltaTable.is_deltatable(str(path)):
        path.mkdir(parents=True, exist_ok=True)
        return DeltaTable.create(path, SCHEMA, mode="ignore", partition_by=["day"], configuration=_CONFIGURATION)
    _drop_torn_commit(path / "_delta_log")
    return DeltaTable(path)


def _drop_torn_commit(log: Path) -> None:
    """After a power cut the newest entry of the log may be torn. It was never confirmed: its readings come again from the stream."""
    entries = sorted(p for p in log.glob("*.json") if p.stem.isdigit())
    if not entries:
        return
    try:
        lines = entries[-1].read_bytes().splitlines()
        if lines and all(isinstance(json.loads(line), dict) for line in lines):
            return
    except ValueError:
        pass
    entries[-1].unlink()


def position(table: DeltaTable, stream: str) -> int | None:
    """Sequence up to which a stream's readings are in the table; None when there are none."""
    found = table.transaction_version(_application(stream))
    return None if found is None else int(found)


def _application(stream: str) -> str:
    return f"archive of {stream}"


def append(table: DeltaTable, rows: Rows | None, stream: str, sequence: int) -> None:
    """Add readings and the place that they reach, in one commit; without readings only the place."""
    actions = [] if rows is None else _write_days(rows)
    _commit(table, actions, CommitProperties(app_transactions=[Transaction(_application(stream), sequence)]))


def _commit(table: DeltaTable, actions: list[AddAction | RemoveAction], properties: CommitProperties | None = None) -> None:
    table.create_write_transaction(actions, "append", table.schema(), partition_by=["day"], commit_properties=properties)
    table.update_incremental()
    log = folder() / "_delta_log"
    _flush(log / f"{table.version():020}.json")
    _flush(log)


def _write_days(rows: Rows) -> list[AddAction | RemoveAction]:
    """One sorted file for each day among the readings."""
    day = (rows.time + CITY_OFFSET_MS) // DAY_MS
    device_rank, metric_rank = _ranks(rows.devices)[rows.device], _ranks(rows.metrics)[rows.metric]
    order = np.lexsort((rows.sequence, rows.time, metric_rank, device_rank, day))
    days, starts = np.unique(day[order], return_index=True)
    ends = [*starts[1:].tolist(), len(order)]
    return [_write(rows, order[a:b], int(d)) for d, a, b in zip(days.tolist(), starts.tolist(), ends, strict=True)]


def _ranks(keys: Sequence[str]) -> npt.NDArray[np.int64]:
    """Place of each key in the order of the alphabet, so that files are sorted as a reader compares."""
    order = sorted(range(len(keys)), key=keys.__getitem__)
    ranks = np.empty(len(keys), np.int64)
    ranks[order] = np.arange(len(keys))
    return ranks


def _write(rows: Rows, which: npt.NDArray[np.intp], day_number: int) -> AddAction:
    day = date(1970, 1, 1) + timedelta(days=day_number)
    table = pa.table(
        {
            "device": _dictionary(rows.devices, rows.device[which]),
            "metric": _dictionary(rows.metrics, rows.metric[which]),
            "time": pa.array(rows.time[which] * 1000, pa.timestamp("us", "UTC")),
            "value": pa.array(rows.value[which]),
            "quality": pa.DictionaryArray.from_arrays(pa.array(rows.late[which].astype(np.int8)), _LABELS),
            "sequence": pa.array(rows.sequence[which]),
        }
    )
    name = _new_file(day)
    pq.write_table(table, folder() / name, compression="zstd", compression_level=3, row_group_size=ROW_GROUP, store_schema=False)
    return _add(name, day, True)


def _dictionary(keys: Sequence[str], places: npt.NDArray[np.int32]) -> pa.DictionaryArray:
    used, codes = np.unique(places, return_inverse=True)
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array([keys[i] for i in used.tolist()], pa.string()))


def _new_file(day: date) -> str:
    (folder() / f"day={day}").mkdir(parents=True, exist_ok=True)
    return f"day={day}/{uuid7()}.zstd.parquet"


def _add(name: str, day: date, new: bool) -> AddAction:
    """Name a written file: on disk for good, with the bounds by which readers skip it."""
    path = folder() / name
    _flush(path)
    _flush(path.parent)
    stats = json.dumps(_stats(pq.read_metadata(path)))
    return AddAction(name, path.stat().st_size, {"day": str(day)}, int(path.stat().st_mtime * 1000), new, stats)


def _stats(meta: pq.FileMetaData) -> dict[str, Any]:
    low: dict[str, Any] = {}
    high: dict[str, Any] = {}
    for group in range(meta.num_row_groups):
        for column in range(meta.num_columns):
            part = meta.row_group(group).column(column)
            found = part.statistics
            if found is None or not found.has_min_max or part.path_in_schema == "quality":
                continue
            name = part.path_in_schema
            low[name] = min(low.get(name, found.min), found.min)
            high[name] = max(high.get(name, found.max), found.max)
    for bounds in (low, high):
        if "time" in bounds:
            bounds["time"] = bounds["time"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"numRecords": meta.num_rows, "minValues": low, "maxValues": high, "nullCount": dict.fromkeys(_STORED, 0)}


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def files(table: DeltaTable) -> list[DataFile]:
    """All files of the table."""
    found = pa.table(table.get_add_actions(flatten=True)).select(["path", "size_bytes", "partition.day"]).to_pylist()
    return [DataFile(f["path"], f["size_bytes"], f["partition.day"]) for f in found]


def compact(table: DeltaTable, day: date, old: Sequence[DataFile]) -> None:
    """Rewrite files of a day as one sorted file; readers that began before keep the old ones until they are vacuumed."""
    root, name = folder(), _new_file(day)
    with engine() as database:
        database.execute(
            f"COPY (SELECT {', '.join(_STORED)} FROM read_parquet(?, hive_partitioning = false)"  # noqa: S608
            f" ORDER BY device, metric, time, sequence) TO '{str(root / name).replace(chr(39), chr(39) * 2)}'"
            f" (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, ROW_GROUP_SIZE {ROW_GROUP})",
            [[str(root / f.path) for f in old]],
        )
    removed_at = int(clock.SystemClock().now().timestamp() * 1000)
    gone = [RemoveAction(f.path, False, removed_at, f.size, {"day": str(day)}) for f in old]
    _commit(table, [_add(name, day, False), *gone])


def vacuum(table: DeltaTable, hours: int) -> list[str]:
    """Delete files that were replaced so long ago; returns their names."""
    return list(table.vacuum(hours, dry_run=False, enforce_retention_duration=False))


def engine() -> duckdb.DuckDBPyConnection:
    """A DuckDB of its own, within bounds, that never reaches out to the network."""
    scratch = get_settings().data_dir / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    return duckdb.connect(
        config={
            "threads": 2,
            "memory_limit": "1GB",
            "temp_directory": str(scratch),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
