"""What the simulator was told: its devices and people, with their passwords. Written by whoever set up the demo city."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Child:
    """A device behind a gateway, or on its own."""

    key: str
    lon: float
    lat: float


@dataclass(frozen=True)
class Gateway:
    """A device that speaks for others."""

    key: str
    secret: str
    children: tuple[Child, ...]


@dataclass(frozen=True)
class Plan:
    """Everything that a foreign client needs."""

    seed: int
    gateways: tuple[Gateway, ...]
    stations: tuple[Child, ...]
    api_key: str
    password: str
    people: dict[str, Any]
    intervals: dict[str, float]

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Read the file; OSError, ValueError or KeyError when it is missing or damaged."""
        raw = json.loads(path.read_text())
        gateways = tuple(Gateway(g["key"], g["secret"], tuple(Child(*c) for c in g["children"])) for g in raw["gateways"])
        stations = tuple(Child(*c) for c in raw["stations"])
        return cls(int(raw["seed"]), gateways, stations, raw["api_key"], raw["password"], raw["people"], raw["intervals"])
