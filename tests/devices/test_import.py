"""Devices from a table: every fault told with row and column, all or nothing."""

import csv
import io
import string
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chengyun.accounts import service as accounts
from chengyun.devices import service
from chengyun.devices.api import router
from chengyun.devices.fleet import Fleet
from chengyun.devices.service.importing import COLUMNS
from chengyun.kernel.db import Scope, raw_transaction, transaction
from tests.devices.conftest import DAPING, ENGINEER, JIEFANGBEI, YUBEI, YUZHONG, add
from tests.devices.test_state import query
from tests.support.rooms import signed_in

pytestmark = pytest.mark.usefixtures("city")
PATH = "/api/v1/devices/import"
numbers = count()


@pytest.fixture(scope="module", autouse=True)
def stock(city: str) -> None:
    with transaction(Scope.everything()) as session:
        accounts.ensure_organisation(
            session, key="sanitation", name="环卫中心", name_en="", kind="department", parent_key=None, area_code="500103"
        )
    add("gate", model="collector")
    add("taken")
    add("far", place=YUBEI)


@pytest.fixture(scope="module")
def client(city: str) -> Iterator[TestClient]:
    with signed_in(ENGINEER, router) as (found, _):
        yield found


def table(rows: Sequence[dict[str, Any]], columns: Sequence[str] = COLUMNS) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([[row.get(c, "") for c in columns] for row in rows])
    return out.getvalue().encode()


def row(**more: Any) -> dict[str, Any]:
    return {"key": f"i-{next(numbers)}", "name": "导入", "model": "tank", "lon": JIEFANGBEI[0], "lat": JIEFANGBEI[1]} | more


def send(client: TestClient, content: bytes, **params: Any) -> Any:
    return client.post(PATH, params=params, files={"file": ("devices.csv", content, "text/csv")})


def size() -> tuple[Any, ...]:
    tables = ("device", "device_state", "device_credential")
    return tuple(query(f"SELECT count(*) FROM {t}")[0][0] for t in tables) + query("SELECT next_device FROM device_revision")[0]


def faults(answer: Any) -> set[tuple[int, str, str]]:
    return {(f["row"], f["column"], f["code"]) for f in answer.json()["rows"]}


def test_a_table_becomes_devices_with_secrets(client: TestClient) -> None:
    first = row(gateway="gate", owner="sanitation", address="民生路,1 号", component_code="50010300103001234")
    rows = [first, row(region_code="500103001"), row(lon="", lat="", region_code="500103")]
    answer = send(client, table(rows))
    assert answer.status_code == 200, answer.text
    assert answer.json() | {"rows": 3, "created": 3, "dry_run": False} == answer.json()
    for r in rows:
        assert service.check_secret(r["key"], answer.json()["secrets"][r["key"]])
    found = query("SELECT name, address, component_code, gateway_id IS NOT NULL FROM device WHERE key = %s", rows[0]["key"])
    assert found == [("导入", "民生路,1 号", "50010300103001234", True)]
    assert query("SELECT region_code FROM device WHERE key = %s", rows[1]["key"]) == [("500103001",)]


def test_a_gateway_and_its_children_come_in_one_file_in_any_order(client: TestClient) -> None:
    gateway = row(model="collector")
    child = row(gateway=gateway["key"])
    assert send(client, table([child, gateway])).status_code == 200
    assert query("SELECT g.key FROM device d JOIN device g ON g.id = d.gateway_id WHERE d.key = %s", child["key"]) == [(gateway["key"],)]


def test_every_fault_is_told_with_its_row_and_column_and_nothing_is_taken(client: TestClient) -> None:
    before = size()
    good = row()
    rows = [
        good,
        row(key=""),
        row(key="a b", model="", lon="x"),
        row(model="unheard"),
        row(lon="106,5"),
        row(lat=""),
        row(lon=0, lat=0),
        row(lon=200),
        row(lon="", lat=""),
        row(region_code="999999"),
        row(region_code="5001"),
        row(key="taken"),
        row(key=good["key"]),
        row(gateway="nobody"),
        row(owner="nobody"),
        row(component_code="12"),
        row(name="x" * 121),
        row(name="a\u0001b"),
        row(lon="nan"),
        row(lon="1_0"),
        row(lon="١٠٦"),
    ]
    answer = send(client, table(rows))
    assert (answer.status_code, answer.json()["code"]) == (422, "import.rejected")
    assert faults(answer) == {
        (3, "key", "field.missing"),
        (4, "key", "field.pattern"),
        (4, "model", "field.missing"),
        (4, "lon", "import.number"),
        (5, "model", "model.unknown"),
        (6, "lon", "import.number"),
        (7, "lat", "field.missing"),
        (8, "lon", "device.place_outside"),
        (9, "lon", "place.coordinates"),
        (10, "lon", "device.place_needed"),
        (11, "region_code", "region.unknown"),
        (12, "region_code", "field.pattern"),
        (13, "key", "device.key_taken"),
        (14, "key", "device.key_twice"),
        (15, "gateway", "device.gateway_unknown"),
        (16, "owner", "device.owner_unknown"),
        (17, "component_code", "field.pattern"),
        (18, "name", "field.too_long"),
        (19, "name", "field.control_characters"),
        (20, "lon", "import.number"),
        (21, "lon", "import.number"),
        (22, "lon", "import.number"),
    }
    twice = next(f for f in answer.json()["rows"] if f["row"] == 14)
    assert twice["reason"] == f"设备标识 {good['key']} 在第 2 行已出现"
    assert answer.json()["title"] == "21 行中有 20 行有误,未导入任何设备"
    assert size() == before


def test_reasons_are_in_the_callers_language() -> None:
    with signed_in(replace(ENGINEER, lang="en"), router) as (client, _):
        reason = send(client, table([row(model="unheard")])).json()["rows"][0]["reason"]
    assert reason == "There is no device model unheard"


def test_a_dry_run_finds_the_same_and_keeps_nothing(client: TestClient) -> None:
    before, rows = size(), [row(), row()]
    answer = send(client, table(rows), dry_run=True)
    assert answer.json() == {"rows": 2, "created": 0, "dry_run": True, "secrets": {}}
    assert size() == before
    wrong = table([row(), row(key="taken")])
    assert faults(send(client, wrong, dry_run=True)) == faults(send(client, wrong)) == {(3, "key", "device.key_taken")}
    assert send(client, table(rows)).json()["created"] == 2


def test_an_engineer_imports_into_the_own_area_only() -> None:
    before = size()
    with signed_in(YUZHONG, router) as (client, lines):
        answer = send(client, table([row(), row(lon=YUBEI[0], lat=YUBEI[1]), row(region_code="500101"), row(key="far")]))
        assert {(3, "lon", "device.area_denied"), (4, "region_code", "device.area_denied")} <= faults(answer)
        assert size() == before
        assert lines == []
        # Not seen, and yet taken.
        assert faults(send(client, table([row(key="far")]))) == {(2, "key", "device.key_taken")}
        assert send(client, table([row()])).status_code == 200
        assert [(line["action"], line["detail"]) for line in lines] == [("device.import", {"rows": 1})]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "import.header"),
        (b"key,name,model\r\n", "import.empty"),
        (b"key,name,model\n\n , ,\n", "import.empty"),
        (b"key,name\na,b\n", "import.header"),
        (b"key,name,model,colour\na,b,tank,red\n", "import.header_unknown"),
        (b"key,name,model,key\na,b,tank,c\n", "import.header_unknown"),
        (b"\xff\xfe\x00k", "import.encoding"),
        (b'key,name,model\n"a,b,tank\n', "import.quoting"),
        (b"PK\x03\x04" + bytes(200), "import.header_unknown"),
        (b"key,name,model\na,b\n", "import.rejected"),
        (b"key,name,model\na,b,tank,\n", "import.rejected"),
        (b"key,name,model\n\x00,b,tank\n", "import.rejected"),
    ],
)
def test_what_is_no_table_is_refused_clearly(client: TestClient, content: bytes, code: str) -> None:
    answer = send(client, content)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert answer.json()["detail"]


def test_spreadsheets_of_china_are_read(client: TestClient) -> None:
    for encoding in ("gb18030", "utf-8-sig"):
        r = row(name="解放碑一号井", address="")
        assert send(client, table([r]).decode().encode(encoding)).status_code == 200
        assert query("SELECT name, address FROM device WHERE key = %s", r["key"]) == [("解放碑一号井", None)]


def test_a_file_that_is_too_large_is_refused(client: TestClient) -> None:
    assert send(client, b"key,name,model\n" + b"x" * 21_000_000).status_code == 413
    many = b"key,name,model\n" + b"a,b,tank\n" * 50_001
    assert send(client, many).json()["code"] == "import.too_many"


# Cells with what is wrong about them; `None`: nothing.
NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=20)
CELLS = {
    "name": st.one_of(
        NAMES.map(lambda t: (t, None)),
        st.just(("", "field.missing")),
        st.just(("x" * 121, "field.too_long")),
        st.just(("a\x07b", "field.control_characters")),
    ),
    "model": st.sampled_from([("tank", None), ("tank", None), ("collector", None), ("Tank", "field.pattern"), ("", "field.missing")]),
    "lon": st.one_of(
        st.floats(106.52, 106.56).map(lambda x: (repr(x), None)),
        st.just(("east", "import.number")),
        st.just(("1e400", "import.number")),
        st.just(("-190", "place.coordinates")),
    ),
    "component_code": st.one_of(
        st.text(string.digits, min_size=16, max_size=17).map(lambda t: (t, None)),
        st.text(string.digits, min_size=1, max_size=15).map(lambda t: (t, "field.pattern")),
        st.just(("", None)),
    ),
    "gateway": st.sampled_from([("", None), ("gate", None), ("no gate", "field.pattern")]),
}
ROWS = st.lists(st.fixed_dictionaries(CELLS), min_size=1, max_size=8)


@given(rows=ROWS, dry_run=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_exactly_the_wrong_cells_are_told_and_all_or_nothing_is_taken(client: TestClient, rows: list[Any], dry_run: bool) -> None:
    lines = [row(**{c: cell for c, (cell, _) in r.items()}, lat=DAPING[1]) for r in rows]
    expected = {(i, c, code) for i, r in enumerate(rows, start=2) for c, (_, code) in r.items() if code}
    before = size()
    answer = send(client, table(lines), dry_run=dry_run)
    if expected:
        assert (answer.status_code, faults(answer)) == (422, expected)
        assert size() == before
    else:
        assert answer.status_code == 200, answer.text
        added = 0 if dry_run else len(rows)
        assert answer.json()["created"] == added
        assert size() == tuple(n + added for n in before)


@given(content=st.binary(max_size=300) | st.text(max_size=300).map(lambda t: ("key,name,model\n" + t).encode("utf-8", "replace")))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_file_whatever_makes_the_platform_fail(client: TestClient, content: bytes) -> None:
    assert send(client, content, dry_run=True).status_code in (200, 413, 422)


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 4)),
        st.tuples(st.just("fail"), st.integers(1, 3)),
        st.tuples(st.just("retire"), st.integers(0, 50)),
        st.tuples(st.just("dry"), st.integers(1, 3)),
    ),
    max_size=8,
)


@given(operations=OPERATIONS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_rows_of_the_fleet_keep_their_place(client: TestClient, operations: list[tuple[str, int]]) -> None:
    def load() -> Fleet:
        with raw_transaction(Scope.everything()) as connection:
            return Fleet.load(connection)

    fleet = load()
    for what, n in operations:
        before = fleet
        expected: list[str] = []
        if what == "add":
            lines = [row() for _ in range(n)]
            expected = [r["key"] for r in lines]
            assert send(client, table(lines)).status_code == 200
        elif what == "fail":
            assert send(client, table([*(row() for _ in range(n)), row(key="taken")])).status_code == 422
        elif what == "dry":
            assert send(client, table([row() for _ in range(n)]), dry_run=True).status_code == 200
        else:
            device = client.get(f"/api/v1/devices/{before.ids[n % len(before)]}").json()
            body = {"retired": device["retired_at"] is None, "revision": device["revision"]}
            assert client.patch(f"/api/v1/devices/{device['id']}", json=body).status_code == 200
        fleet = load()
        assert fleet.keys == before.keys + expected
        assert fleet.ids[: len(before)] == before.ids
        assert fleet.row_of == {k: i for i, k in enumerate(fleet.keys)}
        assert len(fleet.active) == len(fleet.model) == len(fleet.gateway) == len(fleet.regions) == len(fleet)
        assert (fleet.revision == before.revision) == (what in ("fail", "dry"))
        if what == "retire":
            assert fleet.active[n % len(before)] != before.active[n % len(before)]


def test_ten_thousand_rows_are_imported_in_seconds(client: TestClient) -> None:
    rows = [row(lon=106.52 + i % 100 / 5000, lat=29.55 + i // 100 / 20000) for i in range(10_000)]
    assert send(client, table(rows)).json()["created"] == 10_000
