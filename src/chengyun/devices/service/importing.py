"""Devices from a table: every row is checked, every fault is told with its row and column, and all or none are taken."""

import csv
import io
import math
import re
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chengyun.accounts import service as accounts
from chengyun.devices.schemas import DEVICE_KEY, NAME_KEY, ImportOut
from chengyun.devices.service.registry import NewDevice, try_register
from chengyun.kernel.errors import FieldError, Problem, sentence
from chengyun.kernel.http import Actor, audit
from chengyun.kernel.texts import has_control_characters

REQUIRED = ("key", "name", "model")
COLUMNS = (*REQUIRED, "lon", "lat", "region_code", "address", "component_code", "gateway", "owner")
MOST_ROWS = 50_000
_MOST_ERRORS = 500
_LIMITS = {"name": 120, "address": 200}
_PATTERNS = {
    "key": re.compile(DEVICE_KEY.replace("$", r"\Z"), re.ASCII),
    "model": re.compile(NAME_KEY.replace("$", r"\Z"), re.ASCII),
    "component_code": re.compile(r"\d{16,17}\Z", re.ASCII),
    "region_code": re.compile(r"(\d{6}|\d{9}|\d{12}|\d{12}[0-9A-Z]{3})\Z", re.ASCII),
    "gateway": re.compile(DEVICE_KEY.replace("$", r"\Z"), re.ASCII),
}
_BOUNDS = {"lon": 180.0, "lat": 90.0}
# What the shared checks call a field → the column of the file.
_COLUMN_OF = {"place": "lon", "gateway_key": "gateway"}

Line = tuple[int, dict[str, str]]
Fault = tuple[int, FieldError]


def import_devices(session: Session, actor: Actor, content: bytes, *, dry_run: bool) -> ImportOut:
    """Register the devices of a CSV file (UTF-8 or GB18030, header as in `COLUMNS`), all or none. Audited.

    Rows are numbered as a spreadsheet shows them: the header is row 1. A dry run checks everything and keeps nothing.
    """
    lines, faults = read(content)
    rows, more = _devices(session, lines)
    faults += more
    wrong = {row for row, _ in faults}
    good = [(row, device) for (row, _), device in zip(lines, rows, strict=True) if row not in wrong]
    # A trial within the transaction finds what only the database knows; the caller's transaction is given up on any fault.
    savepoint = session.begin_nested()
    secrets, found = try_register(session, [device for _, device in good], True, by=actor.name, actor=actor)
    # A gateway whose own row is wrong is not unknown.
    waiting = {device.key for (row, _), device in zip(lines, rows, strict=True) if row in wrong}
    found = [(i, e) for i, e in found if e.code != "device.gateway_unknown" or e.params["gateway"] not in waiting]
    faults += [(good[i][0], _placed(error, good)) for i, error in found]
    if faults:
        savepoint.rollback()
        raise _rejected(faults, len(lines) + len({row for row, _ in faults} - {row for row, _ in lines}), actor.lang)
    if dry_run:
        savepoint.rollback()
        return ImportOut(rows=len(lines), created=0, dry_run=True, secrets={})
    savepoint.commit()
    audit(session, actor, "device.import", "device", "import", {"rows": len(lines)})
    return ImportOut(rows=len(lines), created=len(lines), dry_run=False, secrets=secrets)


def _placed(error: FieldError, good: list[tuple[int, NewDevice]]) -> FieldError:
    """A finding in terms of the file: its column, and its own numbering of rows."""
    params = dict(error.params)
    if "row" in params:
        params["row"] = good[int(params["row"]) - 1][0]
    return FieldError(_COLUMN_OF.get(error.field, error.field), error.code, params)


def _rejected(faults: list[Fault], rows: int, lang: str) -> Problem:
    faults.sort(key=lambda f: (f[0], COLUMNS.index(f[1].field) if f[1].field in COLUMNS else -1))
    listed = [
        {"row": row, "column": e.field, "code": e.code, "reason": sentence(e.code, lang, e.params)} for row, e in faults[:_MOST_ERRORS]
    ]
    errors = [FieldError(f"rows[{row}].{e.field}", e.code, e.params) for row, e in faults[:_MOST_ERRORS]]
    bad = len({row for row, _ in faults})
    return Problem("import.rejected", errors=errors, extra={"rows": listed, "fault_count": len(faults)}, bad=bad, rows=rows)


def decode(content: bytes) -> str:
    """Text of a file in UTF-8 or GB18030 (what spreadsheets in China write); refuses anything else."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Problem("import.encoding", field="file")


def read(content: bytes) -> tuple[list[Line], list[Fault]]:
    """Rows of the file as columns by name, and rows with a wrong number of columns."""
    text = decode(content)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines: list[Line] = []
    faults: list[Fault] = []
    number = 0
    try:
        header = _header(next(reader, []))
        for number, cells in enumerate(reader, start=2):
            if not any(cell.strip() for cell in cells):
                continue
            if len(lines) + len(faults) >= MOST_ROWS:
                raise Problem("import.too_many", field="file", limit=MOST_ROWS)
            if len(cells) != len(header):
                faults.append((number, FieldError("row", "import.columns", {"found": len(cells), "expected": len(header)})))
            else:
                lines.append((number, {name: cell.strip() for name, cell in zip(header, cells, strict=True)}))
    except csv.Error:
        raise Problem("import.quoting", field="file", row=number + 1) from None
    if not lines and not faults:
        raise Problem("import.empty", field="file")
    return lines, faults


def _header(cells: list[str]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    known = ", ".join(COLUMNS)
    for i, name in enumerate(names):
        if name not in COLUMNS or name in names[:i]:
            raise Problem("import.header_unknown", field="file", column=name[:40], known=known)
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise Problem("import.header", field="file", missing=", ".join(missing), known=known)
    return names


def _devices(session: Session, lines: list[Line]) -> tuple[list[NewDevice], list[Fault]]:
    owners = _owners(session, {cells["owner"] for _, cells in lines if cells.get("owner")})
    devices: list[NewDevice] = []
    faults: list[Fault] = []
    for row, cells in lines:
        device, errors = _device(cells, owners)
        devices.append(device)
        faults += [(row, error) for error in errors]
    return devices, faults


def _owners(session: Session, keys: set[str]) -> dict[str, UUID]:
    found = {key: accounts.organisation_by_key(session, key) for key in sorted(keys) if not has_control_characters(key)}
    return {key: unit.id for key, unit in found.items() if unit is not None}


def _device(cells: dict[str, str], owners: dict[str, UUID]) -> tuple[NewDevice, list[FieldError]]:
    errors = [e for name, cell in cells.items() for e in _text_errors(name, cell)]
    numbers: dict[str, Any] = {}
    for name, bound in _BOUNDS.items():
        numbers[name], wrong = _number(name, cells.get(name, ""), bound)
        errors += wrong
    if (numbers["lon"] is None) != (numbers["lat"] is None) and not any(e.field in _BOUNDS for e in errors):
        errors.append(FieldError("lon" if numbers["lon"] is None else "lat", "field.missing"))
    owner = cells.get("owner", "")
    if owner and owner not in owners:
        errors.append(FieldError("owner", "device.owner_unknown"))
    device = NewDevice(
        cells["key"],
        cells["name"],
        cells["model"],
        **numbers,
        region_code=cells.get("region_code", ""),
        address=cells.get("address") or None,
        component_code=cells.get("component_code") or None,
        gateway_key=cells.get("gateway") or None,
        owner_org_id=owners.get(owner),
    )
    return device, errors


def _text_errors(name: str, cell: str) -> list[FieldError]:
    if not cell:
        return [FieldError(name, "field.missing")] if name in REQUIRED else []
    if has_control_characters(cell):
        return [FieldError(name, "field.control_characters")]
    if name in _LIMITS and len(cell) > _LIMITS[name]:
        return [FieldError(name, "field.too_long", {"limit": _LIMITS[name]})]
    if name in _PATTERNS and not _PATTERNS[name].match(cell):
        return [FieldError(name, "field.pattern")]
    return []


def _number(name: str, cell: str, bound: float) -> tuple[float | None, list[FieldError]]:
    if not cell:
        return None, []
    try:
        value = float(cell) if cell.isascii() and "_" not in cell else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        return None, [FieldError(name, "import.number")]
    if abs(value) > bound:
        return None, [FieldError(name, "place.coordinates")]
    return value, []
