"""Clocks of cases on the working calendar (GB/T 30428.8, reference dates of 2026)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chengyun.kernel import clock
from chengyun.kernel.db import Scope, transaction
from chengyun.kernel.http import Actor
from chengyun.standards import service as standards
from tests.support.cases import YUZHONG, Office, walk


def city_time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=clock.SHANGHAI)


def local(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(clock.SHANGHAI):%m-%d %H:%M}"


def dispatched(office: Office, at: str, code: str = "06010", kind: str = "matter", urgency: str = "normal") -> dict[str, Any]:
    office.time.set(city_time(at))
    case = office.supervisor.report(**{"class": {"kind": kind, "code": code}}, urgency=urgency)
    return walk(office, case, "dispatched")


@pytest.mark.parametrize(
    ("at", "kind", "code", "due"),
    [
        ("2026-11-23 09:15", "matter", "06010", "11-23 15:15"),  # 4 工作时, skips lunch
        ("2026-11-20 17:30", "matter", "06010", "11-23 11:30"),  # over the weekend
        ("2026-11-20 17:30", "component", "01002", "11-20 19:30"),  # 2 紧急工作时 run through the evening
        ("2026-11-20 17:30", "matter", "07001", "11-23 17:30"),  # 1 工作日
        ("2026-10-10 10:00", "matter", "07001", "10-12 10:00"),  # a make-up Saturday is worked
        ("2026-09-30 16:00", "matter", "08005", "10-08 16:00"),  # no row of its own: 1 工作日, after National Day
        ("2026-02-13 15:00", "component", "02017", "02-25 15:00"),  # 3 工作日 over the Spring Festival
    ],
)
def test_30428_8__limits_of_classes_on_the_working_calendar(office: Office, at: str, kind: str, code: str, due: str) -> None:
    case = dispatched(office, at, code, kind)
    assert local(case["handling_deadline"]["due_at"]) == due


def test_default_limits_by_urgency(office: Office) -> None:
    normal = dispatched(office, "2026-11-23 10:00", "08005")
    urgent = dispatched(office, "2026-11-23 10:00", "08005", urgency="urgent")
    shown = [(c["handling_deadline"]["limit"], c["handling_deadline"]["unit"], c["deadline"]["unit"]) for c in (normal, urgent)]
    assert shown == [(1, "work_day", "work_hour"), (2, "urgent_hour", "urgent_hour")]


def test_colours_follow_the_working_time_that_is_left(office: Office) -> None:
    case = walk(office, dispatched(office, "2026-11-20 15:00"), "handling")  # four hours: until Monday 09:00
    looks = [("2026-11-20 16:00", "green", "剩 3 工作时"), ("2026-11-21 12:00", "green", "剩 1 工作时"),
             ("2026-11-23 08:11", "green", "剩 49 分"), ("2026-11-23 08:12", "yellow", "剩 48 分"),
             ("2026-11-23 09:00", "yellow", "剩不足 1 分"), ("2026-11-23 09:30", "red", "超 30 分")]  # fmt: skip
    for at, colour, words in looks:
        office.time.set(city_time(at))
        clocked = office.desk.get(f"/cases/{case['id']}")["deadline"]
        assert (clocked["colour"], clocked["remaining_text"]) == (colour, words), at
    assert clocked["remaining_seconds"] == -1800
    assert clocked["used_share"] == 1.125


def test_stages_have_clocks_of_their_own(office: Office) -> None:
    case = office.supervisor.report()
    seen = [(case["deadline"]["stage"], case["deadline"]["limit"], case["deadline"]["unit"])]
    for state in ("accepted", "filed", "dispatched", "handling", "handled", "checked"):
        case = walk(office, case, state)
        seen.append((case["deadline"]["stage"], case["deadline"]["limit"], case["deadline"]["unit"]))
    assert seen == [
        ("accept", 0.25, "urgent_hour"),
        ("file", 0.5, "urgent_hour"),
        ("dispatch", 0.25, "urgent_hour"),
        ("sign", 1, "work_hour"),
        ("handle", 4, "work_hour"),
        ("check", 1, "work_hour"),
        ("close", 0.5, "work_hour"),
    ]


def test_handled_late_is_kept_as_late(office: Office) -> None:
    case = walk(office, dispatched(office, "2026-11-23 08:00"), "handling")
    office.time.set(city_time("2026-11-23 14:00") + timedelta(microseconds=1))
    case = office.handler.do(case, "handle", feedback="已清运")
    assert case["on_time"] is False
    on_the_dot = walk(office, dispatched(office, "2026-11-24 08:00"), "handling")
    office.time.set(city_time("2026-11-24 12:00"))
    assert office.handler.do(on_the_dot, "handle", feedback="已清运")["on_time"] is True


def test_a_holiday_that_a_district_declares_moves_its_deadlines(office: Office) -> None:
    manager = Actor(name="标准", user_id=office.desk.actor.user_id, scope=Scope.everything(), area_code="500000")
    with transaction(Scope.everything()) as session:
        standards.set_day(session, manager, date(2026, 12, 3), "holiday", "区级活动", "", "区政府通知", YUZHONG)
    case = dispatched(office, "2026-12-02 17:00")
    assert local(case["handling_deadline"]["due_at"]) == "12-04 11:00"


def test_the_most_urgent_comes_first_and_overdue_ones_have_a_queue(office: Office) -> None:
    office.time.set(datetime(2026, 12, 8, 1, 0, tzinfo=UTC))
    late = office.supervisor.report()
    office.time.advance(1200)
    fresh = office.supervisor.report()
    queue = [c["id"] for c in office.desk.get("/cases", queue="accept", limit=200)["items"]]
    assert queue.index(late["id"]) < queue.index(fresh["id"])
    overdue = {c["id"] for c in office.desk.get("/cases", queue="overdue", limit=200)["items"]}
    assert late["id"] in overdue
    assert fresh["id"] not in overdue
