"""Queues, lists, searching, and the figures of the cockpit."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import event

from chengyun.kernel.db import get_engine
from tests.support.cases import ELSEWHERE, YUZHONG, Office, walk


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that reach the database meanwhile."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("SET TRANSACTION", "SELECT set_config", "SELECT pg_catalog", "select pg_catalog", "show ")):
            seen.append(statement)

    event.listen(get_engine(), "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(get_engine(), "before_cursor_execute", note)


def ids(page: dict[str, Any]) -> list[str]:
    return [c["id"] for c in page["items"]]


def test_pages_follow_each_other_without_gap_or_repetition(office: Office) -> None:
    made = []
    for _ in range(7):
        made.append(office.desk.report(description="翻页测试")["id"])
        office.time.advance(60)
    for queue, expected in (("open", made), ("all", made[::-1]), ("accept", made), ("to_accept", made)):
        found: list[str] = []
        cursor = None
        while True:
            page = office.desk.get("/cases", queue=queue, limit=3, q="翻页测试", **({"cursor": cursor} if cursor else {}))
            found += ids(page)
            cursor = page["next"]
            if cursor is None:
                break
        assert found == expected, queue
    assert office.desk.get("/cases", 400, cursor="nonsense")["code"] == "request.cursor"
    assert office.desk.get("/cases", 422, queue="nonsense")["code"] == "case.queue"
    assert office.desk.get("/cases", 422, limit=1000)["code"] == "request.invalid"
    assert office.desk.get("/cases", 422, q="a\x00")["code"] == "request.invalid"


def test_filters(office: Office) -> None:
    cover = {"kind": "component", "code": "01003"}
    here = office.desk.report(source="hotline", **{"class": cover}, description="雨水井盖松动", address="较场口日月光广场")
    there = office.desk.report(source="video", place=ELSEWHERE, description="沙区")

    def found(**filters: Any) -> set[str]:
        return set(ids(office.desk.get("/cases", limit=200, **filters)))

    for filters, yes, no in [
        ({"source": "hotline"}, here, there),
        ({"source": "video"}, there, here),
        ({"class_code": "01003"}, here, there),
        ({"region": "500103"}, here, there),
        ({"region": "500106"}, there, here),
        ({"region": "500000", "source": "video"}, there, here),
        ({"q": "日月光"}, here, there),
        ({"q": "井盖"}, here, there),
        ({"q": there["number"]}, there, here),
        ({"state": "reported", "source": "video"}, there, here),
        ({"region": here["region_code"][:9]}, here, there),
    ]:
        assert yes["id"] in found(**filters), filters
        assert no["id"] not in found(**filters), filters
    assert found(q="100%_") == set()
    assert found(since="2030-01-01T00:00:00Z") == set()
    assert here["id"] not in found(until="2020-01-01T00:00:00+08:00")


def test_mine_is_what_my_posts_can_move_on_now(office: Office) -> None:
    reported = office.supervisor.report()
    handling = walk(office, office.supervisor.report(), "handling")
    to_check = walk(office, office.supervisor.report(), "handled")
    closed = walk(office, office.supervisor.report(), "closed")
    everything = {reported["id"], handling["id"], to_check["id"], closed["id"]}

    def mine(name: str) -> set[str]:
        return set(ids(getattr(office, name).get("/cases", queue="mine", limit=200))) & everything

    assert mine("desk") == {reported["id"]}
    assert mine("handler") == mine("district") == {handling["id"]}
    assert mine("supervisor") == {to_check["id"]}
    assert mine("other") == mine("leader") == mine("stranger") == set()
    for name in ("desk", "handler", "supervisor", "leader", "stranger"):
        counts = getattr(office, name).get("/cases/queues")
        for queue in ("mine", "accept", "handle", "check", "overdue", "open"):
            assert counts[queue] == len(ids(getattr(office, name).get("/cases", queue=queue, limit=200))), (name, queue)
        assert counts["to_check"] == counts["check"]
    assert closed["id"] in ids(office.desk.get("/cases", queue="closed", limit=1))


def test_query_counts_do_not_grow_with_the_page(office: Office) -> None:
    for _ in range(12):
        photo = office.supervisor.photo()
        walk(office, office.supervisor.report(photo_ids=[photo["id"]]), "dispatched")
    office.desk.get("/cases", limit=5)
    pinned = {}
    for limit in (2, 12):
        with counted() as seen:
            assert len(office.desk.get("/cases", queue="sign", limit=limit)["items"]) == limit
        pinned[limit] = len(seen)
    assert pinned == {2: 6, 12: 6}
    with counted() as seen:
        office.desk.get("/cases/queues")
    assert len(seen) == 1
    with counted() as seen:
        office.desk.get("/cases/figures")
    assert len(seen) == 5
    case = office.supervisor.report()
    with counted() as seen:
        office.desk.do(case, "accept")
    # Lock, limits, calendar; case, event, outbox, audit; then what the answer shows.
    assert len(seen) == 12, "\n".join(seen)


def test_figures_of_today_in_city_time(office: Office) -> None:
    office.time.set(datetime(2027, 3, 9, 15, 30, tzinfo=UTC))  # 23:30 on the 9th in the city
    yesterday = office.desk.report()
    office.time.advance(45 * 60)  # 00:15 on the 10th
    before = office.desk.get("/cases/figures")
    assert (before["day"], before["today"]["reported"], before["today"]["reported_same_time_yesterday"]) == ("2027-03-10", 0, 0)
    office.time.set(datetime(2027, 3, 10, 2, 0, tzinfo=UTC))
    first = walk(office, office.supervisor.report(), "closed")
    office.desk.report(source="public", place=ELSEWHERE)
    walk(office, yesterday, "filed")
    office.time.advance(86_400 - 3600)  # next day 09:00
    office.desk.report(source="public")
    office.time.advance(7200)
    figures = office.desk.get("/cases/figures")
    assert figures["day"] == "2027-03-11"
    assert figures["today"] == {
        "reported": 1, "filed": 0, "handled": 0, "closed": 0, "reported_same_time_yesterday": 2
    }  # fmt: skip
    assert figures["by_source"] == [{"source": "public", "count": 1}]
    assert figures["trend"][-2] == {"day": "2027-03-10", "filed": 2, "previous": 0}
    assert len(figures["trend"]) == 30
    districts = {d["code"]: d for d in figures["by_district"]}
    assert districts[YUZHONG]["name"] == "渝中区"
    assert (districts[YUZHONG]["reported"], districts["500106"]["reported"]) == (1, 0)
    assert first["on_time"]
    scoped = office.supervisor.get("/cases/figures")
    assert {d["code"] for d in scoped["by_district"]} == {YUZHONG}


def test_the_on_time_rate_counts_cases_that_were_due(office: Office) -> None:
    office.time.set(datetime(2027, 6, 1, 1, 0, tzinfo=UTC))  # Tuesday 09:00
    good = walk(office, office.supervisor.report(), "handled")
    walk(office, office.supervisor.report(), "handling")  # will be late
    gone = walk(office, office.supervisor.report(), "dispatched")
    office.desk.do(gone, "void", reason="重复")
    assert good["on_time"]
    assert office.supervisor.get("/cases/figures")["on_time_rate"] is None, "nothing is due yet"
    office.time.advance(3 * 86_400)
    figures = office.supervisor.get("/cases/figures")
    assert figures["on_time_rate"] == 0.5
    assert (figures["by_district"][0]["on_time_rate"], figures["on_time_target"]) == (0.5, 0.95)


def test_old_codes_count_for_todays_district(office: Office) -> None:
    office.time.set(datetime(2027, 8, 3, 1, 0, tzinfo=UTC))
    office.desk.report(place=None, region_code="500112", description="渝北旧码")
    districts = {d["code"]: d["reported"] for d in office.desk.get("/cases/figures")["by_district"]}
    home = next(code for code, count in districts.items() if count == 1)
    assert home != "500112"
    assert ids(office.desk.get("/cases", queue="all", region=home, q="渝北旧码"))


def test_times_are_utc_and_shapes_are_those_of_the_web_client(office: Office) -> None:
    case = office.supervisor.report()
    assert {
        "id", "number", "title", "class", "source", "state", "stage", "description", "place", "address", "region_code", "area_name",
        "unit", "alarm_id", "device_id", "reported_at", "deadline", "handling_deadline", "photos", "revision", "actions",
    } <= set(case)  # fmt: skip
    assert set(case["class"]) == {"edition", "kind", "code", "name"}
    assert set(case["deadline"]) == {
        "stage", "due_at", "limit", "unit", "used_share", "remaining_seconds", "remaining_text", "colour"
    }  # fmt: skip
    reported = datetime.fromisoformat(case["reported_at"])
    assert reported.utcoffset() == timedelta(0)
    workflow = office.leader.get("/cases/workflow")
    assert {"source", "operation", "name", "target", "permissions", "clause", "clock"} == set(workflow[0])
