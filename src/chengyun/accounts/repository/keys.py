"""SQL of API keys. Row-level security shows each reader the keys of the own area."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chengyun.accounts.models import ApiKey
from chengyun.kernel.paging import keyset


def add(session: Session, row: ApiKey) -> None:
    """Store a new key."""
    session.add(row)
    session.flush()


def find(session: Session, cursor: str | None, limit: int) -> Sequence[ApiKey]:
    """Keys, the newest first, revoked ones too; one more than `limit`."""
    return list(session.scalars(keyset(select(ApiKey), [(ApiKey.id, "desc")], cursor, limit)))


def lock(session: Session, key_id: UUID) -> ApiKey | None:
    """A key, held until the transaction ends."""
    return session.get(ApiKey, key_id, with_for_update=True, populate_existing=True)
