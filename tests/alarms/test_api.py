"""Alarms through HTTP: lists, why there is one, taking over, closing, rules."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event

from chengyun.alarms import service
from chengyun.alarms.api import router
from chengyun.kernel import clock
from chengyun.kernel.clock import ManualClock
from chengyun.kernel.db import Scope, get_engine, transaction
from chengyun.kernel.errors import Problem
from tests.alarms.conftest import EVERYTHING, METHANE, SILENCE, START, Rows, Watch, add, officer, officers, put, spec
from tests.support.rooms import signed_in

YUZHONG = Scope.of([("500103", "500104")])
ELSEWHERE = Scope.of([("500106", "500107")])


@pytest.fixture
def watch(rules: None) -> Watch:
    clock.set_clock(ManualClock(datetime.fromtimestamp(START / 1000, UTC)))
    return Watch()


@pytest.fixture
def desk() -> Iterator[TestClient]:
    with officers(officer()) as (client,):
        yield client


def alarmed(watch: Watch, *values: float) -> list[str]:
    """New devices, each with an alarm by a value; their keys."""
    keys = [f"a{uuid4().hex[:10]}" for _ in values]
    add(*keys)
    watch.renew()
    watch.read(*[(key, 60 * i, value) for i, (key, value) in enumerate(zip(keys, values, strict=True))])
    return keys


def listed(client: TestClient, **params: Any) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/alarms", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]  # type: ignore[no-any-return]


def only(client: TestClient, key: str) -> dict[str, Any]:
    (found,) = listed(client, q=key)
    return found


def test_the_most_severe_first_then_the_newest(watch: Watch, desk: TestClient) -> None:
    keys = alarmed(watch, 12, 50, 25, 13, 60)
    seen: list[str] = []
    cursor = None
    while True:
        page = desk.get("/api/v1/alarms", params={"state": "open", "limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += [item["device"]["key"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert [key for key in seen if key in keys] == [keys[i] for i in (4, 1, 2, 3, 0)]
    assert len(seen) == len(set(seen))


def test_what_a_list_shows_of_an_alarm(watch: Watch, desk: TestClient) -> None:
    (key,) = alarmed(watch, 25)
    shown = only(desk, key)
    assert shown["device"] == {"id": shown["device"]["id"], "key": key, "name": f"化粪池 {key}"}
    assert shown["rule"] == {**shown["rule"], "key": "tank-ch4", "name_zh": "甲烷浓度过高", "name_en": "Methane too high"}
    assert shown["area_name"].startswith("渝中区")
    assert (shown["level"], shown["state"], shown["metric"], shown["value"], shown["threshold"]) == (2, "raised", "ch4", 25, 20)
    assert shown["place"] == {"lon": 106.5745, "lat": 29.5587}
    assert shown["unit"] == "%LEL"


def test_filters(watch: Watch, desk: TestClient) -> None:
    keys = alarmed(watch, 12, 50)
    watch.read((keys[0], 600, 0))
    red = only(desk, keys[1])
    assert [a["device"]["key"] for a in listed(desk, q=keys[0], state="cleared")] == [keys[0]]
    assert listed(desk, q=keys[0], state="open") == []
    assert [a["id"] for a in listed(desk, device_id=red["device"]["id"])] == [red["id"]]
    assert red["id"] in [a["id"] for a in listed(desk, level=1, rule="tank-ch4", pack="septic", region="500103", limit=200)]
    assert red["id"] not in [a["id"] for a in listed(desk, region="500106", limit=200)]
    assert [a["id"] for a in listed(desk, q=f"化粪池 {keys[1]}")] == [red["id"]]
    assert listed(desk, q="100%_") == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("level=9", 422),
        ("state=lost", 422),
        ("device_id=x", 422),
        ("limit=0", 422),
        ("cursor=%00", 400),
        ("cursor=" + base64.urlsafe_b64encode(json.dumps(["x", "y", "z"]).encode()).decode().rstrip("="), 400),
        ("region=1%27", 422),
        ("q=%00", 422),
        ("q=" + "x" * 61, 422),
        ("rule=%00", 422),
        ("pack=%00", 422),
    ],
)
def test_a_bad_question_is_told_so(watch: Watch, desk: TestClient, query: str, status: int) -> None:
    answer = desk.get(f"/api/v1/alarms?{query}")
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_summary_counts_what_is_open(watch: Watch, desk: TestClient) -> None:
    before = desk.get("/api/v1/alarms/summary").json()
    keys = alarmed(watch, 12, 50, 50)
    watch.read((keys[2], 600, 0))
    desk.post(f"/api/v1/alarms/{only(desk, keys[0])['id']}/acknowledge", json={})
    after = desk.get("/api/v1/alarms/summary").json()
    assert {level: after["by_level"][level] - before["by_level"][level] for level in "1234"} == {"1": 1, "2": 0, "3": 1, "4": 0}
    district = next(d for d in after["by_district"] if d["code"] == "500103")
    assert district["name"] == "渝中区"
    assert district["total"] == sum(district["by_level"].values()) == sum(after["by_level"].values())


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("zh-CN", ["甲烷达到或超过 20 %LEL,持续 30 秒,即为橙色告警;本次为 26 %LEL", "回落超过 2 %LEL"]),
        ("en", ["Methane at or above 20 %LEL for 30 s: an orange alarm", "It was 26 %LEL"]),
    ],
)
def test_an_alarm_explains_itself(watch: Watch, desk: TestClient, lang: str, words: list[str]) -> None:
    put(spec(METHANE, hold_seconds=30, source="CJJ 6-2009 5.3"), spec(SILENCE))
    watch.renew()
    (key,) = alarmed(watch, 25)
    watch.read((key, 30, 26))
    with officers(officer(lang=lang)) as (client,):
        detail = client.get(f"/api/v1/alarms/{only(client, key)['id']}").json()
    explain = detail["explain"]
    for part in words:
        assert part in explain["text"]
    assert explain["source"] == "CJJ 6-2009 5.3"
    assert [(r["time"], r["value"]) for r in explain["inputs"]["readings"]] == [
        ("2026-11-25T02:00:00+00:00", 25), ("2026-11-25T02:00:30+00:00", 26)
    ]  # fmt: skip
    assert [level["threshold"] for level in explain["levels"]] == [10, 20, 40]


def test_taking_over_and_closing(watch: Watch, rows: Rows, desk: TestClient) -> None:
    (key,) = alarmed(watch, 25)
    alarm = only(desk, key)
    path = f"/api/v1/alarms/{alarm['id']}"
    taken = desk.post(f"{path}/acknowledge", json={"note": "已联系物业", "revision": alarm["revision"]})
    assert taken.status_code == 200
    assert (taken.json()["state"], taken.json()["acknowledged_by"]) == ("acknowledged", "李勇")
    again = desk.post(f"{path}/acknowledge", json={})
    assert (again.status_code, again.json()["code"]) == (409, "alarm.state")
    assert desk.post(f"{path}/notes", json={"text": "现场已通风"}).status_code == 200
    without = desk.post(f"{path}/close", json={"reason": "  "})
    assert (without.status_code, without.json()["errors"][0]["field"]) == (422, "reason")
    watch.read((key, 600, 0))
    closed = desk.post(f"{path}/close", json={})
    assert (closed.status_code, closed.json()["state"]) == (200, "closed")
    history = desk.get(f"{path}/timeline").json()
    assert [(e["kind"], e["actor"], e["text"]) for e in history] == [
        ("raised", "", ""), ("acknowledged", "李勇", "已联系物业"), ("note", "李勇", "现场已通风"), ("cleared", "", ""),
        ("closed", "李勇", ""),
    ]  # fmt: skip
    told = rows("SELECT subject FROM outbox WHERE data->>'id' = %s ORDER BY position", alarm["id"])
    assert [t["subject"] for t in told] == ["ev.alarm.raised", "ev.alarm.acknowledged", "ev.alarm.cleared", "ev.alarm.closed"]


def test_what_officers_do_is_audited(watch: Watch) -> None:
    (key,) = alarmed(watch, 25)
    with signed_in(officer(), router) as (client, lines):
        path = f"/api/v1/alarms/{only(client, key)['id']}"
        client.post(f"{path}/acknowledge", json={})
        client.post(f"{path}/close", json={"reason": "误报"})
    assert [(line["action"], line["detail"]) for line in lines] == [("alarm.acknowledged", {}), ("alarm.closed", {"text": "误报"})]


def test_of_two_officers_at_once_one_wins_and_the_other_is_told(watch: Watch, desk: TestClient) -> None:
    (key,) = alarmed(watch, 25)
    alarm = only(desk, key)
    barrier, answers = threading.Barrier(4), []

    def take(client: TestClient) -> None:
        barrier.wait()
        answers.append(client.post(f"/api/v1/alarms/{alarm['id']}/acknowledge", json={"revision": alarm["revision"]}))

    with officers(*[officer(f"值班员{i}") for i in range(4)]) as clients:
        threads = [threading.Thread(target=take, args=[client]) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(a.status_code for a in answers) == [200, 409, 409, 409]
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"alarm.changed"}
    history = desk.get(f"/api/v1/alarms/{alarm['id']}/timeline").json()
    assert [e["kind"] for e in history] == ["raised", "acknowledged"]


def test_who_may_what_and_where(watch: Watch, desk: TestClient) -> None:
    (key,) = alarmed(watch, 25)
    path = f"/api/v1/alarms/{only(desk, key)['id']}"
    strangers = (officer(scope=ELSEWHERE), officer(permissions=frozenset()), officer(permissions=frozenset({"alarm.read"})))
    with officers(*strangers, officer(scope=YUZHONG)) as (elsewhere, nobody, reader, local):
        assert listed(elsewhere, q=key) == []
        assert elsewhere.get("/api/v1/alarms/summary").json()["by_district"] == []
        for call in (elsewhere.get(path), elsewhere.get(f"{path}/timeline"), elsewhere.post(f"{path}/close", json={"reason": "x"})):
            assert call.status_code == 404
        for address in ("", "/summary", "/storms", "/rules", "/rules/tank-ch4", path[14:], f"{path[14:]}/timeline"):
            assert nobody.get(f"/api/v1/alarms{address}").status_code == 403, address
        for operation in ("acknowledge", "close", "notes"):
            assert reader.post(f"{path}/{operation}", json={"text": "x"}).status_code in {403, 422}
        assert reader.post(f"{path}/acknowledge", json={}).status_code == 403
        assert reader.post(f"{path}/close", json={}).status_code == 403
        assert local.post(f"{path}/acknowledge", json={}).status_code == 200


@pytest.mark.parametrize(
    "body", [{"reason": "a\u0000b"}, {"reason": "x" * 501}, {"revision": "one"}, {"colour": 1}, {"revision": 0}, [], "text", None]
)
def test_bad_bodies_change_nothing(watch: Watch, desk: TestClient, body: Any) -> None:
    (key,) = alarmed(watch, 25)
    alarm = only(desk, key)
    answer = desk.post(f"/api/v1/alarms/{alarm['id']}/close", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert only(desk, key)["revision"] == alarm["revision"]


def test_rules_and_their_versions(watch: Watch, desk: TestClient) -> None:
    put(spec(METHANE, hysteresis=3), spec(SILENCE))
    put(spec(METHANE, hysteresis=4), spec(SILENCE))
    in_force = {rule["key"]: rule for rule in desk.get("/api/v1/alarms/rules").json()}
    assert in_force["tank-ch4"]["hysteresis"] == 4
    versions = desk.get("/api/v1/alarms/rules/tank-ch4").json()
    assert versions[0] == in_force["tank-ch4"]
    assert versions[1]["hysteresis"] == 3
    assert versions[1]["valid_to"] == versions[0]["valid_from"]
    assert desk.get("/api/v1/alarms/rules/none").status_code == 404


def test_rules_that_do_not_fit_the_devices_are_all_told_at_once(watch: Watch) -> None:
    wrong = [
        spec(METHANE, key="r1", model="unknown"),
        spec(METHANE, key="r2", metric="ch5"),
        spec(METHANE, key="r3", actions=[{"on": "raised", "command": "pump"}]),
        spec(METHANE, key="r3"),
    ]
    with pytest.raises(Problem) as refused:
        put(*wrong)
    assert [(e.field, e.code) for e in refused.value.errors] == [
        ("rules[0].model", "rule.model_unknown"),
        ("rules[1].metric", "rule.metric_unknown"),
        ("rules[2].actions[0].command", "rule.command_unknown"),
        ("rules[3].key", "rule.twice"),
    ]
    with pytest.raises(Problem, match="belongs to the pack septic"):
        put(spec(METHANE), pack="another")


def test_a_case_is_attached_once(watch: Watch, desk: TestClient) -> None:
    (key,) = alarmed(watch, 50)
    alarm = only(desk, key)
    first = uuid4()
    with transaction(EVERYTHING) as session:
        assert service.attach_case(session, alarm["id"], first)
        assert not service.attach_case(session, alarm["id"], uuid4())
        assert service.event_data(session, service.get(session, alarm["id"]))["device_key"] == key
    assert only(desk, key)["case_id"] == str(first)


@contextmanager
def counted() -> Iterator[list[str]]:
    """Statements that reach the database meanwhile."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("SET TRANSACTION", "SELECT set_config")):
            seen.append(statement)

    event.listen(get_engine(), "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(get_engine(), "before_cursor_execute", note)


@pytest.mark.parametrize(("path", "queries"), [("", 2), ("?state=open&limit=2", 2), ("/summary", 2), ("/rules", 1), ("/storms", 2)])
def test_the_number_of_queries_does_not_grow(watch: Watch, desk: TestClient, path: str, queries: int) -> None:
    alarmed(watch, 12, 50, 25)
    desk.get(f"/api/v1/alarms{path}")
    with counted() as seen:
        assert desk.get(f"/api/v1/alarms{path}").status_code == 200
    assert len(seen) == queries, seen
