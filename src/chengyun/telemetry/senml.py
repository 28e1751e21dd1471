"""SenML in JSON (RFC 8428), resolved to plain records: names, times and values with their base fields applied."""

import math
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

LABELS = frozenset(["bn", "bt", "bu", "bv", "bs", "bver", "n", "u", "v", "vs", "vb", "vd", "s", "t", "ut"])
# § 4.1: only these characters, beginning with a letter or digit.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]{0,199}")
# § 4.5.3: times below 2**28 seconds are relative to now.
_ABSOLUTE = float(2**28)
_NUMBERS = frozenset(["bt", "bv", "bs", "v", "s", "t", "ut", "bver"])
_BASE = frozenset(["bn", "bt", "bu", "bv", "bs"])
_OWN = frozenset(["n", "v", "vs", "vb", "vd", "s"])
_TEXTS = frozenset(["bn", "bu", "n", "u", "vs", "vd"])


class Entry(NamedTuple):
    """One value of a pack. `name` is the metric, `child` the device before the slash, `time` milliseconds since 1970."""

    item: int
    child: str | None
    name: str
    time: float
    unit: str | None
    value: float


@dataclass(frozen=True)
class Fault:
    """What is wrong with a record of a pack; `index` -1: with the whole pack."""

    index: int
    code: str
    params: dict[str, Any]


def is_pack(items: list[Any]) -> bool:
    """Whether an array is meant as SenML: records with SenML's labels and none with the platform's own `values`."""
    return any(isinstance(i, dict) and not LABELS.isdisjoint(i) for i in items) and not any(
        isinstance(i, dict) and "values" in i for i in items
    )


def resolve(items: list[Any], arrival: int) -> tuple[list[Entry], list[Fault]]:
    """Values and faults of a pack that arrived at a moment (milliseconds since 1970)."""
    refused = _whole(items)
    if refused is not None:
        return [], [refused]
    base: dict[str, Any] = {}
    entries: list[Entry] = []
    faults: list[Fault] = []
    for index, item in enumerate(items):
        found = _record(index, item, base, arrival)
        if isinstance(found, Entry):
            entries.append(found)
        elif found is not None:
            faults.append(found)
    return entries, faults


def _whole(items: list[Any]) -> Fault | None:
    """§ 4.4: a field that must be understood, or a newer version, refuses the whole pack."""
    for item in items:
        if not isinstance(item, dict):
            continue
        unknown = item.keys() - LABELS
        for label in sorted(unknown):
            if label.endswith("_"):
                return Fault(-1, "senml.must_understand", {"label": label[:40]})
        version = item.get("bver", 10)
        if not _is_number(version) or version > 10:
            return Fault(-1, "senml.version", {"version": str(version)[:20]})
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(_float(value))


def _float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _misfit(index: int, item: dict[str, Any]) -> Fault | None:
    for label, value in item.items():
        kind = type(value)
        if label in _NUMBERS:
            if (kind is float and math.isfinite(value)) or (kind is int and math.isfinite(_float(value))):
                continue
            # A value that is no number keeps the plain reason, whatever form it came in.
            if label == "v":
                shown = "NaN/Infinity" if kind is float else type_name(value)
                return Fault(index, "value.not_number", {"metric": str(item.get("n", ""))[:64], "kind": shown})
            return Fault(index, "senml.field", {"label": label, "kind": "number"})
        if label in _TEXTS and kind is not str:
            return Fault(index, "senml.field", {"label": label, "kind": "text"})
        if label == "vb" and kind is not bool:
            return Fault(index, "senml.field", {"label": "vb", "kind": "boolean"})
    return None


def type_name(value: Any) -> str:
    """What JSON calls a value."""
    names = {bool: "boolean", str: "text", list: "array", dict: "object", type(None): "null", int: "integer", float: "number"}
    return names.get(type(value), "something else")


def _record(index: int, item: Any, base: dict[str, Any], arrival: int) -> Entry | Fault | None:
    if not isinstance(item, dict):
        return Fault(index, "message.shape", {"index": index})
    wrong = _misfit(index, item)
    # Base fields hold for the records that follow even when this one's own value is refused.
    if not _BASE.isdisjoint(item):
        base.update({k: v for k, v in item.items() if k in _BASE and (wrong is None or wrong.params.get("label") != k)})
    if wrong is not None:
        return wrong
    if _OWN.isdisjoint(item):
        return None
    name = base.get("bn", "") + item.get("n", "")
    if not _NAME.fullmatch(name):
        return Fault(index, "senml.name", {"name": name[:80]})
    child, _, metric = name.rpartition("/")
    if "s" in item or "bs" in base:
        return Fault(index, "senml.sum", {})
    if "vs" in item or "vd" in item:
        return Fault(index, "senml.text", {"metric": metric[:64]})
    if "vb" in item:
        value = 1.0 if item["vb"] else 0.0
    elif "v" in item:
        value = _float(item["v"]) + _float(base.get("bv", 0))
    else:
        return Fault(index, "senml.no_value", {"metric": metric[:64]})
    return Entry(index, child or None, metric, _time(base, item, arrival), item.get("u", base.get("bu")), value)


def _time(base: dict[str, Any], item: dict[str, Any], arrival: int) -> float:
    seconds = _float(base.get("bt", 0)) + _float(item.get("t", 0))
    return arrival + seconds * 1000 if seconds < _ABSOLUTE else seconds * 1000
