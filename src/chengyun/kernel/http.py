"""What every room's routes share: who calls, one transaction per request, permissions, the audit hook."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol
from uuid import UUID

from fastapi import Depends, Request
from sqlalchemy import text
from sqlalchemy.orm import Session

from chengyun.kernel.db import Scope, open_session
from chengyun.kernel.errors import Problem, register
from chengyun.kernel.settings import get_settings

register(
    {
        "audit.missing": (500, "审计写入未配置", "No audit writer is configured"),
        "access.beyond_area": (
            403,
            "此项设置超出您的管辖范围,须由管辖该范围的人员修改",
            "This reaches beyond your area; somebody in charge of all that it concerns has to change it",
        ),
    }
)


@dataclass(frozen=True)
class Actor:
    """Who calls: a person by a session, or a program by an API key."""

    name: str
    user_id: UUID | None = None
    api_key_id: UUID | None = None
    org_id: UUID | None = None
    posts: tuple[str, ...] = ()
    permissions: frozenset[str] = frozenset()
    scope: Scope = field(default_factory=Scope.nothing)
    area_code: str = ""
    lang: str = "zh-CN"
    ip: str = ""
    session_id: UUID | None = None

    def can(self, permission: str) -> bool:
        """Whether the actor's posts give a permission."""
        return permission in self.permissions


def language(request: Request) -> str:
    """The caller's language: the signed-in person's, else the first supported one that the browser names."""
    actor = getattr(request.state, "actor", None)
    if actor is not None:
        return str(actor.lang)
    for part in request.headers.get("accept-language", "").split(","):
        tag = part.split(";")[0].strip().lower()
        if tag.startswith("zh"):
            return "zh-CN"
        if tag.startswith("en"):
            return "en"
    return get_settings().language


def signed_in(request: Request) -> Actor:
    """The actor, or a refusal when nobody is signed in."""
    actor: Actor | None = getattr(request.state, "actor", None)
    if actor is None:
        raise Problem("access.sign_in")
    return actor


SignedIn = Annotated[Actor, Depends(signed_in)]


def permit(*permissions: str) -> Callable[[Request], Actor]:
    """A dependency that returns the actor if it has one of the permissions."""

    def check(request: Request) -> Actor:
        actor = signed_in(request)
        if not any(actor.can(p) for p in permissions):
            raise Problem("access.denied", permission=permissions[0])
        return actor

    return check


def require_area(actor: Actor, area_code: str = "") -> None:
    """Refuse to change what holds for an area that is not the actor's; an empty code is what holds for everybody.

    For tables without area, which row-level security does not guard.
    """
    if not (actor.scope.everywhere or (area_code and actor.scope.contains(area_code))):
        raise Problem("access.beyond_area")


def _scope(request: Request) -> Scope:
    actor: Actor | None = getattr(request.state, "actor", None)
    return actor.scope if actor else Scope.nothing()


def _write_session(request: Request) -> Iterator[Session]:
    with open_session(_scope(request)) as session, session.begin():
        yield session


def _read_session(request: Request) -> Iterator[Session]:
    with open_session(_scope(request)) as session, session.begin():
        session.execute(text("SET TRANSACTION READ ONLY"))
        yield session


# `scope="function"`: the transaction ends before the answer is sent, so nothing is acknowledged that is not durable.
Tx = Annotated[Session, Depends(_write_session, scope="function")]
ReadTx = Annotated[Session, Depends(_read_session, scope="function")]


class AuditWriter(Protocol):
    """Writes one line of the audit log in the running transaction; the accounts room registers it."""

    def __call__(
        self,
        session: Session,
        actor: Actor,
        action: str,
        object_type: str,
        object_id: str,
        detail: dict[str, Any],
        region_code: str | None,
    ) -> None: ...


_audit_writer: AuditWriter | None = None


def register_audit_writer(writer: AuditWriter) -> None:
    """Name the function that keeps the audit log."""
    global _audit_writer
    _audit_writer = writer


def audit(
    session: Session,
    actor: Actor,
    action: str,
    object_type: str,
    object_id: object,
    detail: dict[str, Any] | None = None,
    region_code: str | None = None,
) -> None:
    """Record who did or saw what; in the same transaction, so that nothing is done unrecorded."""
    if _audit_writer is None:
        raise Problem("audit.missing")
    _audit_writer(session, actor, action, object_type, str(object_id), detail or {}, region_code)
