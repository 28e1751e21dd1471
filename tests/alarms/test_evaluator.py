"""Rules over many devices at once: the same as one reading after the other, wherever the stream is cut."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chengyun.alarms.compiled import Memory, Rule
from chengyun.alarms.evaluator import AlarmEvaluator, Change, Watched, _places
from chengyun.alarms.schemas import RuleSpec
from chengyun.devices.fleet import Fleet, FleetMetric, FleetModel
from chengyun.telemetry.batch import Batch
from tests.alarms.reference import Reference


def spec(**more: Any) -> RuleSpec:
    plain = {"key": "r", "name_zh": "规则", "name_en": "Rule", "model": "m", "metric": "x", "kind": "above", "source": "own default"}
    return RuleSpec.model_validate({**plain, "levels": [{"level": 4, "threshold": 10}, {"level": 2, "threshold": 50}], **more})


def fleet(count: int) -> Fleet:
    from uuid import UUID

    return Fleet(
        ids=[UUID(int=i + 1) for i in range(count)],
        keys=[f"d{i}" for i in range(count)],
        names=[f"d{i}" for i in range(count)],
        regions=["500103001001"] * count,
        model=np.zeros(count, np.int32),
        gateway=np.full(count, -1, np.int32),
        active=np.ones(count, np.bool_),
        row_of={f"d{i}": i for i in range(count)},
        models=[FleetModel("m", 1, "p", "型", "m", 60, (0,))],
        metrics=[FleetMetric(0, "x", "%", -1000, 1000)],
        metric_of={(0, "x"): 0},
    )


def evaluator(rules: list[RuleSpec], count: int, version: int = 1) -> AlarmEvaluator:
    made = AlarmEvaluator(fleet=fleet(count))
    made._place, _ = _places(made.fleet)  # type: ignore[arg-type]
    for one in rules:
        rule = Rule.of(one.key, version, "p", one)
        made.watched.append(Watched(rule, 0, 0, Memory.empty(len(rule.levels), count, rate=one.kind == "rate")))
    made._by_metric = {0: made.watched}
    return made


def batch(rows: list[tuple[int, int, float]], first: int = 1) -> Batch:
    """Device, time in ms, value."""
    return Batch.of(range(first, first + len(rows)), [r[0] for r in rows], [0] * len(rows), [r[1] for r in rows], [r[2] for r in rows])


def levels(changes: list[Change]) -> list[tuple[int, str, int, int, int]]:
    return [(c.sequence, c.rule.key, c.row, c.old, c.new) for c in changes]


RULES = [
    spec(key="plain"),
    spec(key="held", hysteresis=3, hold_seconds=3, clear_hold_seconds=2),
    spec(key="low", kind="below", levels=[{"level": 3, "threshold": 20}, {"level": 1, "threshold": 5}], hysteresis=2),
    spec(key="band", kind="outside", levels=[{"level": 4, "low": 10, "high": 40}, {"level": 2, "low": 0, "high": 60}], hysteresis=1),
]
READINGS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(-5, 70)), max_size=60)


@given(READINGS)
@settings(max_examples=200, deadline=None)
def test_all_at_once_is_one_after_the_other(readings: list[tuple[int, int, int]]) -> None:
    rows = [(device, time * 1000, float(value)) for device, time, value in readings]
    found = levels(evaluator(RULES, 4).evaluate(batch(rows)))
    expected = []
    plain = {(rule.key, device): Reference(rule) for rule in RULES for device in range(4)}
    for sequence, (device, time, value) in enumerate(rows, 1):
        for rule in RULES:
            before, after = plain[rule.key, device].read(time, value)
            if before != after:
                expected.append((sequence, rule.key, device, before, after))
    assert found == expected


RATE = spec(
    key="rate", kind="rate", window_seconds=60, levels=[{"level": 3, "threshold": 5}, {"level": 1, "threshold": 30}], hold_seconds=2
)


@given(READINGS, st.lists(st.integers(0, 60), max_size=8), st.booleans())
@settings(max_examples=200, deadline=None)
def test_it_does_not_matter_where_the_stream_is_cut(readings: list[tuple[int, int, int]], cuts: list[int], crash: bool) -> None:
    rows = [(device, time * 1000, float(value)) for device, time, value in readings]
    rules = [*RULES, RATE]
    whole = levels(evaluator(rules, 4).evaluate(batch(rows)))
    pieces = evaluator(rules, 4)
    found: list[Any] = []
    edges = sorted({0, *(c for c in cuts if c < len(rows)), len(rows)})
    for begin, end in pairwise(edges):
        found += levels(pieces.evaluate(batch(rows[begin:end], begin + 1)))
        if crash:
            stored = pieces.snapshot()
            pieces = evaluator(rules, 4)
            pieces.restore(stored)
    assert found == whole


def test_hold_time_is_that_of_the_readings() -> None:
    held = evaluator([spec(hold_seconds=60)], 1)
    assert levels(held.evaluate(batch([(0, 0, 12), (0, 59_000, 12)]))) == []
    (change,) = held.evaluate(batch([(0, 60_000, 13)], 3))
    assert (change.old, change.new, change.time, change.since, change.since_value) == (0, 4, 60_000, 0, 12.0)


def test_each_level_must_hold_by_itself() -> None:
    held = evaluator([spec(hold_seconds=60)], 1)
    rows = [(0, 0, 12), (0, 50_000, 55), (0, 60_000, 55), (0, 109_000, 55), (0, 110_000, 55)]
    assert [(s, old, new) for s, _, _, old, new in levels(held.evaluate(batch(rows)))] == [(3, 0, 4), (5, 4, 2)]


def test_hysteresis_keeps_a_level_until_the_value_is_well_back() -> None:
    calm = evaluator([spec(hysteresis=2)], 1)
    rows = [(0, i * 1000, v) for i, v in enumerate([11, 9, 8.5, 10, 7.9, 9.9, 10])]
    assert [(s, old, new) for s, _, _, old, new in levels(calm.evaluate(batch(rows)))] == [(1, 0, 4), (5, 4, 0), (7, 0, 4)]


def test_late_and_repeated_readings_are_not_judged() -> None:
    late = evaluator([spec()], 1)
    assert levels(late.evaluate(batch([(0, 5000, 1), (0, 4000, 99), (0, 5000, 99)]))) == []


@pytest.mark.parametrize(("threshold", "step"), [(2.0, 1.0), (-2.0, -1.0)])
def test_a_rate_is_change_a_minute_within_the_window(threshold: float, step: float) -> None:
    rule = spec(kind="rate", window_seconds=120, levels=[{"level": 3, "threshold": threshold}])
    steady = evaluator([rule], 1)
    slow = [(0, i * 30_000, 50 + step * 0.5 * i) for i in range(10)]
    assert levels(steady.evaluate(batch(slow))) == []
    fast = [(0, (10 + i) * 30_000, 50 + step * (4.5 + 1.5 * (i + 1))) for i in range(6)]
    found = levels(steady.evaluate(batch(fast, 11)))
    assert [(old, new) for *_, old, new in found] == [(0, 3)]


def test_memory_grows_with_the_fleet_and_survives_a_new_version() -> None:
    first = evaluator([spec()], 2)
    first.evaluate(batch([(0, 1000, 60), (1, 1000, 1)]))
    second = evaluator([spec(hysteresis=1)], 5, version=2)
    second.restore(first.snapshot())
    assert levels(second.evaluate(batch([(0, 2000, 60), (4, 2000, 60)]))) == [(2, "r", 4, 0, 2)]
    assert levels(second.evaluate(batch([(0, 3000, 1)], 3))) == [(3, "r", 0, 2, 0)]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"levels": [{"level": 4, "threshold": 50}, {"level": 2, "threshold": 10}]}, "further out"),
        ({"kind": "below", "levels": [{"level": 4, "threshold": 5}, {"level": 1, "threshold": 20}]}, "further out"),
        ({"levels": [{"level": 4, "threshold": 5}, {"level": 4, "threshold": 20}]}, "twice"),
        ({"kind": "outside"}, "low and high"),
        ({"kind": "rate", "levels": [{"level": 4, "threshold": 0}]}, "all positive"),
        ({"kind": "no_data"}, "no metric"),
        ({"metric": None}, "no metric"),
        ({"levels": [{"level": 4, "threshold": float("nan")}]}, "finite"),
        ({"levels": []}, "at least 1"),
        ({"hysteresis": -1}, "greater than or equal"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        spec(**more)
