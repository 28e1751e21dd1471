"""Refused readings within bounds: a broken device may send nonsense for ever and does not fill the database."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chengyun.kernel.ids import uuid7
from chengyun.kernel.metrics import counter
from chengyun.kernel.settings import get_settings
from chengyun.telemetry.message import KEPT_PAYLOAD, Refusal

if TYPE_CHECKING:
    from chengyun.devices.fleet import Fleet

refused_total = counter("chengyun_readings_refused_total", "Readings and messages refused, by reason", ("reason",))
_HOUR_MS = 3_600_000


@dataclass
class Letters:
    """Rows ready to be written: `kept` singly, `counts` by (device, hour, reason)."""

    kept: list[tuple[Any, ...]] = field(default_factory=list)
    counts: list[tuple[Any, ...]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.counts)


class Bounds:
    """Decides which refusals are kept singly: so many for each sender in a minute."""

    def __init__(self) -> None:
        settings = get_settings()
        self._limit = settings.dead_letters_per_minute
        self._city = settings.city_code
        self._minute = -1
        self._sent: Counter[str] = Counter()

    def sort(self, refusals: Sequence[Refusal], fleet: "Fleet") -> Letters:
        """Make rows of refusals."""
        letters = Letters()
        counts: Counter[tuple[str, int, str, str]] = Counter()
        kept: Counter[tuple[str, int, str, str]] = Counter()
        for refusal in refusals:
            region = fleet.regions[refusal.row] if refusal.row >= 0 else self._city
            hour = refusal.message.arrival // _HOUR_MS
            place = (_text(refusal.device)[:64], hour, refusal.code, region)
            counts[place] += refusal.params.get("count", 1)
            if self._room(refusal):
                kept[place] += 1
                letters.kept.append(_row(refusal, place[0], region))
        for (device, hour, code, region), count in sorted(counts.items()):
            refused_total.labels(code).inc(count)
            letters.counts.append((device, _time(hour * _HOUR_MS), code, region, count, kept[(device, hour, code, region)]))
        return letters

    def _room(self, refusal: Refusal) -> bool:
        minute = refusal.message.arrival // 60_000
        if minute != self._minute:
            self._minute, self._sent = minute, Counter()
        self._sent[refusal.message.sender] += 1
        return self._sent[refusal.message.sender] <= self._limit


def _row(refusal: Refusal, device: str, region: str) -> tuple[Any, ...]:
    came = refusal.message
    detail = {k: _text(v) if isinstance(v, str) else v for k, v in refusal.params.items()}
    head = (uuid7(), _time(came.arrival), came.sequence, device, region, refusal.code)
    return (*head, _text(refusal.field)[:80], refusal.index, detail, came.data[:KEPT_PAYLOAD])


def _text(given: str) -> str:
    """Text that the database can hold: devices may send half of a surrogate pair, or zero bytes."""
    return given.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
