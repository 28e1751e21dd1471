"""Holidays and make-up working days as the State Council's office announces them, shipped for the years known so far."""

import csv
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib import resources


@dataclass(frozen=True)
class SpecialDay:
    """A date that differs from Monday–Friday: a holiday (`works` false) or a make-up working day."""

    day: date
    works: bool
    name: str
    name_en: str
    source: str


@lru_cache(maxsize=1)
def shipped() -> tuple[SpecialDay, ...]:
    """The days in `data/holidays.csv`, in order."""
    path = resources.files("chengyun.standards") / "data" / "holidays.csv"
    rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    return tuple(SpecialDay(date.fromisoformat(r["date"]), r["kind"] == "make_up", r["name"], r["name_en"], r["source"]) for r in rows)
