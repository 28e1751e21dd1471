"""The embedded NATS: who is let in, and what remains after it was killed."""

import asyncio
import os
import signal
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import nats
import pytest
from nats.js.api import StreamConfig

from chengyun.kernel.embedded import EmbeddedNats
from chengyun.kernel.embedded.nats import jetstream_info


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedNats]:
    server = EmbeddedNats(tmp_path, sync="2m")
    server.start()
    yield server
    server.stop()


def test_the_platform_is_let_in_and_strangers_are_not(server: EmbeddedNats) -> None:
    own = server.credentials()
    assert jetstream_info(server.host, server.port, own.user, own.password)["streams"] == 0
    # Nobody answers the call-out here: whoever is not the platform waits in vain and learns nothing.
    for user, password in (("app", "wrong"), ("", ""), ("somebody", "x")):
        with pytest.raises((OSError, ValueError)):
            jetstream_info(server.host, server.port, user, password)


def test_listens_on_loopback_with_a_private_configuration(server: EmbeddedNats, tmp_path: Path) -> None:
    assert server.host == "127.0.0.1"
    assert server.mqtt_host == "127.0.0.1"
    for path in ((tmp_path / "run" / "nats.conf"), *(tmp_path / "secrets").iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    bus = server.credentials()
    assert bus.callout_seed.startswith("SA")
    assert bus.password not in (tmp_path / "logs" / "nats.log").read_text()


def test_what_was_acknowledged_survives_kill(server: EmbeddedNats) -> None:
    async def publish(count: int) -> int:
        connection = await nats.connect(server.url)
        stream = connection.jetstream()
        await stream.add_stream(StreamConfig(name="KEPT", subjects=["kept"]))
        for number in range(count):
            await stream.publish("kept", str(number).encode())
        assert server.process is not None
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        await connection.close()
        return count

    async def count() -> int:
        connection = await nats.connect(server.url)
        state = (await connection.jetstream().stream_info("KEPT")).state
        await connection.close()
        return state.messages

    published = asyncio.run(publish(300))
    server.start()
    assert asyncio.run(count()) == published


def test_a_restart_is_quick(server: EmbeddedNats) -> None:
    server.stop()
    begun = time.monotonic()
    server.start()
    assert time.monotonic() - begun < 5


def test_a_device_that_is_just_signing_in_does_not_hold_up_the_end(server: EmbeddedNats) -> None:
    """Nobody answers for the device any more; the bus itself would wait ten seconds for that."""
    word = b"\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01d\x00\x01d\x00\x01p"

    async def sign_in() -> socket.socket:
        connection = await nats.connect(server.url)
        asked = await connection.subscribe("$SYS.REQ.USER.AUTH")
        await connection.flush()
        device = socket.create_connection((server.mqtt_host, server.mqtt_port), timeout=5)
        device.sendall(b"\x10" + bytes([len(word)]) + word)
        await asked.next_msg(timeout=5)
        await connection.close()
        return device

    with asyncio.run(sign_in()):
        begun = time.monotonic()
        server.stop()
        assert time.monotonic() - begun < 5
