"""SQL of lists and queues."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from chengyun.cases.models import CaseRecord, CaseText
from chengyun.cases.workflow import QUEUES
from chengyun.kernel.http import Actor
from chengyun.kernel.paging import keyset, page_of

UNIT_QUEUES = ("sign", "handle")
Ranges = Sequence[tuple[str, str]]
_OPEN = CaseRecord.ended_at.is_(None)


@dataclass(frozen=True)
class Filters:
    """What a list is narrowed to; None where it is not."""

    queue: str
    state: str | None = None
    source: str | None = None
    class_code: str | None = None
    ranges: Ranges | None = None
    device_id: UUID | None = None
    unit_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    q: str | None = None


def _own_unit(actor: Actor) -> ColumnElement[bool] | None:
    """Cases that the actor's organisation has to handle; None for a program, which acts for its whole area."""
    return None if actor.org_id is None else CaseRecord.unit_chain.contains([actor.org_id])


def _mine(actor: Actor) -> ColumnElement[bool]:
    parts: list[ColumnElement[bool]] = []
    for queue, (state, permission) in QUEUES.items():
        if actor.can(permission):
            here: ColumnElement[bool] = CaseRecord.state == state
            own = _own_unit(actor) if queue in UNIT_QUEUES else None
            parts.append(here if own is None else and_(here, own))
    return or_(*parts) if parts else CaseRecord.id.is_(None)


def _queue(queue: str, actor: Actor, now: datetime) -> ColumnElement[bool] | None:
    if queue == "all":
        return None
    if queue == "closed":
        return CaseRecord.ended_at.is_not(None)
    if queue == "mine":
        return and_(_OPEN, _mine(actor))
    if queue == "overdue":
        return and_(_OPEN, CaseRecord.due_at < now)
    if queue == "open":
        return _OPEN
    return and_(_OPEN, CaseRecord.state == QUEUES[queue][0])


def _narrowed(filters: Filters, actor: Actor, now: datetime) -> Select[Any]:
    stmt = select(CaseRecord)
    wanted = [
        _queue(filters.queue, actor, now),
        None if filters.state is None else CaseRecord.state == filters.state,
        None if filters.source is None else CaseRecord.source == filters.source,
        None if filters.class_code is None else CaseRecord.class_code == filters.class_code,
        None if filters.device_id is None else CaseRecord.device_id == filters.device_id,
        None if filters.unit_id is None else CaseRecord.unit_chain.contains([filters.unit_id]),
        None if filters.since is None else CaseRecord.reported_at >= filters.since,
        None if filters.until is None else CaseRecord.reported_at < filters.until,
    ]
    if filters.ranges is not None:
        wanted.append(or_(*[and_(CaseRecord.region_code >= low, CaseRecord.region_code < high) for low, high in filters.ranges]))
    if filters.q:
        wanted.append(CaseRecord.id.in_(select(CaseText.case_id).where(CaseText.words.icontains(filters.q, autoescape=True))))
    return stmt.where(*[part for part in wanted if part is not None])


def page(
    session: Session, filters: Filters, actor: Actor, now: datetime, cursor: str | None, limit: int
) -> tuple[list[CaseRecord], str | None]:
    """A page: open cases most urgent first, ended ones the last ended first, all of them the last reported first."""
    keys: list[tuple[Any, str]]
    if filters.queue == "closed":
        keys = [(CaseRecord.ended_at, "desc"), (CaseRecord.id, "desc")]
    elif filters.queue == "all":
        keys = [(CaseRecord.reported_at, "desc"), (CaseRecord.id, "desc")]
    else:
        keys = [(CaseRecord.due_at, "asc"), (CaseRecord.id, "asc")]
    rows = list(session.scalars(keyset(_narrowed(filters, actor, now), keys, cursor, limit)))
    return page_of(rows, limit, [column.key for column, _ in keys])


def queue_counts(session: Session, actor: Actor, now: datetime) -> dict[str, int]:
    """How many open cases wait in each queue: one statement over the index of open cases."""
    columns = [func.count().label("open"), func.count().filter(CaseRecord.due_at < now).label("overdue")]
    columns.append(func.count().filter(_mine(actor)).label("mine"))
    columns += [func.count().filter(CaseRecord.state == state).label(queue) for queue, (state, _) in QUEUES.items()]
    row = session.execute(select(*columns).where(_OPEN)).one()
    return {name: int(value) for name, value in row._mapping.items()}


def ended_since(session: Session, since: datetime) -> int:
    """How many cases ended since a moment."""
    return session.execute(select(func.count()).where(CaseRecord.ended_at >= since)).scalar_one()
