"""Cursors: what this platform made is a place in a list, anything else is refused."""

import base64
import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Column, DateTime, Integer, MetaData, SmallInteger, String, Table, Uuid, select

from chengyun.kernel.errors import Problem
from chengyun.kernel.paging import decode_cursor, encode_cursor, keyset

MOMENT = datetime(2026, 11, 25, 8, 30, 1, 123456, tzinfo=UTC)
ONE = UUID(int=7)
TABLE = Table(
    "t",
    MetaData(),
    Column("small", SmallInteger),
    Column("number", Integer),
    Column("big", BigInteger),
    Column("name", String(20)),
    Column("at", DateTime(timezone=True)),
    Column("id", Uuid),
)
ALL = [(TABLE.c[name], "asc") for name in ("small", "number", "big", "name", "at", "id")]
GOOD = [1, 2, 3, "名", MOMENT, ONE]


def made_up(content: Any) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def test_what_was_made_here_comes_back() -> None:
    assert decode_cursor(encode_cursor(GOOD), [int, int, int, str, datetime, UUID]) == GOOD
    keyset(select(TABLE), ALL, encode_cursor(GOOD), 10)


@pytest.mark.parametrize(
    ("position", "value"),
    [
        (0, 2**15),
        (1, 2**31),
        (2, 2**63),
        (2, -(2**63) - 1),
        (0, True),
        (0, 1.0),
        (0, "1"),
        (0, None),
        (3, 1),
        (3, "a\x00b"),
        (3, "\ud800"),
        (3, ["x"]),
        (4, 1),
        (4, "2026-11-25T08:30:01+00:00"),
        (4, {"t": "2026-11-25T08:30:01"}),
        (4, {"t": 5}),
        (4, {"t": "never"}),
        (4, {"u": str(ONE)}),
        (4, {"t": MOMENT.isoformat(), "u": str(ONE)}),
        (5, str(ONE)),
        (5, {"u": 5}),
        (5, {"u": "x"}),
        (5, {}),
    ],
)
def test_a_value_of_another_type_or_beyond_its_column_is_refused(position: int, value: Any) -> None:
    values: list[Any] = [1, 2, 3, "名", {"t": MOMENT.isoformat()}, {"u": str(ONE)}]
    values[position] = value
    with pytest.raises(Problem) as refused:
        keyset(select(TABLE), ALL, made_up(values), 10)
    assert (refused.value.code, refused.value.status, refused.value.errors[0].field) == ("request.cursor", 400, "cursor")


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"[" * 1400, b"{}", b"null", b"7", b'"x"', b"[1]", b"[1,2,3]", b"[NaN,1]", b"[1" + b"0" * 1000 + b",1]"]
)
def test_what_is_no_list_of_two(content: bytes) -> None:
    with pytest.raises(Problem):
        decode_cursor(made_up(content), [int, str])


@given(st.text(max_size=60))
def test_any_text_is_a_place_or_a_refusal(text: str) -> None:
    with suppress(Problem):
        keyset(select(TABLE), [(TABLE.c.at, "desc"), (TABLE.c.id, "desc")], text, 10)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda x: st.lists(x, max_size=3) | st.dictionaries(st.sampled_from(["t", "u", "x"]), x, max_size=2),
)


@given(JSON)
def test_any_content_is_a_place_or_a_refusal(content: Any) -> None:
    with suppress(Problem):
        keyset(select(TABLE), [(TABLE.c.name, "asc"), (TABLE.c.number, "desc")], made_up(content), 10)
