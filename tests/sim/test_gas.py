"""The simulated tanks: the same for the same seed, within physical bounds, answering fans and crews."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chengyun.sim import photos
from chengyun.sim.gas import GasField, StationField, Weather

CALM = Weather(rain=0.0, hour=12.0)


def all_rows(field: GasField) -> np.ndarray:
    return np.arange(field.count)


def test_the_same_seed_and_steps_give_the_same_city() -> None:
    one, other = GasField(500, 7), GasField(500, 7)
    for field in (one, other):
        for hour in range(24):
            field.step(30, Weather(rain=hour % 5, hour=hour))
    first, second = one.readings(all_rows(one)), other.readings(all_rows(other))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not np.array_equal(first["ch4"], GasField(500, 8).readings(all_rows(one))["ch4"])


@given(seed=st.integers(0, 2**32 - 1), minutes=st.floats(0, 5000), rain=st.floats(0, 200), hour=st.floats(0, 24))
@settings(max_examples=40, deadline=None)
def test_values_stay_within_what_sensors_can_show(seed: int, minutes: float, rain: float, hour: float) -> None:
    field = GasField(60, seed)
    field.start_episodes(np.arange(20))
    field.step(minutes, Weather(rain, hour))
    values = field.readings(all_rows(field))
    assert all(np.isfinite(column).all() for column in values.values())
    assert (values["ch4"] >= 0).all()
    assert (values["ch4"] <= 170).all()
    assert (values["o2"] >= 0).all()
    assert (values["o2"] <= 25).all()
    assert (values["battery"] >= 0).all()
    assert (values["battery"] <= 100).all()
    assert (field.level <= field.depth + 1e-9).all()


def test_a_blocked_vent_lets_methane_climb_and_a_fan_brings_it_down() -> None:
    field = GasField(200, 3)
    rows = np.arange(50)
    before = field.ch4[rows].mean()
    field.start_episodes(rows)
    field.ends_in[rows] = np.inf
    field.step(240, CALM)
    climbed = field.ch4[rows].mean()
    assert climbed > 4 * before
    field.fan[rows] = True
    field.step(30, CALM)
    assert field.ch4[rows].mean() < climbed / 2


def test_a_crew_frees_the_vent_and_empties_the_tank() -> None:
    field = GasField(10, 3)
    field.start_episodes(np.array([4]))
    field.repair(np.array([4]))
    assert field.vent[4] == 1.0
    assert field.level[4] < 0.2 * field.depth[4]


def test_a_city_has_a_few_alarms_an_hour_not_none_and_not_thousands() -> None:
    field = GasField(10_000, 2026)
    for _ in range(600):
        field.step(1, CALM)
    above = int((field.ch4 > 10).sum())
    assert 20 < above < 400


def test_stations_are_emptied_and_sometimes_too_late() -> None:
    field = StationField(400, 1)
    fullest = []
    for _ in range(48):
        field.step(30, CALM)
        fullest.append(field.fill.max())
    assert max(fullest) > 100
    assert (field.fill < 60).any()


def test_each_picture_is_a_photo_and_differs_from_its_end() -> None:
    before, after = photos.draw("cover", 5, caption="2026-11-25"), photos.draw("cover", 5, mended=True, caption="2026-11-25")
    assert before[:2] == after[:2] == b"\xff\xd8"
    assert before != after
    assert photos.draw("cover", 5, caption="2026-11-25") == before
