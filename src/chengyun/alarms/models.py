"""Tables of the alarms room: rules by version, alarms and their history, storms."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chengyun.kernel.db import AreaBound, Base

KEY = String(80, collation="C")
OPEN = "state IN ('raised', 'acknowledged')"


class AlarmRule(Base):
    """A rule of a pack in one version: what makes an alarm. A changed rule is a new version; the old one keeps its alarms."""

    __tablename__ = "alarm_rule"
    __table_args__ = (Index("uq_alarm_rule_in_force", "key", unique=True, postgresql_where=text("valid_to IS NULL")),)

    key: Mapped[str] = mapped_column(KEY, primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    pack: Mapped[str] = mapped_column(String(60))
    name_zh: Mapped[str] = mapped_column(String(60))
    name_en: Mapped[str] = mapped_column(String(120))
    model: Mapped[str] = mapped_column(String(64), doc="Device model that it holds for")
    metric: Mapped[str] = mapped_column(String(64), doc="Empty for silence of a device")
    kind: Mapped[str] = mapped_column(String(12), doc="above, below, outside, rate or no_data")
    spec: Mapped[dict[str, Any]] = mapped_column(JSONB, doc="The rule as the pack declares it")
    source: Mapped[str] = mapped_column(String(300), doc="Standard and clause that the thresholds come from")
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None] = mapped_column(doc="Empty while it is in force")


class AlarmRevision(Base):
    """Marks the last change to rules, so that each watch knows when its rules in memory are old."""

    __tablename__ = "alarm_revision"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    revision: Mapped[UUID]


class AlarmStorm(AreaBound, Base):
    """Very many alarms in one district within minutes, told as one thing. `region_code` is the district."""

    __tablename__ = "alarm_storm"
    __table_args__ = (Index("uq_alarm_storm_open", "region_code", unique=True, postgresql_where=text("ended_at IS NULL")),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    last_at: Mapped[datetime] = mapped_column(doc="When the last alarm joined")
    ended_at: Mapped[datetime | None]
    count: Mapped[int] = mapped_column(doc="Alarms that joined")
    told: Mapped[int] = mapped_column(doc="Count at which it was told of last")
    worst_level: Mapped[int]


class Alarm(AreaBound, Base):
    """A rule's finding about one device. One is open for each device and rule; it changes level instead of multiplying."""

    __tablename__ = "alarm"
    __table_args__ = (
        CheckConstraint("level BETWEEN 1 AND 4", name="level"),
        CheckConstraint("state IN ('raised', 'acknowledged', 'cleared', 'closed')", name="state"),
        Index("uq_alarm_open", "device_id", "rule_key", unique=True, postgresql_where=text("state <> 'closed'")),
        Index(
            "ix_alarm_open", "level", text("raised_at DESC"), text("id DESC"), postgresql_where=text("state IN ('raised', 'acknowledged')")
        ),
        Index("ix_alarm_list", "level", text("raised_at DESC"), text("id DESC")),
        Index("ix_alarm_device_id_raised_at", "device_id", "raised_at"),
        Index("ix_alarm_cleared", "cleared_at", postgresql_where=text("state = 'cleared'")),
        Index("ix_alarm_storm_id", "storm_id", postgresql_where=text("storm_id IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    rule_key: Mapped[str] = mapped_column(KEY)
    rule_version: Mapped[int]
    pack: Mapped[str] = mapped_column(String(60))
    level: Mapped[int] = mapped_column(doc="1 red … 4 blue; the last level while it is cleared")
    worst_level: Mapped[int] = mapped_column(doc="Most severe level since it was raised last")
    state: Mapped[str] = mapped_column(String(12))
    metric: Mapped[str | None] = mapped_column(String(64))
    value: Mapped[float | None] = mapped_column(doc="Value at the last change of level")
    unit: Mapped[str | None] = mapped_column(String(20))
    threshold: Mapped[float | None] = mapped_column(doc="Threshold of the level")
    inputs: Mapped[dict[str, Any]] = mapped_column(JSONB, doc="Readings that made it, thresholds and hold times in force")
    lon: Mapped[float | None]
    lat: Mapped[float | None]
    first_raised_at: Mapped[datetime]
    raised_at: Mapped[datetime] = mapped_column(doc="Time of the reading that raised it (last, when it came back)")
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None] = mapped_column(String(120))
    cleared_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_reason: Mapped[str | None] = mapped_column(String(500))
    case_id: Mapped[UUID | None] = mapped_column(index=True)
    storm_id: Mapped[UUID | None] = mapped_column(ForeignKey("alarm_storm.id"))
    recurrences: Mapped[int] = mapped_column(server_default="0", doc="How often it came back before it was closed")
    sequence: Mapped[int] = mapped_column(BigInteger, doc="Place in the stream of the reading that changed it last; 0 without one")
    revision: Mapped[int] = mapped_column(doc="Grows with each change; the loser of two officers is told")


class AlarmEvent(AreaBound, Base):
    """One line of an alarm's history."""

    __tablename__ = "alarm_event"
    __table_args__ = (Index("ix_alarm_event_alarm_id_position", "alarm_id", "position"),)

    position: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    alarm_id: Mapped[UUID] = mapped_column(ForeignKey("alarm.id"))
    time: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(16), doc="raised, level, cleared, acknowledged, closed, note, case, action or failed")
    level: Mapped[int | None]
    value: Mapped[float | None]
    actor: Mapped[str] = mapped_column(String(120), server_default="", doc="Empty for the platform itself")
    text: Mapped[str] = mapped_column(String(500), server_default="")
