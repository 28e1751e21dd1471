"""Tables of the cases room."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PgUUID
from sqlalchemy.orm import Mapped, mapped_column

from chengyun.kernel.db import CODE, AreaBound, Base

_OPEN = text("ended_at IS NULL")


class CaseRecord(AreaBound, Base):
    """A case (案件): what was reported where, where it stands, who has it, until when. Its history is in `case_event`."""

    __tablename__ = "case_record"
    __table_args__ = (
        UniqueConstraint("day", "serial"),
        Index("ix_case_open_due", "due_at", "id", postgresql_where=_OPEN, postgresql_include=["region_code", "state", "unit_chain"]),
        Index("ix_case_reported", "reported_at", "id", postgresql_include=["region_code", "source"]),
        Index("ix_case_filed", "filed_at", postgresql_include=["region_code"], postgresql_where=text("filed_at IS NOT NULL")),
        Index("ix_case_handled", "handled_at", postgresql_include=["region_code"], postgresql_where=text("handled_at IS NOT NULL")),
        Index("ix_case_closed", "closed_at", postgresql_include=["region_code"], postgresql_where=text("closed_at IS NOT NULL")),
        Index("ix_case_ended", "ended_at", "id", postgresql_include=["region_code"], postgresql_where=text("ended_at IS NOT NULL")),
        Index(
            "ix_case_due",
            "handling_due_at",
            postgresql_include=["region_code", "on_time", "state"],
            postgresql_where=text("handling_due_at IS NOT NULL"),
        ),
        Index("ix_case_unit", "unit_id", "state"),
        Index("ix_case_device", "device_id", postgresql_where=text("device_id IS NOT NULL")),
        CheckConstraint("(lon IS NULL) = (lat IS NULL)", name="place"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(24), unique=True, doc="Prefix, date and serial number; opaque, never used again")
    day: Mapped[date] = mapped_column(Date, doc="Day of the number, city time")
    serial: Mapped[int] = mapped_column(doc="Serial number of the day, without gaps")
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(String(2000))
    edition: Mapped[str | None] = mapped_column(String(20), doc="Edition of the class list")
    class_kind: Mapped[str | None] = mapped_column(String(10), doc="component or matter")
    class_code: Mapped[str | None] = mapped_column(String(5))
    source: Mapped[str] = mapped_column(String(20), doc="patrol, public, hotline, video, alarm, department or upper")
    urgency: Mapped[str] = mapped_column(String(10), default="normal", doc="normal or urgent")
    state: Mapped[str] = mapped_column(String(12))
    lon: Mapped[float | None] = mapped_column(doc="CGCS2000 degrees")
    lat: Mapped[float | None]
    address: Mapped[str | None] = mapped_column(String(300))
    unit_id: Mapped[UUID | None] = mapped_column(doc="Organisation that has to handle it")
    unit_chain: Mapped[list[UUID]] = mapped_column(
        ARRAY(PgUUID), server_default="{}", doc="That organisation and those above it: whose people may act for it"
    )
    alarm_id: Mapped[UUID | None] = mapped_column(unique=True, doc="Alarm that opened it; an alarm opens one case at most")
    device_id: Mapped[UUID | None]
    policy_id: Mapped[UUID | None] = mapped_column(ForeignKey("case_policy.id"), doc="Policy by which an alarm opened it")
    reported_by: Mapped[UUID | None] = mapped_column(doc="User who reported it")
    reported_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    filed_at: Mapped[datetime | None]
    dispatched_at: Mapped[datetime | None]
    signed_at: Mapped[datetime | None]
    handled_at: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None] = mapped_column(doc="Closed, not accepted, not filed or void")
    due_at: Mapped[datetime] = mapped_column(doc="When the first of the running clocks runs out; the last one when it has ended")
    stage_due_at: Mapped[datetime | None] = mapped_column(doc="When the clock of the present stage runs out")
    stage_limit: Mapped[float | None]
    stage_unit: Mapped[str | None] = mapped_column(String(12))
    limit_amount: Mapped[float | None] = mapped_column(doc="Limit for handling; from the class, the policy or the default")
    limit_unit: Mapped[str | None] = mapped_column(String(12))
    handling_due_at: Mapped[datetime | None] = mapped_column(doc="When the limit for handling runs out; set by dispatching")
    on_time: Mapped[bool | None] = mapped_column(doc="Handled within its limit; empty until it was handled")
    rework_count: Mapped[int] = mapped_column(server_default="0", doc="How often a check failed (返工)")
    send_back_count: Mapped[int] = mapped_column(server_default="0", doc="How often a unit sent it back (回退)")
    revision: Mapped[int] = mapped_column(doc="Grows with each operation; an operation names the one it saw")
    event_count: Mapped[int] = mapped_column(doc="Events on its timeline, so that a missing tail is seen")
    last_hash: Mapped[bytes] = mapped_column(LargeBinary, doc="Hash of its last event")


class CaseEvent(AreaBound, Base):
    """One line of a case's timeline. Never changed or deleted: a trigger refuses it, and the hashes show it."""

    __tablename__ = "case_event"

    case_id: Mapped[UUID] = mapped_column(ForeignKey("case_record.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, doc="1, 2, 3 … within the case")
    time: Mapped[datetime]
    operation: Mapped[str] = mapped_column(String(12))
    body: Mapped[str] = mapped_column(Text, doc="Canonical JSON of all that is said; what the hash covers")
    hash: Mapped[bytes] = mapped_column(LargeBinary, doc="SHA-256 over the hash before and the body")


class CasePhoto(AreaBound, Base):
    """A photo of a case, of before, after or the check; seen by those who may see the case's area."""

    __tablename__ = "case_photo"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("case_record.id"), index=True)
    phase: Mapped[str] = mapped_column(String(10), doc="before, after or check")
    blob: Mapped[str] = mapped_column(String(64), doc="SHA-256 of the stored picture")
    thumb: Mapped[str] = mapped_column(String(64), doc="SHA-256 of its thumbnail")
    width: Mapped[int]
    height: Mapped[int]
    uploaded_by: Mapped[UUID]
    uploaded_at: Mapped[datetime]


class PhotoUpload(Base):
    """A photo that belongs to no case yet: seen by its uploader only, removed after a day."""

    __tablename__ = "photo_upload"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    blob: Mapped[str] = mapped_column(String(64))
    thumb: Mapped[str] = mapped_column(String(64))
    width: Mapped[int]
    height: Mapped[int]
    uploaded_by: Mapped[UUID] = mapped_column(doc="User or API key")
    uploaded_at: Mapped[datetime] = mapped_column(index=True)


class CaseReporter(AreaBound, Base):
    """Who told of a case: personal data (GB/T 35273), apart from the case so that each look at it is audited."""

    __tablename__ = "case_reporter"

    case_id: Mapped[UUID] = mapped_column(ForeignKey("case_record.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    phone: Mapped[str] = mapped_column(String(30))


class CaseText(Base):
    """Words of a case for searching. Only ever read joined with `case_record`, whose area rule decides what is seen: a
    text index cannot serve a table with row-level security."""

    __tablename__ = "case_text"

    case_id: Mapped[UUID] = mapped_column(ForeignKey("case_record.id"), primary_key=True)
    words: Mapped[str] = mapped_column(Text, doc="Number, title, address and description")


class CasePolicy(Base):
    """Which case an alarm of a rule opens (by an industry pack). A changed policy is a new row; the old one ends."""

    __tablename__ = "case_policy"
    __table_args__ = (Index("uq_case_policy_in_force", "rule", unique=True, postgresql_where=text("valid_to IS NULL")),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    pack: Mapped[str] = mapped_column(String(60))
    rule: Mapped[str] = mapped_column(String(80))
    from_level: Mapped[int] = mapped_column(doc="Least severe level that opens a case: 1 red … 4 blue")
    edition: Mapped[str] = mapped_column(String(20))
    class_kind: Mapped[str] = mapped_column(String(10))
    class_code: Mapped[str] = mapped_column(String(5))
    title_zh: Mapped[str] = mapped_column(String(120))
    title_en: Mapped[str] = mapped_column(String(200))
    urgency: Mapped[str] = mapped_column(String(10))
    unit_kind: Mapped[str] = mapped_column(String(20), doc="Kind of organisation that handles it")
    department: Mapped[str | None] = mapped_column(String(60), doc="Trade of the department, such as sanitation")
    limit_amount: Mapped[float | None]
    limit_unit: Mapped[str | None] = mapped_column(String(12))
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]


class CaseRoute(Base):
    """Which trade handles a class: the longest matching beginning of the code decides."""

    __tablename__ = "case_route"

    class_kind: Mapped[str] = mapped_column(String(10), primary_key=True, doc="component or matter")
    prefix: Mapped[str] = mapped_column(String(5), primary_key=True, doc="Beginning of the class code")
    unit_kind: Mapped[str] = mapped_column(String(20), doc="department, district or street")
    department: Mapped[str | None] = mapped_column(String(60), doc="Last part of the department's key, such as sanitation")
    reason_zh: Mapped[str] = mapped_column(String(120))
    reason_en: Mapped[str] = mapped_column(String(200))


class CaseLimit(Base):
    """A time limit: of a stage, or for handling a class. The most particular row that fits decides."""

    __tablename__ = "case_limit"
    __table_args__ = (UniqueConstraint("stage", "urgency", "edition", "class_kind", "class_code", "area_code", "valid_from"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    stage: Mapped[str] = mapped_column(String(10), doc="accept, file, dispatch, sign, handle, check or close")
    urgency: Mapped[str] = mapped_column(String(10), default="", doc="normal, urgent; empty for both")
    edition: Mapped[str] = mapped_column(String(20), default="")
    class_kind: Mapped[str] = mapped_column(String(10), default="")
    class_code: Mapped[str] = mapped_column(String(5), default="", doc="Empty for all classes")
    area_code: Mapped[str] = mapped_column(CODE, default="", doc="Area it holds for; empty: everywhere")
    amount: Mapped[float]
    unit: Mapped[str] = mapped_column(String(12), doc="urgent_hour, work_hour, work_day or natural_day")
    condition: Mapped[str] = mapped_column(String(200), default="", doc="Filing condition that the limit belongs to")
    source: Mapped[str] = mapped_column(String(200), doc="Standard or rule that it comes from")
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class CaseCounter(Base):
    """Last serial number of a day. The row is locked until the new case is committed, so numbers have no gaps."""

    __tablename__ = "case_counter"

    day: Mapped[date] = mapped_column(primary_key=True)
    last: Mapped[int]


class CaseKey(Base):
    """An idempotency key: the same key of the same caller is the same case, however often it is sent."""

    __tablename__ = "case_key"

    owner: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(100), primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, doc="SHA-256 of the request")
    case_id: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(index=True)
