"""What the standards room does: load the shipped rows, keep classes and calendars at hand, let an operator change them."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from importlib import resources
from threading import Lock
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chengyun.kernel import clock
from chengyun.kernel.errors import Problem
from chengyun.kernel.http import Actor, audit, require_area
from chengyun.kernel.outbox import emit
from chengyun.kernel.settings import get_settings
from chengyun.standards import holidays, repository
from chengyun.standards.classes import (
    EXTENSION,
    EXTENSION_MARK,
    ClassRow,
    ClassTable,
    shipped_classes,
    shipped_majors,
    shipped_mapping,
)
from chengyun.standards.codes import Edition, Kind, parse_division
from chengyun.standards.models import CalendarDay, StandardClass
from chengyun.standards.worktime import WorkCalendar, format_periods, parse_periods

YEARS = (2015, 2045)
_CLASSES = "classes"
_CALENDAR = "calendar"


@dataclass
class _Copy:
    """What a process keeps in memory of a part, with the revision that it was read at."""

    revision: UUID | None
    value: Any


_copies: dict[tuple[str, str], _Copy] = {}
_lock = Lock()


def forget() -> None:
    """Drop what is kept in memory; for tests that change databases."""
    _copies.clear()


def seed(session: Session) -> None:
    """Load the shipped classes, mapping and holidays. Safe to repeat: days that an operator changed stay as they are."""
    repository.lock_seed(session)
    digest = _shipped_digest()
    if repository.fingerprint(session, _CLASSES) == digest:
        return
    repository.load_majors(session, shipped_majors())
    for edition in Edition:
        repository.load_classes(session, shipped_classes(edition))
    repository.load_mapping(session, shipped_mapping())
    now = clock.now()
    repository.load_days(
        session,
        [
            {
                "day": d.day,
                "area_code": "",
                "kind": "make_up" if d.works else "holiday",
                "name": d.name,
                "name_en": d.name_en,
                "source": d.source,
                "changed_at": now,
            }
            for d in holidays.shipped()
        ],
    )
    repository.bump(session, _CLASSES, digest)
    repository.bump(session, _CALENDAR)


def _shipped_digest() -> str:
    digest = hashlib.sha256()
    folder = resources.files("chengyun.standards") / "data"
    for path in sorted(folder.iterdir(), key=lambda p: p.name):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def class_table(session: Session) -> ClassTable:
    """All classes in memory, as fresh as the database; one small query to find out."""
    revision = repository.revisions(session).get(_CLASSES)
    copy = _copies.get((_CLASSES, ""))
    if copy is None or copy.revision != revision:
        copy = _Copy(revision, ClassTable(repository.all_classes(session), repository.mapping(session)))
        _copies[_CLASSES, ""] = copy
    table: ClassTable = copy.value
    return table


def work_calendar(session: Session, region_code: str = "") -> WorkCalendar:
    """The working calendar of a place, as fresh as the database.

    Rows of a narrower area (district, street) override those of the city and of the country.
    """
    return work_calendars(session, [region_code])[region_code]


def work_calendars(session: Session, region_codes: Iterable[str]) -> dict[str, WorkCalendar]:
    """`work_calendar` for many places, with one small query to find out whether the copy in memory is fresh."""
    revision = repository.revisions(session).get(_CALENDAR)
    with _lock:
        rows = _copies.get((_CALENDAR, "rows"))
        if rows is None or rows.revision != revision:
            for key in [k for k in _copies if k[0] == _CALENDAR]:
                del _copies[key]
            rows = _Copy(revision, _calendar_rows(session))
            _copies[_CALENDAR, "rows"] = rows
        return {code: _calendar_for(code, rows, revision) for code in set(region_codes)}


def _calendar_for(region_code: str, rows: _Copy, revision: UUID | None) -> WorkCalendar:
    days, hours, areas = rows.value
    holding = [a for a in areas if _within(region_code, a)]
    key = (_CALENDAR, "/".join(["for", *holding]))
    if key not in _copies:
        _copies[key] = _Copy(revision, _build(days, hours, set(holding)))
    calendar: WorkCalendar = _copies[key].value
    return calendar


def _calendar_rows(session: Session) -> tuple[list[tuple[str, date, str]], list[tuple[str, date, str]], list[str]]:
    days = [(d.area_code, d.day, d.kind) for d in repository.calendar_days(session)]
    hours = [(h.area_code, h.valid_from, h.periods) for h in repository.working_hours(session)]
    return days, hours, sorted({row[0] for row in (*days, *hours)}, key=lambda a: (len(a), a))


def concerns(area: str, row_area: str) -> bool:
    """Whether a row of `row_area` is shown to somebody who asks for `area`: it holds there, or lies within it."""
    return area == "" or _within(area, row_area) or _within(row_area, area)


def _within(region_code: str, area_code: str) -> bool:
    if area_code == "":
        return True
    return bool(region_code) and parse_division(area_code).contains(parse_division(region_code))


def _build(days: list[tuple[str, date, str]], hours: list[tuple[str, date, str]], areas: set[str]) -> WorkCalendar:
    exceptions: dict[date, bool] = {}
    for area, day, kind in days:
        if area in areas:
            exceptions.pop(day, None)
            if kind != "ordinary":
                exceptions[day] = kind == "make_up"
    narrowest = max((a for a, _, _ in hours if a in areas), key=len, default=None)
    periods = [(start, parse_periods(text)) for area, start, text in hours if area == narrowest]
    return WorkCalendar.build(exceptions, periods, YEARS)


def check_year(year: int) -> None:
    """Refuse a year outside the calendar."""
    if not YEARS[0] <= year <= YEARS[1]:
        raise Problem("calendar.year", field="year", first=YEARS[0], last=YEARS[1])


def working_days(session: Session, year: int, region_code: str = "") -> int:
    """How many days of a year are worked in an area."""
    calendar = work_calendar(session, region_code)
    return calendar.days_worked(year)


def set_day(
    session: Session, actor: Actor, day: date, kind: str | None, name: str, name_en: str, source: str, area_code: str
) -> CalendarDay | None:
    """Make a date a holiday, a make-up working day or an ordinary day; `kind` None removes the row. Audited; deadlines
    computed from now on follow it, and `ev.standards.calendar` tells the rooms that keep deadlines."""
    check_year(day.year)
    if area_code:
        parse_division(area_code, "area_code")
    require_area(actor, area_code)
    before = repository.calendar_day(session, day, area_code)
    was = {"kind": before.kind, "name": before.name, "source": before.source} if before else None
    after: CalendarDay | None = None
    if kind is None:
        if before is None:
            raise Problem("object.not_found")
        repository.drop_day(session, before)
    else:
        values = {"day": day, "area_code": area_code, "kind": kind, "name": name, "name_en": name_en, "source": source}
        after = repository.set_day(session, {**values, "changed_at": clock.now()})
    _calendar_changed(session, area_code, {"day": day.isoformat(), "kind": kind})
    detail = {"area_code": area_code, "before": was, "after": {"kind": kind, "name": name, "source": source} if kind else None}
    audit(session, actor, "calendar.change", "calendar_day", day, detail)
    return after


def set_working_hours(session: Session, actor: Actor, area_code: str, valid_from: date, periods: str, source: str) -> str:
    """Set the working periods of an area from a day on; returns them in the usual form."""
    check_year(valid_from.year)
    if area_code:
        parse_division(area_code, "area_code")
    require_area(actor, area_code)
    text = format_periods(parse_periods(periods, "periods"))
    repository.set_working_hours(session, area_code, valid_from, text, source, clock.now())
    _calendar_changed(session, area_code, {"valid_from": valid_from.isoformat(), "periods": text})
    detail = {"valid_from": valid_from.isoformat(), "periods": text, "source": source}
    audit(session, actor, "working_hours.change", "working_hours", area_code or "*", detail)
    return text


def _calendar_changed(session: Session, area_code: str, data: dict[str, Any]) -> None:
    repository.bump(session, _CALENDAR)
    emit(session, "ev.standards.calendar", {"area_code": area_code, **data}, area_code or get_settings().city_code)


def add_extension(session: Session, actor: Actor, edition: Edition, kind: Kind, major: str, name: str, name_en: str) -> StandardClass:
    """Add a class of the city's own (扩展小类): the next number downwards from the top, its name marked (自定义)."""
    require_area(actor)
    if not repository.major_exists(session, edition, kind, major):
        raise Problem("class.major_unknown", field="major", edition=edition, major=major[:10])
    low, high = EXTENSION[edition]
    least = repository.least_extension(session, edition, kind, major)
    number = int(least) - 1 if least else high
    if number < low:
        raise Problem("class.extension_number", field="major", low=low, high=high)
    minor = str(number).zfill(edition.minor_digits)
    marked = name if name.endswith(EXTENSION_MARK) else name + EXTENSION_MARK
    city = get_settings().city_code
    today = clock.now().astimezone(clock.SHANGHAI).date()
    row = ClassRow(edition, kind, major, minor, marked, name_en or marked, "listed", "扩展小类", city, today)
    entry = repository.add_class(session, row)
    repository.bump(session, _CLASSES)
    audit(session, actor, "class.add", "standard_class", entry.code, {"edition": edition, "kind": kind, "name": marked})
    return entry
