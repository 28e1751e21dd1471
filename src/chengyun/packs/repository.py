"""All SQL of the packs room."""

from typing import Any

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.orm import Session

from chengyun.packs.models import Pack

_LOCK = 0x7061636B73


def lock(session: Session) -> None:
    """Let one at a time put packs into force."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def in_force(session: Session) -> list[Pack]:
    """Packs in force, by key."""
    return list(session.scalars(select(Pack).where(Pack.in_force).order_by(Pack.key)))


def one(session: Session, key: str, revision: int | None) -> Pack | None:
    """A pack in force, or an earlier revision of it."""
    which = Pack.in_force if revision is None else Pack.revision == revision
    return session.scalar(select(Pack).where(Pack.key == key, which))


def history(session: Session, key: str) -> list[Pack]:
    """All revisions of a pack, newest first."""
    return list(session.scalars(select(Pack).where(Pack.key == key).order_by(Pack.revision.desc())))


def add(session: Session, values: dict[str, Any]) -> int:
    """Put a new revision into force in the place of the last one; returns its number."""
    key = values["key"]
    last = session.scalar(select(func.max(Pack.revision)).where(Pack.key == key)) or 0
    session.execute(update(Pack).where(Pack.key == key, Pack.in_force).values(in_force=False))
    session.execute(insert(Pack).values(values | {"revision": last + 1, "in_force": True}))
    return int(last) + 1
