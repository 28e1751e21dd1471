"""Class tables (大类, 小类) of components and matters, by edition, and the way from the 2013 edition to the one of 2026.

The same name does not mean the same code across editions, so a class is always (edition, kind, code).
`data/*.csv` hold what the program ships; the database holds the rows in force, with a city's own extension classes.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from importlib import resources

from chengyun.kernel.errors import Problem
from chengyun.standards.codes import ComponentCode, Edition, Kind, MatterCode

_FILES = {Edition.GB47678_2026: "gbt47678_5_2026.csv", Edition.GB30428_2013: "gbt30428_2_2013.csv"}
_KIND_WORDS = {Kind.COMPONENT: ("部件", "component"), Kind.MATTER: ("事项", "matter")}
VALID_FROM = {Edition.GB47678_2026: date(2026, 7, 1), Edition.GB30428_2013: date(2014, 8, 15)}
EXTENSION = {Edition.GB47678_2026: (80, 999), Edition.GB30428_2013: (60, 99)}
"""Numbers that a city may give to classes of its own, the highest first."""
EXTENSION_MARK = "(自定义)"


class Relation(StrEnum):
    """What became of a 2013 class in the edition of 2026."""

    SAME = "same"
    RENAMED = "renamed"
    MOVED = "moved"
    MONITORING = "monitoring"
    WITHDRAWN = "withdrawn"
    RULE = "rule"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ClassRow:
    """One small class. `basis` is `listed` (found in a published list) or `inferred` (same number in the other edition)."""

    edition: Edition
    kind: Kind
    major: str
    minor: str
    name: str
    name_en: str
    basis: str = "listed"
    source: str = ""
    area_code: str = ""
    valid_from: date = date.min
    valid_to: date | None = None

    @property
    def code(self) -> str:
        """Major and minor class together, such as 01002."""
        return self.major + self.minor

    @property
    def extension(self) -> bool:
        """Whether a city added the class."""
        return self.area_code != ""

    def holds(self, day: date) -> bool:
        """Whether the class is in force on a day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True)
class MajorRow:
    """One large class (大类)."""

    edition: Edition
    kind: Kind
    major: str
    name: str
    name_en: str


@dataclass(frozen=True)
class MappingRow:
    """What became of a class of 2013; `code_2026` is None where nothing took its place."""

    kind: Kind
    code_2013: str
    code_2026: str | None
    relation: Relation
    note: str = ""


class ClassTable:
    """Classes by (edition, kind, code), for checking codes without asking the database each time."""

    def __init__(self, rows: Iterable[ClassRow], mapping: Iterable[MappingRow] = ()) -> None:
        self._rows = {(r.edition, r.kind, r.code): r for r in rows}
        self._forward = {(m.kind, m.code_2013): m for m in mapping}
        self._back: dict[tuple[Kind, str], list[MappingRow]] = {}
        for m in self._forward.values():
            if m.code_2026:
                self._back.setdefault((m.kind, m.code_2026), []).append(m)

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, edition: Edition, kind: Kind | None = None) -> list[ClassRow]:
        """Classes of an edition in the order of their codes."""
        found = [r for r in self._rows.values() if r.edition is edition and (kind is None or r.kind is kind)]
        return sorted(found, key=lambda r: (r.kind, r.code))

    def get(self, edition: Edition, kind: Kind, code: str) -> ClassRow | None:
        """The class, or None."""
        return self._rows.get((edition, kind, code))

    def require(self, edition: Edition, kind: Kind, code: str, field: str | None = None) -> ClassRow:
        """The class; refuses a code that the edition does not have with `code.class_unknown`."""
        row = self.get(edition, kind, code)
        if row is None:
            zh, en = _KIND_WORDS[kind]
            raise Problem("code.class_unknown", field=field, edition=edition, kind_zh=zh, kind_en=en, class_code=code[:20])
        return row

    def class_of(self, code: ComponentCode | MatterCode, field: str | None = None) -> ClassRow:
        """The class that a component or matter code names; refuses an unknown one."""
        kind = Kind.COMPONENT if isinstance(code, ComponentCode) else Kind.MATTER
        return self.require(code.edition, kind, code.class_code, field)

    def upgrade(self, kind: Kind, code_2013: str) -> MappingRow:
        """What became of a 2013 class.

        Where the list of 2013 at hand has a gap, the general rule (insert a zero) is tried and marked `rule`.
        """
        known = self._forward.get((kind, code_2013))
        if known is not None:
            return known
        candidate = _by_rule(kind, code_2013)
        if candidate and (Edition.GB47678_2026, kind, candidate) in self._rows:
            return MappingRow(kind, code_2013, candidate, Relation.RULE)
        return MappingRow(kind, code_2013, None, Relation.UNKNOWN)

    def downgrade(self, kind: Kind, code_2026: str) -> list[MappingRow]:
        """The 2013 classes that became a class of 2026; none for a class that is new."""
        return self._back.get((kind, code_2026), [])

    def upgrade_component(self, code: ComponentCode) -> ComponentCode | None:
        """A 2013 component code in the form of 2026, keeping its running number; None where its class has no successor.

        Numbers stay unique as long as no two classes of 2013 became one (none did).
        """
        target = self.upgrade(Kind.COMPONENT, code.class_code).code_2026
        if target is None:
            return None
        return ComponentCode(Edition.GB47678_2026, code.division, target[:2], target[2:], code.sequence)


def _by_rule(kind: Kind, code: str) -> str | None:
    if len(code) != 4 or not code.isdecimal() or int(code[2:]) >= EXTENSION[Edition.GB30428_2013][0]:
        return None
    if kind is Kind.COMPONENT:
        return f"{code[:2]}0{code[2:]}"
    shifted = int(code[:2]) + 5
    return f"{shifted:02d}0{code[2:]}" if code[:2] in ("01", "02", "03", "04") else None


def _read(name: str) -> list[dict[str, str]]:
    text = (resources.files("chengyun.standards") / "data" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def shipped_classes(edition: Edition) -> list[ClassRow]:
    """The classes of an edition as shipped."""
    return [
        ClassRow(
            edition,
            Kind(r["kind"]),
            r["major"],
            r["minor"],
            r["name"],
            r["name_en"],
            r["basis"],
            r["source"],
            valid_from=VALID_FROM[edition],
        )
        for r in _read(_FILES[edition])
    ]


def shipped_majors() -> list[MajorRow]:
    """The large classes of all editions as shipped."""
    return [MajorRow(Edition(r["edition"]), Kind(r["kind"]), r["major"], r["name"], r["name_en"]) for r in _read("majors.csv")]


def shipped_mapping() -> list[MappingRow]:
    """The way from 2013 to 2026 as shipped."""
    return [
        MappingRow(Kind(r["kind"]), r["code_2013"], r["code_2026"] or None, Relation(r["relation"]), r["note"])
        for r in _read("mapping_2013_2026.csv")
    ]


@lru_cache(maxsize=1)
def shipped_table() -> ClassTable:
    """All shipped classes and the mapping, without a database."""
    return ClassTable([row for edition in Edition for row in shipped_classes(edition)], shipped_mapping())
