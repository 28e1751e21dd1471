"""Users: made by the system administrator, given posts and areas by the security administrator, never by themselves.

A new user holds no post and so can do nothing. Whoever moves to another unit loses posts and own areas, because what
they were granted for was the old place; the security administrator grants anew. Nobody sets the password of an account
that administers what he does not: that would be a way around the three hands.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chengyun.accounts import passwords
from chengyun.accounts.models import Organisation, User
from chengyun.accounts.permissions import ADMINISTRATION, duties
from chengyun.accounts.repository import access, units
from chengyun.accounts.repository import people as repository
from chengyun.accounts.service import areas
from chengyun.accounts.service.access import USERNAME
from chengyun.accounts.service.keys import OPERATOR
from chengyun.kernel import clock
from chengyun.kernel.errors import Problem
from chengyun.kernel.http import Actor, audit
from chengyun.kernel.ids import uuid7
from chengyun.kernel.security import hash_password
from chengyun.standards.codes import parse_division

# Permissions that somebody active must always have, with the post that usually gives them.
_NEVER_GONE = {"user.manage": ("系统管理员", "system administrator"), "role.manage": ("安全管理员", "security administrator")}
_PERSONAL = frozenset({"phone"})


def ensure_user(
    session: Session,
    *,
    username: str,
    password: str,
    name: str,
    org_id: UUID,
    posts: Iterable[str],
    area_codes: Sequence[str] = (),
    phone: str | None = None,
    language: str = "zh-CN",
    password_hash: str | None = None,
) -> UUID:
    """The user with this name, made with posts and areas when there is none; one that is there stays as an operator left it.

    For the platform's operator only: it grants what the API lets nobody grant alone. Whoever makes many users with one
    password may hash it once.
    """
    username = check_username(username)
    found = repository.by_username(session, username)
    if found is not None:
        return found.id
    passwords.check(password, username)
    organisation = _organisation(session, org_id, "org_id")
    keys = _known_posts(session, posts)
    user = _new(username, name, organisation, password_hash or hash_password(password), phone, language)
    user.area_codes = [parse_division(code, "area_codes").text for code in area_codes]
    repository.add(session, user)
    repository.set_posts(session, user.id, keys, None, clock.now())
    detail = {"username": username, "posts": keys, "area_codes": user.area_codes}
    audit(session, OPERATOR, "user.add", "user", user.id, detail, user.region_code)
    return user.id


def check_username(text: str) -> str:
    """A user name in small letters; refuses what could not be one."""
    username = text.strip().lower()
    if not USERNAME.match(username):
        raise Problem("user.username", field="username")
    return username


def _new(username: str, name: str, organisation: Organisation, hashed: str, phone: str | None, language: str) -> User:
    now = clock.now()
    return User(
        id=uuid7(),
        username=username,
        name=name,
        password_hash=hashed,
        must_change_password=False,
        org_id=organisation.id,
        region_code=organisation.area_code,
        area_codes=[],
        phone=phone,
        language=language,
        state="active",
        created_at=now,
        changed_at=now,
    )


def _organisation(session: Session, org_id: UUID, field: str) -> Organisation:
    row = units.lock(session, org_id)
    if row is None:
        raise Problem("org.unknown", field=field)
    if not row.active:
        raise Problem("org.closed", field=field)
    return row


def _known_posts(session: Session, posts: Iterable[str]) -> list[str]:
    keys = sorted(set(posts))
    known = units.roles_by_key(session, keys)
    for key in keys:
        if key not in known:
            raise Problem("user.unknown_post", field="posts", post=key)
    return keys


def add(session: Session, actor: Actor, values: dict[str, Any]) -> tuple[User, str | None]:
    """Make a user without any post; returns the user and the password when it was made up here."""
    username = check_username(values["username"])
    given = values.get("password")
    password = given or passwords.make()
    passwords.check(password, username)
    organisation = _organisation(session, values["organisation_id"], "organisation_id")
    areas.require_within(session, actor, organisation.area_code, "organisation_id")
    if repository.username_taken(session, username):
        raise Problem("user.exists", field="username", username=username)
    user = _new(username, values["name"], organisation, hash_password(password), values.get("phone"), values["language"])
    user.must_change_password = True
    repository.add(session, user)
    detail = {"username": username, "name": user.name, "organisation_id": organisation.id, "phone": bool(user.phone)}
    audit(session, actor, "user.add", "user", user.id, detail, user.region_code)
    return user, None if given else password


def look(session: Session, actor: Actor, user_id: UUID) -> User:
    """A user; with the permission `personal.read` the telephone number is shown, and the look at it recorded."""
    user = repository.get(session, user_id)
    if user is None:
        raise Problem("object.not_found")
    if user.phone and actor.can("personal.read"):
        audit(session, actor, "user.look", "user", user.id, {"fields": sorted(_PERSONAL)}, user.region_code)
    return user


def change(session: Session, actor: Actor, user_id: UUID, values: dict[str, Any]) -> User:
    """Change a user: what he is by `user.manage`, what he may by `role.manage`."""
    rights = {k: v for k, v in values.items() if k in ("posts", "area_codes")}
    facts = {k: v for k, v in values.items() if k not in rights}
    for part, permission in ((facts, "user.manage"), (rights, "role.manage")):
        if part and not actor.can(permission):
            raise Problem("access.denied", field=next(iter(part)), permission=permission)
    repository.lock_grants(session)
    user = repository.lock(session, user_id)
    if user is None:
        raise Problem("object.not_found")
    held = repository.posts(session, [user.id])[user.id]
    changes: dict[str, Any] = {}
    if facts:
        held = _change_facts(session, actor, user, facts, held, changes)
    if rights:
        _change_rights(session, actor, user, rights, held, changes)
    if changes:
        user.changed_at = clock.now()
        session.flush()
        audit(session, actor, "user.change", "user", user.id, changes, user.region_code)
    return user


def _change_facts(session: Session, actor: Actor, user: User, facts: dict[str, Any], held: list[str], changes: dict[str, Any]) -> list[str]:
    org_id = facts.pop("organisation_id", None)
    for name, value in facts.items():
        if getattr(user, name) != value:
            changes[name] = "changed" if name in _PERSONAL else [getattr(user, name), value]
    if "state" in changes:
        _check_state(session, actor, user, facts["state"], changes)
    for name in changes.keys() & facts.keys():
        setattr(user, name, facts[name])
    if org_id is not None and org_id != user.org_id:
        return _move(session, actor, user, org_id, held, changes)
    return held


def _check_state(session: Session, actor: Actor, user: User, state: str, changes: dict[str, Any]) -> None:
    if user.id == actor.user_id:
        raise Problem("user.own_state", field="state")
    if state == "disabled":
        _check_last(session, user, frozenset(), "state")
        changes["sessions_ended"] = access.end_sessions(session, user.id)


def _move(session: Session, actor: Actor, user: User, org_id: UUID, held: list[str], changes: dict[str, Any]) -> list[str]:
    """To another unit: posts and own areas end, they were granted for the old one."""
    organisation = _organisation(session, org_id, "organisation_id")
    areas.require_within(session, actor, organisation.area_code, "organisation_id")
    _check_last(session, user, frozenset(), "organisation_id")
    changes["organisation_id"] = [user.org_id, organisation.id]
    if held:
        changes["posts"] = [held, []]
        repository.set_posts(session, user.id, [], actor.user_id, clock.now())
    if user.area_codes:
        changes["area_codes"] = [user.area_codes, []]
    user.org_id, user.region_code, user.area_codes = organisation.id, organisation.area_code, []
    return []


def _change_rights(session: Session, actor: Actor, user: User, rights: dict[str, Any], held: list[str], changes: dict[str, Any]) -> None:
    if user.id == actor.user_id:
        raise Problem("user.own_rights", field=next(iter(rights)))
    if "area_codes" in rights:
        codes = sorted(set(rights["area_codes"]))
        for i, code in enumerate(codes):
            areas.require_within(session, actor, code, f"area_codes.{i}")
        if codes != user.area_codes:
            changes["area_codes"] = [user.area_codes, codes]
            user.area_codes = codes
    if "posts" in rights:
        keys = _known_posts(session, rights["posts"])
        if keys != held:
            _check_posts(session, user, held, keys)
            changes["posts"] = [held, keys]
            repository.set_posts(session, user.id, keys, actor.user_id, clock.now())


def _check_posts(session: Session, user: User, held: list[str], keys: list[str]) -> None:
    """The duties of administration stay in different hands; taking one of two away is always possible."""
    roles = units.roles_by_key(session, keys)
    permissions = frozenset(p for role in roles.values() for p in role.permissions)
    if len(duties(permissions)) > 1 and not set(keys) <= set(held):
        raise Problem("user.duties", field="posts")
    _check_last(session, user, permissions, "posts")


def _check_last(session: Session, user: User, left: frozenset[str], field: str) -> None:
    """Somebody must always be able to make users and to grant; counted over the whole city."""
    lost = (repository.permissions_of(session, user.id) & _NEVER_GONE.keys()) - left
    if lost and user.state == "active":
        _require_others(session, lost, user.id, field)


def _require_others(session: Session, permissions: Iterable[str], but: UUID, field: str) -> None:
    for permission in sorted(permissions):
        if not repository.others_with(session, permission, but):
            name, name_en = _NEVER_GONE[permission]
            raise Problem("user.last_admin", field=field, name=name, name_en=name_en)


def check_administered(session: Session) -> None:
    """Refuse a change of a role after which nobody could make users or grant."""
    _require_others(session, _NEVER_GONE, UUID(int=0), "permissions")


def set_password(session: Session, actor: Actor, user_id: UUID, password: str | None) -> tuple[User, str | None]:
    """Give somebody a password, to be changed at the next log-in; his log-ins end. Returns it when it was made up here."""
    user = repository.lock(session, user_id)
    if user is None:
        raise Problem("object.not_found")
    if user.id == actor.user_id:
        raise Problem("user.own_state")
    if (repository.permissions_of(session, user.id) & ADMINISTRATION) - actor.permissions:
        raise Problem("password.above")
    new = password or passwords.make()
    passwords.check(new, user.username)
    _store_password(session, user, new, must_change=True)
    audit(session, actor, "password.set", "user", user.id, {}, user.region_code)
    return user, None if password else new


def _store_password(session: Session, user: User, password: str, *, must_change: bool) -> None:
    user.password_hash, user.must_change_password, user.changed_at = hash_password(password), must_change, clock.now()
    access.end_sessions(session, user.id)
    session.flush()


def unlock(session: Session, actor: Actor, user_id: UUID) -> User:
    """Forget somebody's wrong passwords and lift the lock."""
    user = repository.get(session, user_id)
    if user is None:
        raise Problem("object.not_found")
    cleared = access.clear_attempts(session, [user.username])
    audit(session, actor, "user.unlock", "user", user.id, {"was_counted": bool(cleared)}, user.region_code)
    return user


def make_administrator(session: Session, username: str, password: str | None, organisation: UUID) -> tuple[bool, str]:
    """The first administrator: makes users and grants posts until there are others. Returns whether it is new, and the password.

    An account that is there gets the password, both posts, and is active and unlocked again. For the platform's operator.
    """
    username = check_username(username)
    new = password or passwords.make()
    passwords.check(new, username)
    posts = ["security_admin", "system_admin"]
    user = repository.by_username(session, username)
    if user is None:
        ensure_user(session, username=username, password=new, name=username, org_id=organisation, posts=posts)
        return True, new
    user = repository.lock(session, user.id) or user
    user.state = "active"
    _store_password(session, user, new, must_change=False)
    access.clear_attempts(session, [username])
    held = repository.posts(session, [user.id])[user.id]
    repository.set_posts(session, user.id, {*held, *posts}, None, clock.now())
    audit(session, OPERATOR, "password.set", "user", user.id, {"posts": [held, sorted({*held, *posts})]}, user.region_code)
    return False, new
