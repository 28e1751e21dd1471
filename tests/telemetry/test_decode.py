"""From bytes to columns: good values stay, each bad one has its reason, nothing raises."""

import json
import math
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chengyun.kernel.db import Scope
from chengyun.telemetry.batch import Batch
from chengyun.telemetry.decode import Decoded, Decoder
from chengyun.telemetry.errors import REASONS, TITLES
from chengyun.telemetry.message import Message
from tests.telemetry.conftest import small_fleet

NOW = 1_795_600_000_000
DAY = 86_400_000
FLEET = small_fleet()
DECODER = Decoder(FLEET)


def decode(content: Any, sender: str = "gw1", decoder: Decoder = DECODER) -> Decoded:
    data = content if isinstance(content, bytes) else orjson.dumps(content)
    return decoder.decode([Message(7, sender, "up", NOW, data)])


def readings(decoded: Decoded) -> list[tuple[str, str, int, float]]:
    b = decoded.batch
    assert len({len(c) for c in (b.sequence, b.device, b.metric, b.time, b.value, decoded.late, decoded.arrival)}) == 1
    columns = (b.device.tolist(), b.metric.tolist(), b.time.tolist(), b.value.tolist())
    return [(FLEET.keys[d], FLEET.metrics[m].key, t - NOW, v) for d, m, t, v in zip(*columns, strict=True)]


def reasons(decoded: Decoded) -> list[str]:
    return [r.code for r in decoded.refusals]


def test_objects_and_arrays_with_and_without_time() -> None:
    assert readings(decode({"values": {"ch4": 1, "h2s": 2.5}})) == [("gw1", "ch4", 0, 1), ("gw1", "h2s", 0, 2.5)]
    found = decode([{"ts": NOW - 5, "values": {"ch4": 1}}, {"ts": "2026-11-25T09:46:40.250+00:00", "values": {"ch4": 2}}])
    assert readings(found) == [("gw1", "ch4", -5, 1), ("gw1", "ch4", 250, 2)]
    assert readings(decode({"ts": "2026-11-25T17:46:40+08:00", "values": {"ch4": 1}})) == [("gw1", "ch4", 0, 1)]


@pytest.mark.parametrize("ts", ["yesterday", "2026-11-25T09:46:40", True, -1, 1e300, [], "9" * 70, {}])
def test_a_time_that_cannot_be_read_costs_only_its_own_object(ts: Any) -> None:
    found = decode([{"ts": ts, "values": {"ch4": 1}}, {"values": {"ch4": 2}}])
    assert reasons(found) == ["time.format"]
    assert readings(found) == [("gw1", "ch4", 0, 2)]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('"12"', "value.not_number"),
        ("true", "value.not_number"),
        ("null", "value.not_number"),
        ("[1]", "value.not_number"),
        ("{}", "value.not_number"),
        ("NaN", "value.not_finite"),
        ("-Infinity", "value.not_finite"),
        ("1e999", "value.not_finite"),
        ("100.001", "value.range"),
        ("-0.001", "value.range"),
        ("9007199254740993", "value.range"),
        ("123456789012345678901234567890", "value.range"),
    ],
)
def test_a_bad_value_has_its_reason_and_leaves_its_neighbours(value: str, reason: str) -> None:
    found = decode(b'{"values": {"h2s": 3, "ch4": %s, "fan": 1}}' % value.encode())
    assert reasons(found) == [reason] or (reason == "value.range" and reasons(found) == ["value.not_number"])
    assert readings(found) == [("gw1", "h2s", 0, 3), ("gw1", "fan", 0, 1)]
    assert found.refusals[0].field == "values.ch4"


def test_limits_of_the_range_belong_to_it() -> None:
    assert [v for *_, v in readings(decode({"values": {"ch4": 0, "h2s": 200}}))] == [0, 200]


def test_who_may_speak_for_whom() -> None:
    content = [{"device": d, "values": {"ch4": 1}} for d in ("gw1-1", "gw2-1", "old", "ghost", "gw1")]
    found = decode(content)
    assert [k for k, *_ in readings(found)] == ["gw1-1", "gw1"]
    assert reasons(found) == ["device.not_child", "device.ended", "device.stranger"]
    trusted = decode([*content, {"values": {"ch4": 1}}], "_http")
    assert [k for k, *_ in readings(trusted)] == ["gw1-1", "gw2-1", "gw1"]
    assert reasons(trusted) == ["device.ended", "device.stranger", "device.missing"]
    assert reasons(decode({"values": {"ch4": 1}}, "gw1-1")) == []
    assert reasons(decode({"device": "gw1", "values": {"ch4": 1}}, "gw1-1")) == ["device.not_child"]
    assert reasons(decode({"values": {"ch4": 1}}, "ghost")) == ["device.stranger"]


def test_the_own_door_is_bound_to_an_area() -> None:
    bound = Decoder(FLEET, Scope.of([("500101", "500102")]))
    assert reasons(decode({"device": "gw1", "values": {"ch4": 1}}, "_http", bound)) == ["device.stranger"]


def test_future_past_and_late() -> None:
    content = [{"ts": NOW + ms, "values": {"ch4": 1}} for ms in (299_000, 301_000, -6 * DAY, -8 * DAY, -401 * DAY)]
    found = decode([*content, {"ts": NOW // 1000, "values": {"ch4": 1}}])
    assert [t for _, _, t, _ in readings(found)] == [299_000, -6 * DAY, -8 * DAY]
    assert found.late.tolist() == [False, False, True]
    assert reasons(found) == ["time.future", "time.past", "time.past"]


def test_senml_rfc_8428_base_fields_and_booleans() -> None:
    pack = [
        {"bn": "gw1-1/", "bt": NOW / 1000, "bu": "%LEL", "bv": 10, "n": "ch4", "v": 1.5},
        {"n": "ch4", "t": -2, "v": 2.5},
        {"bn": "gw1-2/", "bv": 0, "bu": "", "n": "fan", "vb": True},
        {"n": "fan", "t": 1, "vb": False},
        {"bn": "", "bt": 0, "n": "ch4", "u": "%LEL", "t": -10, "v": 5},
    ]
    found = readings(decode(pack))
    assert found[:4] == [("gw1-1", "ch4", 0, 11.5), ("gw1-1", "ch4", -2000, 12.5), ("gw1-2", "fan", 0, 1), ("gw1-2", "fan", 1000, 0)]
    assert found[4] == ("gw1", "ch4", -10_000, 5)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"n": "ch4", "vs": "x"}, "senml.text"),
        ({"n": "ch4", "vd": "eA"}, "senml.text"),
        ({"n": "ch4", "s": 4, "v": 1}, "senml.sum"),
        ({"n": "ch4", "u": "V", "v": 1}, "senml.unit"),
        ({"n": "ch4"}, "senml.no_value"),
        ({"n": "c 4", "v": 1}, "senml.name"),
        ({"n": "ch4", "t": "now", "v": 1}, "senml.field"),
        ({"n": "ch4", "v": "1"}, "value.not_number"),
        ({"n": "gw2-1/ch4", "v": 1}, "device.not_child"),
        ({"n": "zz", "v": 1}, "metric.unknown"),
        ({"n": "ch4", "v": 500}, "value.range"),
    ],
)
def test_senml_faults_cost_only_their_record(record: dict[str, Any], reason: str) -> None:
    found = decode([{"n": "h2s", "v": 1}, record, {"n": "h2s", "v": 2, "t": -1}])
    assert reasons(found) == [reason]
    assert [v for *_, v in readings(found)] == [1, 2]


@pytest.mark.parametrize(("field", "reason"), [({"bver": 11}, "senml.version"), ({"x_": 1}, "senml.must_understand")])
def test_rfc_8428_4_4_a_pack_that_is_not_understood_is_refused_whole(field: dict[str, Any], reason: str) -> None:
    found = decode([{"n": "ch4", "v": 1}, {"n": "ch4", "v": 2, **field}])
    assert (reasons(found), readings(found)) == ([reason], [])


def test_of_a_message_full_of_faults_twenty_are_told_and_the_rest_counted() -> None:
    found = decode([{"values": {"ch4": 500}}] * 100)
    assert len(found.refusals) == 21
    assert found.refusals[-1].params == {"count": 80}


def test_batches_do_not_depend_on_where_they_are_cut() -> None:
    messages = [Message(n, "gw1", "up", NOW + n, orjson.dumps({"values": {"ch4": n, "h2s": "x" if n % 3 else 1}})) for n in range(1, 50)]
    whole = DECODER.decode(messages)
    parts = [DECODER.decode(messages[n : n + 7]) for n in range(0, len(messages), 7)]
    joined = Batch.join([p.batch for p in parts])
    for name in ("sequence", "device", "metric", "time", "value"):
        assert getattr(whole.batch, name).tolist() == getattr(joined, name).tolist()
    assert reasons(whole) == [c for p in parts for c in reasons(p)]


def test_every_reason_has_a_sentence_and_a_title() -> None:
    assert REASONS.keys() == TITLES.keys()


WORDS = ["values", "ts", "device", "ch4", "h2s", "fan", "n", "v", "vb", "vs", "bn", "bt", "bv", "t", "u", "bu", "s", "bver", "x_"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["ch4", "gw1-1", "gw2-1"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5) | st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=20,
)
records = st.fixed_dictionaries(
    {},
    optional={
        "ts": st.integers(NOW - 500 * DAY, NOW + DAY) | json_values,
        "device": st.sampled_from(["gw1-1", "gw2-1", "old"]) | json_values,
        "values": st.dictionaries(st.sampled_from(["ch4", "h2s", "fan", "zz"]), st.floats(-10, 300) | json_values, max_size=4),
        "n": st.sampled_from(["ch4", "gw1-1/h2s"]) | json_values,
        "v": st.floats(-10, 300) | json_values,
        "bt": json_values,
        "bv": json_values,
    },
)


def check(data: bytes, sender: str) -> None:
    decoded = decode(data, sender)
    for key, metric, moment, value in readings(decoded):
        found = FLEET.metrics[FLEET.metric_of[(0, metric)]]
        assert found.low <= value <= found.high
        assert -400 * DAY <= moment <= 300_000
        assert sender == "_http" or key == sender or FLEET.keys[FLEET.gateway[FLEET.row_of[key]]] == sender
    for refusal in decoded.refusals:
        assert refusal.code in REASONS
        zh, en = REASONS[refusal.code][1:]
        assert zh.format(**refusal.params)
        assert en.format(**refusal.params)
        assert all(not isinstance(v, float) or math.isfinite(v) for v in refusal.params.values())
    assert len(decoded.batch) or decoded.refusals or b"{" in data


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["gw1", "_http", "ghost"]))
@example(b"[" * 5000, "gw1")
@example(b'{"values":' * 3000, "gw1")
@example(b"[" + b"9" * 5000 + b"]", "gw1")
@example(b'{"values":{"\\ud800":1},"device":"\\ud800"}', "gw1")
@example(b'{"values":{"ch4":1},"ts":99999999999999999999999}', "gw1")
def test_no_bytes_raise_anything(data: bytes, sender: str) -> None:
    check(data, sender)


@settings(max_examples=600, deadline=None)
@given(st.lists(records | json_values, max_size=5) | json_values, st.sampled_from(["gw1", "_http", "ghost"]))
def test_no_json_raises_anything_and_what_is_taken_is_within_bounds(content: Any, sender: str) -> None:
    check(json.dumps(content).encode(), sender)
