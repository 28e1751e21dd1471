"""Rules as arrays over the fleet: for each rule one column of memory over the devices of its model.

Each level of a rule is a switch of its own: on once the value has been beyond its threshold for the hold time, off once it
has been back behind threshold and hysteresis for the clear-hold time. The alarm's level is the most severe switch that is on.
All times are those of the readings, so the result does not depend on how the stream is cut into batches.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from chengyun.alarms.schemas import RuleSpec

Int64s = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NEVER = np.int64(np.iinfo(np.int64).min)
RING = 16
_SWITCHES = ("active", "on_since", "on_value", "off_since")


@dataclass(frozen=True)
class Rule:
    """A rule in force. Levels stand from the most severe to the least."""

    key: str
    version: int
    pack: str
    spec: RuleSpec
    levels: tuple[int, ...]
    low: Floats
    high: Floats

    @classmethod
    def of(cls, key: str, version: int, pack: str, spec: RuleSpec) -> "Rule":
        """Thresholds as two bounds for each level: a value at or beyond one of them switches the level on."""
        ordered = sorted(spec.levels, key=lambda level: level.level)
        low, high = np.full(len(ordered), -np.inf), np.full(len(ordered), np.inf)
        for i, level in enumerate(ordered):
            if spec.kind == "outside":
                low[i], high[i] = float(level.low or 0), float(level.high or 0)
            elif spec.kind == "below" or (spec.kind == "rate" and float(level.threshold or 0) < 0):
                low[i] = float(level.threshold or 0)
            else:
                high[i] = float(level.threshold or 0)
        return cls(key, version, pack, spec, tuple(level.level for level in ordered), low, high)

    def beyond(self, values: Floats) -> Bools:
        """Levels × values: which thresholds are reached."""
        if self.spec.kind == "outside":
            return (values < self.low[:, None]) | (values > self.high[:, None])
        if self.spec.kind == "below":
            return values < self.low[:, None]
        return (values <= self.low[:, None]) | (values >= self.high[:, None])

    def reached(self, values: Floats) -> Bools:
        """Which values are beyond any threshold: the least severe level's stands innermost."""
        low, high = float(self.low[-1]), float(self.high[-1])
        if self.spec.kind == "outside":
            return np.logical_or(values < low, values > high)
        if self.spec.kind == "below":
            return np.less(values, low)
        return np.logical_or(values <= low, values >= high)

    def back(self, values: Floats) -> Bools:
        """Levels × values: which thresholds lie behind by more than the hysteresis."""
        h = self.spec.hysteresis
        if self.spec.kind == "below":
            return values >= self.low[:, None] + h
        if self.spec.kind == "outside":
            return (values >= self.low[:, None] + h) & (values <= self.high[:, None] - h)
        return (values > self.low[:, None] + h) & (values < self.high[:, None] - h)

    def threshold(self, level: int, value: float) -> float | None:
        """The threshold of a level; of two the one that the value is beyond."""
        if level not in self.levels:
            return None
        i = self.levels.index(level)
        if self.spec.kind == "outside":
            return float(self.low[i]) if value < self.low[i] else float(self.high[i])
        return float(self.low[i]) if np.isfinite(self.low[i]) else float(self.high[i])


@dataclass
class Memory:
    """What a rule remembers of each device of its model.

    A device is `stirred` while a switch is on or about to go on. Most are not, and a reading that is beyond no threshold changes
    nothing for them but `last`; what the columns of switches hold then does not matter.
    """

    last: Int64s
    active: Bools
    on_since: Int64s
    on_value: Floats
    off_since: Int64s
    ring_time: Int64s = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    ring_value: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    stirred: Bools = field(init=False)

    def __post_init__(self) -> None:
        self.stirred = np.any(self.active | (self.on_since != NEVER), axis=0)

    @classmethod
    def empty(cls, levels: int, count: int, *, rate: bool) -> "Memory":
        """Nothing seen yet."""
        return cls(
            last=np.full(count, NEVER),
            active=np.zeros((levels, count), np.bool_),
            on_since=np.full((levels, count), NEVER),
            on_value=np.zeros((levels, count)),
            off_since=np.full((levels, count), NEVER),
            ring_time=np.full((RING if rate else 0, count), NEVER),
            ring_value=np.zeros((RING if rate else 0, count)),
        )

    def grown(self, count: int) -> "Memory":
        """The same with room for devices added since; rows are never removed."""
        more = count - len(self.last)
        if more <= 0:
            return self
        levels, rate = len(self.active), len(self.ring_time) > 0
        fresh = Memory.empty(levels, more, rate=rate)
        parts = {name: np.concatenate([getattr(self, name), getattr(fresh, name)], axis=-1) for name in self.columns()}
        return Memory(**parts)

    @staticmethod
    def columns() -> tuple[str, ...]:
        """Names of all columns."""
        return ("last", "active", "on_since", "on_value", "off_since", "ring_time", "ring_value")

    def as_arrays(self, prefix: str) -> dict[str, npt.NDArray[Any]]:
        """Columns for a snapshot; those of switches for the devices only for which they matter."""
        at = np.flatnonzero(self.stirred)
        switches = {f"{prefix}.{name}": getattr(self, name)[:, at] for name in _SWITCHES}
        whole = {f"{prefix}.{name}": getattr(self, name) for name in ("last", "ring_time", "ring_value")}
        return {f"{prefix}.at": at, **switches, **whole}

    @classmethod
    def of_arrays(cls, stored: Mapping[str, npt.NDArray[Any]], prefix: str, levels: int) -> "Memory":
        """The memory that a snapshot holds."""
        last = stored[f"{prefix}.last"]
        memory = cls.empty(levels, len(last), rate=False)
        at = stored[f"{prefix}.at"]
        for name in _SWITCHES:
            getattr(memory, name)[:, at] = stored[f"{prefix}.{name}"]
        ring_time, ring_value = stored[f"{prefix}.ring_time"], stored[f"{prefix}.ring_value"]
        return cls(last, memory.active, memory.on_since, memory.on_value, memory.off_since, ring_time, ring_value)

    def switched_on(self, levels: Sequence[int], found: Sequence[tuple[int, int]]) -> "Memory":
        """The same with switches on for alarms that are open: place and level of each."""
        for place, level in found:
            self.active[:, place] = np.array(levels) >= level
            self.active[-1, place] = True
            self.stirred[place] = True
        return self

    def level(self, rule: Rule, rows: Int64s) -> Int32s:
        """Level of each row: the most severe switch that is on, 0 for none."""
        on = self.active[:, rows]
        first = np.argmax(on, axis=0)
        return np.where(on.any(axis=0), np.array(rule.levels, np.int32)[first], 0).astype(np.int32)


def carried(before: Memory, old_levels: tuple[int, ...], rule: Rule) -> Memory:
    """Memory for a changed rule: what is switched on stays on until the readings say otherwise; holds begin anew."""
    count = len(before.last)
    memory = Memory.empty(len(rule.levels), count, rate=rule.spec.kind == "rate")
    memory.last[:] = before.last
    severe = np.full(count, 9)
    for i, level in enumerate(old_levels):
        severe = np.where(before.active[i] & (level < severe), level, severe)
    for i, level in enumerate(rule.levels):
        memory.active[i] = severe <= level
    # A level that the new rule no longer has becomes its least severe one.
    lost = (severe < 9) & ~memory.active.any(axis=0)
    memory.active[-1] |= lost
    memory.stirred = np.any(memory.active, axis=0)
    return memory


def step(rule: Rule, memory: Memory, rows: Int64s, times: Int64s, values: Floats) -> tuple[Bools, Int32s, Int32s, Floats]:
    """One reading for each of some different rows. Returns which count (newer than the last), old level, new level, judged value."""
    fresh = times > memory.last[rows]
    if not fresh.all():
        rows, times, values = rows[fresh], times[fresh], values[fresh]
    memory.last[rows] = times
    judged = _rate(rule, memory, rows, times, values) if rule.spec.kind == "rate" else values
    before, after = np.zeros(len(rows), np.int32), np.zeros(len(rows), np.int32)
    lively = np.flatnonzero(memory.stirred[rows] | rule.reached(judged))
    if lively.size:
        before[lively], after[lively] = _switch(rule, memory, rows[lively], times[lively], judged[lively])
    return fresh, before, after, judged


def _switch(rule: Rule, memory: Memory, rows: Int64s, times: Int64s, judged: Floats) -> tuple[Int32s, Int32s]:
    """Old and new level of devices whose switches may move."""
    before = memory.level(rule, rows)
    hold, clear_hold = int(rule.spec.hold_seconds * 1000), int(rule.spec.clear_hold_seconds * 1000)
    beyond, back = rule.beyond(judged), rule.back(judged)
    on_since, off_since = memory.on_since[:, rows], memory.off_since[:, rows]
    started = beyond & (on_since == NEVER)
    on_since = np.where(beyond, np.where(started, times, on_since), NEVER)
    off_since = np.where(back, np.where(off_since == NEVER, times, off_since), NEVER)
    memory.on_since[:, rows], memory.off_since[:, rows] = on_since, off_since
    memory.on_value[:, rows] = np.where(started, judged, memory.on_value[:, rows])
    held = beyond & (times - np.where(beyond, on_since, times) >= hold)
    gone = back & (times - np.where(back, off_since, times) >= clear_hold)
    active = (memory.active[:, rows] | held) & ~gone
    memory.active[:, rows] = active
    memory.stirred[rows] = (active | (on_since != NEVER)).any(axis=0)
    return before, memory.level(rule, rows)


def _rate(rule: Rule, memory: Memory, rows: Int64s, times: Int64s, values: Floats) -> Floats:
    """Change a minute against the oldest remembered reading within the window; no change while there is none.

    A ring of 16 readings, at least a fifteenth of the window apart, stands for the window.
    """
    window = int(rule.spec.window_seconds * 1000)
    ring_times, ring_values = memory.ring_time[:, rows], memory.ring_value[:, rows]
    within = (ring_times != NEVER) & (ring_times >= times - window)
    oldest = np.where(within, ring_times, np.iinfo(np.int64).max)
    pick = np.argmin(oldest, axis=0)
    column = np.arange(len(rows))
    known = within.any(axis=0)
    # Two readings close to each other say little: the change counts as spread over half the window at least.
    span = np.maximum(np.where(known, times - np.where(known, ring_times[pick, column], 0), 1), max(window // 2, 1))
    rate = np.where(known, (values - ring_values[pick, column]) / span * 60_000, 0.0)
    due = times - ring_times.max(axis=0, initial=NEVER, where=ring_times != NEVER) >= window // (RING - 1)
    due |= ~(ring_times != NEVER).any(axis=0)
    place = np.argmin(ring_times, axis=0)
    memory.ring_time[place[due], rows[due]] = times[due]
    memory.ring_value[place[due], rows[due]] = values[due]
    return rate
