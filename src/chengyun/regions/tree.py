"""The division tree with its history: who lay in what on a day, and which codes an area has.

A division is a row with dates; its code may come back later with another meaning (500105 was 江北区 until
2025-11-06 and is 两江新区 since, as far as known), so a code is always read together with a date.

Statistical codes of streets did not change when their districts did. So the codes of objects stay valid, and an area
is a list of code ranges: the default heir of each six-digit code owns all of it, known streets or not, except streets
that went elsewhere. By construction the districts of a day share out every possible code, none twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from uuid import UUID, uuid5

import numpy as np
import numpy.typing as npt

from chengyun.standards.codes import Level, code_range, successor

FIRST_DAY = date(1997, 6, 18)
"""Since when codes beginning with 50 exist (Chongqing became a municipality); rows whose true date is not kept begin here."""
_NAMESPACE = UUID("6f1d1f0c-9d4a-5b0e-9a57-5d1f6f0f7a10")
Range = tuple[str, str]
_DAY = timedelta(days=1)


def division_id(code: str, valid_from: date) -> UUID:
    """Identity of a shipped division, the same on every platform, and kept when its code is corrected."""
    return uuid5(_NAMESPACE, f"{code}@{valid_from.isoformat()}")


@dataclass(frozen=True, slots=True)
class Division:
    """A city, district, street or community as it was in a stretch of time. `valid_to` is the first day after."""

    id: UUID
    code: str
    level: Level
    name: str
    name_en: str
    short_name: str
    parent_id: UUID | None
    valid_from: date
    valid_to: date | None = None
    lon: float | None = None
    lat: float | None = None
    confirmed: bool = True
    note: str = ""

    def holds(self, day: date) -> bool:
        """Whether it existed on a day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)

    def label(self, lang: str) -> str:
        """Short name in a language."""
        return self.short_name if lang.startswith("zh") else self.name_en or self.name


@dataclass(frozen=True, slots=True)
class Change:
    """Land that went from one district to another on a day; `main` marks the heir of what is not told apart."""

    on: date
    from_id: UUID
    to_id: UUID
    share: str
    main: bool
    source: str


class DivisionTree:
    """All divisions with their history, in memory."""

    def __init__(self, divisions: Iterable[Division], changes: Iterable[Change] = ()) -> None:
        self._all = sorted(divisions, key=lambda d: (d.code, d.valid_from))
        self._by_id = {d.id: d for d in self._all}
        self._by_code: dict[str, list[Division]] = {}
        for d in self._all:
            self._by_code.setdefault(d.code, []).append(d)
        self.changes = sorted(changes, key=lambda c: (c.on, not c.main))
        self._heir = {c.from_id: c.to_id for c in self.changes if c.main}
        self._children: dict[str, list[Division]] = {}
        for d in self._all:
            self._children.setdefault(d.code[:9] if d.level is Level.COMMUNITY else str(d.parent_id), []).append(d)
        self._territory = lru_cache(maxsize=64)(self._compute_territory)

    def __len__(self) -> int:
        return len(self._all)

    def by_id(self, division_id: UUID) -> Division | None:
        """The division with an identity."""
        return self._by_id.get(division_id)

    def rows(self, code: str) -> Sequence[Division]:
        """All that a code ever meant, the oldest first."""
        return self._by_code.get(code, ())

    def find(self, code: str, at: date) -> Division | None:
        """What a code meant on a day, or None."""
        return next((d for d in self.rows(code) if d.holds(at)), None)

    def resolve(self, code: str, at: date) -> Division | None:
        """What a code meant on a day; else what it meant last before, else first after."""
        found = self.find(code, at)
        if found or code not in self._by_code:
            return found
        before = [d for d in self.rows(code) if d.valid_from <= at]
        return before[-1] if before else self.rows(code)[0]

    def at_level(self, level: Level, at: date) -> list[Division]:
        """Divisions of a level on a day, by code."""
        return [d for d in self._all if d.level is level and d.holds(at)]

    def districts(self, at: date) -> list[Division]:
        """Districts and counties on a day."""
        return self.at_level(Level.DISTRICT, at)

    def parent(self, division: Division, at: date) -> Division | None:
        """The division above on a day; a community lies in the street whose code begins its own."""
        if division.level is Level.COMMUNITY:
            return self.resolve(division.code[:9], at)
        above = self._by_id.get(division.parent_id) if division.parent_id else None
        return self._heir_on(above, at) if above else None

    def children(self, division: Division, at: date, level: Level | None = None) -> list[Division]:
        """Divisions within one on a day: the next level down, or all of a given deeper level."""
        key = division.code if division.level is Level.STREET else str(division.id)
        near = [d for d in self._children.get(key, ()) if d.holds(at)]
        if level is None or (near and near[0].level is level):
            return near
        return [d for child in near if child.level < level for d in self.children(child, at, level)]

    def successors(self, division: Division) -> list[Change]:
        """To whom a division's land went, the main heir first."""
        return [c for c in self.changes if c.from_id == division.id]

    def predecessors(self, division: Division) -> list[Change]:
        """From whom a division's land came."""
        return [c for c in self.changes if c.to_id == division.id]

    def scope_ranges(self, division: Division, at: date) -> list[Range]:
        """Code ranges of all that lies in a division on a day, sorted, apart and as few as can be.

        For a division that has ended, on its last day; for one to come, on its first.
        """
        if division.level is Level.CITY:
            return [code_range(division.code)]
        if division.level is not Level.DISTRICT:
            return [code_range(division.code)]
        day = max(at, division.valid_from)
        if division.valid_to is not None and day >= division.valid_to:
            day = division.valid_to - _DAY
        owners, exceptions = self._territory(day)
        ranges: list[Range] = []
        for prefix, owner in owners.items():
            if owner is division:
                ranges += _without(code_range(prefix), sorted(s for s in exceptions if s.startswith(prefix)))
        ranges += [code_range(street) for street, home in exceptions.items() if home is division]
        return merge(ranges)

    def home(self, code: str, at: date) -> Division | None:
        """The district in which a code of 6 to 15 characters lies on a day; None for a city or an unknown code."""
        owners, exceptions = self._territory(at)
        return exceptions.get(code[:9]) or owners.get(code[:6])

    def homes(self, codes: npt.NDArray[np.str_], at: date) -> npt.NDArray[np.str_]:
        """Codes of the districts in which an array of codes lies on a day; empty where there is none."""
        if codes.size == 0:
            return np.zeros(0, "U6")
        heads, inverse = np.unique(codes.astype("S9"), return_inverse=True)
        found = [self.home(h.decode(), at) for h in heads]
        return np.array([d.code if d else "" for d in found], "U6")[inverse]

    def home_table(self, at: date) -> list[tuple[str, Division]]:
        """District of each known code of 6 and 9 digits on a day, for joins."""
        owners, _ = self._territory(at)
        streets = sorted({d.code for d in self._all if d.level is Level.STREET})
        pairs = [(code, self.home(code, at)) for code in [*sorted(owners), *streets]]
        return [(code, home) for code, home in pairs if home is not None]

    def area_name(self, code: str, lang: str, at: date, depth: Level = Level.STREET) -> str:
        """An area in words, from today's district down: `渝中区 大坪街道`, `Daping Subdistrict, Yuzhong District`."""
        home = self.home(code, at)
        chain = [home] if home else []
        for length, level in ((9, Level.STREET), (12, Level.COMMUNITY)):
            if len(code) >= length and level <= depth:
                part = self.resolve(code[:length], at)
                chain += [part] if part else []
        if not chain:
            alone = self.resolve(code, at)
            return code if alone is None else alone.name if lang.startswith("zh") else alone.name_en
        words = [d.label(lang) for d in chain]
        return " ".join(words) if lang.startswith("zh") else ", ".join(reversed(words))

    def _heir_on(self, division: Division, at: date) -> Division:
        """The division itself, or where it had ended by that day, its main heir."""
        while division.valid_to is not None and division.valid_to <= at and division.id in self._heir:
            division = self._by_id[self._heir[division.id]]
        return division

    def _compute_territory(self, at: date) -> tuple[dict[str, Division], dict[str, Division]]:
        """Owner of each six-digit code on a day, and the streets that lie elsewhere."""
        owners: dict[str, Division] = {}
        for d in self._all:
            if d.level is not Level.DISTRICT or d.valid_from > at:
                continue
            heir = self._heir_on(d, at)
            if heir.holds(at) and (d.code not in owners or d.holds(at)):
                owners[d.code] = heir
        exceptions: dict[str, Division] = {}
        for d in self._all:
            if d.level is Level.STREET and d.holds(at):
                home = self.parent(d, at)
                if home is not None and home is not owners.get(d.code[:6]):
                    exceptions[d.code] = home
        return owners, exceptions


def merge(ranges: Iterable[Range]) -> list[Range]:
    """Half-open ranges, sorted, with those that touch or overlap joined."""
    merged: list[Range] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def _without(whole: Range, holes: Sequence[str]) -> list[Range]:
    """A range less the ranges of some codes within it."""
    left, parts = whole[0], []
    for hole in holes:
        if left < hole:
            parts.append((left, hole))
        left = successor(hole)
    if left < whole[1]:
        parts.append((left, whole[1]))
    return parts
