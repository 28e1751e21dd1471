"""Whether one area lies within another, by today's divisions."""

from sqlalchemy.orm import Session

from chengyun.kernel.db import Scope
from chengyun.kernel.errors import Problem
from chengyun.kernel.http import Actor
from chengyun.kernel.settings import get_settings
from chengyun.regions import service as regions


def covers(session: Session, scope: Scope, code: str) -> bool:
    """Whether all land of a division lies within a scope."""
    if scope.everywhere:
        return True
    if code == get_settings().city_code:
        return False
    return all(any(low <= a and b <= high for low, high in scope.ranges) for a, b in regions.scope_ranges(session, code))


def require_within(session: Session, actor: Actor, code: str, field: str) -> str:
    """A division that there is and that lies in the actor's area; nobody gives an area that he has not himself."""
    regions.require(session, code, field=field)
    if not covers(session, actor.scope, code):
        raise Problem("area.outside", field=field, area=code)
    return code
