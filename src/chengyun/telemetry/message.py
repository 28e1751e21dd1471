"""A message of the stream, and what can be refused of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from chengyun.kernel import clock

# What the platform's own door publishes; it may speak for any device.
TRUSTED = "_http"
KEPT_PAYLOAD = 4096


class Message(NamedTuple):
    """What a device sent, as it lies in the stream. `arrival` is in the city's time, in milliseconds since 1970."""

    sequence: int
    sender: str
    kind: str
    arrival: int
    data: bytes


@dataclass(frozen=True)
class Refusal:
    """Something that was not taken, with its reason. `row` is the device's row in the fleet, -1 where it is not known."""

    message: Message
    index: int
    field: str
    row: int
    device: str
    code: str
    params: dict[str, Any]


def city_ms(nanoseconds: int) -> int:
    """The city's time of a moment at which the bus stored a message, in milliseconds; the same at every replay."""
    ruling = clock.get_clock()
    if isinstance(ruling, clock.SystemClock):
        return nanoseconds // 1_000_000
    if isinstance(ruling, clock.ScaledClock):
        passed = nanoseconds / 1e9 - ruling.real.timestamp()
        return int((ruling.city.timestamp() + passed * ruling.speed) * 1000)
    return to_ms(clock.now())


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return int(moment.timestamp() * 1000)
