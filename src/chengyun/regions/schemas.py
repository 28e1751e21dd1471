"""Shapes of the regions API."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from chengyun.standards.codes import Level


class Named(BaseModel):
    """A division by code and name."""

    code: str
    name: str
    name_en: str = ""


class Heir(BaseModel):
    """Where land came from or went to, on a day."""

    id: UUID
    code: str
    name: str
    on: date
    share: str = Field(description="What went over, in words")
    main: bool = Field(description="The heir of all that is not told apart")
    source: str


class RegionOut(BaseModel):
    """A city, district, street or community in a stretch of time."""

    id: UUID
    code: str
    level: Level = Field(description="1 city, 2 district or county, 3 street or town, 4 community or village")
    name: str
    name_en: str
    short_name: str
    parent: Named | None
    valid_from: date
    valid_to: date | None = Field(description="First day on which it is no more")
    centroid: tuple[float, float] | None = Field(description="A point well inside: longitude, latitude (CGCS2000)")
    confirmed: bool = Field(description="False while the official code is not known")
    note: str


class RegionDetail(RegionOut):
    """A division with its history and the ranges of codes that lie in it."""

    successors: list[Heir]
    predecessors: list[Heir]
    also: list[Named] = Field(description="What the same code meant or will mean at other times")
    ranges: list[tuple[str, str]] = Field(description="Half-open ranges of the codes that lie in it, compared as text")
    children: int


class RegionPatch(BaseModel):
    """What an operator may correct about a division."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    code: Annotated[str, Field(pattern=r"^\d{6}(\d{3}){0,2}$")] | None = None
    name: Annotated[str, Field(min_length=1, max_length=60)] | None = None
    name_en: Annotated[str, Field(max_length=160)] | None = None
    short_name: Annotated[str, Field(min_length=1, max_length=60)] | None = None
    confirmed: bool | None = None
    note: Annotated[str, Field(max_length=400)] | None = None


class Located(BaseModel):
    """Where a point lies; null where nothing of that level holds it."""

    grid: Named | None
    community: Named | None
    street: Named | None
    district: Named | None


class ResponsibilityOut(BaseModel):
    """A patrol area (责任网格)."""

    id: UUID
    code: str
    area_name: str
    name: str
    grids: int = Field(description="How many unit grids it has")
    valid_from: date
    valid_to: date | None
