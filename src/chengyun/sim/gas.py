"""The gas in many septic tanks: a plausible process, the same for the same seed and the same steps.

Methane comes from the sludge and leaves by the vent. A blocked vent lets it climb towards a higher balance; a fan or a
cleaning crew brings it down. Rain fills leaking tanks; crews empty full ones. All tanks are columns, one step moves all.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

VENT = 0.05  # share of the air that an open vent exchanges in a minute
FAN = 0.35  # what a running fan adds to it
EPISODES_PER_HOUR = 0.004  # chance of a tank that its vent blocks within an hour
CALM_AIR = 20.9  # %VOL oxygen


@dataclass
class Weather:
    """What the sky does to all tanks."""

    rain: float = 0.0  # mm in an hour
    hour: float = 12.0  # of the day, in the city


class GasField:
    """The tanks of the city."""

    def __init__(self, count: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.rng = rng
        self.count = count
        self.balance = np.clip(rng.lognormal(0.9, 0.45, count), 0.5, 7.0)  # %LEL with an open vent
        self.ch4 = self.balance * rng.uniform(0.7, 1.2, count)
        self.sulphur = rng.uniform(0.05, 0.16, count)  # mg/m³ of H2S for each %LEL of methane
        self.depth = rng.uniform(1.6, 2.6, count)  # metres
        self.level = self.depth * rng.uniform(0.25, 0.7, count)
        self.leaks = rng.random(count) < 0.12
        self.battery = rng.uniform(35, 100, count)
        self.vent = np.ones(count)  # share of the vent that is open
        self.source = np.ones(count)  # how much faster gas comes than usual
        self.ends_in = np.full(count, np.inf)  # minutes until a blocked vent frees itself
        self.fan = np.zeros(count, np.bool_)

    def start_episodes(self, rows: Rows) -> None:
        """Vents of these tanks block: mostly a little, now and then nearly wholly."""
        severity = self.rng.beta(1.3, 3.2, rows.size)
        self.vent[rows] = 0.30 - 0.24 * severity
        self.source[rows] = 1.4 + 3.6 * severity
        self.ends_in[rows] = self.rng.uniform(50, 300, rows.size)

    def settle(self, rows: Rows) -> None:
        """Put blocked tanks at a random point of their climb; for a city that has been running before we look."""
        ceiling = self.balance[rows] * self.source[rows] / self.vent[rows]
        self.ch4[rows] = np.minimum(ceiling * self.rng.uniform(0.3, 0.95, rows.size), 130)

    def repair(self, rows: Rows) -> None:
        """A crew frees the vent and empties the tank."""
        self.vent[rows] = 1.0
        self.source[rows] = 0.7
        self.ends_in[rows] = np.inf
        self.level[rows] = self.depth[rows] * 0.15
        self.battery[rows] = 100.0

    def step(self, minutes: float, weather: Weather) -> None:
        """Let time pass, in pieces small enough for the fastest fan."""
        pieces = max(1, int(np.ceil(minutes / 2.0)))
        for _ in range(pieces):
            self._piece(minutes / pieces, weather)

    def _piece(self, minutes: float, weather: Weather) -> None:
        warm = 1.0 + 0.25 * np.sin((weather.hour - 9.0) / 24 * 2 * np.pi)
        exchange = VENT * self.vent + FAN * self.fan
        goal = self.balance * warm * self.source * VENT / exchange
        self.ch4 += (goal - self.ch4) * -np.expm1(-exchange * minutes)
        self.ch4 = np.clip(self.ch4, 0.0, 150.0)
        inflow = 0.00012 * minutes + np.where(self.leaks, weather.rain * 0.0004 * minutes, 0.0)
        self.level = np.minimum(self.level + inflow, self.depth)
        self.battery = np.maximum(self.battery - 0.0006 * minutes, 0.0)
        self._begin_and_end(minutes)

    def _begin_and_end(self, minutes: float) -> None:
        self.ends_in -= minutes
        over = np.flatnonzero(self.ends_in <= 0)
        self.vent[over], self.source[over], self.ends_in[over] = 1.0, 1.0, np.inf
        chance = EPISODES_PER_HOUR * minutes / 60
        fresh = np.flatnonzero((self.rng.random(self.count) < chance) & np.isinf(self.ends_in))
        self.start_episodes(fresh)
        full = np.flatnonzero(self.level > 0.93 * self.depth)
        emptied = full[self.rng.random(full.size) < 0.01 * minutes]
        self.level[emptied] = self.depth[emptied] * 0.15
        flat = np.flatnonzero(self.battery < 3)
        self.battery[flat] = 100.0

    def readings(self, rows: Rows) -> dict[str, Floats]:
        """What the sensors of these tanks show now, with their noise and their last digit."""
        n = rows.size
        ch4 = np.maximum(self.ch4[rows] * self.rng.normal(1.0, 0.015, n), 0.0)
        h2s = np.maximum(ch4 * self.sulphur[rows] * self.rng.normal(1.0, 0.05, n), 0.0)
        return {
            "ch4": ch4.round(1),
            "h2s": h2s.round(2),
            "co": np.maximum(1.5 + 0.03 * ch4 + self.rng.normal(0, 0.4, n), 0.0).round(1),
            "o2": np.clip(CALM_AIR - 0.014 * ch4 + self.rng.normal(0, 0.05, n), 0.0, 25.0).round(2),
            "level": np.maximum(self.level[rows] + self.rng.normal(0, 0.004, n), 0.0).round(3),
            "battery": self.battery[rows].round(0),
            "fan": self.fan[rows].astype(np.float64),
        }


class StationField:
    """Refuse transfer stations: the skip fills by the hour of the day and is carried away, now and then too late."""

    def __init__(self, count: int, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.count = count
        self.pace = self.rng.uniform(0.12, 0.35, count)  # % a minute at noon
        self.fill = self.rng.uniform(10, 80, count)
        self.capacity = self.rng.choice([8.0, 12.0, 16.0], count)  # tonnes
        self.late = np.zeros(count, np.bool_)

    def step(self, minutes: float, weather: Weather) -> None:
        """Let time pass."""
        rhythm = 0.6 + 0.5 * np.sin((weather.hour - 8.0) / 24 * 2 * np.pi)
        self.fill = np.minimum(self.fill + self.pace * rhythm * minutes, 118.0)
        due = self.fill > 85
        self.late |= due & (self.rng.random(self.count) < 0.0015 * minutes)
        carried = due & ~self.late & (self.rng.random(self.count) < 0.12 * minutes)
        helped = self.late & (self.rng.random(self.count) < 0.008 * minutes)
        self.empty(np.flatnonzero(carried | helped))

    def empty(self, rows: Rows) -> None:
        """A truck comes."""
        self.fill[rows] = self.rng.uniform(2, 8, rows.size)
        self.late[rows] = False

    def readings(self, rows: Rows) -> dict[str, Floats]:
        """What the scales and sensors show now."""
        fill = self.fill[rows]
        return {
            "fill": fill.round(1),
            "weight": (fill / 100 * self.capacity[rows]).round(2),
            "h2s": np.maximum(0.2 + fill * 0.02 + self.rng.normal(0, 0.15, rows.size), 0.0).round(2),
        }
