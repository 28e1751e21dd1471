"""The whole way through a real worker: log-in, order, repetition, answer, revocation, silence."""

import asyncio
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest

from chengyun.devices import delivery, service
from chengyun.devices.api import router
from chengyun.devices.service import Latest
from chengyun.kernel import clock
from chengyun.kernel.db import Scope, raw_transaction
from chengyun.kernel.process import Health
from chengyun.server.processes import worker_main
from tests.devices.conftest import ENGINEER, add
from tests.devices.mqtt import Probe, stored
from tests.devices.test_state import ids, query
from tests.support import eventually
from tests.support.rooms import signed_in

pytestmark = pytest.mark.usefixtures("worker")
PATH = "/api/v1/devices"


@pytest.fixture(scope="module")
def worker(city: str) -> Iterator[None]:
    """A worker as `chengyun up` starts it, in a thread."""
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    health = Health()
    thread = threading.Thread(target=lambda: loop.run_until_complete(worker_main(stop, health)), daemon=True)
    thread.start()
    yield
    loop.call_soon_threadsafe(stop.set)
    thread.join(30)
    assert not thread.is_alive()
    loop.close()
    delivery.forget()


def test_an_order_goes_to_the_device_and_a_revoked_device_goes_off_the_bus(capsys: Any) -> None:
    secret = add("w-dev")["w-dev"]
    probe = Probe("w-dev", secret).enter().listen()
    (device_id,) = ids("w-dev")
    with signed_in(ENGINEER, router) as (client, _):
        begun = time.perf_counter()
        made = client.post(f"{PATH}/{device_id}/commands", json={"command": "fan", "arguments": {"on": True}}).json()
        first = eventually(lambda: probe.messages, every=0.01)[0]
        arrived = time.perf_counter() - begun
        assert orjson.loads(first.payload)["id"] == made["id"]
        # Not answered: it comes again.
        eventually(lambda: len(probe.messages) >= 2, timeout=15)
        probe.publish("cy/w-dev/ack", orjson.dumps({"id": made["id"], "ok": True}))
        answers = eventually(lambda: stored("cy.w-dev.ack"))
        with raw_transaction(Scope.everything()) as connection:
            assert service.acknowledge_commands(connection, [("w-dev", a) for a in answers]) == 1
        state = client.get(f"{PATH}/{device_id}/commands").json()["items"][0]
        assert (state["state"], state["attempts"] >= 2) == ("acknowledged", True)

        credential = client.get(f"{PATH}/{device_id}/credentials").json()[0]
        begun = time.perf_counter()
        assert client.delete(f"{PATH}/{device_id}/credentials/{credential['id']}").status_code == 200
        eventually(lambda: probe.disconnects, every=0.01)
        ended = time.perf_counter() - begun
        eventually(lambda: probe.connects[-1] == "Not authorized", timeout=20)
    with capsys.disabled():
        print(f"\nan order arrives after {arrived:.2f} s; a connection ends {ended:.2f} s after its secret was revoked")
    probe.close()


def test_silence_is_noticed_by_the_clockwork() -> None:
    add("w-quiet")
    (device_id,) = ids("w-quiet")
    long_ago = clock.now() - timedelta(seconds=170)
    with raw_transaction(Scope.everything()) as connection:
        service.merge_latest(connection, Latest([device_id], ["ch4"], [int(long_ago.timestamp() * 1000)], [1.0], [1]))
    assert query("SELECT connection FROM device_state WHERE device_id = %s", device_id) == [("online",)]
    eventually(
        lambda: query("SELECT connection FROM device_state WHERE device_id = %s", device_id) == [("offline",)], timeout=60, every=0.5
    )
