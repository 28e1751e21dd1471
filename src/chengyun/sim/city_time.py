"""The city's time as the platform tells it, carried on between two questions."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

import httpx

BEIJING = timezone(timedelta(hours=8))
ASK_EVERY = 60.0


@dataclass
class CityTime:
    """Asks `/about` now and then."""

    base_url: str
    speed: float = 1.0
    _city: float = field(default_factory=time.time)
    _here: float = field(default_factory=time.monotonic)
    _asked: float = -1e9

    async def refresh(self, client: httpx.AsyncClient) -> None:
        """Ask the platform, unless that was a moment ago."""
        if time.monotonic() - self._asked < ASK_EVERY:
            return
        answer = (await client.get(f"{self.base_url}/api/v1/about")).raise_for_status().json()
        self._asked = self._here = time.monotonic()
        self._city = datetime.fromisoformat(answer["now"]).timestamp()
        self.speed = float(answer["clock_speed"])

    def now(self) -> float:
        """Seconds since the epoch, in the city's time."""
        return self._city + (time.monotonic() - self._here) * self.speed

    def hour(self) -> float:
        """Hour of the day in the city, with its fraction."""
        local = datetime.fromtimestamp(self.now(), UTC).astimezone(BEIJING)
        return local.hour + local.minute / 60


async def wait_for(client: httpx.AsyncClient, base_url: str, pause: Callable[[float], Awaitable[object]]) -> CityTime:
    """The city's time, as soon as the platform answers."""
    city = CityTime(base_url)
    while True:
        try:
            await city.refresh(client)
            return city
        except (httpx.HTTPError, KeyError, ValueError):
            await pause(1.0)
