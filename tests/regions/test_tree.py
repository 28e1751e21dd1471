"""The division tree with its history, and areas as code ranges."""

from collections import Counter
from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chengyun.kernel.db import Scope
from chengyun.regions.catalogue import shipped
from chengyun.regions.tree import FIRST_DAY, DivisionTree, division_id, merge
from chengyun.standards.codes import Level, parse_division

DIVISIONS, CHANGES = shipped()
TREE = DivisionTree(DIVISIONS, CHANGES)
BEFORE, AFTER = date(2025, 11, 5), date(2025, 11, 6)
STREETS = [d.code for d in TREE.at_level(Level.STREET, AFTER)]


def named(name: str, at: date) -> str:
    return next(d.code for d in TREE.districts(at) if d.name == name)


def test_chongqing_as_listed_in_2023_and_as_it_is_since_2025_11_06() -> None:
    for day, districts in ((BEFORE, 38), (AFTER, 37)):
        assert len(TREE.districts(day)) == districts
        assert len(TREE.at_level(Level.STREET, day)) == 1031
        assert len(TREE.at_level(Level.COMMUNITY, day)) == 11270


def test_liangjiang_new_area_has_31_subdistricts_and_11_towns_beibei_6_and_11() -> None:
    for name, subdistricts, towns in (("两江新区", 31, 11), ("北碚区", 6, 11)):
        district = TREE.find(named(name, AFTER), AFTER)
        assert district is not None
        kinds = Counter(s.name.endswith("街道") for s in TREE.children(district, AFTER))
        assert (kinds[True], kinds[False]) == (subdistricts, towns)


def test_code_500105_comes_back_with_another_meaning() -> None:
    old, new = TREE.find("500105", BEFORE), TREE.find("500105", AFTER)
    assert old is not None
    assert new is not None
    assert (old.name, new.name) == ("江北区", "两江新区")
    assert old.valid_to == new.valid_from == AFTER
    assert not new.confirmed
    assert [c.to_id for c in TREE.successors(old)] == [new.id]


def test_dissolved_districts_resolve_with_their_dates_and_heirs() -> None:
    yubei = TREE.resolve("500112", AFTER)
    assert yubei is not None
    assert (yubei.name, yubei.valid_from, yubei.valid_to) == ("渝北区", FIRST_DAY, AFTER)
    heirs = [(TREE.by_id(c.to_id), c.main) for c in TREE.successors(yubei)]
    assert [(d.name, main) for d, main in heirs if d] == [("两江新区", True), ("北碚区", False)]
    beibei = TREE.find("500109", AFTER)
    assert beibei is not None
    assert {c.share[:2] for c in TREE.predecessors(beibei)} == {"统景"}
    assert TREE.find("500112", AFTER) is None


@pytest.mark.parametrize(
    ("code", "before", "after"),
    [
        ("500105001", "江北区", "两江新区"),
        ("500105", "江北区", "两江新区"),
        ("500112", "渝北区", "两江新区"),
        ("500112016001", "渝北区", "两江新区"),
        ("500112133", "渝北区", "北碚区"),
        ("500112143201001", "渝北区", "北碚区"),
        ("500109008", "北碚区", "两江新区"),
        ("500109104201", "北碚区", "两江新区"),
        ("500109001", "北碚区", "北碚区"),
        ("500112999", "渝北区", "两江新区"),
        ("500103001001001", "渝中区", "渝中区"),
    ],
)
def test_home_district_of_a_code_on_a_day(code: str, before: str, after: str) -> None:
    homes = [TREE.home(code, day) for day in (BEFORE, AFTER)]
    assert [h.name for h in homes if h] == [before, after]


@pytest.mark.parametrize("at", [BEFORE, AFTER, date(2026, 11, 24)])
def test_districts_of_a_day_share_out_the_streets_exactly(at: date) -> None:
    owners = Counter()
    for district in TREE.districts(at):
        scope = Scope.of(TREE.scope_ranges(district, at))
        mine = {s for s in STREETS if scope.contains(s)}
        assert mine == {s.code for s in TREE.children(district, at)}
        owners.update(mine)
    assert owners == Counter(STREETS)


TAIL = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", max_size=9)


@given(st.sampled_from(sorted({d.code for d in DIVISIONS if d.level is Level.DISTRICT})), TAIL, st.sampled_from([BEFORE, AFTER]))
def test_any_code_known_or_not_lies_in_exactly_one_district(six: str, tail: str, at: date) -> None:
    code = six + tail
    holders = [d for d in TREE.districts(at) if Scope.of(TREE.scope_ranges(d, at)).contains(code)]
    assert holders == [TREE.home(code, at)]


@pytest.mark.parametrize("at", [BEFORE, AFTER])
def test_ranges_are_sorted_apart_and_few(at: date) -> None:
    total = 0
    for district in TREE.districts(at):
        ranges = TREE.scope_ranges(district, at)
        assert ranges == merge(ranges)
        assert all(low < high for low, high in ranges)
        assert all(a[1] < b[0] for a, b in pairwise(ranges))
        total += len(ranges)
    assert total == (38 if at is BEFORE else 35 + 11 + 10)


def test_area_of_a_dissolved_district_is_that_of_its_last_day() -> None:
    yubei = TREE.resolve("500112", AFTER)
    assert yubei is not None
    assert TREE.scope_ranges(yubei, date(2026, 11, 24)) == [("500112", "500113")]


def test_areas_of_city_street_and_community() -> None:
    for code, low, high in (
        ("500000", "50", "51"),
        ("500103013", "500103013", "500103014"),
        ("500103013009", "500103013009", "50010301300A"),
    ):
        division = TREE.find(code, AFTER)
        assert division is not None
        assert TREE.scope_ranges(division, AFTER) == [(low, high)]


def test_an_operator_corrects_the_code_of_the_new_district_in_one_row() -> None:
    wrong = TREE.find("500105", AFTER)
    assert wrong is not None
    corrected = DivisionTree([replace(d, code="500157") if d.id == wrong.id else d for d in DIVISIONS], CHANGES)
    new = corrected.find("500157", AFTER)
    assert new is not None
    assert (new.id, new.name) == (division_id("500105", AFTER), "两江新区")
    assert len(corrected.children(new, AFTER)) == 42
    before = {s: TREE.home(s, AFTER) for s in STREETS}
    after = {s: corrected.home(s, AFTER) for s in STREETS}
    assert {s: h.name for s, h in before.items() if h} == {s: h.name for s, h in after.items() if h}
    for code in ("500105", "500157", "500157001", "500105001"):
        home = corrected.home(code, AFTER)
        assert home is not None
        assert home.name == "两江新区"
    assert [d.name for d in corrected.rows("500105")] == ["江北区"]
    assert Scope.of(corrected.scope_ranges(new, AFTER)).contains("500105001001")
    assert corrected.home("500157", BEFORE) is None


def test_home_of_many_codes_agrees_with_one_at_a_time() -> None:
    codes = np.array([*STREETS, "500000", "", "999999", "500112", "500112133201001", "500109008001"])
    homes = TREE.homes(codes, AFTER)
    singles = [TREE.home(c, AFTER) for c in codes.tolist()]
    assert homes.tolist() == [d.code if d else "" for d in singles]
    assert TREE.homes(np.zeros(0, "U15"), AFTER).size == 0


def test_home_table_names_each_street_once() -> None:
    table = TREE.home_table(AFTER)
    assert len(table) == len({code for code, _ in table}) == 1031 + 38
    assert Counter(d.name for code, d in table if len(code) == 9)["两江新区"] == 42


def test_parents_lead_up_to_the_city_on_both_sides_of_the_change() -> None:
    for day in (BEFORE, AFTER):
        for division in TREE.at_level(Level.COMMUNITY, day)[::50] + TREE.at_level(Level.STREET, day)[::7]:
            chain = [division]
            while (above := TREE.parent(chain[-1], day)) is not None:
                chain.append(above)
            assert [d.level for d in chain] == list(range(division.level, 0, -1))
            assert all(d.holds(day) for d in chain)


def test_children_of_a_deeper_level_are_counted_once() -> None:
    city = TREE.find("500000", AFTER)
    assert city is not None
    assert len(TREE.children(city, AFTER)) == 37
    assert len(TREE.children(city, AFTER, Level.STREET)) == 1031
    assert len(TREE.children(city, AFTER, Level.COMMUNITY)) == 11270


@pytest.mark.parametrize(
    ("code", "depth", "zh", "en"),
    [
        ("500103013", Level.STREET, "渝中区 化龙桥街道", "Hualongqiao Subdistrict, Yuzhong District"),
        ("500103013009001", Level.STREET, "渝中区 化龙桥街道", "Hualongqiao Subdistrict, Yuzhong District"),
        ("500112133", Level.STREET, "北碚区 统景镇", "Tongjing Town, Beibei District"),
        ("500105", Level.STREET, "两江新区", "Liangjiang New Area"),
        ("500240", Level.STREET, "石柱县", "Shizhu County"),
        (
            "500103013006001",
            Level.COMMUNITY,
            "渝中区 化龙桥街道 永嘉路社区",
            "Yongjialu Community, Hualongqiao Subdistrict, Yuzhong District",
        ),
        ("500000", Level.STREET, "重庆市", "Chongqing"),
        ("999999", Level.STREET, "999999", "999999"),
        ("500103999", Level.STREET, "渝中区", "Yuzhong District"),
    ],
)
def test_area_in_words(code: str, depth: Level, zh: str, en: str) -> None:
    assert TREE.area_name(code, "zh-CN", AFTER, depth) == zh
    assert TREE.area_name(code, "en", AFTER, depth) == en


def test_every_shipped_code_is_well_formed_and_named() -> None:
    for d in DIVISIONS:
        assert parse_division(d.code).level == d.level
        assert d.name
        assert d.name_en.isascii()
        assert d.short_name
    assert len({d.id for d in DIVISIONS}) == len(DIVISIONS) == len({(d.code, d.valid_from) for d in DIVISIONS})
