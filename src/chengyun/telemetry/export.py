"""Readings as files: CSV that a spreadsheet opens without harm, Parquet for programs."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile

import pyarrow as pa
import pyarrow.parquet as pq

from chengyun.kernel.settings import get_settings
from chengyun.telemetry import service
from chengyun.telemetry.latest import iso
from chengyun.telemetry.service import Asked, Found

CSV_NAMES = ("device", "device_name", "metric", "metric_name", "unit", "time", "value", "quality")
_PARQUET = pa.schema(
    [
        ("device", pa.string()),
        ("metric", pa.string()),
        ("unit", pa.string()),
        ("time", pa.timestamp("ms", "UTC")),
        ("value", pa.float64()),
        ("quality", pa.string()),
    ]
)


def safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def as_csv(asked: Asked, found: Found, lang: str) -> Iterator[bytes]:
    """UTF-8 with the mark that lets spreadsheets read Chinese, in parts as they are read."""
    yield b"\xef\xbb\xbf"
    fixed = safe(asked.question.device), safe(asked.name)
    names = {k: (safe(k), safe(zh if lang.startswith("zh") else en), safe(asked.units[k])) for k, (zh, en) in asked.names.items()}
    yield ",".join(CSV_NAMES).encode() + b"\r\n"
    for part in service.rows(asked, found):
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerows((*fixed, *names[metric], iso(moment), repr(value), quality) for metric, moment, value, quality in part)
        yield text.getvalue().encode()


def as_parquet(asked: Asked, found: Found) -> Path:
    """A file in the scratch folder; the caller deletes it once it is sent."""
    scratch = get_settings().data_dir / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    with (
        NamedTemporaryFile(dir=scratch, suffix=".parquet", delete=False) as file,
        pq.ParquetWriter(file, _PARQUET, compression="zstd") as writer,
    ):
        for part in service.rows(asked, found):
            metrics, moments, values, qualities = zip(*part, strict=True)
            units = [asked.units[m] for m in metrics]
            device = [asked.question.device] * len(part)
            columns = [device, list(metrics), units, list(moments), list(values), list(qualities)]
            writer.write_table(pa.table([pa.array(c, f.type) for c, f in zip(columns, _PARQUET, strict=True)], schema=_PARQUET))
    return Path(file.name)
