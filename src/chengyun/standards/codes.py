"""The codes that people read: divisions, unit grids, components, matters.

A division code grows with depth: 6 digits district (or city), 9 street, 12 community, 15 characters unit grid
(GB/T 2260, GB/T 47678.3). So an area is a range of text, and `code_range` gives it half-open.
Components have 17 digits and matters 11 in GB/T 47678.5-2026, 16 and 10 in GB/T 30428.2-2013.
Everything that is not a code is refused with a `Problem` that says why.
"""

import re
from dataclasses import dataclass
from enum import IntEnum, StrEnum

import chengyun.standards.errors  # noqa: F401  (registers the sentences)
from chengyun.kernel.errors import Problem

_DIVISION = re.compile(r"(?:[0-9]{6}|[0-9]{9}|[0-9]{12})\Z", re.ASCII)
_GRID = re.compile(r"[0-9]{6}[0-9A-Z]{9}\Z", re.ASCII)
_DIGITS = re.compile(r"[0-9]+\Z", re.ASCII)
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SHOWN = 40


class Level(IntEnum):
    """How deep a division lies."""

    CITY = 1
    DISTRICT = 2
    STREET = 3
    COMMUNITY = 4
    GRID = 5


class Edition(StrEnum):
    """Editions of the standard on components and matters."""

    GB47678_2026 = "47678.5-2026"
    GB30428_2013 = "30428.2-2013"

    @property
    def minor_digits(self) -> int:
        """Digits of the small class (小类)."""
        return 3 if self is Edition.GB47678_2026 else 2

    @classmethod
    def of(cls, text: str) -> "Edition":
        """The edition with this name; refuses one that is not kept."""
        try:
            return cls(text)
        except ValueError:
            raise Problem("edition.unknown", field="edition", edition=text[:_SHOWN], known=", ".join(cls)) from None


class Kind(StrEnum):
    """What a class describes: a thing that stands in the city (部件) or something that happens (事项, 2013: 事件)."""

    COMPONENT = "component"
    MATTER = "matter"


@dataclass(frozen=True, order=True)
class DivisionCode:
    """A city, district, street, community or unit grid by its code. Order is that of the text."""

    text: str

    @property
    def level(self) -> Level:
        """Depth: a six-digit code that ends in 00 is a city (or province)."""
        if len(self.text) == 6:
            return Level.CITY if self.text.endswith("00") else Level.DISTRICT
        return Level(len(self.text) // 3)

    @property
    def parent(self) -> "DivisionCode | None":
        """The division one level up by code; None for a city.

        A district's parent by code is the city of its province or prefecture: 500103 → 500000 (municipality).
        """
        if self.level is Level.CITY:
            return None
        if self.level is Level.DISTRICT:
            return DivisionCode(_city_of(self.text))
        return DivisionCode(self.text[:-3])

    @property
    def ancestors(self) -> tuple["DivisionCode", ...]:
        """All divisions above, the nearest first."""
        above = self.parent
        return () if above is None else (above, *above.ancestors)

    @property
    def range(self) -> tuple[str, str]:
        """Half-open range of the codes of this division and of all within it."""
        return code_range(self.text)

    def contains(self, other: "DivisionCode") -> bool:
        """Whether the other code lies within this division, or is it."""
        low, high = self.range
        return low <= other.text < high

    def at(self, level: Level) -> "DivisionCode | None":
        """The division of a level that this one lies in, or is; None if this one is higher."""
        return next((d for d in (self, *self.ancestors) if d.level is level), None)

    def __str__(self) -> str:
        return self.text


def _city_of(district: str) -> str:
    municipality = district[:2] in ("11", "12", "31", "50")
    return district[:2] + "0000" if municipality else district[:4] + "00"


def parse_division(text: str, field: str | None = None) -> DivisionCode:
    """Read a code of 6, 9, 12 digits or 15 characters; refuses anything else with `code.division_form`."""
    if _DIVISION.match(text) and not text.startswith("0"):
        return DivisionCode(text)
    if len(text) == 15:
        return parse_grid(text, field)
    raise Problem("code.division_form", field=field, value=text[:_SHOWN])


def parse_grid(text: str, field: str | None = None) -> DivisionCode:
    """Read the 15 characters of a unit grid: 6 district + 3 street + 3 community + 3 sequence."""
    if not _GRID.match(text) or text.startswith("0") or text[4:6] == "00":
        raise Problem("code.grid_form", field=field, value=text[:_SHOWN])
    return DivisionCode(text)


def successor(code: str) -> str:
    """The least text that is greater than every code beginning with `code`, in the alphabet 0-9A-Z.

    Six-digit codes have digits only, so 500109 is followed by 500110; below that letters may occur: …009 by …00A.
    """
    if len(code) <= 6:
        return str(int(code) + 1).zfill(len(code))
    digits = list(code)
    for i in range(len(digits) - 1, -1, -1):
        position = _ALPHABET.index(digits[i])
        if position + 1 < len(_ALPHABET):
            return "".join(digits[:i]) + _ALPHABET[position + 1]
    raise ValueError(f"nothing follows {code}")


def code_range(code: str) -> tuple[str, str]:
    """Half-open text range of everything in a division: 500103 → (500103, 500104); 500000 → (50, 51)."""
    if len(code) == 6 and code.endswith("0000"):
        return code[:2], successor(code[:2])
    if len(code) == 6 and code.endswith("00"):
        return code[:4], successor(code[:4])
    return code, successor(code)


@dataclass(frozen=True)
class ComponentCode:
    """Identity of one component (管理部件标识码): district, class, running number. GB/T 47678.5-2026 Table 2, row 1."""

    edition: Edition
    division: str
    major: str
    minor: str
    sequence: str

    @property
    def class_code(self) -> str:
        """Class within the edition, such as 01002 or, in 2013, 0102."""
        return self.major + self.minor

    def __str__(self) -> str:
        return self.division + self.class_code + self.sequence


@dataclass(frozen=True)
class MatterCode:
    """A class of matter in a district (事项代码): it names what happens where, not the single occurrence."""

    edition: Edition
    division: str
    major: str
    minor: str

    @property
    def class_code(self) -> str:
        """Class within the edition."""
        return self.major + self.minor

    def __str__(self) -> str:
        return self.division + self.class_code


def parse_component(text: str, edition: Edition = Edition.GB47678_2026, field: str | None = None) -> ComponentCode:
    """Read a component code of an edition: 17 digits (2026) or 16 (2013). Whether its class exists `ClassTable.require` tells."""
    width = edition.minor_digits
    expected = 6 + 2 + width + 6
    if len(text) != expected:
        raise Problem("code.component_length", field=field, expected=expected, length=len(text), edition=edition)
    if not _DIGITS.match(text):
        raise Problem("code.component_digits", field=field, value=text)
    code = ComponentCode(edition, text[:6], text[6:8], text[8 : 8 + width], text[8 + width :])
    if code.sequence == "000000":
        raise Problem("code.sequence_zero", field=field, value=text)
    parse_division(code.division, field)
    return code


def parse_matter(text: str, edition: Edition = Edition.GB47678_2026, field: str | None = None) -> MatterCode:
    """Read a matter code of an edition: 11 digits (2026) or 10 (2013)."""
    expected = 6 + 2 + edition.minor_digits
    if len(text) != expected:
        raise Problem("code.matter_length", field=field, expected=expected, length=len(text), edition=edition)
    if not _DIGITS.match(text):
        raise Problem("code.matter_digits", field=field, value=text)
    code = MatterCode(edition, text[:6], text[6:8], text[8:])
    parse_division(code.division, field)
    return code


def require_same_division(code: ComponentCode | MatterCode, grid: DivisionCode, field: str | None = None) -> None:
    """Refuse a component or matter whose district is not that of the unit grid it lies in (GB/T 47678.5-2026 Table 2, row 9)."""
    if code.division != grid.text[:6]:
        raise Problem("code.grid_division", field=field, division=code.division, grid=grid.text)
