"""Manifests by themselves: every error has its line and column, in both languages, and nothing makes the loader fall over."""

import json
import re
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chengyun.packs.loading import builtin, load_text, shipped, unfit
from chengyun.packs.reader import MOST_BYTES, read, scalar
from chengyun.packs.schemas import Manifest, PackError
from tests.packs.conftest import SEPTIC, SMALL


def errors(text: str | bytes) -> list[PackError]:
    found = load_text(text)
    assert isinstance(found, list), "there should be an error"
    assert found
    return found


def place(text: str, word: str) -> tuple[int, int]:
    """Line and column of a word that stands once in a text."""
    assert text.count(word) == 1, word
    before = text[: text.index(word)]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def test_the_built_in_packs_are_right() -> None:
    for key, manifest in builtin().items():
        assert isinstance(load_text(manifest.text), Manifest), key
        assert unfit(manifest, shipped()) == []
    septic = builtin()["septic"]
    assert [m.key for m in septic.models] == ["septic-gas", "collector", "transfer-station"]
    assert all(rule.source for rule in septic.rules)


# What is written instead of what, where the mark `»` stands before the word that the error has to name, and the path.
MISTAKES = [
    ("metric: ch4\n", "metric: »ch5\n", "rules[0].metric"),
    ("command: fan, arguments: {on: true}", "command: »fen, arguments: {on: true}", "rules[0].actions[0].command"),
    ("{on: true}", "{on: »1}", "rules[0].actions[0].arguments.on"),
    ("{on: true}", "{on: true, »off: 1}", "rules[0].actions[0].arguments.off"),
    ("threshold: 50}", "threshold: »20}", "rules[0].levels[2].threshold"),
    ("level: 2, threshold: 50", "level: »3, threshold: 50", "rules[0].levels[2].level"),
    ("{level: 2, threshold: 50}", "»{level: 2, low: 50}", "rules[0].levels[2]"),
    ("threshold: 18}", "threshold: »20}", "rules[3].levels[1].threshold"),
    ("threshold: 100}\n    hysteresis: 0.5", "threshold: »1000}\n    hysteresis: 0.5", "rules[0].levels[3].threshold"),
    ("hysteresis: 0.5", "»hysterisis: 0.5", "rules[0].hysterisis"),
    ("hysteresis: 0.5", "hysteresis: »-1", "rules[0].hysteresis"),
    ("hysteresis: 0.5", "hysteresis: ».inf", "rules[0].hysteresis"),
    ("version: '1.0.0'", "version: »1.0", "pack.version"),
    ("version: '1.0.0'", "version: »'v1'", "pack.version"),
    ("key: septic\n", "key: septic\n  »key: other\n", "pack.key"),
    ("name_en: Septic tank safety\n", "name_en: »[a, b]\n", "pack.name_en"),
    ("  name_en: Septic tank safety\n", "", "pack.name_en"),
    ("kind: matter", "kind: »event", "case_policies[4].class.kind"),
    ("code: '06042'", "code: »6042", "case_policies[4].class.code"),
    ("code: '06042'", "code: »'06031'", "case_policies[4].class.code"),
    ("code: '06042'", "code: »06499", "case_policies[4].class.code"),
    ("code: '06042'", "code: »'0642'", "case_policies[4].class.code"),
    ("rule: station-full", "rule: »station-empty", "case_policies[4].rule"),
    ("- rule: septic-oxygen\n    from_level: 2", "- rule: septic-oxygen\n    from_level: »1", "case_policies[3].from_level"),
    ("unit: work_hour", "unit: »fortnight", "case_policies[4].limit.unit"),
    ("unit: work_hour", "unit: work_hour, »amount: 5", "case_policies[4].limit.amount"),
    ("amount: 4, unit: work_hour", "amount: »many, unit: work_hour", "case_policies[4].limit.amount"),
    ("key: septic-sulphide\n", "key: »septic-methane\n", "rules[1].key"),
    ("threshold: 7200", "threshold: »600", "rules[6].levels[0].threshold"),
    ("threshold: 7200", "threshold: »-5", "rules[6].levels[0].threshold"),
    ("key: co, name_zh: 一氧化碳", "key: »ch4, name_zh: 一氧化碳", "models[0].metrics[2].key"),
    ("unit: '%LEL', low: 0", "unit: '%LEL', low: »300", "models[0].metrics[0].low"),
    ("timeout_seconds: 300", "timeout_seconds: »true", "models[0].commands[0].timeout_seconds"),
    ("accident_types: [火灾]", "accident_types: »火灾", "risk_types[2].accident_types"),
    ("key: station-fire", "key: »septic-poisoning", "risk_types[2].key"),
    ("filter: {model: transfer-station}", "filter: {model: »transfer}", "layers[1].filter.model"),
    ("filter: {model: transfer-station}", "filter: {pack: »nobody}", "layers[1].filter.pack"),
    ("letter: 站", "letter: »ABC", "layers[1].style.letter"),
    ("colour: '#2e7d32'", "colour: »green", "layers[1].style.colour"),
    ("layers:\n", "»layer: []\nlayers:\n", "layer"),
    ("risk_types:\n", "risk_types: »none\nrisk:\n", "risk_types"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "path"), MISTAKES, ids=[f"{i}-{m[2]}" for i, m in enumerate(MISTAKES)])
def test_an_error_names_line_column_and_path(right: str, wrong: str, path: str) -> None:
    start = SEPTIC.index(right)
    marked = SEPTIC[:start] + wrong + SEPTIC[start + len(right) :]
    text = marked.replace("»", "")
    found = {e.path: e for e in errors(text)}
    assert path in found, list(found.values())
    error = found[path]
    if "»" in marked:
        assert (error.line, error.column) == place(marked, "»")
    else:
        assert (error.line, error.column) == place(SEPTIC, "key: septic\n")
    assert re.search("[\u4e00-\u9fff]", error.message_zh)
    assert error.message_en.isascii() or "mg/m" in error.message_en or "≥" in error.message_en or "≤" in error.message_en


def test_all_errors_are_told_at_once_in_the_order_of_the_text() -> None:
    text = SEPTIC.replace("hysteresis: 0.5", "hysterisis: 0.5").replace("kind: no_data", "kind: nodata").replace("amount: 4", "amount: x")
    found = errors(text)
    assert len(found) == 6
    assert [e.line for e in found] == sorted(e.line for e in found)
    assert "hysteresis" in found[0].message_en


@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        ("", (1, 1), "is empty"),
        ("# nothing\n", (1, 1), "is empty"),
        ("- a", (1, 1), "a map of names"),
        ("pack:\n\tkey: x", (2, 1), "a tab"),
        ("pack: a: b", (1, 8), "no colon"),
        ("pack:\n    a: 1\n  b: 2", (3, 3), "indentation"),
        ("pack: {a: 'x", (1, 13), "quotation mark"),
        ("pack: &x {a: 1}\nmodels: *x", (1, 7), "Anchors and aliases"),
        ("pack:\n  <<: *x", (2, 7), "Anchors and aliases"),
        ("*x : 1", (1, 1), "Anchors and aliases"),
        ("pack: !!python/object/apply:os.system ['true']", (1, 7), "tags"),
        ("pack: !!binary aGk=", (1, 7), "tags"),
        ("a: 1\n---\nb: 1", (2, 1), "one YAML document"),
        ("? [a]\n: b", (1, 3), "single word"),
        ("a: \"\\x07\"", (1, 4), "control characters"),
        ("a: \x07", (1, 4), "control characters"),
        ("ab\ncd\x00", (2, 3), "control characters"),
        (b"ab: \xff", (1, 5), "UTF-8"),
        ("[" * 5000, (1, 26), "nested too deeply"),
        ("- " * 300, (1, 51), "nested too deeply"),
        ("x" * (MOST_BYTES + 1), (1, 1), "262144"),
        ("- a\n" * 50_000, (40000, 3), "40000 values"),
        ('a: "\\UFFFFFFFF"', (1, 2), "backslash"),
        ("%YAML 9.0\n---\na: 1", (1, 1), "YAML"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_manifest_is_refused_with_its_place(text: Any, at: tuple[int, int], says: str) -> None:
    (error,) = errors(text)[:1]
    assert says in error.message_en
    assert (error.line, error.column) == at


def test_a_yaml_bomb_ends_at_its_first_anchor() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(24))
    begun = time.perf_counter()
    (error,) = errors(bomb)
    assert (error.line, error.column) == (1, 4)
    assert time.perf_counter() - begun < 2


def test_a_byte_order_mark_and_windows_line_ends_are_no_errors() -> None:
    assert isinstance(load_text(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode()), Manifest)


@pytest.mark.parametrize(
    ("word", "value"),
    [("on", "on"), ("yes", "yes"), ("true", True), ("False", False), ("~", None), ("", None), ("null", None), ("1", 1), ("-3", -3),
     ("01018", "01018"), ("1e3", 1000.0), ("1.5", 1.5), (".5", 0.5), ("-", "-"), ("e5", "e5"), (".", "."), (".nan", ".nan"),
     ("1e400", "1e400"),
     ("0x10", "0x10"), ("1_000", "1_000"), ("12:30", "12:30"), ("2026-11-25", "2026-11-25"), ("9" * 30, float("9" * 30)), ("tRUE", "tRUE")],
)  # fmt: skip
def test_words_are_read_as_yaml_1_2_reads_them_and_codes_stay_texts(word: str, value: Any) -> None:
    found = scalar(word, plain=True)
    assert found == value
    assert type(found) is type(value)
    assert scalar(word, plain=False) == word


def test_what_was_read_and_where() -> None:
    document = read("a:\n  - {b: 1}\n  - c\n")
    assert document.value == {"a": [{"b": 1}, "c"]}
    assert document.values["a", 0, "b"] == (2, 9)
    assert document.keys["a", 0, "b"] == (2, 6)
    assert document.value_at(("a", 5, "z")) == (2, 3)


WORDS = st.sampled_from(
    ["pack", "key", "rules", "levels", "level", "kind", "above", "rate", "outside", "metric", ":", "- ", "\n", "  ", "{", "}", "[", "]",
     "'", '"', "1", "-0.5", "&a", "*a", "!!", "#", "|", ">", "%", "---", "...", "?", "\\", "\t", "\ufeff", "\x85", "\u2028",
     "true", "~", "septic-gas", ","]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=200), st.binary(max_size=200), st.lists(WORDS, max_size=60).map("".join)))
@example("\ud800")
@example('"\\ud800": 1')
def test_no_text_makes_the_loader_raise(text: str | bytes) -> None:
    found = load_text(text)
    for error in found if isinstance(found, list) else []:
        assert error.line >= 1
        assert error.column >= 1
        json.dumps([error.message_zh, error.message_en, error.path]).encode()
        (error.message_zh + error.message_en + error.path).encode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["above", "rate", "no_data"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["level", "threshold", "low", "high", "key", "x"]), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(["models", "rules", "case_policies", "risk_types", "layers", "pack"]), st.lists(st.integers(0, 40), max_size=3), JSON
)
def test_no_value_in_the_place_of_another_makes_it_raise(part: str, turns: list[int], value: Any) -> None:
    content = json.loads(json.dumps(read(SEPTIC).value))
    spot, name = content, part
    for turn in turns:
        inner = spot[name]
        if isinstance(inner, dict) and inner:
            spot, name = inner, sorted(inner)[turn % len(inner)]
        elif isinstance(inner, list) and inner:
            spot, name = inner, turn % len(inner)
    spot[name] = value
    found = load_text(json.dumps(content, ensure_ascii=False))
    assert isinstance(found, (Manifest, list))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(SEPTIC) - 1), st.integers(0, 12), st.text(max_size=3))
def test_no_slip_of_the_pen_makes_it_raise(at: int, gone: int, put: str) -> None:
    text = SEPTIC[:at] + put + SEPTIC[at + gone :]
    found = load_text(text)
    lines = text.count("\n") + 1
    for error in found if isinstance(found, list) else []:
        assert 1 <= error.line <= lines + 1
