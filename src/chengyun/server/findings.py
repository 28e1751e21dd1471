"""What Pydantic finds wrong with a request, in the platform's own codes and in words of both languages."""

from typing import Any

from chengyun.kernel.errors import FieldError, catalogue

_PLACES = ("body", "query", "path", "header", "cookie")
_LONGEST_NAME = 200
_LENGTHS = {"string_too_long": ("field.too_long", "max_length"), "string_too_short": ("field.too_short", "min_length")}
_RANGES = {
    "greater_than": (">", "gt"),
    "greater_than_equal": ("≥", "ge"),
    "less_than": ("<", "lt"),
    "less_than_equal": ("≤", "le"),
}
_COUNTS = {"too_long": ("≤", "max_length"), "too_short": ("≥", "min_length")}
_SINGLE = {
    "missing": "field.missing",
    "extra_forbidden": "field.unknown",
    "string_pattern_mismatch": "field.pattern",
    "finite_number": "field.finite",
    "timezone_aware": "field.timezone",
    "string_unicode": "field.control_characters",
}
# The first word of Pydantic's name of a type, in Chinese and in English.
_TYPES = {
    "string": ("文本", "a text"),
    "int": ("整数", "a whole number"),
    "float": ("数", "a number"),
    "decimal": ("数", "a number"),
    "bool": ("true 或 false", "true or false"),
    "list": ("列表", "a list"),
    "set": ("列表", "a list"),
    "tuple": ("列表", "a list"),
    "dict": ("对象", "an object"),
    "mapping": ("对象", "an object"),
    "model": ("对象", "an object"),
    "uuid": ("UUID 标识", "a UUID"),
    "date": ("日期,如 2026-11-25", "a date such as 2026-11-25"),
    "datetime": ("时间,如 2026-11-25T08:00:00+08:00", "a time such as 2026-11-25T08:00:00+08:00"),
    "time": ("一天中的时间,如 08:30", "a time of day such as 08:30"),
    "none": ("null", "null"),
    "bytes": ("文件", "a file"),
}


def field_error(error: dict[str, Any]) -> FieldError:
    """Pydantic's finding as one of our own codes; a room's own kind `x` is the code `field.x` where that is registered."""
    name, kind, context = _field(error["loc"]), str(error["type"]), error.get("ctx", {})
    if kind in _SINGLE:
        return FieldError(name, _SINGLE[kind])
    if kind in _LENGTHS:
        code, key = _LENGTHS[kind]
        return FieldError(name, code, {"limit": context.get(key)})
    if kind in _RANGES:
        bound, key = _RANGES[kind]
        return FieldError(name, "field.range", {"bound": bound, "limit": context.get(key)})
    if kind in _COUNTS:
        bound, key = _COUNTS[kind]
        return FieldError(name, "field.count", {"bound": bound, "limit": context.get(key)})
    if kind in ("enum", "literal_error"):
        choices = str(context.get("expected", "")).replace("'", "").replace(" or ", ", ")
        return FieldError(name, "field.choice", {"choices": choices})
    if f"field.{kind}" in catalogue():
        return FieldError(name, f"field.{kind}", context)
    words = _TYPES.get(kind.split("_", 1)[0])
    if words is not None:
        return FieldError(name, "field.type", {"zh": words[0], "en": words[1]})
    if "UploadFile" in str(error.get("msg")):
        return FieldError(name, "field.type", {"zh": "文件", "en": "a file"})
    return FieldError(name, "field.value", {"reason": str(error.get("msg", kind)).removeprefix("Value error, ")})


def _field(where: tuple[Any, ...]) -> str:
    """The path to the field; names that a caller made up may be of any length."""
    parts = where[1:] if where and where[0] in _PLACES else where
    return ".".join(str(part) for part in parts)[:_LONGEST_NAME] or "body"
