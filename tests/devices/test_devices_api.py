"""Devices through HTTP: found, listed, counted, registered, changed, their secrets; who may see and do what."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from fastapi.testclient import TestClient

from chengyun.accounts import service as accounts
from chengyun.devices import service
from chengyun.devices.api import router
from chengyun.devices.service import Latest
from chengyun.kernel import clock
from chengyun.kernel.db import Scope, raw_transaction, transaction
from tests.devices.conftest import ENGINEER, JIEFANGBEI, ONLOOKER, YUBEI, YUZHONG, add
from tests.devices.test_state import ids, query
from tests.support.rooms import signed_in

Pair = tuple[TestClient, list[dict[str, Any]]]
PATH = "/api/v1/devices"


@pytest.fixture(scope="module", autouse=True)
def stock(city: str) -> None:
    """60 tanks and a gateway in 渝中区, 5 tanks elsewhere; one online with values, one with an alarm."""
    with transaction(Scope.everything()) as session:
        unit = accounts.ensure_organisation(
            session,
            key="sanitation",
            name="渝中区环卫中心",
            name_en="Yuzhong Sanitation",
            kind="department",
            parent_key=None,
            area_code="500103",
        )
    add("gw", model="collector")
    add(*[f"tank-{i:02d}" for i in range(60)], gateway_key="gw", owner_org_id=unit, address="民权路 28 号")
    add(*[f"far-{i}" for i in range(5)], place=YUBEI, component_code="50010300103001234")
    first, second = ids("tank-00", "tank-01")
    now = int(clock.now().timestamp() * 1000)
    with raw_transaction(Scope.everything()) as connection:
        latest = Latest([first, first], ["ch4", "h2s"], [now, now], np.array([1.5, 0.0]), [7, 7])
        service.merge_latest(connection, latest)
        service.set_worst_levels(connection, [(second, 2)])


@pytest.fixture
def engineer() -> Iterator[Pair]:
    with signed_in(ENGINEER, router) as pair:
        yield pair


@pytest.fixture
def local() -> Iterator[Pair]:
    with signed_in(YUZHONG, router) as pair:
        yield pair


def keys(client: TestClient, **params: Any) -> list[str]:
    answer = client.get(PATH, params={"limit": 200, **params})
    assert answer.status_code == 200, answer.text
    return [d["key"] for d in answer.json()["items"]]


def device(client: TestClient, key: str) -> dict[str, Any]:
    return next(d for d in client.get(PATH, params={"q": key}).json()["items"] if d["key"] == key)


def new(**more: Any) -> dict[str, Any]:
    return {"key": f"n-{uuid4().hex[:8]}", "name": "新设备", "model": "tank", "place": {"lon": JIEFANGBEI[0], "lat": JIEFANGBEI[1]}} | more


@contextmanager
def counted() -> Iterator[list[str]]:
    """Statements that reach the database, of sessions and of plain cursors alike."""
    from psycopg import Cursor

    seen: list[str] = []
    original = Cursor.execute

    def execute(self: Any, statement: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(str(statement)[:60])
        return original(self, statement, *args, **kwargs)

    Cursor.execute = execute  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        Cursor.execute = original  # type: ignore[method-assign]


class TestReading:
    def test_a_device_has_the_shape_that_the_pages_expect(self, engineer: Pair) -> None:
        client, _ = engineer
        found = device(client, "tank-00")
        shown = client.get(f"{PATH}/{found['id']}").json()
        assert shown == found
        assert shown["model"] == {"key": "tank", "name": "化粪池气体监测仪"}
        assert shown["pack"] == "septic"
        assert shown["region_code"].startswith("500103")
        assert shown["area_name"].startswith("渝中区")
        assert shown["place"] == {"lon": JIEFANGBEI[0], "lat": JIEFANGBEI[1]}
        assert shown["owner_unit"] == "渝中区环卫中心"
        assert shown["gateway_id"] == device(client, "gw")["id"]
        assert shown["state"]["connection"] == "online"
        assert shown["state"]["metrics"]["ch4"]["value"] == 1.5
        assert shown["state"]["last_seen"] is not None
        assert shown["state"]["worst_alarm_level"] is None
        silent = device(client, "tank-05")["state"]
        assert (silent["connection"], silent["last_seen"], silent["metrics"]) == ("unknown", None, {})

    def test_a_list_of_fifty_takes_a_fixed_number_of_queries(self, engineer: Pair) -> None:
        client, _ = engineer
        client.get(PATH, params={"limit": 50})
        figures = {}
        for limit in (1, 50):
            with counted() as statements:
                assert len(client.get(PATH, params={"limit": limit, "q": "tank-"}).json()["items"]) == limit
            figures[limit] = len(statements)
        # Alive?, scope, read-only, devices, newest values, are the divisions fresh?, owners.
        assert figures == {1: 7, 50: 7}, statements

    @pytest.mark.parametrize(
        ("params", "expected"),
        [
            ({"q": "tank-0"}, [f"tank-{i:02d}" for i in range(10)]),
            ({"q": "TANK-05"}, ["tank-05"]),
            ({"q": "ank-05"}, ["tank-05"]),  # part of the name, which holds the key
            ({"q": "50010300103"}, [f"far-{i}" for i in range(5)]),
            ({"q": "民权路", "model": "collector"}, []),
            ({"q": "%"}, []),
            ({"q": "_"}, []),
            ({"q": "\\"}, []),
            ({"q": "' OR 1=1 --"}, []),
            ({"connection": "online"}, ["tank-00"]),
            ({"connection": "offline"}, []),
            ({"alarm": True}, ["tank-01"]),
            ({"model": "collector"}, ["gw"]),
            ({"pack": "base"}, ["gw"]),
            ({"pack": "septic", "q": "far-"}, [f"far-{i}" for i in range(5)]),
            ({"retired": True}, []),
        ],
    )
    def test_filters(self, engineer: Pair, params: dict[str, Any], expected: list[str]) -> None:
        assert keys(engineer[0], **params) == expected

    def test_a_region_means_todays_land_of_a_division(self, engineer: Pair) -> None:
        client, _ = engineer
        here = keys(client, region="500103")
        assert "tank-00" in here
        assert not [k for k in here if k.startswith("far-")]
        street = device(client, "tank-00")["region_code"][:9]
        assert "tank-00" in keys(client, region=street)
        assert len(keys(client, region="500000")) == len(keys(client))
        assert client.get(PATH, params={"region": "5001"}).status_code == 422

    def test_pages_follow_each_other_without_gaps(self, engineer: Pair) -> None:
        client, _ = engineer
        seen: list[str] = []
        cursor = None
        while True:
            page = client.get(PATH, params={"limit": 17} | ({"cursor": cursor} if cursor else {})).json()
            seen += [d["key"] for d in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert seen == sorted(seen) == keys(client)
        assert len(seen) == 66

    @pytest.mark.parametrize(
        "params",
        [
            {"cursor": "W10"},
            {"cursor": "WzFd"},
            {"cursor": "🜁"},
            {"limit": 0},
            {"limit": 201},
            {"q": "a\u0000"},
            {"q": "x" * 101},
            {"connection": "asleep"},
            {"region": "北京"},
            {"region": "'; DROP TABLE device"},
            {"gateway": "gw"},
            {"alarm": "perhaps"},
        ],
    )
    def test_what_cannot_be_asked_is_refused_clearly(self, engineer: Pair, params: dict[str, Any]) -> None:
        answer = engineer[0].get(PATH, params=params)
        assert answer.status_code in (400, 422), answer.text
        assert answer.json()["code"]

    def test_counts_by_model_add_up(self, engineer: Pair) -> None:
        found = {m["model"]: m for m in engineer[0].get(f"{PATH}/summary").json()}
        assert (
            found["tank"] | {"total": 65, "online": 1, "offline": 0, "alarm": 1, "pack": "septic", "name": "化粪池气体监测仪"}
            == found["tank"]
        )
        assert found["collector"]["total"] == 1

    def test_counts_by_district_are_by_todays_districts(self, engineer: Pair) -> None:
        client, _ = engineer
        found = client.get(f"{PATH}/summary", params={"by": "district"}).json()
        here = next(d for d in found if d["code"] == "500103")
        assert here == {"code": "500103", "name": "渝中区", "total": 61, "online": 1, "offline": 0, "alarm": 1}
        assert sum(d["total"] for d in found) == 66
        for d in found:
            assert len(keys(client, region=d["code"])) == d["total"]

    def test_models_are_listed_with_their_metrics_and_commands(self, engineer: Pair) -> None:
        found = {m["key"]: m for m in engineer[0].get(f"{PATH}/models").json()}
        assert [m["key"] for m in found["tank"]["metrics"]] == ["ch4", "h2s", "fan"]
        assert [c["key"] for c in found["tank"]["commands"]] == ["fan", "set"]

    def test_english_readers_get_english(self, engineer: Pair) -> None:
        from dataclasses import replace

        with signed_in(replace(ENGINEER, lang="en"), router) as (client, _):
            shown = device(client, "tank-00")
            assert shown["model"]["name"] == "Septic tank gas monitor"
            assert shown["owner_unit"] == "Yuzhong Sanitation"
            assert "District" in shown["area_name"]


class TestScope:
    def test_nobody_sees_devices_of_another_area(self, local: Pair, engineer: Pair) -> None:
        client, _ = local
        assert not [k for k in keys(client) if k.startswith("far-")]
        assert client.get(PATH, params={"q": "far-"}).json()["items"] == []
        far = device(engineer[0], "far-0")["id"]
        for answer in (
            client.get(f"{PATH}/{far}"),
            client.patch(f"{PATH}/{far}", json={"name": "x", "revision": 1}),
            client.get(f"{PATH}/{far}/credentials"),
            client.post(f"{PATH}/{far}/credentials", json={}),
            client.delete(f"{PATH}/{far}/credentials/{uuid4()}"),
            client.get(f"{PATH}/{far}/commands"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "object.not_found")
        assert [d["code"] for d in client.get(f"{PATH}/summary", params={"by": "district"}).json()] == ["500103"]

    def test_nobody_registers_or_moves_a_device_into_another_area(self, local: Pair) -> None:
        client, lines = local
        away = {"lon": YUBEI[0], "lat": YUBEI[1]}
        answer = client.post(PATH, json=new(place=away))
        assert (answer.status_code, answer.json()["code"]) == (403, "device.area_denied")
        answer = client.post(PATH, json=new(place=None, region_code="500101"))
        assert answer.json()["code"] == "device.area_denied"
        mine = client.post(PATH, json=new()).json()
        answer = client.patch(f"{PATH}/{mine['id']}", json={"place": away, "revision": 1})
        assert answer.json()["code"] == "device.area_denied"
        assert [line["action"] for line in lines] == ["device.register"]

    def test_a_key_of_another_area_is_taken_without_telling_whose(self, local: Pair) -> None:
        answer = local[0].post(PATH, json=new(key="far-0"))
        assert (answer.status_code, answer.json()["code"]) == (409, "device.key_taken")

    def test_each_right_is_asked_for(self) -> None:
        some = uuid4()
        with signed_in(ONLOOKER, router) as (client, _):
            for method, path, body in [
                ("GET", "", None),
                ("GET", "/models", None),
                ("GET", "/summary", None),
                ("GET", f"/{some}", None),
                ("POST", "", new()),
                ("PATCH", f"/{some}", {"revision": 1}),
                ("GET", f"/{some}/credentials", None),
                ("POST", f"/{some}/credentials", {}),
                ("DELETE", f"/{some}/credentials/{some}", None),
                ("GET", f"/{some}/commands", None),
                ("POST", f"/{some}/commands", {"command": "fan", "arguments": {}}),
            ]:
                answer = client.request(method, f"{PATH}{path}", json=body)
                assert answer.json()["code"] == "access.denied", (method, path)
            assert client.post(f"{PATH}/import", files={"file": b"x"}).json()["code"] == "access.denied"
        with signed_in(None, router) as (client, _):
            assert client.get(PATH).json()["code"] == "access.sign_in"


class TestChanging:
    def test_a_new_device_gets_a_secret_that_is_shown_once(self, engineer: Pair) -> None:
        client, lines = engineer
        body = new(address=" 民生路 1 号 ", component_code="50010300103001234")
        answer = client.post(PATH, json=body)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        assert made["address"] == "民生路 1 号"
        assert service.check_secret(body["key"], made["secret"])
        assert "secret" not in client.get(f"{PATH}/{made['id']}").json()
        assert made["secret"] not in str(lines)
        assert lines == [
            {
                "actor": "李工",
                "action": "device.register",
                "object": ("device", made["id"]),
                "detail": {"key": body["key"], "model": "tank"},
            }
        ]
        assert query("SELECT 1 FROM device_credential WHERE position(%s::bytea in digest) > 0", made["secret"].encode()) == []

    @pytest.mark.parametrize(
        ("more", "code"),
        [
            ({"key": "tank-00"}, "device.key_taken"),
            ({"key": "a.b"}, "request.invalid"),
            ({"key": "a b"}, "request.invalid"),
            ({"key": "键"}, "request.invalid"),
            ({"key": ""}, "request.invalid"),
            ({"key": "x" * 65}, "request.invalid"),
            ({"key": "cy/+"}, "request.invalid"),
            ({"key": "_http"}, "request.invalid"),
            ({"name": ""}, "request.invalid"),
            ({"name": "a\u0000b"}, "request.invalid"),
            ({"name": "a\u0085b"}, "request.invalid"),
            ({"name": "x" * 121}, "request.invalid"),
            ({"model": "unheard"}, "model.unknown"),
            ({"place": None}, "device.place_needed"),
            ({"place": {"lon": 0, "lat": 0}}, "device.place_outside"),
            ({"place": {"lon": 181, "lat": 0}}, "request.invalid"),
            ({"place": {"lon": "x", "lat": 0}}, "request.invalid"),
            ({"place": {"lon": 106.5}}, "request.invalid"),
            ({"region_code": "999999"}, "region.unknown"),
            ({"region_code": "500103001"[:8]}, "request.invalid"),
            ({"component_code": "123"}, "request.invalid"),
            ({"gateway_id": str(uuid4())}, "device.gateway_unknown"),
            ({"owner_org_id": str(uuid4())}, "device.owner_unknown"),
            ({"number": 5}, "request.invalid"),
            ({"address": "x" * 201}, "request.invalid"),
        ],
    )
    def test_what_cannot_be_registered_is_refused_and_leaves_nothing(self, engineer: Pair, more: dict[str, Any], code: str) -> None:
        client, lines = engineer
        before = query("SELECT count(*), max(number) FROM device"), query("SELECT next_device FROM device_revision")
        answer = client.post(PATH, json=new(**more))
        assert answer.status_code < 500
        assert answer.json()["code"] == code
        assert answer.json()["errors"]
        assert lines == []
        assert before == (query("SELECT count(*), max(number) FROM device"), query("SELECT next_device FROM device_revision"))

    def test_of_two_changes_the_later_one_is_told(self, engineer: Pair) -> None:
        client, lines = engineer
        made = client.post(PATH, json=new()).json()
        path = f"{PATH}/{made['id']}"
        changed = client.patch(path, json={"name": "甲", "revision": made["revision"]}).json()
        assert (changed["name"], changed["revision"]) == ("甲", 2)
        late = client.patch(path, json={"name": "乙", "revision": made["revision"]})
        assert (late.status_code, late.json()["code"], late.json()["revision"]) == (409, "device.changed", 2)
        assert client.get(path).json()["name"] == "甲"
        assert lines[-1]["detail"] == {"name": {"before": "新设备", "after": "甲"}}

    def test_a_moved_device_takes_everything_along(self, engineer: Pair) -> None:
        client, _ = engineer
        body = new()
        made = client.post(PATH, json=body).json()
        (device_id,) = ids(body["key"])
        with raw_transaction(Scope.everything()) as connection:
            service.merge_latest(connection, Latest([device_id], ["ch4"], [0], [1.0], [1]))
        client.post(f"{PATH}/{made['id']}/commands", json={"command": "fan", "arguments": {"on": True}})
        moved = client.patch(f"{PATH}/{made['id']}", json={"place": {"lon": YUBEI[0], "lat": YUBEI[1]}, "revision": 1}).json()
        assert moved["region_code"] != made["region_code"]
        for table in ("device_state", "latest_reading", "device_credential", "device_command"):
            assert query(f"SELECT DISTINCT region_code FROM {table} WHERE device_id = %s", device_id) == [(moved["region_code"],)]
        told = query("SELECT region_code FROM outbox WHERE subject = 'ev.device.moved' AND data->>'id' = %s", str(device_id))
        assert told == [(moved["region_code"],)]

    def test_fields_are_emptied_by_null_and_left_by_silence(self, engineer: Pair) -> None:
        client, _ = engineer
        made = client.post(PATH, json=new(address="某处", gateway_id=device(client, "gw")["id"])).json()
        path = f"{PATH}/{made['id']}"
        assert client.patch(path, json={"name": "x", "revision": 1}).json()["address"] == "某处"
        emptied = client.patch(path, json={"address": None, "gateway_id": None, "place": None, "revision": 2}).json()
        assert (emptied["address"], emptied["gateway_id"], emptied["place"]) == (None, None, None)
        assert emptied["region_code"] == made["region_code"], "without a place the device stays in its area"

    def test_gateways_do_not_form_chains(self, engineer: Pair) -> None:
        client, _ = engineer
        gateway, tank = device(client, "gw"), device(client, "tank-00")
        for who, behind in ((gateway, tank), (gateway, gateway), (tank, tank), (device(client, "far-0"), tank)):
            answer = client.patch(f"{PATH}/{who['id']}", json={"gateway_id": behind["id"], "revision": who["revision"]})
            assert answer.json()["code"] == "device.gateway_chain"

    def test_a_retired_device_leaves_lists_and_counts_and_can_come_back(self, engineer: Pair) -> None:
        client, _ = engineer
        body = new()
        made = client.post(PATH, json=body).json()
        path = f"{PATH}/{made['id']}"
        gone = client.patch(path, json={"retired": True, "revision": 1}).json()
        assert gone["retired_at"] is not None
        assert body["key"] not in keys(client)
        assert keys(client, retired=True) == [body["key"]]
        assert not service.check_secret(body["key"], made["secret"])
        assert client.post(f"{path}/credentials", json={}).json()["code"] == "device.retired"
        back = client.patch(path, json={"retired": False, "revision": 2}).json()
        assert back["retired_at"] is None
        assert service.check_secret(body["key"], made["secret"])


class TestSecrets:
    def test_several_are_valid_at_once_until_revoked(self, engineer: Pair) -> None:
        client, lines = engineer
        body = new()
        made = client.post(PATH, json=body).json()
        path = f"{PATH}/{made['id']}/credentials"
        second = client.post(path, json={"note": "更换"})
        assert second.status_code == 201
        assert service.check_secret(body["key"], made["secret"])
        assert service.check_secret(body["key"], second.json()["secret"])
        old = client.get(path).json()[-1]
        assert client.delete(f"{path}/{old['id']}").json()["revoked_at"] is not None
        assert not service.check_secret(body["key"], made["secret"])
        assert service.check_secret(body["key"], second.json()["secret"])
        assert client.delete(f"{path}/{old['id']}").status_code == 404, "it is revoked already"
        assert [line["action"] for line in lines] == ["device.register", "device.credential.issue", "device.credential.revoke"]
        assert second.json()["secret"] not in str(lines)
        assert all("secret" not in c and "digest" not in c for c in client.get(path).json())

    def test_there_is_an_end_to_their_number(self, engineer: Pair) -> None:
        client, _ = engineer
        made = client.post(PATH, json=new()).json()
        path = f"{PATH}/{made['id']}/credentials"
        codes = [client.post(path, json={}).status_code for _ in range(5)]
        assert codes == [201] * 4 + [409]

    def test_a_secret_of_one_device_cannot_be_revoked_through_another(self, engineer: Pair) -> None:
        client, _ = engineer
        first, second = (client.post(PATH, json=new()).json() for _ in range(2))
        credential = client.get(f"{PATH}/{first['id']}/credentials").json()[0]["id"]
        assert client.delete(f"{PATH}/{second['id']}/credentials/{credential}").status_code == 404

    @pytest.mark.parametrize("key", ["", "nobody", "_http", "x" * 10_000, "a\ud800", "a\u0000"])
    def test_no_key_and_no_secret_makes_the_check_fail(self, key: str) -> None:
        assert not service.check_secret(key, "x")
        assert not service.check_secret("tank-00", key)
