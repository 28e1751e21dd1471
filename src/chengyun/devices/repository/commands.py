"""Orders to devices: requested, sent, acknowledged, failed, timed out."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg.rows import dict_row
from sqlalchemy.orm import Session

from chengyun.kernel.raw import Connection, raw

Row = dict[str, Any]

_TARGETS = """
SELECT d.id, d.key, d.region_code, d.retired_at, d.model_key, m.commands FROM device d
  JOIN device_model m ON m.key = d.model_key AND m.current WHERE d.id = ANY(%s)
"""
_NEW = ("id", "device_id", "command", "arguments", "state", "requested_at", "requested_by", "requested_by_name", "alarm_id",
        "attempts", "next_attempt_at", "expires_at", "message", "region_code")  # fmt: skip
# Many rows as one JSON array: a single statement, whatever their number.
_INSERT = (
    f"INSERT INTO device_command ({', '.join(_NEW)}) SELECT {', '.join(_NEW)}"  # noqa: S608
    " FROM jsonb_populate_recordset(NULL::device_command, %s::jsonb)"
)
_PUBLIC = """id, device_id, command, arguments, state, requested_at, requested_by_name, alarm_id, attempts, sent_at, finished_at,
 expires_at, message"""
_CLAIM = """
UPDATE device_command c SET next_attempt_at = %(lease)s
  FROM (SELECT id FROM device_command WHERE state IN ('requested', 'sent') AND next_attempt_at <= %(now)s
         ORDER BY next_attempt_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED) q,
       device d LEFT JOIN device g ON g.id = d.gateway_id
 WHERE c.id = q.id AND d.id = c.device_id
RETURNING c.id, d.key AS device_key, g.key AS gateway_key, c.command, c.arguments, c.attempts, c.expires_at
"""
# Those answered in the meantime keep their answer.
_SENT = """
UPDATE device_command c SET state = 'sent', attempts = attempts + 1, sent_at = %(now)s, next_attempt_at = u.next
  FROM unnest(%(ids)s::uuid[], %(next)s::timestamptz[]) AS u (id, next), device d
 WHERE c.id = u.id AND d.id = c.device_id AND c.state IN ('requested', 'sent')
"""
_RETURNING = """
RETURNING c.id, c.device_id, d.key AS device_key, c.command, c.arguments, c.state, c.attempts, c.alarm_id, c.message, c.region_code
"""
_EXPIRED = f"""
UPDATE device_command c SET state = 'timed_out', finished_at = %(now)s
  FROM device d
 WHERE d.id = c.device_id AND c.id = ANY(%(ids)s) AND c.state IN ('requested', 'sent') {_RETURNING}
"""  # noqa: S608
# An answer counts when it comes from the device itself or from its gateway, once.
_ANSWERED = f"""
UPDATE device_command c SET state = CASE WHEN u.ok THEN 'acknowledged' ELSE 'failed' END, finished_at = %(now)s, message = u.message
  FROM unnest(%(keys)s::text[], %(ids)s::uuid[], %(oks)s::bool[], %(messages)s::text[]) AS u (key, id, ok, message),
       device d LEFT JOIN device g ON g.id = d.gateway_id
 WHERE c.id = u.id AND d.id = c.device_id AND u.key IN (d.key, g.key) AND c.state IN ('requested', 'sent') {_RETURNING}
"""  # noqa: S608


def targets(connection: Connection, device_ids: Sequence[UUID]) -> dict[UUID, Row]:
    """What orders need to know of their devices."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return {row["id"]: row for row in cursor.execute(_TARGETS, (list(device_ids),))}


def add(connection: Connection, rows: Sequence[Row]) -> None:
    """Write orders (columns of `_NEW`)."""
    if rows:
        connection.execute(_INSERT, (orjson.dumps(rows).decode(),))


def find(session: Session, command_id: UUID) -> Row | None:
    """One order."""
    with raw(session).cursor(row_factory=dict_row) as cursor:
        return cursor.execute(f"SELECT {_PUBLIC} FROM device_command WHERE id = %s".encode(), (command_id,)).fetchone()  # noqa: S608


def page(session: Session, device_id: UUID, before: tuple[datetime, UUID] | None, limit: int) -> list[Row]:
    """Orders to a device, the newest first; one more than `limit`."""
    after = "" if before is None else " AND (requested_at, id) < (%(at)s, %(id)s)"
    statement = (
        f"SELECT {_PUBLIC} FROM device_command WHERE device_id = %(device)s{after}"  # noqa: S608
        " ORDER BY requested_at DESC, id DESC LIMIT %(limit)s"
    )
    values = {"device": device_id, "limit": limit + 1} | ({"at": before[0], "id": before[1]} if before else {})
    with raw(session).cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement.encode(), values).fetchall()


def claim(connection: Connection, now: datetime, lease: datetime, limit: int) -> list[Row]:
    """Orders to be sent, sent again or given up; until the end of the lease no other worker takes them."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_CLAIM, {"now": now, "lease": lease, "limit": limit}).fetchall()


def mark_sent(connection: Connection, ids: Sequence[UUID], following: Sequence[datetime], now: datetime) -> list[Row]:
    """Note that orders went out, and when each is due again; returns those that are still unanswered."""
    with connection.cursor(row_factory=dict_row) as cursor:
        values = {"ids": list(ids), "next": list(following), "now": now}
        return cursor.execute(_SENT + _RETURNING, values).fetchall()


def postpone(connection: Connection, ids: Sequence[UUID], until: datetime) -> None:
    """Try again soon, without having sent."""
    connection.execute("UPDATE device_command SET next_attempt_at = %s WHERE id = ANY(%s)", (until, list(ids)))


def expire(connection: Connection, ids: Sequence[UUID], now: datetime) -> list[Row]:
    """Give orders up."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_EXPIRED, {"ids": list(ids), "now": now}).fetchall()


def answer(connection: Connection, answers: Sequence[tuple[str, UUID, bool, str]], now: datetime) -> list[Row]:
    """Note what devices answered (sender's key, order, done or not, message); returns the orders that this finished."""
    keys, ids, oks, messages = (list(column) for column in zip(*answers, strict=True))
    values = {"keys": keys, "ids": ids, "oks": oks, "messages": messages, "now": now}
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_ANSWERED, values).fetchall()
