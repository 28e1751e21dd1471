"""The meaning of a rule in plain Python, one reading after the other; the evaluator must agree with it."""

from dataclasses import dataclass, field

from chengyun.alarms.schemas import RuleSpec


@dataclass
class Switch:
    """One level of a rule for one device."""

    on: bool = False
    on_since: int | None = None
    off_since: int | None = None


@dataclass
class Reference:
    """One device under one rule."""

    spec: RuleSpec
    last: int | None = None
    switches: dict[int, Switch] = field(default_factory=dict)

    def level(self) -> int:
        on = [level for level, switch in self.switches.items() if switch.on]
        return min(on) if on else 0

    def read(self, time: int, value: float) -> tuple[int, int]:
        """Old and new level after a reading."""
        before = self.level()
        if self.last is not None and time <= self.last:
            return before, before
        self.last = time
        for entry in self.spec.levels:
            switch = self.switches.setdefault(entry.level, Switch())
            beyond, back = self._judge(entry, value)
            switch.on_since = (switch.on_since if switch.on_since is not None else time) if beyond else None
            switch.off_since = (switch.off_since if switch.off_since is not None else time) if back else None
            if back and time - (switch.off_since or 0) >= self.spec.clear_hold_seconds * 1000 and switch.off_since is not None:
                switch.on = False
            elif beyond and switch.on_since is not None and time - switch.on_since >= self.spec.hold_seconds * 1000:
                switch.on = True
        return before, self.level()

    def _judge(self, entry, value: float) -> tuple[bool, bool]:  # type: ignore[no-untyped-def]
        h = self.spec.hysteresis
        if self.spec.kind == "above":
            return value >= entry.threshold, value < entry.threshold - h or (h == 0 and value < entry.threshold)
        if self.spec.kind == "below":
            return value < entry.threshold, value >= entry.threshold + h
        return value < entry.low or value > entry.high, entry.low + h <= value <= entry.high - h
