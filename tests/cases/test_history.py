"""Taking over the cases of an earlier system, in bulk and with real timelines."""

import random
from dataclasses import replace
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any

import pytest

from chengyun.cases.schemas import HistoryCase, HistoryStep
from chengyun.cases.service import import_history, verify
from chengyun.kernel.db import Scope, read_only, transaction
from chengyun.kernel.errors import Problem
from tests.support.cases import MONDAY, YUZHONG, Office

MAIN = (("accept", 5), ("file", 10), ("dispatch", 8), ("sign", 20), ("handle", 90), ("check_pass", 20), ("close", 5))


def story(office: Office, start: datetime, steps: int = 7, **more: Any) -> HistoryCase:
    """A case that went the main way so far."""
    moment, told = start, []
    for operation, minutes in MAIN[:steps]:
        moment += timedelta(minutes=minutes)
        told.append(HistoryStep(operation, moment, "旧系统", {"feedback": "已清运"} if operation == "handle" else {}))
    return HistoryCase(
        source="patrol",
        edition="47678.5-2026",
        class_kind="matter",
        class_code="06010",
        description="历史案件",
        reported_at=start,
        reported_by="监督员",
        steps=told,
        lon=106.5516,
        lat=29.563,
        unit_id=office.units[f"unit-{YUZHONG}-sanitation"],
        **more,
    )


def load(rows: list[HistoryCase]) -> int:
    with transaction(Scope.everything()) as session:
        return import_history(session, rows)


def test_a_closed_and_an_open_case_are_like_live_ones(office: Office) -> None:
    start = MONDAY - timedelta(days=3)
    assert load([story(office, start + timedelta(hours=1), 4, address="后一件"), story(office, start)]) == 2
    closed, still_open = (office.desk.get("/cases", queue=q, q="历史案件")["items"][0] for q in ("closed", "open"))
    assert (closed["state"], closed["on_time"], closed["number"][2:10]) == ("closed", True, "20261120")
    assert (still_open["state"], still_open["unit"]["name"]) == ("handling", "渝中sanitation")
    assert still_open["handling_deadline"]["limit"] == 4
    assert closed["number"] < still_open["number"], "numbers follow the order of the reports"
    events = office.desk.get(f"/cases/{closed['id']}/timeline")
    assert [e["operation"] for e in events] == ["report", *(name for name, _ in MAIN)]
    assert events[5]["data"] == {"feedback": "已清运"}
    assert still_open["id"] in {c["id"] for c in office.handler.get("/cases", queue="mine", limit=200)["items"]}
    detail = office.handler.get(f"/cases/{still_open['id']}")
    done = office.handler.do(detail, "handle", feedback="接着办")
    assert done["state"] == "handled"
    with read_only(Scope.everything()) as session:
        assert verify(session).sound


def test_what_the_table_does_not_allow_is_refused_as_a_whole(office: Office) -> None:
    good = story(office, MONDAY - timedelta(days=30))
    wrong = replace(good, steps=[good.steps[0], good.steps[4]])
    for bad, words in ((wrong, "handle after accepted"), (replace(good, unit_id=None), "no unit"), (replace(good, lon=120.0), "outside")):
        with pytest.raises(Problem, match=words):
            load([replace(good, description="不应留下"), bad])
    with pytest.raises(Problem, match="06031"):
        load([replace(good, class_code="06031")])
    assert office.desk.get("/cases", queue="all", q="不应留下")["items"] == []
    assert load([]) == 0


def test_rework_and_refusals_come_over_too(office: Office) -> None:
    start = MONDAY - timedelta(days=10)
    again = story(office, start, 5)
    moment = again.steps[-1].time
    more = [HistoryStep("check_fail", moment + timedelta(minutes=10), "监督员", {"reason": "遗留"}),
            HistoryStep("handle", moment + timedelta(minutes=50), "处置员", {"feedback": "再清"})]  # fmt: skip
    refused = story(office, start, 1)
    steps = [*refused.steps, HistoryStep("refuse", start + timedelta(minutes=30), "值班长", {"reason": "不符合"})]
    load([replace(again, steps=[*again.steps, *more], address="返工路"), replace(refused, steps=steps, address="不立案路")])
    first = office.desk.get("/cases", queue="check", q="返工路")["items"][0]
    assert (first["rework_count"], first["state"], first["on_time"]) == (1, "handled", True)
    assert office.desk.get("/cases", queue="closed", q="不立案路")["items"][0]["state"] == "refused"


def test_twenty_thousand_cases_come_over_in_seconds_and_their_chains_are_checked_fast(office: Office) -> None:
    rng = random.Random(7)
    rows = [story(office, MONDAY - timedelta(days=400) - timedelta(minutes=rng.randrange(60 * 24 * 60)), rng.choice((2, 5, 7, 7, 7)))
            for _ in range(20_000)]  # fmt: skip
    began = perf_counter()
    assert load(rows) == 20_000
    loaded = perf_counter() - began
    began = perf_counter()
    with read_only(Scope.everything()) as session:
        found = verify(session)
    checked = perf_counter() - began
    assert found.sound
    assert found.events > 100_000
    print(f"20,000 cases in {loaded:.1f} s; {found.events:,} events checked in {checked:.2f} s")
    assert loaded < 60
    assert checked < 20
