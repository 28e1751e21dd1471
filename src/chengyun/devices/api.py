"""Routes of the devices room."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, File, Query, UploadFile

from chengyun.devices import service
from chengyun.devices.repository.registry import Filter
from chengyun.devices.schemas import (
    CommandIn,
    CommandOut,
    CredentialIn,
    CredentialOut,
    DeviceIn,
    DeviceOut,
    DevicePatch,
    DistrictOut,
    ImportOut,
    ModelOut,
    NewCredentialOut,
    RegisteredOut,
    SummaryOut,
)
from chengyun.devices.service import commands, credentials, importing, registry, views
from chengyun.kernel.errors import Problem
from chengyun.kernel.http import Actor, ReadTx, Tx, permit
from chengyun.kernel.paging import Cursor, Limit, Page, decode_cursor, encode_cursor
from chengyun.kernel.settings import get_settings
from chengyun.kernel.texts import Plain
from chengyun.regions import service as regions

router = APIRouter(prefix="/devices")
Reader = Annotated[Actor, Depends(permit("device.read"))]
Manager = Annotated[Actor, Depends(permit("device.manage"))]
Keeper = Annotated[Actor, Depends(permit("device.credential"))]
Commander = Annotated[Actor, Depends(permit("device.command"))]
Text = Annotated[str | None, Query(max_length=100), Plain]
Key = Annotated[str | None, Query(max_length=64), Plain]


@router.get("")
def list_devices(
    actor: Reader,
    session: ReadTx,
    q: Annotated[Text, Query(description="Beginning of the key or of the component's code, or part of the name or address")] = None,
    model: Key = None,
    pack: Key = None,
    connection: Annotated[Literal["online", "offline", "unknown"] | None, Query()] = None,
    region: Annotated[str | None, Query(max_length=15, description="Code of a division; today's land of a district counts")] = None,
    alarm: Annotated[bool, Query(description="Only devices with an open alarm")] = False,
    gateway: Annotated[UUID | None, Query(description="Only devices behind this gateway")] = None,
    retired: Annotated[bool, Query(description="Devices out of service instead of those in service")] = False,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[DeviceOut]:
    """Devices by key, with their newest values."""
    ranges = regions.scope_ranges(session, region) if region else None
    wanted = Filter((q or "").strip() or None, model, pack, connection, ranges, alarm, gateway, retired)
    items, following = views.page(session, wanted, cursor, limit, actor.lang)
    return Page(items=items, next=following, estimated_total=None)


@router.get("/models")
def list_models(actor: Reader, session: ReadTx) -> list[ModelOut]:
    """Device models (物模型) in force."""
    return service.models(session, actor.lang)


@router.get("/summary", response_model=list[SummaryOut] | list[DistrictOut])
def summary(
    actor: Reader, session: ReadTx, by: Annotated[Literal["model", "district"], Query()] = "model"
) -> list[SummaryOut] | list[DistrictOut]:
    """Devices in service, counted by model or by today's district."""
    return views.by_district(session, actor.lang) if by == "district" else views.by_model(session, actor.lang)


@router.post("", status_code=201)
def register_device(actor: Manager, session: Tx, body: DeviceIn) -> RegisteredOut:
    """Register a device; the answer holds its secret this once."""
    device_id, secret = registry.register(session, actor, body)
    return RegisteredOut(**views.one(session, device_id, actor.lang).model_dump(), secret=secret)


@router.post("/import")
def import_devices(
    actor: Manager,
    session: Tx,
    file: Annotated[UploadFile, File(description="CSV, UTF-8 or GB18030")],
    dry_run: Annotated[bool, Query(description="Check every row and keep nothing")] = False,
) -> ImportOut:
    """Register the devices of a table, all or none; every wrong row is told with its column and the reason."""
    limit = get_settings().max_import_bytes
    content = file.file.read(limit + 1)
    if len(content) > limit:
        raise Problem("request.too_large", limit=limit)
    return importing.import_devices(session, actor, content, dry_run=dry_run)


@router.get("/{device_id}")
def show_device(actor: Reader, session: ReadTx, device_id: UUID) -> DeviceOut:
    """One device with its newest values."""
    return views.one(session, device_id, actor.lang)


@router.patch("/{device_id}")
def change_device(actor: Manager, session: Tx, device_id: UUID, body: DevicePatch) -> DeviceOut:
    """Change, move, retire or bring back a device; refused when it has changed since it was read."""
    registry.change(session, actor, device_id, body)
    return views.one(session, device_id, actor.lang)


@router.get("/{device_id}/credentials")
def list_credentials(_actor: Keeper, session: ReadTx, device_id: UUID) -> list[CredentialOut]:
    """Secrets of a device, the newest first; never the secrets themselves."""
    return [CredentialOut(**row) for row in credentials.listed(session, device_id)]


@router.post("/{device_id}/credentials", status_code=201)
def issue_credential(actor: Keeper, session: Tx, device_id: UUID, body: CredentialIn) -> NewCredentialOut:
    """A further secret, valid beside the others: put it into the device, then revoke the old one."""
    return NewCredentialOut(**credentials.issue(session, actor, device_id, body.note))


@router.delete("/{device_id}/credentials/{credential_id}")
def revoke_credential(actor: Keeper, session: Tx, device_id: UUID, credential_id: UUID) -> CredentialOut:
    """End a secret; the device's connections are ended and must be opened anew with a valid one."""
    return CredentialOut(**credentials.revoke(session, actor, device_id, credential_id))


@router.get("/{device_id}/commands")
def list_commands(_actor: Reader, session: ReadTx, device_id: UUID, cursor: Cursor = None, limit: Limit = 50) -> Page[CommandOut]:
    """Orders to a device and what became of them, the newest first."""
    rows = commands.history(session, device_id, _place(cursor), limit)
    shown = rows[:limit]
    following = encode_cursor([shown[-1]["requested_at"], shown[-1]["id"]]) if len(rows) > limit else None
    return Page(items=[CommandOut(**row) for row in shown], next=following, estimated_total=None)


def _place(cursor: str | None) -> tuple[datetime, UUID] | None:
    if not cursor:
        return None
    at, command_id = decode_cursor(cursor, [datetime, UUID])
    return at, command_id


@router.post("/{device_id}/commands", status_code=202)
def order_device(actor: Commander, session: Tx, device_id: UUID, body: CommandIn) -> CommandOut:
    """Order a device to do something; it is delivered until acknowledged or its time is over."""
    command_id = service.request_command(session, device_id, body.command, body.arguments, actor=actor)
    return CommandOut(**commands.get(session, command_id))
