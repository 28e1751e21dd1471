"""Orders to devices: checked, delivered by MQTT, answered, repeated, given up."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import orjson
import psycopg
import pytest
from fastapi.testclient import TestClient

from chengyun.devices import delivery, service
from chengyun.devices.api import router
from chengyun.devices.schemas import DevicePatch
from chengyun.devices.service import Order, registry
from chengyun.kernel import clock
from chengyun.kernel.clock import ManualClock
from chengyun.kernel.db import Scope, raw_transaction, transaction
from chengyun.kernel.errors import Problem
from tests.devices.conftest import ENGINEER, ONLOOKER, YUZHONG, add
from tests.devices.mqtt import Probe, callouts, stored
from tests.devices.test_state import events, ids, query
from tests.support import eventually
from tests.support.rooms import signed_in

pytestmark = pytest.mark.usefixtures("city")


@pytest.fixture(scope="module")
def secrets(city: str) -> dict[str, str]:
    found = add("gate", model="collector")
    add("child", gateway_key="gate")
    return found | add("k-1", "k-2", "k-3")


@pytest.fixture(scope="module")
def worker(city: str) -> Iterator[None]:
    with callouts():
        yield


@pytest.fixture
def client() -> Iterator[tuple[TestClient, list[dict[str, Any]]]]:
    with signed_in(ENGINEER, router) as pair:
        yield pair


@pytest.fixture(autouse=True)
def nothing_waits(secrets: dict[str, str]) -> None:
    query("DELETE FROM device_command RETURNING id")
    query("DELETE FROM outbox RETURNING id")


def order(device: str, command: str = "fan", **arguments: Any) -> UUID:
    with raw_transaction(Scope.everything()) as connection:
        return service.request_command(connection, ids(device)[0], command, arguments or {"on": True})


def acknowledge(*answers: tuple[str, Any]) -> int:
    with raw_transaction(Scope.everything()) as connection:
        return service.acknowledge_commands(connection, [(k, a if isinstance(a, bytes) else orjson.dumps(a)) for k, a in answers])


def found(command_id: UUID) -> dict[str, Any]:
    columns = ("state", "attempts", "message", "alarm_id", "requested_by_name")
    row = query(f"SELECT {', '.join(columns)} FROM device_command WHERE id = %s", command_id)[0]
    return dict(zip(columns, row, strict=True))


@pytest.mark.usefixtures("worker")
class TestDelivery:
    def test_an_order_reaches_the_device_and_its_answer_ends_it(
        self, secrets: dict[str, str], client: tuple[TestClient, list[dict[str, Any]]]
    ) -> None:
        http, lines = client
        probe = Probe("k-1", secrets["k-1"]).enter().listen()
        (device_id,) = ids("k-1")
        answer = http.post(f"/api/v1/devices/{device_id}/commands", json={"command": "fan", "arguments": {"on": True}})
        assert answer.status_code == 202, answer.text
        assert answer.json()["state"] == "requested"
        assert lines[0]["action"] == "device.command"
        assert lines[0]["detail"]["arguments"] == {"on": True}
        assert delivery.deliver_due() == 1
        message = eventually(lambda: probe.messages)[0]
        payload = orjson.loads(message.payload)
        assert (message.topic, message.qos, payload["command"], payload["arguments"]) == ("cy/k-1/down", 1, "fan", {"on": True})
        probe.publish("cy/k-1/ack", orjson.dumps({"id": payload["id"], "ok": True, "message": "已开启"}))
        kept = eventually(lambda: stored("cy.k-1.ack"))
        assert acknowledge(*[("k-1", a) for a in kept]) == 1
        listed = http.get(f"/api/v1/devices/{device_id}/commands").json()["items"]
        assert [(c["id"], c["state"], c["message"], c["requested_by_name"]) for c in listed] == [
            (payload["id"], "acknowledged", "已开启", "李工")
        ]
        told = query("SELECT subject, data FROM outbox ORDER BY position")
        assert [s for s, _ in told] == ["ev.device.command.requested", "ev.device.command.sent", "ev.device.command.acknowledged"]
        assert told[2][1]["device_key"] == "k-1"
        probe.close()

    def test_an_order_to_a_device_behind_a_gateway_goes_to_the_gateway(self, secrets: dict[str, str]) -> None:
        probe = Probe("gate", secrets["gate"]).enter().listen()
        command_id = order("child")
        delivery.deliver_due()
        payload = orjson.loads(eventually(lambda: probe.messages)[0].payload)
        assert payload["device"] == "child"
        assert acknowledge(("k-1", {"id": payload["id"], "ok": True})) == 0, "not by a stranger"
        assert acknowledge(("gate", {"id": payload["id"], "ok": True, "device": "child"})) == 1
        assert found(command_id)["state"] == "acknowledged"
        probe.close()

    def test_a_device_that_sleeps_gets_its_order_when_it_wakes(self, secrets: dict[str, str]) -> None:
        Probe("k-2", secrets["k-2"], clean=False).enter().listen().close()
        order("k-2")
        assert delivery.deliver_due() == 1
        probe = Probe("k-2", secrets["k-2"], clean=False).enter()
        assert orjson.loads(eventually(lambda: probe.messages)[0].payload)["command"] == "fan"
        probe.close()

    def test_an_order_is_repeated_until_answered_and_given_up_in_time(self, secrets: dict[str, str]) -> None:
        now = ManualClock(clock.now())
        clock.set_clock(now)
        command_id = order("k-3")
        assert [delivery.deliver_due(), delivery.deliver_due()] == [1, 0]
        now.advance(2)
        assert delivery.deliver_due() == 1
        now.advance(3.9)
        assert delivery.deliver_due() == 0, "the pauses grow"
        now.advance(0.1)
        assert delivery.deliver_due() == 1
        assert found(command_id)["attempts"] == 3
        now.advance(15)
        delivery.deliver_due()
        assert found(command_id)["state"] == "timed_out"
        assert acknowledge(("k-3", {"id": str(command_id), "ok": True})) == 0, "too late"
        assert [e[0]["id"] for e in events("ev.device.command.timed_out")] == [str(command_id)]
        assert len(events("ev.device.command.sent")) == 1, "told once, not for each repetition"

    def test_many_orders_go_out_together(self, secrets: dict[str, str]) -> None:
        for _ in range(40):
            order("k-1", on=False)
        assert delivery.deliver_due() == 40

    def test_what_a_dead_worker_had_taken_is_taken_by_another(self, secrets: dict[str, str]) -> None:
        from chengyun.devices.repository import commands as repository

        now = ManualClock(clock.now())
        clock.set_clock(now)
        order("k-1")
        with raw_transaction(Scope.everything()) as connection:
            assert len(repository.claim(connection, now.now(), now.now() + delivery.real_seconds(15), 10)) == 1
        assert delivery.deliver_due() == 0
        now.advance(16)
        assert delivery.deliver_due() == 1


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'"x"',
        b'{"id": "x", "ok": true}',
        b'{"id": 5, "ok": true}',
        b"[[[[",
        b'{"ok": true}',
        b"null",
        b'[null, 3, {"id": null}]',
    ],
)
def test_what_is_no_answer_is_passed_over(payload: bytes) -> None:
    command_id = order("k-1")
    assert acknowledge(("k-1", payload), ("k-1", {"id": str(command_id), "ok": "yes"}), ("k-1", {"id": str(uuid4()), "ok": True})) == 0
    assert found(command_id)["state"] == "requested"


def test_a_device_that_cannot_obey_says_why() -> None:
    command_id = order("k-1")
    assert (
        acknowledge(
            ("k-1", [{"id": str(command_id), "ok": False, "message": "风机\x00故障" + "长" * 900}]),
            ("k-1", {"id": str(command_id), "ok": True}),
        )
        == 1
    )
    assert found(command_id)["state"] == "failed"
    assert found(command_id)["message"].startswith("风机故障")
    assert len(found(command_id)["message"]) <= 400


def test_a_rule_orders_in_the_transaction_of_its_alarm() -> None:
    alarm_id, (device_id,) = uuid4(), ids("k-1")
    with raw_transaction(Scope.everything()) as connection:
        command_id = service.request_command(connection, device_id, "fan", {"on": True}, alarm_id=alarm_id)
    assert found(command_id) == {"state": "requested", "attempts": 0, "message": "", "alarm_id": alarm_id, "requested_by_name": ""}

    def ordered_in_vain() -> None:
        with raw_transaction(Scope.everything()) as connection:
            service.request_command(connection, device_id, "fan", {"on": True})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        ordered_in_vain()
    assert len(query("SELECT 1 FROM device_command")) == len(events("ev.device.command.requested")) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"command": "explode", "arguments": {}}, "command.unknown"),
        ({"command": "fan", "arguments": {}}, "command.argument_missing"),
        ({"command": "fan", "arguments": {"on": 1}}, "command.argument_kind"),
        ({"command": "fan", "arguments": {"on": "true"}}, "command.argument_kind"),
        ({"command": "fan", "arguments": {"on": True, "speed": 3}}, "command.argument_unknown"),
        ({"command": "set", "arguments": {"every": 0, "label": "a"}}, "command.argument_range"),
        ({"command": "set", "arguments": {"every": True, "label": "a"}}, "command.argument_kind"),
        ({"command": "set", "arguments": {"every": 10**400, "label": "a"}}, "command.argument_kind"),
        ({"command": "set", "arguments": {"every": 5, "label": ""}}, "command.argument_range"),
        ({"command": "set", "arguments": {"every": 5, "label": "a\u0000"}}, "command.argument_kind"),
        ({"command": "set", "arguments": {"every": 5, "label": "a" * 9}}, "command.argument_range"),
        ({"command": "set", "arguments": {"every": 5, "label": ["a"]}}, "command.argument_kind"),
        ({"command": "fan", "arguments": [True]}, "request.invalid"),
        ({"command": "fan", "arguments": {"on": True}, "extra": 1}, "request.invalid"),
        ({"command": "../fan", "arguments": {"on": True}}, "request.invalid"),
        ({"command": "fan", "arguments": {f"a{i}": 1 for i in range(50)}}, "request.invalid"),
    ],
)
def test_orders_that_the_model_does_not_know_are_refused(
    client: tuple[TestClient, list[dict[str, Any]]], body: dict[str, Any], code: str
) -> None:
    http, lines = client
    answer = http.post(f"/api/v1/devices/{ids('k-1')[0]}/commands", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"]
    assert lines == []
    assert query("SELECT 1 FROM device_command") == []


def test_only_those_who_may_command_do_so() -> None:
    (device_id,) = ids("k-1")
    body = {"command": "fan", "arguments": {"on": True}}
    with signed_in(ONLOOKER, router) as (http, _):
        assert http.post(f"/api/v1/devices/{device_id}/commands", json=body).status_code == 403
    with pytest.raises(Problem, match="permission"), transaction(Scope.everything()) as session:
        service.request_command(session, device_id, "fan", {"on": True}, actor=ONLOOKER)
    with signed_in(YUZHONG, router) as (http, _):
        assert http.post(f"/api/v1/devices/{device_id}/commands", json=body).status_code == 202
        query("UPDATE device SET region_code = '500101001' WHERE id = %s RETURNING id", device_id)
        assert http.post(f"/api/v1/devices/{device_id}/commands", json=body).status_code == 404
        assert http.get(f"/api/v1/devices/{device_id}/commands").status_code == 404
    query("UPDATE device SET region_code = '500103001', retired_at = now() WHERE id = %s RETURNING id", device_id)
    with signed_in(ENGINEER, router) as (http, _):
        assert http.post(f"/api/v1/devices/{device_id}/commands", json=body).json()["code"] == "device.retired"
    query("UPDATE device SET retired_at = NULL WHERE id = %s RETURNING id", device_id)


def test_the_list_of_orders_goes_page_by_page(client: tuple[TestClient, list[dict[str, Any]]]) -> None:
    http, _ = client
    made = [str(order("k-1")) for _ in range(7)]
    path, seen, cursor = f"/api/v1/devices/{ids('k-1')[0]}/commands", [], None
    while True:
        page = http.get(path, params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        seen += [c["id"] for c in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == made[::-1]
    for bad in ("x", "W10", "WzEsIDJd", "!!!"):
        assert http.get(path, params={"cursor": bad}).json()["code"] == "request.cursor"


def test_very_many_orders_take_a_handful_of_statements_and_a_bad_one_does_not_hold_up_the_others(
    city: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [f"bulk-{i}" for i in range(300)]
    add(*keys)
    retired, *served = ids(*keys)
    with transaction(Scope.everything()) as session:
        registry.change(session, ENGINEER, retired, DevicePatch(revision=1, retired=True))
    orders = [Order(device_id, "fan", {"on": True}) for device_id in served]
    bad = [
        Order(retired, "fan", {"on": True}),
        Order(uuid4(), "fan", {"on": True}),
        Order(served[0], "dance", {}),
        Order(served[0], "fan", {}),
    ]
    statements: list[Any] = []
    plain = psycopg.Cursor.execute

    def counted(self: Any, query: Any, *given: Any, **more: Any) -> Any:
        statements.append(query)
        return plain(self, query, *given, **more)

    with raw_transaction(Scope.everything()) as connection:
        monkeypatch.setattr(psycopg.Cursor, "execute", counted)
        answers = service.request_commands(connection, [*bad, *orders])
        monkeypatch.undo()
    assert len(statements) <= 4
    assert [a.code for a in answers if isinstance(a, Problem)] == [
        "device.retired", "object.not_found", "command.unknown", "command.argument_missing"
    ]  # fmt: skip
    given = [a for a in answers if not isinstance(a, Problem)]
    assert len(set(given)) == 299
    assert query("SELECT count(*), count(DISTINCT device_id) FROM device_command WHERE id = ANY(%s)", given) == [(299, 299)]
    told = query("SELECT count(*) FROM outbox WHERE subject = 'ev.device.command.requested' AND (data->>'id')::uuid = ANY(%s)", given)
    assert told == [(299,)]
