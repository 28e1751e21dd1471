"""Deadlines in the four time units of GB/T 30428.8-2020, forward and backward, on a working calendar.

- 紧急工作时 `urgent_hour`: clock hours, day and night, holidays included
- 工作时 `work_hour`: hours inside the working periods of working days
- 工作日 `work_day`: one working day's worth of 工作时 (eight by default), counted inside working periods
- 自然日 `natural_day`: 24 clock hours (also written 紧急工作日)

A calendar is a list of working intervals with running sums, so both directions are one binary search.
Time that a case is suspended (缓办, 挂账) does not count in any unit.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

import chengyun.standards.errors  # noqa: F401  (registers the sentences)
from chengyun.kernel.clock import SHANGHAI
from chengyun.kernel.errors import Problem

HOUR = 3_600_000_000
DAY = 24 * HOUR
LARGEST_LIMIT = 3660.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
Period = tuple[time, time]
DEFAULT_PERIODS: tuple[Period, ...] = ((time(8), time(12)), (time(14), time(18)))
Int64s = npt.NDArray[np.int64]


class TimeUnit(StrEnum):
    """Unit of a time limit (GB/T 30428.8-2020)."""

    URGENT_HOUR = "urgent_hour"
    WORK_HOUR = "work_hour"
    WORK_DAY = "work_day"
    NATURAL_DAY = "natural_day"

    @property
    def continuous(self) -> bool:
        """Whether the clock runs at night and on holidays."""
        return self in (TimeUnit.URGENT_HOUR, TimeUnit.NATURAL_DAY)


@dataclass(frozen=True)
class Suspension:
    """A stretch in which the clock stands still; `end` is None while it lasts."""

    start: datetime
    end: datetime | None = None


class WorkCalendar:
    """Working intervals of a range of years. Immutable; build it with `WorkCalendar.build`."""

    def __init__(
        self,
        starts: Sequence[int],
        ends: Sequence[int],
        dates: Sequence[date],
        years: tuple[int, int],
        bounds: tuple[int, int],
        day_length: int,
    ) -> None:
        self._starts = list(starts)
        self._ends = list(ends)
        total = 0
        self._before: list[int] = []
        self._after: list[int] = []
        for begin, end in zip(self._starts, self._ends, strict=True):
            self._before.append(total)
            total += end - begin
            self._after.append(total)
        self._arrays = tuple(np.array(x, np.int64) for x in (self._starts, self._ends, self._before, self._after))
        self._dates = tuple(dates)
        self._low, self._high = bounds
        self.first_year, self.last_year = years
        self.day_length = day_length

    @classmethod
    def build(
        cls,
        exceptions: Mapping[date, bool] | None = None,
        periods: Sequence[tuple[date, Sequence[Period]]] = (),
        years: tuple[int, int] = (2015, 2045),
        zone: tzinfo = SHANGHAI,
    ) -> "WorkCalendar":
        """A calendar of Monday–Friday plus `exceptions` (date → works that day) with working `periods` by date of effect.

        `periods` lists (valid from, periods of a day); before the first one 08–12 and 14–18 hold.
        """
        exceptions = exceptions or {}
        steps = sorted(periods, key=lambda step: step[0])
        rules = [(date.min, DEFAULT_PERIODS), *((start, tuple(p)) for start, p in steps)]
        starts: list[int] = []
        ends: list[int] = []
        dates: list[date] = []
        day, last, position = date(years[0], 1, 1), date(years[1], 12, 31), 0
        one = timedelta(days=1)
        while day <= last:
            while position + 1 < len(rules) and rules[position + 1][0] <= day:
                position += 1
            if exceptions.get(day, day.weekday() < 5):
                dates.append(day)
                for begin, end in rules[position][1]:
                    starts.append(_micros(datetime.combine(day, begin, zone)))
                    ends.append(_micros(datetime.combine(day, end, zone)))
            day += one
        low = datetime.combine(date(years[0], 1, 1), time(), zone)
        high = datetime.combine(date(years[1] + 1, 1, 1), time(), zone)
        return cls(starts, ends, dates, years, (_micros(low), _micros(high)), _length(rules[-1][1]))

    def working_dates(self) -> tuple[date, ...]:
        """All working days, in order."""
        return self._dates

    def days_worked(self, year: int) -> int:
        """How many days of a year are worked."""
        return bisect_left(self._dates, date(year + 1, 1, 1)) - bisect_left(self._dates, date(year, 1, 1))

    def worked(self, moment: int) -> int:
        """Working time from the calendar's beginning to a moment; both in microseconds since 1970."""
        i = bisect_right(self._starts, moment) - 1
        if i < 0:
            return 0
        return self._before[i] + min(moment, self._ends[i]) - self._starts[i]

    def reached(self, worked: int) -> int:
        """The first moment at which that much working time has passed; the inverse of `worked`."""
        i = bisect_left(self._after, worked)
        if i == len(self._after):
            raise self._beyond()
        return self._starts[i] + worked - self._before[i]

    def worked_many(self, moments: Int64s) -> Int64s:
        """`worked` for an array of moments."""
        starts, ends, before, _ = self._arrays
        i = np.searchsorted(starts, moments, side="right") - 1
        at = np.maximum(i, 0)
        done = before[at] + np.minimum(moments, ends[at]) - starts[at]
        return np.where(i < 0, 0, done)

    def reached_many(self, worked: Int64s) -> Int64s:
        """`reached` for an array."""
        starts, _, before, after = self._arrays
        i = np.searchsorted(after, worked, side="left")
        if i.size and int(i.max()) >= after.size:
            raise self._beyond()
        return starts[i] + worked - before[i]

    def check(self, moment: int) -> None:
        """Refuse a moment outside the years of the calendar."""
        if not self._low <= moment < self._high:
            raise self._beyond()

    def _beyond(self) -> Problem:
        return Problem("calendar.beyond", first=self.first_year, last=self.last_year)


def parse_periods(text: str, field: str | None = None) -> tuple[Period, ...]:
    """Read working periods written as `08:00-12:00,14:00-18:00`; refuses overlaps and empty ones."""
    try:
        parts = [part.strip().split("-") for part in text.split(",")]
        periods = tuple((time.fromisoformat(begin.strip()), time.fromisoformat(end.strip())) for begin, end in parts)
    except ValueError:
        raise Problem("calendar.periods", field=field, value=text[:80]) from None
    flat = [moment for period in periods for moment in period]
    if any(m.tzinfo is not None for m in flat) or any(a >= b for a, b in pairwise(flat)):
        raise Problem("calendar.periods", field=field, value=text[:80])
    return periods


def format_periods(periods: Iterable[Period]) -> str:
    """The form that `parse_periods` reads."""
    return ",".join(f"{a:%H:%M}-{b:%H:%M}" for a, b in periods)


def deadline(
    start: datetime,
    limit: float,
    unit: TimeUnit | str,
    calendar: WorkCalendar,
    suspensions: Sequence[Suspension] = (),
) -> datetime:
    """When a limit that starts at `start` has run out, in UTC. All suspensions must have ended (ValueError otherwise)."""
    unit = TimeUnit(unit)
    moment, left = _micros(start), limit_micros(limit, unit, calendar)
    for begin, end in _pauses(suspensions, None):
        if end <= moment:
            continue
        if begin > moment:
            used = _elapsed(moment, begin, unit, calendar)
            if used >= left:
                break
            left -= used
        moment = end
    return _datetime(_advance(moment, left, unit, calendar))


def deadlines(starts: Int64s, limit: float, unit: TimeUnit | str, calendar: WorkCalendar) -> Int64s:
    """`deadline` without suspensions for an array of starts, in microseconds since 1970."""
    unit = TimeUnit(unit)
    length = limit_micros(limit, unit, calendar)
    if unit.continuous or length == 0:
        return starts + length
    if starts.size:
        calendar.check(int(starts.min()))
        calendar.check(int(starts.max()))
    return calendar.reached_many(calendar.worked_many(starts) + length)


def elapsed_working(
    start: datetime,
    end: datetime,
    unit: TimeUnit | str,
    calendar: WorkCalendar,
    suspensions: Sequence[Suspension] = (),
) -> float:
    """Seconds between two moments on the clock of a unit, negative if `end` comes first; a running suspension lasts to `end`."""
    unit = TimeUnit(unit)
    a, b = _micros(start), _micros(end)
    sign = 1
    if b < a:
        a, b, sign = b, a, -1
    total = _elapsed(a, b, unit, calendar)
    for begin, finish in _pauses(suspensions, b):
        low, high = max(begin, a), min(finish, b)
        if low < high:
            total -= _elapsed(low, high, unit, calendar)
    return sign * total / 1e6


def remaining_working(now: datetime, due: datetime, unit: TimeUnit | str, calendar: WorkCalendar) -> float:
    """Seconds left on the clock of a unit until `due`; negative when overdue."""
    return elapsed_working(now, due, unit, calendar)


def used_share(remaining: float, limit: float, unit: TimeUnit | str, calendar: WorkCalendar) -> float:
    """Part of a limit that is used, from 0; above 1 when overdue. A limit of nothing is used up."""
    length = limit_seconds(limit, unit, calendar)
    return 1.0 if length == 0 else max(0.0, 1.0 - remaining / length)


def limit_seconds(limit: float, unit: TimeUnit | str, calendar: WorkCalendar) -> float:
    """Length of a limit on the clock of its unit, in seconds."""
    return limit_micros(limit, TimeUnit(unit), calendar) / 1e6


def limit_micros(limit: float, unit: TimeUnit, calendar: WorkCalendar) -> int:
    """Length of a limit on the clock of its unit, in microseconds; refuses negative and endless ones."""
    if not 0 <= limit <= LARGEST_LIMIT:
        raise Problem("calendar.limit", field="limit", most=int(LARGEST_LIMIT))
    hours = {TimeUnit.NATURAL_DAY: DAY, TimeUnit.WORK_DAY: calendar.day_length}
    return round(limit * hours.get(unit, HOUR))


_WORDS: dict[str, dict[str, Any]] = {
    "zh": {"left": "剩 {0}", "over": "超 {0}", "soon": "剩不足 1 分", "day": "{0} 天", "hour": "{0} 小时", "minute": "{0} 分",
           "work_day": "{0} 工作日", "work_hour": "{0} 工作时"},
    "en": {"left": "{0} left", "over": "{0} over", "soon": "less than 1 min left", "day": "{0} d", "hour": "{0} h", "minute": "{0} min",
           "work_day": "{0} working d", "work_hour": "{0} working h"},
}  # fmt: skip


def remaining_text(seconds: float, unit: TimeUnit | str, lang: str = "zh-CN", day_seconds: float = 8 * 3600) -> str:
    """Time left in words, two units at most: `剩 2 工作时 21 分`, `剩 3 工作日 3 工作时`, `超 22 分`; `day_seconds` is a working day.

    Hours of 紧急工作时 and 自然日 are called 小时, those inside working periods 工作时.
    """
    unit = TimeUnit(unit)
    words = _WORDS["zh" if lang.startswith("zh") else "en"]
    minutes = int(abs(seconds) // 60)
    if minutes == 0 and seconds >= 0:
        return str(words["soon"])
    minutes = max(minutes, 1)
    per_day = 1440 if unit.continuous else max(1, int(day_seconds // 60))
    in_days = unit in (TimeUnit.WORK_DAY, TimeUnit.NATURAL_DAY) or (unit is TimeUnit.URGENT_HOUR and minutes >= 2 * per_day)
    days, rest = divmod(minutes, per_day) if in_days else (0, minutes)
    hours, rest = divmod(rest, 60)
    prefix = "" if unit.continuous else "work_"
    parts = [(days, prefix + "day"), (hours, prefix + "hour"), (rest, "minute")]
    shown = [words[name].format(count) for count, name in parts if count][:2]
    return str(words["left" if seconds >= 0 else "over"].format(" ".join(shown)))


def _advance(moment: int, length: int, unit: TimeUnit, calendar: WorkCalendar) -> int:
    if unit.continuous or length == 0:
        return moment + length
    calendar.check(moment)
    return calendar.reached(calendar.worked(moment) + length)


def _elapsed(begin: int, end: int, unit: TimeUnit, calendar: WorkCalendar) -> int:
    if unit.continuous:
        return end - begin
    calendar.check(begin)
    calendar.check(end)
    return calendar.worked(end) - calendar.worked(begin)


def _pauses(suspensions: Sequence[Suspension], until: int | None) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for begin, end in sorted((_micros(s.start), _open_end(s, until)) for s in suspensions):
        if end <= begin:
            continue
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def _open_end(suspension: Suspension, until: int | None) -> int:
    if suspension.end is not None:
        return _micros(suspension.end)
    if until is None:
        raise ValueError("a case has no deadline while its clock stands still")
    return max(until, _micros(suspension.start))


def _micros(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise Problem("calendar.naive_time")
    return (moment - _EPOCH) // _MICROSECOND


def _datetime(micros: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        raise Problem("calendar.beyond", first=1, last=9999) from None


def _length(periods: Sequence[Period]) -> int:
    return sum((b.hour - a.hour) * HOUR + (b.minute - a.minute) * (HOUR // 60) + (b.second - a.second) * 1_000_000 for a, b in periods)
