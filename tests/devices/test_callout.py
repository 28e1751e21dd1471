"""Who gets onto the bus, and what a device can do there: real MQTT clients against the real server."""

import asyncio
from collections.abc import Iterator

import nats
import orjson
import pytest

from chengyun.devices import callout, delivery
from chengyun.devices.api import router
from chengyun.devices.events import end_connections
from chengyun.kernel import addresses
from chengyun.kernel.bus import Event, connect
from chengyun.kernel.db import Scope, transaction
from chengyun.kernel.embedded.services import Services
from chengyun.kernel.settings import get_settings
from tests.devices.conftest import ENGINEER, add
from tests.devices.mqtt import Probe, callouts, stored
from tests.support import eventually
from tests.support.rooms import signed_in

pytestmark = pytest.mark.usefixtures("city")


@pytest.fixture(scope="module")
def secrets(city: str) -> dict[str, str]:
    return add("m-1", "m-2", "m-3", "m-4", "m-5")


@pytest.fixture(scope="module")
def workers(city: str) -> Iterator[None]:
    with callouts(2):
        yield


@pytest.mark.usefixtures("workers")
class TestOnTheBus:
    def test_a_device_with_its_secret_publishes_and_is_confirmed(self, secrets: dict[str, str]) -> None:
        probe = Probe("m-1", secrets["m-1"]).enter()
        probe.publish("cy/m-1/up", b'{"values": {"ch4": 1}}')
        assert eventually(lambda: stored("cy.m-1.up")) == [b'{"values": {"ch4": 1}}']
        probe.publish("cy/m-1/ack", b'{"ok": true}')
        assert eventually(lambda: stored("cy.m-1.ack")) == [b'{"ok": true}']
        probe.close()

    @pytest.mark.parametrize(
        ("key", "secret"),
        [
            ("m-1", "wrong"),
            ("m-1", ""),
            ("nobody", "wrong"),
            ("app", "wrong"),
            ("m.1", "x"),
            ("m-1' OR '1'='1", "x"),
            ("cy.*", "x"),
            ("设备", "x"),
        ],
    )
    def test_nobody_else_gets_in(self, key: str, secret: str) -> None:
        probe = Probe(key, secret, client_id="stranger")
        assert probe.refused()
        probe.close()

    def test_the_secret_of_one_device_does_not_open_for_another(self, secrets: dict[str, str]) -> None:
        probe = Probe("m-1", secrets["m-2"])
        assert probe.refused()
        probe.close()

    def test_a_device_cannot_speak_for_another(self, secrets: dict[str, str]) -> None:
        probe = Probe("m-2", secrets["m-2"]).enter()
        for topic in (
            "cy/m-3/up",
            "cy/m-3/ack",
            "cy/m-3/down",
            "in/m-3/up",
            "$MQTT/msgs/cy/m-3/up",
            "ev/alarm/raised",
            "live/device/500103",
        ):
            probe.publish(topic, b"forged")
        # The server confirms in order: once our own message is there, the forged ones are not coming any more.
        probe.publish("cy/m-2/up", b"mine")
        eventually(lambda: stored("cy.m-2.up"))
        assert stored("cy.*.*") == [m for m in stored("cy.*.*") if m != b"forged"]
        probe.close()

    def test_the_last_will_cannot_speak_for_another_either(self, secrets: dict[str, str]) -> None:
        probe = Probe("m-2", secrets["m-2"], will=("cy/m-3/up", b"forged will")).enter()
        probe.vanish()
        other = Probe("m-2", secrets["m-2"]).enter()
        other.publish("cy/m-2/up", b"after the will")
        eventually(lambda: b"after the will" in stored("cy.m-2.up"))
        assert stored("cy.m-3.up") == []
        other.close()

    @pytest.mark.parametrize(
        "topic", ["cy/+/down", "cy/m-3/down", "#", "cy/#", "+/m-2/down", "cy/m-2/up", "$SYS/#", "live/#", "ev/#", "$MQTT/msgs/#", "$MQTT/#"]
    )
    def test_a_device_hears_nobody_elses_commands(self, secrets: dict[str, str], topic: str) -> None:
        probe = Probe("m-2", secrets["m-2"]).enter()
        assert not probe.subscribe(topic)
        assert probe.subscribe("cy/m-2/down")
        probe.close()

    def test_a_device_cannot_push_another_off_the_bus_by_its_client_id(self, secrets: dict[str, str]) -> None:
        victim = Probe("m-3", secrets["m-3"]).enter()
        for client_id in ("m-3", "m-3:second"):
            thief = Probe("m-2", secrets["m-2"], client_id=client_id)
            assert thief.refused()
            thief.close()
        assert victim.disconnects == []
        free = Probe("m-2", secrets["m-2"], client_id="m-2:second").enter()
        free.close()
        victim.close()

    def test_the_bus_own_protocol_is_not_for_devices(self, secrets: dict[str, str]) -> None:
        async def native() -> None:
            host = addresses.nats_url().rpartition("@")[2]
            client = await nats.connect(f"nats://m-1:{secrets['m-1']}@{host}", allow_reconnect=False, error_cb=_ignore)
            await client.close()

        with pytest.raises(nats.errors.Error):
            asyncio.run(native())

    def test_two_secrets_are_valid_at_once_and_a_revoked_one_ends_the_connection(self, secrets: dict[str, str]) -> None:
        """Measured: the open connection ends as soon as the event is applied, and does not come back."""
        with signed_in(ENGINEER, router) as (client, lines):
            device_id = client.get("/api/v1/devices", params={"q": "m-4"}).json()["items"][0]["id"]
            path = f"/api/v1/devices/{device_id}/credentials"
            old = client.get(path).json()[0]
            new = client.post(path, json={"note": "换新"}).json()
            before, after = Probe("m-4", secrets["m-4"], client_id="old").enter(), Probe("m-4", new["secret"], client_id="new").enter()
            assert client.delete(f"{path}/{old['id']}").status_code == 200
            assert [line["action"] for line in lines] == ["device.credential.issue", "device.credential.revoke"]
        _apply_revocations()
        eventually(lambda: before.disconnects and before.connects[-1] == "Not authorized", timeout=20)
        # The other one was ended too, and came back by itself.
        eventually(lambda: after.connects == ["Success", "Success"], timeout=20)
        after.publish("cy/m-4/up", b"still here")
        before.close()
        after.close()

    def test_a_retired_device_is_refused(self, secrets: dict[str, str]) -> None:
        probe = Probe("m-5", secrets["m-5"]).enter()
        with signed_in(ENGINEER, router) as (client, _):
            device = client.get("/api/v1/devices", params={"q": "m-5"}).json()["items"][0]
            assert client.patch(f"/api/v1/devices/{device['id']}", json={"retired": True, "revision": 1}).status_code == 200
        _apply_revocations()
        eventually(lambda: probe.connects[-1] == "Not authorized", timeout=20)
        probe.close()


async def _ignore(_error: Exception) -> None:
    return


def _apply_revocations() -> None:
    """What a worker does with the events that wait."""
    from sqlalchemy import delete, select

    from chengyun.kernel.models import OutboxEvent

    with transaction(Scope.everything()) as session:
        wanted = OutboxEvent.subject.in_(["ev.device.credential.revoked", "ev.device.retired"])
        for row in session.scalars(select(OutboxEvent).where(wanted)).all():
            end_connections(session, Event(row.id, row.subject, row.time, row.home, row.region_code, row.data))
        session.execute(delete(OutboxEvent).where(wanted))


def test_a_pass_ends_by_itself(secrets: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHENGYUN_DEVICE_PASS_HOURS", str(3 / 3600))
    get_settings.cache_clear()
    with callouts():
        probe = Probe("m-1", secrets["m-1"]).enter()
        eventually(lambda: probe.disconnects, timeout=15)
        eventually(lambda: len(probe.connects) >= 2, timeout=15)
        probe.close()
    monkeypatch.undo()
    get_settings.cache_clear()


def test_the_other_workers_go_on_when_one_stops(secrets: dict[str, str]) -> None:
    with callouts(3) as handles:
        handles[0]()
        handles[1]()
        for _ in range(5):
            probe = Probe("m-1", secrets["m-1"]).enter()
            probe.close()


def test_the_bus_and_the_workers_find_each_other_again_after_a_restart(secrets: dict[str, str], services: Services) -> None:
    with callouts(2):
        probe = Probe("m-1", secrets["m-1"]).enter()
        probe.listen()
        services.nats.stop()
        eventually(lambda: probe.disconnects, timeout=15)
        services.nats.start()
        # A device that comes before the workers are back is refused after ten seconds and tries again.
        eventually(lambda: len(probe.connects) >= 2 and probe.connects[-1] == "Success", timeout=60)
        probe.publish("cy/m-1/up", b"after the restart")
        assert eventually(lambda: b"after the restart" in stored("cy.m-1.up"))
        probe.close()


def test_a_question_that_the_bus_has_not_signed_is_not_answered(secrets: dict[str, str]) -> None:
    keys = callout.signer()
    assert keys is not None
    seen: list[bytes] = []

    async def overhear() -> None:
        bus = await connect("tests")

        async def keep(message: nats.aio.msg.Msg) -> None:
            seen.append(message.data)

        await bus.nc.subscribe(callout.SUBJECT, cb=keep)
        await bus.nc.flush()
        probe = await asyncio.to_thread(Probe, "m-1", secrets["m-1"])
        await asyncio.to_thread(probe.enter)
        probe.close()
        await bus.close()

    with callouts():
        asyncio.run(overhear())
    head, body, signature = seen[0].split(b".")
    assert callout.decide(seen[0], keys) is not None
    claims = orjson.loads(callout_body(body))
    claims["nats"]["connect_opts"]["user"] = "m-2"
    forged = b".".join([head, pack(orjson.dumps(claims)), signature])
    for token in (
        forged,
        b"",
        b"a.b.c",
        seen[0][:-4],
        b"..",
        "设备.b.c".encode(),
        head + b"." + body + b".",
        pack(b"[]") + b"." + pack(b"[]") + b".x",
    ):
        assert callout.decide(token, keys) is None


def callout_body(body: bytes) -> bytes:
    import base64

    return base64.urlsafe_b64decode(body + b"=" * (-len(body) % 4))


def pack(raw: bytes) -> bytes:
    import base64

    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def test_the_platforms_own_user_is_let_in_without_asking(city: str) -> None:
    assert delivery.end_connections("nobody-of-this-name") == 0
