"""SQL of the audit log."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, or_, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from chengyun.accounts.models import AuditLine, User
from chengyun.kernel.paging import keyset

# The function adds lines whatever the area of the running transaction is: somebody in charge of one district
# may still sign in at an address or touch an object whose line belongs elsewhere.
_ADD = text(
    "SELECT audit_add(:id, :time, :actor_name, :user_id, :api_key_id, :org_id, :action, :object_type, :object_id, :detail,"
    " :ip, :request_id, :region_code)"
).bindparams(bindparam("detail", type_=JSONB))


def add(session: Session, line: dict[str, Any]) -> None:
    """Write one line."""
    session.execute(_ADD, line)


def find(session: Session, filters: dict[str, Any], cursor: str | None, limit: int) -> Sequence[AuditLine]:
    """Lines that match, the newest first; one more than `limit`."""
    stmt = select(AuditLine)
    for name in ("action", "object_type", "object_id"):
        if filters.get(name):
            stmt = stmt.where(getattr(AuditLine, name) == filters[name])
    if filters.get("since"):
        stmt = stmt.where(AuditLine.time >= filters["since"])
    if filters.get("until"):
        stmt = stmt.where(AuditLine.time < filters["until"])
    if filters.get("actor"):
        stmt = stmt.where(_by(str(filters["actor"])))
    return list(session.scalars(keyset(stmt, [(AuditLine.time, "desc"), (AuditLine.id, "desc")], cursor, limit)))


def _by(actor: str) -> Any:
    """Lines of a person or key: by identity, by user name, or by the name as it was."""
    try:
        known = UUID(actor)
    except ValueError:
        named = select(User.id).where(User.username == actor.lower())
        return or_(AuditLine.actor_name == actor, AuditLine.user_id.in_(named))
    return or_(AuditLine.user_id == known, AuditLine.api_key_id == known)


def usernames(session: Session, ids: set[UUID]) -> dict[UUID, str]:
    """User names of those who are in the running transaction's area."""
    return {k: v for k, v in session.execute(select(User.id, User.username).where(User.id.in_(ids)))} if ids else {}
