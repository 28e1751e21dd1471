"""Tables of the regions room. Reference data, seen by everyone signed in; so they say `code`, never `region_code`."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from chengyun.kernel.db import CODE, Base


class DivisionRow(Base):
    """A city, district, street or community in a stretch of time.

    The key for people is (code, valid from): a code may come back with another meaning. `code` may be corrected; the
    identity stays, so everything that hangs on the division follows.
    """

    __tablename__ = "division"
    __table_args__ = (
        UniqueConstraint("code", "valid_from"),
        CheckConstraint("valid_to IS NULL OR valid_from < valid_to", name="valid_in_order"),
        CheckConstraint("level BETWEEN 1 AND 4", name="level"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(CODE, doc="6, 9 or 12 digits (GB/T 2260 and statistical codes)")
    level: Mapped[int] = mapped_column(doc="1 city, 2 district or county, 3 street or town, 4 community or village")
    name: Mapped[str] = mapped_column(String(60))
    name_en: Mapped[str] = mapped_column(String(160))
    short_name: Mapped[str] = mapped_column(String(60))
    parent_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("division.id"), index=True, doc="City of a district, district of a street; a community's street is in its code"
    )
    valid_from: Mapped[date]
    valid_to: Mapped[date | None] = mapped_column(doc="First day on which it is no more")
    lon: Mapped[float | None] = mapped_column(doc="A point well inside, CGCS2000 degrees")
    lat: Mapped[float | None]
    confirmed: Mapped[bool] = mapped_column(default=True, doc="False while the official code is not known")
    note: Mapped[str] = mapped_column(String(400), default="")


class DivisionChange(Base):
    """Land that went from one district to another on a day."""

    __tablename__ = "division_change"

    from_id: Mapped[UUID] = mapped_column(ForeignKey("division.id"), primary_key=True)
    to_id: Mapped[UUID] = mapped_column(ForeignKey("division.id"), primary_key=True)
    on_day: Mapped[date] = mapped_column(primary_key=True)
    share: Mapped[str] = mapped_column(String(400), doc="What went over, in words")
    main: Mapped[bool] = mapped_column(doc="The heir of all that is not told apart")
    source: Mapped[str] = mapped_column(String(200))


class DivisionShape(Base):
    """Outline of a division. `source` says whether it was surveyed, taken over, or `generated` for demonstration."""

    __tablename__ = "division_shape"

    division_id: Mapped[UUID] = mapped_column(ForeignKey("division.id"), primary_key=True)
    source: Mapped[str] = mapped_column(String(60))
    geometry: Mapped[bytes] = mapped_column(doc="WKB, CGCS2000 degrees")


class UnitGrid(Base):
    """A unit grid (单元网格, about 10,000 m², GB/T 47678.3): a changed grid gets a new code, the old one its end."""

    __tablename__ = "unit_grid"
    __table_args__ = (CheckConstraint("valid_to IS NULL OR valid_from < valid_to", name="valid_in_order"),)

    code: Mapped[str] = mapped_column(CODE, primary_key=True, doc="15 characters: community + sequence; never used again")
    community: Mapped[str] = mapped_column(CODE, index=True)
    area_m2: Mapped[float]
    min_lon: Mapped[float]
    min_lat: Mapped[float]
    max_lon: Mapped[float]
    max_lat: Mapped[float]
    geometry: Mapped[bytes] = mapped_column(doc="WKB polygon, CGCS2000 degrees")
    source: Mapped[str] = mapped_column(String(60))
    valid_from: Mapped[date] = mapped_column(doc="初始时间")
    valid_to: Mapped[date | None] = mapped_column(doc="终止时间")
    note: Mapped[str] = mapped_column(String(200), default="")


class ResponsibilityGrid(Base):
    """Patrol area of one supervisor (责任网格): a set of unit grids."""

    __tablename__ = "responsibility_grid"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(CODE, index=True, doc="Division that it belongs to")
    name: Mapped[str] = mapped_column(String(80))
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class ResponsibilityGridMember(Base):
    """A unit grid in a responsibility grid."""

    __tablename__ = "responsibility_grid_member"

    grid_code: Mapped[str] = mapped_column(CODE, ForeignKey("unit_grid.code"), primary_key=True)
    responsibility_id: Mapped[UUID] = mapped_column(ForeignKey("responsibility_grid.id"), primary_key=True, index=True)


class StreetHome(Base):
    """Today's district of each code of 6 and 9 digits; join with `left(region_code, 9) = street_home.code`."""

    __tablename__ = "street_home"

    code: Mapped[str] = mapped_column(CODE, primary_key=True)
    district_code: Mapped[str] = mapped_column(CODE, index=True)
    district_id: Mapped[UUID]


class RegionRevision(Base):
    """Marks the last change to divisions and shapes, so that each process knows when its copy in memory is old."""

    __tablename__ = "region_revision"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    revision: Mapped[UUID] = mapped_column(doc="A new one with each change")
    fingerprint: Mapped[str] = mapped_column(String(64), default="", doc="Digest of the shipped data last loaded")
    changed_at: Mapped[datetime]


Index("ix_division_level", DivisionRow.level, DivisionRow.code)
