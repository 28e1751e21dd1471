"""A running platform with the demo city's data, without its simulator: people, devices and passwords to act with."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.support import eventually
from tests.support.platform import Platform


class City:
    """What a person, a program or a device can do against a running platform."""

    def __init__(self, platform: Platform, scale: str = "small") -> None:
        self.platform = platform
        self.address = platform.address
        self.chengyun("seed-demo", "--scale", scale)
        self.plan: dict[str, Any] = json.loads((platform.data_dir / "secrets" / "sim.json").read_text())

    @property
    def password(self) -> str:
        """The demo users' password."""
        return str(self.plan["password"])

    def chengyun(self, *words: str, code: int = 0) -> str:
        """Run a verb against the platform's data folder; returns what it printed."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("CHENGYUN_")}
        environment |= {"CHENGYUN_DATA_DIR": str(self.platform.data_dir)}
        done = subprocess.run(
            [sys.executable, "-m", "chengyun.cli.main", *words], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def person(self, username: str) -> httpx.Client:
        """A signed-in user's HTTP client."""
        client = httpx.Client(base_url=f"{self.address}/api/v1", timeout=30)
        client.post("/session", json={"username": username, "password": self.password}).raise_for_status()
        client.headers["X-CSRF-Token"] = client.cookies["cy_csrf"]
        return client

    def gateway(self, district: str = "500103") -> dict[str, Any]:
        """The gateway of a district: key, secret and children."""
        return next(g for g in self.plan["gateways"] if g["key"] == f"GW{district[2:]}")

    @property
    def mqtt_port(self) -> int:
        """Where devices connect."""
        return int(json.loads((self.platform.data_dir / "run" / "services.json").read_text())["mqtt_port"])

    def publish(self, key: str, secret: str, messages: list[Any]) -> None:
        """Send messages as a device, with QoS 1, and wait until each is confirmed."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"{key}-test", protocol=mqtt.MQTTv311)
        client.username_pw_set(key, secret)
        client.connect("127.0.0.1", self.mqtt_port)
        client.loop_start()
        try:
            for message in messages:
                client.publish(f"cy/{key}/up", json.dumps(message), qos=1).wait_for_publish(20)
        finally:
            client.disconnect()
            client.loop_stop()

    def alarms(self, reader: httpx.Client, device_key: str, state: str | None = None) -> list[dict[str, Any]]:
        """All alarms of a device, oldest first."""
        device = reader.get("/devices", params={"q": device_key}).raise_for_status().json()["items"][0]
        found: list[dict[str, Any]] = []
        cursor = None
        while True:
            params = {
                "device_id": device["id"],
                "limit": 200,
                **({"state": state} if state else {}),
                **({"cursor": cursor} if cursor else {}),
            }
            page = reader.get("/alarms", params=params).raise_for_status().json()
            found += page["items"]
            cursor = page["next"]
            if not cursor:
                return sorted(found, key=lambda a: a["raised_at"])

    def watched(self, reader: httpx.Client, device_key: str, metric: str, value: float) -> dict[str, Any]:
        """Wait until a device's newest reading of a metric is a value; returns the device."""

        def look() -> dict[str, Any] | None:
            items = reader.get("/devices", params={"q": device_key}).raise_for_status().json()["items"]
            found = next((d for d in items if d["key"] == device_key), None)
            newest = found["state"]["metrics"].get(metric) if found else None
            return found if newest and newest["value"] == value else None

        return eventually(look, timeout=60)


def data_folder() -> Path:
    """The shared inputs beside the repository, for tests and benchmarks that want them."""
    return Path(__file__).resolve().parents[3] / "shared" / "data"
