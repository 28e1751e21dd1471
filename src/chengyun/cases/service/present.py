"""How cases are shown: names, deadlines, photos and what the caller may do, for a whole page with a fixed number of queries."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chengyun.accounts import service as accounts
from chengyun.cases import clocks
from chengyun.cases.models import CaseEvent, CaseRecord
from chengyun.cases.repository import photos, records
from chengyun.cases.schemas import Case, CaseAction, ClassOut, PhotoOut, Place, TimelineEvent, UnitOut
from chengyun.cases.timeline import read_body
from chengyun.cases.workflow import STAGES, UNIT_OPERATIONS, Operation, State, edge, name_of, possible
from chengyun.kernel import clock
from chengyun.kernel.errors import sentence
from chengyun.kernel.http import Actor
from chengyun.regions import service as regions
from chengyun.standards import service as standards
from chengyun.standards.codes import Edition, Kind


def cases(session: Session, rows: Sequence[CaseRecord], actor: Actor, *, actions: bool = False) -> list[Case]:
    """Cases as the caller sees them."""
    if not rows:
        return []
    now, lang = clock.now(), actor.lang
    areas = regions.names(session, {r.region_code for r in rows}, lang)
    calendars = standards.work_calendars(session, {r.region_code for r in rows})
    units = unit_names(session, {r.unit_id for r in rows if r.unit_id}, lang)
    pictures: dict[UUID, list[PhotoOut]] = defaultdict(list)
    for case_id, photo_id, phase in photos.of_cases(session, [r.id for r in rows]):
        pictures[case_id].append(PhotoOut.model_validate({"id": photo_id, "phase": phase}))
    classes = class_names(session, rows, lang)
    return [
        Case.model_validate(
            {
                **_plain(r),
                "class": classes.get(r.id),
                "area_name": areas[r.region_code],
                "unit": units.get(r.unit_id) if r.unit_id else None,
                "deadline": clocks.stage_deadline(r, now, calendars[r.region_code], lang),
                "handling_deadline": clocks.handling_deadline(r, now, calendars[r.region_code], lang),
                "photos": pictures[r.id],
                "actions": allowed(r, actor, units) if actions else None,
            }
        )
        for r in rows
    ]


_PLAIN = (
    "id", "number", "title", "source", "urgency", "state", "description", "address", "region_code", "alarm_id", "device_id",
    "reported_at", "ended_at", "on_time", "rework_count", "revision",
)  # fmt: skip


def _plain(record: CaseRecord) -> dict[str, object]:
    place = None if record.lon is None or record.lat is None else Place(lon=record.lon, lat=record.lat)
    return {name: getattr(record, name) for name in _PLAIN} | {"stage": STAGES[State(record.state)], "place": place}


def one(session: Session, record: CaseRecord, actor: Actor) -> Case:
    """A case with what the caller may do, and the reporter's number with its middle hidden."""
    shown = cases(session, [record], actor, actions=True)[0]
    told_by = records.reporter(session, record.id)
    if told_by is not None:
        shown.reporter = masked(told_by.phone)
    return shown


def masked(phone: str) -> str:
    """A phone number with its middle hidden: 138****5678."""
    digits = phone.replace(" ", "").replace("-", "")
    return f"{digits[:3]}****{digits[-4:]}" if len(digits) >= 9 else "****" + digits[-2:]


def class_names(session: Session, rows: Sequence[CaseRecord], lang: str) -> dict[UUID, ClassOut]:
    """Classes of cases with their names."""
    table = standards.class_table(session)
    found = {}
    for r in rows:
        if r.edition and r.class_kind and r.class_code:
            kind = Kind(r.class_kind)
            known = table.get(Edition(r.edition), kind, r.class_code)
            name = r.class_code if known is None else known.name if lang.startswith("zh") else known.name_en
            found[r.id] = ClassOut(edition=r.edition, kind=kind, code=r.class_code, name=name)
    return found


def unit_names(session: Session, ids: set[UUID], lang: str) -> dict[UUID, UnitOut]:
    """Units with their names."""
    return {
        key: UnitOut(id=key, name=unit.name if lang.startswith("zh") else unit.name_en or unit.name)
        for key, unit in accounts.organisations(session, ids).items()
    }


def allowed(record: CaseRecord, actor: Actor, units: dict[UUID, UnitOut]) -> list[CaseAction]:
    """Each operation, whether the caller may do it now, and why not."""
    result = []
    for operation in Operation:
        if operation is not Operation.REPORT:
            refused = refusal(record, operation, actor, units)
            reason = None if refused is None else sentence(refused[0], actor.lang, refused[1])
            result.append(CaseAction(operation=operation, allowed=refused is None, reason=reason))
    return result


def possible_now(record: CaseRecord, actor: Actor) -> list[str]:
    """What the caller may do with a case now."""
    return [o for o in possible(State(record.state)) if _objection(record, o, actor) is None]


def _objection(record: CaseRecord, operation: Operation, actor: Actor) -> str | None:
    line = edge(State(record.state), operation)
    if line is None:
        return "case.not_allowed"
    if not any(actor.can(p) for p in line.permissions):
        return "case.not_permitted"
    if operation in UNIT_OPERATIONS and actor.org_id is not None and actor.org_id not in record.unit_chain:
        return "case.other_unit"
    return None


def refusal(record: CaseRecord, operation: Operation, actor: Actor, units: dict[UUID, UnitOut]) -> tuple[str, dict[str, Any]] | None:
    """Why somebody may not do something now, as an error code with its parameters; None if he may."""
    code = _objection(record, operation, actor)
    if code is None:
        return None
    lang, line = actor.lang, edge(State(record.state), operation)
    separator, nothing = ("、", "无") if lang.startswith("zh") else (", ", "nothing")
    unit = units.get(record.unit_id) if record.unit_id else None
    return code, {
        "state": name_of(State(record.state), lang),
        "operation": name_of(operation, lang),
        "permission": line.permissions[0] if line else "",
        "allowed": separator.join(name_of(Operation(o), lang) for o in possible_now(record, actor)) or nothing,
        "unit": unit.name if unit else "",
    }


def timeline(events: Sequence[CaseEvent], lang: str) -> list[TimelineEvent]:
    """A timeline as people read it."""
    shown = []
    for event in events:
        said = read_body(event.body)
        shown.append(
            TimelineEvent(
                sequence=event.sequence,
                time=event.time,
                operation=event.operation,
                name=name_of(Operation(event.operation), lang),
                from_state=said["from"],
                to_state=said["to"],
                actor=said["actor"],
                data=said["data"],
                hash=event.hash.hex(),
            )
        )
    return shown
