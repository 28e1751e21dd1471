"""Errors of a manifest with their place in the text, in both languages."""

import difflib
from itertools import pairwise
from typing import Any, get_args

from pydantic import BaseModel

from chengyun.kernel.errors import sentence
from chengyun.packs.checking import Finding
from chengyun.packs.reader import Document, Path, Unreadable
from chengyun.packs.schemas import Manifest, PackError

_TYPES = {
    "string": ("文本", "a text"),
    "int": ("整数", "a whole number"),
    "float": ("数", "a number"),
    "bool": ("true 或 false", "true or false"),
    "list": ("列表", "a list"),
    "dict": ("键值表", "a map of names and values"),
    "model": ("键值表", "a map of names and values"),
    "finite": ("数", "a number"),
}
_LENGTHS = {
    "string_too_long": ("field.too_long", "max_length"),
    "string_too_short": ("field.too_short", "min_length"),
}
_RANGES = {
    "greater_than": (">", "gt"),
    "greater_than_equal": ("≥", "ge"),
    "less_than": ("<", "lt"),
    "less_than_equal": ("≤", "le"),
}
# What the rooms say in English when two fields contradict each other.
_REASONS = {
    "low must be less than high": "low 必须小于 high",
    "normal_low must not exceed normal_high": "normal_low 不能大于 normal_high",
    "no_data has no metric, every other kind needs one": "no_data 不写指标,其他类型都必须写指标",
    "a level is given twice": "同一等级写了两次",
    "thresholds of rate are all positive (a rise) or all negative (a fall)": "rate 的阈值要么全为正(上升),要么全为负(下降)",
    "thresholds of no_data are seconds above zero": "no_data 的阈值是大于零的秒数",
    "a more severe level needs a threshold further out": "阈值顺序不对:等级越高(数字越小),阈值应越远离正常值",
    "each level of outside has low and high, and no threshold": "outside 的每一级都要写 low 和 high,不写 threshold",
    "a more severe level needs bounds further out": "上下限顺序不对:等级越高(数字越小),上下限应越宽",
}
_TWINS = " given more than once"
_THRESHOLD = " has a threshold, and neither low nor high"


def shown(path: Path) -> str:
    """A path in words: `rules[3].levels[0].threshold`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(c if c.isprintable() else "?" for c in text.removeprefix("."))[:200]


def of_unreadable(failure: Unreadable) -> PackError:
    """The error of a text that cannot be read at all."""
    line, column = failure.position
    return PackError(line, column, shown(failure.path), *_both(failure.code, failure.params))


def of_twice(document: Document) -> list[PackError]:
    """Errors of names that stand twice in one map."""
    return [PackError(*at, shown(path), *_both("pack.twice", {"line": before[0]})) for path, at, before in document.twice]


def of_shape(document: Document, found: list[dict[str, Any]]) -> list[PackError]:
    """Errors that Pydantic found."""
    return [_located(document, _shape(document.value, error)) for error in found]


def of_misfits(document: Document, found: list[Finding]) -> list[PackError]:
    """Errors of parts that do not fit each other."""
    return [_located(document, finding) for finding in found]


def _located(document: Document, finding: Finding) -> PackError:
    line, column = document.key_at(finding.path) if finding.at_name else document.value_at(finding.path)
    params = dict(finding.params)
    if "twin" in params:
        params["line"] = document.value_at(params.pop("twin"))[0]
    return PackError(line, column, shown(finding.path), *_both(finding.code, params))


def _both(code: str, params: dict[str, Any]) -> tuple[str, str]:
    return sentence(code, "zh-CN", params), sentence(code, "en", params)


def _shape(value: Any, error: dict[str, Any]) -> Finding:
    path: Path = tuple(error["loc"])
    kind, context, given = str(error["type"]), error.get("ctx", {}), error.get("input")
    if kind == "missing":
        return Finding(path, "field.missing")
    if kind == "extra_forbidden":
        like = difflib.get_close_matches(str(path[-1]), fields_at(path[:-1]), 1)
        return Finding(path, "pack.unknown_like" if like else "field.unknown", {"like": like[0]} if like else {}, at_name=True)
    if kind in _LENGTHS:
        code, name = _LENGTHS[kind]
        return Finding(path, code, {"limit": context.get(name)})
    if kind in _RANGES:
        bound, name = _RANGES[kind]
        return Finding(path, "field.range", {"bound": bound, "limit": context.get(name)})
    if kind in ("too_long", "too_short"):
        limit = context.get("max_length" if kind == "too_long" else "min_length")
        return Finding(path, "field.range", {"bound": "≤" if kind == "too_long" else "≥", "limit": limit})
    if kind == "string_pattern_mismatch":
        return Finding(path, "field.pattern")
    if kind in ("enum", "literal_error"):
        return Finding(path, "pack.choice", {"choices": str(context.get("expected", "")).replace("'", "").replace(" or ", ", ")})
    if kind == "string_type" and isinstance(given, int | float) and not isinstance(given, bool):
        return Finding(path, "pack.quotes", {"value": given})
    if kind == "control_characters" or "control characters" in str(error["msg"]):
        return Finding(path, "field.control_characters")
    words = _TYPES.get(kind.split("_", 1)[0])
    if words is not None and kind not in ("model_attributes_error",):
        return Finding(path, "pack.type", {"zh": words[0], "en": words[1]})
    return _reason(value, path, str(error["msg"]).removeprefix("Value error, "))


def _reason(value: Any, path: Path, text: str) -> Finding:
    """A contradiction, placed at the field that has to change."""
    if text.endswith(_TWINS):
        zh = text.removesuffix(_TWINS) + " 写了不止一次"
    elif text.endswith(_THRESHOLD):
        zh = text.split(" of ")[-1].removesuffix(_THRESHOLD) + " 的每一级都要写 threshold,不写 low 和 high"
    else:
        zh = _REASONS.get(text, text)
    try:
        spot = _spot(_at(value, path), text)
    except (KeyError, IndexError, TypeError, ValueError):
        spot = ()
    return Finding((*path, *spot), "pack.reason", {"zh": zh, "en": text})


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def _spot(thing: Any, text: str) -> Path:
    """Which field of a thing a contradiction is about."""
    if text.endswith(_TWINS):
        return _twin(thing, text.removesuffix(_TWINS).split(", "))
    if text == "low must be less than high" and "levels" not in thing:
        return ("low",)
    if text.startswith("normal_low"):
        return ("normal_low",)
    if "no_data has no metric" in text:
        return ("metric",)
    levels: list[dict[str, Any]] = thing["levels"]
    if text == "a level is given twice":
        seen = [level["level"] for level in levels]
        return ("levels", next(i for i, level in enumerate(seen) if level in seen[:i]), "level")
    if "further out" in text:
        return _misplaced(thing["kind"], levels)
    wrong = next(i for i, level in enumerate(levels) if _breaks(level, text))
    return ("levels", wrong, "threshold") if "seconds above zero" in text else ("levels", wrong)


def _breaks(level: dict[str, Any], text: str) -> bool:
    if text.endswith(_THRESHOLD):
        return level.get("threshold") is None or "low" in level or "high" in level
    if text.startswith("each level of outside"):
        return "threshold" in level or level.get("low") is None or level.get("high") is None
    if text.startswith("low must"):
        return bool(level["low"] >= level["high"])
    return bool(level["threshold"] <= 0)


def _misplaced(kind: str, levels: list[dict[str, Any]]) -> Path:
    """The first level, from the mildest on, whose threshold does not lie further out than that of the level before."""
    order = sorted(range(len(levels)), key=lambda i: -int(levels[i]["level"]))
    for mild, severe in pairwise(order):
        a, b = levels[mild], levels[severe]
        if kind == "outside":
            if b["low"] > a["low"] or b["high"] < a["high"] or (a["low"], a["high"]) == (b["low"], b["high"]):
                return ("levels", severe, "low" if b["low"] > a["low"] else "high")
            continue
        outer, inner = (abs(b["threshold"]), abs(a["threshold"])) if kind == "rate" else (b["threshold"], a["threshold"])
        if (outer >= inner) if kind == "below" else (outer <= inner):
            return ("levels", severe, "threshold")
    return ("levels",)


def _twin(thing: Any, keys: list[str]) -> Path:
    for part in ("metrics", "commands", "arguments"):
        seen: set[str] = set()
        for i, item in enumerate(thing.get(part) or []):
            if item["key"] in keys and item["key"] in seen:
                return (part, i, "key")
            seen.add(item["key"])
    return ()


def fields_at(path: Path) -> list[str]:
    """Names that a map at a path of the manifest may have."""
    model: type[BaseModel] | None = Manifest
    for part in path:
        if model is None or isinstance(part, int):
            continue
        found = next((f for name, f in model.model_fields.items() if part in (name, f.alias)), None)
        model = part_model(found.annotation) if found else None
    return [f.alias or name for name, f in model.model_fields.items()] if model else []


def part_model(annotation: Any) -> type[BaseModel] | None:
    """The model within an annotation such as `list[RuleSpec]` or `LimitSpec | None`."""
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation if issubclass(annotation, BaseModel) else None
    return next((found for part in get_args(annotation) if (found := part_model(part)) is not None), None)
