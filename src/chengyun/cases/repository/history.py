"""SQL of bulk loading: COPY into temporary tables, then one INSERT each, because COPY cannot go into tables with row-level security."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ARRAY, Boolean, Column, Date, DateTime, Float, Integer, LargeBinary, String, Table, Uuid
from sqlalchemy.orm import Session

from chengyun.cases.models import CaseEvent, CaseRecord, CaseText
from chengyun.kernel.db import Base
from chengyun.kernel.raw import raw

_TYPES: tuple[tuple[type[Any], str], ...] = (
    (ARRAY, "uuid[]"),
    (Boolean, "bool"),
    (DateTime, "timestamptz"),
    (Date, "date"),
    (Float, "float8"),
    (Integer, "int4"),
    (LargeBinary, "bytea"),
    (Uuid, "uuid"),
    (String, "text"),
)


def load(
    session: Session,
    cases: Sequence[Sequence[Any]],
    columns: Sequence[str],
    events: Iterable[Sequence[Any]],
    words: Iterable[Sequence[Any]],
) -> None:
    """Store cases, their events and their words."""
    _copy(session, CaseRecord, columns, cases)
    _copy(session, CaseEvent, ("case_id", "sequence", "time", "operation", "body", "hash", "region_code"), events)
    _copy(session, CaseText, ("case_id", "words"), words)


def _copy(session: Session, model: type[Base], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    table = model.__table__
    if not isinstance(table, Table):
        raise TypeError(model)
    names = ", ".join(columns)
    with raw(session).cursor() as cursor:
        types = [_type(table.c[name]) for name in columns]
        shape = ", ".join(f"{name} {kind}" for name, kind in zip(columns, types, strict=True))
        cursor.execute(f"CREATE TEMP TABLE incoming ({shape}) ON COMMIT DROP".encode())
        with cursor.copy(f"COPY incoming ({names}) FROM STDIN (FORMAT binary)".encode()) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)
        cursor.execute(f"INSERT INTO {table.name} ({names}) SELECT {names} FROM incoming".encode())  # noqa: S608
        cursor.execute(b"DROP TABLE incoming")


def _type(column: Column[Any]) -> str:
    return next(name for kind, name in _TYPES if isinstance(column.type, kind))
