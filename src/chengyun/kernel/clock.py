"""The city's time. Everything that a person or a rule sees asks here, so that tests and demonstrations can move time."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """Something that tells the time."""

    def now(self) -> datetime:
        """The present moment, in UTC."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is moved; for tests."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The moment at which the clock was left."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock on."""
        self._now += timedelta(seconds=seconds)

    def set(self, moment: datetime) -> None:
        """Move the clock to a moment."""
        self._now = moment.astimezone(UTC)


@dataclass(frozen=True)
class ScaledClock:
    """City time that runs `speed` times as fast as real time since an anchor; shared by all processes of a demonstration."""

    real: datetime
    city: datetime
    speed: float

    def now(self) -> datetime:
        """The city's present moment, in UTC."""
        return self.city + (datetime.now(UTC) - self.real) * self.speed

    @classmethod
    def parse(cls, text: str) -> "ScaledClock":
        """Read `<real ISO time>/<city ISO time>/<speed>`; raises ValueError for anything else."""
        real, city, speed = text.split("/")
        factor = float(speed)
        if not 0 < factor <= 10_000:
            raise ValueError("speed must lie between 0 and 10,000")
        return cls(datetime.fromisoformat(real).astimezone(UTC), datetime.fromisoformat(city).astimezone(UTC), factor)

    def text(self) -> str:
        """The form that `parse` reads."""
        return f"{self.real.isoformat()}/{self.city.isoformat()}/{self.speed:g}"


_clock: Clock | None = None


def _from_settings() -> Clock:
    from chengyun.kernel.settings import get_settings

    text = get_settings().clock
    return ScaledClock.parse(text) if text else SystemClock()


def get_clock() -> Clock:
    """The clock in force."""
    global _clock
    if _clock is None:
        _clock = _from_settings()
    return _clock


def set_clock(clock: Clock | None) -> None:
    """Put another clock in force; None returns to the one that the settings name."""
    global _clock
    _clock = clock


def now() -> datetime:
    """The city's present moment, in UTC."""
    return get_clock().now()


def speed() -> float:
    """How many city seconds pass in a real second."""
    clock = get_clock()
    return clock.speed if isinstance(clock, ScaledClock) else 1.0


def monotonic() -> float:
    """Real seconds for time-outs and rates; never shown to anybody."""
    return time.monotonic()
