"""Tables of the standards room: class lists by edition, working calendar. Reference data, seen by everyone signed in."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from chengyun.kernel.db import CODE, Base


class StandardMajor(Base):
    """A large class (大类) of components or matters in an edition of the standard."""

    __tablename__ = "standard_major"

    edition: Mapped[str] = mapped_column(String(20), primary_key=True, doc="47678.5-2026 or 30428.2-2013")
    kind: Mapped[str] = mapped_column(String(10), primary_key=True, doc="component (部件) or matter (事项, 2013: 事件)")
    major: Mapped[str] = mapped_column(String(2), primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    name_en: Mapped[str] = mapped_column(String(120))


class StandardClass(Base):
    """A small class (小类): of the standard (`area_code` empty) or added by the city (扩展小类, GB/T 47678.5-2026)."""

    __tablename__ = "standard_class"
    __table_args__ = (
        UniqueConstraint("edition", "kind", "code", "area_code", "valid_from"),
        CheckConstraint("code = major || minor", name="code_is_major_and_minor"),
        CheckConstraint("valid_to IS NULL OR valid_from < valid_to", name="valid_in_order"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    edition: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(10))
    major: Mapped[str] = mapped_column(String(2))
    minor: Mapped[str] = mapped_column(String(3))
    code: Mapped[str] = mapped_column(String(5), doc="Major and minor class together")
    name: Mapped[str] = mapped_column(String(60))
    name_en: Mapped[str] = mapped_column(String(120))
    basis: Mapped[str] = mapped_column(String(10), doc="listed: found in a published list; inferred: same number in the other edition")
    source: Mapped[str] = mapped_column(String(200))
    area_code: Mapped[str] = mapped_column(CODE, default="", doc="Division that added the class; empty for the standard's own")
    valid_from: Mapped[date]
    valid_to: Mapped[date | None] = mapped_column(doc="First day on which it is no longer in force")


class StandardMapping(Base):
    """What became of a class of GB/T 30428.2-2013 in GB/T 47678.5-2026."""

    __tablename__ = "standard_mapping"

    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    code_2013: Mapped[str] = mapped_column(String(4), primary_key=True)
    code_2026: Mapped[str | None] = mapped_column(String(5), doc="Empty where nothing took its place")
    relation: Mapped[str] = mapped_column(String(12), doc="same, renamed, moved, monitoring (to GB/T 47678.6) or withdrawn")
    note: Mapped[str] = mapped_column(String(200), default="")


class CalendarDay(Base):
    """A date that differs from Monday–Friday: holiday, make-up working day, or `ordinary` to undo one for an area."""

    __tablename__ = "calendar_day"
    __table_args__ = (CheckConstraint("kind IN ('holiday', 'make_up', 'ordinary')", name="kind"),)

    day: Mapped[date] = mapped_column(primary_key=True)
    area_code: Mapped[str] = mapped_column(CODE, primary_key=True, default="", doc="Area it holds for; empty: the whole country")
    kind: Mapped[str] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(String(60))
    name_en: Mapped[str] = mapped_column(String(120), default="")
    source: Mapped[str] = mapped_column(String(200), doc="Announcement that it comes from")
    changed_at: Mapped[datetime]


class WorkingHours(Base):
    """Working periods of an area from a day on; 08:00–12:00 and 14:00–18:00 where nothing is set."""

    __tablename__ = "working_hours"

    area_code: Mapped[str] = mapped_column(CODE, primary_key=True, default="", doc="Area they hold for; empty: everywhere")
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    periods: Mapped[str] = mapped_column(String(200), doc="Such as 08:00-12:00,14:00-18:00, in Beijing time")
    source: Mapped[str] = mapped_column(String(200), default="")
    changed_at: Mapped[datetime]


class StandardRevision(Base):
    """Marks the last change to classes and to the calendar, so that each process knows when its copy in memory is old."""

    __tablename__ = "standard_revision"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    revision: Mapped[UUID] = mapped_column(doc="A new one with each change")
    fingerprint: Mapped[str] = mapped_column(String(64), default="", doc="Digest of the shipped data last loaded")


Index("ix_standard_class_lookup", StandardClass.edition, StandardClass.kind, StandardClass.code)
