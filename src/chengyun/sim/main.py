"""The simulator: tanks by MQTT, transfer stations and people by HTTP, on the city's own time."""

import asyncio
import random
from collections.abc import Callable

import httpx

from chengyun.sim.city_time import CityTime, wait_for
from chengyun.sim.gas import Weather
from chengyun.sim.people import Office
from chengyun.sim.plan import Plan
from chengyun.sim.stations import StationFleet
from chengyun.sim.tanks import TankFleet, pause


async def simulate(plan: Plan, *, base_url: str, mqtt: tuple[str, int], scale: str, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    """Bring the city of a plan to life until told to stop; `ready` is called once the platform answers."""
    async with httpx.AsyncClient(timeout=20) as client:
        city = await wait_for(client, base_url, lambda seconds: pause(stop, seconds))
        ready()
        weather = Weather(hour=city.hour())
        tanks, stations = TankFleet(plan, *mqtt), StationFleet(plan)

        def repair(key: str) -> None:
            tanks.repair(key)
            stations.repair(key)

        office = Office(plan, city, scale, repair, random.Random(plan.seed + 7))  # noqa: S311 - a simulation, not a secret
        async with asyncio.TaskGroup() as group:
            group.create_task(_sky(stop, client, city, weather, plan.seed))
            group.create_task(tanks.run(stop, city, weather))
            group.create_task(stations.run(stop, client, city, weather))
            group.create_task(office.run(stop))


async def _sky(stop: asyncio.Event, client: httpx.AsyncClient, city: CityTime, weather: Weather, seed: int) -> None:
    """Hours pass, showers come and go."""
    rng = random.Random(seed + 11)  # noqa: S311 - a simulation, not a secret
    changes_at = city.now() + rng.uniform(2, 8) * 3600
    while not stop.is_set():
        try:
            await city.refresh(client)
        except (httpx.HTTPError, KeyError, ValueError):
            await pause(stop, 1.0)
        weather.hour = city.hour()
        if city.now() >= changes_at:
            weather.rain = 0.0 if weather.rain else rng.choice([2.0, 8.0, 25.0])
            changes_at = city.now() + (rng.uniform(0.5, 3) if weather.rain else rng.uniform(4, 20)) * 3600
        await pause(stop, 1.0)
