"""Pages by key, never by offset: the next page starts after the last row seen, at the same cost on the millionth page."""

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Select, and_, bindparam, or_

from chengyun.kernel.errors import Problem

T = TypeVar("T")
Limit = Annotated[int, Query(ge=1, le=200, description="Rows on a page")]
Cursor = Annotated[str | None, Query(max_length=2000, description="`next` of the page before")]


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next: str | None = Field(None, description="Pass as `cursor` for the next page; null on the last one")
    estimated_total: int | None = Field(None, description="Roughly how many rows there are; null when not known cheaply")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"t": value.isoformat()}
    if isinstance(value, UUID):
        return {"u": str(value)}
    return value


def _rich(value: Any) -> Any:
    if isinstance(value, dict):
        return datetime.fromisoformat(value["t"]) if "t" in value else UUID(value["u"])
    return value


def encode_cursor(values: Sequence[Any]) -> str:
    """The opaque text for the key of a row."""
    return base64.urlsafe_b64encode(json.dumps([_plain(v) for v in values]).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, count: int) -> list[Any]:
    """The key behind a cursor; refuses what this platform did not make."""
    try:
        raw = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        values = [_rich(v) for v in raw]
        if len(values) != count:
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise Problem("request.cursor", field="cursor") from None
    return values


def keyset(stmt: Select[Any], columns: Sequence[tuple[Any, str]], cursor: str | None, limit: int) -> Select[Any]:
    """Order a statement by `columns` (`(column, "asc" | "desc")`, the last one unique, none of them null) and start after the cursor.

    One row more than `limit` is asked for, so that `page` knows whether another page follows.
    """
    ordered = stmt.order_by(*[c.desc() if direction == "desc" else c.asc() for c, direction in columns])
    if cursor:
        values = decode_cursor(cursor, len(columns))
        ordered = ordered.where(_after(columns, values))
    return ordered.limit(limit + 1)


def _after(columns: Sequence[tuple[Any, str]], values: Sequence[Any]) -> ColumnElement[bool]:
    bound = [bindparam(None, v, type_=c.type, unique=True) for (c, _), v in zip(columns, values, strict=True)]
    steps = []
    for i, (column, direction) in enumerate(columns):
        same = [c == b for (c, _), b in zip(columns[:i], bound[:i], strict=True)]
        steps.append(and_(*same, column < bound[i] if direction == "desc" else column > bound[i]))
    return or_(*steps)


def page_of(rows: Sequence[Any], limit: int, keys: Sequence[str]) -> tuple[list[Any], str | None]:
    """Split rows fetched with `keyset` into the page and the cursor of the next one; `keys` are attribute names of the key."""
    shown = list(rows[:limit])
    if len(rows) <= limit or not shown:
        return shown, None
    return shown, encode_cursor([getattr(shown[-1], key) for key in keys])
