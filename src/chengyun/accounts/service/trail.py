"""The audit log: who did or saw what, when, where from; written in the transaction of the deed."""

from typing import Any

import orjson
from sqlalchemy.orm import Session
from structlog.contextvars import get_contextvars

from chengyun.accounts.repository import trail
from chengyun.kernel import clock
from chengyun.kernel.http import Actor, register_audit_writer
from chengyun.kernel.ids import uuid7
from chengyun.kernel.settings import get_settings


def write(
    session: Session,
    actor: Actor,
    action: str,
    object_type: str,
    object_id: str,
    detail: dict[str, Any],
    region_code: str | None,
) -> None:
    """Add a line. Without an area of the object it is the actor's; the number of the request comes from the log context."""
    trail.add(
        session,
        {
            "id": uuid7(),
            "time": clock.now(),
            "actor_name": actor.name[:100],
            "user_id": actor.user_id,
            "api_key_id": actor.api_key_id,
            "org_id": actor.org_id,
            "action": action[:80],
            "object_type": object_type[:60],
            "object_id": object_id.replace("\0", "")[:200],
            "detail": _plain(detail),
            "ip": actor.ip[:64],
            "request_id": str(get_contextvars().get("request_id", ""))[:64],
            "region_code": (region_code or actor.area_code or get_settings().city_code)[:15],
        },
    )


def _plain(detail: dict[str, Any]) -> dict[str, Any]:
    """Ids and times as text; the database keeps no NUL in JSON."""
    text = orjson.dumps(detail, option=orjson.OPT_NON_STR_KEYS, default=str)
    plain: dict[str, Any] = orjson.loads(text.replace(b"\\u0000", b""))
    return plain


register_audit_writer(write)
