"""Alarms as people ask for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.orm import Session

from chengyun.alarms.models import Alarm, AlarmEvent, AlarmRule, AlarmStorm
from chengyun.devices.models import Device
from chengyun.kernel.paging import keyset
from chengyun.regions.models import StreetHome

OPEN = ("raised", "acknowledged")
Joined = tuple[Alarm, str, str, str | None, str | None]


@dataclass(frozen=True)
class Filter:
    """What a list is to hold; every part is optional."""

    state: str | None = None
    level: int | None = None
    ranges: Sequence[tuple[str, str]] = ()
    device_id: UUID | None = None
    pack: str | None = None
    rule: str | None = None
    storm_id: UUID | None = None
    q: str | None = None


def _joined() -> Any:
    return (
        select(Alarm, Device.key, Device.name, AlarmRule.name_zh, AlarmRule.name_en)
        .join(Device, Device.id == Alarm.device_id)
        .outerjoin(AlarmRule, (AlarmRule.key == Alarm.rule_key) & (AlarmRule.version == Alarm.rule_version))
    )


def _filtered(stmt: Any, wanted: Filter) -> Any:
    if wanted.state == "open":
        stmt = stmt.where(Alarm.state.in_(OPEN))
    elif wanted.state:
        stmt = stmt.where(Alarm.state == wanted.state)
    same = ((Alarm.level, wanted.level), (Alarm.device_id, wanted.device_id), (Alarm.pack, wanted.pack), (Alarm.rule_key, wanted.rule))
    for column, value in same:
        if value is not None:
            stmt = stmt.where(column == value)
    if wanted.storm_id is not None:
        stmt = stmt.where(Alarm.storm_id == wanted.storm_id)
    if wanted.ranges:
        stmt = stmt.where(or_(*[(Alarm.region_code >= low) & (Alarm.region_code < high) for low, high in wanted.ranges]))
    if wanted.q:
        stmt = stmt.where(or_(Device.key.istartswith(wanted.q, autoescape=True), Device.name.icontains(wanted.q, autoescape=True)))
    return stmt


def page(session: Session, wanted: Filter, cursor: str | None, limit: int) -> list[Joined]:
    """A page and one row more, most severe first, then newest."""
    keys = [(Alarm.level, "asc"), (Alarm.raised_at, "desc"), (Alarm.id, "desc")]
    if wanted.q:
        stmt = keyset(_filtered(_joined(), wanted), keys, cursor, limit)
    else:
        # First the page by its index, then the names: joined at once, the planner reads and sorts all alarms.
        chosen = keyset(_filtered(select(Alarm.id), wanted), keys, cursor, limit).subquery()
        stmt = _joined().join(chosen, chosen.c.id == Alarm.id).order_by(Alarm.level, Alarm.raised_at.desc(), Alarm.id.desc())
    return cast(list[Joined], list(session.execute(stmt)))


def one(session: Session, alarm_id: UUID) -> Joined | None:
    """One alarm with names."""
    return cast(Joined | None, session.execute(_joined().where(Alarm.id == alarm_id)).one_or_none())


def device_of(session: Session, alarm_id: UUID) -> UUID | None:
    """The device of an alarm in the caller's area."""
    return session.scalar(select(Alarm.device_id).where(Alarm.id == alarm_id))


def held(session: Session, alarm_id: UUID) -> Alarm | None:
    """One alarm, to be changed."""
    return session.get(Alarm, alarm_id, with_for_update=True, populate_existing=True)


def attach(session: Session, alarm_id: UUID, case_id: UUID) -> bool:
    """Name the case of an alarm, unless it has one; whether that was so."""
    stmt = update(Alarm).where(Alarm.id == alarm_id, Alarm.case_id.is_(None)).values(case_id=case_id, revision=Alarm.revision + 1)
    return session.execute(stmt.returning(Alarm.id)).first() is not None


def timeline(session: Session, alarm_id: UUID) -> list[AlarmEvent]:
    """History of an alarm, oldest first; at most the last thousand lines."""
    stmt = select(AlarmEvent).where(AlarmEvent.alarm_id == alarm_id).order_by(AlarmEvent.position.desc()).limit(1000)
    return list(reversed(session.scalars(stmt).all()))


def rule(session: Session, key: str, version: int) -> AlarmRule | None:
    """A rule in one version."""
    return session.get(AlarmRule, (key, version))


def counts(session: Session) -> list[tuple[str, int, int]]:
    """Open alarms by today's district and level."""
    district = func.coalesce(StreetHome.district_code, func.left(Alarm.region_code, 6))
    stmt = (
        select(district, Alarm.level, func.count())
        .select_from(Alarm)
        .outerjoin(StreetHome, StreetHome.code == func.left(Alarm.region_code, 9))
        .where(Alarm.state.in_(OPEN))
        .group_by(text("1"), Alarm.level)
    )
    return [(row[0], row[1], row[2]) for row in session.execute(stmt)]


def storms(session: Session, *, lasting: bool, limit: int) -> list[AlarmStorm]:
    """Storms, the newest first."""
    stmt = select(AlarmStorm).order_by(AlarmStorm.started_at.desc(), AlarmStorm.id).limit(limit)
    if lasting:
        stmt = stmt.where(AlarmStorm.ended_at.is_(None))
    return list(session.scalars(stmt))
