"""Shapes of the alarms room: rules as packs declare them, alarms as people see them."""

from datetime import datetime
from itertools import pairwise
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from chengyun.devices.schemas import METRIC_KEY, NAME_KEY
from chengyun.kernel.texts import Paragraphs

Kind = Literal["above", "below", "outside", "rate", "no_data"]
State = Literal["raised", "acknowledged", "cleared", "closed"]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=30 * 86_400, allow_inf_nan=False)]


Line = Annotated[str, Paragraphs]


# Described as the four values that it may have, so that the web client's types know them too.
FOUR: JsonDict = {"enum": [1, 2, 3, 4]}
Level = Annotated[int, Field(json_schema_extra=FOUR)]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, json_schema_serialization_defaults_required=True)


class LevelSpec(_Spec):
    """From which value on an alarm has a level."""

    level: int = Field(ge=1, le=4, description="1 red, 2 orange, 3 yellow, 4 blue", json_schema_extra=FOUR)
    threshold: Finite | None = Field(
        None, description="above, below: the value; rate: change a minute, negative for a fall; no_data: seconds"
    )
    low: Finite | None = Field(None, description="outside: an alarm below this value")
    high: Finite | None = Field(None, description="outside: an alarm above this value")


class ActionSpec(_Spec):
    """An order to the device that the alarm gives by itself."""

    on: Literal["raised", "cleared"] = Field(description="raised: when it reaches the level; cleared: when it ends after reaching it")
    from_level: int = Field(4, ge=1, le=4, description="Least severe level that gives the order", json_schema_extra=FOUR)
    command: str = Field(pattern=METRIC_KEY, description="Command of the device's model")
    arguments: dict[str, Any] = Field(default_factory=dict, max_length=20)


class RuleSpec(_Spec):
    """What makes an alarm, as a pack declares it."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,79}$")
    name_zh: Annotated[Line, Field(min_length=1, max_length=60)]
    name_en: Annotated[Line, Field(min_length=1, max_length=120)]
    model: str = Field(pattern=NAME_KEY, description="Device model that it holds for")
    metric: str | None = Field(None, pattern=METRIC_KEY, description="Metric of the model; not for no_data")
    kind: Kind
    levels: list[LevelSpec] = Field(min_length=1, max_length=4)
    hysteresis: Finite = Field(0, ge=0, description="How far the value must fall back behind a threshold before its level ends")
    hold_seconds: Seconds = Field(0, description="How long a value must stay beyond a threshold, by the readings' time")
    clear_hold_seconds: Seconds = Field(0, description="How long it must stay back before the level ends")
    window_seconds: Seconds = Field(600, description="rate: over how long the change is measured")
    source: Annotated[Line, Field(min_length=1, max_length=300)] = Field(description="Standard and clause, or `own default`")
    actions: list[ActionSpec] = Field(default_factory=list, max_length=8)

    @model_validator(mode="after")
    def _consistent(self) -> "RuleSpec":
        fault = consistency_fault(self)
        if fault:
            raise PydanticCustomError("rule", "{fault}", {"fault": fault})
        return self


def consistency_fault(rule: RuleSpec) -> str | None:
    """What contradicts itself in a rule, in words; None when nothing does."""
    if (rule.metric is None) != (rule.kind == "no_data"):
        return "no_data has no metric, every other kind needs one"
    if len({level.level for level in rule.levels}) != len(rule.levels):
        return "a level is given twice"
    ordered = sorted(rule.levels, key=lambda level: -level.level)
    if rule.kind == "outside":
        return _outside_fault(ordered)
    if any(level.threshold is None or level.low is not None or level.high is not None for level in ordered):
        return f"each level of {rule.kind} has a threshold, and neither low nor high"
    values = [float(level.threshold or 0) for level in ordered]
    if rule.kind == "rate":
        if any(v == 0 for v in values) or len({v > 0 for v in values}) > 1:
            return "thresholds of rate are all positive (a rise) or all negative (a fall)"
        values = [abs(v) for v in values]
    if rule.kind == "no_data" and min(values) <= 0:
        return "thresholds of no_data are seconds above zero"
    if rule.kind == "below":
        values = [-v for v in values]
    if any(b <= a for a, b in pairwise(values)):
        return "a more severe level needs a threshold further out"
    return None


def _outside_fault(ordered: list[LevelSpec]) -> str | None:
    if any(level.threshold is not None or level.low is None or level.high is None for level in ordered):
        return "each level of outside has low and high, and no threshold"
    bounds = [(float(level.low or 0), float(level.high or 0)) for level in ordered]
    if any(low >= high for low, high in bounds):
        return "low must be less than high"
    if any(b[0] > a[0] or b[1] < a[1] or a == b for a, b in pairwise(bounds)):
        return "a more severe level needs bounds further out"
    return None


class RuleOut(RuleSpec):
    """A rule in force, or an earlier version of it."""

    version: int
    pack: str
    valid_from: datetime
    valid_to: datetime | None


class DeviceName(BaseModel):
    """A device by key and name."""

    id: UUID
    key: str
    name: str


class RuleName(BaseModel):
    """A rule by key, version and name."""

    key: str
    version: int
    name_zh: str
    name_en: str


class Place(BaseModel):
    """A point, CGCS2000 degrees."""

    lon: float
    lat: float


class AlarmOut(BaseModel):
    """An alarm as lists show it."""

    id: UUID
    device: DeviceName
    rule: RuleName
    pack: str
    level: Level
    worst_level: Level
    state: State
    metric: str | None
    value: float | None
    unit: str | None
    threshold: float | None
    first_raised_at: datetime
    raised_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    cleared_at: datetime | None
    closed_at: datetime | None
    region_code: str
    area_name: str
    place: Place | None
    case_id: UUID | None
    storm_id: UUID | None
    recurrences: int
    revision: int


class Explanation(BaseModel):
    """Why there is an alarm: the rule in words, and the readings that it rests on."""

    text: str = Field(description="In the caller's language")
    source: str
    kind: Kind
    levels: list[LevelSpec]
    hysteresis: float
    hold_seconds: float
    clear_hold_seconds: float
    inputs: dict[str, Any]


class AlarmDetail(AlarmOut):
    """An alarm with its explanation."""

    closed_reason: str | None
    explain: Explanation


class AlarmEventOut(BaseModel):
    """One line of an alarm's history."""

    time: datetime
    kind: str
    level: Level | None
    value: float | None
    actor: str
    text: str


class DistrictAlarms(BaseModel):
    """Open alarms of one of today's districts."""

    code: str
    name: str
    total: int
    by_level: dict[str, int]


class AlarmSummary(BaseModel):
    """Open alarms by level and district."""

    by_level: dict[str, int]
    by_district: list[DistrictAlarms]


class StormOut(BaseModel):
    """A storm of alarms."""

    id: UUID
    region_code: str
    area_name: str
    started_at: datetime
    last_at: datetime
    ended_at: datetime | None
    count: int
    worst_level: Level


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    revision: int | None = Field(None, ge=1, description="Revision that the officer saw; refused when somebody else was first")


class AcknowledgeIn(_Body):
    """Taking an alarm over."""

    note: Annotated[Line, Field(max_length=500)] = ""


class CloseIn(_Body):
    """Closing an alarm."""

    reason: Annotated[Line, Field(max_length=500)] = Field("", description="Needed while the condition lasts")


class NoteIn(BaseModel):
    """A remark."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    text: Annotated[Line, Field(min_length=1, max_length=500)]
