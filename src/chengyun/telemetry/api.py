"""Routes of the telemetry room: readings in, history out, refused readings for engineers."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse, Response, StreamingResponse
from pydantic import AwareDatetime
from starlette.background import BackgroundTask

from chengyun.kernel import clock
from chengyun.kernel.bus import Bus
from chengyun.kernel.db import transaction
from chengyun.kernel.errors import Problem, sentence
from chengyun.kernel.http import Actor, ReadTx, audit, language, permit
from chengyun.kernel.paging import Cursor, Limit, Page, page_of
from chengyun.telemetry import export, intake, service
from chengyun.telemetry.errors import title
from chengyun.telemetry.message import KEPT_PAYLOAD
from chengyun.telemetry.models import DeadLetter
from chengyun.telemetry.repository import dead_letters
from chengyun.telemetry.schemas import (
    DeadLetterDetail,
    DeadLetterOut,
    DeadLetterSummary,
    DeviceCount,
    HistoryOut,
    IntakeOut,
    ReasonCount,
    RefusedOut,
    SeriesOut,
)
from chengyun.telemetry.service import Asked

router = APIRouter(prefix="/telemetry")
Reader = Annotated[Actor, Depends(permit("device.read"))]
Engineer = Annotated[Actor, Depends(permit("deadletter.read"))]
DeviceQuery = Annotated[UUID, Query(description="Device")]
MetricQuery = Annotated[list[str] | None, Query(max_length=50, description="Metrics; all where none is named")]
SinceQuery = Annotated[AwareDatetime | None, Query(description="From this moment; a day before `until` where none is named")]
UntilQuery = Annotated[AwareDatetime | None, Query(description="To before this moment; up to now where none is named")]

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            kind: {"schema": {"type": "array", "items": {"type": "object"}}} for kind in (intake.JSON, intake.SENML, intake.NDJSON)
        },
    }
}


def _bus(request: Request) -> Bus:
    bus: Bus | None = getattr(request.app.state, "bus", None)
    if bus is None:
        raise Problem("server.busy", extra={"retry_after": 1})
    return bus


BusOf = Annotated[Bus, Depends(_bus)]


@router.post("", status_code=202, openapi_extra=_BODY)
async def send_readings(request: Request, bus: BusOf) -> IntakeOut:
    """Send readings: JSON, SenML or NDJSON, with an API key (`device` names each device) or as a device by `Basic key:secret`.

    Answered once they are stored for good. Good readings are taken even when others are refused; the refused ones are listed.
    """
    who = await asyncio.to_thread(intake.sender, request)
    accepted, told, parts = await asyncio.to_thread(intake.take, request, who, await request.body())
    await intake.publish(bus, parts)
    return IntakeOut(accepted=accepted, refused=[RefusedOut(**t) for t in told])


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _asked(
    actor: Reader, session: ReadTx, device_id: DeviceQuery, metric: MetricQuery = None, since: SinceQuery = None, until: UntilQuery = None
) -> Asked:
    """The question, checked under the caller's scope."""
    return service.ask(session, device_id, metric or [], since, until)


Question = Annotated[Asked, Depends(_asked)]


@router.get("/history")
async def history(
    bus: BusOf, asked: Question, points: Annotated[int, Query(ge=1, le=5000, description="Most points of a curve")] = 500
) -> HistoryOut:
    """Readings of a device as curves: single ones when few, else buckets with least, greatest, mean and count."""
    found = await service.gather(bus, asked)
    curves = await asyncio.to_thread(service.series, asked, found, points)
    return HistoryOut(
        device_id=asked.device_id,
        since=_moment(asked.question.since),
        until=_moment(asked.question.until),
        series=[SeriesOut.model_validate(c) for c in curves],
        until_sequence=found.until_sequence,
        complete=found.complete,
    )


def _note(actor: Actor, asked: Asked, kind: str) -> None:
    detail = {"metrics": list(asked.question.metrics), "since": asked.question.since, "until": asked.question.until, "format": kind}
    with transaction(actor.scope) as session:
        audit(session, actor, "telemetry.export", "device", asked.device_id, detail, asked.region)


@router.get("/export", response_class=StreamingResponse)
async def export_readings(
    request: Request, actor: Reader, bus: BusOf, asked: Question, format: Literal["csv", "parquet"] = "csv"
) -> Response:
    """All single readings of a device over a time, as a file. Noted in the audit log."""
    found = await service.gather(bus, asked)
    await asyncio.to_thread(_note, actor, asked, format)
    name = f"{asked.question.device}_{_moment(asked.question.since):%Y%m%dT%H%M%SZ}_{_moment(asked.question.until):%Y%m%dT%H%M%SZ}.{format}"
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    if format == "csv":
        return StreamingResponse(export.as_csv(asked, found, language(request)), headers=headers, media_type="text/csv; charset=utf-8")
    path = await asyncio.to_thread(export.as_parquet, asked, found)
    return FileResponse(path, headers=headers, media_type="application/vnd.apache.parquet", background=BackgroundTask(path.unlink))


def _letter(letter: DeadLetter, lang: str) -> dict[str, Any]:
    return {
        "id": letter.id,
        "time": letter.time,
        "device_key": letter.device_key,
        "reason": letter.reason,
        "title": title(letter.reason, lang),
        "detail": sentence(letter.reason, lang, letter.detail),
        "field": letter.field,
        "item": letter.item,
        "region_code": letter.region_code,
    }


@router.get("/dead-letters")
def list_dead_letters(
    request: Request,
    _actor: Engineer,
    session: ReadTx,
    reason: Annotated[str | None, Query(max_length=40)] = None,
    device: Annotated[str | None, Query(max_length=64, description="Key of the device")] = None,
    since: SinceQuery = None,
    until: UntilQuery = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[DeadLetterOut]:
    """Refused readings, newest first."""
    found = dead_letters.page(session, reason, device, since, until, cursor, limit)
    shown, following = page_of(found, limit, ["time", "id"])
    lang = language(request)
    return Page(items=[DeadLetterOut(**_letter(letter, lang)) for letter in shown], next=following)


@router.get("/dead-letters/summary")
def summarise_dead_letters(
    request: Request, _actor: Engineer, session: ReadTx, hours: Annotated[int, Query(ge=1, le=24 * 31)] = 24
) -> DeadLetterSummary:
    """What is refused most, by reason and by device."""
    since = (clock.now() - timedelta(hours=hours)).replace(minute=0, second=0, microsecond=0)
    lang = language(request)
    reasons = [
        ReasonCount(reason=reason, title=title(reason, lang), count=count, devices=devices, last_hour=last)
        for reason, count, devices, last in dead_letters.by_reason(session, since)
    ]
    named = [DeviceCount(device_key=key, count=count, last_hour=last) for key, count, last in dead_letters.by_device(session, since, 20)]
    return DeadLetterSummary(since=since, total=sum(r.count for r in reasons), reasons=reasons, devices=named)


@router.get("/dead-letters/{letter_id}")
def get_dead_letter(request: Request, _actor: Engineer, session: ReadTx, letter_id: UUID) -> DeadLetterDetail:
    """A refused reading with the message as it came."""
    letter = dead_letters.get(session, letter_id)
    if letter is None:
        raise Problem("object.not_found")
    text = letter.payload.decode("utf-8", "replace")
    cut = len(letter.payload) >= KEPT_PAYLOAD
    return DeadLetterDetail(**_letter(letter, language(request)), sequence=letter.sequence, payload=text, cut=cut)
