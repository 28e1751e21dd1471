"""Registering, changing and retiring devices."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy.orm import Session

import chengyun.devices.errors  # noqa: F401  (registers the sentences)
from chengyun.accounts import service as accounts
from chengyun.devices.repository import catalogue
from chengyun.devices.repository import registry as repository
from chengyun.devices.schemas import DeviceIn, DevicePatch
from chengyun.kernel import clock
from chengyun.kernel.errors import FieldError, Problem
from chengyun.kernel.http import Actor, audit
from chengyun.kernel.ids import uuid7
from chengyun.kernel.outbox import emit
from chengyun.kernel.security import new_token, token_digest
from chengyun.regions import service as regions

Found = tuple[int, FieldError]
"""A row of a batch, counted from 0, and what is wrong with it."""


@dataclass(frozen=True)
class NewDevice:
    """A device to be registered. `gateway_key` is the key of another one, in the same batch or registered before."""

    key: str
    name: str
    model_key: str
    lon: float | None = None
    lat: float | None = None
    region_code: str = ""
    address: str | None = None
    component_code: str | None = None
    gateway_key: str | None = None
    owner_org_id: UUID | None = None


@dataclass
class _Batch:
    """Rows with what has been worked out for them."""

    rows: Sequence[NewDevice]
    ids: list[UUID]
    regions: list[str]
    packs: list[str]
    gateways: list[UUID | None]
    secrets: list[str | None] = field(default_factory=list)

    def columns(self, first: int) -> Iterator[tuple[Any, ...]]:
        """Rows as the repository stores them."""
        for i, (r, secret) in enumerate(zip(self.rows, self.secrets, strict=True)):
            credential = (uuid7(), token_digest(secret)) if secret else (None, None)
            yield (
                self.ids[i],
                first + i,
                r.key,
                r.name,
                r.model_key,
                self.packs[i],
                r.lon,
                r.lat,
                r.address,
                r.component_code,
                self.gateways[i],
                r.owner_org_id,
                self.regions[i],
                *credential,
            )


def register_many(
    session: Session, rows: Sequence[NewDevice], with_secrets: bool = True, *, skip_existing: bool = False, by: str = ""
) -> dict[str, str]:
    """Register devices, all or none; returns each one's secret by key, which can never be read again.

    The area is found from the place where none is given. With `skip_existing`, devices whose key is registered already
    are left as they are (and are not in the answer), so that a first load may be repeated.
    """
    if skip_existing:
        present = repository.taken(session, [r.key for r in rows])
        rows = [r for r in rows if r.key not in present]
    secrets, found = try_register(session, rows, with_secrets, by=by)
    if found:
        row, error = found[0]
        raise Problem(error.code, errors=[FieldError(f"rows[{row}].{error.field}", error.code, error.params)], **error.params)
    return secrets


def try_register(
    session: Session, rows: Sequence[NewDevice], with_secrets: bool, *, by: str = "", actor: Actor | None = None
) -> tuple[dict[str, str], list[Found]]:
    """Register devices, or say what is wrong with which row; where anything is, the caller rolls back."""
    if not rows:
        return {}, []
    next_device, _ = catalogue.hold(session)
    batch, found = _prepare(session, rows, actor)
    if found:
        # All faults at once: the keys too, as far as the caller can see whose they are.
        present = repository.taken(session, [r.key for r in rows])
        found += [(i, FieldError("key", "device.key_taken", {"key": r.key})) for i, r in enumerate(rows) if r.key in present]
        return {}, sorted(found, key=lambda f: f[0])
    batch.secrets = [new_token() if with_secrets else None for _ in rows]
    added = repository.add_many(session, batch.columns(next_device), clock.now(), by)
    taken = [(i, FieldError("key", "device.key_taken", {"key": r.key})) for i, r in enumerate(rows) if r.key not in added]
    if not taken:
        catalogue.bump(session, devices=len(rows))
    return {r.key: s for r, s in zip(rows, batch.secrets, strict=True) if s}, taken


def _prepare(session: Session, rows: Sequence[NewDevice], actor: Actor | None) -> tuple[_Batch, list[Found]]:
    found: list[Found] = _twins(rows)
    models = {m["key"]: m for m in catalogue.current_models(session, sorted({r.model_key for r in rows}))}
    found += [(i, FieldError("model", "model.unknown", {"model": r.model_key})) for i, r in enumerate(rows) if r.model_key not in models]
    codes, wrong = _areas(session, rows, actor)
    ids = [uuid7() for _ in rows]
    gateways, lost = _gateways(session, rows, ids)
    packs = [str(models[r.model_key]["pack"]) if r.model_key in models else "" for r in rows]
    return _Batch(rows, ids, codes, packs, gateways), [*found, *wrong, *lost]


def _twins(rows: Sequence[NewDevice]) -> list[Found]:
    first: dict[str, int] = {}
    found = []
    for i, r in enumerate(rows):
        if first.setdefault(r.key, i) != i:
            found.append((i, FieldError("key", "device.key_twice", {"key": r.key, "row": first[r.key] + 1})))
    return found


def _areas(session: Session, rows: Sequence[NewDevice], actor: Actor | None) -> tuple[list[str], list[Found]]:
    """Area of each row: as given, else found from the place."""
    codes = [r.region_code for r in rows]
    found: list[Found] = []
    points = [i for i, r in enumerate(rows) if not r.region_code and r.lon is not None and r.lat is not None]
    if points:
        lons, lats = (np.array([getattr(rows[i], name) for i in points], np.float64) for name in ("lon", "lat"))
        for i, code in zip(points, regions.locate_many(session, lons, lats).tolist(), strict=True):
            codes[i] = code
            if not code:
                found.append((i, FieldError("place", "device.place_outside")))
    tree = regions.tree(session)
    for i, r in enumerate(rows):
        if not codes[i] and r.lon is None:
            found.append((i, FieldError("place", "device.place_needed")))
        elif r.region_code and tree.home(r.region_code, regions.today()) is None:
            found.append((i, FieldError("region_code", "region.unknown", {"region": r.region_code})))
        elif codes[i] and actor is not None and not actor.scope.contains(codes[i]):
            found.append((i, FieldError("region_code" if r.region_code else "place", "device.area_denied")))
    return codes, found


def _gateways(session: Session, rows: Sequence[NewDevice], ids: list[UUID]) -> tuple[list[UUID | None], list[Found]]:
    """Identity of each row's gateway, which must not be behind another one."""
    wanted = {r.gateway_key for r in rows if r.gateway_key}
    known: dict[str, tuple[UUID, bool]] = repository.gateways(session, sorted(wanted)) if wanted else {}
    known |= {r.key: (ids[i], bool(r.gateway_key)) for i, r in enumerate(rows) if r.key in wanted}
    found: list[Found] = []
    answer: list[UUID | None] = []
    for i, r in enumerate(rows):
        gateway = known.get(r.gateway_key) if r.gateway_key else None
        if r.gateway_key and gateway is None:
            found.append((i, FieldError("gateway", "device.gateway_unknown", {"gateway": r.gateway_key})))
        elif gateway and gateway[1]:
            found.append((i, FieldError("gateway", "device.gateway_chain")))
        answer.append(gateway[0] if gateway else None)
    return answer, found


def register(session: Session, actor: Actor, body: DeviceIn) -> tuple[UUID, str]:
    """Register one device; returns its identity and its secret. Audited."""
    row = NewDevice(
        body.key,
        body.name,
        body.model,
        body.place.lon if body.place else None,
        body.place.lat if body.place else None,
        body.region_code or "",
        body.address or None,
        body.component_code,
        _gateway_key(session, body.gateway_id),
        _owner(session, body.owner_org_id),
    )
    secrets, found = try_register(session, [row], True, by=actor.name, actor=actor)
    if found:
        raise Problem(found[0][1].code, errors=[error for _, error in found], **found[0][1].params)
    device_id, _ = repository.gateways(session, [body.key])[body.key]
    device = repository.find(session, device_id)
    region = str(device["region_code"]) if device else None
    audit(session, actor, "device.register", "device", device_id, {"key": body.key, "model": body.model}, region)
    return device_id, secrets[body.key]


def _gateway_key(session: Session, gateway_id: UUID | None) -> str | None:
    if gateway_id is None:
        return None
    found = repository.gateway(session, gateway_id)
    if found is None:
        raise Problem("device.gateway_unknown", field="gateway_id", gateway=str(gateway_id))
    return found[0]


def _owner(session: Session, org_id: UUID | None) -> UUID | None:
    if org_id is not None and org_id not in accounts.organisations(session, [org_id]):
        raise Problem("device.owner_unknown", field="owner_org_id")
    return org_id


def require(session: Session, device_id: UUID) -> dict[str, Any]:
    """A device with its state; refuses one that is not there or lies outside the caller's area."""
    found = repository.find(session, device_id)
    if found is None:
        raise Problem("object.not_found")
    return found


def change(session: Session, actor: Actor, device_id: UUID, body: DevicePatch) -> None:
    """Change, move, retire or bring back a device that still has the revision that was read. Audited."""
    before = require(session, device_id)
    values = _changes(session, actor, before, body)
    changed = {name: value for name, value in values.items() if before[name] != value}
    if not repository.change(session, device_id, body.revision, changed):
        raise Problem("device.changed", field="revision", extra={"revision": before["revision"]})
    if "region_code" in changed:
        repository.move(session, device_id, changed["region_code"])
        emit(session, "ev.device.moved", {"id": device_id, "key": before["key"]}, changed["region_code"])
    catalogue.bump(session)
    told = {name: {"before": before[name], "after": value} for name, value in changed.items()}
    audit(session, actor, "device.change", "device", device_id, told, str(before["region_code"]))
    if changed.get("retired_at"):
        emit(session, "ev.device.retired", {"id": device_id, "key": before["key"]}, str(before["region_code"]))


def _changes(session: Session, actor: Actor, before: dict[str, Any], body: DevicePatch) -> dict[str, Any]:
    sent = body.model_fields_set
    values: dict[str, Any] = {n: getattr(body, n) for n in ("address", "component_code") if n in sent}
    if body.name is not None:
        values["name"] = body.name
    if "owner_org_id" in sent:
        values["owner_org_id"] = _owner(session, body.owner_org_id)
    if "gateway_id" in sent:
        values["gateway_id"] = _new_gateway(session, before, body.gateway_id)
    if "place" in sent:
        values |= {"lon": body.place.lon if body.place else None, "lat": body.place.lat if body.place else None}
    if body.region_code or body.place:
        values["region_code"] = _new_area(session, actor, before, body)
    if body.retired is not None and body.retired != (before["retired_at"] is not None):
        values["retired_at"] = clock.now() if body.retired else None
    return values


def _new_gateway(session: Session, before: dict[str, Any], gateway_id: UUID | None) -> UUID | None:
    if gateway_id is None:
        return None
    found = repository.gateway(session, gateway_id)
    if found is None:
        raise Problem("device.gateway_unknown", field="gateway_id", gateway=str(gateway_id))
    if gateway_id == before["id"] or found[1] or repository.has_children(session, before["id"]):
        raise Problem("device.gateway_chain", field="gateway_id")
    return gateway_id


def _new_area(session: Session, actor: Actor, before: dict[str, Any], body: DevicePatch) -> str:
    place = body.place
    lon, lat = (place.lon, place.lat) if place else (None, None)
    row = NewDevice(before["key"], before["name"], before["model_key"], lon, lat, body.region_code or "")
    codes, found = _areas(session, [row], actor)
    if found:
        raise Problem(found[0][1].code, errors=[found[0][1]], **found[0][1].params)
    return codes[0]
