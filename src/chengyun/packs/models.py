"""Tables of the packs room."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chengyun.kernel.db import Base


class Pack(Base):
    """An industry pack (行业包) as it was put into force. Each change is a new row; the earlier ones are its history."""

    __tablename__ = "pack"
    __table_args__ = (Index("uq_pack_in_force", "key", unique=True, postgresql_where=text("in_force")),)

    key: Mapped[str] = mapped_column(String(64, collation="C"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True, doc="Counted by the platform, from 1")
    in_force: Mapped[bool] = mapped_column(doc="One row for each key")
    version: Mapped[str] = mapped_column(String(20), doc="As the manifest says")
    checksum: Mapped[str] = mapped_column(String(64), doc="SHA-256 of what the manifest declares, without its comments and order of names")
    text: Mapped[str] = mapped_column(Text, doc="The manifest as it was handed in")
    content: Mapped[dict[str, Any]] = mapped_column(JSONB, doc="What it declares")
    applied_at: Mapped[datetime]
    applied_by: Mapped[str] = mapped_column(String(120))
