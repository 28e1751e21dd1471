"""Clocks of a case: which limit holds, when it runs out, and how red it is. Pure functions over rows and a working calendar."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from chengyun.cases.models import CaseRecord
from chengyun.cases.schemas import Deadline
from chengyun.cases.workflow import ENDS, STAGES, Clock, Edge, Operation, State
from chengyun.kernel.clock import SHANGHAI
from chengyun.standards.worktime import (
    TimeUnit,
    WorkCalendar,
    deadline,
    limit_seconds,
    remaining_text,
    remaining_working,
    used_share,
)

NEAR = 0.8
"""From this share of the limit on a clock is yellow."""
_TIMES = {
    Operation.ACCEPT: "accepted_at",
    Operation.FILE: "filed_at",
    Operation.DISPATCH: "dispatched_at",
    Operation.SIGN: "signed_at",
    Operation.HANDLE: "handled_at",
    Operation.CHECK_PASS: "checked_at",
    Operation.CLOSE: "closed_at",
}
"""Which operation sets which time."""
RUNNING = (State.DISPATCHED, State.HANDLING)
"""States in which the handling clock runs."""


@dataclass(frozen=True)
class Limit:
    """A time limit."""

    amount: float
    unit: TimeUnit


@dataclass(frozen=True, slots=True)
class LimitRow:
    """A row of `case_limit`, without the weight of the ORM."""

    stage: str
    urgency: str
    edition: str
    class_kind: str
    class_code: str
    area_code: str
    amount: float
    unit: str
    valid_from: date
    valid_to: date | None


@dataclass(frozen=True)
class Matter:
    """What decides which limits hold for a case."""

    urgency: str
    edition: str | None
    kind: str | None
    code: str | None
    region_code: str


def choose(rows: Iterable[LimitRow], stage: str, matter: Matter, day: date) -> Limit | None:
    """The most particular limit of a stage: of the class before all classes, of the narrower area, of the urgency, the latest."""
    fitting = [row for row in rows if row.stage == stage and _fits(row, matter, day)]
    if not fitting:
        return None
    best = max(fitting, key=lambda r: (r.class_code != "", len(r.area_code), r.urgency != "", r.valid_from))
    return Limit(best.amount, TimeUnit(best.unit))


def _fits(row: LimitRow, matter: Matter, day: date) -> bool:
    if row.valid_from > day or (row.valid_to is not None and row.valid_to <= day):
        return False
    if row.urgency not in ("", matter.urgency) or not matter.region_code.startswith(row.area_code):
        return False
    return row.class_code == "" or (row.edition, row.class_kind, row.class_code) == (matter.edition, matter.kind, matter.code)


def day_of(moment: datetime) -> date:
    """The day in the city."""
    return moment.astimezone(SHANGHAI).date()


def matter_of(record: CaseRecord) -> Matter:
    """What decides the limits of a case."""
    return Matter(record.urgency, record.edition, record.class_kind, record.class_code, record.region_code)


def moved(record: CaseRecord, line: Edge, now: datetime, cal: WorkCalendar, limits: Sequence[LimitRow]) -> dict[str, Any]:
    """Columns of state, times and clocks after a step along a line of the table."""
    target = line.target
    handling = effect(line.clock, record, now, cal)
    values: dict[str, Any] = {"state": target, **handling}
    if line.operation in _TIMES:
        values[_TIMES[line.operation]] = now
    if line.clock is Clock.RESUME:
        values["handled_at"] = None
    if line.clock is Clock.END:
        return {**values, "ended_at": now, **handling_stage(None, None, None)}
    due = handling.get("handling_due_at", record.handling_due_at)
    if target is State.HANDLING:
        stage = handling_stage(record.limit_amount, record.limit_unit, due)
    else:
        stage = start_stage(target, limits, matter_of(record), now, cal)
    return {**values, **stage, "due_at": first_due(target, stage["stage_due_at"], due, record.due_at)}


def start_stage(state: State, limits: Sequence[LimitRow], matter: Matter, now: datetime, cal: WorkCalendar) -> dict[str, Any]:
    """Columns of the clock of the stage that a state waits for; none where no limit is set."""
    limit = None if state in ENDS else choose(limits, STAGES[state], matter, day_of(now))
    if limit is None:
        return {"stage_limit": None, "stage_unit": None, "stage_due_at": None}
    return {"stage_limit": limit.amount, "stage_unit": limit.unit, "stage_due_at": deadline(now, limit.amount, limit.unit, cal)}


def handling_stage(amount: float | None, unit: str | None, due: datetime | None) -> dict[str, Any]:
    """While a case is being handled, the clock of the stage is the handling clock."""
    return {"stage_limit": amount, "stage_unit": unit, "stage_due_at": due}


def effect(clock: Clock, record: CaseRecord, now: datetime, cal: WorkCalendar) -> dict[str, Any]:
    """What an operation does to the handling clock, as columns."""
    if clock is Clock.START and record.limit_amount is not None and record.limit_unit is not None:
        return {"handling_due_at": deadline(now, record.limit_amount, record.limit_unit, cal), "on_time": None}
    if clock is Clock.CANCEL:
        return {"handling_due_at": None, "on_time": None}
    if clock is Clock.STOP:
        due = record.handling_due_at
        return {"on_time": None if due is None else now <= due}
    if clock is Clock.RESUME:
        return {"handling_due_at": resumed(record, now, cal), "on_time": None}
    return {}


def resumed(record: CaseRecord, now: datetime, cal: WorkCalendar) -> datetime | None:
    """When the handling clock runs out after a failed check: what was left at the feedback starts now; overdue stays overdue."""
    due, stopped, unit = record.handling_due_at, record.handled_at, record.limit_unit
    if due is None or stopped is None or unit is None or due <= stopped:
        return due
    left = remaining_working(stopped, due, unit, cal)
    return deadline(now, left / limit_seconds(1, unit, cal), unit, cal)


def first_due(state: State, stage_due: datetime | None, handling_due: datetime | None, otherwise: datetime) -> datetime:
    """When the first of the running clocks runs out, which orders the queues."""
    running = [stage_due, handling_due if state in RUNNING else None]
    return min((due for due in running if due is not None), default=otherwise)


def stage_deadline(record: CaseRecord, now: datetime, cal: WorkCalendar, lang: str) -> Deadline | None:
    """The clock of the present stage; None once the case has ended."""
    if record.ended_at is not None or record.stage_due_at is None or record.stage_limit is None or record.stage_unit is None:
        return None
    return measure(STAGES[State(record.state)], record.stage_due_at, Limit(record.stage_limit, TimeUnit(record.stage_unit)), now, cal, lang)


def handling_deadline(record: CaseRecord, now: datetime, cal: WorkCalendar, lang: str) -> Deadline | None:
    """The handling clock: running, or as it stood when the unit reported; None before it was started."""
    if record.handling_due_at is None or record.limit_amount is None or record.limit_unit is None:
        return None
    at = record.handled_at or record.ended_at or now
    return measure("handle", record.handling_due_at, Limit(record.limit_amount, TimeUnit(record.limit_unit)), at, cal, lang)


def measure(stage: str, due: datetime, limit: Limit, now: datetime, cal: WorkCalendar, lang: str) -> Deadline:
    """How a clock stands at a moment."""
    left = remaining_working(now, due, limit.unit, cal)
    used = used_share(left, limit.amount, limit.unit, cal)
    return Deadline(
        stage=stage,
        due_at=due,
        limit=limit.amount,
        unit=limit.unit,
        used_share=round(used, 6),
        remaining_seconds=left,
        remaining_text=remaining_text(left, limit.unit, lang, cal.day_length / 1e6),
        colour=colour(now > due, used),
    )


def colour(overdue: bool, used: float) -> Literal["green", "yellow", "red"]:
    """Red once the limit has run out, yellow from four fifths of it, else green."""
    if overdue:
        return "red"
    return "yellow" if used >= NEAR else "green"
