"""Errors that people and programs can read: RFC 9457 problem details, a stable code, a sentence in the caller's language.

Each room registers its codes in its own `errors.py`; the English and the Chinese sentence stand side by side.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

Sentences = tuple[int, str, str]

_CATALOGUE: dict[str, Sentences] = {}


def register(codes: dict[str, Sentences]) -> None:
    """Add codes: `{"case.not_allowed": (409, "中文句子 {param}", "English sentence {param}")}`."""
    for code, entry in codes.items():
        if _CATALOGUE.get(code, entry) != entry:
            raise ValueError(f"error code {code} is registered twice")
        _CATALOGUE[code] = entry


def catalogue() -> dict[str, Sentences]:
    """All codes known, with status and sentences."""
    return dict(_CATALOGUE)


def sentence(code: str, lang: str, params: dict[str, Any]) -> str:
    """The sentence of a code in a language; the code itself where none is registered."""
    entry = _CATALOGUE.get(code)
    if entry is None:
        return code
    template = entry[1] if lang.startswith("zh") else entry[2]
    try:
        return template.format(**params)
    except (KeyError, IndexError):
        return template


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field: its path such as `place.lon` or `rows[3].name`, a code, and the code's parameters."""

    field: str
    code: str
    params: dict[str, Any] = dataclasses.field(default_factory=dict)


class Problem(Exception):
    """A refusal. `code` names it, `field` says where, further keywords fill the sentence and `extra` goes to the caller as it is."""

    def __init__(
        self,
        code: str,
        status: int | None = None,
        field: str | None = None,
        errors: list[FieldError] | None = None,
        extra: dict[str, Any] | None = None,
        **params: Any,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.status = status or _CATALOGUE.get(code, (400, "", ""))[0]
        self.params = params
        self.errors = list(errors or [])
        if field is not None:
            self.errors.insert(0, FieldError(field, code, params))
        self.extra = extra or {}

    def __str__(self) -> str:
        return sentence(self.code, "en", self.params)

    def body(self, lang: str) -> dict[str, Any]:
        """The problem document in a language."""
        detail = sentence(self.code, lang, self.params)
        return {
            "type": f"urn:chengyun:problem:{self.code}",
            "title": detail,
            "status": self.status,
            "code": self.code,
            "detail": detail,
            "errors": [{"field": e.field, "code": e.code, "detail": sentence(e.code, lang, e.params)} for e in self.errors],
            **self.extra,
        }


register(
    {
        "request.invalid": (422, "请求内容有误:{count} 处不符合要求", "The request has {count} invalid field(s)"),
        "request.json": (
            400,
            "请求不是有效的 JSON(第 {position} 个字节附近)",
            "The body is not valid JSON (near byte {position})",
        ),
        "request.unreadable": (400, "请求内容无法读取", "The body cannot be read"),
        "request.too_large": (
            413,
            "请求超过 {limit} 字节的上限",
            "The request is larger than the limit of {limit} bytes",
        ),
        "request.cursor": (
            400,
            "翻页标记无效,请从第一页重新开始",
            "The page cursor is not valid; start again from the first page",
        ),
        "request.not_found": (404, "没有这个地址", "There is nothing at this address"),
        "request.method": (405, "此地址不支持这种操作", "This address does not support that method"),
        "object.not_found": (404, "没有找到,或不在您的管辖范围内", "Not found, or outside your area"),
        "object.conflict": (409, "与已有数据冲突:{what}", "It conflicts with what is there already: {what}"),
        "access.sign_in": (401, "请先登录", "Please sign in"),
        "access.denied": (
            403,
            "您的岗位没有此项权限({permission})",
            "Your post does not have this permission ({permission})",
        ),
        "access.csrf": (403, "页面已过期,请刷新后重试", "The page has expired; reload it and try again"),
        "server.failed": (
            500,
            "平台内部出错,已记录,编号 {request_id}",
            "The platform failed; it has been recorded as {request_id}",
        ),
        "server.busy": (
            503,
            "平台暂时无法处理,请稍后重试",
            "The platform cannot do this right now; please try again shortly",
        ),
        "field.missing": (422, "必填", "is required"),
        "field.type": (422, "类型不对,应为{zh}", "has the wrong type; expected {en}"),
        "field.choice": (422, "只能是 {choices} 之一", "must be one of {choices}"),
        "field.finite": (422, "应为有限的数", "must be a finite number"),
        "field.timezone": (422, "时间要带时区,如 +08:00", "must be a time with a zone, such as +08:00"),
        "field.count": (422, "个数应{bound} {limit}", "must have {bound} {limit} entries"),
        "field.value": (422, "取值不符合要求:{reason}", "is not acceptable: {reason}"),
        "field.unknown": (422, "没有这个字段", "is not a known field"),
        "field.too_long": (422, "最多 {limit} 个字", "must have at most {limit} characters"),
        "field.too_short": (422, "至少 {limit} 个字", "must have at least {limit} characters"),
        "field.range": (422, "应{bound} {limit}", "must be {bound} {limit}"),
        "field.pattern": (422, "格式不对", "does not have the right form"),
        "field.control_characters": (422, "含有不可见的控制字符", "contains control characters"),
    }
)
