"""What Pydantic finds, in the platform's codes and in both languages."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from chengyun.accounts.schemas import Phone
from chengyun.cases.schemas import CaseIn, Line
from chengyun.devices.schemas import Plain
from chengyun.kernel.errors import sentence
from chengyun.server.findings import field_error
from chengyun.server.rooms import import_work


class Colour(StrEnum):
    RED = "red"


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: int | None = None
    small: Annotated[float, Field(ge=0, lt=10, allow_inf_nan=False)] = 0
    name: Annotated[str, Field(min_length=1, max_length=3)] = "x"
    code: Annotated[str, Field(pattern="^a$")] = "a"
    line: Line = ""
    plain: Annotated[str, Plain] = ""
    phone: Phone = "12345"
    colour: Colour = Colour.RED
    word: Literal["a", "b"] = "a"
    moment: datetime | None = None
    zoned: AwareDatetime | None = None
    day: date | None = None
    id: UUID | None = None
    rows: Annotated[list[int], Field(max_length=2)] = []
    flag: bool = False
    query: str = ""
    needed: int


CASES: list[tuple[dict[str, Any], str, str, str, str]] = [
    ({"number": "x"}, "number", "field.type", "类型不对,应为整数", "has the wrong type; expected a whole number"),
    ({"small": "x"}, "small", "field.type", "类型不对,应为数", "has the wrong type; expected a number"),
    ({"small": float("nan")}, "small", "field.finite", "应为有限的数", "must be a finite number"),
    ({"small": -1}, "small", "field.range", "应≥ 0.0", "must be ≥ 0.0"),
    ({"small": 10}, "small", "field.range", "应< 10.0", "must be < 10.0"),
    ({"name": ""}, "name", "field.too_short", "至少 1 个字", "must have at least 1 characters"),
    ({"name": "long"}, "name", "field.too_long", "最多 3 个字", "must have at most 3 characters"),
    ({"code": "b"}, "code", "field.pattern", "格式不对", "does not have the right form"),
    ({"line": "a\x00"}, "line", "field.control_characters", "含有不可见的控制字符", "contains control characters"),
    ({"plain": "a\x1b"}, "plain", "field.control_characters", "含有不可见的控制字符", "contains control characters"),
    ({"name": "\ud800"}, "name", "field.control_characters", "含有不可见的控制字符", "contains control characters"),
    (
        {"phone": "no"},
        "phone",
        "field.telephone",
        "电话号码由数字、空格、+、- 和括号组成,至少 5 位数字",
        "A phone number has digits, spaces, +, - and brackets, five digits at least",
    ),
    ({"colour": "blue"}, "colour", "field.choice", "只能是 red 之一", "must be one of red"),
    ({"word": "c"}, "word", "field.choice", "只能是 a, b 之一", "must be one of a, b"),
    (
        {"moment": "x"},
        "moment",
        "field.type",
        "类型不对,应为时间,如 2026-11-25T08:00:00+08:00",
        "has the wrong type; expected a time such as 2026-11-25T08:00:00+08:00",
    ),
    (
        {"zoned": "2026-11-25T08:00:00"},
        "zoned",
        "field.timezone",
        "时间要带时区,如 +08:00",
        "must be a time with a zone, such as +08:00",
    ),
    (
        {"day": "2026-02-30"},
        "day",
        "field.type",
        "类型不对,应为日期,如 2026-11-25",
        "has the wrong type; expected a date such as 2026-11-25",
    ),
    ({"id": "x"}, "id", "field.type", "类型不对,应为UUID 标识", "has the wrong type; expected a UUID"),
    ({"rows": [1, 2, 3]}, "rows", "field.count", "个数应≤ 2", "must have ≤ 2 entries"),
    ({"rows": ["x"]}, "rows.0", "field.type", "类型不对,应为整数", "has the wrong type; expected a whole number"),
    ({"flag": "maybe"}, "flag", "field.type", "类型不对,应为true 或 false", "has the wrong type; expected true or false"),
    ({"query": 1}, "query", "field.type", "类型不对,应为文本", "has the wrong type; expected a text"),
    ({"needed": None, "x" * 999: 1}, "x" * 200, "field.unknown", "没有这个字段", "is not a known field"),
]


@pytest.mark.parametrize(("given", "field", "code", "zh", "en"), CASES, ids=lambda v: v if isinstance(v, str) else "")
def test_each_finding_has_a_code_and_reads_well(given: dict[str, Any], field: str, code: str, zh: str, en: str) -> None:
    import_work()
    with pytest.raises(ValidationError) as failure:
        Body.model_validate({"needed": 1, **given})
    found = field_error({**failure.value.errors()[-1], "loc": ("body", *failure.value.errors()[-1]["loc"])})
    assert (found.field, found.code) == (field, code)
    assert sentence(found.code, "zh-CN", found.params) == zh
    assert sentence(found.code, "en", found.params) == en


def test_a_finding_about_the_whole_body() -> None:
    import_work()
    with pytest.raises(ValidationError) as failure:
        CaseIn.model_validate({"source": "public", "description": "x"})
    found = field_error({**failure.value.errors()[0], "loc": ("body",)})
    assert (found.field, found.code) == ("body", "field.place")
