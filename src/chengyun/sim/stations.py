"""Refuse transfer stations: their operator's program sends all of them by HTTP with an API key."""

import asyncio
import json

import httpx
import numpy as np

from chengyun.sim.city_time import CityTime
from chengyun.sim.gas import Rows, StationField, Weather
from chengyun.sim.plan import Plan
from chengyun.sim.tanks import pause

TICK = 2.0


class StationFleet:
    """All stations."""

    def __init__(self, plan: Plan) -> None:
        self._stations = plan.stations
        self._row = {child.key: i for i, child in enumerate(plan.stations)}
        self._interval = float(plan.intervals["transfer-station"])
        self._headers = {"Authorization": f"Bearer {plan.api_key}", "Content-Type": "application/x-ndjson"}
        self.field = StationField(len(plan.stations), plan.seed + 2)
        self._phase = np.random.default_rng(plan.seed + 3).random(len(plan.stations))

    async def run(self, stop: asyncio.Event, client: httpx.AsyncClient, city: CityTime, weather: Weather) -> None:
        """Send what is due until told to stop; what could not be sent is sent later with the time at which it was read."""
        last = city.now()
        due = last + self._phase * min(self._interval, 30 * city.speed)
        kept: list[bytes] = []
        while not stop.is_set():
            now = city.now()
            self.field.step(max(0.0, now - last) / 60, weather)
            rows = np.flatnonzero(due <= now)
            due[rows] = now + self._interval
            kept += self._lines(now, rows)
            if kept and await self._post(client, city.base_url, kept[:500]):
                del kept[:500]
            del kept[:-20_000]
            last = now
            await pause(stop, TICK)

    def _lines(self, now: float, rows: Rows) -> list[bytes]:
        values = self.field.readings(rows)
        return [
            json.dumps(
                {"device": self._stations[row].key, "ts": int(now * 1000), "values": {name: float(c[i]) for name, c in values.items()}}
            ).encode()
            for i, row in enumerate(rows)
        ]

    async def _post(self, client: httpx.AsyncClient, base_url: str, lines: list[bytes]) -> bool:
        try:
            answer = await client.post(f"{base_url}/api/v1/telemetry", content=b"\n".join(lines), headers=self._headers)
        except httpx.HTTPError:
            return False
        # What is refused as bad is not sent again; a busy server is asked again.
        return answer.status_code < 500 and answer.status_code != 429

    def repair(self, key: str) -> None:
        """A truck was there."""
        row = self._row.get(key)
        if row is not None:
            self.field.empty(np.array([row]))
