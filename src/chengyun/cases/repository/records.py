"""SQL of single cases: numbers, keys, rows, events."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chengyun.cases.models import CaseCounter, CaseEvent, CaseKey, CaseRecord, CaseReporter, CaseText
from chengyun.cases.timeline import Event


def next_serial(session: Session, day: date, count: int = 1) -> int:
    """The last of the next `count` serial numbers of a day; others wait until this transaction ends, so none is lost."""
    stmt = insert(CaseCounter).values(day=day, last=count)
    stmt = stmt.on_conflict_do_update(index_elements=["day"], set_={"last": CaseCounter.last + count})
    return session.execute(stmt.returning(CaseCounter.last)).scalar_one()


def claim_key(session: Session, owner: UUID, key: str, digest: bytes, case_id: UUID, now: datetime) -> CaseKey | None:
    """Take an idempotency key; the row that took it before when there is one. A second taker waits for the first."""
    values = {"owner": owner, "key": key, "digest": digest, "case_id": case_id, "created_at": now}
    taken = session.execute(insert(CaseKey).values(values).on_conflict_do_nothing().returning(CaseKey.key)).scalar()
    if taken is not None:
        return None
    return session.execute(select(CaseKey).where(CaseKey.owner == owner, CaseKey.key == key)).scalar_one()


def forget_keys(session: Session, before: datetime) -> None:
    """Drop keys that nobody will repeat."""
    session.execute(delete(CaseKey).where(CaseKey.created_at < before))


def get(session: Session, case_id: UUID) -> CaseRecord | None:
    """A case by identity, if it lies in the area."""
    return session.get(CaseRecord, case_id)


def lock(session: Session, case_id: UUID) -> CaseRecord | None:
    """A case, held until the transaction ends."""
    return session.get(CaseRecord, case_id, with_for_update=True, populate_existing=True)


def by_alarm(session: Session, alarm_id: UUID) -> CaseRecord | None:
    """The case that an alarm opened, held until the transaction ends."""
    stmt = select(CaseRecord).where(CaseRecord.alarm_id == alarm_id).with_for_update().execution_options(populate_existing=True)
    return session.execute(stmt).scalar_one_or_none()


def by_number(session: Session, number: str) -> CaseRecord | None:
    """A case by its number."""
    return session.execute(select(CaseRecord).where(CaseRecord.number == number)).scalar_one_or_none()


def add(session: Session, values: Mapping[str, Any], event: Event, words: str) -> CaseRecord:
    """Store a new case with its first event."""
    record = session.execute(insert(CaseRecord).values(dict(values)).returning(CaseRecord)).scalar_one()
    add_events(session, record.region_code, [event])
    session.execute(insert(CaseText).values(case_id=record.id, words=words))
    return record


def add_events(session: Session, region_code: str, events: Iterable[Event]) -> None:
    """Append to timelines of one area, after writing what has changed about the cases."""
    session.flush()
    rows = [
        {
            "case_id": e.case_id,
            "sequence": e.sequence,
            "time": e.time,
            "operation": e.operation,
            "body": e.body,
            "hash": e.hash,
            "region_code": region_code,
        }
        for e in events
    ]
    session.execute(insert(CaseEvent).values(rows))


def timeline(session: Session, case_id: UUID) -> list[CaseEvent]:
    """All events of a case, in order."""
    return list(session.scalars(select(CaseEvent).where(CaseEvent.case_id == case_id).order_by(CaseEvent.sequence)))


def add_reporter(session: Session, case_id: UUID, region_code: str, name: str, phone: str) -> None:
    """Keep who told of a case."""
    session.execute(insert(CaseReporter).values(case_id=case_id, region_code=region_code, name=name, phone=phone))


def reporter(session: Session, case_id: UUID) -> CaseReporter | None:
    """Who told of a case."""
    return session.get(CaseReporter, case_id)
