"""Routes of the standards room: anyone signed in reads, `standard.manage` changes."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from chengyun.kernel import clock
from chengyun.kernel.http import Actor, ReadTx, SignedIn, Tx, permit
from chengyun.standards import repository, service
from chengyun.standards.classes import MappingRow
from chengyun.standards.codes import Edition, Kind, parse_division
from chengyun.standards.schemas import (
    CalendarOut,
    ClassList,
    ClassOut,
    DayIn,
    DayOut,
    DeadlineIn,
    DeadlineOut,
    ExtensionIn,
    HoursIn,
    HoursOut,
    MajorOut,
    MappingOut,
)
from chengyun.standards.worktime import deadline, remaining_text, remaining_working, used_share

router = APIRouter(prefix="/standards")
Manager = Annotated[Actor, Depends(permit("standard.manage"))]
EditionQuery = Annotated[str, Query(max_length=40, description="47678.5-2026 or 30428.2-2013")]
AreaQuery = Annotated[str, Query(max_length=15, description="Division code; empty for the whole country")]
Day = Annotated[date, Path(description="The date, such as 2026-10-01")]


@router.get("/classes")
def list_classes(
    _actor: SignedIn,
    session: ReadTx,
    edition: EditionQuery = Edition.GB47678_2026,
    kind: Kind | None = None,
    major: Annotated[str | None, Query(max_length=2)] = None,
    q: Annotated[str | None, Query(max_length=60, description="Beginning of the code, or part of the name")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 500,
) -> ClassList:
    """Classes of components (部件) and matters (事项) in force today, by edition of the standard."""
    known = Edition.of(edition)
    today = clock.now().astimezone(clock.SHANGHAI).date()
    rows = repository.find_classes(session, known, kind, major, q.strip() if q else None, today, limit)
    return ClassList(
        items=[ClassOut.model_validate(r) for r in rows],
        majors=[MajorOut.model_validate(m) for m in repository.majors(session, known)],
    )


@router.post("/classes", status_code=201)
def add_class(actor: Manager, session: Tx, body: ExtensionIn) -> ClassOut:
    """Add a class of the city's own; it gets the next free number from the top and the mark (自定义)."""
    entry = service.add_extension(session, actor, Edition.of(body.edition), body.kind, body.major, body.name, body.name_en)
    return ClassOut.model_validate(entry)


@router.get("/mapping")
def show_mapping(
    _actor: SignedIn,
    session: ReadTx,
    edition: EditionQuery = Edition.GB30428_2013,
    kind: Kind | None = None,
    code: Annotated[str | None, Query(max_length=5)] = None,
) -> list[MappingOut]:
    """How classes of 2013 and 2026 correspond: all, or those of one code of an edition."""
    table = service.class_table(session)
    if code is None:
        rows = [m for m in repository.mapping(session) if kind in (None, m.kind)]
    else:
        kinds = [kind] if kind else list(Kind)
        known = Edition.of(edition)
        if known is Edition.GB30428_2013:
            rows = [table.upgrade(k, code) for k in kinds]
        else:
            rows = [m for k in kinds for m in table.downgrade(k, code)]

    def shape(m: MappingRow) -> MappingOut:
        old = table.get(Edition.GB30428_2013, m.kind, m.code_2013)
        new = table.get(Edition.GB47678_2026, m.kind, m.code_2026) if m.code_2026 else None
        return MappingOut(
            kind=m.kind,
            code_2013=m.code_2013,
            code_2026=m.code_2026,
            relation=m.relation,
            note=m.note,
            name_2013=old.name if old else None,
            name_2026=new.name if new else None,
        )

    return [shape(m) for m in rows]


@router.get("/calendar")
def show_calendar(_actor: SignedIn, session: ReadTx, year: int, area: AreaQuery = "") -> CalendarOut:
    """Holidays and make-up days of a year, working periods, and the number of working days, for an area."""
    service.check_year(year)
    if area:
        parse_division(area, "area")
    days = repository.calendar_days(session, date(year, 1, 1), date(year, 12, 31))
    hours = repository.working_hours(session)
    return CalendarOut(
        year=year,
        area_code=area,
        working_days=service.working_days(session, year, area),
        days=[DayOut.model_validate(d) for d in sorted(days, key=lambda d: d.day) if service.concerns(area, d.area_code)],
        working_hours=[HoursOut.model_validate(h) for h in hours if service.concerns(area, h.area_code)],
    )


@router.put("/calendar/{day}")
def put_day(actor: Manager, session: Tx, day: Day, body: DayIn) -> DayOut:
    """Make a date a holiday, a make-up working day or an ordinary day, for the country or one area."""
    row = service.set_day(session, actor, day, body.kind, body.name, body.name_en, body.source, body.area_code)
    return DayOut.model_validate(row)


@router.delete("/calendar/{day}", status_code=204)
def delete_day(actor: Manager, session: Tx, day: Day, area: AreaQuery = "") -> None:
    """Take back what is special about a date."""
    service.set_day(session, actor, day, None, "", "", "", area)


@router.put("/working-hours")
def put_hours(actor: Manager, session: Tx, body: HoursIn) -> HoursOut:
    """Set the working periods of an area from a day on."""
    periods = service.set_working_hours(session, actor, body.area_code, body.valid_from, body.periods, body.source)
    return HoursOut(area_code=body.area_code, valid_from=body.valid_from, periods=periods, source=body.source)


@router.post("/deadline")
def compute_deadline(actor: SignedIn, session: ReadTx, body: DeadlineIn) -> DeadlineOut:
    """When a limit in one of the time units runs out on the calendar of a place, and what is left of it now."""
    calendar = service.work_calendar(session, parse_division(body.region_code, "region_code").text if body.region_code else "")
    due = deadline(body.start, body.limit, body.unit, calendar)
    left = remaining_working(clock.now(), due, body.unit, calendar)
    return DeadlineOut(
        start=body.start,
        limit=body.limit,
        unit=body.unit,
        due_at=due,
        remaining_seconds=left,
        remaining_text=remaining_text(left, body.unit, actor.lang, calendar.day_length / 1e6),
        used_share=used_share(left, body.limit, body.unit, calendar),
    )
