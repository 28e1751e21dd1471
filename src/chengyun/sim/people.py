"""The people of the city: supervisors report, officers accept, file and dispatch, crews handle, supervisors check.

Each acts through the HTTP interface as a signed-in user, with delays as in an office; whoever sits at a screen may act
first, then the simulated person finds the work done and leaves it.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from chengyun.sim import photos, reports
from chengyun.sim.city_time import BEIJING, CityTime
from chengyun.sim.plan import Child, Plan
from chengyun.sim.tanks import pause

LOOK_EVERY = 3.0  # real seconds between two looks at the open cases
PAGES = 4
# Minutes that a case lies in a state before the person in charge acts; cases from alarms are dealt with faster.
DELAYS = {
    "reported": (1.5, 6),
    "accepted": (1, 8),
    "filed": (2, 9),
    "dispatched": (4, 28),
    "handling": (18, 130),
    "handled": (6, 30),
    "checked": (2, 10),
}
HASTE = 0.45
# Reports of an hour by the hour of the day, as a share of the busiest.
RHYTHM = (2, 1, 1, 1, 2, 6, 22, 55, 85, 100, 96, 78, 50, 62, 90, 98, 92, 80, 60, 48, 38, 24, 12, 5)
REPORTS_PER_HOUR = {"small": 30.0, "city": 110.0}


class Person:
    """A signed-in user."""

    def __init__(self, base_url: str, username: str, password: str) -> None:
        self._client = httpx.AsyncClient(base_url=f"{base_url}/api/v1", timeout=20)
        self._login = {"username": username, "password": password}
        self._signed_in = False

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request; signs in first, and again when the session has ended."""
        for _ in range(2):
            if not self._signed_in:
                (await self._client.post("/session", json=self._login)).raise_for_status()
                self._signed_in = True
            token = self._client.cookies.get("cy_csrf") or ""
            answer = await self._client.request(method, path, headers={"X-CSRF-Token": token}, **options)
            if answer.status_code != 401:
                return answer
            self._signed_in = False
        return answer

    async def close(self) -> None:
        """Leave."""
        await self._client.aclose()


@dataclass
class _Seen:
    """When a case was first seen in a state, and when its person will act (seconds of city time)."""

    state: str
    act_at: float


@dataclass
class Office:
    """All people, and what they know of the open cases."""

    plan: Plan
    city: CityTime
    scale: str
    repair: Callable[[str], None]
    rng: random.Random
    _people: dict[str, Person] = field(default_factory=dict)
    _seen: dict[str, _Seen] = field(default_factory=dict)
    _places: list[Child] = field(default_factory=list)
    _next_report: float = 0.0

    def __post_init__(self) -> None:
        self._places = [child for gateway in self.plan.gateways for child in gateway.children]

    def person(self, username: str) -> Person:
        """A person by name."""
        if username not in self._people:
            self._people[username] = Person(self.city.base_url, username, self.plan.password)
        return self._people[username]

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop; a platform that does not answer is asked again."""
        try:
            while not stop.is_set():
                try:
                    await self._report_if_due()
                    await self._look()
                except (httpx.HTTPError, KeyError, ValueError, TypeError):
                    await pause(stop, 5.0)
                await pause(stop, LOOK_EVERY)
        finally:
            for person in self._people.values():
                await person.close()

    async def _report_if_due(self) -> None:
        now = self.city.now()
        if self._next_report == 0.0:
            self._next_report = now
        # After a pause of the machine not everything that was missed is reported at once.
        self._next_report = max(self._next_report, now - 600)
        while self._next_report <= now:
            share = RHYTHM[int(self.city.hour())] / 100
            self._next_report += self.rng.expovariate(REPORTS_PER_HOUR[self.scale] * max(share, 0.05) / 3600)
            await self._report()

    async def _report(self) -> None:
        theme = reports.pick(self.rng)
        public = self.rng.random() < 0.3
        lon, lat = reports.near(self.rng.choice(self._places), self.rng)
        located = await self._of("observer").call("GET", "/regions/locate", params={"lon": lon, "lat": lat})
        district = str((located.json().get("district") or {}).get("code") or located.json().get("code", ""))[:6]
        reporter = self._of("acceptor") if public else self.person(self._supervisor(district))
        words = reports.describe(theme, self.rng)
        picture = photos.draw(theme.picture, self.rng.randrange(10**9), caption=self._caption())
        photo = await reporter.call("POST", "/photos", files={"file": ("photo.jpg", picture, "image/jpeg")})
        await reporter.call(
            "POST",
            "/cases",
            json={
                "source": "public" if public else "patrol",
                "class": {"edition": "47678.5-2026", "kind": theme.kind, "code": theme.code},
                "description": words,
                "place": {"lon": lon, "lat": lat},
                "photo_ids": [photo.json()["id"]],
            },
        )

    def _caption(self) -> str:
        return datetime.fromtimestamp(self.city.now(), UTC).astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")

    def _of(self, role: str) -> Person:
        return self.person(str(self.plan.people[role]))

    def _supervisor(self, district: str) -> str:
        supervisors: dict[str, str] = self.plan.people["supervisors"]
        return supervisors.get(district) or next(iter(supervisors.values()))

    async def _look(self) -> None:
        """Read the open cases and do what is due."""
        cases = await self._open_cases()
        now = self.city.now()
        due = [case for case in cases if self._is_due(case, now)]
        known = {case["id"] for case in cases}
        self._seen = {key: seen for key, seen in self._seen.items() if key in known}
        for case in due[: 12 + int(self.city.speed)]:
            await self._act(case)

    async def _open_cases(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor = None
        for _ in range(PAGES):
            params = {"queue": "open", "limit": 200, **({"cursor": cursor} if cursor else {})}
            page = (await self._of("observer").call("GET", "/cases", params=params)).raise_for_status().json()
            found += page["items"]
            cursor = page["next"]
            if not cursor:
                break
        return found

    def _is_due(self, case: dict[str, Any], now: float) -> bool:
        seen = self._seen.get(case["id"])
        if seen is None or seen.state != case["state"]:
            low, high = DELAYS.get(case["state"], (1e9, 1e9))
            minutes = self.rng.uniform(low, high) * (HASTE if case["source"] == "alarm" else 1.0)
            self._seen[case["id"]] = _Seen(case["state"], now + minutes * 60)
            return False
        return seen.act_at <= now

    async def _act(self, case: dict[str, Any]) -> None:
        """One step of one case; whatever is refused is looked at again later."""
        steps = {
            "reported": self._accept,
            "accepted": self._file,
            "filed": self._dispatch,
            "dispatched": self._sign,
            "handling": self._handle,
            "handled": self._check,
            "checked": self._close,
        }
        step = steps.get(case["state"])
        if step is not None:
            await step(case)
        # Asked again after a while if it did not change.
        self._seen.pop(case["id"], None)

    async def _do(self, person: Person, case: dict[str, Any], operation: str, **body: Any) -> None:
        await person.call("POST", f"/cases/{case['id']}/{operation}", json={"revision": case["revision"], **body})

    async def _accept(self, case: dict[str, Any]) -> None:
        if case["source"] == "public" and self.rng.random() < 0.06:
            await self._do(self._of("acceptor"), case, "reject", reason="重复反映,已并入此前受理的同一问题")
        else:
            await self._do(self._of("acceptor"), case, "accept")

    async def _file(self, case: dict[str, Any]) -> None:
        if case["source"] != "alarm" and self.rng.random() < 0.03:
            await self._do(self._of("duty_chief"), case, "refuse", reason="现场核实未达到立案条件")
        else:
            chosen = case["class"] or {"edition": "47678.5-2026", "kind": "matter", "code": "06010"}
            await self._do(self._of("duty_chief"), case, "file", **{"class": {k: chosen[k] for k in ("edition", "kind", "code")}})

    async def _dispatch(self, case: dict[str, Any]) -> None:
        params = {"region_code": case["region_code"]}
        if case["class"]:
            params |= {"class_code": case["class"]["code"], "kind": case["class"]["kind"]}
        units = (await self._of("dispatcher").call("GET", "/cases/units", params=params)).raise_for_status().json()
        handlers: dict[str, str] = self.plan.people["handlers"]
        known = [unit for unit in units if unit["id"] in handlers]
        if known:
            await self._do(self._of("dispatcher"), case, "dispatch", unit_id=known[0]["id"])

    def _handler(self, case: dict[str, Any]) -> Person | None:
        name = self.plan.people["handlers"].get((case.get("unit") or {}).get("id"))
        return self.person(name) if name else None

    async def _sign(self, case: dict[str, Any]) -> None:
        handler = self._handler(case)
        if handler is not None:
            await self._do(handler, case, "sign")

    async def _handle(self, case: dict[str, Any]) -> None:
        handler = self._handler(case)
        if handler is None:
            return
        theme = reports.theme_of((case["class"] or {}).get("code", ""), case["source"])
        picture = photos.draw(theme.picture, self.rng.randrange(10**9), mended=True, caption=self._caption())
        photo = await handler.call("POST", "/photos", files={"file": ("after.jpg", picture, "image/jpeg")})
        await self._do(handler, case, "handle", feedback=theme.done, photo_ids=[photo.json()["id"]])
        if case.get("device_id"):
            device = await handler.call("GET", f"/devices/{case['device_id']}")
            if device.status_code == 200:
                self.repair(str(device.json()["key"]))

    async def _check(self, case: dict[str, Any]) -> None:
        supervisor = self.person(self._supervisor(case["region_code"][:6]))
        if self.rng.random() < 0.07:
            await self._do(supervisor, case, "check_fail", reason="现场仍有遗留,未达到结案条件")
        else:
            await self._do(supervisor, case, "check_pass")

    async def _close(self, case: dict[str, Any]) -> None:
        await self._do(self._of("duty_chief"), case, "close")
