"""All SQL of the standards room."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chengyun.kernel.ids import uuid7
from chengyun.standards.classes import ClassRow, MajorRow, MappingRow, Relation
from chengyun.standards.codes import Edition, Kind
from chengyun.standards.models import CalendarDay, StandardClass, StandardMajor, StandardMapping, StandardRevision, WorkingHours

_SEED_LOCK = 0x7374616E64


def lock_seed(session: Session) -> None:
    """Let one program at a time load the shipped data."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SEED_LOCK})


def fingerprint(session: Session, name: str) -> str | None:
    """Digest of the shipped data loaded last under a name."""
    return session.execute(select(StandardRevision.fingerprint).where(StandardRevision.name == name)).scalar()


def revisions(session: Session) -> dict[str, UUID]:
    """Mark of the last change to each part."""
    return {name: revision for name, revision in session.execute(select(StandardRevision.name, StandardRevision.revision))}


def bump(session: Session, name: str, digest: str | None = None) -> None:
    """Tell all processes that a part has changed."""
    stamp = uuid7()
    values: dict[str, Any] = {"name": name, "revision": stamp, "fingerprint": digest or ""}
    changes: dict[str, Any] = {"revision": stamp}
    if digest is not None:
        changes["fingerprint"] = digest
    session.execute(insert(StandardRevision).values(values).on_conflict_do_update(index_elements=["name"], set_=changes))


def load_majors(session: Session, rows: Sequence[MajorRow]) -> None:
    """Insert or renew the large classes."""
    stmt = insert(StandardMajor)
    stmt = stmt.on_conflict_do_update(
        index_elements=["edition", "kind", "major"], set_={"name": stmt.excluded.name, "name_en": stmt.excluded.name_en}
    )
    session.execute(stmt, [asdict(r) for r in rows])


def load_classes(session: Session, rows: Sequence[ClassRow]) -> None:
    """Insert or renew the standard's own small classes; those of a city are left alone."""
    stmt = insert(StandardClass)
    stmt = stmt.on_conflict_do_update(
        index_elements=["edition", "kind", "code", "area_code", "valid_from"],
        set_={c: stmt.excluded[c] for c in ("name", "name_en", "basis", "source")},
    )
    session.execute(stmt, [{"id": uuid7(), "code": r.code, **asdict(r)} for r in rows])


def load_mapping(session: Session, rows: Sequence[MappingRow]) -> None:
    """Insert or renew the way from 2013 to 2026."""
    stmt = insert(StandardMapping)
    stmt = stmt.on_conflict_do_update(
        index_elements=["kind", "code_2013"], set_={c: stmt.excluded[c] for c in ("code_2026", "relation", "note")}
    )
    session.execute(stmt, [asdict(r) for r in rows])


def load_days(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Insert shipped calendar days; a day that is there already stays as the operator left it."""
    session.execute(insert(CalendarDay).on_conflict_do_nothing(), list(rows))


def majors(session: Session, edition: str | None = None) -> list[StandardMajor]:
    """Large classes in the order of editions and codes."""
    stmt = select(StandardMajor).order_by(StandardMajor.edition.desc(), StandardMajor.kind, StandardMajor.major)
    if edition:
        stmt = stmt.where(StandardMajor.edition == edition)
    return list(session.scalars(stmt))


def all_classes(session: Session) -> list[ClassRow]:
    """Every class of every edition, for the table in memory."""
    c = StandardClass
    stmt = select(
        c.edition, c.kind, c.major, c.minor, c.name, c.name_en, c.basis, c.source, c.area_code, c.valid_from, c.valid_to
    ).order_by(c.area_code, c.valid_from)
    return [ClassRow(Edition(r[0]), Kind(r[1]), *r[2:]) for r in session.execute(stmt)]


def find_classes(
    session: Session, edition: str, kind: str | None, major: str | None, query: str | None, on: date, limit: int
) -> list[StandardClass]:
    """Classes in force on a day whose code begins with or whose name contains the query."""
    c = StandardClass
    stmt = select(c).where(c.edition == edition, c.valid_from <= on, or_(c.valid_to.is_(None), c.valid_to > on))
    if kind:
        stmt = stmt.where(c.kind == kind)
    if major:
        stmt = stmt.where(c.major == major)
    if query:
        stmt = stmt.where(
            or_(
                c.code.startswith(query, autoescape=True),
                c.name.contains(query, autoescape=True),
                c.name_en.icontains(query, autoescape=True),
            )
        )
    return list(session.scalars(stmt.order_by(c.kind, c.code).limit(limit)))


def class_exists(session: Session, edition: str, kind: str, code: str) -> bool:
    """Whether a code is taken, now or in the past: codes are not used again."""
    c = StandardClass
    return session.execute(select(c.id).where(and_(c.edition == edition, c.kind == kind, c.code == code)).limit(1)).first() is not None


def major_exists(session: Session, edition: str, kind: str, major: str) -> bool:
    """Whether an edition has a large class."""
    return session.get(StandardMajor, (edition, kind, major)) is not None


def least_extension(session: Session, edition: str, kind: str, major: str) -> str | None:
    """The lowest number given so far to a city's own class in a large class."""
    c = StandardClass
    stmt = select(func.min(c.minor)).where(c.edition == edition, c.kind == kind, c.major == major, c.area_code != "")
    return session.execute(stmt).scalar()


def add_class(session: Session, row: ClassRow) -> StandardClass:
    """Insert one class."""
    entry = StandardClass(id=uuid7(), code=row.code, **asdict(row))
    session.add(entry)
    session.flush()
    return entry


def mapping(session: Session) -> list[MappingRow]:
    """The way from 2013 to 2026, as rows."""
    stmt = select(StandardMapping).order_by(StandardMapping.kind, StandardMapping.code_2013)
    return [MappingRow(Kind(m.kind), m.code_2013, m.code_2026, Relation(m.relation), m.note) for m in session.scalars(stmt)]


def calendar_days(session: Session, first: date | None = None, last: date | None = None) -> list[CalendarDay]:
    """Special days of all areas, the wider area first, so that a later one overrides it."""
    stmt = select(CalendarDay).order_by(func.length(CalendarDay.area_code), CalendarDay.day)
    if first is not None:
        stmt = stmt.where(CalendarDay.day >= first)
    if last is not None:
        stmt = stmt.where(CalendarDay.day <= last)
    return list(session.scalars(stmt))


def calendar_day(session: Session, day: date, area_code: str) -> CalendarDay | None:
    """One special day of one area."""
    return session.get(CalendarDay, (day, area_code), with_for_update=True)


def set_day(session: Session, values: dict[str, Any]) -> CalendarDay:
    """Insert or change a special day."""
    stmt = insert(CalendarDay).values(values)
    changed = {c: stmt.excluded[c] for c in ("kind", "name", "name_en", "source", "changed_at")}
    upsert = stmt.on_conflict_do_update(index_elements=["day", "area_code"], set_=changed).returning(CalendarDay)
    return session.scalars(upsert, execution_options={"populate_existing": True}).one()


def drop_day(session: Session, day: CalendarDay) -> None:
    """Remove a special day."""
    session.delete(day)
    session.flush()


def working_hours(session: Session) -> list[WorkingHours]:
    """Working periods of all areas, the wider area first."""
    return list(session.scalars(select(WorkingHours).order_by(func.length(WorkingHours.area_code), WorkingHours.valid_from)))


def set_working_hours(session: Session, area_code: str, valid_from: date, periods: str, source: str, at: datetime) -> None:
    """Insert or change the working periods of an area from a day on."""
    values = {"area_code": area_code, "valid_from": valid_from, "periods": periods, "source": source, "changed_at": at}
    stmt = insert(WorkingHours).values(values)
    changed = {c: stmt.excluded[c] for c in ("periods", "source", "changed_at")}
    session.execute(stmt.on_conflict_do_update(index_elements=["area_code", "valid_from"], set_=changed))
