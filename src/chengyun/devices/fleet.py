"""All devices in memory, as columns, for the programs that follow the readings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import psycopg

from chengyun.devices.repository import fleet as repository


@dataclass(frozen=True)
class FleetModel:
    """A device model in force. `metrics` are its metrics' places in `Fleet.metrics`."""

    key: str
    version: int
    pack: str
    name_zh: str
    name_en: str
    expected_interval_seconds: int
    metrics: tuple[int, ...]


@dataclass(frozen=True)
class FleetMetric:
    """One metric of one model (its place in `Fleet.models`), with the range that its sensor can give."""

    model: int
    key: str
    unit: str
    low: float
    high: float
    name_zh: str = ""
    name_en: str = ""


@dataclass(frozen=True)
class Fleet:
    """Devices as columns; row i is the device with number i, for ever: rows are added at the end, never removed."""

    ids: list[UUID]
    keys: list[str]
    names: list[str]
    regions: list[str]
    model: npt.NDArray[np.int32]
    gateway: npt.NDArray[np.int32]
    active: npt.NDArray[np.bool_]
    row_of: dict[str, int]
    models: list[FleetModel]
    metrics: list[FleetMetric]
    metric_of: dict[tuple[int, str], int]
    revision: UUID | None = field(default=None, compare=False)

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def load(cls, connection: psycopg.Connection[Any]) -> "Fleet":
        """Read all devices and models; needs the scope of the whole city, else rows would be missing.

        The mark is read first: a change in between makes the fleet look old, never fresh.
        """
        revision = repository.revision(connection)
        counted = repository.counted(connection)
        rows = repository.devices(connection)
        models, metrics, place = _models(repository.models(connection))
        if len(rows) < counted or (rows and rows[-1][0] != len(rows) - 1):
            raise ValueError("the fleet is read with the scope of the whole city")
        _, ids, keys, names, regions, numbers, gateways, active = zip(*rows, strict=True) if rows else ((),) * 8
        return cls(
            ids=list(ids),
            keys=list(keys),
            names=list(names),
            regions=list(regions),
            model=np.array([place[n] for n in numbers], np.int32),
            gateway=np.array(gateways, np.int32),
            active=np.array(active, np.bool_),
            row_of=dict(zip(keys, range(len(keys)), strict=True)),
            models=models,
            metrics=metrics,
            metric_of={(m.model, m.key): i for i, m in enumerate(metrics)},
            revision=revision,
        )

    def is_stale(self, connection: psycopg.Connection[Any]) -> bool:
        """Whether devices or models have changed since; one tiny query."""
        return repository.revision(connection) != self.revision


def _models(rows: Sequence[tuple[Any, ...]]) -> tuple[list[FleetModel], list[FleetMetric], dict[int, int]]:
    """Models, all their metrics in one list, and each model's place by its number."""
    models: list[FleetModel] = []
    metrics: list[FleetMetric] = []
    for place, (_, key, version, pack, name_zh, name_en, interval, specs) in enumerate(rows):
        first = len(metrics)
        metrics += [FleetMetric(place, s["key"], s["unit"], float(s["low"]), float(s["high"]), s["name_zh"], s["name_en"]) for s in specs]
        models.append(FleetModel(key, version, pack, name_zh, name_en, interval, tuple(range(first, len(metrics)))))
    return models, metrics, {row[0]: place for place, row in enumerate(rows)}
