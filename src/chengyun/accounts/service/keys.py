"""API keys: with which programs, not people, call."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from chengyun.accounts.models import ApiKey
from chengyun.accounts.permissions import KEY_PERMISSIONS
from chengyun.accounts.repository import keys as repository
from chengyun.accounts.service import areas
from chengyun.accounts.service.access import KEY_PREFIX
from chengyun.kernel import clock
from chengyun.kernel.errors import Problem
from chengyun.kernel.http import Actor, audit
from chengyun.kernel.ids import uuid7
from chengyun.kernel.security import new_token, token_digest
from chengyun.kernel.settings import get_settings
from chengyun.standards.codes import parse_division

LONGEST_YEARS = 5
_HINT = 10
OPERATOR = Actor(name="chengyun")


def create_api_key(
    session: Session,
    actor: Actor | None,
    *,
    name: str,
    permissions: Iterable[str],
    area_codes: Iterable[str],
    expires_at: datetime | None = None,
) -> tuple[UUID, str]:
    """Make a key; returns its identity and the secret, which is not kept. Without an actor the platform's operator makes it.

    A key never administers; its area lies within the maker's. Without areas an operator's key reaches the whole city.
    """
    wanted, codes, now = sorted(set(permissions)), sorted(set(area_codes)), clock.now()
    for permission in wanted:
        if permission not in KEY_PERMISSIONS:
            raise Problem("apikey.permission", field="permissions", permission=permission)
    if expires_at is not None and not now < expires_at <= now + timedelta(days=366 * LONGEST_YEARS):
        raise Problem("apikey.expiry", field="expires_at", years=LONGEST_YEARS)
    for i, code in enumerate(codes):
        if actor is None:
            parse_division(code, f"area_codes.{i}")
        else:
            areas.require_within(session, actor, code, f"area_codes.{i}")
    home = _home(actor, codes)
    secret = KEY_PREFIX + new_token()
    row = ApiKey(
        id=uuid7(),
        name=name,
        hint=secret[:_HINT],
        secret_digest=token_digest(secret),
        permissions=wanted,
        area_codes=codes or [home],
        region_code=home,
        created_by=actor.user_id if actor else None,
        created_at=now,
        expires_at=expires_at,
    )
    repository.add(session, row)
    detail = {"name": name, "permissions": wanted, "area_codes": row.area_codes, "expires_at": expires_at}
    audit(session, actor or OPERATOR, "api_key.add", "api_key", row.id, detail, home)
    return row.id, secret


def _home(actor: Actor | None, codes: list[str]) -> str:
    """Whose key it is: of the one area that it reaches, else of the maker's."""
    if len(codes) == 1:
        return codes[0]
    if actor is None:
        return get_settings().city_code
    return actor.area_code if actor.scope.contains(actor.area_code) or not codes else codes[0]


def revoke(session: Session, actor: Actor, key_id: UUID) -> None:
    """Take a key out of force, with the next request; its line stays, for the audit log."""
    row = repository.lock(session, key_id)
    if row is None:
        raise Problem("object.not_found")
    if row.revoked_at is None:
        row.revoked_at = clock.now()
        session.flush()
        audit(session, actor, "api_key.revoke", "api_key", row.id, {"name": row.name}, row.region_code)
