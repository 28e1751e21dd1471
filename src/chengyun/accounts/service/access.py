"""Who calls: log-ins by cookie, programs by key. Nothing is kept in memory, so a revoked right ends with the next request."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from math import ceil
from threading import BoundedSemaphore
from uuid import UUID

from fastapi import Request
from sqlalchemy.orm import Session

import chengyun.accounts.errors  # noqa: F401  (registers the sentences)
from chengyun.accounts import passwords
from chengyun.accounts.models import ApiKey, UserSession
from chengyun.accounts.repository import access as repository
from chengyun.accounts.repository import people
from chengyun.accounts.repository.access import Person
from chengyun.accounts.service import trail
from chengyun.kernel import clock
from chengyun.kernel.db import Scope, read_only, transaction
from chengyun.kernel.errors import Problem
from chengyun.kernel.http import Actor
from chengyun.kernel.ids import uuid7
from chengyun.kernel.security import hash_password, new_token, same, token_digest, verify_password
from chengyun.kernel.settings import get_settings
from chengyun.regions import service as regions

SESSION_COOKIE = "cy_session"
CSRF_COOKIE = "cy_csrf"
CSRF_HEADER = "x-csrf-token"
KEY_PREFIX = "cyk_"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,39}\Z", re.ASCII)
LONGEST_LOCK = timedelta(hours=24)
_TOUCH_SECONDS = 60.0
# Calls that work with a cookie that has ended: otherwise nobody could sign in again.
_OPEN = {("POST", "/api/v1/session"), ("DELETE", "/api/v1/session"), ("GET", "/api/v1/about"), ("GET", "/api/v1/openapi.json")}
# Each look at a password takes 19 MiB: many at once wait for each other instead of filling the memory.
_looks = BoundedSemaphore(8)


@dataclass(frozen=True)
class Login:
    """A fresh log-in: the secrets for the two cookies, and whose it is."""

    token: str
    csrf: str
    seconds: int
    person: Person


def span(seconds: float) -> timedelta:
    """So many real seconds on the city's clock, which a demonstration may let run faster."""
    return timedelta(seconds=seconds * clock.speed())


def csrf_of(token: str) -> str:
    """The second cookie of a log-in. It follows from the first one, so nobody can plant a pair of his own."""
    return sha256(b"csrf:" + token.encode()).hexdigest()


def language_of(request: Request, own: str) -> str:
    """The language that the page asks for, else the person's own."""
    for part in request.headers.get("accept-language", "").split(","):
        tag = part.split(";")[0].strip().lower()
        if tag[:2] in ("zh", "en"):
            return "zh-CN" if tag.startswith("zh") else "en"
    return own


def address(request: Request) -> str:
    """Where a request comes from; behind a trusted proxy what that one says."""
    return request.client.host if request.client else ""


def authenticate(request: Request) -> Actor | None:
    """Who calls, or None for nobody; refuses a bad or ended key or cookie. One query, a second one for people of a district.

    `Authorization: Basic` belongs to devices: not our business.
    """
    header = request.headers.get("authorization")
    if header is not None:
        scheme, _, value = header.partition(" ")
        if scheme.lower() == "basic":
            return None
        return _by_key(request, value.strip() if scheme.lower() == "bearer" else "")
    token = request.cookies.get(SESSION_COOKIE)
    if not token or (request.method, request.scope["path"]) == ("POST", "/api/v1/session"):
        return None
    actor = _by_session(request, token)
    if actor is None:
        if (request.method, request.scope["path"]) in _OPEN:
            return None
        raise Problem("session.expired")
    if request.method not in SAFE_METHODS:
        _check_csrf(request, token)
    return actor


def _check_csrf(request: Request, token: str) -> None:
    expected = csrf_of(token)
    if not (same(request.headers.get(CSRF_HEADER, ""), expected) and same(request.cookies.get(CSRF_COOKIE, ""), expected)):
        raise Problem("access.csrf")


def _by_session(request: Request, token: str) -> Actor | None:
    now = clock.now()
    with transaction(Scope.everything()) as session:
        found = repository.session_by_digest(session, token_digest(token))
        if found is None or not _is_alive(found[0], now) or found[1].user.state != "active":
            return None
        row, person = found
        if now - row.seen_at >= span(min(_TOUCH_SECONDS, get_settings().session_idle_minutes * 3)):
            repository.touch_session(session, row.id, now)
        return actor_of(session, person, language_of(request, person.user.language), address(request), row.id)


def _is_alive(row: UserSession, now: datetime) -> bool:
    return now < row.expires_at and now - row.seen_at < span(get_settings().session_idle_minutes * 60)


def actor_of(session: Session, person: Person, lang: str, ip: str = "", session_id: UUID | None = None) -> Actor:
    """The actor behind a person."""
    user = person.user
    return Actor(
        name=user.name,
        user_id=user.id,
        org_id=user.org_id,
        posts=person.posts,
        permissions=person.permissions,
        scope=scope_of(session, person.area_codes),
        area_code=person.organisation.area_code,
        lang=lang,
        ip=ip,
        session_id=session_id,
    )


def scope_of(session: Session, area_codes: tuple[str, ...]) -> Scope:
    """What somebody in charge of these areas may see; the whole city is everything."""
    if get_settings().city_code in area_codes:
        return Scope.everything()
    return regions.scope(session, area_codes)


def _by_key(request: Request, secret: str) -> Actor:
    if not secret.startswith(KEY_PREFIX):
        raise Problem("apikey.invalid")
    now = clock.now()
    with transaction(Scope.everything()) as session:
        key = repository.key_by_digest(session, token_digest(secret))
        if key is None or key.revoked_at is not None:
            raise Problem("apikey.invalid")
        if key.expires_at is not None and key.expires_at <= now:
            raise Problem("apikey.expired")
        if key.last_used_at is None or now - key.last_used_at >= span(_TOUCH_SECONDS):
            repository.touch_key(session, key.id, now)
        return _key_actor(session, key, request)


def _key_actor(session: Session, key: ApiKey, request: Request) -> Actor:
    return Actor(
        name=key.name,
        api_key_id=key.id,
        permissions=frozenset(key.permissions),
        scope=scope_of(session, tuple(key.area_codes)),
        area_code=key.region_code,
        lang=language_of(request, get_settings().language),
        ip=address(request),
    )


def is_current(actor: Actor) -> bool:
    """Whether a log-in or key that opened something long, such as a live stream, still stands with the same rights and area."""
    now = clock.now()
    with read_only(Scope.everything()) as session:
        if actor.session_id is None:
            return actor.api_key_id is not None and repository.key_stands(session, actor.api_key_id, now)
        found = repository.session_by_id(session, actor.session_id)
        if found is None or not _is_alive(found[0], now) or found[1].user.state != "active":
            return False
        person = found[1]
        return person.permissions == actor.permissions and scope_of(session, person.area_codes) == actor.scope


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    """What is compared when there is no such user, so that the answer takes as long."""
    return hash_password(new_token())


def _look(stored: str, password: str) -> bool:
    with _looks:
        return verify_password(stored, password[: passwords.LONGEST * 4])


def sign_in(username: str, password: str, ip: str, before: str | None = None) -> Login:
    """Check a password and begin a log-in; the one that the browser had `before` ends.

    An unknown name, a wrong password and a lock look the same whether or not there is such a user.
    """
    nobody = _nobodys_hash()
    name = username.strip().lower()
    if not USERNAME.match(name):
        _look(nobody, password)
        raise Problem("session.invalid")
    with transaction(Scope.everything()) as session:
        _count(session, name)
        person = repository.person_by_name(session, name)
    right = _look(person.user.password_hash if person else nobody, password)
    if person is None or not right:
        _refuse(name, person, ip)
        raise Problem("session.invalid")
    return _open(person, ip, before)


def _count(session: Session, username: str) -> None:
    """Count a try; refuses while the name is locked. A try counts even when the transaction's caller then refuses it."""
    now, settings = clock.now(), get_settings()
    until = repository.count_attempt(
        session, username, now, settings.lockout_attempts, span(settings.lockout_minutes * 60), span(LONGEST_LOCK.total_seconds())
    )
    if until is not None:
        seconds = max(1, ceil((until - now).total_seconds() / clock.speed()))
        raise Problem("session.locked", minutes=ceil(seconds / 60), extra={"retry_after": seconds})


def _refuse(username: str, person: Person | None, ip: str) -> None:
    """Record a wrong password. A name that nobody has is not written down: it may be a password in the wrong box."""
    with transaction(Scope.everything()) as session:
        locked = repository.locks(session, [username], clock.now())
        detail = {"reason": "password" if person else "unknown", "locked": bool(locked)}
        who, region = (person.user.name, person.organisation.area_code) if person else ("", get_settings().city_code)
        user_id = person.user.id if person else None
        actor = Actor(name=who, user_id=user_id, org_id=person.user.org_id if person else None, ip=ip)
        trail.write(session, actor, "session.refuse", "user", str(user_id or ""), detail, region)


def _open(person: Person, ip: str, before: str | None) -> Login:
    token, now, hours = new_token(), clock.now(), get_settings().session_hours
    user = person.user
    with transaction(Scope.everything()) as session:
        # The password or the state may have changed while this one was looked at.
        fresh = people.lock(session, user.id)
        if fresh is None or fresh.password_hash != user.password_hash:
            raise Problem("session.invalid")
        repository.clear_attempts(session, [user.username])
        actor = Actor(name=user.name, user_id=user.id, org_id=user.org_id, ip=ip, area_code=person.organisation.area_code)
        disabled = fresh.state != "active"
        if disabled:
            trail.write(session, actor, "session.refuse", "user", str(user.id), {"reason": "disabled"}, None)
        else:
            if before:
                repository.end_session(session, token_digest(before))
            fresh.last_login_at = now
            row = UserSession(
                id=uuid7(),
                user_id=user.id,
                token_digest=token_digest(token),
                created_at=now,
                seen_at=now,
                expires_at=now + span(hours * 3600),
                ip=ip[:64],
            )
            repository.add_session(session, row)
            trail.write(session, actor, "session.open", "user", str(user.id), {}, None)
    if disabled:
        raise Problem("session.disabled")
    return Login(token, csrf_of(token), int(hours * 3600), person)


def sign_out(token: str | None, ip: str) -> None:
    """End the log-in of a cookie; a cookie that means nothing is no error."""
    if not token:
        return
    with transaction(Scope.everything()) as session:
        user_id = repository.end_session(session, token_digest(token))
        person = repository.person_by_id(session, user_id) if user_id else None
        if person is not None:
            user = person.user
            actor = Actor(name=user.name, user_id=user.id, org_id=user.org_id, ip=ip, area_code=person.organisation.area_code)
            trail.write(session, actor, "session.close", "user", str(user.id), {}, None)


def change_own_password(actor: Actor, current: str, new: str) -> None:
    """Give oneself a new password; all one's other log-ins end. Wrong tries count as at signing in."""
    if actor.user_id is None or actor.session_id is None:
        raise Problem("session.needed")
    with transaction(Scope.everything()) as session:
        person = repository.person_by_id(session, actor.user_id)
        if person is None:
            raise Problem("session.expired")
        _count(session, person.user.username)
    if not _look(person.user.password_hash, current):
        _refuse(person.user.username, person, actor.ip)
        raise Problem("password.wrong", field="current_password")
    with transaction(Scope.everything()) as session:
        repository.clear_attempts(session, [person.user.username])
    if same(current, new):
        raise Problem("password.same", field="new_password")
    passwords.check(new, person.user.username, "new_password")
    hashed = hash_password(new)
    with transaction(Scope.everything()) as session:
        user = people.lock(session, actor.user_id)
        if user is None or user.password_hash != person.user.password_hash:
            raise Problem("password.wrong", field="current_password")
        user.password_hash, user.must_change_password, user.changed_at = hashed, False, clock.now()
        ended = repository.end_sessions(session, user.id, but=actor.session_id)
        trail.write(session, actor, "password.change", "user", str(user.id), {"sessions_ended": ended}, user.region_code)


def myself(user_id: UUID | None, lang: str) -> tuple[Person, str]:
    """The person who has signed in with unit and posts, and the unit's area in words; programs by key are nobody here."""
    if user_id is None:
        raise Problem("session.needed")
    with read_only(Scope.everything()) as session:
        person = repository.person_by_id(session, user_id)
        if person is None:
            raise Problem("session.expired")
        return person, regions.name(session, person.organisation.area_code, lang)


def purge() -> int:
    """Drop log-ins that have ended and wrong passwords of long ago; returns how many log-ins."""
    now = clock.now()
    idle = now - span(get_settings().session_idle_minutes * 60)
    with transaction(Scope.everything()) as session:
        return repository.purge(session, now, idle, now - span(2 * LONGEST_LOCK.total_seconds()))
