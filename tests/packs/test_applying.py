"""Packs put into force through HTTP: live, versioned, audited, the whole or nothing."""

from typing import Any

from sqlalchemy import text

from chengyun.devices import service as devices
from chengyun.devices.service import NewDevice
from chengyun.kernel.db import Scope, transaction
from chengyun.packs import service
from tests.packs.conftest import DISTRICT, ENGLISH, READER, SEPTIC, SMALL, STRANGER


def sql(query: str) -> list[Any]:
    with transaction(Scope.everything()) as session:
        return [tuple(row) for row in session.execute(text(query))]


def rules() -> dict[str, int]:
    return dict(sql("SELECT key, version FROM alarm_rule WHERE valid_to IS NULL AND pack = 'lamps'"))


def test_a_pack_is_put_into_force_once_and_told_unchanged_afterwards(desk: Any) -> None:
    first = desk()
    assert first.post("/packs/lamps/apply", {"text": SMALL}) == {"key": "lamps", "version": "1", "revision": 1, "changed": True}
    events = sql("SELECT data FROM outbox WHERE subject = 'ev.pack.applied' ORDER BY time")
    assert events[-1][0] == {"key": "lamps", "version": "1", "revision": 1, "version_before": None, "changes": ["lamp-current"]}
    assert rules() == {"lamp-current": 1}
    assert [layer["key"] for layer in first.get("/map/layers")] == ["lamps"]
    commented = "# a comment changes nothing\n" + SMALL
    assert first.post("/packs/lamps/apply", {"text": commented})["changed"] is False
    assert len(sql("SELECT data FROM outbox WHERE subject = 'ev.pack.applied'")) == len(events)


def test_who_did_it_is_in_the_audit_log(desk: Any) -> None:
    one = desk(READER)
    last = desk()
    last.post("/packs/lamps/apply", {"text": SMALL.replace("'1'", "'1.1'")})
    (line,) = last.lines
    assert (line["actor"], line["action"], line["object"]) == ("管理员", "pack.apply", ("pack", "lamps"))
    assert line["detail"]["version_before"] == "1"
    history = one.get("/packs/lamps")["history"]
    assert [(h["revision"], h["version"], h["in_force"], h["applied_by"]) for h in history] == [
        (2, "1.1", True, "管理员"), (1, "1", False, "管理员"),
    ]  # fmt: skip
    assert "version: '1'," in one.get("/packs/lamps", revision=1)["text"]


def test_a_changed_rule_is_a_new_version_and_a_removed_one_ends_with_its_alarms(desk: Any) -> None:
    with transaction(Scope.everything()) as session:
        devices.register_many(
            session, [NewDevice(key="lamp-1", name="灯", model_key="lamp", lon=106.5745, lat=29.5587)], with_secrets=False
        )
        session.execute(
            text(
                "INSERT INTO alarm (id, device_id, rule_key, rule_version, pack, level, worst_level, state, metric, value, inputs,"
                " first_raised_at, raised_at, recurrences, sequence, revision, region_code)"
                " SELECT gen_random_uuid(), id, 'lamp-current', 1, 'lamps', 3, 3, 'raised', 'current', 12, '{}', now(), now(), 0, 0, 1,"
                " region_code FROM device WHERE key = 'lamp-1'"
            )
        )
    admin = desk()
    admin.post("/packs/lamps/apply", {"text": SMALL.replace("threshold: 10}", "threshold: 12}")})
    assert rules() == {"lamp-current": 2}
    assert sql("SELECT state FROM alarm") == [("raised",)]
    before, after = SMALL.split("rules:\n")
    without = before + "layers:\n" + after.split("layers:\n")[1]
    assert admin.post("/packs/lamps/apply", {"text": without})["changed"] is True
    assert rules() == {}
    assert sql("SELECT state FROM alarm") == [("closed",)]
    admin.post("/packs/lamps/apply", {"text": SMALL})
    assert rules() == {"lamp-current": 3}


def test_what_is_wrong_changes_nothing(desk: Any) -> None:
    admin = desk()
    before = sql("SELECT key, revision FROM pack ORDER BY 1, 2")
    answer = admin.post("/packs/lamps/apply", {"text": SMALL.replace("metric: current", "metric: voltage")}, 422)
    assert answer["code"] == "pack.invalid"
    assert answer["places"] == [{"line": 13, "column": 13, "path": "rules[0].metric"}]
    assert answer["errors"][0]["field"] == "rules[0].metric"
    assert "第 13 行第 13 列" in answer["errors"][0]["detail"]
    assert admin.post("/packs/other/apply", {"text": SMALL}, 422)["code"] == "pack.key_differs"
    assert admin.post("/packs/nothing/apply", {}, 404)["code"] == "pack.not_ready"
    assert sql("SELECT key, revision FROM pack ORDER BY 1, 2") == before


def test_the_check_gives_every_error_with_its_place(desk: Any) -> None:
    reader = desk(READER)
    assert reader.post("/packs/check", {"text": SMALL}) == {"valid": True, "key": "lamps", "version": "1", "errors": []}
    answer = reader.post("/packs/check", {"text": SMALL.replace("kind: above", "kind: over")})
    (error,) = answer["errors"]
    assert (answer["valid"], error["line"], error["column"], error["path"]) == (False, 14, 11, "rules[0].kind")
    assert error["message"] == error["message_zh"] != error["message_en"]
    english = desk(ENGLISH).post("/packs/check", {"text": SMALL.replace("kind: above", "kind: over")})
    assert english["errors"][0]["message"] == error["message_en"]
    for bad in ("", "\x00", "[" * 1000, "\ud800", "x" * 262_144):
        assert reader.post("/packs/check", {"text": bad} if bad != "\ud800" else {"text": "\\ud800"})["valid"] is False
    assert reader.post("/packs/check", {"text": "x" * 262_145}, 422)["code"] == "request.invalid"
    assert reader.post("/packs/check", {"text": "", "more": 1}, 422)["errors"][0]["field"] == "more"


def test_a_pack_keeps_what_is_its_own_and_what_others_need(desk: Any) -> None:
    admin = desk()
    admin.post("/packs/lamps/apply", {"text": SMALL})
    thief = SMALL.replace("key: lamps, version", "key: thieves, version")
    found = {e["path"] for e in admin.post("/packs/check", {"text": thief})["errors"]}
    assert found == {"models[0].key", "rules[0].key", "layers[0].key"}
    district = (
        "pack: {key: dusk, version: '1', name_zh: 黄昏, name_en: Dusk}\n"
        "rules:\n  - key: dusk-current\n    name_zh: 电流\n    name_en: Current\n"
        "    model: lamp\n    metric: current\n    kind: below\n    levels: [{level: 4, threshold: 1}]\n    source: own default\n"
    )
    assert admin.post("/packs/dusk/apply", {"text": district})["changed"] is True
    answer = admin.post(
        "/packs/lamps/apply", {"text": SMALL.replace("key: current", "key: amps").replace("metric: current", "metric: amps")}, 409
    )
    assert (answer["code"], "dusk" in answer["detail"]) == ("pack.breaks", True)


def test_permissions_and_area(desk: Any) -> None:
    assert desk(READER).post("/packs/lamps/apply", {"text": SMALL}, 403)["code"] == "access.denied"
    assert desk(DISTRICT).post("/packs/lamps/apply", {"text": SMALL}, 403)["code"] == "pack.city_only"
    assert desk(STRANGER).get("/packs", 403)["code"] == "access.denied"
    assert desk(STRANGER).post("/packs/check", {"text": SMALL}, 403)["code"] == "access.denied"
    assert desk(None).get("/packs", 401)["code"] == "access.sign_in"


def test_built_in_packs_stand_ready_and_are_put_into_force_by_name(desk: Any) -> None:
    admin = desk()
    waiting = {p["key"]: p for p in admin.get("/packs")}
    assert (waiting["septic"]["in_force"], waiting["septic"]["ready_version"]) == (False, "1.0.0")
    assert admin.get("/packs/septic")["text"] == SEPTIC
    assert admin.post("/packs/septic/apply", {})["changed"] is True
    with transaction(Scope.everything()) as session:
        done = {applied.key: applied.changed for applied in service.apply_builtin(session)}
    assert done == {"temperature": True}
    seen = admin.get("/packs/septic")
    assert (seen["in_force"], seen["rules"], seen["layers"], seen["name"]) == (True, 10, 2, "化粪池安全监测")
    methane = seen["manifest"]["rules"][0]
    assert methane["source"] == "GB/T 50493-2019(25、50 %LEL);其余为平台默认值 own default"
    assert [(level["level"], level["threshold"]) for level in methane["levels"]] == [(4, 10), (3, 25), (2, 50), (1, 100)]
    assert seen["manifest"]["case_policies"][0]["class"]["code"] == "01018"
    assert sql("SELECT count(*) FROM case_policy WHERE pack = 'septic' AND valid_to IS NULL") == [(5,)]
    assert desk(ENGLISH).get("/packs/septic")["name"] == "Septic tank safety"


def test_unknown_packs_and_revisions_are_not_found(desk: Any) -> None:
    assert desk().get("/packs/nothing", 404)["code"] == "object.not_found"
    assert desk().get("/packs/lamps", 404, revision=99)["code"] == "object.not_found"
    assert desk().get("/packs/A%00", 422)["errors"][0]["field"] == "key"
    assert desk().get("/packs/lamps", 422, revision=10**20)["errors"][0]["field"] == "revision"
