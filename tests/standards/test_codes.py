"""Codes of divisions, unit grids, components and matters: GB/T 2260, GB/T 47678.3/.5-2026, GB/T 30428.2-2013."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chengyun.kernel.db import Scope
from chengyun.kernel.errors import Problem, catalogue
from chengyun.standards.classes import Relation, shipped_classes, shipped_majors, shipped_mapping, shipped_table
from chengyun.standards.codes import (
    Edition,
    Kind,
    Level,
    code_range,
    parse_component,
    parse_division,
    parse_grid,
    parse_matter,
    require_same_division,
    successor,
)

TABLE = shipped_table()
NEW, OLD = Edition.GB47678_2026, Edition.GB30428_2013


def test_47678_3__grid_code_has_district_street_community_and_sequence() -> None:
    grid = parse_grid("320582110152102")
    assert [str(d) for d in grid.ancestors] == ["320582110152", "320582110", "320582", "320500"]
    assert grid.level is Level.GRID
    assert parse_grid("50010300100100A").text.endswith("00A")


@pytest.mark.parametrize(
    ("code", "level", "parent"),
    [
        ("500000", Level.CITY, None),
        ("320500", Level.CITY, None),
        ("500103", Level.DISTRICT, "500000"),
        ("320582", Level.DISTRICT, "320500"),
        ("500103001", Level.STREET, "500103"),
        ("500103001002", Level.COMMUNITY, "500103001"),
        ("500103001002003", Level.GRID, "500103001002"),
    ],
)
def test_2260__level_and_parent(code: str, level: Level, parent: str | None) -> None:
    division = parse_division(code)
    assert division.level is level
    assert (str(division.parent) if division.parent else None) == parent


WRONG = [
    "",
    "5001",
    "50010",
    "5001031",
    "50010A",
    "50010３",
    "500103001a",
    "500103 ",
    "0001031",
    "000103",
    "５００１０３",
    "500103\n",
    "5" * 16,
]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_division_code_is_refused(text: str) -> None:
    with pytest.raises(Problem) as refusal:
        parse_division(text, field="region_code")
    assert refusal.value.code in ("code.division_form", "code.grid_form")
    assert refusal.value.errors[0].field == "region_code"


@pytest.mark.parametrize("text", ["50010300100100a", "50010A001001001", "500100001001001", "500103001001", "50010300100100-"])
def test_47678_3__what_is_no_grid_code_is_refused(text: str) -> None:
    with pytest.raises(Problem) as refusal:
        parse_grid(text)
    assert refusal.value.code == "code.grid_form"


@pytest.mark.parametrize(
    ("code", "low", "high"),
    [
        ("500000", "50", "51"),
        ("320500", "3205", "3206"),
        ("500103", "500103", "500104"),
        ("500109", "500109", "500110"),
        ("500103009", "500103009", "50010300A"),
        ("500103001099", "500103001099", "50010300109A"),
        ("50010300100100Z", "50010300100100Z", "50010300100101"),
    ],
)
def test_area_is_a_half_open_range_of_codes(code: str, low: str, high: str) -> None:
    assert code_range(code) == (low, high)


SIX = st.from_regex(r"[1-9][0-9]{3}[0-9][1-9]", fullmatch=True)
TAIL = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=0, max_size=9)


@given(SIX, st.integers(0, 999), st.integers(0, 999), st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=3, max_size=3), SIX)
def test_range_holds_exactly_what_begins_with_the_code(six: str, street: int, community: int, sequence: str, other: str) -> None:
    full = f"{six}{street:03d}{community:03d}{sequence}"
    grid = parse_division(full)
    for division in (grid, *grid.ancestors):
        scope = Scope.of([division.range])
        assert scope.contains(full)
        assert division.contains(grid)
        stranger = f"{other}{full[6:]}"
        assert scope.contains(stranger) == stranger.startswith(division.range[0])


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=7, max_size=15).filter(lambda t: t.strip("Z")), TAIL)
def test_successor_is_just_above_all_that_begins_with_the_code(code: str, tail: str) -> None:
    assert code + tail < successor(code)


def test_47678_5__component_code_has_17_digits() -> None:
    code = parse_component("32058201002048188")
    assert (code.division, code.major, code.minor, code.sequence) == ("320582", "01", "002", "048188")
    assert TABLE.class_of(code).name == "污水井盖"
    assert str(code) == "32058201002048188"
    require_same_division(code, parse_grid("320582110152102"))


def test_30428_2__component_code_has_16_digits_and_upgrades_by_inserting_a_zero() -> None:
    code = parse_component("3205820102048188", OLD)
    assert (code.division, code.major, code.minor, code.sequence) == ("320582", "01", "02", "048188")
    assert TABLE.class_of(code).name == "污水井盖"
    assert str(TABLE.upgrade_component(code)) == "32058201002048188"
    assert TABLE.upgrade_component(parse_component("3205820504000001", OLD)) is None
    assert str(TABLE.upgrade_component(parse_component("3205820508000001", OLD))) == "32058201071000001"


@pytest.mark.parametrize(
    ("text", "edition", "code"),
    [
        ("3205820102048188", NEW, "code.component_length"),
        ("32058201002048188", OLD, "code.component_length"),
        ("3205820100204818X", NEW, "code.component_digits"),
        ("32058201002000000", NEW, "code.sequence_zero"),
        ("02058201002000001", NEW, "code.division_form"),
        ("", NEW, "code.component_length"),
    ],
)
def test_47678_5__wrong_component_codes_are_refused(text: str, edition: Edition, code: str) -> None:
    with pytest.raises(Problem) as refusal:
        parse_component(text, edition, field="component_code")
    assert refusal.value.code == code


def test_47678_5__component_and_grid_must_share_their_district() -> None:
    with pytest.raises(Problem) as refusal:
        require_same_division(parse_component("32058201002048188"), parse_grid("320583110152102"))
    assert refusal.value.code == "code.grid_division"


@pytest.mark.parametrize("code", ["01016", "05001", "05004", "05008", "06031", "07005", "09007", "1", "99999"])
def test_47678_5__classes_that_do_not_exist_are_refused(code: str) -> None:
    for kind in Kind:
        with pytest.raises(Problem) as refusal:
            TABLE.require(NEW, kind, code)
        assert refusal.value.code == "code.class_unknown"


def test_47678_5__matter_code_has_11_digits() -> None:
    assert TABLE.class_of(parse_matter("50010306010")).name == "暴露垃圾"
    assert TABLE.class_of(parse_matter("5001030110", OLD)).name == "暴露生活垃圾"
    for text, edition in (("5001030110", NEW), ("50010306010", OLD)):
        with pytest.raises(Problem) as refusal:
            parse_matter(text, edition)
        assert refusal.value.code == "code.matter_length"
    with pytest.raises(Problem) as letters:
        parse_matter("5001030601X")
    assert letters.value.code == "code.matter_digits"


def test_47678_5__component_and_its_anomaly_share_a_code() -> None:
    assert TABLE.require(NEW, Kind.COMPONENT, "01002").name == "污水井盖"
    assert TABLE.require(NEW, Kind.MATTER, "01002").name == "污水井盖异常"


def test_47678_5__counts_of_annexes_a_and_c() -> None:
    rows = shipped_classes(NEW)
    assert len(rows) == 403
    components = [sum(r.kind is Kind.COMPONENT and r.major == f"{m:02d}" for r in rows) for m in range(1, 6)]
    matters = [sum(r.kind is Kind.MATTER and r.major == f"{m:02d}" for r in rows) for m in range(1, 11)]
    assert components == matters[:5] == [76, 44, 16, 14, 3]
    assert matters[5:] == [51, 7, 16, 21, 2]
    assert [r.name for r in TABLE.rows(NEW, Kind.MATTER)[-2:]] == ["道路积雪、结冰", "架空线缆脱落"]


def test_every_class_has_a_name_in_both_languages_and_a_major_class() -> None:
    majors = {(m.edition, m.kind, m.major) for m in shipped_majors()}
    assert len(majors) == 5 + 10 + 5 + 6
    for edition in Edition:
        rows = shipped_classes(edition)
        assert len({(r.kind, r.code) for r in rows}) == len(rows)
        for row in rows:
            assert row.name
            assert row.name_en.isascii() or "“" in row.name_en
            assert (row.edition, row.kind, row.major) in majors
            assert len(row.minor) == edition.minor_digits


UPGRADES = [
    (Kind.COMPONENT, "0101", "01001", Relation.RENAMED),
    (Kind.COMPONENT, "0102", "01002", Relation.SAME),
    (Kind.COMPONENT, "0118", "01018", Relation.SAME),
    (Kind.COMPONENT, "0204", "02004", Relation.RENAMED),
    (Kind.COMPONENT, "0219", "02019", Relation.RENAMED),
    (Kind.COMPONENT, "0506", "01069", Relation.MOVED),
    (Kind.COMPONENT, "0507", "01070", Relation.MOVED),
    (Kind.COMPONENT, "0508", "01071", Relation.MOVED),
    (Kind.COMPONENT, "0504", None, Relation.WITHDRAWN),
    (Kind.COMPONENT, "0501", None, Relation.WITHDRAWN),
    (Kind.COMPONENT, "0238", "02038", Relation.RULE),
    (Kind.COMPONENT, "0199", None, Relation.UNKNOWN),
    (Kind.MATTER, "0110", "06010", Relation.RENAMED),
    (Kind.MATTER, "0119", "06019", Relation.RENAMED),
    (Kind.MATTER, "0128", "06028", Relation.RENAMED),
    (Kind.MATTER, "0136", "06036", Relation.RENAMED),
    (Kind.MATTER, "0131", None, Relation.WITHDRAWN),
    (Kind.MATTER, "0205", None, Relation.WITHDRAWN),
    (Kind.MATTER, "0312", "08012", Relation.SAME),
    (Kind.MATTER, "0410", "09010", Relation.SAME),
    (Kind.MATTER, "0501", None, Relation.MONITORING),
    (Kind.MATTER, "0506", None, Relation.MONITORING),
    (Kind.MATTER, "0507", "10001", Relation.MOVED),
    (Kind.MATTER, "0508", "10002", Relation.MOVED),
    (Kind.MATTER, "0602", "09013", Relation.MOVED),
    (Kind.MATTER, "0604", None, Relation.WITHDRAWN),
]


@pytest.mark.parametrize(("kind", "old", "new", "relation"), UPGRADES)
def test_2013_classes_and_what_became_of_them(kind: Kind, old: str, new: str | None, relation: Relation) -> None:
    row = TABLE.upgrade(kind, old)
    assert (row.code_2026, row.relation) == (new, relation)
    if new and relation is not Relation.RULE:
        assert row in TABLE.downgrade(kind, new)


def test_mapping_covers_each_listed_class_of_2013_and_is_one_to_one() -> None:
    mapping = shipped_mapping()
    assert {(m.kind, m.code_2013) for m in mapping} == {(r.kind, r.code) for r in shipped_classes(OLD)}
    targets = [(m.kind, m.code_2026) for m in mapping if m.code_2026]
    assert len(targets) == len(set(targets))
    for m in mapping:
        if m.code_2026:
            TABLE.require(NEW, m.kind, m.code_2026)
    assert len(TABLE.downgrade(Kind.COMPONENT, "01077")) == 0


def test_all_refusals_have_sentences_in_both_languages() -> None:
    for code, (_, zh, en) in catalogue().items():
        if code.startswith(("code.", "class.", "calendar.", "edition.")):
            assert zh
            assert en.isascii() or "“" in en or "–" in en
