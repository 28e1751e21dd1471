"""Readings in and out by HTTP, through the whole application with API keys and devices' secrets."""

import csv
import io
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import duckdb
import orjson
import pytest
from fastapi.testclient import TestClient

from chengyun.accounts import service as accounts
from chengyun.kernel import clock
from chengyun.kernel.db import Scope, transaction
from chengyun.kernel.settings import get_settings
from chengyun.server.app import create_app
from chengyun.telemetry import service
from chengyun.telemetry.archive import run_archive
from chengyun.telemetry.message import to_ms
from chengyun.telemetry.repository import lake
from tests.support import eventually
from tests.telemetry.conftest import program, put, rows

Headers = dict[str, str]


@pytest.fixture(scope="module")
def client(fleet: dict[str, str]) -> Iterator[TestClient]:
    shutil.rmtree(get_settings().data_dir / "history", ignore_errors=True)
    service.forget()
    os.environ["CHENGYUN_ARCHIVE_FLUSH_SECONDS"] = "0.2"
    get_settings.cache_clear()
    with transaction(Scope.everything()) as session:
        accounts.seed(session)
    with TestClient(create_app(), raise_server_exceptions=False) as client:
        yield client
    del os.environ["CHENGYUN_ARCHIVE_FLUSH_SECONDS"]
    get_settings.cache_clear()


@pytest.fixture(scope="module")
def key(client: TestClient) -> Callable[..., Headers]:
    numbers = iter(range(100))

    def make(*permissions: str, area: str | None = None) -> Headers:
        with transaction(Scope.everything()) as session:
            areas = [area] if area else []
            _, secret = accounts.create_api_key(session, None, name=f"key {next(numbers)}", permissions=permissions, area_codes=areas)
        return {"Authorization": f"Bearer {secret}", "Accept-Language": "en"}

    return make


@pytest.fixture(scope="module")
def writer(key: Callable[..., Headers]) -> Headers:
    return key("telemetry.write")


@pytest.fixture(scope="module")
def reader(key: Callable[..., Headers]) -> Headers:
    return key("device.read", "deadletter.read")


def device_id(name: str) -> str:
    return str(rows("SELECT id FROM device WHERE key = %s", name)[0][0])


def now() -> int:
    return to_ms(clock.now())


def history(client: TestClient, headers: Headers, name: str, **query: Any) -> dict[str, Any]:
    answer = client.get("/api/v1/telemetry/history", params={"device_id": device_id(name), **query}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def values(answer: dict[str, Any], metric: str) -> list[float]:
    return [p[3] for s in answer["series"] if s["metric"] == metric for p in s["points"]]


def test_good_readings_are_taken_and_bad_ones_are_named(client: TestClient, writer: Headers, reader: Headers) -> None:
    body = [
        {"device": "a", "ts": now(), "values": {"ch4": 1.5, "h2s": "x", "nope": 1}},
        {"device": "stranger", "values": {"ch4": 1}},
        {"device": "b", "ts": now() + 3_600_000, "values": {"ch4": 1}},
        {"values": {"ch4": 1}},
        {"device": "b", "values": {"ch4": 101}},
    ]
    answer = client.post("/api/v1/telemetry", json=body, headers=writer)
    assert answer.status_code == 202, answer.text
    assert answer.json()["accepted"] == 1
    told = [(r["index"], r["field"], r["code"]) for r in answer.json()["refused"]]
    assert told == [
        (0, "values.h2s", "value.not_number"),
        (0, "values.nope", "metric.unknown"),
        (1, "device", "device.stranger"),
        (2, "ts", "time.future"),
        (3, "device", "device.missing"),
        (4, "values.ch4", "value.range"),
    ]
    assert values(history(client, reader, "a"), "ch4") == [1.5]
    listed = client.get("/api/v1/telemetry/dead-letters", params={"device": "b"}, headers=reader).json()["items"]
    assert {item["reason"] for item in listed} == {"value.range", "time.future"}
    assert "outside the model's physical range 0.0–100.0 %LEL" in next(i["detail"] for i in listed if i["reason"] == "value.range")


def test_ndjson_errors_name_their_line(client: TestClient, writer: Headers) -> None:
    body = b'{"device":"a","values":{"ch4":2}}\n\n{"device":"a","values":\n{"device":"no","values":{}}\n{"device":"b","values":{"ch4":3}}\n'
    answer = client.post("/api/v1/telemetry", content=body, headers={**writer, "Content-Type": "application/x-ndjson"})
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 2
    assert [(r["line"], r["code"]) for r in answer.json()["refused"]] == [(3, "message.json"), (4, "device.stranger")]


def test_senml_by_http(client: TestClient, writer: Headers, reader: Headers) -> None:
    pack = [{"bn": "far/", "bt": now() / 1000, "n": "ch4", "v": 7}, {"n": "fan", "vb": True, "t": -1}]
    answer = client.post("/api/v1/telemetry", content=orjson.dumps(pack), headers={**writer, "Content-Type": "application/senml+json"})
    assert answer.json() == {"accepted": 2, "refused": []}
    found = history(client, reader, "far")
    assert (values(found, "ch4"), values(found, "fan")) == ([7], [1])


def test_a_device_sends_with_its_own_secret(client: TestClient, fleet: dict[str, str], reader: Headers) -> None:
    answer = client.post("/api/v1/telemetry", json={"values": {"ch4": 4}}, auth=("gw2", fleet["gw2"]))
    assert answer.json() == {"accepted": 1, "refused": []}
    child = [{"device": "gw2-1", "values": {"ch4": 5}}, {"device": "a", "values": {"ch4": 6}}]
    answer = client.post("/api/v1/telemetry", json=child, auth=("gw2", fleet["gw2"]))
    assert answer.json()["accepted"] == 1
    assert answer.json()["refused"][0]["code"] == "device.not_child"
    assert values(history(client, reader, "gw2-1"), "ch4") == [5]
    for user, secret in (("gw2", fleet["a"]), ("_http", fleet["a"]), ("gw2\x00", ""), ("", "")):
        assert client.post("/api/v1/telemetry", json={"values": {"ch4": 4}}, auth=(user, secret)).status_code == 401


def test_a_key_reaches_the_devices_of_its_area_only(client: TestClient, key: Callable[..., Headers]) -> None:
    yuzhong = key("telemetry.write", "device.read", "deadletter.read", area="500103")
    body = [{"device": "far", "values": {"ch4": 66}}, {"device": "a", "values": {"ch4": 8}}]
    answer = client.post("/api/v1/telemetry", json=body, headers=yuzhong)
    assert answer.json()["accepted"] == 1
    assert answer.json()["refused"][0]["code"] == "device.stranger"
    asked = client.get("/api/v1/telemetry/history", params={"device_id": device_id("far")}, headers=yuzhong)
    assert asked.status_code == 404
    listed = client.get("/api/v1/telemetry/dead-letters", headers=key("deadletter.read", area="500101")).json()
    assert {item["region_code"][:6] for item in listed["items"]} <= {"500101"}


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "telemetry.nothing"),
        (b"", "application/json", 400, "telemetry.nothing"),
        (b"[]", "application/json", 422, "telemetry.nothing"),
        (b"7", "application/json", 422, "telemetry.nothing"),
        (b"\xff\xfe", "application/x-ndjson", 400, "telemetry.nothing"),
        (b"<a/>", "text/xml", 415, "telemetry.body"),
        (b" " * 8_000_001, "application/json", 413, "request.too_large"),
    ],
)
def test_a_body_without_readings_is_refused(client: TestClient, writer: Headers, content: bytes, kind: str, status: int, code: str) -> None:
    answer = client.post("/api/v1/telemetry", content=content, headers={**writer, "Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_refusal_of_everything_is_told_in_whole_sentences(client: TestClient, writer: Headers) -> None:
    body = b'{"device": "nobody", "values": {"ch4": 1}}\n{"device": '
    answer = client.post("/api/v1/telemetry", content=body, headers={**writer, "Content-Type": "application/x-ndjson"}).json()
    told = {e["code"]: e["detail"] for e in answer["errors"]}
    assert {r["code"]: r["detail"] for r in answer["refused"]} == told
    assert len(told) == 2
    assert "nobody" in " ".join(told.values())


def test_who_may_not(client: TestClient, writer: Headers, reader: Headers) -> None:
    assert client.post("/api/v1/telemetry", json={}).status_code == 401
    assert client.post("/api/v1/telemetry", json={}, headers=reader).status_code == 403
    for path in ("history", "export", "dead-letters", "dead-letters/summary"):
        assert client.get(f"/api/v1/telemetry/{path}", params={"device_id": device_id("a")}, headers=writer).status_code == 403


def test_a_large_body_is_stored_in_messages_that_the_bus_takes(client: TestClient, writer: Headers, reader: Headers) -> None:
    start = now() - 60_000_000
    body = [{"device": "gw1-2", "ts": start + n * 1000, "values": {"ch4": n % 100, "h2s": n % 7}} for n in range(40_000)]
    answer = client.post("/api/v1/telemetry", json=body, headers=writer)
    assert answer.json() == {"accepted": 80_000, "refused": []}
    found = history(client, reader, "gw1-2", metric="ch4", points=100)
    (curve,) = found["series"]
    assert not curve["raw"]
    assert len(curve["points"]) <= 101
    assert sum(p[4] for p in curve["points"]) == 40_000
    assert max(p[2] for p in curve["points"]) == 99


def test_history_joins_files_and_newest_readings_without_doubles(client: TestClient, writer: Headers, reader: Headers) -> None:
    start = now() - 600_000

    def send(numbers: range, value: float) -> None:
        put(("b", [{"ts": start + n * 1000, "values": {"h2s": value}} for n in numbers]))

    with program(run_archive):
        send(range(100), 1)
        eventually(lambda: len(lake.files(lake.open_table())) > 0)
        send(range(50, 150), 2)
        last = put(("a", {"values": {"fan": 0}}))
        eventually(lambda: (lake.position(lake.open_table(), stream()) or 0) >= last)
    send(range(100, 200), 3)
    found = history(client, reader, "b", metric="h2s")
    assert values(found, "h2s") == [1] * 50 + [2] * 50 + [3] * 100
    assert found["series"][0]["raw"]
    assert found["until_sequence"] > last
    assert found["complete"]
    narrow = history(client, reader, "b", metric="h2s", since=iso(start + 98_000), until=iso(start + 102_000))
    assert values(narrow, "h2s") == [2, 2, 3, 3]


def stream() -> str:
    import asyncio

    from chengyun.kernel.bus import connect
    from chengyun.telemetry.reader import stream_state

    async def ask() -> str:
        bus = await connect("tests")
        try:
            return (await stream_state(bus)).born
        finally:
            await bus.close()

    return asyncio.run(ask())


def iso(ms: int) -> str:
    from chengyun.telemetry.latest import iso as text

    return text(ms)


def test_questions_that_cannot_be_answered(client: TestClient, reader: Headers) -> None:
    def status(**query: Any) -> int:
        return client.get("/api/v1/telemetry/history", params={"device_id": device_id("a"), **query}, headers=reader).status_code

    assert status(metric="nope") == 422
    assert status(since=iso(now()), until=iso(now() - 1)) == 422
    assert status(since=iso(now() - 800 * 86_400_000)) == 422
    assert status(since="2026-01-01T00:00:00") == 422
    assert status(points=0) == 422
    assert status(device_id="00000000-0000-0000-0000-000000000000") == 404


def test_export_as_csv_and_parquet(client: TestClient, reader: Headers, tmp_path: Any) -> None:
    query = {"device_id": device_id("b"), "metric": "h2s", "since": iso(now() - 86_400_000)}
    answer = client.get("/api/v1/telemetry/export", params=query, headers=reader)
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"\xef\xbb\xbf")
    lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(lines) == 200
    assert lines[0]["device"] == "b"
    assert lines[0]["unit"] == "mg/m3"
    answer = client.get("/api/v1/telemetry/export", params={**query, "format": "parquet"}, headers=reader)
    (tmp_path / "x.parquet").write_bytes(answer.content)
    assert duckdb.execute("SELECT count(*), max(value) FROM read_parquet(?)", [str(tmp_path / "x.parquet")]).fetchone() == (200, 3)
    assert not list((get_settings().data_dir / "tmp").glob("*.parquet"))
    noted = rows("SELECT count(*) FROM audit_log WHERE action = 'telemetry.export'")
    assert noted == [(2,)]


def test_a_text_is_no_formula() -> None:
    from chengyun.telemetry.export import safe

    assert [safe(t) for t in ("=1+1", "-2", "+3", "@x", "\tx", "池 1")] == ["'=1+1", "'-2", "'+3", "'@x", "'\tx", "池 1"]


def test_dead_letters_in_detail_and_in_sum(client: TestClient, writer: Headers, reader: Headers) -> None:
    body = [{"device": "gw1", "values": {"ch4": v}} for v in (-5, 500, 501)]
    assert client.post("/api/v1/telemetry", json=body, headers=writer).status_code == 422
    page = client.get("/api/v1/telemetry/dead-letters", params={"device": "gw1", "limit": 2}, headers=reader).json()
    rest = client.get("/api/v1/telemetry/dead-letters", params={"device": "gw1", "limit": 2, "cursor": page["next"]}, headers=reader)
    assert len(page["items"] + rest.json()["items"]) == 3
    letter = client.get(f"/api/v1/telemetry/dead-letters/{page['items'][0]['id']}", headers={**reader, "Accept-Language": "zh"}).json()
    assert orjson.loads(letter["payload"]) == body
    summary = client.get("/api/v1/telemetry/dead-letters/summary", headers=reader).json()
    assert {"gw1": 3}.items() <= {d["device_key"]: d["count"] for d in summary["devices"]}.items()
    assert summary["total"] == sum(r["count"] for r in summary["reasons"])
    assert client.get(f"/api/v1/telemetry/dead-letters/{device_id('a')}", headers=reader).status_code == 404


def test_old_dead_letters_are_forgotten(client: TestClient) -> None:
    real = clock.now()
    clock.set_clock(clock.ManualClock(real + timedelta(days=31)))
    with transaction(Scope.everything()) as session:
        assert service.forget_dead_letters(session) > 0
    assert rows("SELECT (SELECT count(*) FROM dead_letter), (SELECT count(*) FROM dead_letter_count)") == [(0, 0)]
