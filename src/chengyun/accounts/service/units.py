"""Units of the city's system: the tree of 1 + 22 + X."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chengyun.accounts.models import Organisation
from chengyun.accounts.repository import people
from chengyun.accounts.repository import units as repository
from chengyun.accounts.service import areas
from chengyun.accounts.service.access import scope_of
from chengyun.kernel import clock
from chengyun.kernel.errors import Problem
from chengyun.kernel.http import Actor, audit
from chengyun.kernel.ids import uuid7
from chengyun.standards.codes import parse_division


@dataclass(frozen=True)
class NewUnit:
    """A unit that is to be there."""

    key: str
    name: str
    name_en: str
    kind: str
    parent_key: str | None
    area_code: str


def ensure_organisation(session: Session, *, key: str, name: str, name_en: str, kind: str, parent_key: str | None, area_code: str) -> UUID:
    """The unit with this key, made when there is none; one that is there stays as an operator left it."""
    parent = repository.by_key(session, parent_key) if parent_key else None
    if parent_key and parent is None:
        raise Problem("org.unknown", field="parent_key")
    values = {
        "id": uuid7(),
        "key": key,
        "name": name,
        "name_en": name_en,
        "kind": kind,
        "parent_id": parent.id if parent else None,
        "area_code": parse_division(area_code, "area_code").text,
        "active": True,
        "changed_at": clock.now(),
    }
    return repository.add_if_new(session, values)


def ensure_organisations(session: Session, rows: Sequence[NewUnit]) -> dict[str, UUID]:
    """Many units at once, parents before their children; returns identities by key. Those that are there stay as they are."""
    known = repository.ids_by_key(session, [key for row in rows for key in (row.key, row.parent_key) if key])
    now = clock.now()
    fresh: list[dict[str, Any]] = []
    for row in rows:
        if row.key in known:
            continue
        if row.parent_key and row.parent_key not in known:
            raise Problem("org.unknown", field="parent_key")
        known[row.key] = uuid7()
        values = {"id": known[row.key], "key": row.key, "name": row.name, "name_en": row.name_en, "kind": row.kind}
        values |= {"parent_id": known.get(row.parent_key or ""), "area_code": parse_division(row.area_code, "area_code").text}
        fresh.append({**values, "active": True, "changed_at": now})
    repository.add_many(session, fresh)
    return known


def organisations(session: Session, ids: Iterable[UUID]) -> dict[UUID, Organisation]:
    """Many units by identity, in one query; dissolved ones too, because old records name them."""
    return repository.by_ids(session, ids)


def find_units(session: Session, *, kind: str | None = None, area_code: str | None = None, q: str | None = None) -> list[Organisation]:
    """Units in work of a kind, with exactly this area, with words in their names."""
    return repository.find(session, kind, area_code, q)


def organisation_by_key(session: Session, key: str) -> Organisation | None:
    """The unit with this key."""
    return repository.by_key(session, key)


def add(session: Session, actor: Actor, values: dict[str, Any]) -> Organisation:
    """Make a unit below another one."""
    repository.lock_tree(session)
    if repository.by_key(session, values["key"]) is not None:
        raise Problem("org.exists", field="key", key=values["key"])
    areas.require_within(session, actor, values["area_code"], "area_code")
    _check_parent(session, values["parent_id"], values["area_code"])
    row = Organisation(id=uuid7(), active=True, changed_at=clock.now(), **values)
    repository.add(session, row)
    audit(session, actor, "organisation.add", "organisation", row.id, values, row.area_code)
    return row


def change(session: Session, actor: Actor, org_id: UUID, values: dict[str, Any]) -> Organisation:
    """Change a unit; its people follow its area, and their log-ins with the next request."""
    repository.lock_tree(session)
    row = repository.lock(session, org_id)
    if row is None:
        raise Problem("object.not_found")
    areas.require_within(session, actor, row.area_code, "area_code")
    changes = {k: [getattr(row, k), v] for k, v in values.items() if getattr(row, k) != v}
    if not changes:
        return row
    _check_change(session, actor, row, values, changes)
    for name in changes:
        setattr(row, name, values[name])
    row.changed_at = clock.now()
    if "area_code" in changes:
        people.move_area(session, row.id, row.area_code)
    session.flush()
    audit(session, actor, "organisation.change", "organisation", row.id, changes, row.area_code)
    return row


def _check_change(session: Session, actor: Actor, row: Organisation, values: dict[str, Any], changes: dict[str, Any]) -> None:
    area = values.get("area_code", row.area_code)
    parent_id = values.get("parent_id", row.parent_id)
    if "area_code" in changes:
        areas.require_within(session, actor, area, "area_code")
        scope = scope_of(session, (area,))
        if not all(areas.covers(session, scope, child.area_code) for child in repository.children(session, row.id)):
            raise Problem("org.area", field="area_code")
    if "parent_id" in changes and parent_id is not None and row.id in repository.ancestors(session, parent_id):
        raise Problem("org.cycle", field="parent_id")
    if {"area_code", "parent_id"} & changes.keys():
        _check_parent(session, parent_id, area)
    if "active" in changes:
        _check_active(session, row, values["active"])


def _check_active(session: Session, row: Organisation, active: bool) -> None:
    if active:
        _check_parent(session, row.parent_id, row.area_code)
        return
    users, below = repository.in_use(session, row.id)
    if users or below:
        raise Problem("org.in_use", users=users, units=below)


def _check_parent(session: Session, parent_id: UUID | None, area_code: str) -> None:
    if parent_id is None:
        return
    parent = repository.lock(session, parent_id)
    if parent is None:
        raise Problem("org.unknown", field="parent_id")
    if not parent.active:
        raise Problem("org.closed", field="parent_id")
    if not areas.covers(session, scope_of(session, (parent.area_code,)), area_code):
        raise Problem("org.area", field="area_code")
