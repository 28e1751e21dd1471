"""Tables of the telemetry room: how far the watch has come, and what was refused. History lies in files, see `archive`."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chengyun.kernel.db import AreaBound, Base

KEY = String(64, collation="C")


class WatchPosition(Base):
    """How far the watch has followed the stream of readings; changed in the transaction of what the readings caused."""

    __tablename__ = "watch_position"

    partition: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    stream: Mapped[str] = mapped_column(String(64), doc="When the stream was made: another one counts anew")
    committed_sequence: Mapped[int] = mapped_column(BigInteger, doc="All messages up to this one have had their effect")
    snapshot_sequence: Mapped[int] = mapped_column(BigInteger, doc="Latest state and rules' state are stored up to here")
    snapshot: Mapped[bytes | None] = mapped_column(doc="State of the rules; null: empty")


class DeadLetter(AreaBound, Base):
    """A message or reading that was refused, with the reason, for the engineer who looks after the device."""

    __tablename__ = "dead_letter"
    __table_args__ = (
        Index("ix_dead_letter_time_id", "time", "id"),
        Index("ix_dead_letter_device_key_time_id", "device_key", "time", "id"),
        Index("ix_dead_letter_reason_time_id", "reason", "time", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    time: Mapped[datetime] = mapped_column(doc="When it came")
    sequence: Mapped[int] = mapped_column(BigInteger, doc="Place in the stream of readings")
    device_key: Mapped[str] = mapped_column(KEY, doc="Device that it is about, else the one that sent it")
    reason: Mapped[str] = mapped_column(String(40, collation="C"), doc="Code of the reason, such as value.range")
    field: Mapped[str] = mapped_column(String(80), default="", doc="Where in the message")
    item: Mapped[int] = mapped_column(doc="Which object of the message, from 0; -1: the message as a whole")
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB, doc="What fills the reason's sentence")
    payload: Mapped[bytes] = mapped_column(doc="The message, its first 4 kB")


class DeadLetterCount(AreaBound, Base):
    """How many readings of a device were refused for a reason in an hour, also those that were not kept singly."""

    __tablename__ = "dead_letter_count"

    device_key: Mapped[str] = mapped_column(KEY, primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True, index=True)
    reason: Mapped[str] = mapped_column(String(40, collation="C"), primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    kept: Mapped[int] = mapped_column(BigInteger, doc="Of these, so many are kept singly")
