"""Pages by key, never by offset: the next page starts after the last row seen, at the same cost on the millionth page."""

import base64
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import BigInteger, ColumnElement, Integer, Select, SmallInteger, and_, bindparam, or_

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


def _rich(value: Any, kind: type) -> Any:
    """A value of a cursor as the type that its column needs; ValueError for anything else."""
    if kind in _TAGGED:
        tag, read = _TAGGED[kind]
        if not isinstance(value, dict) or list(value) != [tag] or not isinstance(value[tag], str):
            raise ValueError("a tagged text was expected")
        return read(value[tag])
    if type(value) is not kind:
        raise ValueError("another type was expected")
    if isinstance(value, str):
        _check_text(value)
    return value


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time without a zone")
    return found


def _check_text(text: str) -> None:
    """What the database can hold: no NUL, no halves of letters."""
    if "\0" in text:
        raise ValueError("NUL in a text")
    text.encode()


_TAGGED: dict[type, tuple[str, Callable[[str], Any]]] = {datetime: ("t", _moment), UUID: ("u", UUID)}
# Beyond these the database cannot even compare.
_BITS = ((SmallInteger, 16), (BigInteger, 64), (Integer, 32))


def encode_cursor(values: Sequence[Any]) -> str:
    """The opaque text for the key of a row."""
    return base64.urlsafe_b64encode(json.dumps([_plain(v) for v in values]).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, kinds: Sequence[type]) -> list[Any]:
    """The key behind a cursor, one value of each of `kinds`; refuses what this platform did not make."""
    try:
        raw = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(raw, list):
            raise ValueError("a list was expected")
        return [_rich(value, kind) for value, kind in zip(raw, kinds, strict=True)]
    except (ValueError, OverflowError, RecursionError):
        raise _refused() from None


def _refused() -> Problem:
    return Problem("request.cursor", field="cursor")


def _check_bounds(columns: Sequence[tuple[Any, str]], values: Sequence[Any]) -> None:
    for (column, _), value in zip(columns, values, strict=True):
        if type(value) is int:
            bits = next((bits for kind, bits in _BITS if isinstance(column.type, kind)), 64)
            if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
                raise _refused()


def keyset(stmt: Select[Any], columns: Sequence[tuple[Any, str]], cursor: str | None, limit: int) -> Select[Any]:
    """Order a statement by `columns` (`(column, "asc" | "desc")`, the last one unique, none of them null) and start after the cursor.

    One row more than `limit` is asked for, so that `page` knows whether another page follows.
    """
    ordered = stmt.order_by(*[c.desc() if direction == "desc" else c.asc() for c, direction in columns])
    if cursor:
        values = decode_cursor(cursor, [column.type.python_type for column, _ in columns])
        _check_bounds(columns, values)
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
