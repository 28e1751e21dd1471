"""Tables of the ground floor: events on their way out, events already consumed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chengyun.kernel.db import AreaBound, Base


class OutboxEvent(AreaBound, Base):
    """An event written in the same transaction as the change that it tells of, waiting to be relayed to the bus."""

    __tablename__ = "outbox"

    position: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    id: Mapped[UUID] = mapped_column(unique=True)
    subject: Mapped[str] = mapped_column(String(200))
    time: Mapped[datetime]
    home: Mapped[str] = mapped_column(String(64), doc="Platform at which the event happened")
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)


class InboxEvent(Base):
    """An event that a consumer has applied; a second delivery finds it and does nothing."""

    __tablename__ = "inbox"

    consumer: Mapped[str] = mapped_column(String(100), primary_key=True)
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    applied_at: Mapped[datetime] = mapped_column(index=True)
