"""Shapes of the cases room: what travels by HTTP, what a pack declares, what an earlier system hands over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from chengyun.kernel.texts import Paragraphs
from chengyun.standards.codes import Edition, Kind
from chengyun.standards.worktime import TimeUnit

Urgency = Literal["normal", "urgent"]
Source = Literal["patrol", "public", "hotline", "video", "alarm", "department", "upper"]
ReportSource = Literal["patrol", "public", "hotline", "video", "department", "upper"]
Phase = Literal["before", "after", "check"]
Colour = Literal["green", "yellow", "red"]


Line = Annotated[str, Paragraphs]
Reason = Annotated[str, Paragraphs, Field(min_length=1, max_length=500, description="Why; kept on the timeline")]
Revision = Annotated[int, Field(ge=1, description="Revision of the case that the officer saw")]
PhotoIds = Annotated[list[UUID], Field(max_length=9, description="Photos uploaded before by the same person")]


class Body(BaseModel):
    """Parent of all bodies: unknown fields are refused, blanks around texts go."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, populate_by_name=True)


class PlaceIn(Body):
    """A point, CGCS2000 degrees."""

    lon: float = Field(ge=-180, le=180, allow_inf_nan=False)
    lat: float = Field(ge=-90, le=90, allow_inf_nan=False)


class ClassIn(Body):
    """A class of an edition of the standard."""

    edition: Edition = Edition.GB47678_2026
    kind: Kind
    code: str = Field(pattern=r"^\d{4,5}$")


class ReporterIn(Body):
    """Who told of it; personal data."""

    name: Annotated[Line, Field(max_length=60)] = ""
    phone: Annotated[str, Field(pattern=r"^[0-9+][0-9 \-]{4,28}$")]


class CaseIn(Body):
    """A report."""

    source: ReportSource
    title: Annotated[Line, Field(min_length=1, max_length=200)] | None = None
    class_: ClassIn | None = Field(None, alias="class")
    description: Annotated[Line, Field(min_length=1, max_length=2000)]
    place: PlaceIn | None = Field(None, description="Its area is found from it; outside the city it is refused")
    region_code: Annotated[str, Field(max_length=15)] | None = Field(None, description="Division, where there is no point")
    address: Annotated[Line, Field(max_length=300)] | None = None
    urgency: Urgency = "normal"
    photo_ids: PhotoIds = []
    reporter: ReporterIn | None = None
    device_id: UUID | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> "CaseIn":
        if self.place is None and self.region_code is None:
            raise PydanticCustomError("place", "needs a place or a region_code")
        return self


class StepIn(Body):
    """An operation that needs nothing but the revision."""

    revision: Revision
    note: Annotated[Line, Field(max_length=500)] = ""


class ReasonIn(Body):
    """An operation that needs a reason."""

    revision: Revision
    reason: Reason


class FileIn(StepIn):
    """Filing: the class may be set or corrected, and with it the limit for handling."""

    class_: ClassIn | None = Field(None, alias="class")
    urgency: Urgency | None = None


class DispatchIn(StepIn):
    """Dispatching to a unit."""

    unit_id: UUID


class HandleIn(Body):
    """Feedback of the unit, with photos of after."""

    revision: Revision
    feedback: Annotated[Line, Field(min_length=1, max_length=1000)]
    photo_ids: PhotoIds = []


class CheckIn(StepIn):
    """A check passed, with photos of the check."""

    photo_ids: PhotoIds = []


class CheckFailIn(ReasonIn):
    """A check failed, with photos of the check."""

    photo_ids: PhotoIds = []


class NoteIn(Body):
    """A remark on the timeline."""

    note: Annotated[Line, Field(min_length=1, max_length=1000)]


class OpenIn(Body):
    """Opening a case for an alarm by hand."""

    class_: ClassIn | None = Field(None, alias="class", description="Needed where no policy names one")
    title: Annotated[Line, Field(min_length=1, max_length=200)] | None = None
    description: Annotated[Line, Field(max_length=2000)] = ""
    urgency: Urgency | None = None


class Place(BaseModel):
    """A point, CGCS2000 degrees."""

    lon: float
    lat: float


class ClassOut(BaseModel):
    """A class with its name."""

    edition: str
    kind: Kind
    code: str
    name: str


class UnitOut(BaseModel):
    """An organisation."""

    id: UUID
    name: str


class Deadline(BaseModel):
    """A clock: when it runs out, and what is left of it on the working calendar of the area."""

    stage: str
    due_at: datetime
    limit: float
    unit: TimeUnit
    used_share: float
    remaining_seconds: float = Field(description="On the clock of the unit; negative when overdue")
    remaining_text: str
    colour: Colour = Field(description="green, yellow from 80 % of the limit, red when overdue")


class PhotoOut(BaseModel):
    """A photo of a case."""

    id: UUID
    phase: Phase


class CaseAction(BaseModel):
    """Whether the caller may do something now, and why not."""

    operation: str
    allowed: bool
    reason: str | None


class Case(BaseModel):
    """A case as people see it."""

    model_config = ConfigDict(populate_by_name=True)

    id: UUID
    number: str
    title: str
    class_: ClassOut | None = Field(alias="class")
    source: str
    urgency: str = Field(json_schema_extra={"enum": ["normal", "urgent"]})
    state: str
    stage: str = Field(description="What it waits for: accept, file, dispatch, sign, handle, check, close, done")
    description: str
    place: Place | None
    address: str | None
    region_code: str
    area_name: str
    unit: UnitOut | None
    alarm_id: UUID | None
    device_id: UUID | None
    reported_at: datetime
    ended_at: datetime | None
    deadline: Deadline | None
    handling_deadline: Deadline | None
    on_time: bool | None = Field(description="Handled within its limit; null until it was handled")
    rework_count: int
    photos: list[PhotoOut]
    revision: int
    actions: list[CaseAction] | None = None
    reporter: str | None = Field(None, description="The reporter's phone number with its middle hidden")


class TimelineEvent(BaseModel):
    """One line of a timeline."""

    sequence: int
    time: datetime
    operation: str
    name: str = Field(description="The operation in words")
    from_state: str | None
    to_state: str
    actor: str
    data: dict[str, Any]
    hash: str


class EdgeOut(BaseModel):
    """A line of the table of states and operations."""

    source: str | None
    operation: str
    name: str
    target: str
    permissions: list[str] = Field(description="Any one of them suffices")
    clause: str
    clock: str


class UnitSuggestion(UnitOut):
    """A unit that a case could be dispatched to."""

    kind: str
    suggested: bool
    reason: str | None


class Reporter(BaseModel):
    """Who told of a case; each look is audited."""

    name: str
    phone: str


class PhotoUploaded(BaseModel):
    """A photo that waits to be attached."""

    id: UUID
    width: int
    height: int


class FiguresToday(BaseModel):
    """Counts since midnight in the city."""

    reported: int
    filed: int
    handled: int
    closed: int
    reported_same_time_yesterday: int | None


class TrendDay(BaseModel):
    """Cases filed on a day, and thirty days before it."""

    day: str
    filed: int
    previous: int | None


class SourceCount(BaseModel):
    """Reports of today by source."""

    source: str
    count: int


class DistrictFigures(BaseModel):
    """One of today's districts."""

    code: str
    name: str
    on_time_rate: float | None
    open: int
    reported: int


class CaseFigures(BaseModel):
    """Figures for the cockpit."""

    day: str
    as_of: datetime
    today: FiguresToday
    on_time_rate: float | None = Field(description="Of the cases due in the last 30 days: handled within their limit")
    on_time_target: float | None
    trend: list[TrendDay]
    by_source: list[SourceCount]
    by_district: list[DistrictFigures]


class LimitSpec(Body):
    """A time limit."""

    amount: float = Field(gt=0, le=365, allow_inf_nan=False)
    unit: TimeUnit


class CasePolicySpec(Body):
    """Which case an alarm opens; a part of a pack's manifest."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    rule: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,79}$", description="Key of the alarm rule")
    from_level: int = Field(
        4, ge=1, le=4, description="Least severe level that opens a case: 1 red … 4 blue", json_schema_extra={"enum": [1, 2, 3, 4]}
    )
    class_: ClassIn = Field(alias="class")
    title_zh: Annotated[Line, Field(min_length=1, max_length=120)]
    title_en: Annotated[Line, Field(min_length=1, max_length=200)]
    urgency: Urgency = "normal"
    unit_kind: Literal["city", "district", "street", "department", "safety_office", "member"] = "department"
    department: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,59}$")] | None = Field(
        None, description="Trade of the department that handles it, such as sanitation"
    )
    limit: LimitSpec | None = Field(None, description="Limit for handling; that of the class where none is named")


@dataclass(frozen=True)
class HistoryStep:
    """One step of a case of an earlier system. `data` may hold reason, feedback, note."""

    operation: str
    time: datetime
    actor: str
    data: dict[str, Any]


@dataclass(frozen=True)
class HistoryCase:
    """A case of an earlier system: the report, then its steps in order (without `report`), closed or still open.

    `unit_id` is whom it was dispatched to; without `region_code` the place decides. Numbers are given by the platform.
    """

    source: Source
    edition: str
    class_kind: str
    class_code: str
    description: str
    reported_at: datetime
    reported_by: str
    steps: Sequence[HistoryStep]
    lon: float | None = None
    lat: float | None = None
    region_code: str | None = None
    address: str | None = None
    title: str | None = None
    urgency: Urgency = "normal"
    unit_id: UUID | None = None
    device_id: UUID | None = None
    alarm_id: UUID | None = None


@dataclass(frozen=True)
class Fault:
    """What is wrong with a timeline: `changed`, `removed`, `truncated`, `reordered` or `missing_case`."""

    number: str
    sequence: int | None
    kind: str


@dataclass(frozen=True)
class Verification:
    """What a check of the hash chains found."""

    cases: int
    events: int
    faults: list[Fault]

    @property
    def sound(self) -> bool:
        """Whether every timeline is as it was written."""
        return not self.faults
