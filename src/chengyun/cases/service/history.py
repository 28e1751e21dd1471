"""Taking over the cases of an earlier system: each step goes through the same table and clocks as a live one, in bulk."""

from collections.abc import Callable, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import numpy as np
from sqlalchemy.orm import Session

from chengyun.accounts import service as accounts
from chengyun.cases import clocks, timeline
from chengyun.cases.models import CaseRecord
from chengyun.cases.repository import history, records, rules
from chengyun.cases.schemas import ClassIn, HistoryCase, HistoryStep
from chengyun.cases.service import intake
from chengyun.cases.service.steps import chain_of
from chengyun.cases.workflow import Clock, Operation, State, edge
from chengyun.kernel.errors import Problem
from chengyun.kernel.ids import uuid7
from chengyun.regions import service as regions
from chengyun.standards import service as standards
from chengyun.standards.codes import Edition, Kind
from chengyun.standards.worktime import WorkCalendar

_COLUMNS = tuple(column.key for column in CaseRecord.__table__.columns)
_EMPTY: dict[str, Any] = dict.fromkeys(name for name in _COLUMNS if name not in ("rework_count", "send_back_count"))


def import_history(session: Session, rows: Sequence[HistoryCase]) -> int:
    """Store cases with their whole timelines; returns how many. Refuses, and then stores nothing, what the table does not allow.

    Numbers are given in the order of the reports; nothing is told to other rooms, because it happened long ago.
    """
    if not rows:
        return 0
    ordered = sorted(rows, key=lambda row: row.reported_at)
    codes = _codes(session, ordered)
    serials = _serials(session, ordered)
    writer = _Writer(
        rules.all_limits(session), standards.work_calendars(session, codes), _chains(session, ordered), _namer(session), serials
    )
    for number, (row, code) in enumerate(zip(ordered, codes, strict=True), 1):
        writer.add(number, row, code)
    cases = [[getattr(record, name) for name in _COLUMNS] for record in writer.records]
    words = [(record.id, intake.words_of(vars(record))) for record in writer.records]
    history.load(session, cases, _COLUMNS, writer.events, words)
    return len(cases)


def _codes(session: Session, rows: Sequence[HistoryCase]) -> list[str]:
    """The area of each case: given, or found from its place."""
    missing = [i for i, row in enumerate(rows) if row.region_code is None]
    codes = [row.region_code or "" for row in rows]
    if missing:
        lons = np.array([rows[i].lon if rows[i].lon is not None else np.nan for i in missing], np.float64)
        lats = np.array([rows[i].lat if rows[i].lat is not None else np.nan for i in missing], np.float64)
        for i, code in zip(missing, regions.locate_many(session, lons, lats), strict=True):
            codes[i] = str(code)
    for number, code in enumerate(codes, 1):
        if not code:
            raise Problem("case.history", row=number, what="outside the city")
    return codes


def _serials(session: Session, rows: Sequence[HistoryCase]) -> Callable[[datetime], int]:
    """Gives the serial numbers of each day, in order."""
    counts: dict[Any, int] = {}
    for row in rows:
        day = clocks.day_of(row.reported_at)
        counts[day] = counts.get(day, 0) + 1
    following = {day: records.next_serial(session, day, count) - count for day, count in sorted(counts.items())}

    def take(moment: datetime) -> int:
        day = clocks.day_of(moment)
        following[day] += 1
        return following[day]

    return take


def _chains(session: Session, rows: Sequence[HistoryCase]) -> dict[UUID, tuple[str, list[UUID]]]:
    """Name and chain of each unit that is named."""
    found = accounts.organisations(session, {row.unit_id for row in rows if row.unit_id is not None})
    return {key: (unit.name, chain_of(session, unit)) for key, unit in found.items()}


def _namer(session: Session) -> Callable[[HistoryCase], str]:
    table = standards.class_table(session)
    return lambda row: table.require(Edition.of(row.edition), Kind(row.class_kind), row.class_code, "class_code").name


class _Writer:
    """Plays cases through the table, without the database."""

    def __init__(
        self,
        limits: Sequence[clocks.LimitRow],
        calendars: dict[str, WorkCalendar],
        units: dict[UUID, tuple[str, list[UUID]]],
        name_of: Callable[[HistoryCase], str],
        serial_of: Callable[[datetime], int],
    ) -> None:
        self._general = [row for row in limits if row.class_code == ""]
        self._of_class: dict[tuple[str, str, str], list[clocks.LimitRow]] = {}
        for row in limits:
            if row.class_code:
                self._of_class.setdefault((row.edition, row.class_kind, row.class_code), []).append(row)
        self._calendars, self._units, self._name_of, self._serial_of = calendars, units, name_of, serial_of
        self.records: list[CaseRecord] = []
        self.events: list[tuple[Any, ...]] = []

    def add(self, number: int, row: HistoryCase, code: str) -> None:
        """Play one case."""
        limits = self._general + self._of_class.get((row.edition, row.class_kind, row.class_code), [])
        record = self._first(row, code, limits)
        for step in row.steps:
            self._step(number, row, record, step, limits)
        self.records.append(record)

    def _first(self, row: HistoryCase, code: str, limits: Sequence[clocks.LimitRow]) -> CaseRecord:
        new = intake.NewCase(
            source=row.source,
            title=row.title or f"{self._name_of(row)} · {row.address or code}"[:200],
            description=row.description,
            region_code=code,
            class_=ClassIn(edition=Edition(row.edition), kind=Kind(row.class_kind), code=row.class_code),
            lon=row.lon,
            lat=row.lat,
            address=row.address,
            urgency=row.urgency,
            alarm_id=row.alarm_id,
            device_id=row.device_id,
        )
        case_id, day = uuid7(), clocks.day_of(row.reported_at)
        serial = self._serial_of(row.reported_at)
        values = _EMPTY | intake.columns_of(new, case_id, row.reported_at, limits, self._calendars[code])
        values |= {"day": day, "serial": serial, "number": intake.number_of(day, serial), "event_count": 0, "last_hash": timeline.START}
        # A plain object with the columns of a case: the ORM's watched attributes cost more than all else together.
        record = cast(CaseRecord, SimpleNamespace(**values, rework_count=0, send_back_count=0))
        self._write(record, row.reported_at, Operation.REPORT, (None, State.REPORTED), row.reported_by, intake.facts(new))
        return record

    def _step(self, number: int, row: HistoryCase, record: CaseRecord, step: HistoryStep, limits: Sequence[clocks.LimitRow]) -> None:
        line = edge(State(record.state), Operation(step.operation))
        if line is None:
            raise Problem("case.history", row=number, what=f"{step.operation} after {record.state}")
        before, data = record.state, dict(step.data)
        if line.operation is Operation.DISPATCH:
            if row.unit_id not in self._units:
                raise Problem("case.history", row=number, what="dispatched to no unit")
            name, record.unit_chain = self._units[row.unit_id]
            record.unit_id = row.unit_id
            data["unit"] = {"id": str(row.unit_id), "name": name}
        elif line.operation is Operation.SEND_BACK:
            record.unit_id, record.unit_chain, record.send_back_count = None, [], record.send_back_count + 1
        elif line.operation is Operation.CHECK_FAIL:
            record.rework_count += 1
        if line.clock is not Clock.NONE:
            changes = clocks.moved(record, line, step.time, self._calendars[record.region_code], limits)
            for name, value in changes.items():
                setattr(record, name, value)
        record.revision += 1
        self._write(record, step.time, line.operation, (before, line.target), step.actor, data)

    def _write(
        self, record: CaseRecord, time: datetime, operation: Operation, states: tuple[str | None, str], actor: str, data: dict[str, Any]
    ) -> None:
        event = timeline.append(record.last_hash, record.id, record.event_count + 1, time, operation, states, (actor, None), data)
        record.event_count, record.last_hash = event.sequence, event.hash
        self.events.append((record.id, event.sequence, time, str(operation), event.body, event.hash, record.region_code))
