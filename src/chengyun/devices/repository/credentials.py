"""Secrets of devices: only digests are stored."""

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row
from sqlalchemy.orm import Session

from chengyun.kernel.raw import Connection, raw

_COLUMNS = "id, note, created_at, created_by, revoked_at"
_DIGESTS = """
SELECT c.digest FROM device d JOIN device_credential c ON c.device_id = d.id
 WHERE d.key = %s AND d.retired_at IS NULL AND c.revoked_at IS NULL
"""
_INSERT = """
INSERT INTO device_credential (id, device_id, digest, note, created_at, created_by, region_code)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
_REVOKE = f"""
UPDATE device_credential SET revoked_at = %s WHERE id = %s AND device_id = %s AND revoked_at IS NULL RETURNING {_COLUMNS}
"""  # noqa: S608


def digests(connection: Connection, key: str) -> list[bytes]:
    """Digests of the valid secrets of a device in service."""
    return [bytes(row[0]) for row in connection.execute(_DIGESTS, (key,))]


def other_device(connection: Connection, key: str, client_id: str) -> bool:
    """Whether an MQTT client id is the key of a device other than `key`, or that key with a colon and more."""
    owner = client_id.partition(":")[0]
    return owner != key and connection.execute("SELECT 1 FROM device WHERE key = %s", (owner,)).fetchone() is not None


def listed(session: Session, device_id: UUID) -> list[dict[str, Any]]:
    """Secrets of a device, the newest first."""
    with raw(session).cursor(row_factory=dict_row) as cursor:
        statement = f"SELECT {_COLUMNS} FROM device_credential WHERE device_id = %s ORDER BY created_at DESC, id DESC"  # noqa: S608
        return cursor.execute(statement.encode(), (device_id,)).fetchall()


def valid_count(session: Session, device_id: UUID) -> int:
    """How many secrets are valid."""
    statement = "SELECT count(*) FROM device_credential WHERE device_id = %s AND revoked_at IS NULL"
    row = raw(session).execute(statement, (device_id,)).fetchone()
    return int(row[0]) if row else 0


def add(session: Session, credential_id: UUID, device_id: UUID, digest: bytes, note: str, at: datetime, by: str, region_code: str) -> None:
    """Store a further secret."""
    raw(session).execute(_INSERT, (credential_id, device_id, digest, note, at, by, region_code))


def revoke(session: Session, device_id: UUID, credential_id: UUID, at: datetime) -> dict[str, Any] | None:
    """End a secret; None when there is no such valid one."""
    with raw(session).cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_REVOKE, (at, credential_id, device_id)).fetchone()
