"""PostgreSQL: tables, transactions, and the one mechanism by which a user sees only its area.

Rows that belong to an area carry `region_code`. Row-level security (installed by `migrate`) compares it with the
code ranges that `transaction` sets at its start; a transaction without a scope sees and writes nothing.
PostgreSQL refuses `COPY … FROM` into a table with row-level security: bulk loads copy into a temporary table first.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar

import psycopg
from psycopg_pool import ConnectionPool
from sqlalchemy import DateTime, Engine, MetaData, String, create_engine, event, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from chengyun.kernel import addresses
from chengyun.kernel.settings import get_settings

APP_ROLE = "chengyun_app"
# A database that does not answer is told to the caller soon, not after half a minute.
CONNECT_SECONDS = 5
WAIT_SECONDS = 10.0
CODE = String(15, collation="C")


class Base(DeclarativeBase):
    """Parent of every table."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: DateTime(timezone=True)}


class AreaBound:
    """A row that belongs to an area: seen and changed only by those whose scope covers its code."""

    region_code: Mapped[str] = mapped_column(CODE, doc="Division code of the place: 6 district, 9 street, 12 community or 15 unit grid")


@dataclass(frozen=True)
class Scope:
    """The areas that somebody may see and change: half-open ranges of division codes, compared as text."""

    ranges: tuple[tuple[str, str], ...] = ()
    everywhere: bool = False

    @classmethod
    def everything(cls) -> "Scope":
        """No limit; for the platform's own processes and for officers of the whole city."""
        return cls(everywhere=True)

    @classmethod
    def nothing(cls) -> "Scope":
        """No area at all."""
        return cls()

    @classmethod
    def of(cls, ranges: Iterable[tuple[str, str]]) -> "Scope":
        """The union of half-open ranges such as `("500103", "500104")`; bounds are letters and digits only."""
        merged: list[tuple[str, str]] = []
        for low, high in sorted(ranges):
            if not (low.isalnum() and high.isalnum() and low < high):
                raise ValueError(f"not a range of division codes: {low!r}–{high!r}")
            if merged and low <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        return cls(tuple(merged))

    def contains(self, code: str) -> bool:
        """Whether a division code lies in the scope."""
        return self.everywhere or any(low <= code < high for low, high in self.ranges)

    def parameters(self) -> tuple[str, str, str]:
        """What row-level security reads: the ranges, the least code and the code after the greatest."""
        if self.everywhere:
            return "all", "", "~"
        if not self.ranges:
            return "{}", "", ""
        return "{" + ",".join(f"[{a},{b})" for a, b in self.ranges) + "}", self.ranges[0][0], self.ranges[-1][1]


_SET_SCOPE = (
    "SELECT set_config('chengyun.scope', {0}, true), set_config('chengyun.scope_low', {1}, true),"
    " set_config('chengyun.scope_high', {2}, true)"
)
_SET_SCOPE_SQL = text(_SET_SCOPE.format(":scope", ":low", ":high"))
_SET_SCOPE_RAW = _SET_SCOPE.format("%s", "%s", "%s")


def sqlalchemy_url(url: str) -> str:
    """The same address with the driver's name that SQLAlchemy wants."""
    scheme, rest = url.split("://", 1)
    return f"postgresql+psycopg://{rest}" if scheme in ("postgresql", "postgres") else url


@lru_cache(maxsize=1)
def get_engine() -> Engine:
    """The engine of this process; its connections act as the role that row-level security binds."""
    return make_engine(addresses.database_url(), get_settings().database_pool)


def make_engine(url: str, pool_size: int = 5) -> Engine:
    """An engine whose sessions act as the application's role."""
    return create_engine(
        sqlalchemy_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        pool_timeout=WAIT_SECONDS,
        # What people send does not belong in the log of a failure.
        hide_parameters=True,
        connect_args=_connection(),
    )


def _connection() -> dict[str, Any]:
    return {
        "options": f"-c role={APP_ROLE} -c timezone=UTC",
        "application_name": "chengyun",
        "connect_timeout": CONNECT_SECONDS,
    }


@event.listens_for(Session, "after_begin")
def _apply_scope(session: Session, _transaction: Any, connection: Any) -> None:
    scope = session.info.get("scope", Scope.nothing())
    ranges, low, high = scope.parameters()
    connection.execute(_SET_SCOPE_SQL, {"scope": ranges, "low": low, "high": high})


def open_session(scope: Scope) -> Session:
    """A session whose every transaction is bound to a scope; the caller commits and closes it."""
    return Session(get_engine(), expire_on_commit=False, info={"scope": scope})


@contextmanager
def transaction(scope: Scope) -> Iterator[Session]:
    """One transaction: commits when the block ends, rolls back when it raises."""
    with open_session(scope) as session, session.begin():
        yield session


@contextmanager
def read_only(scope: Scope) -> Iterator[Session]:
    """One transaction in which nothing can be changed."""
    with open_session(scope) as session, session.begin():
        session.execute(text("SET TRANSACTION READ ONLY"))
        yield session


@lru_cache(maxsize=1)
def get_pool() -> ConnectionPool[psycopg.Connection[tuple[Any, ...]]]:
    """Plain psycopg connections for the hot paths, acting as the application's role."""
    return ConnectionPool(
        addresses.database_url(),
        min_size=0,
        max_size=get_settings().database_pool,
        open=True,
        timeout=WAIT_SECONDS,
        check=ConnectionPool.check_connection,
        kwargs=_connection(),
    )


@contextmanager
def raw_transaction(scope: Scope) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """One transaction on a plain psycopg connection, for COPY and MERGE."""
    with get_pool().connection() as connection, connection.transaction():
        connection.execute(_SET_SCOPE_RAW, scope.parameters())
        yield connection


def dispose() -> None:
    """Close all connections of this process and forget their address."""
    if get_engine.cache_info().currsize:
        get_engine().dispose()
        get_engine.cache_clear()
    if get_pool.cache_info().currsize:
        get_pool().close()
        get_pool.cache_clear()
