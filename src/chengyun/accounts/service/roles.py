"""Posts and the city's own roles."""

from typing import Any

from sqlalchemy.orm import Session

from chengyun.accounts.models import Role
from chengyun.accounts.permissions import PERMISSIONS, POSTS, duties
from chengyun.accounts.repository import people
from chengyun.accounts.repository import units as repository
from chengyun.accounts.service.people import check_administered
from chengyun.kernel import clock
from chengyun.kernel.errors import Problem
from chengyun.kernel.http import Actor, audit, require_area


def seed(session: Session) -> None:
    """Load the built-in posts. Safe to repeat; the city's own roles stay."""
    rows = [{"key": p.key, "name": p.name, "name_en": p.name_en, "description": "", "permissions": list(p.permissions)} for p in POSTS]
    repository.put_built_in(session, rows, clock.now())


def add(session: Session, actor: Actor, values: dict[str, Any]) -> Role:
    """Make a role of the city's own; it holds everywhere, so somebody in charge of the whole city makes it."""
    require_area(actor)
    if repository.role(session, values["key"]) is not None:
        raise Problem("role.exists", field="key", role=values["key"])
    _check(values["permissions"])
    values["permissions"] = sorted(set(values["permissions"]))
    row = Role(built_in=False, changed_at=clock.now(), **values)
    repository.add_role(session, row)
    audit(session, actor, "role.add", "role", row.key, values)
    return row


def change(session: Session, actor: Actor, key: str, values: dict[str, Any]) -> Role:
    """Change a role of the city's own; who holds it has the new permissions with the next request.

    Nobody changes a role that he holds: that would be granting to himself.
    """
    people.lock_grants(session)
    row = repository.role(session, key)
    if row is None:
        raise Problem("object.not_found")
    if row.built_in:
        raise Problem("role.built_in")
    if key in actor.posts:
        raise Problem("role.own")
    require_area(actor)
    if "permissions" in values:
        _check(values["permissions"])
        values["permissions"] = sorted(set(values["permissions"]))
        _check_holders(session, key, values["permissions"])
    changes = {k: [getattr(row, k), v] for k, v in values.items() if getattr(row, k) != v}
    if changes:
        for name, value in values.items():
            setattr(row, name, value)
        row.changed_at = clock.now()
        session.flush()
        check_administered(session)
        audit(session, actor, "role.change", "role", key, changes)
    return row


def _check(permissions: list[str]) -> None:
    for i, permission in enumerate(permissions):
        if permission not in PERMISSIONS:
            raise Problem("role.permission", field=f"permissions.{i}", permission=permission)
    if len(duties(permissions)) > 1:
        raise Problem("user.duties", field="permissions")


def _check_holders(session: Session, key: str, permissions: list[str]) -> None:
    """With the role's new permissions nobody who holds it may come to have two duties."""
    for others in repository.other_permissions_of_holders(session, key):
        before, after = duties(others), duties([*others, *permissions])
        if len(after) > 1 and after != before:
            raise Problem("user.duties", field="permissions")
