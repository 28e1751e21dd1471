"""Rules by version."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chengyun.alarms.models import AlarmRevision, AlarmRule
from chengyun.kernel.ids import uuid7

_NAME = "rules"


def revision(connection: psycopg.Connection[Any]) -> UUID | None:
    """Mark of the last change to rules; None before the first."""
    row = connection.execute("SELECT revision FROM alarm_revision WHERE name = %s", (_NAME,)).fetchone()
    return row[0] if row else None


def rules_in_force(connection: psycopg.Connection[Any]) -> list[tuple[str, int, str, dict[str, Any]]]:
    """Key, version, pack and declaration of all rules in force, by key."""
    rows = connection.execute("SELECT key, version, pack, spec FROM alarm_rule WHERE valid_to IS NULL ORDER BY key")
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def open_levels(connection: psycopg.Connection[Any]) -> list[tuple[str, UUID, int]]:
    """Rule, device and level of all open alarms that readings have made."""
    rows = connection.execute(
        "SELECT rule_key, device_id, level FROM alarm WHERE state IN ('raised', 'acknowledged') AND metric IS NOT NULL"
    )
    return [(row[0], row[1], row[2]) for row in rows]


def lock(session: Session) -> None:
    """Let one program at a time change rules, and tell all watches once it is done."""
    stamp = {"name": _NAME, "revision": uuid7()}
    session.execute(insert(AlarmRevision).values(stamp).on_conflict_do_update(index_elements=["name"], set_=stamp))


def current(session: Session, keys: Sequence[str] | None = None, pack: str | None = None) -> list[AlarmRule]:
    """Rules in force: all, some by key, or those of a pack."""
    stmt = select(AlarmRule).where(AlarmRule.valid_to.is_(None)).order_by(AlarmRule.pack, AlarmRule.key)
    if keys is not None:
        stmt = stmt.where(AlarmRule.key.in_(keys))
    if pack is not None:
        stmt = stmt.where(AlarmRule.pack == pack)
    return list(session.scalars(stmt))


def versions(session: Session, key: str) -> list[AlarmRule]:
    """All versions of a rule, the newest first."""
    return list(session.scalars(select(AlarmRule).where(AlarmRule.key == key).order_by(AlarmRule.version.desc())))


def last_versions(session: Session, keys: Sequence[str]) -> dict[str, int]:
    """The newest version of each key, in force or ended."""
    stmt = select(AlarmRule.key, AlarmRule.version).where(AlarmRule.key.in_(keys)).order_by(AlarmRule.version)
    return {row[0]: row[1] for row in session.execute(stmt)}


def end(session: Session, keys: Sequence[str], at: datetime) -> None:
    """Rules are no longer in force."""
    session.execute(update(AlarmRule).where(AlarmRule.key.in_(keys), AlarmRule.valid_to.is_(None)).values(valid_to=at))


def add(session: Session, rows: Sequence[AlarmRule]) -> None:
    """New versions."""
    session.add_all(rows)
    session.flush()
