"""Routes of the alarms room: `alarm.read` sees, `alarm.acknowledge` and `alarm.close` act."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from sqlalchemy.orm import Session

from chengyun.alarms import service
from chengyun.alarms.explaining import explain
from chengyun.alarms.models import AlarmRule
from chengyun.alarms.repository import lists, rules
from chengyun.alarms.schemas import (
    AcknowledgeIn,
    AlarmDetail,
    AlarmEventOut,
    AlarmOut,
    AlarmSummary,
    CloseIn,
    DeviceName,
    DistrictAlarms,
    Explanation,
    NoteIn,
    Place,
    RuleName,
    RuleOut,
    RuleSpec,
    StormOut,
)
from chengyun.devices import service as devices
from chengyun.kernel.errors import Problem
from chengyun.kernel.http import Actor, ReadTx, Tx, permit
from chengyun.kernel.paging import Cursor, Limit, Page, page_of
from chengyun.regions import service as regions

router = APIRouter(prefix="/alarms")
Reader = Annotated[Actor, Depends(permit("alarm.read"))]
Acknowledger = Annotated[Actor, Depends(permit("alarm.acknowledge"))]
Closer = Annotated[Actor, Depends(permit("alarm.close"))]
StateQuery = Literal["open", "raised", "acknowledged", "cleared", "closed"]


@router.get("")
def list_alarms(
    actor: Reader,
    session: ReadTx,
    state: Annotated[StateQuery | None, Query(description="open: raised or acknowledged")] = None,
    level: Annotated[int | None, Query(ge=1, le=4)] = None,
    region: Annotated[str | None, Query(max_length=15, description="Division code")] = None,
    device_id: UUID | None = None,
    pack: Annotated[str | None, Query(max_length=60)] = None,
    rule: Annotated[str | None, Query(max_length=80)] = None,
    storm_id: UUID | None = None,
    q: Annotated[str | None, Query(max_length=60, description="Beginning of the device's key, or part of its name")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[AlarmOut]:
    """Alarms of your area, the most severe first, then the newest."""
    ranges = regions.scope_ranges(session, region) if region else ()
    wanted = lists.Filter(state, level, ranges, device_id, pack, rule, storm_id, q.strip() if q else None)
    rows = lists.page(session, wanted, cursor, limit)
    shown, following = page_of([_Keyed(row) for row in rows], limit, ("level", "raised_at", "id"))
    return Page(items=_shapes(session, [keyed.row for keyed in shown], actor.lang), next=following)


class _Keyed:
    """A row with the attributes that a cursor needs."""

    def __init__(self, row: lists.Joined) -> None:
        self.row = row
        self.level, self.raised_at, self.id = row[0].level, row[0].raised_at, row[0].id


def _shapes(session: Session, rows: list[lists.Joined], lang: str) -> list[AlarmOut]:
    names = regions.names(session, [row[0].region_code for row in rows], lang)
    return [AlarmOut(**_fields(row, names)) for row in rows]


def _fields(row: lists.Joined, names: dict[str, str]) -> dict[str, Any]:
    alarm, key, name, name_zh, name_en = row
    own = ("id", "pack", "level", "worst_level", "state", "metric", "value", "unit", "threshold", "first_raised_at", "raised_at",
           "acknowledged_at", "acknowledged_by", "cleared_at", "closed_at", "region_code", "case_id", "storm_id", "recurrences",
           "revision")  # fmt: skip
    return {
        **{field: getattr(alarm, field) for field in own},
        "device": DeviceName(id=alarm.device_id, key=key, name=name),
        "rule": RuleName(
            key=alarm.rule_key, version=alarm.rule_version, name_zh=name_zh or alarm.rule_key, name_en=name_en or alarm.rule_key
        ),
        "area_name": names[alarm.region_code],
        "place": Place(lon=alarm.lon, lat=alarm.lat) if alarm.lon is not None and alarm.lat is not None else None,
    }


@router.get("/summary")
def summarise_alarms(actor: Reader, session: ReadTx) -> AlarmSummary:
    """Open alarms by level, and by today's district."""
    by_level: dict[str, int] = {str(level): 0 for level in range(1, 5)}
    districts: dict[str, dict[str, int]] = {}
    for district, level, count in lists.counts(session):
        by_level[str(level)] += count
        districts.setdefault(district, {})[str(level)] = count
    names = regions.names(session, districts, actor.lang)
    found = [DistrictAlarms(code=c, name=names[c], total=sum(levels.values()), by_level=levels) for c, levels in districts.items()]
    return AlarmSummary(by_level=by_level, by_district=sorted(found, key=lambda d: (-d.total, d.code)))


@router.get("/storms")
def list_storms(actor: Reader, session: ReadTx, lasting: bool = True, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> list[StormOut]:
    """Storms of alarms, the newest first; those that last unless all are asked for."""
    found = lists.storms(session, lasting=lasting, limit=limit)
    names = regions.names(session, [storm.region_code for storm in found], actor.lang)
    own = ("id", "region_code", "started_at", "last_at", "ended_at", "count", "worst_level")
    return [StormOut(**{f: getattr(s, f) for f in own}, area_name=names[s.region_code]) for s in found]


@router.get("/rules")
def list_rules(_actor: Reader, session: ReadTx) -> list[RuleOut]:
    """Rules in force."""
    return [_rule(rule) for rule in rules.current(session)]


@router.get("/rules/{key}")
def show_rule(key: str, _actor: Reader, session: ReadTx) -> list[RuleOut]:
    """All versions of a rule, the newest first."""
    found = rules.versions(session, key)
    if not found:
        raise Problem("alarm.rule_unknown", rule=key[:80])
    return [_rule(rule) for rule in found]


def _rule(row: AlarmRule) -> RuleOut:
    return RuleOut(**row.spec, version=row.version, pack=row.pack, valid_from=row.valid_from, valid_to=row.valid_to)


@router.get("/{alarm_id}")
def show_alarm(alarm_id: UUID, actor: Reader, session: ReadTx) -> AlarmDetail:
    """An alarm and why it is one."""
    row = lists.one(session, alarm_id)
    if row is None:
        raise Problem("object.not_found")
    alarm = row[0]
    names = regions.names(session, [alarm.region_code], actor.lang)
    return AlarmDetail(**_fields(row, names), closed_reason=alarm.closed_reason, explain=_explanation(session, row, actor.lang))


def _explanation(session: Session, row: lists.Joined, lang: str) -> Explanation:
    alarm = row[0]
    rule = lists.rule(session, alarm.rule_key, alarm.rule_version)
    if rule is None:
        raise Problem("alarm.rule_unknown", rule=alarm.rule_key)
    spec = RuleSpec.model_validate(rule.spec)
    name = devices.metric_name(session, spec.model, spec.metric, lang) if spec.metric else ""
    shared = ("source", "kind", "levels", "hysteresis", "hold_seconds", "clear_hold_seconds")
    return Explanation(
        text=explain(spec, alarm.level, name, alarm.unit or "", alarm.value, lang),
        inputs=alarm.inputs,
        **{field: getattr(spec, field) for field in shared},
    )


@router.get("/{alarm_id}/timeline")
def show_timeline(alarm_id: UUID, _actor: Reader, session: ReadTx) -> list[AlarmEventOut]:
    """What happened to an alarm, oldest first."""
    service.get(session, alarm_id)
    own = ("time", "kind", "level", "value", "actor", "text")
    return [AlarmEventOut(**{field: getattr(event, field) for field in own}) for event in lists.timeline(session, alarm_id)]


def _answer(session: Session, actor: Actor, alarm_id: UUID) -> AlarmOut:
    row = lists.one(session, alarm_id)
    if row is None:
        raise Problem("object.not_found")
    return _shapes(session, [row], actor.lang)[0]


@router.post("/{alarm_id}/acknowledge")
def acknowledge_alarm(alarm_id: UUID, actor: Acknowledger, session: Tx, body: AcknowledgeIn) -> AlarmOut:
    """Take an alarm over: others see who deals with it."""
    service.acknowledge(session, actor, alarm_id, body.revision, body.note)
    return _answer(session, actor, alarm_id)


@router.post("/{alarm_id}/close")
def close_alarm(alarm_id: UUID, actor: Closer, session: Tx, body: CloseIn) -> AlarmOut:
    """Close an alarm; a reason is needed while its condition lasts."""
    service.close(session, actor, alarm_id, body.revision, body.reason)
    return _answer(session, actor, alarm_id)


@router.post("/{alarm_id}/notes")
def note_alarm(alarm_id: UUID, actor: Acknowledger, session: Tx, body: NoteIn) -> AlarmOut:
    """Add a remark to an alarm's history."""
    service.note(session, actor, alarm_id, body.text)
    return _answer(session, actor, alarm_id)
