"""Tables of the maps room."""

from typing import Any

from sqlalchemy import String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chengyun.kernel.db import Base

KEY = String(64, collation="C")


class MapLayer(Base):
    """A layer of the one map, as a pack declares it. What it shows is read from its source when somebody looks."""

    __tablename__ = "map_layer"

    key: Mapped[str] = mapped_column(KEY, primary_key=True)
    pack: Mapped[str] = mapped_column(KEY, index=True, doc="Industry pack that brings the layer")
    position: Mapped[int] = mapped_column(doc="Order within the pack")
    name_zh: Mapped[str] = mapped_column(String(60))
    name_en: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(12), doc="point")
    source: Mapped[str] = mapped_column(String(20), doc="devices")
    filter: Mapped[dict[str, Any]] = mapped_column(JSONB, doc="Which rows of the source: by model, by pack, or all")
    style: Mapped[dict[str, Any]] = mapped_column(JSONB, doc="Sign, colour, and from which zoom on single points are shown")
