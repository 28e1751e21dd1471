"""Orders on their way to devices: sent by MQTT with QoS 1, again until answered, given up when their time is over.

The platform's own programs speak MQTT as the bus' user `app`, which the bus knows without asking.
"""

import asyncio
import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from chengyun.devices.repository import commands as repository
from chengyun.devices.service.commands import real_seconds, tell
from chengyun.kernel import addresses, clock
from chengyun.kernel.bus import connect
from chengyun.kernel.db import Scope, raw_transaction
from chengyun.kernel.logs import get_logger
from chengyun.kernel.metrics import counter
from chengyun.kernel.security import new_token
from chengyun.kernel.settings import get_settings

log = get_logger(__name__)
sent = counter("chengyun_device_commands_sent_total", "Commands sent to devices, repetitions included")

BATCH = 500
_CONFIRM_SECONDS = 5.0
_CONNECT_SECONDS = 5.0
# Longer than all the waiting below: what a worker has taken is sent or put back by then, unless the worker has died.
_LEASE_SECONDS = 15.0
# Repeated after 2, 4, 8, … seconds, at most every minute.
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 60.0
_RESERVED = "chengyun:"
"""Beginning of the platform's own client ids; a colon is not part of any device's key."""
_lock = threading.Lock()


class Unreachable(ConnectionError):
    """The MQTT door does not answer or does not confirm."""


def mqtt_door() -> tuple[str, int, str, str]:
    """Address of the MQTT door, and the platform's own user and password there."""
    settings = get_settings()
    own = settings.nats_url is not None
    host = settings.mqtt_host if own else addresses.embedded("mqtt_host") or settings.mqtt_host
    port = settings.mqtt_port if own else int(addresses.embedded("mqtt_port") or settings.mqtt_port)
    parts = urlsplit(addresses.nats_url())
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not opened
    return reachable, port, unquote(parts.username or ""), unquote(parts.password or "")


def _client(client_id: str) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv311, clean_session=True)
    client.username_pw_set(*mqtt_door()[2:])
    return client


class Sender:
    """The MQTT connection of one process; opened when first needed, and again whenever it was lost."""

    def __init__(self) -> None:
        self._door = mqtt_door()
        self._connected = threading.Event()
        self._client = _client(f"{_RESERVED}{os.getpid()}-{new_token(6)}")
        self._client.max_inflight_messages_set(BATCH)
        self._client.reconnect_delay_set(1, 10)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = lambda *_: self._connected.clear()
        self._client.connect_async(*self._door[:2], keepalive=30)
        self._client.loop_start()

    def _on_connect(self, _client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            log.warning("the MQTT door refuses the platform", reason=str(reason))
        else:
            self._connected.set()

    @property
    def is_current(self) -> bool:
        """Whether the door is still where it was."""
        return self._door == mqtt_door()

    def send(self, messages: Sequence[tuple[str, bytes]]) -> list[bool]:
        """Publish; says which messages the bus has confirmed."""
        if not self._connected.wait(_CONNECT_SECONDS):
            raise Unreachable("MQTT")
        handles = [self._client.publish(topic, payload, qos=1) for topic, payload in messages]
        until = clock.monotonic() + _CONFIRM_SECONDS
        for handle in handles:
            # A failure shows in `is_published`.
            with contextlib.suppress(RuntimeError, ValueError):
                handle.wait_for_publish(max(0.0, until - clock.monotonic()))
        return [_confirmed(handle) for handle in handles]

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


def _confirmed(handle: mqtt.MQTTMessageInfo) -> bool:
    try:
        return handle.is_published()
    except (RuntimeError, ValueError):
        return False


@lru_cache(maxsize=1)
def _open_sender() -> Sender:
    return Sender()


def forget() -> None:
    """Close this process' MQTT connection."""
    with _lock:
        if _open_sender.cache_info().currsize:
            _open_sender().close()
            _open_sender.cache_clear()


@contextlib.contextmanager
def _sender() -> Iterator[Sender]:
    with _lock:
        if _open_sender.cache_info().currsize and not _open_sender().is_current:
            _open_sender().close()
            _open_sender.cache_clear()
        yield _open_sender()


def deliver_due() -> int:
    """Send what is due, and give up what is over; returns how many orders went out. Any number of workers may do so.

    No row is held while the bus is waited for, so that an answer is never kept waiting by the order.
    """
    total = 0
    while True:
        now = clock.now()
        with raw_transaction(Scope.everything()) as connection:
            rows = repository.claim(connection, now, now + real_seconds(_LEASE_SECONDS), BATCH)
            over = [row["id"] for row in rows if row["expires_at"] <= now]
            if over:
                tell(connection, repository.expire(connection, over, now))
        live = [row for row in rows if row["expires_at"] > now]
        total += _send(live, now) if live else 0
        if len(rows) < BATCH:
            return total


def _send(rows: list[dict[str, Any]], now: datetime) -> int:
    try:
        with _sender() as sender:
            confirmed = sender.send([_message(row) for row in rows])
    except Unreachable:
        log.warning("commands wait for the MQTT door", waiting=len(rows))
        confirmed = [False] * len(rows)
    gone = [row for row, ok in zip(rows, confirmed, strict=True) if ok]
    kept = [row["id"] for row, ok in zip(rows, confirmed, strict=True) if not ok]
    with raw_transaction(Scope.everything()) as connection:
        if gone:
            marked = repository.mark_sent(connection, [row["id"] for row in gone], [_following(row, now) for row in gone], now)
            tell(connection, [row for row in marked if row["attempts"] == 1])
        if kept:
            repository.postpone(connection, kept, now + real_seconds(_FIRST_PAUSE))
    sent.inc(len(gone))
    return len(gone)


def _following(row: dict[str, Any], now: datetime) -> datetime:
    """When an order is due again, at the latest when its time is over."""
    pause: timedelta = real_seconds(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** row["attempts"]))
    return min(now + pause, row["expires_at"])  # type: ignore[no-any-return]


def _message(row: dict[str, Any]) -> tuple[str, bytes]:
    """Topic and payload; an order to a device behind a gateway goes to the gateway and names the device."""
    payload = {"id": str(row["id"]), "command": row["command"], "arguments": row["arguments"], "expires_at": row["expires_at"]}
    if row["gateway_key"]:
        payload["device"] = row["device_key"]
    return f"cy/{row['gateway_key'] or row['device_key']}/down", orjson.dumps(payload)


def end_connections(key: str) -> int:
    """End a device's open connections; returns how many there were. It may come back with a valid secret.

    The bus lists them by user name. It has no order to close one, but MQTT has: a second connection with the same
    client id replaces the first (MQTT-3.1.4-2), and ours leaves at once.
    """
    ids = asyncio.run(_client_ids(key))
    for client_id in ids:
        _replace(client_id)
    return len(ids)


async def _client_ids(key: str) -> list[str]:
    bus = await connect("end connections")
    try:
        query = orjson.dumps({"user": key, "auth": True, "limit": 100})
        answer = await bus.nc.request("$SYS.REQ.ACCOUNT.PING.CONNZ", query, timeout=5)
        found = orjson.loads(answer.data).get("data", {}).get("connections", [])
    finally:
        await bus.close()
    return [str(c["mqtt_client"]) for c in found if c.get("authorized_user") == key and c.get("mqtt_client")]


def _replace(client_id: str) -> None:
    done = threading.Event()
    client = _client(client_id)
    client.on_connect = lambda *_: done.set()
    client.connect(*mqtt_door()[:2])
    client.loop_start()
    arrived = done.wait(_CONNECT_SECONDS)
    client.disconnect()
    client.loop_stop()
    if not arrived:
        raise Unreachable("MQTT")
