"""Devices as the tests have them: real MQTT clients, and workers that answer the bus."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import nats
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from chengyun.devices import delivery
from chengyun.devices.callout import run_callout
from chengyun.kernel import addresses
from chengyun.kernel.bus import STREAM_UP, connect
from tests.support import eventually


class Probe:
    """A device that remembers what happens to it."""

    def __init__(self, key: str, secret: str, *, client_id: str | None = None, clean: bool = True, **options: Any) -> None:
        self.key = key
        self.connects: list[str] = []
        self.disconnects: list[str] = []
        self.confirmed: list[int] = []
        self.granted: list[list[Any]] = []
        self.messages: list[mqtt.MQTTMessage] = []
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=key if client_id is None else client_id, protocol=mqtt.MQTTv311, clean_session=clean
        )
        client.username_pw_set(key, secret)
        client.reconnect_delay_set(1, 1)
        client.on_connect = lambda _c, _d, _f, reason, _p: self.connects.append(str(reason))
        client.on_disconnect = lambda _c, _d, _f, reason, _p: self.disconnects.append(str(reason))
        client.on_publish = lambda _c, _d, mid, _r, _p: self.confirmed.append(mid)
        client.on_subscribe = lambda _c, _d, _m, reasons, _p: self.granted.append(list(reasons))
        client.on_message = lambda _c, _d, message: self.messages.append(message)
        if "will" in options:
            client.will_set(*options["will"], qos=1)
        self.client = client
        client.connect(addresses.embedded("mqtt_host") or "", int(addresses.embedded("mqtt_port") or 0), keepalive=20)
        client.loop_start()

    def enter(self) -> "Probe":
        """Wait until the bus has let the device in."""
        assert eventually(lambda: self.connects, timeout=20)[-1] == "Success"
        return self

    def refused(self) -> bool:
        """Wait for the bus' decision; whether it was no."""
        return eventually(lambda: self.connects, timeout=20)[-1] == "Not authorized"

    def publish(self, topic: str, payload: bytes, qos: int = 1) -> None:
        """Publish, and wait for the confirmation."""
        before = len(self.confirmed)
        self.client.publish(topic, payload, qos=qos)
        eventually(lambda: len(self.confirmed) > before)

    def subscribe(self, topic: str) -> bool:
        """Subscribe; whether the bus has granted it."""
        before = len(self.granted)
        self.client.subscribe(topic, 1)
        return not eventually(lambda: self.granted[before:])[0][0].is_failure

    def listen(self) -> "Probe":
        """Subscribe to the device's own commands."""
        assert self.subscribe(f"cy/{self.key}/down")
        return self

    def close(self) -> None:
        """Leave."""
        self.client.disconnect()
        self.client.loop_stop()

    def vanish(self) -> None:
        """Lose the connection without a word."""
        self.client.loop_stop()
        sock = self.client.socket()
        assert sock is not None
        sock.close()


@contextmanager
def callouts(count: int = 1) -> Iterator[list[Any]]:
    """Workers that answer the bus; each can be stopped by its own handle."""
    loop = asyncio.new_event_loop()
    stops: list[asyncio.Event] = []
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    futures = []
    for _ in range(count):
        stop = asyncio.Event()
        stops.append(stop)
        futures.append(asyncio.run_coroutine_threadsafe(run_callout(stop), loop))
    eventually(lambda: _listeners() >= count)
    try:
        yield [lambda s=stop: loop.call_soon_threadsafe(s.set) for stop in stops]
    finally:
        for stop in stops:
            loop.call_soon_threadsafe(stop.set)
        for future in futures:
            future.result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
        delivery.forget()


def _listeners() -> int:
    """How many connections called `callout` have told the bus of a subscription."""

    async def ask() -> int:
        bus = await connect("tests")
        answer = await bus.nc.request("$SYS.REQ.ACCOUNT.PING.CONNZ", b'{"auth": true}', timeout=5)
        await bus.close()
        import orjson

        found = orjson.loads(answer.data)["data"].get("connections", [])
        return sum(1 for c in found if c.get("name") == "callout" and c.get("subscriptions", 0) > 0)

    return asyncio.run(ask())


def stored(subject: str) -> list[bytes]:
    """Payloads in the stream of readings under a subject."""

    async def read() -> list[bytes]:
        bus = await connect("tests")
        found = []
        subscription = await bus.js.subscribe(subject, stream=STREAM_UP, ordered_consumer=True)
        try:
            while True:
                found.append((await subscription.next_msg(timeout=0.3)).data)
        except nats.errors.TimeoutError:
            return found
        finally:
            await bus.close()

    return asyncio.run(read())
