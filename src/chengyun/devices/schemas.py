"""Shapes of the devices room: what packs declare, what callers send, what they get."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from chengyun.kernel.texts import Plain

# Keys that begin with a line are the platform's own: `_http` may speak for all devices.
DEVICE_KEY = r"^[A-Za-z0-9-][A-Za-z0-9_-]{0,63}$"
NAME_KEY = r"^[a-z][a-z0-9_-]{0,63}$"
METRIC_KEY = r"^[A-Za-z][A-Za-z0-9_]{0,63}$"


Name = Annotated[str, Field(min_length=1, max_length=120), Plain]
Number = Annotated[float, Field(allow_inf_nan=False)]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, json_schema_serialization_defaults_required=True)


class MetricSpec(_Spec):
    """One quantity that a model measures."""

    key: str = Field(pattern=METRIC_KEY)
    name_zh: Annotated[str, Field(min_length=1, max_length=60), Plain]
    name_en: Annotated[str, Field(min_length=1, max_length=120), Plain]
    unit: Annotated[str, Field(max_length=20), Plain] = ""
    low: Number = Field(description="Least value that the sensor can give; below it is an error of the sensor")
    high: Number = Field(description="Greatest value that the sensor can give")
    precision: int = Field(2, ge=0, le=9, description="Decimals shown")
    normal_low: Number | None = Field(None, description="Everyday values begin here")
    normal_high: Number | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low >= self.high:
            raise ValueError("low must be less than high")
        if self.normal_low is not None and self.normal_high is not None and self.normal_low > self.normal_high:
            raise ValueError("normal_low must not exceed normal_high")
        return self


class ArgumentSpec(_Spec):
    """One argument of a command; all are required."""

    key: str = Field(pattern=METRIC_KEY)
    kind: Literal["number", "boolean", "text"]
    low: Number | None = Field(None, description="Least number, or least length of a text")
    high: Number | None = Field(None, description="Greatest number, or greatest length of a text")


class CommandSpec(_Spec):
    """One order that devices of a model obey."""

    key: str = Field(pattern=METRIC_KEY)
    name_zh: Annotated[str, Field(min_length=1, max_length=60), Plain]
    name_en: Annotated[str, Field(min_length=1, max_length=120), Plain]
    arguments: list[ArgumentSpec] = Field(default_factory=list, max_length=20)
    timeout_seconds: int = Field(30, ge=1, le=86_400, description="Repeated so long until the device acknowledges")

    @model_validator(mode="after")
    def _apart(self) -> Self:
        _no_twins([a.key for a in self.arguments])
        return self


class ModelSpec(_Spec):
    """A device model (物模型) as a pack declares it."""

    key: str = Field(pattern=NAME_KEY)
    name_zh: Annotated[str, Field(min_length=1, max_length=60), Plain]
    name_en: Annotated[str, Field(min_length=1, max_length=120), Plain]
    expected_interval_seconds: int = Field(60, ge=1, le=30 * 86_400)
    icon: str = Field("", max_length=40, pattern=r"^[a-z0-9_-]*$")
    metrics: list[MetricSpec] = Field(default_factory=list, max_length=200)
    commands: list[CommandSpec] = Field(default_factory=list, max_length=50)

    @model_validator(mode="after")
    def _apart(self) -> Self:
        _no_twins([m.key for m in self.metrics])
        _no_twins([c.key for c in self.commands])
        return self


def _no_twins(keys: list[str]) -> None:
    twins = sorted({k for k in keys if keys.count(k) > 1})
    if twins:
        raise ValueError(f"{', '.join(twins)} given more than once")


class ModelOut(BaseModel):
    """A device model in force."""

    model_config = ConfigDict(from_attributes=True)

    key: str
    version: int
    pack: str
    name: str
    name_zh: str
    name_en: str
    icon: str
    expected_interval_seconds: int
    metrics: list[MetricSpec]
    commands: list[CommandSpec]


class Place(_Spec):
    """A point, CGCS2000 degrees."""

    lon: float = Field(ge=-180, le=180, allow_inf_nan=False)
    lat: float = Field(ge=-90, le=90, allow_inf_nan=False)


class _DeviceFields(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    place: Place | None = None
    address: Annotated[str, Field(max_length=200), Plain] | None = None
    component_code: str | None = Field(None, pattern=r"^(\d{16}|\d{17})$")
    gateway_id: UUID | None = None
    owner_org_id: UUID | None = None
    region_code: str | None = Field(
        None, pattern=r"^(\d{6}|\d{9}|\d{12}|\d{12}[0-9A-Z]{3})$", description="Found from the place when not given"
    )


class DeviceIn(_DeviceFields):
    """A device to be registered."""

    key: str = Field(pattern=DEVICE_KEY)
    name: Name
    model: str = Field(pattern=NAME_KEY)


class DevicePatch(_DeviceFields):
    """What is to change; a field that is not sent stays."""

    name: Name | None = None
    retired: StrictBool | None = Field(None, description="True takes the device out of service, false brings it back")
    revision: int = Field(ge=1, description="The one that was read; refused when somebody else has changed the device since")


class ModelName(BaseModel):
    """A model by key and by name in the caller's language."""

    key: str
    name: str


class MetricValue(BaseModel):
    """The newest value of a metric."""

    value: float
    time: datetime
    quality: str


class DeviceStateOut(BaseModel):
    """What is heard of a device."""

    connection: Literal["online", "offline", "unknown"]
    last_seen: datetime | None
    since: datetime | None
    metrics: dict[str, MetricValue]
    worst_alarm_level: Annotated[int, Field(json_schema_extra={"enum": [1, 2, 3, 4]})] | None


class DeviceOut(BaseModel):
    """A device with its newest state."""

    id: UUID
    key: str
    name: str
    model: ModelName
    pack: str
    region_code: str
    area_name: str
    place: Place | None
    address: str | None
    component_code: str | None
    gateway_id: UUID | None
    owner_org_id: UUID | None
    owner_unit: str | None
    registered_at: datetime
    retired_at: datetime | None
    revision: int
    state: DeviceStateOut


class RegisteredOut(DeviceOut):
    """A new device with its secret, which is shown this once."""

    secret: str | None


class SummaryOut(BaseModel):
    """Devices of one model."""

    pack: str
    model: str
    name: str
    total: int
    online: int
    offline: int
    alarm: int = Field(description="Devices with an open alarm")


class DistrictOut(BaseModel):
    """Devices of one district of today."""

    code: str
    name: str
    total: int
    online: int
    offline: int
    alarm: int


class CredentialIn(BaseModel):
    """A further secret."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    note: Annotated[str, Field(max_length=120), Plain] = ""


class CredentialOut(BaseModel):
    """A secret, without the secret itself."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    note: str
    created_at: datetime
    created_by: str
    revoked_at: datetime | None


class NewCredentialOut(CredentialOut):
    """A new secret, shown this once."""

    secret: str


class CommandIn(BaseModel):
    """An order to a device."""

    model_config = ConfigDict(extra="forbid")

    command: str = Field(pattern=METRIC_KEY)
    arguments: dict[str, Any] = Field(default_factory=dict, max_length=20)


class CommandOut(BaseModel):
    """An order and what became of it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    device_id: UUID
    command: str
    arguments: dict[str, Any]
    state: Literal["requested", "sent", "acknowledged", "failed", "timed_out"]
    requested_at: datetime
    requested_by_name: str
    alarm_id: UUID | None
    attempts: int
    sent_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime
    message: str


class ImportOut(BaseModel):
    """What an import did, or would do."""

    rows: int
    created: int
    dry_run: bool
    secrets: dict[str, str] = Field(description="Secret by key, shown this once; empty in a dry run")
