"""Tables of the accounts room: who works where, what each may do, who is signed in, and what everybody did."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chengyun.kernel.db import CODE, AreaBound, Base


class Organisation(Base):
    """A unit of the city's system: the city, a district, a street, a department, the safety office, a member unit (1+22+X).

    Names of units are no secret: everybody signed in sees all of them. So the area is called `area_code`.
    """

    __tablename__ = "organisation"
    __table_args__ = (
        CheckConstraint("kind IN ('city', 'district', 'street', 'department', 'safety_office', 'member')", name="kind"),
        CheckConstraint("parent_id <> id", name="not_its_own_parent"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True, doc="Short name for programs and import files; stays for ever")
    name: Mapped[str] = mapped_column(String(80))
    name_en: Mapped[str] = mapped_column(String(160), default="")
    kind: Mapped[str] = mapped_column(String(20))
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    area_code: Mapped[str] = mapped_column(CODE, index=True, doc="Division that the unit works for; its people see this area")
    active: Mapped[bool] = mapped_column(default=True, server_default=text("true"), doc="False once the unit is dissolved")
    changed_at: Mapped[datetime]


class Role(Base):
    """A post (岗位) with its permissions: built in, or made by the city's security administrator."""

    __tablename__ = "role"

    key: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    name_en: Mapped[str] = mapped_column(String(80), default="")
    description: Mapped[str] = mapped_column(String(400), default="")
    permissions: Mapped[list[str]] = mapped_column(ARRAY(String(40)))
    built_in: Mapped[bool] = mapped_column(default=False, doc="Comes with the platform and cannot be changed")
    changed_at: Mapped[datetime]


class User(AreaBound, Base):
    """A person who can sign in. Never deleted, only disabled, so that old records keep their author.

    `region_code` is the area of the organisation. `phone` is personal data: every look at it is recorded.
    """

    __tablename__ = "app_user"
    __table_args__ = (
        CheckConstraint("state IN ('active', 'disabled')", name="state"),
        CheckConstraint("username = lower(username)", name="username_lower"),
        Index("ix_app_user_region", "region_code", "username"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(40, collation="C"), unique=True, doc="Small letters, digits, dot, dash and underscore")
    name: Mapped[str] = mapped_column(String(60))
    password_hash: Mapped[str] = mapped_column(String(200), doc="argon2id")
    must_change_password: Mapped[bool] = mapped_column(default=False, doc="Somebody else has set the password")
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"), index=True)
    area_codes: Mapped[list[str]] = mapped_column(ARRAY(CODE), doc="Own areas in place of the organisation's; empty as a rule")
    phone: Mapped[str | None] = mapped_column(String(30))
    language: Mapped[str] = mapped_column(String(10), default="zh-CN")
    state: Mapped[str] = mapped_column(String(10), default="active")
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    last_login_at: Mapped[datetime | None]


class UserRole(Base):
    """A post that somebody holds, and who granted it."""

    __tablename__ = "user_role"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"), primary_key=True)
    role_key: Mapped[str] = mapped_column(ForeignKey("role.key"), primary_key=True, index=True)
    granted_by: Mapped[UUID | None] = mapped_column(doc="Empty where the platform's operator did it")
    granted_at: Mapped[datetime]


class UserSession(Base):
    """A log-in. Of the cookie only a digest is kept: who reads this table cannot sign in with it."""

    __tablename__ = "user_session"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"), index=True)
    token_digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime] = mapped_column(doc="Last request, to within a minute")
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ip: Mapped[str] = mapped_column(String(64), default="")


class LoginAttempt(Base):
    """Wrong passwords in a row for a user name, whether or not there is such a user: the answer must not tell."""

    __tablename__ = "login_attempt"

    username: Mapped[str] = mapped_column(String(40, collation="C"), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    locks: Mapped[int] = mapped_column(default=0, doc="Locks since the last right password; each lasts twice as long as the one before")
    locked_until: Mapped[datetime | None]
    changed_at: Mapped[datetime] = mapped_column(index=True)


class ApiKey(AreaBound, Base):
    """A key with which a program calls the API. Of the secret only a digest is kept.

    `region_code` says whose key it is, for the list of keys; what the key reaches is in `area_codes`.
    """

    __tablename__ = "api_key"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    hint: Mapped[str] = mapped_column(String(16), doc="First letters of the secret, to tell keys apart")
    secret_digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    permissions: Mapped[list[str]] = mapped_column(ARRAY(String(40)))
    area_codes: Mapped[list[str]] = mapped_column(ARRAY(CODE))
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None] = mapped_column(doc="To within a minute")
    revoked_at: Mapped[datetime | None]


class AuditLine(AreaBound, Base):
    """Who did or saw what, when, where, from which address. Lines are only ever added: the database refuses the rest.

    Nothing here points to other tables by foreign key, so a line outlives what it tells of.
    """

    __tablename__ = "audit_log"
    __table_args__ = (
        Index("ix_audit_log_time", "time", "id"),
        Index("ix_audit_log_actor", "user_id", "time"),
        Index("ix_audit_log_object", "object_type", "object_id", "time"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    time: Mapped[datetime]
    actor_name: Mapped[str] = mapped_column(String(100))
    user_id: Mapped[UUID | None]
    api_key_id: Mapped[UUID | None]
    org_id: Mapped[UUID | None]
    action: Mapped[str] = mapped_column(String(80))
    object_type: Mapped[str] = mapped_column(String(60))
    object_id: Mapped[str] = mapped_column(String(200))
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB)
    ip: Mapped[str] = mapped_column(String(64), default="")
    request_id: Mapped[str] = mapped_column(String(64), default="")
