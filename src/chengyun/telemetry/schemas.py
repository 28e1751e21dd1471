"""Shapes of the telemetry room's answers."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field


class RefusedOut(BaseModel):
    """Something in a body of readings that was not taken."""

    index: int = Field(description="Which object of the body, from 0; -1: the body or line as a whole")
    line: int | None = Field(None, description="Line of NDJSON, from 1")
    field: str
    code: str
    detail: str


class IntakeOut(BaseModel):
    """What became of a body of readings: the accepted ones are stored for good."""

    accepted: int = Field(description="Readings taken")
    refused: list[RefusedOut]


class SeriesOut(BaseModel):
    """Readings of one metric."""

    metric: str
    unit: str
    points: list[tuple[int, float, float, float, int]] = Field(
        description="[ms since 1970, least, greatest, mean, count]; each one reading when raw, else a bucket that begins then"
    )
    raw: bool


class HistoryOut(BaseModel):
    """Readings of a device over a time."""

    device_id: UUID
    since: datetime
    until: datetime
    series: list[SeriesOut]
    until_sequence: int = Field(description="All messages of the stream up to this one are in the answer")
    complete: bool = Field(description="False when so many readings wait for the history files that the newest are left out")


class DeadLetterOut(BaseModel):
    """A message or reading that was refused."""

    id: UUID
    time: datetime
    device_key: str
    reason: str
    title: str
    detail: str = Field(description="The reason in a sentence, for the engineer")
    field: str
    item: int = Field(description="Which object of the message, from 0; -1: the message as a whole")
    region_code: str


class DeadLetterDetail(DeadLetterOut):
    """A refused message with its content."""

    sequence: int = Field(description="Place in the stream; 0: it came by HTTP and was refused at the door")
    payload: str = Field(description="The message's first 4 kB as text; bytes that are no text are shown as �")
    cut: bool = Field(description="Whether the message was longer")


class ReasonCount(BaseModel):
    """How often a reason occurred."""

    reason: str
    title: str
    count: int
    devices: int
    last_hour: datetime


class DeviceCount(BaseModel):
    """How much was refused of one device."""

    device_key: str
    count: int
    last_hour: datetime


class DeadLetterSummary(BaseModel):
    """Refusals of the last hours, also those not kept singly."""

    since: datetime
    total: int
    reasons: list[ReasonCount]
    devices: list[DeviceCount] = Field(description="The twenty with most refusals")
