"""Septic tanks behind their districts' gateways: each gateway is one MQTT client, as in a real installation."""

import asyncio
import json
import random
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from chengyun.sim.city_time import CityTime
from chengyun.sim.gas import GasField, Rows, Weather
from chengyun.sim.plan import Gateway, Plan

MESSAGE = 100  # tanks in one message
TICK = 1.0  # real seconds
WATCHED = 8.0  # %LEL from which a tank reports more often
OFTEN = 0.08  # share of the usual interval at which it then reports
SILENT = 0.012  # share of tanks whose sensor says nothing


class GatewayLink:
    """The MQTT connection of one gateway."""

    def __init__(self, gateway: Gateway, host: str, port: int, fleet: "TankFleet") -> None:
        self._gateway = gateway
        self._fleet = fleet
        self.topic = f"cy/{gateway.key}/up"
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=gateway.key, protocol=mqtt.MQTTv311, clean_session=False)
        client.username_pw_set(gateway.key, gateway.secret)
        client.max_inflight_messages_set(50)
        client.max_queued_messages_set(2000)
        client.reconnect_delay_set(1, 30)
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        client.connect_async(host, port, keepalive=60)
        self._client = client

    def start(self) -> None:
        """Connect, and stay connected."""
        self._client.loop_start()

    def stop(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, body: bytes) -> None:
        """Send at least once; kept while there is no connection."""
        self._client.publish(self.topic, body, qos=1)

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not reason.is_failure:
            client.subscribe(f"cy/{self._gateway.key}/down", qos=1)

    def _on_message(self, client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        """Do what the platform commands, and say so."""
        try:
            order = json.loads(message.payload)
            key = str(order.get("device") or self._gateway.key)
            done = self._fleet.command(key, str(order["command"]), dict(order.get("arguments") or {}))
            answer = {"id": order["id"], "ok": done, "message": "" if done else "unknown command", "device": key}
            client.publish(f"cy/{self._gateway.key}/ack", json.dumps(answer).encode(), qos=1)
        except (ValueError, KeyError, TypeError):
            return


class TankFleet:
    """All tanks of the city and their gateways."""

    def __init__(self, plan: Plan, host: str, port: int) -> None:
        self._children = [child for gateway in plan.gateways for child in gateway.children]
        self._row = {child.key: i for i, child in enumerate(self._children)}
        self._owner = np.repeat(np.arange(len(plan.gateways)), [len(g.children) for g in plan.gateways])
        self._links = [GatewayLink(gateway, host, port, self) for gateway in plan.gateways]
        self._interval = float(plan.intervals["septic-gas"])
        self.field = GasField(len(self._children), plan.seed)
        rng = np.random.default_rng(plan.seed + 1)
        self._silent = rng.random(len(self._children)) < SILENT
        self._phase = rng.random(len(self._children))
        self._due = np.zeros(len(self._children))
        self._fault = random.Random(plan.seed)  # noqa: S311 - a simulation, not a secret
        begun = rng.choice(len(self._children), max(3, len(self._children) // 110), replace=False)
        self.field.start_episodes(begun)
        self.field.settle(begun)

    async def run(self, stop: asyncio.Event, city: CityTime, weather: Weather) -> None:
        """Send what is due, each second, until told to stop."""
        for link in self._links:
            link.start()
        last = city.now()
        self._due = last + self._phase * min(self._interval, 30 * city.speed)
        try:
            while not stop.is_set():
                now = city.now()
                self.field.step(max(0.0, now - last) / 60, weather)
                self._send(now, np.flatnonzero((self._due <= now) & ~self._silent))
                last = now
                await pause(stop, TICK)
        finally:
            for link in self._links:
                await asyncio.to_thread(link.stop)

    def _send(self, now: float, rows: Rows) -> None:
        values = self.field.readings(rows)
        often = (self.field.ch4[rows] > WATCHED) | self.field.fan[rows]
        self._due[rows] = now + self._interval * np.where(often, OFTEN, 1.0)
        stamp = int(now * 1000)
        owners = self._owner[rows]
        for owner in np.unique(owners):
            at = np.flatnonzero(owners == owner)
            for part in np.array_split(at, -(-at.size // MESSAGE)):
                self._links[owner].publish(self._message(stamp, rows, part, values))

    def _message(self, stamp: int, rows: Rows, part: Rows, values: dict[str, Any]) -> bytes:
        readings: list[dict[str, Any]] = [
            {"device": self._children[rows[i]].key, "ts": stamp, "values": {name: float(column[i]) for name, column in values.items()}}
            for i in part
        ]
        self._spoil(readings)
        return json.dumps(readings).encode()

    def _spoil(self, readings: list[dict[str, Any]]) -> None:
        """Field devices are not perfect: now and then one sends nonsense."""
        chance = self._fault.random()
        if chance < 0.002:
            readings[-1]["values"]["ch4"] = float("nan")
        elif chance < 0.003:
            readings[-1]["values"]["gas"] = 1.0
        elif chance < 0.004:
            readings[-1]["ts"] = readings[-1]["ts"] + 86_400_000

    def command(self, key: str, command: str, arguments: dict[str, Any]) -> bool:
        """Switch a fan; the next readings show it."""
        row = self._row.get(key)
        if row is None or command != "fan":
            return False
        self.field.fan[row] = bool(arguments.get("on"))
        self._due[row] = 0.0
        return True

    def repair(self, key: str) -> None:
        """A crew was there."""
        row = self._row.get(key)
        if row is not None:
            self.field.repair(np.array([row]))


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait, but not when told to stop."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
