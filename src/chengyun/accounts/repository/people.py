"""SQL of users and the posts that they hold. Row-level security keeps each reader to the own area."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, exists, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chengyun.accounts.models import LoginAttempt, Role, User, UserRole
from chengyun.kernel.paging import keyset

_GRANT_LOCK = 0x6772616E74


def lock(session: Session, user_id: UUID) -> User | None:
    """A user, held until the transaction ends, fresh from the database."""
    return session.get(User, user_id, with_for_update=True, populate_existing=True)


def lock_grants(session: Session) -> None:
    """Let one change of posts or states at a time count the administrators that are left."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _GRANT_LOCK})


def get(session: Session, user_id: UUID) -> User | None:
    """A user by identity."""
    return session.get(User, user_id)


def by_username(session: Session, username: str) -> User | None:
    """A user by name."""
    return session.scalar(select(User).where(User.username == username))


def add(session: Session, user: User) -> None:
    """Store a new user."""
    session.add(user)
    session.flush()


def find(session: Session, filters: dict[str, Any], now: datetime, cursor: str | None, limit: int) -> Sequence[User]:
    """Users by user name; one more than `limit`. Phone numbers are not searched: a search would tell them digit by digit."""
    stmt = select(User)
    if filters.get("q"):
        q = str(filters["q"])
        stmt = stmt.where(or_(User.username.icontains(q, autoescape=True), User.name.icontains(q, autoescape=True)))
    if filters.get("organisation_id"):
        stmt = stmt.where(User.org_id == filters["organisation_id"])
    if filters.get("post"):
        stmt = stmt.where(exists().where(UserRole.user_id == User.id, UserRole.role_key == filters["post"]))
    state = filters.get("state")
    if state == "locked":
        stmt = stmt.where(exists().where(LoginAttempt.username == User.username, LoginAttempt.locked_until > now))
    elif state:
        stmt = stmt.where(User.state == state)
    return list(session.scalars(keyset(stmt, [(User.username, "asc")], cursor, limit)))


def posts(session: Session, user_ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    """Posts of many users at once, in order of their keys."""
    found: dict[UUID, list[str]] = {user_id: [] for user_id in user_ids}
    stmt = select(UserRole.user_id, UserRole.role_key).where(UserRole.user_id.in_(user_ids)).order_by(UserRole.role_key)
    for user_id, key in session.execute(stmt):
        found[user_id].append(key)
    return found


def set_posts(session: Session, user_id: UUID, keys: Iterable[str], granted_by: UUID | None, at: datetime) -> None:
    """Let a user hold exactly these posts; those held already keep who granted them."""
    wanted = sorted(set(keys))
    session.execute(delete(UserRole).where(UserRole.user_id == user_id, UserRole.role_key.not_in(wanted)))
    if wanted:
        rows = [{"user_id": user_id, "role_key": key, "granted_by": granted_by, "granted_at": at} for key in wanted]
        session.execute(insert(UserRole).on_conflict_do_nothing(), rows)


def permissions_of(session: Session, user_id: UUID) -> frozenset[str]:
    """All that somebody's posts permit."""
    stmt = select(func.unnest(Role.permissions)).join(UserRole, UserRole.role_key == Role.key).where(UserRole.user_id == user_id)
    return frozenset(session.scalars(stmt))


def others_with(session: Session, permission: str, but: UUID) -> bool:
    """Whether anybody else in the whole city who is active has a permission."""
    return bool(session.execute(text("SELECT others_with(:permission, :but)"), {"permission": permission, "but": but}).scalar())


def move_area(session: Session, org_id: UUID, area_code: str) -> int:
    """Let the users of a unit follow its area; returns how many."""
    stmt = update(User).where(User.org_id == org_id).values(region_code=area_code).returning(User.id)
    return len(session.execute(stmt).all())


def username_taken(session: Session, username: str) -> bool:
    """Whether a user name is taken anywhere in the city, also where the transaction does not see."""
    return bool(session.execute(text("SELECT username_taken(:name)"), {"name": username}).scalar())
