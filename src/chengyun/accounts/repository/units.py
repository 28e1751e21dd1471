"""SQL of units and roles, which everybody signed in may see."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chengyun.accounts.models import Organisation, Role, User, UserRole

_TREE_LOCK = 0x756E697473


def lock_tree(session: Session) -> None:
    """Let one change of the tree at a time look for circles."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _TREE_LOCK})


def get(session: Session, org_id: UUID) -> Organisation | None:
    """A unit by identity."""
    return session.get(Organisation, org_id)


def lock(session: Session, org_id: UUID) -> Organisation | None:
    """A unit, held until the transaction ends."""
    return session.get(Organisation, org_id, with_for_update=True, populate_existing=True)


def by_key(session: Session, key: str) -> Organisation | None:
    """A unit by its short name."""
    return session.scalar(select(Organisation).where(Organisation.key == key))


def by_ids(session: Session, ids: Iterable[UUID]) -> dict[UUID, Organisation]:
    """Many units at once."""
    wanted = set(ids)
    if not wanted:
        return {}
    return {o.id: o for o in session.scalars(select(Organisation).where(Organisation.id.in_(wanted)))}


def find(
    session: Session, kind: str | None, area_code: str | None, q: str | None, parent_id: UUID | None = None, *, dissolved: bool = False
) -> list[Organisation]:
    """Units by area and key; those dissolved only when asked for."""
    stmt = select(Organisation).order_by(Organisation.area_code, Organisation.key)
    if kind:
        stmt = stmt.where(Organisation.kind == kind)
    if area_code:
        stmt = stmt.where(Organisation.area_code == area_code)
    if parent_id:
        stmt = stmt.where(Organisation.parent_id == parent_id)
    if q:
        columns = (Organisation.name, Organisation.name_en, Organisation.key)
        stmt = stmt.where(or_(*[c.icontains(q, autoescape=True) for c in columns]))
    if not dissolved:
        stmt = stmt.where(Organisation.active)
    return list(session.scalars(stmt))


def add(session: Session, row: Organisation) -> None:
    """Store a new unit."""
    session.add(row)
    session.flush()


def add_if_new(session: Session, values: dict[str, Any]) -> UUID:
    """Store a unit unless its key is there; returns its identity either way."""
    stmt = insert(Organisation).values(values).on_conflict_do_nothing(index_elements=["key"]).returning(Organisation.id)
    made = session.execute(stmt).scalar()
    return made or session.execute(select(Organisation.id).where(Organisation.key == values["key"])).scalar_one()


def ids_by_key(session: Session, keys: Iterable[str]) -> dict[str, UUID]:
    """Identities of units by their short names."""
    rows = session.execute(select(Organisation.key, Organisation.id).where(Organisation.key.in_(set(keys))))
    return {row[0]: row[1] for row in rows}


def add_many(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Store new units, parents first."""
    if rows:
        session.execute(insert(Organisation), list(rows))


def ancestors(session: Session, org_id: UUID) -> set[UUID]:
    """A unit and all that stand above it."""
    base = select(Organisation.id, Organisation.parent_id).where(Organisation.id == org_id).cte("above", recursive=True)
    step = select(Organisation.id, Organisation.parent_id).join(base, Organisation.id == base.c.parent_id)
    return set(session.scalars(select(base.union(step).c.id)))


def in_use(session: Session, org_id: UUID) -> tuple[int, int]:
    """How many active users and units a unit still has."""
    users = select(func.count()).select_from(User).where(User.org_id == org_id, User.state == "active").scalar_subquery()
    below = select(func.count()).select_from(Organisation).where(Organisation.parent_id == org_id, Organisation.active)
    row = session.execute(select(users, below.scalar_subquery())).one()
    return int(row[0]), int(row[1])


def children(session: Session, org_id: UUID) -> list[Organisation]:
    """The units right below one."""
    return list(session.scalars(select(Organisation).where(Organisation.parent_id == org_id, Organisation.active)))


def roles(session: Session) -> list[Role]:
    """All roles, the built-in ones first."""
    return list(session.scalars(select(Role).order_by(Role.built_in.desc(), Role.key)))


def role(session: Session, key: str) -> Role | None:
    """A role, held until the transaction ends."""
    return session.get(Role, key, with_for_update=True, populate_existing=True)


def roles_by_key(session: Session, keys: Iterable[str]) -> dict[str, Role]:
    """Those of some roles that there are."""
    return {r.key: r for r in session.scalars(select(Role).where(Role.key.in_(set(keys))))}


def add_role(session: Session, row: Role) -> None:
    """Store a new role."""
    session.add(row)
    session.flush()


def put_built_in(session: Session, rows: Sequence[dict[str, Any]], at: datetime) -> None:
    """Insert or renew the built-in roles; rows that are as they should be stay untouched."""
    stmt = insert(Role)
    values = {c: stmt.excluded[c] for c in ("name", "name_en", "description", "permissions", "built_in", "changed_at")}
    changed = or_(*[getattr(Role, c).is_distinct_from(stmt.excluded[c]) for c in values if c != "changed_at"])
    stmt = stmt.on_conflict_do_update(index_elements=["key"], set_=values, where=changed)
    session.execute(stmt, [{**row, "built_in": True, "changed_at": at} for row in rows])


def other_permissions_of_holders(session: Session, key: str) -> list[list[str]]:
    """What those who hold a role may do by their other roles."""
    holds = select(UserRole.user_id).where(UserRole.role_key == key)
    given = func.string_agg(func.array_to_string(Role.permissions, " "), " ")
    stmt = select(given).join(UserRole, UserRole.role_key == Role.key)
    stmt = stmt.where(UserRole.user_id.in_(holds), Role.key != key).group_by(UserRole.user_id)
    return [words.split() for words in session.scalars(stmt)]
