"""SQL of signing in: sessions, keys and wrong passwords. Runs without a limit of area, because nobody is known yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chengyun.accounts.models import ApiKey, LoginAttempt, Organisation, Role, User, UserRole, UserSession


@dataclass(frozen=True)
class Person:
    """A user with unit, posts and what they permit."""

    user: User
    organisation: Organisation
    posts: tuple[str, ...]
    permissions: frozenset[str]

    @property
    def area_codes(self) -> tuple[str, ...]:
        """The areas that the person is in charge of."""
        return tuple(self.user.area_codes) or (self.organisation.area_code,)


_PERSON = select(
    User,
    Organisation,
    select(func.array_agg(UserRole.role_key)).where(UserRole.user_id == User.id).correlate(User).scalar_subquery().label("posts"),
    select(func.array_agg(func.array_to_string(Role.permissions, " ")))
    .join(UserRole, UserRole.role_key == Role.key)
    .where(UserRole.user_id == User.id)
    .correlate(User)
    .scalar_subquery()
    .label("permissions"),
).join(Organisation, Organisation.id == User.org_id)


def _person(row: Any) -> Person:
    permissions = frozenset(p for words in row.permissions or () for p in words.split())
    return Person(row.User, row.Organisation, tuple(sorted(row.posts or ())), permissions)


def session_by_digest(session: Session, digest: bytes) -> tuple[UserSession, Person] | None:
    """A log-in with its person, in one query."""
    row = session.execute(
        _PERSON.add_columns(UserSession).join(UserSession, UserSession.user_id == User.id).where(UserSession.token_digest == digest)
    ).first()
    return (row.UserSession, _person(row)) if row else None


def session_by_id(session: Session, session_id: UUID) -> tuple[UserSession, Person] | None:
    """A log-in with its person, in one query."""
    row = session.execute(
        _PERSON.add_columns(UserSession).join(UserSession, UserSession.user_id == User.id).where(UserSession.id == session_id)
    ).first()
    return (row.UserSession, _person(row)) if row else None


def person_by_name(session: Session, username: str) -> Person | None:
    """A person by user name."""
    row = session.execute(_PERSON.where(User.username == username)).first()
    return _person(row) if row else None


def person_by_id(session: Session, user_id: UUID) -> Person | None:
    """A person by identity."""
    row = session.execute(_PERSON.where(User.id == user_id)).first()
    return _person(row) if row else None


def key_by_digest(session: Session, digest: bytes) -> ApiKey | None:
    """An API key by the digest of its secret."""
    return session.scalar(select(ApiKey).where(ApiKey.secret_digest == digest))


def add_session(session: Session, row: UserSession) -> None:
    """Store a log-in."""
    session.add(row)
    session.flush()


def touch_session(session: Session, session_id: UUID, at: datetime) -> None:
    """Note that somebody is still there."""
    session.execute(update(UserSession).where(UserSession.id == session_id).values(seen_at=at))


def touch_key(session: Session, key_id: UUID, at: datetime) -> None:
    """Note that a key is in use."""
    session.execute(update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=at))


def end_session(session: Session, digest: bytes) -> UUID | None:
    """Forget a log-in; returns whose it was."""
    return session.execute(delete(UserSession).where(UserSession.token_digest == digest).returning(UserSession.user_id)).scalar()


def end_sessions(session: Session, user_id: UUID, but: UUID | None = None) -> int:
    """Forget all log-ins of a person, except one; returns how many."""
    stmt = delete(UserSession).where(UserSession.user_id == user_id)
    if but is not None:
        stmt = stmt.where(UserSession.id != but)
    return len(session.execute(stmt.returning(UserSession.id)).all())


def purge(session: Session, now: datetime, idle_since: datetime, forget_attempts_before: datetime) -> int:
    """Drop log-ins that have ended and old wrong passwords; returns how many log-ins."""
    ended = delete(UserSession).where((UserSession.expires_at <= now) | (UserSession.seen_at <= idle_since)).returning(UserSession.id)
    session.execute(
        delete(LoginAttempt).where(LoginAttempt.changed_at < forget_attempts_before, func.coalesce(LoginAttempt.locked_until, now) <= now)
    )
    return len(session.execute(ended).all())


def count_attempt(session: Session, username: str, now: datetime, limit: int, first_lock: timedelta, longest: timedelta) -> datetime | None:
    """Count one try before the password is looked at, so that tries at the same moment are counted too.

    Returns the end of a lock that is in force: then the password must not be looked at. The try that reaches `limit`
    is still looked at, but locks the name; a right password takes the lock away again.
    """
    row = LoginAttempt
    found = session.execute(select(row.locked_until).where(row.username == username, row.locked_until > now)).scalar()
    if found is not None:
        return found
    full = row.failures + 1 >= limit
    lasts = func.least(first_lock * func.power(2, func.least(row.locks, 30)), longest)
    stmt = insert(row).values(
        username=username, failures=1 % limit, locks=int(limit == 1), locked_until=now + first_lock if limit == 1 else None, changed_at=now
    )
    free = (row.locked_until.is_(None)) | (row.locked_until <= now)
    stmt = stmt.on_conflict_do_update(
        index_elements=["username"],
        set_={
            "failures": case((full, 0), else_=row.failures + 1),
            "locks": case((full, row.locks + 1), else_=row.locks),
            "locked_until": case((full, now + lasts), else_=None),
            "changed_at": now,
        },
        where=free,
    )
    if session.execute(stmt.returning(row.username)).first():
        return None
    return session.execute(select(row.locked_until).where(row.username == username)).scalar_one()


def clear_attempts(session: Session, usernames: Sequence[str]) -> int:
    """Forget wrong passwords and locks; returns how many names had any."""
    stmt = delete(LoginAttempt).where(LoginAttempt.username.in_(usernames)).returning(LoginAttempt.username)
    return len(session.execute(stmt).all())


def locks(session: Session, usernames: Sequence[str], now: datetime) -> dict[str, datetime]:
    """Until when names are locked; names without a lock are left out."""
    stmt = select(LoginAttempt.username, LoginAttempt.locked_until).where(
        LoginAttempt.username.in_(usernames), LoginAttempt.locked_until > now
    )
    return {name: until for name, until in session.execute(stmt) if until is not None}


def key_stands(session: Session, key_id: UUID, now: datetime) -> bool:
    """Whether a key has neither ended nor been revoked."""
    stmt = select(ApiKey.id).where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
    return session.execute(stmt.where((ApiKey.expires_at.is_(None)) | (ApiKey.expires_at > now))).first() is not None
