"""The devices' door: what MQTT confirms is in the stream of readings, exactly once, whatever happens to the server."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import nats
import paho.mqtt.client as mqtt
import pytest

from chengyun.kernel.bus import STREAM_UP, Bus, ensure_streams, intake_subject, run_unconfirmed
from chengyun.kernel.embedded import EmbeddedNats
from tests.support import eventually

PATIENCE = 20


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedNats]:
    # Each message waits for the disk: this widens the gap in which a message could be confirmed but not kept.
    server = EmbeddedNats(tmp_path, sync="always")
    server.start()
    asyncio.run(streams(server))
    yield server
    server.stop()


async def streams(server: EmbeddedNats) -> None:
    connection = await nats.connect(server.url)
    await ensure_streams(connection.jetstream())
    await connection.close()


def device(server: EmbeddedNats, name: str) -> mqtt.Client:
    """A client of the MQTT door; it uses the platform's own user, because nobody answers the call-out here."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv311)
    own = server.credentials()
    client.username_pw_set(own.user, own.password)
    client.max_inflight_messages_set(200)
    client.connect(server.mqtt_host, server.mqtt_port)
    client.loop_start()
    eventually(client.is_connected)
    return client


async def stored(server: EmbeddedNats, at_least: int) -> list[tuple[str, bytes]]:
    """Everything in the stream of readings, once that many are there."""
    connection = await nats.connect(server.url)
    stream = connection.jetstream()
    async with asyncio.timeout(PATIENCE):
        while (await stream.stream_info(STREAM_UP)).state.messages < at_least:
            await asyncio.sleep(0.05)
    last = (await stream.stream_info(STREAM_UP)).state.last_seq
    reader = await stream.subscribe("cy.*.up", stream=STREAM_UP, ordered_consumer=True)
    found: list[tuple[str, bytes]] = []
    while True:
        message = await reader.next_msg(PATIENCE)
        found.append((message.subject, message.data))
        if message.metadata.sequence.stream >= last:
            break
    await connection.close()
    return found


def test_every_confirmed_reading_is_in_the_stream_once_after_kill(server: EmbeddedNats) -> None:
    confirmed: set[tuple[int, int]] = set()
    sent: dict[tuple[int, int], bytes] = {}
    clients = [device(server, f"client{n}") for n in range(4)]
    enough = threading.Event()
    for n, client in enumerate(clients):

        def on_publish(_c: object, _u: object, mid: int, _r: object, _p: object, n: int = n) -> None:
            confirmed.add((n, mid))
            if len(confirmed) >= 2000:
                enough.set()

        client.on_publish = on_publish
    for number in range(3000):
        for n, client in enumerate(clients):
            payload = b'{"n":"%d-%d"}' % (n, number)
            sent[(n, client.publish(f"cy/device{n}/up", payload, qos=1).mid)] = payload
    assert enough.wait(PATIENCE)
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    for client in clients:
        client.loop_stop()
    promised = {sent[key] for key in confirmed}
    server.start()
    found = [payload for _, payload in asyncio.run(stored(server, len(promised)))]
    assert promised <= set(found)
    assert len(found) == len(set(found))


def test_mqtt_and_http_readings_are_stored_under_the_same_subject(server: EmbeddedNats) -> None:
    client = device(server, "one")
    client.publish("cy/tank1/up", b"by mqtt", qos=1).wait_for_publish(PATIENCE)

    async def by_http() -> None:
        connection = await nats.connect(server.url)
        await connection.jetstream().publish(intake_subject("tank1"), b"by http")
        await connection.close()

    asyncio.run(by_http())
    assert sorted(asyncio.run(stored(server, 2))) == [("cy.tank1.up", b"by http"), ("cy.tank1.up", b"by mqtt")]
    client.loop_stop()


def test_qos_0_readings_are_stored_once_and_qos_1_are_not_doubled_by_it(server: EmbeddedNats) -> None:
    client = device(server, "two")

    async def with_forwarder() -> list[tuple[str, bytes]]:
        connection = await nats.connect(server.url)
        stop = asyncio.Event()
        work = asyncio.create_task(run_unconfirmed(Bus(connection, connection.jetstream()), stop))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(client.publish("cy/tank2/up", b"qos 1", qos=1).wait_for_publish, PATIENCE)
        client.publish("cy/tank2/up", b"qos 0", qos=0)
        found = await stored(server, 2)
        stop.set()
        await work
        await connection.close()
        return found

    assert sorted(asyncio.run(with_forwarder())) == [("cy.tank2.up", b"qos 0"), ("cy.tank2.up", b"qos 1")]
    client.loop_stop()


def test_the_streams_can_be_ensured_again_and_keep_their_messages(server: EmbeddedNats) -> None:
    client = device(server, "three")
    client.publish("cy/tank3/up", b"kept", qos=1).wait_for_publish(PATIENCE)
    asyncio.run(stored(server, 1))
    asyncio.run(streams(server))
    server.stop()
    server.start()
    asyncio.run(streams(server))
    assert asyncio.run(stored(server, 1)) == [("cy.tank3.up", b"kept")]
    client.loop_stop()
