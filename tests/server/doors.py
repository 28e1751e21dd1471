"""Every door of the API as its own description tells, with a request that opens it, and what may be thrown at it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.server.conftest import WAY, World
from tests.support.cases import LITTER, PLACE

# The state in which a case stands before an operation on it.
BEFORE = {
    "accept": "reported",
    "reject": "reported",
    "file": "accepted",
    "refuse": "accepted",
    "dispatch": "filed",
    "sign": "dispatched",
    "send_back": "dispatched",
    "handle": "handling",
    "check_pass": "handled",
    "check_fail": "handled",
    "close": "checked",
    "void": "filed",
    "note": "filed",
}
NOBODY = "00000000-0000-4000-8000-000000000000"


@dataclass
class Door:
    """One operation: method, path with `{names}`, names of query fields, schema of the body."""

    method: str
    path: str
    name: str
    query: list[str]
    schema: dict[str, Any]
    kinds: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]


def doors(description: dict[str, Any]) -> Iterator[Door]:
    """All operations below /api/v1."""
    shapes = description["components"]["schemas"]
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema", {}) if operation["operationId"] != "send_readings" else {}
            if "$ref" in schema:
                schema = shapes[schema["$ref"].split("/")[-1]]
            query = [p["name"] for p in operation.get("parameters", []) if p["in"] == "query"]
            yield Door(method.upper(), path.removeprefix("/api/v1"), operation["operationId"], query, schema)


@dataclass
class Request:
    """What opens a door."""

    path: dict[str, str]
    body: dict[str, Any] | None


def opening(world: World, door: Door) -> Request:
    """A request that a door accepts; new rows where an earlier one has used them up."""
    fixed = dict(world.fixed)
    last = door.path.rsplit("/", 1)[-1]
    made = _BODIES.get(door.name)
    body = made(world) if made else None
    if "{case_id}" in door.path and door.method == "POST":
        case = world.case(BEFORE[last])
        fixed["case_id"] = case["id"]
        body = {"revision": case["revision"], **_STEP.get(last, lambda _w: {})(world)}
        if last == "note":
            del body["revision"]
    elif "{alarm_id}" in door.path and door.method == "POST":
        fixed["alarm_id"] = world.alarm()
    elif door.name == "change_device":
        device = world.device()
        fixed["device_id"] = device["id"]
        body = {"revision": device["revision"], "name": "新名"}
    fixed["key"] = {"roles": "spare", "rules": "none", "map": "devices", "packs": "septic"}.get(door.path.split("/")[1], "none")
    return Request(fixed, body)


_STEP: dict[str, Any] = {
    "reject": lambda w: {"reason": "重复"},
    "refuse": lambda w: {"reason": "重复"},
    "send_back": lambda w: {"reason": "非本单位职责"},
    "check_fail": lambda w: {"reason": "未清"},
    "void": lambda w: {"reason": "误报"},
    "handle": lambda w: {"feedback": "已清运"},
    "note": lambda w: {"note": "备注"},
    "dispatch": lambda w: {"unit_id": str(w.unit)},
}
_BODIES: dict[str, Any] = {
    "add_class": lambda w: {"edition": "47678.5-2026", "kind": "matter", "major": "06", "name": f"扩展{uuid4().hex[:6]}"},
    "put_day": lambda w: {"kind": "holiday", "name": "假日", "source": "通知", "area_code": "500103"},
    "put_hours": lambda w: {"area_code": "500103", "valid_from": "2027-01-01", "periods": "09:00-12:00,13:00-18:00"},
    "compute_deadline": lambda w: {"start": "2026-11-25T08:00:00+08:00", "limit": 3, "unit": "work_hour"},
    "correct_region": lambda w: {"note": "核对"},
    "sign_in": lambda w: {"username": "victim", "password": "wrong-password-1"},
    "change_password": lambda w: {"current_password": "wrong-password-1", "new_password": "another-Password-22"},
    "add_user": lambda w: {"username": f"u{uuid4().hex[:10]}", "name": "王五", "organisation_id": str(w.unit)},
    "change_user": lambda w: {"name": "赵六"},
    "set_password": lambda w: {"password": "another-Password-22"},
    "add_organisation": lambda w: {"key": f"k{uuid4().hex[:10]}", "name": "新单位", "kind": "department", "area_code": "500103"},
    "change_organisation": lambda w: {"name_en": "City"},
    "add_role": lambda w: {"key": f"r{uuid4().hex[:10]}", "name": f"岗{uuid4().hex[:6]}", "permissions": ["case.read"]},
    "change_role": lambda w: {"description": "全部"},
    "add_key": lambda w: {"name": "程序", "permissions": ["case.read"], "area_codes": ["500103"]},
    "register_device": lambda w: {"key": f"D{uuid4().hex[:12]}", "name": "设备", "model": "septic-gas", "place": PLACE},
    "issue_credential": lambda w: {"note": "备用"},
    "order_device": lambda w: {"command": "fan", "arguments": {"on": True}},
    "acknowledge_alarm": lambda w: {"note": "知道了"},
    "close_alarm": lambda w: {"reason": "误报"},
    "note_alarm": lambda w: {"text": "备注"},
    "open_for_alarm": lambda w: {"class": LITTER, "title": "告警", "description": "浓度过高"},
    "report_case": lambda w: {"source": "public", "class": LITTER, "description": "暴露垃圾", "place": PLACE},
    "check_pack": lambda w: {"text": "pack: {}"},
    "apply_pack": lambda w: {},
}
assert set(BEFORE.values()) <= set(WAY)

# JSON as it stands in the body, so that what no library would write is written too.
LONG = '"' + "长" * 3000 + '"'
WORDS = [
    '""',
    '" "',
    r'"\u0000"',
    r'"a\u0000b"',
    r'"\ud800"',
    r'"a\udfffb"',
    '"\\u202e\\ufeff"',
    r'"\u001b[31m"',
    LONG,
    '"\' OR 1=1; DROP TABLE app_user; --"',
    '"<script>alert(1)</script>"',
    '"../../../../etc/passwd"',
    '"{0.__class__} %s %(x)s ${jndi:ldap://x}"',
    f'"{NOBODY}"',
    '"9999-12-31T23:59:59.999999+00:00"',
    '"0001-01-01T00:00:00+14:00"',
    '"2026-02-30"',
    '"0x10"',
    '"１２３"',
]
# Such as may well pass for a name or a reason and so come further.
CUNNING = [
    r'"a\u0000b"',
    r'"\ud800"',
    LONG,
    '"<script>alert(1)</script>\' OR 1=1; DROP TABLE app_user; -- {0.__class__} %s \u202e"',
    f'"{NOBODY}"',
    '"9999-12-31T23:59:59.999999+00:00"',
]
NUMBERS = ["0", "-1", "1e400", "-1e400", "NaN", "Infinity", "-Infinity", "1e-320", "2147483648", "9223372036854775808", "1" * 400, "1.5"]
THINGS = [
    "null",
    "true",
    "[]",
    "{}",
    "[[]]",
    "[null]",
    '[{"$ne": 1}]',
    '{"$gt": ""}',
    '{"": {"": [1e999]}}',
    '["\\u0000"]',
    '["' + NOBODY + '"]',
]
CUNNING_QUERIES = [
    "a\x00b",
    "\ud800",
    "0",
    "9223372036854775808",
    "' OR 1=1 --",
    "%",
    NOBODY,
    "9999-12-31T23:59:59+00:00",
    "nan,nan,nan,nan",
]
QUERIES = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "%00",
    "\ud800",
    "-1",
    "0",
    "1e400",
    "nan",
    "inf",
    "9" * 30,
    "9223372036854775808",
    "长" * 700,
    "' OR 1=1 --",
    "%",
    "_",
    "\\",
    "<script>",
    "../..",
    NOBODY,
    "9999-12-31T23:59:59+00:00",
    "0001-01-01T00:00:00+14:00",
    "2026-02-30",
    "0,0,0,0",
    "nan,nan,nan,nan",
    "1,2,3",
    "true",
    "[]",
]
