"""Rows for any table, made from what the database says about its columns; for tests that hold for all tables."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_type_hints
from uuid import UUID

import psycopg

from chengyun.kernel.db import Base

_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), t.typname, t.typcategory, t.typtype, a.atttypmod,
       a.attnotnull, a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '',
       (SELECT e.enumlabel FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder LIMIT 1)
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
 WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_TABLES = """
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'region_code' AND NOT a.attisdropped
 WHERE c.relkind IN ('r', 'p') AND n.nspname = 'public' ORDER BY 1
"""
_PLAIN = {
    "bool": "true",
    "timestamptz": "2026-11-25 04:00:00+00",
    "timestamp": "2026-11-25 04:00:00",
    "date": "2026-11-25",
    "time": "12:00",
    "interval": "1 hour",
    "point": "(106.57,29.56)",
    "box": "((106.58,29.57),(106.57,29.56))",
    "polygon": "((106.57,29.56),(106.58,29.56),(106.58,29.57))",
    "inet": "10.0.0.1",
}
# Words that only the API knows the choice of.
_WORDS = {
    ("case_photo", "phase"): "before",
    ("case_record", "state"): "reported",
    ("case_record", "source"): "alarm",
    ("map_layer", "kind"): "point",
}


@dataclass(frozen=True)
class Maker:
    """Makes one row of each table for a place. All its identities and words are the same, so the rows of a place belong together."""

    number: int
    region_code: str

    @property
    def identity(self) -> UUID:
        """What stands in every UUID column."""
        return UUID(int=(0xA11CE << 100) | (0x4 << 76) | (0b10 << 62) | self.number)

    def row(self, connection: psycopg.Connection[Any], table: str) -> dict[str, tuple[str, str]]:
        """Column → (text, type), for all columns that need a value or are looked at by others."""
        allowed = _allowed(connection, table)
        found = {}
        for name, kind, base, category, form, modifier, needed, given, label in connection.execute(_COLUMNS, (table,)).fetchall():
            if name == "region_code":
                found[name] = (self.region_code, kind)
            elif (needed and not given) or (base == "uuid" and not given):
                found[name] = (
                    allowed.get(name) or _WORDS.get((table, name)) or self._value(table, name, base, category, form, modifier, label),
                    kind,
                )
        return found

    def _value(self, table: str, name: str, base: str, category: str, form: str, modifier: int, label: str | None) -> str:
        lists = _lists()
        if form == "e":
            return str(label)
        if base in ("json", "jsonb"):
            return "[]" if (table, name) in lists else "{}"
        if base in _PLAIN:
            return _PLAIN[base]
        if base == "uuid":
            return str(self.identity)
        if base == "bytea":
            return f"\\x{self.number:08x}"
        if category == "A":
            return "{}"
        if category == "N":
            return str(self.number)
        if category == "R":
            return "empty"
        if category == "S":
            text = f"{self.number}x"
            return text[: modifier - 4] if 4 < modifier < len(text) + 4 else text
        raise AssertionError(f"no value is known for {name} of type {base}")


@lru_cache(maxsize=1)
def _lists() -> frozenset[tuple[str, str]]:
    """Table and column of JSON that is a list by its declaration."""
    found = set()
    for mapper in Base.registry.mappers:
        for name, kind in get_type_hints(mapper.class_).items():
            if "list[" in str(kind):
                found.add((str(mapper.local_table.name), name))
    return frozenset(found)


def _allowed(connection: psycopg.Connection[Any], table: str) -> dict[str, str]:
    """Column → first of the words that a check constraint lists."""
    found: dict[str, str] = {}
    stmt = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'"
    for (text,) in connection.execute(stmt, (table,)).fetchall():
        match = re.match(r"CHECK \(\(+\"?(\w+)\"?\)?(?:::text)? = ANY .*?'([^']*)'", text)
        if match:
            found.setdefault(match[1], match[2])
    return found


def area_tables(connection: psycopg.Connection[Any]) -> list[str]:
    """Every table of the database that has a column `region_code`."""
    return [name for (name,) in connection.execute(_TABLES.encode()).fetchall()]


def other_tables(rooms: set[str], but: list[str]) -> list[str]:
    """Tables of some rooms that have no area: what the rows with one point to."""
    found = {m.local_table.name for m in Base.registry.mappers if m.class_.__module__.split(".")[1] in rooms}
    return sorted(found - set(but))


def insert(connection: psycopg.Connection[Any], table: str, row: dict[str, tuple[str, str]], *, unless_there: bool = False) -> None:
    """Store a row as whoever the connection is."""
    columns = ", ".join(f'"{name}"' for name in row)
    values = ", ".join(f"%s::{kind}" for _, kind in row.values())
    conflict = " ON CONFLICT DO NOTHING" if unless_there else ""
    connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({values}){conflict}".encode(), [value for value, _ in row.values()])


def loosen(connection: psycopg.Connection[Any], tables: list[str]) -> None:
    """Take away, in a database of a test's own, what has nothing to do with areas but refuses made-up rows."""
    for table in tables:
        stmt = "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('c', 'f') AND conparentid = 0"
        for (name,) in connection.execute(stmt, (table,)).fetchall():
            connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'.encode())
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
