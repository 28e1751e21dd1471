"""Shapes of the standards API."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from chengyun.standards.codes import Kind
from chengyun.standards.worktime import LARGEST_LIMIT, TimeUnit

Area = Annotated[str, Field(max_length=15, description="Division code; empty for the whole country")]


class ClassOut(BaseModel):
    """A small class (小类) of components or matters."""

    model_config = ConfigDict(from_attributes=True)

    edition: str
    kind: Kind
    code: str = Field(description="Major and minor class together")
    major: str
    minor: str
    name: str
    name_en: str
    basis: str = Field(description="`listed`: found in a published list; `inferred`: same number in the other edition")
    source: str
    area_code: str = Field(description="Division that added the class; empty for the standard's own")
    valid_from: date
    valid_to: date | None


class MajorOut(BaseModel):
    """A large class (大类)."""

    model_config = ConfigDict(from_attributes=True)

    edition: str
    kind: Kind
    major: str
    name: str
    name_en: str


class ClassList(BaseModel):
    """Classes found, and the large classes of the edition."""

    items: list[ClassOut]
    majors: list[MajorOut]


class ExtensionIn(BaseModel):
    """A class that the city adds; its number is given by the platform, from the top down."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    edition: str = "47678.5-2026"
    kind: Kind
    major: str = Field(pattern=r"^\d{2}$")
    name: str = Field(min_length=1, max_length=40)
    name_en: str = Field("", max_length=120)


class MappingOut(BaseModel):
    """What became of a class of the 2013 edition in the one of 2026."""

    kind: Kind
    code_2013: str
    code_2026: str | None
    relation: str = Field(description="same, renamed, moved, monitoring, withdrawn, rule (zero inserted), unknown")
    note: str
    name_2013: str | None
    name_2026: str | None


class DayOut(BaseModel):
    """A date that differs from Monday–Friday."""

    model_config = ConfigDict(from_attributes=True)

    day: date
    kind: Literal["holiday", "make_up", "ordinary"]
    name: str
    name_en: str
    area_code: str
    source: str
    changed_at: datetime


class DayIn(BaseModel):
    """What a date is to be."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    kind: Literal["holiday", "make_up", "ordinary"]
    name: str = Field(min_length=1, max_length=60)
    name_en: str = Field("", max_length=120)
    source: str = Field(min_length=1, max_length=200, description="Announcement that it comes from")
    area_code: Area = ""


class HoursOut(BaseModel):
    """Working periods of an area from a day on."""

    model_config = ConfigDict(from_attributes=True)

    area_code: str
    valid_from: date
    periods: str
    source: str


class HoursIn(BaseModel):
    """Working periods of an area from a day on."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    area_code: Area = ""
    valid_from: date
    periods: str = Field(max_length=200, description="Such as `08:00-12:00,14:00-18:00`, Beijing time")
    source: str = Field("", max_length=200)


class CalendarOut(BaseModel):
    """The special days of a year, the working periods, and how many days are worked."""

    year: int
    area_code: str
    working_days: int
    days: list[DayOut]
    working_hours: list[HoursOut]


class DeadlineIn(BaseModel):
    """A limit to be counted from a moment."""

    model_config = ConfigDict(extra="forbid")

    start: AwareDatetime
    limit: float = Field(ge=0, le=LARGEST_LIMIT, allow_inf_nan=False)
    unit: TimeUnit = Field(
        description="`urgent_hour` 紧急工作时, `work_hour` 工作时, `work_day` 工作日, `natural_day` 自然日 (GB/T 30428.8-2020)"
    )
    region_code: Area = ""


class DeadlineOut(BaseModel):
    """When the limit has run out, and what is left of it now."""

    start: datetime
    limit: float
    unit: TimeUnit
    due_at: datetime
    remaining_seconds: float = Field(description="On the clock of the unit; negative when overdue")
    remaining_text: str
    used_share: float
