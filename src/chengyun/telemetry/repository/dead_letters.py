"""What was refused: written in bulk by the watch, read by engineers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from chengyun.kernel.paging import keyset
from chengyun.telemetry.models import DeadLetter, DeadLetterCount

_INSERT = (
    "INSERT INTO dead_letter (id, time, sequence, device_key, region_code, reason, field, item, detail, payload)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
_COUNT = (
    "INSERT INTO dead_letter_count (device_key, hour, reason, region_code, count, kept) VALUES (%s, %s, %s, %s, %s, %s)"
    " ON CONFLICT (device_key, hour, reason) DO UPDATE SET count = dead_letter_count.count + excluded.count,"
    " kept = dead_letter_count.kept + excluded.kept, region_code = excluded.region_code"
)


def write(connection: psycopg.Connection[Any], letters: Sequence[tuple[Any, ...]], counts: Sequence[tuple[Any, ...]]) -> None:
    """Store letters (columns as in `_INSERT`) and add to counts, in the running transaction."""
    with connection.cursor() as cursor:
        if letters:
            cursor.executemany(_INSERT, [(*row[:8], Jsonb(row[8]), row[9]) for row in letters])
        if counts:
            cursor.executemany(_COUNT, counts)


def page(
    session: Session,
    reason: str | None,
    device: str | None,
    since: datetime | None,
    until: datetime | None,
    cursor: str | None,
    limit: int,
) -> list[DeadLetter]:
    """Letters, newest first; one more than asked for when more follow."""
    stmt = select(DeadLetter)
    if reason:
        stmt = stmt.where(DeadLetter.reason == reason)
    if device:
        stmt = stmt.where(DeadLetter.device_key == device)
    if since:
        stmt = stmt.where(DeadLetter.time >= since)
    if until:
        stmt = stmt.where(DeadLetter.time < until)
    return list(session.scalars(keyset(stmt, [(DeadLetter.time, "desc"), (DeadLetter.id, "desc")], cursor, limit)))


def get(session: Session, letter_id: UUID) -> DeadLetter | None:
    """One letter."""
    return session.get(DeadLetter, letter_id)


def by_reason(session: Session, since: datetime) -> list[tuple[str, int, int, datetime]]:
    """For each reason: how many, of how many devices, the hour of the last."""
    c = DeadLetterCount
    total = func.sum(c.count)
    stmt = (
        select(c.reason, total, func.count(func.distinct(c.device_key)), func.max(c.hour))
        .where(c.hour >= since)
        .group_by(c.reason)
        .order_by(total.desc(), c.reason)
    )
    return [(r[0], int(r[1]), r[2], r[3]) for r in session.execute(stmt)]


def by_device(session: Session, since: datetime, limit: int) -> list[tuple[str, int, datetime]]:
    """The devices with most refusals: how many, the hour of the last."""
    c = DeadLetterCount
    total = func.sum(c.count)
    stmt = (
        select(c.device_key, total, func.max(c.hour))
        .where(c.hour >= since)
        .group_by(c.device_key)
        .order_by(total.desc(), c.device_key)
        .limit(limit)
    )
    return [(r[0], int(r[1]), r[2]) for r in session.execute(stmt)]


def forget(session: Session, before: datetime) -> int:
    """Delete what is older; returns how many letters went."""
    session.execute(delete(DeadLetterCount).where(DeadLetterCount.hour < before))
    gone = session.execute(delete(DeadLetter).where(DeadLetter.time < before))
    return int(getattr(gone, "rowcount", 0))
