"""SQL of limits, routes and policies."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chengyun.cases.clocks import LimitRow
from chengyun.cases.models import CaseLimit, CasePolicy, CaseRoute

_LIMITS = select(*[getattr(CaseLimit, name) for name in LimitRow.__slots__])


def limits(session: Session, stages: Iterable[str], edition: str | None, kind: str | None, code: str | None) -> list[LimitRow]:
    """Rows of some stages that hold for all classes or for this one."""
    own = and_(CaseLimit.edition == edition, CaseLimit.class_kind == kind, CaseLimit.class_code == code)
    stmt = _LIMITS.where(CaseLimit.stage.in_(list(stages)), or_(CaseLimit.class_code == "", own))
    return [LimitRow(*row) for row in session.execute(stmt)]


def all_limits(session: Session) -> list[LimitRow]:
    """All limits."""
    return [LimitRow(*row) for row in session.execute(_LIMITS)]


def routes(session: Session) -> list[CaseRoute]:
    """All routes."""
    return list(session.scalars(select(CaseRoute)))


def policies(session: Session, pack: str) -> list[CasePolicy]:
    """Policies of a pack that are in force."""
    return list(session.scalars(select(CasePolicy).where(CasePolicy.pack == pack, CasePolicy.valid_to.is_(None)).with_for_update()))


def policy(session: Session, rule: str) -> CasePolicy | None:
    """The policy in force for a rule."""
    return session.execute(select(CasePolicy).where(CasePolicy.rule == rule, CasePolicy.valid_to.is_(None))).scalar_one_or_none()


def end_policies(session: Session, ids: list[UUID], at: datetime) -> None:
    """Take policies out of force."""
    session.execute(update(CasePolicy).where(CasePolicy.id.in_(ids)).values(valid_to=at))


def add_policies(session: Session, rows: list[dict[str, Any]]) -> None:
    """Put policies into force."""
    session.execute(insert(CasePolicy), rows)
