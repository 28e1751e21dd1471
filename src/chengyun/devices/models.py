"""Tables of the devices room: models, the registry, credentials, commands, and what was heard last."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chengyun.kernel.db import AreaBound, Base

KEY = String(64, collation="C")


class DeviceModel(Base):
    """A device model (物模型): what its devices measure and which commands they obey. A changed model is a new version."""

    __tablename__ = "device_model"
    __table_args__ = (
        CheckConstraint("expected_interval_seconds > 0", name="expected_interval"),
        Index("uq_device_model_current", "key", unique=True, postgresql_where=text("current")),
    )

    key: Mapped[str] = mapped_column(KEY, primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    current: Mapped[bool] = mapped_column(doc="The version in force; one for each key")
    number: Mapped[int] = mapped_column(doc="Order in which models came, the same for all versions of a key")
    pack: Mapped[str] = mapped_column(KEY, doc="Industry pack that brings the model")
    name_zh: Mapped[str] = mapped_column(String(60))
    name_en: Mapped[str] = mapped_column(String(120))
    icon: Mapped[str] = mapped_column(String(40), default="")
    expected_interval_seconds: Mapped[int] = mapped_column(
        doc="A device is expected to report so often; silent three times as long, it is offline"
    )
    metrics: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    commands: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    created_at: Mapped[datetime]


class Device(AreaBound, Base):
    """A sensing device, controller or gateway in the city. Never deleted: a retired one keeps its row and its readings."""

    __tablename__ = "device"
    __table_args__ = (
        CheckConstraint("key ~ '^[A-Za-z0-9-][A-Za-z0-9_-]{0,63}$'", name="key"),
        CheckConstraint("(lon IS NULL) = (lat IS NULL)", name="place"),
        CheckConstraint("gateway_id <> id", name="gateway"),
        Index("ix_device_region_code_key", "region_code", "key"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(
        unique=True, doc="Counted from 0 without gaps, in the order of registration; row of the fleet in memory"
    )
    key: Mapped[str] = mapped_column(KEY, unique=True, doc="User name and topic of the device")
    name: Mapped[str] = mapped_column(String(120))
    model_key: Mapped[str] = mapped_column(KEY, index=True)
    pack: Mapped[str] = mapped_column(KEY)
    lon: Mapped[float | None] = mapped_column(doc="CGCS2000 degrees")
    lat: Mapped[float | None]
    address: Mapped[str | None] = mapped_column(String(200))
    component_code: Mapped[str | None] = mapped_column(
        String(17, collation="C"), index=True, doc="Component (部件) that it is fixed to, GB/T 47678.5"
    )
    gateway_id: Mapped[UUID | None] = mapped_column(ForeignKey("device.id"), index=True, doc="Gateway through which it speaks")
    owner_org_id: Mapped[UUID | None] = mapped_column(index=True, doc="Organisation that answers for it")
    registered_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
    revision: Mapped[int] = mapped_column(default=1, doc="Grows with each change; the loser of two changes is told")


class DeviceCredential(AreaBound, Base):
    """A secret of a device, stored as a digest. Several are valid at once, so that a change of secret cuts nobody off."""

    __tablename__ = "device_credential"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), index=True)
    digest: Mapped[bytes] = mapped_column(doc="SHA-256 of the secret, which is random and shown once")
    note: Mapped[str] = mapped_column(String(120), default="")
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(120), default="")
    revoked_at: Mapped[datetime | None]


class DeviceCommand(AreaBound, Base):
    """An order to a device, sent until it is acknowledged or its time is over."""

    __tablename__ = "device_command"
    __table_args__ = (
        CheckConstraint("state IN ('requested', 'sent', 'acknowledged', 'failed', 'timed_out')", name="state"),
        Index("ix_device_command_device_id_requested_at", "device_id", "requested_at"),
        Index("ix_device_command_due", "next_attempt_at", postgresql_where=text("state IN ('requested', 'sent')")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    command: Mapped[str] = mapped_column(KEY)
    arguments: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(String(12))
    requested_at: Mapped[datetime]
    requested_by: Mapped[UUID | None] = mapped_column(doc="User; null for a rule")
    requested_by_name: Mapped[str] = mapped_column(String(120), default="")
    alarm_id: Mapped[UUID | None] = mapped_column(index=True, doc="Alarm whose rule ordered it")
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    message: Mapped[str] = mapped_column(String(400), default="", doc="What the device said, or why the order failed")


class DeviceState(AreaBound, Base):
    """Whether a device is heard, and its most severe open alarm. One row for each device."""

    __tablename__ = "device_state"
    __table_args__ = (
        CheckConstraint("connection IN ('online', 'offline', 'unknown')", name="connection"),
        CheckConstraint("worst_alarm_level BETWEEN 1 AND 4", name="worst_alarm_level"),
    )

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True)
    connection: Mapped[str] = mapped_column(String(8), doc="online, offline, or unknown: never heard")
    last_seen: Mapped[datetime | None]
    since: Mapped[datetime] = mapped_column(doc="When the connection became what it is")
    worst_alarm_level: Mapped[int | None] = mapped_column(doc="1 red … 4 blue; null without an open alarm")


class LatestReading(AreaBound, Base):
    """The newest value of each metric of each device."""

    __tablename__ = "latest_reading"

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True)
    metric: Mapped[str] = mapped_column(KEY, primary_key=True)
    time: Mapped[datetime]
    value: Mapped[float]
    quality: Mapped[str] = mapped_column(String(12), default="good")
    sequence: Mapped[int] = mapped_column(BigInteger, doc="Place in the stream of readings")


class DeviceRevision(Base):
    """Marks the last change to models and devices, so that each process knows when its fleet in memory is old.

    Whoever adds devices or models holds this row until commit: numbers are given without gaps, in the order of commits.
    """

    __tablename__ = "device_revision"

    name: Mapped[str] = mapped_column(String(20, collation="C"), primary_key=True)
    revision: Mapped[UUID] = mapped_column(doc="A new one with each change")
    next_device: Mapped[int] = mapped_column(default=0)
    next_model: Mapped[int] = mapped_column(default=0)
