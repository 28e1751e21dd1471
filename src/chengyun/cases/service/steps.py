"""What is done to a case: each operation is one transaction with the case's row, an event, what others are told, and the audit."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.orm import Session

from chengyun.accounts import service as accounts
from chengyun.cases import clocks, timeline
from chengyun.cases.models import CaseRecord
from chengyun.cases.repository import photos, records, rules
from chengyun.cases.schemas import CheckFailIn, CheckIn, DispatchIn, FileIn, HandleIn
from chengyun.cases.service import intake, present, told
from chengyun.cases.workflow import ENDS, STAGES, Clock, Edge, Operation, State, edge, name_of
from chengyun.kernel import clock
from chengyun.kernel.errors import Problem
from chengyun.kernel.http import Actor, audit
from chengyun.regions import service as regions
from chengyun.standards import service as standards
from chengyun.standards.worktime import TimeUnit

_PHASES = {Operation.HANDLE: "after", Operation.CHECK_PASS: "check", Operation.CHECK_FAIL: "check"}


@dataclass
class _Effect:
    """What an operation changes beside state and clocks, and what the timeline says of it."""

    columns: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)


def operate(session: Session, actor: Actor, case_id: UUID, operation: Operation, body: BaseModel) -> CaseRecord:
    """Do something to a case. Refuses with why it is not possible and what is; the second of two officers gets `case.changed`."""
    record = records.lock(session, case_id)
    if record is None:
        raise Problem("object.not_found")
    _check(session, record, actor, operation, getattr(body, "revision", None))
    line = edge(State(record.state), operation)
    if line is None:
        raise AssertionError("checked above")
    effect = _EFFECTS.get(operation, _plain)(session, record, actor, body)
    return apply(session, record, line, actor, effect.columns, effect.data)


def _check(session: Session, record: CaseRecord, actor: Actor, operation: Operation, revision: int | None) -> None:
    extra = {"state": record.state, "revision": record.revision, "allowed": present.possible_now(record, actor)}
    if revision is not None and revision != record.revision:
        raise Problem("case.changed", field="revision", extra=extra, state=name_of(State(record.state), actor.lang))
    units = present.unit_names(session, {record.unit_id} if record.unit_id else set(), actor.lang)
    refused = present.refusal(record, operation, actor, units)
    if refused is not None:
        raise Problem(refused[0], extra=extra, **refused[1])


def apply(session: Session, record: CaseRecord, line: Edge, actor: Actor, columns: dict[str, Any], data: dict[str, Any]) -> CaseRecord:
    """Take a locked case along a line of the table."""
    now = clock.now()
    event = timeline.append(
        record.last_hash,
        record.id,
        record.event_count + 1,
        now,
        line.operation,
        (record.state, line.target),
        (actor.name, actor.user_id),
        data,
    )
    changes = {**columns, "event_count": event.sequence, "last_hash": event.hash, "revision": record.revision + 1}
    with session.no_autoflush:
        _set(record, columns)
        if line.clock is not Clock.NONE:
            changes |= _moved(session, record, line, now)
        _set(record, changes)
    records.add_events(session, record.region_code, [event])
    if line.event is not None:
        told.tell(session, record, line.event)
    audit(session, actor, f"case.{line.operation}", "case", record.id, {"number": record.number, "state": record.state}, record.region_code)
    return record


def _set(record: CaseRecord, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(record, name, value)


def _moved(session: Session, record: CaseRecord, line: Edge, now: datetime) -> dict[str, Any]:
    matter = clocks.matter_of(record)
    waits = line.target not in ENDS and line.target is not State.HANDLING
    rows = rules.limits(session, [STAGES[line.target]], matter.edition, matter.kind, matter.code) if waits else []
    return clocks.moved(record, line, now, standards.work_calendar(session, record.region_code), rows)


def _plain(_session: Session, _record: CaseRecord, _actor: Actor, body: BaseModel) -> _Effect:
    said = {name: getattr(body, name, "") for name in ("note", "reason", "feedback")}
    return _Effect(data={name: value for name, value in said.items() if value})


def _with_photos(session: Session, record: CaseRecord, actor: Actor, operation: Operation, body: BaseModel, ids: list[UUID]) -> _Effect:
    effect = _plain(session, record, actor, body)
    taken = intake.take_photos(session, actor, ids)
    if taken:
        effect.data["photos"] = intake.photo_proofs(taken)
        photos.attach(session, record.id, record.region_code, _PHASES[operation], taken)
    return effect


def _file(session: Session, record: CaseRecord, actor: Actor, body: BaseModel) -> _Effect:
    """Filing fixes the class, and with it the limit for handling; that of a policy stays."""
    if not isinstance(body, FileIn):
        raise TypeError(body)
    effect = _plain(session, record, actor, body)
    if body.class_ is not None:
        name = intake.check_class(session, body.class_)
        effect.columns |= {"edition": body.class_.edition, "class_kind": body.class_.kind, "class_code": body.class_.code}
        effect.data["class"] = {"edition": body.class_.edition, "kind": body.class_.kind, "code": body.class_.code, "name": name}
    elif record.class_code is None:
        raise Problem("case.class_needed", field="class")
    if body.urgency is not None:
        effect.columns["urgency"] = effect.data["urgency"] = body.urgency
    matter = clocks.Matter(
        effect.columns.get("urgency", record.urgency),
        effect.columns.get("edition", record.edition),
        effect.columns.get("class_kind", record.class_kind),
        effect.columns.get("class_code", record.class_code),
        record.region_code,
    )
    if record.policy_id is None or matter != clocks.matter_of(record) or record.limit_amount is None:
        rows = rules.limits(session, ["handle"], matter.edition, matter.kind, matter.code)
        limit = clocks.choose(rows, "handle", matter, clock.now().astimezone(clock.SHANGHAI).date())
        effect.columns |= {"limit_amount": limit.amount if limit else None, "limit_unit": limit.unit if limit else None}
        record_limit = limit
    else:
        record_limit = clocks.Limit(record.limit_amount, TimeUnit(str(record.limit_unit)))
    if record_limit is not None:
        effect.data["limit"] = {"amount": record_limit.amount, "unit": record_limit.unit}
    return effect


def _dispatch(session: Session, record: CaseRecord, actor: Actor, body: BaseModel) -> _Effect:
    if not isinstance(body, DispatchIn):
        raise TypeError(body)
    effect = _plain(session, record, actor, body)
    unit = accounts.organisations(session, [body.unit_id]).get(body.unit_id)
    if unit is None or not unit.active:
        raise Problem("case.unit_unknown", field="unit_id")
    if not any(low <= record.region_code < high for low, high in regions.scope_ranges(session, unit.area_code)):
        raise Problem("case.unit_area", field="unit_id", unit=unit.name)
    effect.columns = {"unit_id": unit.id, "unit_chain": chain_of(session, unit)}
    effect.data["unit"] = {"id": str(unit.id), "name": unit.name}
    return effect


def chain_of(session: Session, unit: accounts.Organisation) -> list[UUID]:
    """A unit and those above it: whose people may act for it. Not the city's own bureau, which only commands."""
    chain = [unit.id]
    parent_id = unit.parent_id
    while parent_id is not None and len(chain) < 8:
        parent = accounts.organisations(session, [parent_id])[parent_id]
        if parent.kind == "city":
            break
        chain.append(parent.id)
        parent_id = parent.parent_id
    return chain


def _send_back(session: Session, record: CaseRecord, actor: Actor, body: BaseModel) -> _Effect:
    effect = _plain(session, record, actor, body)
    effect.data["unit"] = str(record.unit_id)
    effect.columns = {"unit_id": None, "unit_chain": [], "send_back_count": record.send_back_count + 1}
    return effect


def _handle(session: Session, record: CaseRecord, actor: Actor, body: BaseModel) -> _Effect:
    if not isinstance(body, HandleIn):
        raise TypeError(body)
    return _with_photos(session, record, actor, Operation.HANDLE, body, body.photo_ids)


def _check_pass(session: Session, record: CaseRecord, actor: Actor, body: BaseModel) -> _Effect:
    if not isinstance(body, CheckIn):
        raise TypeError(body)
    return _with_photos(session, record, actor, Operation.CHECK_PASS, body, body.photo_ids)


def _check_fail(session: Session, record: CaseRecord, actor: Actor, body: BaseModel) -> _Effect:
    if not isinstance(body, CheckFailIn):
        raise TypeError(body)
    effect = _with_photos(session, record, actor, Operation.CHECK_FAIL, body, body.photo_ids)
    effect.columns["rework_count"] = record.rework_count + 1
    return effect


_EFFECTS: dict[Operation, Callable[[Session, CaseRecord, Actor, BaseModel], _Effect]] = {
    Operation.FILE: _file,
    Operation.DISPATCH: _dispatch,
    Operation.SEND_BACK: _send_back,
    Operation.HANDLE: _handle,
    Operation.CHECK_PASS: _check_pass,
    Operation.CHECK_FAIL: _check_fail,
}
