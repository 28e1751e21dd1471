"""Secrets of devices: issued, changed without cutting anybody off, revoked, checked."""

import re
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chengyun.devices.repository import credentials as repository
from chengyun.devices.schemas import DEVICE_KEY
from chengyun.devices.service.registry import require
from chengyun.kernel import clock
from chengyun.kernel.db import Scope, raw_transaction
from chengyun.kernel.errors import Problem
from chengyun.kernel.http import Actor, audit
from chengyun.kernel.ids import uuid7
from chengyun.kernel.outbox import emit
from chengyun.kernel.security import new_token, same, token_digest

MOST_VALID = 5
"""Secrets of one device that may be valid at once."""
_KEY = re.compile(DEVICE_KEY.replace("$", r"\Z"), re.ASCII)


def check_secret(key: str, secret: str) -> bool:
    """Whether a device in service has this secret; in a transaction of its own over the whole city."""
    if not _KEY.match(key):
        return False
    with raw_transaction(Scope.everything()) as connection:
        stored = repository.digests(connection, key)
    return matches(stored, secret)


def matches(stored: list[bytes], secret: str) -> bool:
    """Whether one of some digests is that of a secret; each is compared, in constant time."""
    if not secret.isascii():
        return False
    given = token_digest(secret)
    return sum(same(digest, given) for digest in stored) > 0


def may_enter(key: str, secret: str, client_id: str) -> bool:
    """Whether a device may connect with a secret under an MQTT client id.

    An id that is another device's key (or begins with it and a colon) would push that device off the bus: refused.
    """
    if not _KEY.match(key) or not client_id.isprintable():
        return False
    with raw_transaction(Scope.everything()) as connection:
        stored = repository.digests(connection, key)
        foreign = client_id != key and bool(stored) and repository.other_device(connection, key, client_id)
    return matches(stored, secret) and not foreign


def listed(session: Session, device_id: UUID) -> list[dict[str, Any]]:
    """Secrets of a device without the secrets themselves, the newest first."""
    require(session, device_id)
    return repository.listed(session, device_id)


def issue(session: Session, actor: Actor, device_id: UUID, note: str) -> dict[str, Any]:
    """A further secret, valid beside the others; the answer holds it this once. Audited."""
    device = require(session, device_id)
    if device["retired_at"] is not None:
        raise Problem("device.retired")
    if repository.valid_count(session, device_id) >= MOST_VALID:
        raise Problem("credential.too_many", limit=MOST_VALID)
    secret, now = new_token(), clock.now()
    row: dict[str, Any] = {"id": uuid7(), "note": note, "created_at": now, "created_by": actor.name, "revoked_at": None}
    region = str(device["region_code"])
    repository.add(session, row["id"], device_id, token_digest(secret), note, now, actor.name, region)
    audit(session, actor, "device.credential.issue", "device", device_id, {"credential": str(row["id"]), "note": note}, region)
    return row | {"secret": secret}


def revoke(session: Session, actor: Actor, device_id: UUID, credential_id: UUID) -> dict[str, Any]:
    """End a secret; a connection that may have been opened with it is ended. Audited."""
    device = require(session, device_id)
    row = repository.revoke(session, device_id, credential_id, clock.now())
    if row is None:
        raise Problem("object.not_found")
    region = str(device["region_code"])
    audit(session, actor, "device.credential.revoke", "device", device_id, {"credential": str(credential_id)}, region)
    emit(session, "ev.device.credential.revoked", {"id": device_id, "key": device["key"]}, region)
    return row
