"""Time limits: GB/T 30428.8-2020 time units on the State Council's calendar."""

from datetime import UTC, date, datetime, time, timedelta
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chengyun.kernel.clock import SHANGHAI
from chengyun.kernel.errors import Problem
from chengyun.standards import holidays
from chengyun.standards.worktime import (
    Suspension,
    TimeUnit,
    WorkCalendar,
    deadline,
    deadlines,
    elapsed_working,
    format_periods,
    limit_seconds,
    parse_periods,
    remaining_text,
    remaining_working,
    used_share,
)

CALENDAR = WorkCalendar.build({d.day: d.works for d in holidays.shipped()})


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


# The rows of reference §11.2: start, limit, unit, deadline.
TABLE = [
    ("2026-11-23 10:00", 2, "urgent_hour", "2026-11-23 12:00"),
    ("2026-11-20 17:30", 2, "urgent_hour", "2026-11-20 19:30"),
    ("2026-11-20 17:30", 4, "work_hour", "2026-11-23 11:30"),
    ("2026-11-20 17:30", 1, "work_day", "2026-11-23 17:30"),
    ("2026-11-23 09:15", 4, "work_hour", "2026-11-23 15:15"),
    ("2026-11-23 11:30", 4, "work_hour", "2026-11-23 17:30"),
    ("2026-11-23 08:00", 1, "work_day", "2026-11-23 18:00"),
    ("2026-11-23 18:00", 1, "work_hour", "2026-11-24 09:00"),
    ("2026-09-30 16:00", 2, "work_day", "2026-10-09 16:00"),
    ("2026-09-30 16:00", 2, "urgent_hour", "2026-09-30 18:00"),
    ("2026-09-30 16:00", 5, "natural_day", "2026-10-05 16:00"),
    ("2026-02-13 15:00", 3, "work_day", "2026-02-25 15:00"),
    ("2026-10-10 10:00", 1, "work_day", "2026-10-12 10:00"),
    # 2025: National Day and Mid-Autumn Festival together, 9-28 (Sunday) and 10-11 (Saturday) are worked
    ("2025-09-27 10:00", 1, "work_day", "2025-09-28 18:00"),
    ("2025-09-30 16:00", 2, "work_day", "2025-10-10 16:00"),
    ("2025-10-10 17:00", 2, "work_hour", "2025-10-11 09:00"),
    ("2025-01-27 17:00", 1, "work_day", "2025-02-05 17:00"),
]


@pytest.mark.parametrize(("start", "limit", "unit", "due"), TABLE)
def test_30428_8__deadline_by_time_unit(start: str, limit: float, unit: str, due: str) -> None:
    assert deadline(local(start), limit, unit, CALENDAR) == local(due)


@pytest.mark.parametrize(("start", "limit", "unit", "due"), TABLE)
def test_30428_8__elapsed_time_is_the_inverse(start: str, limit: float, unit: str, due: str) -> None:
    assert elapsed_working(local(start), local(due), unit, CALENDAR) == limit_seconds(limit, unit, CALENDAR)


def test_30428_8__suspended_case_does_not_count() -> None:
    pause = Suspension(local("2026-11-23 10:00"), local("2026-11-25 10:00"))
    start = local("2026-11-23 09:00")
    assert deadline(start, 4, "work_hour", CALENDAR, [pause]) == local("2026-11-25 15:00")
    assert deadline(start, 4, "urgent_hour", CALENDAR, [pause]) == local("2026-11-25 13:00")
    assert elapsed_working(start, local("2026-11-25 11:00"), "work_hour", CALENDAR, [pause]) == 2 * 3600
    running = Suspension(local("2026-11-23 10:00"))
    assert elapsed_working(start, local("2026-12-30 11:00"), "work_hour", CALENDAR, [running]) == 3600
    with pytest.raises(ValueError, match="stands still"):
        deadline(start, 4, "work_hour", CALENDAR, [running])


def test_suspensions_that_overlap_count_once_and_one_after_the_end_not_at_all() -> None:
    start = local("2026-11-23 09:00")
    twice = [
        Suspension(local("2026-11-23 10:00"), local("2026-11-23 12:00")),
        Suspension(local("2026-11-23 11:00"), local("2026-11-23 14:30")),
        Suspension(local("2026-11-23 17:00"), local("2026-11-24 17:00")),
        Suspension(local("2026-11-22 17:00"), local("2026-11-23 08:30")),
    ]
    assert deadline(start, 2, "work_hour", CALENDAR, twice) == local("2026-11-23 15:30")


def test_area_with_other_working_periods_and_a_change_of_season() -> None:
    summer = [(date(2026, 6, 1), parse_periods("09:00-12:00,15:00-18:30")), (date(2026, 10, 1), parse_periods("08:30-12:00,14:00-18:00"))]
    calendar = WorkCalendar.build(periods=summer)
    assert deadline(local("2026-07-21 08:00"), 4, "work_hour", calendar) == local("2026-07-21 16:00")
    assert deadline(local("2026-05-29 17:00"), 2, "work_hour", calendar) == local("2026-06-01 10:00")
    assert deadline(local("2026-11-23 08:30"), 1, "work_day", calendar) == local("2026-11-23 18:00")


@pytest.mark.parametrize("text", ["", "08:00", "12:00-08:00", "08:00-12:00,11:00-18:00", "8-12", "08:00-25:00", "08:00-08:00"])
def test_wrong_working_periods_are_refused(text: str) -> None:
    with pytest.raises(Problem) as refusal:
        parse_periods(text)
    assert refusal.value.code == "calendar.periods"


def test_working_periods_are_written_as_they_are_read() -> None:
    assert format_periods(parse_periods("08:00-12:00, 14:00-18:00")) == "08:00-12:00,14:00-18:00"
    assert parse_periods("08:00-12:00")[0] == (time(8), time(12))


@pytest.mark.parametrize("limit", [-1, float("nan"), float("inf"), 1e9])
def test_absurd_limits_are_refused(limit: float) -> None:
    with pytest.raises(Problem) as refusal:
        deadline(local("2026-11-23 09:00"), limit, "work_day", CALENDAR)
    assert refusal.value.code == "calendar.limit"


def test_time_without_zone_or_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(Problem) as naive:
        deadline(datetime(2026, 11, 23, 9), 1, "work_hour", CALENDAR)
    assert naive.value.code == "calendar.naive_time"
    for start in ("2014-12-31 09:00", "2046-01-02 09:00", "2045-12-29 17:00"):
        with pytest.raises(Problem) as beyond:
            deadline(local(start), 2, "work_hour", CALENDAR)
        assert beyond.value.code == "calendar.beyond"


MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)).map(lambda d: d.replace(tzinfo=UTC))
LIMITS = st.floats(0, 60).map(lambda x: round(x, 3))
UNITS = st.sampled_from(list(TimeUnit))
PAUSES = st.lists(st.tuples(MOMENTS, st.integers(0, 10**7)).map(lambda p: Suspension(p[0], p[0] + timedelta(seconds=p[1]))), max_size=4)


@given(MOMENTS, LIMITS, UNITS, PAUSES)
@settings(max_examples=300, deadline=None)
def test_elapsed_until_the_deadline_is_the_limit(start: datetime, limit: float, unit: TimeUnit, pauses: list[Suspension]) -> None:
    due = deadline(start, limit, unit, CALENDAR, pauses)
    assert elapsed_working(start, due, unit, CALENDAR, pauses) == pytest.approx(limit_seconds(limit, unit, CALENDAR), abs=1e-5)


@given(MOMENTS, st.integers(0, 10**7), LIMITS, LIMITS, UNITS)
@settings(max_examples=300, deadline=None)
def test_later_start_or_longer_limit_is_never_due_sooner(start: datetime, later: int, a: float, b: float, unit: TimeUnit) -> None:
    assert deadline(start, a, unit, CALENDAR) <= deadline(start + timedelta(seconds=later), a, unit, CALENDAR)
    assert deadline(start, min(a, b), unit, CALENDAR) <= deadline(start, max(a, b), unit, CALENDAR)


@given(MOMENTS, UNITS)
def test_nothing_allowed_is_due_at_once(start: datetime, unit: TimeUnit) -> None:
    assert deadline(start, 0, unit, CALENDAR) == start


@given(MOMENTS, st.integers(1, 200), st.integers(1, 200), UNITS)
@settings(max_examples=300, deadline=None)
def test_two_limits_in_a_row_make_their_sum(start: datetime, a: int, b: int, unit: TimeUnit) -> None:
    # whole and quarter hours: floats add exactly
    a_, b_ = a / 4, b / 4
    assert deadline(deadline(start, a_, unit, CALENDAR), b_, unit, CALENDAR) == deadline(start, a_ + b_, unit, CALENDAR)


@given(st.lists(MOMENTS, min_size=3, max_size=3), UNITS)
def test_elapsed_time_adds_up_and_turns_sign(moments: list[datetime], unit: TimeUnit) -> None:
    a, b, c = moments
    ab, bc, ac = (elapsed_working(x, y, unit, CALENDAR) for x, y in ((a, b), (b, c), (a, c)))
    assert ab + bc == pytest.approx(ac, abs=1e-5)
    assert elapsed_working(b, a, unit, CALENDAR) == -ab


@given(MOMENTS, MOMENTS)
@settings(max_examples=100, deadline=None)
def test_working_time_agrees_with_counting_minutes(a: datetime, b: datetime) -> None:
    start, end = min(a, b), min(max(a, b), min(a, b) + timedelta(days=10))
    special = {d.day: d.works for d in holidays.shipped()}
    first = start.astimezone(SHANGHAI).date()
    seconds = 0.0
    for n in range(12):
        day = first + timedelta(days=n)
        if special.get(day, day.weekday() < 5):
            for begin, finish in ((8, 12), (14, 18)):
                low = max(start, datetime.combine(day, time(begin), SHANGHAI))
                high = min(end, datetime.combine(day, time(finish), SHANGHAI))
                seconds += max(0.0, (high - low).total_seconds())
    assert elapsed_working(start, end, "work_hour", CALENDAR) == pytest.approx(seconds, abs=1e-5)


def test_ten_thousand_deadlines_take_less_than_50_ms() -> None:
    rng = np.random.default_rng(7)
    starts = rng.integers(1_735_700_000, 1_790_000_000, 10_000) * 1_000_000
    best = 1.0
    for _ in range(3):
        began = perf_counter()
        many = deadlines(starts, 3, "work_day", CALENDAR)
        best = min(best, perf_counter() - began)
    assert best < 0.05
    for i in range(0, 10_000, 997):
        start = datetime.fromtimestamp(int(starts[i]) / 1e6, UTC)
        assert deadline(start, 3, "work_day", CALENDAR).timestamp() == many[i] / 1e6


WORDS = [
    (2 * 3600 + 21 * 60, "work_hour", "剩 2 工作时 21 分", "2 working h 21 min left"),
    (36 * 60, "urgent_hour", "剩 36 分", "36 min left"),
    (88 * 60, "urgent_hour", "剩 1 小时 28 分", "1 h 28 min left"),
    (3 * 28800 + 3 * 3600 + 59, "work_day", "剩 3 工作日 3 工作时", "3 working d 3 working h left"),
    (7 * 3600 + 58 * 60, "work_day", "剩 7 工作时 58 分", "7 working h 58 min left"),
    (2 * 86400 + 3600, "natural_day", "剩 2 天 1 小时", "2 d 1 h left"),
    (-22 * 60, "work_hour", "超 22 分", "22 min over"),
    (-20, "urgent_hour", "超 1 分", "1 min over"),
    (20, "work_hour", "剩不足 1 分", "less than 1 min left"),
    (-86400 * 3, "urgent_hour", "超 3 天", "3 d over"),
]


@pytest.mark.parametrize(("seconds", "unit", "zh", "en"), WORDS)
def test_time_left_in_words(seconds: float, unit: str, zh: str, en: str) -> None:
    assert remaining_text(seconds, unit, "zh-CN") == zh
    assert remaining_text(seconds, unit, "en") == en


def test_used_share_grows_from_zero_past_one() -> None:
    due = deadline(local("2026-11-23 09:00"), 4, "work_hour", CALENDAR)
    shares = [
        used_share(remaining_working(local(t), due, "work_hour", CALENDAR), 4, "work_hour", CALENDAR)
        for t in ("2026-11-23 09:00", "2026-11-23 11:00", "2026-11-23 15:00", "2026-11-23 17:00")
    ]
    assert shares == [0, 0.5, 1, 1.5]
